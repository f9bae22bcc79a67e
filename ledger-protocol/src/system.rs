//! The system ledger's layout: where its records stand and what they hold.
//!
//! Ledger 0 holds *records* (versioned, in the changes tree) and *working entries* (under the state root, without
//! version or change). Only ledger 0's own operations change it; no leg, key-value operation or counter operation
//! addresses it. Every key of ledger 0 is made here or in the crate that owns the account.

mod keys;
mod legs;
mod lost;
mod records;

pub use keys::{
    accounts, chain_key, client_key, equivocation_key, lost_intervals_key, lost_proposal_key, motion_key, proposal_key,
};
pub use legs::{LegRecord, LegState};
pub use lost::{LostInterval, LostIntervals, LostLeg, LostProposal, MAX_LOST_INTERVALS};
pub use records::{
    ChainRecord, ChainStatus, ClientRecord, EquivocationRecord, LegPhase, LegStatus, ProposalRecord, ProposalState,
};
