//! What a subchain keeps of each leg, and where.
//!
//! One record per (relay, id, h0) in ledger 0, account `legs`. A chain has one relay, so the relay is not part of
//! the key. The staged writes of a LOCKED leg and a parked NOTIFY leg are working entries beside it.

use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::{BlockState, Place, StoreFault};
use ledger_protocol::codec::{SortedVec, encode};
use ledger_protocol::proposal::{MAX_SCOPE, ScopeEntry};
pub use ledger_protocol::system::LegRecord;
use ledger_protocol::system::{accounts, proposal_key};
use ledger_protocol::{Height, ProposalId};

/// Which leg: a proposal that began at a relay height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct LegId {
    /// The proposal.
    pub id: ProposalId,
    /// Relay height at which it began.
    pub started_at_on_relay: Height,
}

impl LegId {
    /// The place of its record.
    pub fn place(&self) -> Place {
        Place::system(accounts::LEGS, proposal_key(&self.id, self.started_at_on_relay))
    }

    /// The key of its working entries.
    pub fn working_key(&self) -> Vec<u8> {
        encode(self)
    }

    /// Its record, if there is one.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O.
    pub fn record(&self, state: &BlockState<'_>) -> Result<Option<LegRecord>, StoreFault> {
        state.record(&self.place())
    }

    /// Writes its record.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O.
    pub fn put_record(&self, state: &mut BlockState<'_>, record: &LegRecord) -> Result<(), StoreFault> {
        state.put_record(&self.place(), record).map(|_| ())
    }
}

/// What a LOCKED leg holds until the Decision.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct HeldLeg {
    /// The scope whose locks and reservations it holds.
    pub scope: SortedVec<ScopeEntry, MAX_SCOPE>,
    /// The writes to apply on COMMIT.
    pub staged: chain_state::StagedWrites,
}

/// Working area of [`HeldLeg`]s.
pub(super) const HELD: &str = "legs-held";
/// Working area of records that wait to be pruned, by the sequence that ended them (big endian).
pub(super) const PRUNABLE: &str = "legs-prunable";
