//! Starting a host: directory, store, log, replicas, threads, endpoints, in this order.

use super::couriers::{self, CourierSeat, Couriers, ServerSeat};
use super::durability::{start_log, start_store};
use super::event_loop::{ENTRY_KIND, EventLoop, Hosted, LoopEvent};
use super::inbound::{self, Room};
use super::lanes::Lane;
use super::measures::Measures;
use super::peers::{PeerBook, peer};
use super::workers::Workers;
use super::{Host, HostError, HostHandle, HostOptions, Progress, ReplicaView};
use crate::config::{NodeConfig, ReplicaConfig};
use crate::signer::KeyVoteSigner;
use bridge_courier::driver::CourierServer;
use chain_consensus::{BftConfig, BftConsensus, BftTimeouts};
use chain_engine::{ChainReader, Replica, ReplicaLimits, ReplicaSetup};
use ledger_protocol::Height;
use ledger_protocol::chain::ChainRole;
use node_network::{Endpoint, EndpointConfig, PeerConfig, Quota};
use node_storage::{DataDirectory, LogEntry, LogOptions, ReplicaPrefix, ReplicaStore, StoreOptions};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Instant;
use tokio::sync::{broadcast, watch};

/// Published blocks a slow listener may be behind before it misses some.
const PUBLISHED_BUFFER: usize = 256;

pub(super) async fn start(config: NodeConfig, options: HostOptions) -> Result<Host, HostError> {
    let directory = DataDirectory::open(&config.data)?;
    let rocks =
        directory.open_store(&StoreOptions { memory_bytes: options.store_memory_bytes, ..StoreOptions::default() })?;
    let mut stores = Vec::new();
    let mut committed: BTreeMap<ReplicaPrefix, u64> = BTreeMap::new();
    for replica in &config.replicas {
        let prefix = directory.bind(&replica_name(replica), &replica.genesis.chain_id().to_string())?;
        let store = rocks.replica(prefix);
        committed.insert(prefix, committed_height(replica, &store)?);
        stores.push(store);
    }
    let (log, mut recovered) = directory.open_log(LogOptions::default(), &committed)?;
    let log = Arc::new(log);

    let measures = Arc::new(Measures::default());
    let (events, receiver) = mpsc::channel::<LoopEvent>();
    let mut hosted = Vec::new();
    let mut views = Vec::new();
    let mut routes = BTreeMap::new();
    let (mut courier_seats, mut server_seats) = (Vec::new(), Vec::new());
    let endpoint_keys: Vec<_> = config.endpoints.iter().map(|endpoint| endpoint.secret.public()).collect();
    for (index, (replica, store)) in config.replicas.into_iter().zip(stores).enumerate() {
        let entries = recovered.entries.remove(&store.prefix()).unwrap_or_default();
        let own_key = endpoint_keys.get(replica.endpoint).copied();
        seat(index, &replica, &store, &mut courier_seats, &mut server_seats);
        let (one, view) = open(replica, store, entries, own_key)?;
        routes.insert((one.endpoint, one.chain), index);
        hosted.push(one);
        views.push(view);
    }

    let mut handles = Vec::new();
    let room = Room::default();
    for (index, endpoint) in config.endpoints.into_iter().enumerate() {
        let mut settings = EndpointConfig::new(endpoint.listen);
        // The relay takes messages of chains that are not in its configuration yet.
        settings.accept_unknown = server_seats.iter().any(|seat| seat.endpoint == index).then(Quota::default);
        settings.known = endpoint.peers.iter().map(|(key, _)| *key).collect::<BTreeSet<_>>();
        settings.peers = endpoint.peers.into_iter().map(|(peer, address)| PeerConfig { peer, address }).collect();
        let (handle, inbound) = Endpoint::start(settings, endpoint.secret).await?;
        inbound::start(index, inbound, room.clone(), events.clone())?;
        handles.push(handle);
    }

    let workers = Workers::default();
    let mut threads = workers.start(options.workers, &events, &measures)?;
    let (barriers, log_thread) = start_log(Arc::clone(&log), events.clone(), Arc::clone(&measures))?;
    let (commits, store_thread) = start_store(rocks, Arc::clone(&log), events.clone(), Arc::clone(&measures))?;
    let failure = Arc::new(Mutex::new(None));
    let next_submit = Arc::new(AtomicU64::new(0));
    let (couriers, courier_thread) = couriers::start(Couriers {
        couriers: courier_seats,
        servers: server_seats,
        endpoints: handles.clone(),
        events: events.clone(),
        next_submit: Arc::clone(&next_submit),
        started: Instant::now(),
    })?;
    threads.extend([log_thread, store_thread, courier_thread]);
    let event_loop = EventLoop {
        replicas: hosted,
        endpoints: handles.clone(),
        log,
        barriers,
        commits,
        workers,
        room,
        measures: Arc::clone(&measures),
        evidence: config.evidence,
        failure: Arc::clone(&failure),
        timers: BinaryHeap::new(),
        timer_count: 0,
        routes,
        couriers,
        broken: None,
    };
    let thread = std::thread::Builder::new().name("events".into()).spawn(move || {
        event_loop.run(&receiver);
        // What was handed to the disk is finished, and nothing works on the store while the process takes it down.
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the host ended by a panic");
            }
        }
        // The lock on the directory is held as long as anything writes there.
        drop(directory);
    })?;
    let handle = HostHandle { events, replicas: Arc::new(views), endpoints: Arc::new(handles), measures, next_submit };
    Ok(Host { handle, event_loop: thread, failure })
}

/// A courier beside every subchain's replica, a server beside every relay's.
fn seat(
    index: usize,
    replica: &ReplicaConfig,
    store: &ReplicaStore,
    couriers: &mut Vec<CourierSeat>,
    servers: &mut Vec<ServerSeat>,
) {
    let chain = replica.genesis.chain_id();
    match &replica.genesis.role {
        ChainRole::Relay { .. } => {
            let server = CourierServer::new(chain);
            servers.push(ServerSeat { server, replica: index, endpoint: replica.endpoint, store: store.clone() });
        }
        ChainRole::Subchain { anchor } => couriers.push(CourierSeat::new(
            (index, replica.endpoint),
            (chain, anchor.relay),
            replica.vote_key.address(),
            store.clone(),
            replica.relay_validators.iter().copied().collect(),
        )),
    }
}

fn replica_name(replica: &ReplicaConfig) -> String {
    format!("{}-{}", replica.chain_name, replica.validator)
}

fn committed_height(replica: &ReplicaConfig, store: &ReplicaStore) -> Result<u64, HostError> {
    let reader = store.reader();
    let tip = ChainReader::new(&reader, replica.genesis.suite).tip()?;
    Ok(tip.map_or(0, |tip| tip.header.height.0))
}

fn open(
    config: ReplicaConfig,
    store: ReplicaStore,
    entries: Vec<LogEntry>,
    own_key: Option<node_network::PeerKey>,
) -> Result<(Hosted, ReplicaView), HostError> {
    let name = replica_name(&config);
    let failed = |reason: String| HostError::Replica { replica: name.clone(), reason };
    let chain = config.genesis.chain_id();
    let suite = config.genesis.suite;
    let own_key = own_key.ok_or_else(|| failed("its endpoint is not configured".into()))?;
    let own_address = config.vote_key.address();
    let consensus = BftConsensus::new(
        BftConfig { chain, kind: config.genesis.kind, timeouts: BftTimeouts::default() },
        Box::new(KeyVoteSigner::new(config.vote_key)),
    )
    .map_err(|error| failed(error.to_string()))?;
    let setup = ReplicaSetup {
        machine: Arc::clone(&config.machine),
        consensus: Box::new(consensus),
        genesis: config.genesis,
        own_address: Some(own_address),
        own_peer: peer(suite, own_key),
        limits: ReplicaLimits::default(),
    };
    let log = entries
        .into_iter()
        .filter(|entry| entry.kind == ENTRY_KIND)
        .map(|entry| (Height(entry.height), entry.payload))
        .collect();
    let replica = {
        let reader = store.reader();
        Replica::open(setup, &reader, log).map_err(|halt| failed(halt.to_string()))?
    };
    let height = replica.tip().header.height.0;
    let (progress, watch) = watch::channel(Progress { height, ..Progress::default() });
    let (published, _) = broadcast::channel(PUBLISHED_BUFFER);
    let view = ReplicaView {
        chain_name: config.chain_name,
        validator: config.validator,
        chain,
        is_relay: config.is_relay,
        store: store.clone(),
        progress: watch,
        published: published.clone(),
    };
    let others = config.validators.into_iter().filter(|key| *key != own_key);
    let hosted = Hosted {
        name,
        chain,
        replica: Some(replica),
        machine: config.machine,
        prefix: store.prefix(),
        store,
        endpoint: config.endpoint,
        book: PeerBook::new(suite, others),
        lane: Lane::default(),
        timers: BTreeSet::new(),
        replies: BTreeMap::new(),
        progress,
        published,
    };
    Ok((hosted, view))
}
