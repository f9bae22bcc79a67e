//! A validator's core: it does one thing after the other, in the order in which they are asked of it.

/// What it has to do yet, in virtual microseconds. Calls come in order of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Core {
    /// When it has done everything so far.
    free_us: u64,
    /// While the proposer executes a block the others have nothing to do: from, until.
    gap_us: (u64, u64),
}

impl Core {
    /// Something arrives; returns when it is done.
    pub fn works(&mut self, at_us: u64, cost_us: f64) -> u64 {
        let cost_us = super::micros(cost_us);
        let start_us = self.gap_us.0.max(at_us);
        if start_us + cost_us <= self.gap_us.1 {
            self.gap_us.0 = start_us + cost_us;
            return self.gap_us.0;
        }
        self.free_us = self.free_us.max(at_us) + cost_us;
        self.free_us
    }

    /// The proposer executes a block as soon as its core is free, then the others do; after that their cores do what
    /// nobody waits for. Returns when it is executed everywhere.
    pub fn executes(&mut self, at_us: u64, execute_us: f64, after_us: f64) -> u64 {
        let start_us = self.free_us.max(at_us);
        let proposer_us = start_us + super::micros(execute_us);
        let everywhere_us = proposer_us + super::micros(execute_us);
        self.gap_us = (start_us, proposer_us);
        self.free_us = everywhere_us + super::micros(after_us);
        everywhere_us
    }
}
