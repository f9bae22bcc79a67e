//! One replica of one chain: mempool, build, execute, vote, commit and block sync.
//!
//! [`Replica`] is a state machine: [`ReplicaEvent`]s in, [`ReplicaEffect`]s out (`port` says what a host must keep). It
//! does not know whether its chain is a relay or a subchain: that is the [`chain_state::StateMachine`]'s affair, and
//! how blocks are agreed on is the [`chain_consensus::Consensus`] instance's.
//!
//! Invariants:
//! - a block is judged by its parent's state and itself; the clock counts only for a block that is proposed for the
//!   first time, and then only in that round;
//! - a body is in the log before consensus hears of it; block, certificate and state are durable in one batch before
//!   any of them is served or published;
//! - every queue is bounded, and what is refused or dropped is said.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod assemble;
pub mod candidates;
pub mod chain_reader;
mod commit;
pub mod job;
pub mod mempool;
pub mod port;
pub mod replay;
mod replica;
pub mod rows;
mod sync;
pub mod validity;
pub mod verified;
pub mod wire;

pub use chain_reader::ChainReader;
pub use job::{Job, JobResult};
pub use mempool::PoolLimits;
pub use port::{
    Lane, Mark, Peer, Phase, PublishedBlock, ReplicaEffect, ReplicaEvent, ReplicaHalt, ReplicaTimer, ReplyToken,
    SubmitResult, Token,
};
pub use replica::{Replica, ReplicaLimits, ReplicaSetup};
