//! One fsync for everyone who waits for one.
//!
//! A waiter is served by a sync that *started* after it began to wait, so everything it wrote before is covered.
//! The first waiter leads: it may gather others for a bounded time, syncs once, and wakes all it served.
//! A failed sync fails every present and future waiter: after a failed fsync the kernel may have dropped the
//! dirty pages, and a second fsync would report success for data that never reached the disk.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest a leader may wait for others before it syncs.
pub(crate) const MAX_GATHER: Duration = Duration::from_millis(2);

/// How well barriers share their syncs: the ratio is what group commit saves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BarrierCounts {
    /// Barriers asked for.
    pub barriers: u64,
    /// Syncs done for them.
    pub syncs: u64,
}

/// Leader and followers around one sync. `F` is the fault that a failed sync leaves behind.
#[derive(Debug)]
pub(crate) struct GroupCommit<F> {
    gather: Duration,
    state: Mutex<State<F>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<F> {
    /// Number of the last sync that started.
    started: u64,
    /// Number of the last sync that succeeded; everything it covers is durable.
    finished: u64,
    leading: bool,
    fault: Option<F>,
    barriers: u64,
}

impl<F: Clone> GroupCommit<F> {
    /// `gather` is how long a leader waits for company, at most 2 ms; zero still shares a sync among all who
    /// arrive while the one before is running.
    pub(crate) fn new(gather: Duration) -> Self {
        let state = State { started: 0, finished: 0, leading: false, fault: None, barriers: 0 };
        Self { gather: gather.min(MAX_GATHER), state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Returns when a sync that started after this call has succeeded. `lost_leader` is the fault that waiters
    /// see if a leader panics.
    ///
    /// # Errors
    /// The fault of the first sync that failed.
    pub(crate) fn barrier(&self, sync: impl FnOnce() -> Result<(), F>, lost_leader: &F) -> Result<(), F> {
        let mut state = self.lock();
        state.barriers += 1;
        let needed = state.started + 1;
        loop {
            if let Some(fault) = &state.fault {
                return Err(fault.clone());
            }
            if state.finished >= needed {
                return Ok(());
            }
            if !state.leading {
                break;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.leading = true;
        drop(state);
        let mut lead = Lead { group: self, number: 0, outcome: Err(lost_leader.clone()) };
        if !self.gather.is_zero() {
            std::thread::sleep(self.gather);
        }
        let mut state = self.lock();
        state.started += 1;
        lead.number = state.started;
        drop(state);
        lead.outcome = sync();
        lead.outcome.clone()
    }

    /// How many barriers were asked for and how many syncs they took.
    pub(crate) fn counts(&self) -> BarrierCounts {
        let state = self.lock();
        BarrierCounts { barriers: state.barriers, syncs: state.started }
    }

    fn lock(&self) -> MutexGuard<'_, State<F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the leadership on every way out, a panic included, so that no follower waits for ever.
struct Lead<'a, F: Clone> {
    group: &'a GroupCommit<F>,
    number: u64,
    outcome: Result<(), F>,
}

impl<F: Clone> Drop for Lead<'_, F> {
    fn drop(&mut self) {
        let mut state = self.group.lock();
        state.leading = false;
        match &self.outcome {
            Ok(()) => state.finished = self.number,
            Err(fault) => state.fault = Some(fault.clone()),
        }
        self.group.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
