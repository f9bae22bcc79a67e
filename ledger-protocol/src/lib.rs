//! The ledger protocol: encodings, hashes, signatures, trees, proofs and their strict verifiers.
//!
//! Floor 0 of the house: everything here is a pure function of its arguments. There is no I/O, clock, thread,
//! ambient randomness, floating point number or unordered map. `docs/protocol.md` specifies the same formats
//! byte by byte; `tests/vectors/*.json` pins them.
//!
//! Invariants kept by every module:
//! - what is hashed or signed is borsh, starts with a [`codec::Tag`] and round-trips to the same bytes;
//! - every length is bounded before memory is taken for it;
//! - a verifier returns the value it verified, never a `bool`.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod chain;
pub mod codec;
pub mod codes;
pub mod identifiers;
pub mod interchain;
pub mod merkle;
pub mod proof;
pub mod proposal;
pub mod suite;
pub mod system;
pub mod transaction;

pub use codes::Code;
pub use identifiers::{
    AccountName, Address, ChainId, Hash, Height, LedgerId, ProposalId, Round, Sequence, SuiteHash, TimestampMs,
    TransactionId, Version,
};
pub use suite::{PublicKey, Signature, Suite};
