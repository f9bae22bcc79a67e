//! Proposals: the atomic cross-chain transaction as its proposer writes and its approvers sign it.

mod scope;
mod submit;

pub use scope::{AccessKind, AssertedVersion, LockKey, MAX_SCOPE, ScopeEntry};
pub use submit::{
    Call, Cancel, Leg, LegMode, MAX_LEG_BYTES, MAX_LEGS, ProposalBody, ProposalError, Submit, approval_sign_bytes,
    authorisation_sign_bytes,
};
