//! The world: processes with their replicas, disks, clocks and links, and the one queue of what happens next.
//!
//! Events are ordered by (virtual time, number); carrying out an event's effects may add events, never run them. Time
//! does not pass inside an event. The first broken property stops the world: every later call returns it again.

mod actors;
mod connect;
mod costs;
mod courier;
mod faults;
mod happen;
mod hardware;
mod perform;
mod run;

use crate::disk::{Disk, SyncPoint, Tail};
use crate::failure::{Contradiction, Failure};
use crate::network::{Network, NetworkConfig};
use crate::property::{Fact, Observation, Property};
use crate::random::{Random, Seed};
use crate::signer::Signed;
use crate::trace::{Trace, TraceLine};
use chain_consensus::BftTimeouts;
use chain_engine::{JobResult, Lane, Peer, Replica, ReplicaLimits, ReplicaTimer, ReplyToken, SubmitResult, Token};
use chain_state::{MemoryStore, StateMachine};
use ledger_protocol::chain::{Equivocation, Genesis, Input, Validator};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{Address, ChainId, Hash, Height, Suite, TimestampMs};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

pub use costs::{Costs, Step, StepKind};
pub use faults::Fault;

/// Virtual time 0 on every clock without skew: 1 January 2026.
pub const EPOCH_MS: u64 = 1_767_225_600_000;

/// A process of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId(pub usize);

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.0)
    }
}

/// A chain of the world, by the order in which they were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainIndex(pub usize);

/// Names the answer to a [`World::submit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reply(pub u64);

/// How a world behaves.
#[derive(Debug, Clone)]
pub struct WorldConfig {
    /// The test or scenario, for the replay line.
    pub scenario: String,
    /// Every link, unless set otherwise.
    pub network: NetworkConfig,
    /// How long a barrier or a commit takes.
    pub sync_ms: (u64, u64),
    /// How long a job takes; its answers may overtake each other.
    pub work_ms: (u64, u64),
    /// How long two processes take to connect.
    pub connect_ms: (u64, u64),
    /// How long a process takes to see that another is gone.
    pub notice_ms: (u64, u64),
    /// Clocks differ from virtual time by at most this much, either way.
    pub skew_ms: u64,
    /// Whether a replica that halts breaks the run.
    pub halts_fail: bool,
    /// Disks that answer barriers at once and keep nothing for it, as some do: what the host contract forbids.
    pub disks_lie: bool,
}

impl WorldConfig {
    /// A local network with good disks.
    pub fn smooth(scenario: &str) -> Self {
        Self {
            scenario: scenario.to_owned(),
            network: NetworkConfig::smooth(),
            sync_ms: (0, 2),
            work_ms: (0, 0),
            connect_ms: (1, 10),
            notice_ms: (1, 50),
            skew_ms: 0,
            halts_fail: true,
            disks_lie: false,
        }
    }

    /// A bad network, slow disks, jobs answered out of order, clocks that differ.
    pub fn lossy(scenario: &str) -> Self {
        Self {
            network: NetworkConfig::lossy(),
            sync_ms: (0, 20),
            work_ms: (0, 15),
            connect_ms: (1, 200),
            notice_ms: (1, 500),
            skew_ms: 300,
            ..Self::smooth(scenario)
        }
    }
}

/// A chain to add.
pub struct ChainSpec {
    /// What it starts from; its validators' network keys are those of [`World::validator`].
    pub genesis: Genesis,
    /// Its rules.
    pub machine: Arc<dyn StateMachine>,
    /// Where its validators run, with their keys.
    pub validators: Vec<(ProcessId, SecretKey)>,
    /// Where replicas run that do not vote.
    pub observers: Vec<ProcessId>,
    /// How patient its consensus is.
    pub timeouts: BftTimeouts,
    /// Bounds of its replicas.
    pub limits: ReplicaLimits,
}

impl fmt::Debug for ChainSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainSpec").field("chain", &self.genesis.chain_id()).finish_non_exhaustive()
    }
}

struct Chain {
    id: ChainId,
    genesis: Genesis,
    machine: Arc<dyn StateMachine>,
    timeouts: BftTimeouts,
    limits: ReplicaLimits,
    seats: BTreeMap<ProcessId, Option<SecretKey>>,
    /// The greatest height that some replica published, and its header's hash.
    published: (Height, Hash),
    /// Inputs that are final, transactions and system inputs, since the chain began.
    final_inputs: u64,
}

/// One replica that is up.
struct Running {
    replica: Replica,
    timers: BTreeMap<ReplicaTimer, Moment>,
    signed: Signed,
}

struct Process {
    peer: Peer,
    is_up: bool,
    /// Rises with every start and crash; events of an earlier life are void.
    life: u64,
    skew_ms: i64,
    /// The virtual time at which its clock stopped.
    clock_stopped_at_ms: Option<u64>,
    was_wiped: bool,
    disk: Disk,
    running: BTreeMap<ChainIndex, Running>,
    halted: BTreeMap<ChainIndex, String>,
}

/// Virtual time and number of an event.
type Moment = (u64, u64);

/// What happens.
enum Happening {
    Start(ProcessId),
    Connect {
        pair: (ProcessId, ProcessId),
        lives: (u64, u64),
    },
    Notice {
        pair: (ProcessId, ProcessId),
        epoch: u64,
    },
    Deliver {
        to: ProcessId,
        from: ProcessId,
        epoch: u64,
        chain: ChainIndex,
        lane: Lane,
        bytes: Arc<[u8]>,
    },
    Timer {
        process: ProcessId,
        life: u64,
        chain: ChainIndex,
        id: ReplicaTimer,
    },
    Persisted {
        process: ProcessId,
        life: u64,
        chain: ChainIndex,
        token: Token,
        point: SyncPoint,
    },
    Done {
        process: ProcessId,
        life: u64,
        chain: ChainIndex,
        token: Token,
        result: Box<JobResult>,
    },
    Submit {
        process: ProcessId,
        chain: ChainIndex,
        input: Box<Input>,
        reply: ReplyToken,
    },
    Courier(courier::CourierHappening),
    /// An actor does something by itself.
    Act(usize),
    /// Somebody shows a chain's fork to its relay.
    Report {
        relay: ChainIndex,
        input: Box<Input>,
        left: u32,
    },
}

/// A network of chains in virtual time.
pub struct World {
    seed: Seed,
    config: WorldConfig,
    now_ms: u64,
    counter: u64,
    queue: BTreeMap<Moment, Happening>,
    network: Network,
    on_network: Random,
    on_disk: Random,
    on_work: Random,
    on_crash: Random,
    processes: Vec<Process>,
    chains: Vec<Chain>,
    links: BTreeMap<(ProcessId, ProcessId), connect::Link>,
    couriers: courier::Couriers,
    faults: Vec<Fault>,
    effects: u64,
    events: u64,
    trace: Trace,
    properties: Vec<Box<dyn Property>>,
    /// How often replicas reported a validator that signed two conflicting messages.
    accusations: BTreeMap<(ChainIndex, Address), u64>,
    evidence: BTreeMap<(ProcessId, ChainIndex), Vec<Equivocation>>,
    replies: BTreeMap<u64, SubmitResult>,
    own_replies: BTreeSet<u64>,
    failure: Option<Box<Failure>>,
    cast: crate::actors::Cast,
    cores: costs::Cores,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("now_ms", &self.now_ms)
            .field("events", &self.events)
            .field("effects", &self.effects)
            .finish_non_exhaustive()
    }
}

impl World {
    /// An empty world.
    pub fn new(seed: Seed, config: WorldConfig) -> Self {
        Self {
            network: Network::new(config.network),
            on_network: Random::new(seed, 1),
            on_disk: Random::new(seed, 2),
            on_work: Random::new(seed, 3),
            on_crash: Random::new(seed, 4),
            couriers: courier::Couriers::new(),
            seed,
            config,
            now_ms: 0,
            counter: 0,
            queue: BTreeMap::new(),
            processes: Vec::new(),
            chains: Vec::new(),
            links: BTreeMap::new(),
            faults: Vec::new(),
            effects: 0,
            events: 0,
            trace: Trace::default(),
            properties: crate::property::standard(),
            accusations: BTreeMap::new(),
            evidence: BTreeMap::new(),
            replies: BTreeMap::new(),
            own_replies: BTreeSet::new(),
            failure: None,
            cast: crate::actors::Cast::new(seed),
            cores: costs::Cores::default(),
        }
    }

    /// The network key hash of the process with this number; the same in every world.
    pub fn peer(process: ProcessId) -> Peer {
        Peer(Suite::Standard.hash_parts(&[b"simulated process", &(process.0 as u64).to_le_bytes()]))
    }

    /// A validator that runs on a process, with power 1.
    ///
    /// # Panics
    /// Never: the organisation's name is short.
    pub fn validator(process: ProcessId, key: &SecretKey, organisation: &str) -> Validator {
        let Ok(organisation) = ledger_protocol::codec::Text::new(organisation) else {
            panic!("an organisation's name has at most 64 bytes")
        };
        Validator { public_key: key.public_key(), power: 1, organisation, network_key_hash: Self::peer(process).0 }
    }

    /// Adds a process; it starts when the first event runs. The order of calls gives its number.
    pub fn add_process(&mut self) -> ProcessId {
        let process = ProcessId(self.processes.len());
        let span = self.config.skew_ms;
        let skew = self.on_work.within((0, 2 * span));
        // Both are far below 2⁶³.
        let skew_ms = i64::try_from(skew).unwrap_or(0) - i64::try_from(span).unwrap_or(0);
        self.processes.push(Process {
            peer: Self::peer(process),
            is_up: false,
            life: 0,
            skew_ms,
            clock_stopped_at_ms: None,
            was_wiped: false,
            disk: Disk::default(),
            running: BTreeMap::new(),
            halted: BTreeMap::new(),
        });
        self.schedule(0, Happening::Start(process));
        process
    }

    /// Adds a process with another's network key, cut off from it. With the same validator key too ([`Self::add_seat`])
    /// the two are one validator that says two things at once: what is sent to one of them reaches both.
    pub fn add_twin(&mut self, original: ProcessId) -> ProcessId {
        let twin = self.add_process();
        self.processes[twin.0].peer = self.processes[original.0].peer;
        self.partition(&[original], &[twin]);
        twin
    }

    /// Adds several processes.
    pub fn add_processes(&mut self, count: usize) -> Vec<ProcessId> {
        (0..count).map(|_| self.add_process()).collect()
    }

    /// Adds a chain. Processes that are up already take it up when they start again.
    pub fn add_chain(&mut self, spec: ChainSpec) -> ChainIndex {
        let index = ChainIndex(self.chains.len());
        let voting = spec.validators.into_iter().map(|(process, key)| (process, Some(key)));
        let watching = spec.observers.into_iter().map(|process| (process, None));
        self.chains.push(Chain {
            id: spec.genesis.chain_id(),
            machine: spec.machine,
            timeouts: spec.timeouts,
            limits: spec.limits,
            seats: voting.chain(watching).collect(),
            published: (Height::ZERO, Hash::ZERO),
            final_inputs: 0,
            genesis: spec.genesis.clone(),
        });
        let seats: Vec<ProcessId> = self.chain(index).seats.keys().copied().collect();
        if let Some(first) = seats.first() {
            self.observe(*first, index, &Fact::Created(&spec.genesis));
        }
        for process in seats {
            if self.is_up(process) {
                self.open_seat(process, index);
                self.meet(process);
            }
        }
        index
    }

    /// Gives a process a seat of a chain that runs already: a validator to be, with its key, or an observer. Its replica
    /// starts from the genesis and syncs; whether it votes is the chain's to decide. On a subchain it runs a courier if
    /// it has a key, on a relay a courier server.
    ///
    /// # Panics
    /// When the process has a seat of this chain.
    pub fn add_seat(&mut self, process: ProcessId, chain: ChainIndex, key: Option<SecretKey>) {
        self.record(Some(process), Some(chain), "takes a seat", u64::from(key.is_some()), &[]);
        let before = self.chains[chain.0].seats.insert(process, key);
        assert!(before.is_none(), "{process} has a seat of chain {} already", chain.0);
        if !self.is_up(process) {
            return;
        }
        self.open_seat(process, chain);
        self.couriers_seated(process, chain);
        self.meet_over(process, chain);
        self.meet(process);
    }

    /// Adds a property.
    pub fn add_property(&mut self, property: Box<dyn Property>) {
        self.properties.push(property);
    }

    /// All processes.
    pub fn processes(&self) -> impl Iterator<Item = ProcessId> + use<> {
        (0..self.processes.len()).map(ProcessId)
    }

    /// How links behave that were not set otherwise.
    pub const fn network_config(&self) -> NetworkConfig {
        self.config.network
    }

    /// Reports a contradiction that was found from outside, between two events.
    pub fn contradicted(&mut self, property: &'static str, contradiction: Contradiction) -> Box<Failure> {
        self.fail(property, contradiction);
        let Some(failure) = self.failure.clone() else { unreachable!("a failure was just reported") };
        failure
    }

    /// What every property has seen, one line each.
    pub fn reports(&self) -> Vec<String> {
        self.properties.iter().map(|property| format!("{}: {}", property.name(), property.report())).collect()
    }

    /// Hands an input to a replica that is up, chosen by the seed; to the first seat if none is.
    pub fn submit(&mut self, chain: ChainIndex, input: Input) -> Reply {
        let seats = &self.chain(chain).seats;
        let up: Vec<ProcessId> = seats.keys().copied().filter(|process| self.processes[process.0].is_up).collect();
        let turn = usize::try_from(self.on_network.below(up.len() as u64)).unwrap_or(0);
        let process = up.get(turn).or_else(|| self.chains[chain.0].seats.keys().next()).copied();
        self.submit_to(process.unwrap_or(ProcessId(0)), chain, input)
    }

    /// Hands an input to the replica of one process. A process that is down answers nothing.
    pub fn submit_to(&mut self, process: ProcessId, chain: ChainIndex, input: Input) -> Reply {
        self.counter += 1;
        let reply = ReplyToken(self.counter);
        self.own_replies.insert(reply.0);
        self.schedule(0, Happening::Submit { process, chain, input: Box::new(input), reply });
        Reply(reply.0)
    }

    /// What became of a submission, if it was answered.
    pub fn reply(&self, reply: Reply) -> Option<&SubmitResult> {
        self.replies.get(&reply.0)
    }

    /// Virtual time.
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// What a process's clock shows.
    pub fn clock(&self, process: ProcessId) -> TimestampMs {
        let here = &self.processes[process.0];
        let now_ms = here.clock_stopped_at_ms.unwrap_or(self.now_ms);
        TimestampMs((EPOCH_MS + now_ms).saturating_add_signed(here.skew_ms))
    }

    /// Effects carried out so far, marks for metrics not counted: the places of [`Fault`]s.
    pub const fn effects(&self) -> u64 {
        self.effects
    }

    /// Events so far.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The hash of every event and effect so far, in order.
    pub fn trace_hash(&self) -> Hash {
        self.trace.hash()
    }

    /// What the chain began with.
    pub fn genesis(&self, chain: ChainIndex) -> &Genesis {
        &self.chain(chain).genesis
    }

    /// The chain's id.
    pub fn chain_id(&self, chain: ChainIndex) -> ChainId {
        self.chain(chain).id
    }

    /// The durable height of a replica, if it is up.
    pub fn height(&self, process: ProcessId, chain: ChainIndex) -> Option<Height> {
        self.running(process, chain).map(|running| running.replica.tip().header.height)
    }

    /// The greatest height that a replica of the chain has published.
    pub fn best_height(&self, chain: ChainIndex) -> Height {
        self.chain(chain).published.0
    }

    /// The least durable height of the replicas that are up; `None` when none is.
    pub fn least_height(&self, chain: ChainIndex) -> Option<Height> {
        self.chain(chain).seats.keys().filter_map(|process| self.height(*process, chain)).min()
    }

    /// Inputs of the chain that are final.
    pub fn final_inputs(&self, chain: ChainIndex) -> u64 {
        self.chain(chain).final_inputs
    }

    /// A replica, if it is up.
    pub fn replica(&self, process: ProcessId, chain: ChainIndex) -> Option<&Replica> {
        self.running(process, chain).map(|running| &running.replica)
    }

    /// A replica's store, up or not.
    pub fn store(&self, process: ProcessId, chain: ChainIndex) -> Option<&MemoryStore> {
        self.processes[process.0].disk.store(chain)
    }

    /// The store of the replica that is furthest.
    pub fn best_store(&self, chain: ChainIndex) -> Option<&MemoryStore> {
        let seats = self.chain(chain).seats.keys();
        let best = seats.max_by_key(|process| self.height(**process, chain))?;
        self.store(*best, chain)
    }

    /// Where the chain's replicas run.
    pub fn seats(&self, chain: ChainIndex) -> Vec<ProcessId> {
        self.chain(chain).seats.keys().copied().collect()
    }

    /// Whether a process is up.
    pub fn is_up(&self, process: ProcessId) -> bool {
        self.processes[process.0].is_up
    }

    /// The log of a chain as its furthest replica has it, executed again on a fresh state machine: how many blocks.
    ///
    /// # Errors
    /// [`Contradiction`] at the first header that comes out differently.
    pub fn replay_log(&self, chain: ChainIndex) -> Result<u64, Contradiction> {
        let here = self.chain(chain);
        let empty = MemoryStore::default();
        let reader = chain_engine::ChainReader::new(self.best_store(chain).unwrap_or(&empty), here.id.suite);
        let blocks = (1..=here.published.0.0).map_while(|height| reader.block(Height(height)).ok().flatten());
        let (count, last) = crate::replay::replay(&here.genesis, &*here.machine, blocks)?;
        if here.published.0 == Height(count) && (count == 0 || last == here.published.1) {
            return Ok(count);
        }
        let published = format!("header {} of height {} was published", here.published.1, here.published.0);
        Err(Contradiction::new(published, format!("the log ends at height {count} with {last}")))
    }

    /// Why a replica halted, if it did.
    pub fn halt(&self, process: ProcessId, chain: ChainIndex) -> Option<&str> {
        self.processes[process.0].halted.get(&chain).map(String::as_str)
    }

    /// How often replicas of a chain reported a validator that signed two conflicting messages.
    pub fn accusations(&self, chain: ChainIndex, validator: &Address) -> u64 {
        self.accusations.get(&(chain, *validator)).copied().unwrap_or(0)
    }

    /// What a process was given to keep against validators of a chain, oldest first, the first 1,024.
    pub fn evidence(&self, process: ProcessId, chain: ChainIndex) -> &[Equivocation] {
        self.evidence.get(&(process, chain)).map_or(&[], Vec::as_slice)
    }

    /// Living entries of a process's log.
    pub fn log_len(&self, process: ProcessId) -> usize {
        self.processes[process.0].disk.log_len()
    }

    fn chain(&self, chain: ChainIndex) -> &Chain {
        &self.chains[chain.0]
    }

    fn running(&self, process: ProcessId, chain: ChainIndex) -> Option<&Running> {
        self.processes[process.0].running.get(&chain)
    }

    fn schedule(&mut self, after_ms: u64, happening: Happening) -> Moment {
        self.counter += 1;
        let moment = (self.now_ms + after_ms, self.counter);
        self.queue.insert(moment, happening);
        moment
    }

    fn record(
        &mut self,
        process: Option<ProcessId>,
        chain: Option<ChainIndex>,
        what: &'static str,
        detail: u64,
        bytes: &[u8],
    ) {
        let line = TraceLine {
            at_ms: self.now_ms,
            process: process.map(|process| process.0),
            chain: chain.map(|chain| chain.0),
            what,
            detail,
        };
        self.trace.record(line, bytes);
    }

    fn fail(&mut self, property: &'static str, contradiction: Contradiction) {
        if self.failure.is_some() {
            return;
        }
        self.failure = Some(Box::new(Failure {
            property,
            contradiction,
            scenario: self.config.scenario.clone(),
            seed: self.seed,
            at_ms: self.now_ms,
            effects: self.effects,
            recent: self.trace.recent().copied().collect(),
        }));
    }

    /// Shows a fact to every property.
    fn observe(&mut self, process: ProcessId, index: ChainIndex, fact: &Fact<'_>) {
        let empty = MemoryStore::default();
        let mut properties = std::mem::take(&mut self.properties);
        let mut failed = None;
        {
            let store = self.processes.get(process.0).and_then(|process| process.disk.store(index)).unwrap_or(&empty);
            let observation = Observation {
                now_ms: self.now_ms,
                process,
                index,
                chain: self.chains[index.0].id,
                store,
                blame: &self.cast.blame,
                fact,
            };
            for property in &mut properties {
                if let Err(contradiction) = property.observe(&observation) {
                    failed = Some((property.name(), contradiction));
                    break;
                }
            }
        }
        self.properties = properties;
        if let Some((name, contradiction)) = failed {
            self.fail(name, contradiction);
        }
    }

    fn random_crash(&mut self, process: ProcessId, tail: Tail) {
        let Self { processes, on_crash, .. } = self;
        processes[process.0].disk.crash(tail, on_crash);
    }
}
