//! The subchain's state machine: ledgers and the participant's half of proposals.
//!
//! A subchain follows exactly one relay, named by its genesis. Everything the relay claims is verified inside
//! execution from certified headers and history inclusion.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod anchor;
mod machine;
pub mod participant;

pub use anchor::relay_of;
pub use machine::SubchainMachine;
