//! The endpoint: how it starts, and the handle by which the node sends.

use crate::behaviour::EndpointBehaviour;
use crate::config::{EndpointConfig, NetworkError, PeerConfig, Quota, check_peer};
use crate::driver::{Driver, multiaddr_of};
use crate::frame::{Frame, MAX_PAYLOAD_BYTES};
use crate::gauges::{EndpointGauges, PeerGauges};
use crate::inbound::InboundReceiver;
use crate::keys::{NetworkSecretKey, PeerKey};
use crate::shared::{PeerState, Shared, lock};
use crate::stall::StallGuard;
use futures::StreamExt;
use libp2p::core::multiaddr::Protocol;
use libp2p::core::{Multiaddr, Transport, upgrade};
use libp2p::swarm::{Swarm, SwarmEvent};
use libp2p::{SwarmBuilder, noise, tcp, yamux};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;

/// How long TCP, Noise and Yamux may take together.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the listener may take to tell its address.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams per connection: one per lane and direction, and room for those under negotiation.
const MAX_STREAMS: usize = 32;

/// A node's end of all its connections.
#[derive(Debug)]
pub struct Endpoint;

impl Endpoint {
    /// Starts listening and connecting, on the current tokio runtime. Ends when the last handle is dropped, or by
    /// [`EndpointHandle::shutdown`].
    ///
    /// # Errors
    /// A contradictory configuration, or a listen address that cannot be taken.
    pub async fn start(
        config: EndpointConfig,
        secret: NetworkSecretKey,
    ) -> Result<(EndpointHandle, InboundReceiver), NetworkError> {
        config.validate(secret.public())?;
        let listen = config.listen;
        // The transport shares ports (SO_REUSEPORT), so it would take one that another process listens on.
        drop(std::net::TcpListener::bind(listen).map_err(|source| NetworkError::Listen { address: listen, source })?);
        let shared = Arc::new(Shared::new(secret.public(), config));
        let mut swarm = build_swarm(&shared, &secret)?;
        let port = bind(&mut swarm, listen).await?;
        let inbound = InboundReceiver::new(shared.inbound.clone());
        let (running, stopped) = watch::channel(());
        let driver = Driver::new(shared.clone(), swarm);
        tokio::spawn(async move {
            driver.run().await;
            drop(running);
        });
        let listen_address = SocketAddr::new(listen.ip(), port);
        let handle = EndpointHandle { owner: Arc::new(Owner { shared }), listen_address, stopped };
        Ok((handle, inbound))
    }
}

fn build_swarm(shared: &Arc<Shared>, secret: &NetworkSecretKey) -> Result<Swarm<EndpointBehaviour>, NetworkError> {
    let transport_error = |reason: String| NetworkError::Transport { reason };
    let silence_limit = shared.config.silence_limit();
    let swarm = SwarmBuilder::with_existing_identity(secret.pair())
        .with_tokio()
        .with_other_transport(|pair| {
            let mut muxer = yamux::Config::default();
            muxer.set_max_num_streams(MAX_STREAMS);
            let transport = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
                .map(move |stream, _| StallGuard::new(stream, silence_limit))
                .upgrade(upgrade::Version::V1Lazy)
                .authenticate(noise::Config::new(pair)?)
                .multiplex(muxer);
            Ok(transport)
        })
        .map_err(|error| transport_error(error.to_string()))?
        .with_behaviour(|_| EndpointBehaviour::new(shared.clone()))
        .map_err(|error| transport_error(error.to_string()))?
        .with_swarm_config(|config| config.with_max_negotiating_inbound_streams(MAX_STREAMS))
        .with_connection_timeout(HANDSHAKE_TIMEOUT)
        .build();
    Ok(swarm)
}

/// Listens, and returns the port that was taken.
async fn bind(swarm: &mut Swarm<EndpointBehaviour>, listen: SocketAddr) -> Result<u16, NetworkError> {
    let failed = |source: io::Error| NetworkError::Listen { address: listen, source };
    swarm.listen_on(multiaddr_of(listen)).map_err(|error| failed(io::Error::other(error.to_string())))?;
    let told = async {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { address, .. } => {
                    if let Some(port) = port_of(&address) {
                        return Ok(port);
                    }
                }
                SwarmEvent::ListenerError { error, .. } => return Err(error),
                SwarmEvent::ListenerClosed { reason, .. } => {
                    return Err(reason.err().unwrap_or_else(|| io::ErrorKind::NotConnected.into()));
                }
                _ => {}
            }
        }
    };
    let told = tokio::time::timeout(LISTEN_TIMEOUT, told).await;
    told.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(failed)
}

fn port_of(address: &Multiaddr) -> Option<u16> {
    address.iter().find_map(|part| if let Protocol::Tcp(port) = part { Some(port) } else { None })
}

/// Stops the endpoint when the last handle is dropped.
#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.request_stop();
    }
}

/// Sends frames and changes peers; may be cloned and used from any thread.
#[derive(Debug, Clone)]
pub struct EndpointHandle {
    owner: Arc<Owner>,
    listen_address: SocketAddr,
    stopped: watch::Receiver<()>,
}

/// Why a frame was not taken. It was not sent and will not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The peer's queue of this lane is full: it reads more slowly than this node sends.
    #[error("the peer's queue is full")]
    Full,
    /// The peer is not connected (and, for `Consensus` and `Block`, not configured either).
    #[error("the peer is not connected")]
    NotConnected,
    /// The payload is longer than [`MAX_PAYLOAD_BYTES`].
    #[error("the payload has {bytes} bytes; at most {MAX_PAYLOAD_BYTES} are allowed")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The chain id has the zero hash, which every receiver refuses.
    #[error("the frame's chain id is zero")]
    ZeroChain,
    /// The endpoint has stopped.
    #[error("the endpoint has stopped")]
    Stopped,
}

impl EndpointHandle {
    fn shared(&self) -> &Shared {
        &self.owner.shared
    }

    /// This node's network key.
    pub fn own_key(&self) -> PeerKey {
        self.shared().own_key
    }

    /// Where the endpoint listens, with the port that was really taken.
    pub fn listen_address(&self) -> SocketAddr {
        self.listen_address
    }

    /// Queues `frame` for `peer`; never waits. Frames for this node itself come back as if received.
    ///
    /// While a configured peer is away, `Consensus` and `Block` frames wait for it within the bounds, and not longer
    /// than [`EndpointConfig::stale_after_ms`]; other frames are refused.
    ///
    /// # Errors
    /// See [`SendError`]; the frame is dropped.
    pub fn send(&self, peer: PeerKey, frame: Frame) -> Result<(), SendError> {
        self.check(&frame)?;
        let state = self.shared().peers().get(&peer).cloned();
        push(state.as_deref(), frame)
    }

    /// Queues `frame` for every one of `peers`, all sharing its payload. Returns the peers that did not get it.
    pub fn broadcast(&self, peers: &[PeerKey], frame: Frame) -> Vec<(PeerKey, SendError)> {
        if let Err(error) = self.check(&frame) {
            return peers.iter().map(|peer| (*peer, error)).collect();
        }
        let states = self.shared().peers();
        let push_to = |peer: &PeerKey| push(states.get(peer).map(Arc::as_ref), frame.clone()).err();
        peers.iter().filter_map(|peer| Some((*peer, push_to(peer)?))).collect()
    }

    fn check(&self, frame: &Frame) -> Result<(), SendError> {
        if self.shared().is_stopped() {
            return Err(SendError::Stopped);
        }
        let bytes = frame.payload.len();
        if bytes > MAX_PAYLOAD_BYTES {
            return Err(SendError::TooLarge { bytes });
        }
        if frame.chain.hash.is_zero() { Err(SendError::ZeroChain) } else { Ok(()) }
    }

    /// Adds a peer to keep connected, or gives it another address.
    ///
    /// # Errors
    /// The key is this node's own or no Ed25519 key.
    pub fn set_peer(&self, peer: PeerConfig) -> Result<(), NetworkError> {
        check_peer(&peer, self.own_key())?;
        lock(&self.shared().wanted).peers.insert(peer.peer, peer.address);
        self.shared().configure(peer.peer);
        self.shared().changed.notify_one();
        Ok(())
    }

    /// Keeps a peer connected no longer. Unless it is known or fits the quota, its connection is closed.
    pub fn remove_peer(&self, peer: &PeerKey) {
        lock(&self.shared().wanted).peers.remove(peer);
        self.shared().changed.notify_one();
    }

    /// Replaces the set of peers that may connect. Connections of peers that are neither known nor configured any
    /// more are closed.
    pub fn set_known(&self, known: BTreeSet<PeerKey>) {
        lock(&self.shared().wanted).known = known;
        self.shared().changed.notify_one();
    }

    /// Replaces the quota of peers that are not known. `None` closes their connections.
    pub fn set_accept_unknown(&self, quota: Option<Quota>) {
        lock(&self.shared().wanted).accept_unknown = quota;
        self.shared().changed.notify_one();
    }

    /// Whether `peer` is connected now.
    pub fn is_connected(&self, peer: &PeerKey) -> bool {
        self.shared().peers().get(peer).is_some_and(|state| state.is_connected())
    }

    /// The peers that are connected now, without this node itself.
    pub fn connected_peers(&self) -> Vec<PeerKey> {
        let peers = self.shared().peers();
        let connected = peers.iter().filter(|(peer, state)| state.is_connected() && **peer != self.own_key());
        connected.map(|(peer, _)| *peer).collect()
    }

    /// Depths and counts at this moment.
    pub fn gauges(&self) -> EndpointGauges {
        let shared = self.shared();
        let gauges_of = |(peer, state): (&PeerKey, &Arc<PeerState>)| PeerGauges {
            peer: *peer,
            connected: state.is_connected(),
            known: state.is_known(),
            lanes: state.outbound.gauges(),
        };
        let (inbound_frames, inbound_bytes, received_frames) = shared.inbound.depth();
        EndpointGauges {
            peers: shared.peers().iter().map(gauges_of).collect(),
            inbound_frames,
            inbound_bytes,
            received_frames,
            connections: shared.connections.load(Ordering::Relaxed),
            unwanted_frames: shared.unwanted_frames.load(Ordering::Relaxed),
            refused_connections: shared.refused_connections.load(Ordering::Relaxed),
            violations: shared.violations.load(Ordering::Relaxed),
        }
    }

    /// Stops the endpoint for all its handles, and waits until its port is free again. Queued frames are lost.
    pub async fn shutdown(&self) {
        self.shared().request_stop();
        // The sender is dropped, without ever sending, once the driver and its swarm are gone.
        self.stopped.clone().changed().await.ok();
    }
}

fn push(state: Option<&PeerState>, frame: Frame) -> Result<(), SendError> {
    let Some(state) = state else { return Err(SendError::NotConnected) };
    let kept_while_away = frame.lane.keeps_newest() && state.configured.load(Ordering::Acquire);
    if !state.is_connected() && !kept_while_away {
        return Err(SendError::NotConnected);
    }
    state.outbound.push(frame).map_err(|_| SendError::Full)
}
