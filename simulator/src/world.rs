//! The world: processes with their replicas, disks, clocks and links, and the one queue of what happens next.
//!
//! Events are ordered by (virtual time, number); carrying out an event's effects may add events, never run them. Time
//! does not pass inside an event. The first broken property stops the world: every later call returns it again.

mod accepted;
mod actors;
mod backups;
mod build;
mod config;
mod connect;
mod costs;
mod courier;
mod faults;
mod happen;
mod hardware;
mod look;
mod perform;
mod run;

use crate::disk::{Disk, SyncPoint, Tail};
use crate::failure::{Contradiction, Failure};
use crate::network::Network;
use crate::property::{Fact, Observation, Property};
use crate::random::{Random, Seed};
use crate::signer::Signed;
use crate::trace::{Trace, TraceLine, TraceSink};
use chain_consensus::BftTimeouts;
use chain_engine::{JobResult, Lane, Peer, Replica, ReplicaLimits, ReplicaTimer, ReplyToken, SubmitResult, Token};
use chain_state::{MemoryStore, StateMachine};
use ledger_protocol::chain::{Equivocation, Genesis, Input};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{Address, ChainId, Hash, Height};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

pub use accepted::Owed;
pub use backups::BackupId;
pub use config::{ChainSpec, WorldConfig};
pub use costs::{Charge, Costs, Step, StepKind};
pub use faults::Fault;
pub(crate) use run::LIVENESS;

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
}

struct Process {
    peer: Peer,
    is_up: bool,
    /// How many things keep it from starting.
    holds: u32,
    /// Rises with every start and crash; events of an earlier life are void.
    life: u64,
    skew_ms: i64,
    /// The virtual time at which its clock stopped.
    clock_stopped_at_ms: Option<u64>,
    was_wiped: bool,
    disk: Disk,
    /// What its keys have signed in all its lives: what a log gives back is sent again without being signed again.
    signed: BTreeMap<ChainIndex, Signed>,
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
    /// Blocks that were durable before anybody lived to publish them.
    published_late: u64,
    events: u64,
    /// Events since time last passed.
    at_once: u64,
    trace: Trace,
    sink: Option<TraceSink>,
    properties: Vec<Box<dyn Property>>,
    /// How often replicas reported a validator that signed two conflicting messages.
    accusations: BTreeMap<(ChainIndex, Address), u64>,
    evidence: BTreeMap<(ProcessId, ChainIndex), Vec<Equivocation>>,
    replies: BTreeMap<u64, SubmitResult>,
    own_replies: BTreeSet<u64>,
    accepted: accepted::Accepted,
    failure: Option<Box<Failure>>,
    cast: crate::actors::Cast,
    cores: costs::Cores,
    backups: backups::Backups,
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
            published_late: 0,
            events: 0,
            at_once: 0,
            trace: Trace::default(),
            sink: None,
            properties: crate::property::standard(),
            accusations: BTreeMap::new(),
            evidence: BTreeMap::new(),
            replies: BTreeMap::new(),
            own_replies: BTreeSet::new(),
            accepted: accepted::Accepted::default(),
            failure: None,
            cast: crate::actors::Cast::new(seed),
            cores: costs::Cores::default(),
            backups: backups::Backups::default(),
        }
    }

    /// From now on every event and effect goes to the sink, too.
    pub fn trace_to(&mut self, sink: Option<TraceSink>) {
        self.sink = sink;
    }

    /// Reports a contradiction that was found from outside, between two events.
    pub fn contradicted(&mut self, property: &'static str, contradiction: Contradiction) -> Box<Failure> {
        self.fail(property, contradiction);
        let Some(failure) = self.failure.clone() else { unreachable!("a failure was just reported") };
        failure
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
        if let Some(sink) = &mut self.sink {
            sink(&line);
        }
    }

    fn fail(&mut self, property: &'static str, contradiction: Contradiction) {
        if self.failure.is_some() {
            return;
        }
        let property = contradiction.rule.unwrap_or(property);
        self.failure = Some(Box::new(Failure {
            property,
            contradiction,
            scenario: self.config.scenario.clone(),
            seed: self.seed,
            at_ms: self.now_ms,
            effects: self.effects,
            recent: self.trace.recent().copied().collect(),
            replay: self.config.is_test.then(|| {
                let Self { seed, config, .. } = self;
                let test = &config.scenario;
                format!("CROSSTIE_SEED={seed} cargo nextest run --cargo-profile ci -p simulator -E 'test({test})'")
            }),
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
                contents: crate::property::reading::Contents::default(),
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

#[cfg(test)]
mod tests;
