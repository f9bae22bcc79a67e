//! The relay chain's state machine: registry, coordinator and scope queue.
//!
//! Its ordered log is the only clock and the only decider of proposals (§1 of the proposal protocol). Everything a
//! subchain claims is verified inside execution from certified headers and history inclusion; no configuration
//! turns that off.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod coordinator;
mod evidence;
mod machine;
pub mod registry;

pub use machine::RelayMachine;
