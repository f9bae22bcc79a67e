//! Authenticated peer connections over libp2p (TCP, Noise, Yamux) with bounded queues.
//!
//! All chains of a node share one [`Endpoint`]: a frame names its chain, its lane and carries a payload that this
//! crate never looks into. Peers are static: they come from configuration and from the chains' validator and observer
//! sets, are known by their Ed25519 network key, and are redialled for ever.
//!
//! Invariants:
//! - delivery is best effort, but in order per (peer, lane): a frame may be lost, never overtaken on its own lane;
//! - each lane has its own stream, queue and share of the receiver, so a full lane delays no other lane, and a slow
//!   peer delays no other peer;
//! - every queue is bounded in frames and bytes; what does not fit is refused to the sender (`Sync`, `Transactions`,
//!   `Courier`) or pushes out the oldest frame (`Consensus`, `Block`), and either is counted ([`EndpointGauges`]);
//! - no memory is taken for bytes that a peer has only announced;
//! - a peer that is neither known nor configured is refused, unless a [`Quota`] admits strangers.
//!
//! Bounds: a payload has at most [`MAX_PAYLOAD_BYTES`]; a connection has one stream per lane and direction.

mod behaviour;
mod config;
mod driver;
mod endpoint;
mod frame;
mod gauges;
mod handler;
mod inbound;
mod keys;
mod links;
mod outbound;
mod reader;
mod shared;
mod stall;
mod writer;

pub use config::{EndpointConfig, LaneBounds, NetworkError, PeerConfig, QueueBounds, Quota};
pub use endpoint::{Endpoint, EndpointHandle, SendError};
pub use frame::{Frame, Lane, MAX_PAYLOAD_BYTES};
pub use gauges::{EndpointGauges, LaneGauges, PeerGauges};
pub use inbound::{Inbound, InboundReceiver};
pub use keys::{KeyTextError, NetworkSecretKey, PeerKey};
pub use links::CloseReason;

#[cfg(test)]
mod tests;
