//! The running timers. The core names a timeout by step and round but not by height, so every timer gets an id that
//! is never used again: one that fires after its height is unknown here, and ignored.

use crate::port::TimerId;
use arc_malachitebft_core_types::{Timeout, TimeoutKind};

/// Timers set and neither fired nor cancelled. At most one per step and round, and the core cancels all of them with
/// every round, so a plain list is the whole index.
#[derive(Debug, Default)]
pub(super) struct Timers {
    next: u64,
    running: Vec<(TimerId, Timeout)>,
}

impl Timers {
    /// A new timer for this timeout, and the one it replaces.
    pub(super) fn set(&mut self, timeout: Timeout) -> (TimerId, Option<TimerId>) {
        let replaced = self.cancel(timeout);
        let id = TimerId(self.next);
        self.next += 1;
        self.running.push((id, timeout));
        (id, replaced)
    }

    /// Forgets the timer of this timeout.
    pub(super) fn cancel(&mut self, timeout: Timeout) -> Option<TimerId> {
        let place = self.running.iter().position(|(_, running)| *running == timeout)?;
        Some(self.running.remove(place).0)
    }

    /// Forgets all timers.
    pub(super) fn cancel_all(&mut self) -> Vec<TimerId> {
        self.running.drain(..).map(|(id, _)| id).collect()
    }

    /// A timer ran out: its timeout, unless it was cancelled meanwhile.
    pub(super) fn fired(&mut self, id: TimerId) -> Option<Timeout> {
        let place = self.running.iter().position(|(running, _)| *running == id)?;
        Some(self.running.remove(place).1)
    }

    /// Whether this timer still runs.
    pub(super) fn runs(&self, id: TimerId) -> bool {
        self.running.iter().any(|(running, _)| *running == id)
    }
}

/// Whether this timeout may change what the core votes; the other one only sends again.
pub(super) fn drives_the_round(timeout: Timeout) -> bool {
    !matches!(timeout.kind, TimeoutKind::Rebroadcast)
}
