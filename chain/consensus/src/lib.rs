//! The Consensus port, the BFT engine behind it and the one quorum function.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod bft;
pub mod port;
pub mod proposer_order;

pub use bft::{BftConfig, BftConfigError, BftConsensus, BftTimeouts};
pub use ledger_protocol::chain::quorum;
pub use port::{BarrierId, Consensus, Effect, Event, Halt, HeightSettings, TimerId, VoteSigner};
pub use proposer_order::{PROPOSER_MEMORY_HEIGHTS, RecentHeader, proposer_order};
