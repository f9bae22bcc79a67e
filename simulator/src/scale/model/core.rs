//! A validator's core: it does one thing after the other, in the order in which they are asked of it.

use chain_consensus::BftTimeouts;

/// Rounds after which a block counts as made, whatever it takes.
const MAX_ROUNDS: u32 = 10;

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
    pub(super) fn works(&mut self, at_us: u64, cost_us: f64) -> u64 {
        let cost_us = super::micros(cost_us);
        let start_us = self.gap_us.0.max(at_us);
        if start_us + cost_us <= self.gap_us.1 {
            self.gap_us.0 = start_us + cost_us;
            return self.gap_us.0;
        }
        self.free_us = self.free_us.max(at_us) + cost_us;
        self.free_us
    }

    /// When it would be done with something that arrives.
    pub(super) fn would_end(&self, at_us: u64, cost_us: f64) -> u64 {
        let mut core = *self;
        core.works(at_us, cost_us)
    }

    /// It does something more after all that it has to do.
    pub(super) fn also_works(&mut self, cost_us: f64) {
        self.free_us += super::micros(cost_us);
    }

    /// The proposer executes a block as soon as its core is free, then the others do; after that their cores do what
    /// nobody waits for. A block that is not executed everywhere before consensus has waited long enough for it is
    /// executed in vain, and the next round's proposer makes another one. Returns when one is executed everywhere, and
    /// in which round, from 1 on.
    pub(super) fn executes(&mut self, at_us: u64, execute_us: f64, after_us: f64, votes_us: u64) -> (u64, u32) {
        let (execute_us, timeouts) = (super::micros(execute_us), BftTimeouts::default());
        let (mut round_us, mut waits_us) = (at_us, timeouts.propose_ms * 1_000);
        for round in 1..=MAX_ROUNDS {
            let start_us = self.free_us.max(round_us);
            let proposer_us = start_us + execute_us;
            let everywhere_us = proposer_us + execute_us;
            self.gap_us = (start_us, proposer_us);
            self.free_us = everywhere_us;
            if everywhere_us - round_us <= waits_us || round == MAX_ROUNDS {
                self.free_us += super::micros(after_us);
                return (everywhere_us, round);
            }
            round_us += waits_us + votes_us;
            waits_us += timeouts.propose_delta_ms * 1_000;
        }
        (self.free_us, MAX_ROUNDS)
    }
}
