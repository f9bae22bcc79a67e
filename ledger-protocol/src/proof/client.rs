//! The light client: verifiers of another chain's headers, hand-offs, messages and faults (rules R7, R8, R9).
//!
//! Pure functions over proof objects: state machines, auditors and couriers call the same ones.
//!
//! Invariants: every hash link is checked before the first signature; every verifier returns what it verified;
//! a header that names other validators for the next block moves a client only as a [`Handoff`](crate::interchain::Handoff).
//! Bounds: one certificate per head or hand-off, two per evidence; at most 256 blocks and 256 KiB of messages per
//! Advance. Errors: [`ClientError`].

mod advance;
mod error;
mod evidence;
mod head;
mod list;
mod reanchor;

pub use advance::{EmptyStep, VerifiedAdvance, verify_advance};
pub use error::ClientError;
pub use evidence::{EvidenceAge, NamedSets, ProvenFault, VerifiedEvidence, verify_evidence};
pub use head::{TrustedHeader, VerifiedHeader, verify_handoff, verify_new_head, verify_older};
pub(super) use list::verify_in_history;
pub use list::{history_leaf, message_bytes, verify_leaf, verify_list};
pub use reanchor::{VerifiedReanchor, verify_reanchor};
