//! The task that owns the swarm: dials, keeps one connection per peer, and starts readers and writers.
//!
//! Frames never pass through here: readers and writers work on their streams in tasks of their own, which end with
//! their connection. Invariant: `connections` holds the swarm's established connections; one with a
//! `close_reason` has ended for the node and waits for the swarm's farewell.

use crate::behaviour::{ConnectionStreamEvent, EndpointBehaviour, EndpointBehaviourEvent};
use crate::frame::Lane;
use crate::handler::StreamEvent;
use crate::inbound::Inbound;
use crate::keys::PeerKey;
use crate::links::{Candidate, Choice, CloseReason, Dialling, choose};
use crate::outbound::WriterId;
use crate::reader::{Notice, ReaderContext, read_stream};
use crate::shared::{PeerState, Shared, lock};
use crate::writer::{Phase, write_lane};
use futures::StreamExt;
use libp2p::PeerId;
use libp2p::core::multiaddr::Protocol;
use libp2p::core::{ConnectedPoint, Multiaddr};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, Swarm, SwarmEvent};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// How long a retired connection may still deliver.
const GRACE: Duration = Duration::from_secs(2);
/// How long a peer may take to accept this node.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often peers admitted by quota are looked at.
const IDLE_CHECK: Duration = Duration::from_millis(500);
/// Notices that may wait for the driver.
const NOTICES: usize = 256;

/// An established connection.
#[derive(Debug)]
struct Connection {
    peer: PeerKey,
    state: Arc<PeerState>,
    candidate: Candidate,
    writer: WriterId,
    /// Since when both ends have accepted it.
    accepted_at: Option<Instant>,
    /// When it is closed if nothing else happens: not accepted in time, or retired.
    closes_at: Option<(Instant, CloseReason)>,
    phase: watch::Sender<Phase>,
    /// Tells readers that the receiver knows of the connection.
    accepted: watch::Sender<bool>,
    lanes_seen: Arc<AtomicU8>,
    /// Readers and writers; dropping the set ends them.
    tasks: JoinSet<()>,
    close_reason: Option<CloseReason>,
}

impl Connection {
    fn is_retired(&self) -> bool {
        self.close_reason.is_some() || *self.phase.borrow() == Phase::Retired
    }
}

/// The owner of the swarm.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    swarm: Swarm<EndpointBehaviour>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// The connection on which frames are sent to a peer.
    current: BTreeMap<PeerKey, ConnectionId>,
    dialling: BTreeMap<PeerKey, Dialling>,
    notices: mpsc::Receiver<Notice>,
    notices_in: mpsc::Sender<Notice>,
    /// Delivers what the node sends to itself.
    loopback: JoinSet<()>,
    last_writer: u64,
}

impl Driver {
    /// Prepares the node itself and the configured peers, so that frames for them are taken at once.
    pub(crate) fn new(shared: Arc<Shared>, swarm: Swarm<EndpointBehaviour>) -> Driver {
        let (notices_in, notices) = mpsc::channel(NOTICES);
        let mut driver = Driver {
            shared,
            swarm,
            connections: BTreeMap::new(),
            current: BTreeMap::new(),
            dialling: BTreeMap::new(),
            notices,
            notices_in,
            loopback: JoinSet::new(),
            last_writer: 0,
        };
        driver.start_loopback();
        driver.follow_wanted();
        driver
    }

    /// Runs until the endpoint is stopped.
    pub(crate) async fn run(mut self) {
        while !self.shared.is_stopped() {
            let deadline = self.act_on_time(Instant::now());
            let sleep = tokio::time::sleep_until(deadline.into());
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                Some(notice) = self.notices.recv() => self.on_notice(notice),
                () = self.shared.changed.notified() => self.follow_wanted(),
                () = sleep => {}
            }
        }
        self.stop();
    }

    fn new_writer(&mut self) -> WriterId {
        self.last_writer += 1;
        WriterId(self.last_writer)
    }

    /// The node is its own peer: what it sends to itself comes back without a connection.
    fn start_loopback(&mut self) {
        let own_key = self.shared.own_key;
        let state = self.shared.state_of(own_key, true);
        let writer = self.new_writer();
        state.outbound.open_for(writer);
        state.connected.store(true, Ordering::Release);
        for lane in Lane::ALL {
            let (state, inbound) = (state.clone(), self.shared.inbound.clone());
            self.loopback.spawn(async move {
                let mut batch = Vec::new();
                loop {
                    state.outbound.take(writer, lane, usize::MAX, &mut batch);
                    if batch.is_empty() {
                        state.outbound.ready(lane).await;
                    }
                    for frame in batch.drain(..) {
                        inbound.push(own_key, true, frame).await;
                    }
                }
            });
        }
    }

    fn stop(&mut self) {
        let connected = std::mem::take(&mut self.connections);
        for connection in connected.into_values() {
            if connection.state.connected.swap(false, Ordering::AcqRel) {
                self.shared.inbound.tell(Inbound::Disconnected { peer: connection.peer, reason: CloseReason::Stopped });
            }
        }
        self.loopback.abort_all();
        self.shared.inbound.close();
    }

    /// Brings dialling, knowledge and connections in line with what is wanted now.
    fn follow_wanted(&mut self) {
        let now = Instant::now();
        let (peers, connected): (BTreeMap<PeerKey, SocketAddr>, Vec<_>) = {
            let wanted = lock(&self.shared.wanted);
            let connected = self
                .connections
                .iter()
                .map(|(id, connection)| (*id, wanted.is_known(&connection.peer), wanted.accept_unknown.is_some()))
                .collect();
            (wanted.peers.clone(), connected)
        };
        for (id, known, strangers_accepted) in connected {
            if let Some(connection) = self.connections.get(&id) {
                let was_known = connection.state.known.swap(known, Ordering::AcqRel);
                if !known && (was_known || !strangers_accepted) {
                    self.close(id, CloseReason::NotWanted);
                }
            }
        }
        let removed: Vec<PeerKey> = self.dialling.keys().filter(|peer| !peers.contains_key(peer)).copied().collect();
        for peer in removed {
            self.dialling.remove(&peer);
            if let Some(state) = self.shared.peers().get(&peer) {
                state.configured.store(false, Ordering::Release);
            }
            self.forget_if_gone(peer);
        }
        for (peer, address) in peers {
            match self.dialling.get_mut(&peer) {
                Some(dialling) => dialling.move_to(address, now),
                None => {
                    self.dialling.insert(peer, Dialling::new(self.shared.own_key, peer, address, now));
                    self.shared.configure(peer);
                }
            }
        }
    }

    /// Does what is due at `now`, and says when something will be due next.
    fn act_on_time(&mut self, now: Instant) -> Instant {
        let mut next = now + Duration::from_secs(60);
        let due: Vec<PeerKey> = self
            .dialling
            .iter()
            .filter(|(peer, dialling)| {
                !dialling.under_way && !self.current.contains_key(peer) && {
                    next = next.min(dialling.next_dial.max(now));
                    dialling.next_dial <= now
                }
            })
            .map(|(peer, _)| *peer)
            .collect();
        for peer in due {
            self.dial(peer, now);
        }
        let quota = lock(&self.shared.wanted).accept_unknown;
        let mut closing = Vec::new();
        for (id, connection) in &self.connections {
            if connection.close_reason.is_some() {
                continue;
            }
            if let Some((at, reason)) = &connection.closes_at {
                if *at <= now {
                    closing.push((*id, reason.clone()));
                }
                next = next.min(*at);
            }
            if let Some(quota) = quota.filter(|_| !connection.state.is_known()) {
                let established = connection.candidate.established.duration_since(self.shared.started);
                let last_frame = Duration::from_millis(connection.state.last_frame_ms.load(Ordering::Relaxed));
                let idle_at =
                    self.shared.started + established.max(last_frame) + Duration::from_millis(quota.idle_timeout_ms);
                if idle_at <= now {
                    closing.push((*id, CloseReason::Idle));
                }
                next = next.min(idle_at.max(now + IDLE_CHECK));
            }
        }
        for (id, reason) in closing {
            self.close(id, reason);
        }
        // Whatever became due meanwhile is due in the next turn of the loop.
        next.max(now + Duration::from_millis(1))
    }

    fn dial(&mut self, peer: PeerKey, now: Instant) {
        let Some(dialling) = self.dialling.get_mut(&peer) else { return };
        let Some(peer_id) = peer.peer_id() else { return };
        let options = DialOpts::peer_id(peer_id)
            .addresses(vec![multiaddr_of(dialling.address)])
            .condition(PeerCondition::Always)
            .allocate_new_port()
            .build();
        match self.swarm.dial(options) {
            Ok(()) => dialling.under_way = true,
            Err(error) => {
                dialling.failed(now);
                tracing::debug!(?peer, address = %dialling.address, %error, "cannot dial");
            }
        }
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<EndpointBehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_established(connection_id, &peer_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { connection_id, cause, .. } => {
                let text = cause.map_or_else(|| "closed by the peer".to_owned(), |cause| cause.to_string());
                self.on_closed(connection_id, text);
            }
            SwarmEvent::Behaviour(EndpointBehaviourEvent::Lanes(ConnectionStreamEvent { connection, event })) => {
                self.on_stream_event(connection, event);
            }
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                let peer = peer_id.as_ref().and_then(PeerKey::from_peer_id);
                if let Some((peer, dialling)) = peer.and_then(|peer| Some((peer, self.dialling.get_mut(&peer)?))) {
                    dialling.failed(Instant::now());
                    // One line when a peer goes missing, not one per attempt.
                    if dialling.failures == 1 {
                        tracing::info!(?peer, address = %dialling.address, %error, "peer not reached; trying on");
                    } else {
                        tracing::debug!(?peer, address = %dialling.address, %error, "peer not reached");
                    }
                }
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                tracing::debug!(address = %send_back_addr, %error, "incoming connection failed");
            }
            SwarmEvent::ListenerClosed { reason, .. } => {
                tracing::error!(?reason, "the listener closed: peers cannot connect to this node until it restarts");
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "the listener reports an error"),
            _ => {}
        }
    }

    fn on_established(&mut self, id: ConnectionId, peer_id: &PeerId, endpoint: &ConnectedPoint) {
        // The behaviour lets in Ed25519 keys only.
        let Some(peer) = PeerKey::from_peer_id(peer_id) else { return };
        let now = Instant::now();
        let known = lock(&self.shared.wanted).is_known(&peer);
        let state = self.shared.state_of(peer, known);
        state.known.store(known, Ordering::Release);
        let candidate = Candidate { dialled_here: endpoint.is_dialer(), established: now };
        if let Some(dialling) = self.dialling.get_mut(&peer).filter(|_| candidate.dialled_here) {
            dialling.under_way = false;
        }
        let mut phase = Phase::Opening;
        let mut closes_at = Some((now + ACCEPT_TIMEOUT, CloseReason::NotAccepted));
        let old = self.current.get(&peer).and_then(|id| Some((*id, self.connections.get_mut(id)?)));
        if let Some((old_id, old)) = old {
            match choose(self.shared.own_key, peer, old.candidate, candidate) {
                Choice::CloseOld => self.close(old_id, CloseReason::Replaced),
                Choice::RetireOld => {
                    old.phase.send_replace(Phase::Retired);
                    old.closes_at = Some((now + GRACE, CloseReason::Replaced));
                }
                Choice::RetireNew => {
                    phase = Phase::Retired;
                    closes_at = Some((now + GRACE, CloseReason::Replaced));
                }
            }
        }
        if phase == Phase::Opening {
            self.current.insert(peer, id);
        }
        let connection = Connection {
            peer,
            state,
            candidate,
            writer: self.new_writer(),
            accepted_at: None,
            closes_at,
            phase: watch::Sender::new(phase),
            accepted: watch::Sender::new(false),
            lanes_seen: Arc::default(),
            tasks: JoinSet::new(),
            close_reason: None,
        };
        self.connections.insert(id, connection);
        self.shared.connections.store(self.connections.len(), Ordering::Relaxed);
    }

    fn on_stream_event(&mut self, id: ConnectionId, event: StreamEvent) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match event {
            StreamEvent::Failed { reason } => self.close(id, reason),
            StreamEvent::Outbound { .. } if connection.is_retired() => {}
            StreamEvent::Outbound { lane, stream } => {
                let state = connection.state.clone();
                let writer = connection.writer;
                let phase = connection.phase.subscribe();
                let keep_alive = self.shared.config.keep_alive();
                let notices = self.notices_in.clone();
                connection.tasks.spawn(async move {
                    if let Err(error) = write_lane(stream, lane, state, writer, phase, keep_alive).await {
                        let reason = CloseReason::Lost { text: error.to_string() };
                        notices.send(Notice::Broken { connection: id, reason }).await.ok();
                    }
                });
            }
            StreamEvent::Inbound { stream } => {
                let context = ReaderContext {
                    shared: self.shared.clone(),
                    peer: connection.peer,
                    state: connection.state.clone(),
                    connection: id,
                    lanes_seen: connection.lanes_seen.clone(),
                    accepted: connection.accepted.subscribe(),
                    notices: self.notices_in.clone(),
                };
                connection.tasks.spawn(async move {
                    let notices = context.notices.clone();
                    if let Err(reason) = read_stream(stream, context).await {
                        notices.send(Notice::Broken { connection: id, reason }).await.ok();
                    }
                });
            }
        }
    }

    fn on_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Broken { connection, reason } => self.close(connection, reason),
            Notice::Accepted { connection: id } => {
                let Some(connection) = self.connections.get_mut(&id) else { return };
                if connection.close_reason.is_some() || connection.accepted_at.is_some() {
                    return;
                }
                connection.accepted_at = Some(Instant::now());
                if !connection.is_retired() {
                    connection.closes_at = None;
                    connection.state.outbound.open_for(connection.writer);
                    connection.phase.send_replace(Phase::Open);
                }
                if let Some(dialling) = self.dialling.get_mut(&connection.peer) {
                    dialling.failures = 0;
                }
                let known = connection.state.is_known();
                if !connection.state.connected.swap(true, Ordering::AcqRel) {
                    tracing::info!(peer = ?connection.peer, known, "connected");
                    self.shared.inbound.tell(Inbound::Connected { peer: connection.peer, known });
                }
                connection.accepted.send_replace(true);
            }
        }
    }

    /// Closes a connection for a reason of our own.
    fn close(&mut self, id: ConnectionId, reason: CloseReason) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.close_reason.is_some() {
            return;
        }
        if reason.is_violation() {
            self.shared.violations.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(peer = ?connection.peer, %reason, "closing the connection: the peer breaks the rules");
        } else {
            tracing::debug!(peer = ?connection.peer, %reason, "closing the connection");
        }
        connection.close_reason = Some(reason.clone());
        connection.tasks.abort_all();
        self.swarm.close_connection(id);
        // The swarm's farewell may take a while; for the node the connection has ended now.
        self.on_ended(id, reason);
    }

    fn on_closed(&mut self, id: ConnectionId, text: String) {
        if self.connections.get(&id).is_some_and(|connection| connection.close_reason.is_none()) {
            self.on_ended(id, CloseReason::Lost { text });
        }
        self.connections.remove(&id);
        self.shared.connections.store(self.connections.len(), Ordering::Relaxed);
    }

    /// A connection is of no more use: tells the receiver if it was the peer's last, and lets the peer be dialled.
    fn on_ended(&mut self, id: ConnectionId, reason: CloseReason) {
        let Some(ended) = self.connections.get_mut(&id) else { return };
        ended.close_reason = Some(reason.clone());
        let (peer, state, accepted_at) = (ended.peer, ended.state.clone(), ended.accepted_at);
        state.outbound.close_for(ended.writer);
        let now = Instant::now();
        if self.current.get(&peer) == Some(&id) {
            self.current.remove(&peer);
            if let Some(dialling) = self.dialling.get_mut(&peer) {
                let lasted = accepted_at.map_or(Duration::ZERO, |since| now.duration_since(since));
                dialling.ended(lasted, now);
            }
        }
        let still_accepted = self.lives(peer, |other| other.accepted_at.is_some());
        if !still_accepted && state.connected.swap(false, Ordering::AcqRel) {
            tracing::info!(?peer, %reason, "disconnected");
            state.outbound.forget_refusing_lanes();
            self.shared.inbound.tell(Inbound::Disconnected { peer, reason });
        }
        self.forget_if_gone(peer);
    }

    /// Whether the peer has a connection that has not ended and is as asked.
    fn lives(&self, peer: PeerKey, is_as_asked: impl Fn(&Connection) -> bool) -> bool {
        let mut connections = self.connections.values();
        connections.any(|other| other.peer == peer && other.close_reason.is_none() && is_as_asked(other))
    }

    fn forget_if_gone(&self, peer: PeerKey) {
        if !self.lives(peer, |_| true) && !self.dialling.contains_key(&peer) {
            self.shared.forget(peer);
        }
    }
}

pub(crate) fn multiaddr_of(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip()).with(Protocol::Tcp(address.port()))
}
