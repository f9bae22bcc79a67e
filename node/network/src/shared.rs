//! What an endpoint's handle, driver, readers and writers share.
//!
//! Locks are held for a few instructions and never across an await or another lock, except that [`Shared::state_of`]
//! takes the peers' lock alone.

use crate::config::{EndpointConfig, PeerConfig, QueueBounds, Quota};
use crate::frame::{LANES, Lane};
use crate::inbound::InboundQueue;
use crate::keys::PeerKey;
use crate::outbound::Outbound;
use libp2p::swarm::ConnectionId;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Locks a mutex. A panic elsewhere while it was held leaves counters off at worst, so poisoning is ignored.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything shared by the parts of one endpoint.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) own_key: PeerKey,
    pub(crate) config: EndpointConfig,
    pub(crate) started: Instant,
    pub(crate) wanted: Mutex<Wanted>,
    /// Tells the driver that `wanted` or `stop` changed.
    pub(crate) changed: Notify,
    pub(crate) stop: AtomicBool,
    pub(crate) inbound: Arc<InboundQueue>,
    pub(crate) connections: AtomicUsize,
    pub(crate) unwanted_frames: AtomicU64,
    pub(crate) refused_connections: AtomicU64,
    pub(crate) violations: AtomicU64,
    peers: RwLock<BTreeMap<PeerKey, Arc<PeerState>>>,
}

impl Shared {
    pub(crate) fn new(own_key: PeerKey, config: EndpointConfig) -> Shared {
        let wanted = Wanted {
            peers: config.peers.iter().map(|PeerConfig { peer, address }| (*peer, *address)).collect(),
            known: config.known.clone(),
            accept_unknown: config.accept_unknown,
            strangers: BTreeMap::new(),
        };
        Shared {
            own_key,
            started: Instant::now(),
            wanted: Mutex::new(wanted),
            changed: Notify::new(),
            stop: AtomicBool::new(false),
            inbound: Arc::new(InboundQueue::new(config.inbound)),
            connections: AtomicUsize::new(0),
            unwanted_frames: AtomicU64::new(0),
            refused_connections: AtomicU64::new(0),
            violations: AtomicU64::new(0),
            peers: RwLock::default(),
            config,
        }
    }

    pub(crate) fn peers(&self) -> RwLockReadGuard<'_, BTreeMap<PeerKey, Arc<PeerState>>> {
        self.peers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn peers_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<PeerKey, Arc<PeerState>>> {
        self.peers.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of a peer, made if it is new.
    pub(crate) fn state_of(&self, peer: PeerKey, known: bool) -> Arc<PeerState> {
        let bounds = if known { self.config.outbound } else { self.config.outbound.for_stranger() };
        let stale_after = Duration::from_millis(self.config.stale_after_ms);
        self.peers_mut().entry(peer).or_insert_with(|| Arc::new(PeerState::new(known, bounds, stale_after))).clone()
    }

    /// Frames for this peer are taken from now on, even while it is away.
    pub(crate) fn configure(&self, peer: PeerKey) {
        self.state_of(peer, true).configured.store(true, Ordering::Release);
    }

    pub(crate) fn forget(&self, peer: PeerKey) {
        self.peers_mut().remove(&peer);
    }

    /// Milliseconds since the endpoint started.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn request_stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// One peer, configured or connected.
#[derive(Debug)]
pub(crate) struct PeerState {
    pub(crate) outbound: Outbound,
    pub(crate) connected: AtomicBool,
    pub(crate) known: AtomicBool,
    /// Whether it is to be kept connected, so that frames for it are worth keeping while it is away.
    pub(crate) configured: AtomicBool,
    /// When it last sent a frame, on the endpoint's clock ([`Shared::now_ms`]).
    pub(crate) last_frame_ms: AtomicU64,
    /// Who reads a lane: when a connection replaces another, the new reader waits until the old one is done.
    pub(crate) reading: [tokio::sync::Mutex<()>; LANES],
}

impl PeerState {
    fn new(known: bool, bounds: QueueBounds, stale_after: Duration) -> PeerState {
        PeerState {
            outbound: Outbound::new(bounds, stale_after),
            connected: AtomicBool::new(false),
            known: AtomicBool::new(known),
            configured: AtomicBool::new(false),
            last_frame_ms: AtomicU64::new(0),
            reading: Lane::ALL.map(|_| tokio::sync::Mutex::new(())),
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }

    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }
}

/// Whom the endpoint connects to and lets in. The handle changes it; the driver and the behaviour follow.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) peers: BTreeMap<PeerKey, std::net::SocketAddr>,
    pub(crate) known: BTreeSet<PeerKey>,
    pub(crate) accept_unknown: Option<Quota>,
    /// Connections of peers that were let in by quota.
    strangers: BTreeMap<ConnectionId, Option<IpAddr>>,
}

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the peer's network key is not Ed25519")]
    NoNetworkKey,
    #[error("the peer is this node itself")]
    OwnKey,
    #[error("the peer is not known here")]
    Unknown,
    #[error("the quota for unknown peers is full")]
    QuotaFull,
}

impl Wanted {
    pub(crate) fn is_known(&self, peer: &PeerKey) -> bool {
        self.known.contains(peer) || self.peers.contains_key(peer)
    }

    /// Decides about an authenticated incoming connection, and counts it if it enters by quota.
    pub(crate) fn admit(
        &mut self,
        connection: ConnectionId,
        peer: &PeerKey,
        address: Option<IpAddr>,
    ) -> Result<(), Refused> {
        if self.is_known(peer) {
            return Ok(());
        }
        let quota = self.accept_unknown.ok_or(Refused::Unknown)?;
        let from_address = self.strangers.values().filter(|other| **other == address).count();
        if self.strangers.len() >= quota.max_connections || from_address >= quota.max_connections_per_ip {
            return Err(Refused::QuotaFull);
        }
        self.strangers.insert(connection, address);
        Ok(())
    }

    /// Gives back what [`admit`](Self::admit) counted. Any connection may be named.
    pub(crate) fn release(&mut self, connection: ConnectionId) {
        self.strangers.remove(&connection);
    }
}
