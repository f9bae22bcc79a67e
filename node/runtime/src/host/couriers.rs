//! Couriers and courier servers of this process, on one thread of their own.
//!
//! A courier runs beside every subchain replica, a server beside every relay replica; both are the code of
//! `bridge/courier`. Here stand their links, alarms and read views. Losing the thread loses nothing but time.

use super::event_loop::LoopEvent;
use bridge_courier::driver::{
    CourierDriver, CourierEffect, CourierEvent, CourierMessage, CourierServer, OwnChain, ServerEffect,
};
use bridge_courier::{ViewFault, Waits};
use chain_engine::{Peer, PublishedBlock};
use chain_state::{BlockState, StoreReader};
use ledger_protocol::chain::Input;
use ledger_protocol::{Address, ChainId, Hash, Height};
use node_network::{EndpointHandle, Frame, Lane, PeerKey};
use node_storage::{ReplicaReader, ReplicaStore};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Something for the couriers' thread.
#[derive(Debug)]
pub(super) enum CourierTask {
    /// A peer is connected to an endpoint, or gone.
    Link { endpoint: usize, key: PeerKey, up: bool },
    /// A message on the courier lane for a courier of `chain`, or for the relay's server about that chain.
    Message { endpoint: usize, from: PeerKey, chain: ChainId, bytes: Vec<u8> },
    /// A replica published a block.
    Published { replica: usize, block: Arc<PublishedBlock> },
}

/// A courier with its place.
pub(super) struct CourierSeat {
    pub(super) driver: CourierDriver,
    pub(super) replica: usize,
    pub(super) chain: ChainId,
    pub(super) relay: ChainId,
    pub(super) endpoint: usize,
    pub(super) store: ReplicaStore,
    /// Endpoints of relay replicas.
    pub(super) relay_keys: BTreeSet<PeerKey>,
    pub(super) alarm: Option<(Instant, u64)>,
    /// What the own chain waits for, until it publishes its next block: the same question comes with every event.
    waits: Cell<Option<Waits>>,
}

impl CourierSeat {
    /// The courier of a subchain's replica.
    pub(super) fn new(
        (replica, endpoint): (usize, usize),
        (chain, relay): (ChainId, ChainId),
        own_address: Address,
        store: ReplicaStore,
        relay_keys: BTreeSet<PeerKey>,
    ) -> Self {
        let driver = CourierDriver::new(chain, own_address, relay);
        Self { driver, replica, chain, relay, endpoint, store, relay_keys, alarm: None, waits: Cell::new(None) }
    }
}

/// A relay replica's server with its place.
pub(super) struct ServerSeat {
    pub(super) server: CourierServer,
    pub(super) replica: usize,
    pub(super) endpoint: usize,
    pub(super) store: ReplicaStore,
}

/// Everything the thread works with.
pub(super) struct Couriers {
    pub(super) couriers: Vec<CourierSeat>,
    pub(super) servers: Vec<ServerSeat>,
    pub(super) endpoints: Vec<EndpointHandle>,
    pub(super) events: mpsc::Sender<LoopEvent>,
    pub(super) next_submit: Arc<AtomicU64>,
    pub(super) started: Instant,
}

/// The own chain of a courier: a pinned view of its replica's store.
struct Own<'a> {
    reader: ReplicaReader<'a>,
    chain: ChainId,
    relay: ChainId,
    known: &'a Cell<Option<Waits>>,
}

impl OwnChain for Own<'_> {
    fn store(&self) -> &dyn StoreReader {
        &self.reader
    }

    fn waits(&self) -> Result<Waits, ViewFault> {
        if let Some(waits) = self.known.get() {
            return Ok(waits);
        }
        let fault = |fault: chain_state::StoreFault| ViewFault(fault.0);
        let state = BlockState::open(&self.reader, self.chain.suite, Height::ZERO).map_err(fault)?;
        let waits = subchain::participant::waits(&state, &self.relay).map_err(fault)?;
        let waits = Waits { relay_height: waits.relay_height, acknowledgement: waits.acknowledgement };
        self.known.set(Some(waits));
        Ok(waits)
    }
}

/// A peer as couriers know it: by its network key itself, whatever the chains' suites.
fn peer(key: PeerKey) -> Peer {
    Peer(Hash(key.0))
}

fn key(peer: Peer) -> PeerKey {
    PeerKey(peer.0.0)
}

/// Most tasks that wait for the thread.
const MAX_WAITING: usize = 8_192;

/// The way to the couriers' thread, bounded.
#[derive(Debug, Clone)]
pub(super) struct CourierTasks(mpsc::SyncSender<CourierTask>);

impl CourierTasks {
    /// Hands a task over. When the thread has fallen behind, messages and news of blocks are dropped, as a network
    /// may drop them: couriers ask again by alarm. News of links are waited for; the thread never waits for the loop.
    pub(super) fn give(&self, task: CourierTask) {
        // The thread is gone only when the process stops.
        match task {
            CourierTask::Link { .. } => drop(self.0.send(task)),
            CourierTask::Message { .. } | CourierTask::Published { .. } => {
                if let Err(mpsc::TrySendError::Full(_)) = self.0.try_send(task) {
                    tracing::debug!("the couriers have fallen behind; a task of theirs is dropped");
                }
            }
        }
    }
}

/// Starts the thread; it ends when the way to it is dropped.
pub(super) fn start(mut couriers: Couriers) -> std::io::Result<(CourierTasks, JoinHandle<()>)> {
    let (sender, tasks) = mpsc::sync_channel(MAX_WAITING);
    let thread = std::thread::Builder::new().name("couriers".into()).spawn(move || couriers.run(&tasks))?;
    Ok((CourierTasks(sender), thread))
}

impl Couriers {
    fn run(&mut self, tasks: &mpsc::Receiver<CourierTask>) {
        for index in 0..self.couriers.len() {
            self.tell(index, CourierEvent::Start);
            // A relay replica on the same endpoint is reached by frames that come back as if received.
            let own = self.couriers.get(index).and_then(|seat| {
                let key = self.endpoints.get(seat.endpoint)?.own_key();
                seat.relay_keys.contains(&key).then_some(key)
            });
            if let Some(key) = own {
                self.tell(index, CourierEvent::RelayUp(peer(key)));
            }
        }
        loop {
            let next = self.couriers.iter().filter_map(|seat| seat.alarm).map(|(at, _)| at).min();
            let wait = next.map_or(Duration::from_secs(1), |at| at.saturating_duration_since(Instant::now()));
            match tasks.recv_timeout(wait) {
                Ok(task) => self.take(task),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            self.ring();
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn take(&mut self, task: CourierTask) {
        match task {
            CourierTask::Link { endpoint, key, up } => {
                for index in 0..self.couriers.len() {
                    let concerns = self
                        .couriers
                        .get(index)
                        .is_some_and(|seat| seat.endpoint == endpoint && seat.relay_keys.contains(&key));
                    if concerns {
                        let peer = peer(key);
                        let event = if up { CourierEvent::RelayUp(peer) } else { CourierEvent::RelayDown(peer) };
                        self.tell(index, event);
                    }
                }
                if !up {
                    for seat in self.servers.iter_mut().filter(|seat| seat.endpoint == endpoint) {
                        seat.server.forget(&peer(key));
                    }
                }
            }
            CourierTask::Message { endpoint, from, chain, bytes } => {
                if CourierMessage::is_for_server(&bytes) {
                    self.ask_server(endpoint, from, &bytes);
                    return;
                }
                let seat = self.couriers.iter().position(|seat| seat.endpoint == endpoint && seat.chain == chain);
                if let Some(index) = seat {
                    self.tell(index, CourierEvent::Message { from: peer(from), bytes });
                }
            }
            CourierTask::Published { replica, block } => self.published(replica, &block),
        }
    }

    fn ring(&mut self) {
        let now = Instant::now();
        for index in 0..self.couriers.len() {
            let due = self.couriers.get_mut(index).and_then(|seat| seat.alarm.take_if(|(at, _)| *at <= now));
            if let Some((_, id)) = due {
                self.tell(index, CourierEvent::Alarm(id));
            }
        }
    }

    fn published(&mut self, replica: usize, block: &PublishedBlock) {
        let now_ms = self.now_ms();
        let mut sends = Vec::new();
        for seat in self.servers.iter_mut().filter(|seat| seat.replica == replica) {
            let mut effects = Vec::new();
            if let Err(error) = seat.server.published(now_ms, block, &seat.store.reader(), &mut effects) {
                tracing::warn!("a courier server cannot tell of a block: {error}");
            }
            sends.push((seat.endpoint, seat.replica, effects));
        }
        for (endpoint, replica, effects) in sends {
            self.serve(endpoint, replica, effects);
        }
        for index in 0..self.couriers.len() {
            if self.couriers.get(index).is_some_and(|seat| seat.replica == replica) {
                self.tell(index, CourierEvent::OwnBlock);
            }
        }
    }

    fn ask_server(&mut self, endpoint: usize, from: PeerKey, bytes: &[u8]) {
        let now_ms = self.now_ms();
        let Some(seat) = self.servers.iter_mut().find(|seat| seat.endpoint == endpoint) else { return };
        let mut effects = Vec::new();
        if let Err(error) = seat.server.on(now_ms, peer(from), bytes, &seat.store.reader(), &mut effects) {
            tracing::debug!("a courier's question has no answer: {error}");
        }
        let replica = seat.replica;
        self.serve(endpoint, replica, effects);
    }

    fn serve(&self, endpoint: usize, replica: usize, effects: Vec<ServerEffect>) {
        for effect in effects {
            match effect {
                ServerEffect::Send { chain, to, bytes } => {
                    let keys: Vec<PeerKey> = to.into_iter().map(key).collect();
                    self.send(endpoint, chain, &keys, bytes);
                }
                ServerEffect::Submit(input) => self.submit(replica, input),
            }
        }
    }

    fn send(&self, endpoint: usize, chain: ChainId, to: &[PeerKey], bytes: Vec<u8>) {
        if let Some(endpoint) = self.endpoints.get(endpoint) {
            // What is lost is asked for again.
            let _lost = endpoint.broadcast(to, Frame { chain, lane: Lane::Courier, payload: bytes.into() });
        }
    }

    fn submit(&self, replica: usize, input: Box<Input>) {
        let token = self.next_submit.fetch_add(1, Ordering::Relaxed);
        // The loop is gone only when the process stops.
        let _ignored = self.events.send(LoopEvent::Submit { replica, token, input, answer: None });
    }

    fn tell(&mut self, index: usize, event: CourierEvent) {
        let now_ms = self.now_ms();
        let Some(seat) = self.couriers.get_mut(index) else { return };
        let mut effects = Vec::new();
        if matches!(event, CourierEvent::OwnBlock) {
            seat.waits.set(None);
        }
        let own = Own { reader: seat.store.reader(), chain: seat.chain, relay: seat.relay, known: &seat.waits };
        if let Err(error) = seat.driver.on(now_ms, event, &own, &mut effects) {
            tracing::debug!(chain = %seat.chain, "a courier cannot bring anything now: {error}");
        }
        drop(own);
        let (endpoint, chain, replica) = (seat.endpoint, seat.chain, seat.replica);
        for effect in effects {
            match effect {
                CourierEffect::Send { to, bytes } => self.send(endpoint, chain, &[key(to)], bytes),
                CourierEffect::Submit(input) => self.submit(replica, input),
                CourierEffect::SetAlarm { id, after_ms } => {
                    if let Some(seat) = self.couriers.get_mut(index) {
                        seat.alarm = Some((Instant::now() + Duration::from_millis(after_ms), id));
                    }
                }
            }
        }
    }
}
