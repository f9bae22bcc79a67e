//! The network file: what `up` writes and every other command reads to find chains, nodes and keys.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The file's name inside the network's directory.
pub const NETWORK_FILE: &str = "network.json";

/// A network on this machine. Holds no secret: keys lie in the directory's key stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkFile {
    /// Version of this file's format; 1.
    pub format: u32,
    /// Every chain, the relay first.
    pub chains: Vec<ChainEntry>,
    /// Every node process.
    pub nodes: Vec<NodeEntry>,
}

/// A chain of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainEntry {
    /// Its name, unique in the network.
    pub name: String,
    /// Its id as text.
    pub id: String,
    /// Whether it is the relay.
    pub is_relay: bool,
    /// Its suite: `standard` or `guomi`.
    pub suite: String,
    /// Its genesis file, relative to the directory: borsh bytes.
    pub genesis: String,
    /// Its ledgers beside ledger 0.
    pub ledgers: Vec<LedgerEntry>,
}

/// A ledger of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerEntry {
    /// Its number.
    pub ledger: u32,
    /// Its name.
    pub name: String,
}

/// A process of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeEntry {
    /// Its name, for example `relay-0` or `all`.
    pub name: String,
    /// Where its HTTP interface listens; loopback.
    pub http: SocketAddr,
    /// Its data directory, relative to the network's directory.
    pub data: String,
    /// The replicas it hosts.
    pub replicas: Vec<ReplicaEntry>,
}

/// A validator of a chain inside a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicaEntry {
    /// The chain's name.
    pub chain: String,
    /// Which of its validators, from 0.
    pub validator: usize,
    /// The name of its voting key in the node's key store.
    pub vote_key: String,
    /// The name of its endpoint's network key in the node's key store; replicas of one node that share it share an
    /// endpoint.
    pub network_key: String,
    /// The endpoint's public network key, hex of 32 bytes.
    pub network_public_key: String,
    /// Where its endpoint listens for peers.
    pub listen: SocketAddr,
}
