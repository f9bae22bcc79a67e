//! The host: wires the pure floors to sockets, disks and clocks.
//!
//! One process hosts one or more replicas. All of them share one store, one log, a few worker threads and one event
//! loop; replicas that share a network key share an endpoint. The state machines below never wait: what takes time
//! is a job on a worker thread, a barrier on the log's thread or a commit on the store's thread.

pub mod backend;
pub mod config;
pub mod devnet;
pub mod evidence;
pub mod host;
mod node;
pub mod prove;
mod signer;

pub use backend::HostBackend;
pub use config::{ConfigError, NodeConfig, ReplicaConfig};
pub use host::{Host, HostError, HostHandle, HostOptions};
pub use node::{Node, NodeError};
