//! Whose turn it is: the leader by height mod n at once, the others after 500 ms of their own clock.
//!
//! Not consensus: two couriers that both deliver cost nothing. Time is an argument.

use crate::assemble::{CourierError, CourierWork, pending};
use crate::view::{DestinationView, SourceView};
use ledger_protocol::{Height, Sequence};

/// How long the others leave the delivery to the leader.
pub const TAKE_OVER_MS: u64 = 500;

/// How long a courier waits before it sends the same again.
pub const RESEND_MS: u64 = 500;

/// A courier's place among the validators of its subchain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its position in set order.
    pub position: usize,
    /// Number of validators.
    pub validators: usize,
}

impl Place {
    /// Whether this courier leads at a height. Alone, or outside the set, it always does.
    pub fn leads(&self, height: Height) -> bool {
        let Ok(validators) = u64::try_from(self.validators) else { return true };
        match height.0.checked_rem(validators) {
            Some(leader) if self.position < self.validators => u64::try_from(self.position) == Ok(leader),
            _ => true,
        }
    }
}

/// How far the destination is; when it changes, something was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    height_on_source: Height,
    received: Sequence,
}

/// One courier of one direction. Losing it loses nothing.
#[derive(Debug, Clone)]
pub struct Courier {
    place: Place,
    progress: Option<Progress>,
    pending_since_ms: Option<u64>,
    sent_at_ms: Option<u64>,
}

impl Courier {
    /// A courier that has seen nothing.
    pub const fn new(place: Place) -> Self {
        Self { place, progress: None, pending_since_ms: None, sent_at_ms: None }
    }

    /// What to send now. `now_ms` is the courier's own monotonic clock.
    ///
    /// # Errors
    /// [`CourierError`]; the courier is as before.
    pub fn step(
        &mut self,
        source: &dyn SourceView,
        destination: &DestinationView,
        now_ms: u64,
    ) -> Result<Vec<CourierWork>, CourierError> {
        let work = pending(source, destination)?;
        let progress =
            Progress { height_on_source: destination.client.height_on_source, received: destination.received };
        if self.progress != Some(progress) {
            *self = Self { progress: Some(progress), ..Self::new(self.place) };
        }
        if work.is_empty() {
            self.pending_since_ms = None;
            return Ok(work);
        }
        let since = *self.pending_since_ms.get_or_insert(now_ms);
        let is_turn = self.place.leads(source.tip()?) || now_ms.saturating_sub(since) >= TAKE_OVER_MS;
        let is_fresh = self.sent_at_ms.is_none_or(|sent| now_ms.saturating_sub(sent) >= RESEND_MS);
        if !is_turn || !is_fresh {
            return Ok(Vec::new());
        }
        self.sent_at_ms = Some(now_ms);
        Ok(work)
    }

    /// When to call [`Self::step`] again although neither chain has moved; `None` when nothing is pending.
    pub fn due_at_ms(&self) -> Option<u64> {
        let since = self.pending_since_ms?;
        Some(self.sent_at_ms.map_or(since.saturating_add(TAKE_OVER_MS), |sent| sent.saturating_add(RESEND_MS)))
    }
}
