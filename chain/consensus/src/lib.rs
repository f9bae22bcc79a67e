//! The Consensus port, the BFT engine behind it and the one quorum function.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod port;

pub use ledger_protocol::chain::quorum;
pub use port::{BarrierId, Consensus, Effect, Event, Halt, HeightSettings, TimerId, VoteSigner};
