//! Ledgers: identities, permissions, signing policies, parameters, validator changes, motions and events.
//!
//! Both chain machines stand on this crate: they hand over a [`chain_state::BlockState`] and get an outcome back.
//! It knows one chain only; operations about other chains go through [`SystemOperations`].
//!
//! Invariants kept by every module:
//! - default deny: nobody holds a right that a record or a ledger's settings does not give;
//! - all or nothing: a refused transaction leaves the state as it was;
//! - a refusal is a stable [`ledger_protocol::Code`]; a [`chain_state::StoreFault`] says nothing about the input;
//! - every loop is bounded by a bound of the protocol's types or by a constant of this crate.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod admission;
pub mod contract;
mod data;
pub mod equivocations;
mod error;
mod facts;
pub mod fuel;
pub mod genesis;
pub mod leg;
pub mod members;
pub mod motions;
pub mod query;
pub mod records;
mod registry;
mod rights;
pub mod schedule;
mod sequence;
mod system_operations;
mod transaction;

pub use error::{Denial, LedgerError};
pub use facts::LedgerFacts;
pub use leg::{LegError, LegRefusal, LegRun, execute_leg};
pub use records::{AccountRecord, Credential, IdentityRecord};
pub use schedule::{schedule_parameters, schedule_validators, settle_block_end};
pub use sequence::{SequenceError, check_and_advance_sequence, sequence_of};
pub use system_operations::{NoSystemOperations, SystemOperations};
pub use transaction::{TransactionOutcome, execute_input, execute_transaction, result_hash};

#[cfg(test)]
mod tests;
