//! Whose turn it is in one direction: the leader at once, the others after [`TAKE_OVER_MS`], everybody again after
//! [`RESEND_MS`] without progress, or at once when there is more to bring.

use crate::turn::{RESEND_MS, TAKE_OVER_MS};
use ledger_protocol::{Height, Sequence};

/// How far the destination is; when it changes, something was delivered.
type Progress = (Height, Sequence);

/// The turn of one courier in one direction.
#[derive(Debug, Clone, Default)]
pub(super) struct Turn {
    progress: Option<Progress>,
    open_since_ms: Option<u64>,
    /// When, and what the source had then.
    sent: Option<(u64, u64)>,
    leads: bool,
}

impl Turn {
    pub(super) fn is_open(&self) -> bool {
        self.open_since_ms.is_some()
    }

    pub(super) fn has_moved(&self, progress: Progress) -> bool {
        self.progress != Some(progress)
    }

    /// Whether to bring something now. `offered` is what the source has to bring, as a number that only rises.
    pub(super) fn act(&mut self, now_ms: u64, progress: Progress, offered: u64, open: bool, leads: bool) -> bool {
        if self.has_moved(progress) {
            *self = Self { progress: Some(progress), ..Self::default() };
        }
        self.leads = leads;
        if !open {
            self.open_since_ms = None;
            self.sent = None;
            return false;
        }
        let since = *self.open_since_ms.get_or_insert(now_ms);
        let is_turn = leads || now_ms.saturating_sub(since) >= TAKE_OVER_MS;
        let is_fresh = self.sent.is_none_or(|(at, what)| what != offered || now_ms.saturating_sub(at) >= RESEND_MS);
        if is_turn && is_fresh {
            self.sent = Some((now_ms, offered));
        }
        is_turn && is_fresh
    }

    /// When to look again although nothing has moved; `None` when nothing is open.
    pub(super) fn due_ms(&self) -> Option<u64> {
        let since = self.open_since_ms?;
        Some(match self.sent {
            Some((at, _)) => at.saturating_add(RESEND_MS),
            None => since.saturating_add(TAKE_OVER_MS),
        })
    }
}
