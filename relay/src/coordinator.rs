//! The coordinator: proposals from Submit to their last Outcome (§3 of the proposal protocol).
//!
//! Order inside a block (R1): timeouts; Evidence and motions; hand-offs and Advances; Submit and Cancel; then
//! admission and scope release. A decision record is written once and before any outbox entry (R2); COMMITTING
//! never turns back (R3); timeouts fire from an index by height (R4).

mod admission;
mod cancel;
mod decide;
mod due;
mod early;
pub mod limits;
mod lost;
mod open_legs;
mod overdue;
#[cfg(feature = "planted-bugs")]
mod planted_bugs;
mod queue;
mod record;
mod resend;
mod retire;
mod scopes;
mod send;
mod submit;
pub mod table;
mod votes;

pub use admission::{ChainView, chain_view};
pub use cancel::{cancel, expire_remembered_cancels};
pub use decide::{abort_all_of, fire_timeouts};
pub use early::judge_early;
pub use limits::in_flight;
pub(crate) use lost::give_up_lost_legs;
pub use lost::{find_lost, has_open_lost_legs, prune_lost, report_locked};
pub(crate) use open_legs::tell_open_legs;
pub use overdue::mark_overdue;
#[cfg(feature = "planted-bugs")]
pub use planted_bugs::fire_behind_votes;
pub use queue::{Released, expire_queued, reject_all_of, reject_unfit, start_ready};
pub use record::{find, has_open_proposals, open_of_chain};
pub(crate) use resend::resend_open;
pub use retire::{close_legs_of_retired, has_open_legs, prune_finished};
pub use submit::submit;
pub use votes::handle;

use ledger_protocol::{ChainId, Height, TimestampMs};

/// What the coordinator knows of the block it works in.
#[derive(Debug, Clone, Copy)]
pub struct RelayFacts {
    /// The relay chain.
    pub relay: ChainId,
    /// The block's height.
    pub height: Height,
    /// The block's time.
    pub timestamp_ms: TimestampMs,
}

/// Relay blocks after a decision in which every leg must have answered; later its chain is LAGGING.
pub const T_OUT_BLOCKS: u64 = 100;
/// The furthest `valid_until`, in relay blocks: about a day at 200 ms.
pub const MAX_VALID_BLOCKS: u64 = 500_000;
/// The longest t_prep any chain may register, in relay blocks.
pub const MAX_T_PREP_CEILING: u32 = 2_000;
/// A chain is STALE after this multiple of its heartbeat without a certified header, …
pub const STALE_HEARTBEATS: u64 = 6;
/// … but not before this time.
pub const STALE_FLOOR_MS: u64 = 30_000;
