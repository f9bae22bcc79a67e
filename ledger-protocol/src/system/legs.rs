//! What a subchain keeps of each leg, as record proofs show it to the relay.
//!
//! One record per (relay, id, h0) in ledger 0, account `legs`. A chain has one relay, so the relay is not part of the
//! key.

use crate::identifiers::{Height, Sequence, SuiteHash};
use borsh::{BorshDeserialize, BorshSerialize};

/// What a subchain remembers of one (relay, id, h0). No record at all is `None` beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LegState {
    /// Voted YES: staged writes and locks are held until a proven Decision (S1).
    Locked = 1,
    /// Voted NO: nothing is held.
    Refused = 2,
    /// ABORT came before the Prepare: a Prepare that follows is not run.
    Tombstone = 3,
    /// Voted YES, then ABORT: everything is dropped.
    Released = 4,
    /// Voted YES, then COMMIT: everything is in the books.
    Applied = 5,
    /// Only by re-anchor: this chain no longer knew the proposal.
    Disputed = 6,
    /// A NOTIFY leg that has run.
    Noted = 7,
    /// A NOTIFY leg that waits at a lock.
    Waiting = 8,
}

/// A leg's record.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LegRecord {
    /// Its state.
    pub state: LegState,
    /// Last relay height at which its vote counts.
    pub deadline_on_relay: Height,
    /// The voted write-set root; of a leg that did not vote YES the zero hash.
    pub write_set_root: SuiteHash,
    /// Sequence of the message that ended it here: its Outcome, or its NO. While LOCKED or waiting, of its YES or 0.
    pub answered_by: Sequence,
}
