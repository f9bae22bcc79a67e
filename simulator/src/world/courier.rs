//! Couriers and courier servers: which process hosts them, and how their messages travel.
//!
//! A courier runs beside a subchain's validator, a server beside every relay replica. Both are the code of
//! `bridge/courier`; here stand their links, their alarms and their losses.

use super::{ChainIndex, Happening, Moment, ProcessId, World};
use crate::disk::{Disk, DiskReader, READ_ERROR};
use crate::failure::Contradiction;
use bridge_courier::driver::{CourierDriver, CourierEffect, CourierEvent, CourierServer, OwnChain, ServerEffect};
use bridge_courier::{CourierError, ViewFault, Waits};
use chain_engine::{Lane, Peer, PublishedBlock, ReplyToken};
use chain_state::{BlockState, MemoryStore, StoreReader};
use ledger_protocol::chain::Input;
use ledger_protocol::{ChainId, Height};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A subchain's couriers and their relay.
#[derive(Debug, Clone, Copy)]
struct Route {
    subchain: ChainIndex,
    relay: ChainIndex,
}

/// A courier that is up.
#[derive(Debug)]
struct Courier {
    driver: CourierDriver,
    alarm: Option<Moment>,
}

#[derive(Debug)]
pub(super) enum CourierHappening {
    /// A message to the courier of this route, or to the server of its relay.
    Deliver {
        to: ProcessId,
        from: ProcessId,
        epoch: u64,
        route: usize,
        to_server: bool,
        bytes: Arc<[u8]>,
    },
    Alarm {
        process: ProcessId,
        life: u64,
        route: usize,
        id: u64,
    },
    /// The first event after a process came up.
    Begin {
        process: ProcessId,
        life: u64,
        route: usize,
    },
}

/// All couriers and servers.
#[derive(Debug)]
pub(super) struct Couriers {
    routes: Vec<Route>,
    couriers: BTreeMap<(ProcessId, usize), Courier>,
    servers: BTreeMap<(ProcessId, ChainIndex), CourierServer>,
    /// Stopped by the scenario; their processes go on.
    silenced: bool,
}

impl Couriers {
    pub(super) const fn new() -> Self {
        Self { routes: Vec::new(), couriers: BTreeMap::new(), servers: BTreeMap::new(), silenced: false }
    }
}

/// The own chain of a courier in this world.
struct Own<'a> {
    disk: &'a Disk,
    index: ChainIndex,
    store: DiskReader<'a>,
    chain: ChainId,
    relay: ChainId,
}

impl OwnChain for Own<'_> {
    fn store(&self) -> &dyn StoreReader {
        &self.store
    }

    fn waits(&self) -> Result<Waits, ViewFault> {
        let fault = |fault: chain_state::StoreFault| ViewFault(fault.0);
        self.disk.waits(self.index, || {
            let state = BlockState::open(&self.store, self.chain.suite, Height::ZERO).map_err(fault)?;
            let waits = subchain::participant::waits(&state, &self.relay).map_err(fault)?;
            Ok(Waits { relay_height: waits.relay_height, acknowledgement: waits.acknowledgement })
        })
    }
}

/// The address of a courier's or server's stream: apart from the replicas' own.
const COURIER_STREAM: u8 = 0x80;

impl World {
    /// Every validator of `subchain` runs a courier between it and `relay`.
    pub fn add_couriers(&mut self, subchain: ChainIndex, relay: ChainIndex) {
        let route = self.couriers.routes.len();
        self.couriers.routes.push(Route { subchain, relay });
        for process in self.seats(subchain) {
            if self.is_up(process) {
                self.begin_courier(process, route);
                self.meet(process);
            }
        }
        for process in self.seats(relay) {
            if self.is_up(process) {
                self.begin_server(process, relay);
            }
        }
    }

    /// Kills all couriers, or brings them back; their processes go on.
    pub fn silence_couriers(&mut self, silenced: bool) {
        self.record(None, None, "silences couriers", u64::from(silenced), &[]);
        self.couriers.silenced = silenced;
        for route in 0..self.couriers.routes.len() {
            for process in self.seats(self.couriers.routes[route].subchain) {
                self.end_courier(process, route);
                if !silenced && self.is_up(process) {
                    self.begin_courier(process, route);
                }
            }
        }
    }

    fn begin_courier(&mut self, process: ProcessId, route: usize) {
        let Route { subchain, relay } = self.couriers.routes[route];
        let Some(Some(key)) = self.chain(subchain).seats.get(&process) else { return };
        if self.couriers.silenced {
            return;
        }
        let driver = CourierDriver::new(self.chain(subchain).id, key.address(), self.chain(relay).id);
        self.couriers.couriers.insert((process, route), Courier { driver, alarm: None });
        let life = self.processes[process.0].life;
        self.schedule(0, Happening::Courier(CourierHappening::Begin { process, life, route }));
    }

    fn end_courier(&mut self, process: ProcessId, route: usize) {
        if let Some(courier) = self.couriers.couriers.remove(&(process, route))
            && let Some(moment) = courier.alarm
        {
            self.queue.remove(&moment);
        }
    }

    fn begin_server(&mut self, process: ProcessId, relay: ChainIndex) {
        let id = self.chain(relay).id;
        self.couriers.servers.entry((process, relay)).or_insert_with(|| CourierServer::new(id));
    }

    pub(super) fn couriers_started(&mut self, process: ProcessId) {
        for (index, route) in self.couriers.routes.clone().into_iter().enumerate() {
            if self.chain(route.relay).seats.contains_key(&process) {
                self.begin_server(process, route.relay);
            }
            self.begin_courier(process, index);
        }
    }

    /// A process that is up got a seat of a chain: its courier or server starts, and couriers linked to it learn of it.
    pub(super) fn couriers_seated(&mut self, process: ProcessId, chain: ChainIndex) {
        for (index, route) in self.couriers.routes.clone().into_iter().enumerate() {
            if route.subchain == chain {
                self.begin_courier(process, index);
            }
            if route.relay != chain {
                continue;
            }
            self.begin_server(process, chain);
            let peer = self.processes[process.0].peer;
            for courier in self.seats(route.subchain) {
                if courier == process || self.link_epoch(courier, process).is_some() {
                    self.tell_courier(courier, index, CourierEvent::RelayUp(peer));
                }
            }
        }
    }

    pub(super) fn couriers_crashed(&mut self, process: ProcessId) {
        for route in 0..self.couriers.routes.len() {
            self.end_courier(process, route);
        }
        self.couriers.servers.retain(|(host, _), _| *host != process);
    }

    /// Processes that a process's couriers and servers talk to.
    pub(super) fn courier_partners(&self, process: ProcessId) -> Vec<ProcessId> {
        let mut partners = Vec::new();
        for route in &self.couriers.routes {
            if self.chain(route.subchain).seats.contains_key(&process) {
                partners.extend(self.chain(route.relay).seats.keys());
            }
            if self.chain(route.relay).seats.contains_key(&process) {
                partners.extend(self.chain(route.subchain).seats.keys());
            }
        }
        partners
    }

    /// A link of `here` to `there` went up or down.
    pub(super) fn courier_link(&mut self, here: ProcessId, there: ProcessId, up: bool) {
        let peer = self.processes[there.0].peer;
        for (index, route) in self.couriers.routes.clone().into_iter().enumerate() {
            if self.chain(route.relay).seats.contains_key(&there) {
                let event = if up { CourierEvent::RelayUp(peer) } else { CourierEvent::RelayDown(peer) };
                self.tell_courier(here, index, event);
            }
            if !up && let Some(server) = self.couriers.servers.get_mut(&(here, route.relay)) {
                server.forget(&peer);
            }
        }
    }

    pub(super) fn courier_published(&mut self, process: ProcessId, chain: ChainIndex, block: &Arc<PublishedBlock>) {
        let now_ms = self.monotonic_ms(process);
        if let Some(mut server) = self.couriers.servers.remove(&(process, chain)) {
            let mut effects = Vec::new();
            let disk = &self.processes[process.0].disk;
            if let Some(store) = disk.durable_reader(chain)
                && let Err(error) = server.published(now_ms, block, &store, &mut effects)
            {
                self.courier_fails(process, chain, "server fails", &error);
            }
            self.couriers.servers.insert((process, chain), server);
            self.serve(process, chain, None, effects);
        }
        for route in 0..self.couriers.routes.len() {
            if self.couriers.routes[route].subchain == chain {
                self.tell_courier(process, route, CourierEvent::OwnBlock);
            }
        }
    }

    pub(super) fn courier_happens(&mut self, happening: CourierHappening) {
        match happening {
            CourierHappening::Begin { process, life, route } => {
                if !self.lives(process, life) {
                    return;
                }
                self.record(Some(process), None, "courier begins", route as u64, &[]);
                self.tell_courier(process, route, CourierEvent::Start);
                for relay in self.seats(self.couriers.routes[route].relay) {
                    if relay == process || self.link_epoch(process, relay).is_some() {
                        let peer = self.processes[relay.0].peer;
                        self.tell_courier(process, route, CourierEvent::RelayUp(peer));
                    }
                }
            }
            CourierHappening::Alarm { process, life, route, id } => {
                if self.lives(process, life) {
                    self.record(Some(process), None, "courier alarm", route as u64, &[]);
                    self.tell_courier(process, route, CourierEvent::Alarm(id));
                }
            }
            CourierHappening::Deliver { to, from, epoch, route, to_server, bytes } => {
                if from != to && self.link_epoch(from, to) != Some(epoch) || !self.is_up(to) {
                    return;
                }
                self.record(Some(to), None, "courier message from", from.0 as u64, &bytes);
                let peer = self.processes[from.0].peer;
                if to_server {
                    self.ask_server(to, route, peer, &bytes);
                } else {
                    self.tell_courier(to, route, CourierEvent::Message { from: peer, bytes: bytes.to_vec() });
                }
            }
        }
    }

    /// A courier or a server brought nothing. That it has nothing to bring to a chain that follows another history is
    /// right; that it cannot read its own store is the disk's doing or a mistake.
    fn courier_fails(&mut self, process: ProcessId, chain: ChainIndex, what: &'static str, error: &CourierError) {
        self.record(Some(process), Some(chain), what, 0, error.to_string().as_bytes());
        if let CourierError::View(fault) = error
            && !fault.0.contains(READ_ERROR)
            && !self.cast.blame.is_bad_chain(chain)
        {
            let promised = format!("{process} can read what chain {} has made durable", chain.0);
            self.fail("no courier fails", Contradiction::new(promised, format!("{what}: {fault}")));
        }
    }

    fn monotonic_ms(&self, _: ProcessId) -> u64 {
        self.now_ms
    }

    fn ask_server(&mut self, process: ProcessId, route: usize, from: Peer, bytes: &[u8]) {
        let relay = self.couriers.routes[route].relay;
        let now_ms = self.monotonic_ms(process);
        let Some(mut server) = self.couriers.servers.remove(&(process, relay)) else { return };
        let mut effects = Vec::new();
        let disk = &self.processes[process.0].disk;
        if let Some(store) = disk.durable_reader(relay)
            && let Err(error) = server.on(now_ms, from, bytes, &store, &mut effects)
        {
            self.courier_fails(process, relay, "server fails", &error);
        }
        self.couriers.servers.insert((process, relay), server);
        self.serve(process, relay, Some(route), effects);
    }

    /// Carries out a server's effects. What is sent because of a block goes to the route that its receiver runs.
    fn serve(&mut self, process: ProcessId, relay: ChainIndex, route: Option<usize>, effects: Vec<ServerEffect>) {
        for effect in effects {
            match effect {
                ServerEffect::Send { to, bytes, .. } => {
                    let bytes: Arc<[u8]> = bytes.into();
                    for peer in to {
                        let Some(receiver) = self.process_of(peer) else { continue };
                        for route in self.routes_of(receiver, relay, route) {
                            self.send_courier(process, receiver, route, false, &bytes);
                        }
                    }
                }
                ServerEffect::Submit(input) => self.submit_unasked(process, relay, input),
            }
        }
    }

    fn routes_of(&self, receiver: ProcessId, relay: ChainIndex, route: Option<usize>) -> Vec<usize> {
        if let Some(route) = route {
            return vec![route];
        }
        let here = self
            .couriers
            .routes
            .iter()
            .enumerate()
            .filter(|(_, route)| route.relay == relay && self.chain(route.subchain).seats.contains_key(&receiver));
        here.map(|(route, _)| route).collect()
    }

    pub(super) fn process_of(&self, peer: Peer) -> Option<ProcessId> {
        self.processes.iter().position(|process| process.peer == peer).map(ProcessId)
    }

    fn submit_unasked(&mut self, process: ProcessId, chain: ChainIndex, input: Box<Input>) {
        self.counter += 1;
        let reply = ReplyToken(self.counter);
        self.schedule(0, Happening::Submit { process, chain, input, reply });
    }

    /// Bytes for the servers of a subchain's relay, from one of its processes.
    pub(super) fn ask_servers(&mut self, process: ProcessId, subchain: ChainIndex, bytes: &Arc<[u8]>) {
        for (route, Route { relay, .. }) in self.couriers.routes.clone().into_iter().enumerate() {
            if self.couriers.routes[route].subchain != subchain {
                continue;
            }
            for server in self.seats(relay) {
                self.send_courier(process, server, route, true, bytes);
            }
        }
    }

    fn send_courier(&mut self, from: ProcessId, to: ProcessId, route: usize, to_server: bool, bytes: &Arc<[u8]>) {
        self.record(Some(from), None, "courier sends to", to.0 as u64, bytes);
        let deliver =
            |epoch, bytes| Happening::Courier(CourierHappening::Deliver { to, from, epoch, route, to_server, bytes });
        if from == to {
            self.schedule(0, deliver(0, Arc::clone(bytes)));
            return;
        }
        let Some(epoch) = self.link_epoch(from, to) else { return };
        let subchain = self.couriers.routes[route].subchain;
        let stream = (from, to, COURIER_STREAM | Lane::Courier as u8, subchain);
        for at_ms in self.network.arrivals(&mut self.on_network, self.now_ms, stream, bytes.len()) {
            let bytes = self.network.carried(&mut self.on_network, stream, bytes);
            self.schedule(at_ms - self.now_ms, deliver(epoch, bytes));
        }
    }

    /// Hands an event to a courier, if it runs, and carries out what it asks for.
    fn tell_courier(&mut self, process: ProcessId, route: usize, event: CourierEvent) {
        let Route { subchain, relay } = self.couriers.routes[route];
        let now_ms = self.monotonic_ms(process);
        let Some(mut courier) = self.couriers.couriers.remove(&(process, route)) else { return };
        let mut effects = Vec::new();
        let empty = MemoryStore::default();
        let disk = &self.processes[process.0].disk;
        let store = disk.durable_reader(subchain).unwrap_or_else(|| disk.reader(&empty));
        let own = Own { disk, index: subchain, store, chain: self.chain(subchain).id, relay: self.chain(relay).id };
        let result = courier.driver.on(now_ms, event, &own, &mut effects);
        if let Err(error) = result {
            self.courier_fails(process, subchain, "courier fails", &error);
        }
        let life = self.processes[process.0].life;
        let effects = self.bring_otherwise(process, subchain, effects);
        for effect in effects {
            match effect {
                CourierEffect::Send { to, bytes } => {
                    if let Some(receiver) = self.process_of(to) {
                        self.send_courier(process, receiver, route, true, &bytes.into());
                    }
                }
                CourierEffect::Submit(input) => self.submit_unasked(process, subchain, input),
                CourierEffect::SetAlarm { id, after_ms } => {
                    if let Some(moment) = courier.alarm.take() {
                        self.queue.remove(&moment);
                    }
                    let alarm = CourierHappening::Alarm { process, life, route, id };
                    courier.alarm = Some(self.schedule(after_ms, Happening::Courier(alarm)));
                }
            }
        }
        self.couriers.couriers.insert((process, route), courier);
    }
}
