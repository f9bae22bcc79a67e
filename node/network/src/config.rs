//! What an endpoint is told at its start, and why it may not start.

use crate::frame::{LANES, Lane};
use crate::keys::PeerKey;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

/// An endpoint's configuration.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Where to listen; port 0 takes a free port, which [`EndpointHandle::listen_address`] tells.
    ///
    /// [`EndpointHandle::listen_address`]: crate::EndpointHandle::listen_address
    pub listen: SocketAddr,
    /// Peers to keep connected.
    pub peers: Vec<PeerConfig>,
    /// Peers that may connect: validators and observers. Configured peers may in any case.
    pub known: BTreeSet<PeerKey>,
    /// Whether, and how many, other peers may connect. `None` refuses them.
    pub accept_unknown: Option<Quota>,
    /// Bounds of what waits for one peer.
    pub outbound: QueueBounds,
    /// Bounds of what one peer may have waiting for the receiver. A peer whose share of a lane is full is not read
    /// from on that lane.
    pub inbound: QueueBounds,
    /// Frames that waited longer than this for an absent peer are dropped.
    pub stale_after_ms: u64,
    /// An idle connection says this often that it lives.
    pub keep_alive_ms: u64,
    /// A connection that says nothing, or takes nothing, for this long is closed.
    pub silence_limit_ms: u64,
}

impl EndpointConfig {
    /// A configuration without peers, with the default bounds.
    pub fn new(listen: SocketAddr) -> EndpointConfig {
        EndpointConfig {
            listen,
            peers: Vec::new(),
            known: BTreeSet::new(),
            accept_unknown: None,
            outbound: QueueBounds::outbound(),
            inbound: QueueBounds::inbound(),
            stale_after_ms: 10_000,
            keep_alive_ms: 5_000,
            silence_limit_ms: 30_000,
        }
    }

    /// Checks what can be checked before anything starts.
    pub(crate) fn validate(&self, own_key: PeerKey) -> Result<(), NetworkError> {
        for peer in &self.peers {
            check_peer(peer, own_key)?;
        }
        for bounds in self.outbound.lanes.iter().chain(&self.inbound.lanes) {
            if bounds.frames == 0 || bounds.bytes == 0 {
                return Err(NetworkError::Config { reason: "a queue bound is 0; give every lane at least 1".into() });
            }
        }
        if self.keep_alive_ms == 0 || self.keep_alive_ms.saturating_mul(2) > self.silence_limit_ms {
            let reason = format!(
                "keep_alive_ms = {} must be above 0 and at most half of silence_limit_ms = {}",
                self.keep_alive_ms, self.silence_limit_ms
            );
            return Err(NetworkError::Config { reason });
        }
        Ok(())
    }

    pub(crate) fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.keep_alive_ms)
    }

    pub(crate) fn silence_limit(&self) -> Duration {
        Duration::from_millis(self.silence_limit_ms)
    }
}

/// Refuses a peer that can never be connected to.
pub(crate) fn check_peer(peer: &PeerConfig, own_key: PeerKey) -> Result<(), NetworkError> {
    if peer.peer == own_key {
        return Err(NetworkError::Config { reason: "a peer has this node's own network key; remove it".into() });
    }
    if peer.peer.peer_id().is_none() {
        return Err(NetworkError::Config {
            reason: format!("the network key of the peer at {} is no Ed25519 key", peer.address),
        });
    }
    Ok(())
}

/// A peer to keep connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerConfig {
    /// Its network key.
    pub peer: PeerKey,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What peers that are neither known nor configured may use together (`max_connections`) and each (the rest).
///
/// They may send on the lanes `Sync`, `Transactions` and `Courier`; what they send on others is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Their connections, all together.
    pub max_connections: usize,
    /// Their connections from one IP address.
    pub max_connections_per_ip: usize,
    /// What is read from each of them per second; a burst of one second is allowed.
    pub bytes_per_second: u32,
    /// The longest payload each may send.
    pub max_payload_bytes: usize,
    /// A connection without a frame for this long is closed.
    pub idle_timeout_ms: u64,
}

impl Default for Quota {
    fn default() -> Quota {
        Quota {
            max_connections: 64,
            max_connections_per_ip: 8,
            bytes_per_second: 1024 * 1024,
            max_payload_bytes: 1024 * 1024,
            idle_timeout_ms: 60_000,
        }
    }
}

/// The bounds of one queue. A frame heavier than `bytes` passes when the queue is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneBounds {
    /// How many frames may wait.
    pub frames: usize,
    /// How many bytes they may have together.
    pub bytes: usize,
}

/// The bounds of a peer's queues, per lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueBounds {
    lanes: [LaneBounds; LANES],
}

impl QueueBounds {
    /// The same bounds for every lane.
    pub const fn uniform(bounds: LaneBounds) -> QueueBounds {
        QueueBounds { lanes: [bounds; LANES] }
    }

    /// The default for what waits to be sent.
    pub fn outbound() -> QueueBounds {
        QueueBounds::uniform(LaneBounds { frames: 4_096, bytes: 16 * MIB })
            .with(Lane::Consensus, LaneBounds { frames: 8_192, bytes: 8 * MIB })
            .with(Lane::Block, LaneBounds { frames: 1_024, bytes: 64 * MIB })
    }

    /// The default for what waits for the receiver.
    pub fn inbound() -> QueueBounds {
        QueueBounds::uniform(LaneBounds { frames: 1_024, bytes: 4 * MIB })
            .with(Lane::Consensus, LaneBounds { frames: 4_096, bytes: 4 * MIB })
            .with(Lane::Block, LaneBounds { frames: 256, bytes: 32 * MIB })
    }

    /// These bounds with other ones for `lane`.
    #[must_use]
    pub fn with(mut self, lane: Lane, bounds: LaneBounds) -> QueueBounds {
        if let Some(slot) = self.lanes.get_mut(lane.index()) {
            *slot = bounds;
        }
        self
    }

    /// The bounds of `lane`.
    pub fn of(&self, lane: Lane) -> LaneBounds {
        self.lanes.get(lane.index()).copied().unwrap_or(LaneBounds { frames: 1, bytes: 1 })
    }

    /// An eighth of these bounds: what a peer admitted by quota gets.
    pub(crate) fn for_stranger(self) -> QueueBounds {
        QueueBounds {
            lanes: self.lanes.map(|lane| LaneBounds { frames: lane.frames.div_ceil(8), bytes: lane.bytes.div_ceil(8) }),
        }
    }
}

const MIB: usize = 1024 * 1024;

/// Why an endpoint does not start, or refuses a change.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The configuration contradicts itself.
    #[error("network configuration: {reason}")]
    Config {
        /// What is wrong and what to do.
        reason: String,
    },
    /// The listen address cannot be taken.
    #[error("cannot listen on {address}; is another process using it, or is it no address of this machine?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The transport cannot be set up.
    #[error("cannot set up the transport: {reason}")]
    Transport {
        /// What the library said.
        reason: String,
    },
}
