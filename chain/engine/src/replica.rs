//! One replica of one chain: the state machine that ties pool, consensus, execution, commit and block sync together.
//!
//! The parts stand in files of their own; this one holds what they share and hands every event to its part.

mod agree;
mod build;
mod decide;
mod doubt;
mod follow;
mod gather;
mod ingress;
mod judge;
mod open;
mod pace;

use crate::candidates::Candidates;
use crate::job::{Job, JobResult};
use crate::mempool::{Mempool, PoolLimits};
use crate::port::{
    Lane, Mark, Peer, Phase, PublishedBlock, ReplicaEffect, ReplicaEvent, ReplicaHalt, ReplicaTimer, Token,
};
use crate::replay::ReplayWindow;
use crate::rows::Tip;
use crate::sync::Sync;
use crate::verified::VerifiedSet;
use chain_consensus::{BarrierId, Consensus, Event};
use chain_state::StateMachine;
use ledger_protocol::chain::{CertificateKind, FinalityCertificate, Genesis};
use ledger_protocol::{Address, ChainId, Hash, Height, Round, TimestampMs};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

type Effects = Vec<ReplicaEffect>;
type Step = Result<(), ReplicaHalt>;

/// What a replica is made of.
pub struct ReplicaSetup {
    /// The chain's rules.
    pub machine: Arc<dyn StateMachine>,
    /// How its blocks are agreed on.
    pub consensus: Box<dyn Consensus>,
    /// The chain.
    pub genesis: Genesis,
    /// The address of this node's validator key; `None` for an observer.
    pub own_address: Option<Address>,
    /// This node among the peers.
    pub own_peer: Peer,
    /// Bounds.
    pub limits: ReplicaLimits,
}

impl fmt::Debug for ReplicaSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplicaSetup").field("own_address", &self.own_address).field("limits", &self.limits).finish()
    }
}

/// Bounds of a replica's queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaLimits {
    /// Of the pool.
    pub pool: PoolLimits,
    /// Most inputs on their way into the pool.
    pub ingress_count: usize,
    /// Most bytes on their way into the pool.
    pub ingress_bytes: usize,
    /// Most transactions remembered as verified.
    pub verified_count: usize,
}

impl Default for ReplicaLimits {
    fn default() -> Self {
        Self { pool: PoolLimits::default(), ingress_count: 16_384, ingress_bytes: 64 << 20, verified_count: 200_000 }
    }
}

/// What an answer is for.
#[derive(Debug)]
enum Purpose {
    VerifyIngress(Vec<ingress::Arrival>),
    AdmitIngress(Vec<ingress::Arrival>),
    Readmit(Vec<Hash>),
    VerifyBlock(Hash),
    ExecuteBlock(Hash),
    Build,
    SyncedCertificate(Hash),
    ServeBlocks(Peer),
}

/// Where the replica stands between two heights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Not started, or a commit is on its way to the disk.
    Idle,
    /// Waits for work or the heartbeat before it starts the next height.
    Waiting { earliest: TimestampMs, latest: TimestampMs },
    /// Consensus runs for the next height.
    Running,
}

#[derive(Debug)]
struct Committing {
    token: Token,
    tip: Arc<Tip>,
    published: Option<Arc<PublishedBlock>>,
    leaves: Vec<ledger_protocol::chain::InputLeaf>,
}

#[derive(Debug)]
struct Decided {
    height: Height,
    header_hash: Hash,
    certificate: FinalityCertificate,
}

/// What an engine timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    /// The next height may, or must, begin.
    Pace,
    /// A block under discussion was not sent.
    Fetch(Hash),
    /// A height takes long.
    Stuck,
    /// A sync request, or the grace before one, is over.
    Sync,
    /// What was gathered before the signatures may begin.
    Gather,
}

/// One replica of one chain.
pub struct Replica {
    machine: Arc<dyn StateMachine>,
    consensus: Box<dyn Consensus>,
    chain: ChainId,
    kind: CertificateKind,
    own_address: Option<Address>,
    own_peer: Peer,
    limits: ReplicaLimits,
    now: TimestampMs,
    tip: Arc<Tip>,
    genesis: Option<crate::commit::Prepared>,
    doubt: doubt::Doubt,
    standing: Standing,
    committing: Option<Committing>,
    decided: Option<Decided>,
    replay: ReplayWindow,
    pool: Mempool,
    ingress: ingress::Ingress,
    verified: VerifiedSet,
    candidates: Candidates,
    build: Option<build::Build>,
    /// The build that begins when what waits in the pool has been judged again.
    build_after_readmission: Option<(Height, Round)>,
    fetches: BTreeMap<Hash, u32>,
    sync: Sync,
    /// Consensus entries of the log, for the first start.
    log: Option<Vec<Vec<u8>>>,
    consensus_events: VecDeque<Event>,
    driving: bool,
    barriers: BTreeMap<Token, BarrierId>,
    jobs: BTreeMap<Token, Purpose>,
    alarms: BTreeMap<Alarm, u64>,
    /// When this replica saw the tip become durable.
    tip_at: TimestampMs,
    /// Validators that are at work on the next height.
    ahead: BTreeSet<Peer>,
    stuck_count: u32,
    counter: u64,
    /// Whether it found blocks on its disk.
    #[cfg(feature = "planted-bugs")]
    was_down: bool,
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica")
            .field("chain", &self.chain)
            .field("height", &self.tip.header.height)
            .field("standing", &self.standing)
            .field("pool", &self.pool.len())
            .finish_non_exhaustive()
    }
}

impl Replica {
    /// Takes one event; effects are appended in order. `now` is the host's clock; it never decides validity, except
    /// that of a block proposed for the first time.
    ///
    /// # Errors
    /// [`ReplicaHalt`]: the replica must stop; it is not called again.
    pub fn on(&mut self, now: TimestampMs, event: ReplicaEvent, effects: &mut Effects) -> Step {
        self.now = now;
        match event {
            ReplicaEvent::Start => self.begin(effects),
            ReplicaEvent::Message { from, lane, bytes } => self.message(from, lane, bytes, effects),
            ReplicaEvent::Timer(ReplicaTimer::Consensus(id)) => self.tell(Event::Timer(id), effects),
            ReplicaEvent::Timer(ReplicaTimer::Engine(id)) => self.alarm(id, effects),
            ReplicaEvent::Persisted { token } => self.persisted(token, effects),
            ReplicaEvent::Done { token, result } => self.done(token, result, effects),
            ReplicaEvent::Submit { input, reply } => self.submit(*input, reply, effects),
            ReplicaEvent::PeerUp(peer) => self.peer_up(peer, effects),
            ReplicaEvent::PeerDown(peer) => self.peer_down(peer, effects),
        }
    }

    /// The chain.
    pub const fn chain(&self) -> ChainId {
        self.chain
    }

    /// The newest durable block.
    pub fn tip(&self) -> &Tip {
        &self.tip
    }

    /// The chain's rules: what runs the jobs.
    pub fn machine(&self) -> Arc<dyn StateMachine> {
        Arc::clone(&self.machine)
    }

    /// Whether an input waits in the pool: a transaction's id, or the hash of a system input.
    pub fn waits(&self, input: &Hash) -> bool {
        self.pool.contains(input)
    }

    /// Inputs in the pool and their bytes.
    pub fn pool_usage(&self) -> (usize, usize) {
        (self.pool.len(), self.pool.bytes())
    }

    /// The greatest height that a connected peer says it has.
    pub fn best_peer_height(&self) -> Height {
        self.sync.best()
    }

    fn message(&mut self, from: Peer, lane: Lane, bytes: Vec<u8>, effects: &mut Effects) -> Step {
        match lane {
            Lane::Consensus => self.consensus_message(from, bytes, effects),
            Lane::Block => self.block_message(from, &bytes, effects),
            Lane::Sync => self.sync_message(from, &bytes, effects),
            Lane::Transactions | Lane::Courier => self.gossip_message(from, &bytes, effects),
        }
    }

    fn persisted(&mut self, token: Token, effects: &mut Effects) -> Step {
        if let Some(barrier) = self.barriers.remove(&token) {
            return self.tell(Event::Persisted(barrier), effects);
        }
        match self.committing.take_if(|committing| committing.token == token) {
            Some(committing) => self.committed(committing, effects),
            None => Ok(()),
        }
    }

    fn done(&mut self, token: Token, result: JobResult, effects: &mut Effects) -> Step {
        let Some(purpose) = self.jobs.remove(&token) else { return Ok(()) };
        match (purpose, result) {
            (Purpose::VerifyIngress(arrivals), JobResult::Verified(verdicts)) => {
                self.ingress_verified(arrivals, &verdicts, effects)
            }
            (Purpose::AdmitIngress(arrivals), JobResult::Admitted(answers)) => {
                self.ingress_admitted(arrivals, answers?, effects)
            }
            (Purpose::Readmit(hashes), JobResult::Admitted(answers)) => {
                self.readmitted(&hashes, answers?, effects);
                self.build_if_readmitted(effects)
            }
            (Purpose::VerifyBlock(hash), JobResult::Verified(verdicts)) => {
                self.block_verified(&hash, &verdicts, effects)
            }
            (Purpose::ExecuteBlock(hash), JobResult::Executed(executed)) => {
                self.block_executed(&hash, executed, effects)
            }
            (Purpose::Build, JobResult::Executed(executed)) => self.build_executed(token, executed, effects),
            (Purpose::SyncedCertificate(hash), JobResult::Certificate(good)) => {
                self.synced_certificate(&hash, good, effects)
            }
            (Purpose::ServeBlocks(peer), JobResult::Blocks(blocks)) => self.serve_blocks(peer, blocks?, effects),
            _ => Err(ReplicaHalt::Invariant("a job is answered by its own kind of result")),
        }
    }

    fn alarm(&mut self, id: u64, effects: &mut Effects) -> Step {
        let Some(alarm) = self.alarms.iter().find(|(_, set)| **set == id).map(|(alarm, _)| *alarm) else {
            return Ok(());
        };
        self.alarms.remove(&alarm);
        match alarm {
            Alarm::Pace => self.pace(effects),
            Alarm::Fetch(hash) => {
                self.fetch(hash, effects);
                Ok(())
            }
            Alarm::Stuck => {
                self.stuck(effects);
                Ok(())
            }
            Alarm::Sync => {
                self.sync_alarm(effects);
                Ok(())
            }
            Alarm::Gather => {
                self.flush_ingress(effects);
                Ok(())
            }
        }
    }

    fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn next_height(&self) -> Height {
        self.tip.header.height.saturating_add(1)
    }

    fn work(&mut self, purpose: Purpose, phase: Option<Phase>, job: Job, effects: &mut Effects) -> Token {
        let token = Token(self.next_number());
        if let Some(phase) = phase {
            effects.push(ReplicaEffect::Observe(Mark::Begin { phase, height: self.next_height(), count: job.count() }));
        }
        self.jobs.insert(token, purpose);
        effects.push(ReplicaEffect::Work { token, job });
        token
    }

    fn ended(&self, phase: Phase, count: usize, effects: &mut Effects) {
        let mark = Mark::End { phase, height: self.next_height(), count: count as u64 };
        effects.push(ReplicaEffect::Observe(mark));
    }

    fn set_alarm(&mut self, alarm: Alarm, after_ms: u64, effects: &mut Effects) {
        self.clear_alarm(alarm, effects);
        let id = self.next_number();
        self.alarms.insert(alarm, id);
        effects.push(ReplicaEffect::SetTimer { id: ReplicaTimer::Engine(id), after_ms });
    }

    fn clear_alarm(&mut self, alarm: Alarm, effects: &mut Effects) {
        if let Some(id) = self.alarms.remove(&alarm) {
            effects.push(ReplicaEffect::CancelTimer(ReplicaTimer::Engine(id)));
        }
    }

    /// The other validators of the next height.
    fn validators(&self) -> Vec<Peer> {
        let all = self.tip.next_validators.validators().iter().map(|validator| Peer(validator.network_key_hash));
        all.filter(|peer| *peer != self.own_peer).collect()
    }

    fn is_validator(&self, peer: &Peer) -> bool {
        self.tip.next_validators.validators().iter().any(|validator| validator.network_key_hash == peer.0)
    }

    fn send(&self, to: Vec<Peer>, lane: Lane, bytes: Vec<u8>, effects: &mut Effects) {
        if !to.is_empty() {
            effects.push(ReplicaEffect::Send { to, lane, bytes });
        }
    }
}

#[cfg(test)]
mod tests;
