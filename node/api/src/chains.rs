//! Status of a node and its chains.

use serde::{Deserialize, Serialize};

/// Status of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// The node's name.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// The replicas it hosts.
    pub replicas: Vec<ReplicaStatus>,
}

/// Status of one replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaStatus {
    /// The chain's name.
    pub chain: String,
    /// Which validator.
    pub validator: usize,
    /// Height of the last committed block.
    pub height: u64,
    /// Hash of its header.
    pub header_hash: String,
    /// Roots of its ledgers: (ledger, state version, state root).
    pub ledgers: Vec<(u32, u64, String)>,
    /// Inputs in its pool.
    pub pool: u64,
    /// Peers of this chain that are connected.
    pub peers: usize,
    /// Why it stopped, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<String>,
}

/// A chain as one node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainSummary {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its height here.
    pub height: u64,
}

/// A registered chain's standing in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainStatusView {
    /// `registered`, `active`, `paused`, `frozen`, `retiring`, `retired`.
    pub status: String,
    /// Whether its newest certified header is too old for new proposals.
    pub stale: bool,
    /// Whether an outcome is overdue.
    pub lagging: bool,
    /// Whether old keys of it signed twice.
    pub suspect: bool,
}
