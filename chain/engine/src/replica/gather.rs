//! When a batch of arrivals begins its way into the pool: at once while few arrive, so that a lone client waits for
//! nothing; once per window of [`WINDOW_MS`] while many do, because signatures, frames and wake-ups cost less by the
//! batch.
//!
//! The host's clock decides here only when work begins, never whether an input is good.

use ledger_protocol::TimestampMs;

/// How long arrivals are gathered while many arrive.
pub(super) const WINDOW_MS: u64 = 25;
/// More arrivals than this within a window are many.
const FEW: usize = 12;
/// So many arrivals do not wait for the window's end.
const ENOUGH: usize = 512;

/// The windows.
#[derive(Debug, Default)]
pub(super) struct Gather {
    opened_at: TimestampMs,
    arrived: usize,
    is_busy: bool,
}

impl Gather {
    /// One more has arrived.
    pub(super) fn arrived(&mut self, now: TimestampMs) {
        let age_ms = now.0.checked_sub(self.opened_at.0);
        // A clock that went back opens a new window, too.
        if age_ms.is_none_or(|age_ms| age_ms >= WINDOW_MS) {
            let is_next = age_ms.is_some_and(|age_ms| age_ms < 2 * WINDOW_MS);
            self.is_busy = is_next && self.arrived > FEW;
            self.arrived = 0;
            self.opened_at = now;
        }
        self.arrived += 1;
    }

    /// How long the `waiting` ones should still wait for others; `None`: their batch begins.
    pub(super) fn wait_ms(&self, now: TimestampMs, waiting: usize) -> Option<u64> {
        let left_ms = now.0.checked_sub(self.opened_at.0).and_then(|age_ms| WINDOW_MS.checked_sub(age_ms))?;
        (self.is_busy && waiting < ENOUGH && left_ms > 0).then_some(left_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_700_000_000_000;

    fn arrive(gather: &mut Gather, at_ms: u64, count: usize) {
        for _ in 0..count {
            gather.arrived(TimestampMs(at_ms));
        }
    }

    #[test]
    fn a_lone_client_never_waits() {
        let mut gather = Gather::default();
        for at_ms in (T0..T0 + 1_000).step_by(3) {
            arrive(&mut gather, at_ms, 1);
            assert_eq!(gather.wait_ms(TimestampMs(at_ms), 1), None, "at {at_ms}");
        }
    }

    #[test]
    fn after_a_busy_window_the_next_one_gathers_until_its_end_or_until_it_is_enough() {
        let mut gather = Gather::default();
        arrive(&mut gather, T0, FEW + 1);
        assert_eq!(gather.wait_ms(TimestampMs(T0), FEW + 1), None, "nothing is known of the first window");
        arrive(&mut gather, T0 + WINDOW_MS, 1);
        assert_eq!(gather.wait_ms(TimestampMs(T0 + WINDOW_MS), 1), Some(WINDOW_MS));
        assert_eq!(gather.wait_ms(TimestampMs(T0 + WINDOW_MS + 10), 1), Some(WINDOW_MS - 10));
        assert_eq!(gather.wait_ms(TimestampMs(T0 + WINDOW_MS + 10), ENOUGH), None);
        assert_eq!(gather.wait_ms(TimestampMs(T0 + 2 * WINDOW_MS), 1), None, "the window has ended");
    }

    #[test]
    fn a_pause_or_a_clock_that_goes_back_ends_the_gathering() {
        let mut gather = Gather::default();
        arrive(&mut gather, T0, FEW + 1);
        arrive(&mut gather, T0 + 2 * WINDOW_MS, 1);
        assert_eq!(gather.wait_ms(TimestampMs(T0 + 2 * WINDOW_MS), 1), None, "after a pause");
        arrive(&mut gather, T0 + 2 * WINDOW_MS + 1, FEW);
        arrive(&mut gather, T0 + 3 * WINDOW_MS, 1);
        assert!(gather.wait_ms(TimestampMs(T0 + 3 * WINDOW_MS), 1).is_some());
        assert_eq!(gather.wait_ms(TimestampMs(T0), 1), None, "before the window");
        arrive(&mut gather, T0, 1);
        assert_eq!(gather.wait_ms(TimestampMs(T0), 1), None, "in a window of the earlier time");
    }
}
