//! The event loop: one thread that owns every replica, hands events to them and carries out their effects.

use super::Progress;
use super::couriers::{CourierTask, CourierTasks};
use super::durability::{BarrierRequest, CommitRequest};
use super::inbound::Room;
use super::lanes::{Item, Lane};
use super::measures::Measures;
use super::peers::PeerBook;
use super::workers::{Task, Workers};
use crate::evidence::{EvidenceFolder, Kept};
use bridge_courier::driver::CourierMessage;
use chain_engine::{
    JobResult, Mark, PublishedBlock, Replica, ReplicaEffect, ReplicaEvent, ReplicaTimer, ReplyToken, SubmitResult,
    Token,
};
use chain_state::StateMachine;
use ledger_protocol::chain::{Equivocation, Input};
use ledger_protocol::{ChainId, TimestampMs};
use node_network::{EndpointHandle, Frame, Inbound, Lane as NetworkLane};
use node_storage::{ConsensusLog, LogEntry, ReplicaPrefix, ReplicaStore};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{broadcast, oneshot, watch};

/// Something for the loop.
#[derive(Debug)]
pub(super) enum LoopEvent {
    /// Frames and connection news of one endpoint.
    Inbound { endpoint: usize, batch: Vec<Inbound> },
    /// A job has ended.
    Done { replica: usize, token: Token, result: JobResult },
    /// A barrier or a commit is durable.
    Persisted { replica: usize, token: Token, committed: bool },
    /// A client's input.
    Submit {
        replica: usize,
        token: u64,
        input: Box<Input>,
        /// `None` when nobody waits.
        answer: Option<oneshot::Sender<SubmitResult>>,
    },
    /// The disk failed: everything stops.
    Fatal(String),
    /// Stop cleanly.
    Stop,
}

/// The kind byte of a replica's log entries.
pub(super) const ENTRY_KIND: u8 = 1;

/// A replica in the loop.
pub(super) struct Hosted {
    pub(super) name: String,
    pub(super) chain: ChainId,
    /// `None` once it halted.
    pub(super) replica: Option<Replica>,
    pub(super) machine: Arc<dyn StateMachine>,
    pub(super) store: ReplicaStore,
    pub(super) prefix: ReplicaPrefix,
    pub(super) endpoint: usize,
    pub(super) book: PeerBook,
    pub(super) lane: Lane,
    pub(super) timers: BTreeSet<ReplicaTimer>,
    pub(super) replies: BTreeMap<u64, oneshot::Sender<SubmitResult>>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) published: broadcast::Sender<Arc<PublishedBlock>>,
}

/// Everything the loop works with.
pub(super) struct EventLoop {
    pub(super) replicas: Vec<Hosted>,
    pub(super) endpoints: Vec<EndpointHandle>,
    pub(super) log: Arc<ConsensusLog>,
    /// A replica has at most one commit and a few barriers under way, so these two hold no more than that each.
    pub(super) barriers: mpsc::Sender<BarrierRequest>,
    pub(super) commits: mpsc::Sender<CommitRequest>,
    pub(super) workers: Workers,
    pub(super) room: Room,
    pub(super) measures: Arc<Measures>,
    pub(super) evidence: EvidenceFolder,
    pub(super) failure: Arc<Mutex<Option<String>>>,
    pub(super) timers: BinaryHeap<Reverse<(Instant, u64, usize, ReplicaTimer)>>,
    pub(super) timer_count: u64,
    /// Which replica of a chain an endpoint serves.
    pub(super) routes: BTreeMap<(usize, ChainId), usize>,
    pub(super) couriers: CourierTasks,
    /// Why the whole process must stop, once it must.
    pub(super) broken: Option<String>,
}

fn now() -> TimestampMs {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

/// Most events taken in a row before timers are looked at again.
const MAX_IN_A_ROW: usize = 512;

impl EventLoop {
    /// Runs until it is told to stop, or the disk fails.
    pub(super) fn run(mut self, events: &mpsc::Receiver<LoopEvent>) {
        for index in 0..self.replicas.len() {
            self.give(index, ReplicaEvent::Start);
        }
        let measures = Arc::clone(&self.measures);
        loop {
            let wait = self
                .timers
                .peek()
                .map_or(Duration::from_secs(1), |Reverse((at, ..))| at.saturating_duration_since(Instant::now()));
            let first = match events.recv_timeout(wait) {
                Ok(event) => Some(event),
                Err(mpsc::RecvTimeoutError::Timeout) => None,
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            };
            let goes_on = measures.consensus.measure(1, || {
                let mut next = first;
                let mut taken = 0;
                while let Some(event) = next.take() {
                    if !self.take(event) || self.is_broken() {
                        return false;
                    }
                    taken += 1;
                    if taken < MAX_IN_A_ROW {
                        next = events.try_recv().ok();
                    }
                }
                self.fire_timers();
                !self.is_broken()
            });
            if !goes_on {
                break;
            }
        }
        self.workers.close();
    }

    /// Whether the disk failed; then no replica does anything more.
    fn is_broken(&mut self) -> bool {
        let Some(reason) = self.broken.clone() else { return false };
        tracing::error!("{reason}; this process stops, because nothing signed may be ahead of the disk");
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.clone());
        for hosted in &mut self.replicas {
            hosted.replica = None;
            hosted.progress.send_modify(|progress| progress.halted = Some(reason.clone()));
        }
        true
    }

    /// Handles one event; `false` ends the loop.
    fn take(&mut self, event: LoopEvent) -> bool {
        match event {
            LoopEvent::Inbound { endpoint, batch } => {
                self.room.give_back(batch.len());
                for inbound in batch {
                    self.inbound(endpoint, inbound);
                }
            }
            LoopEvent::Done { replica, token, result } => {
                if let Some(hosted) = self.replicas.get_mut(replica) {
                    hosted.lane.job_ended();
                }
                self.pump(replica);
                self.give(replica, ReplicaEvent::Done { token, result });
            }
            LoopEvent::Persisted { replica, token, committed } => {
                if committed && let Some(hosted) = self.replicas.get_mut(replica) {
                    hosted.lane.commit_ended();
                }
                self.pump(replica);
                self.give(replica, ReplicaEvent::Persisted { token });
            }
            LoopEvent::Submit { replica, token, input, answer } => {
                if let Some(hosted) = self.replicas.get_mut(replica).filter(|hosted| hosted.replica.is_some()) {
                    if let Some(answer) = answer {
                        hosted.replies.insert(token, answer);
                    }
                    self.give(replica, ReplicaEvent::Submit { input, reply: ReplyToken(token) });
                }
            }
            LoopEvent::Fatal(reason) => self.broken = Some(reason),
            LoopEvent::Stop => return false,
        }
        true
    }

    fn inbound(&mut self, endpoint: usize, inbound: Inbound) {
        match inbound {
            Inbound::Frame { from, frame } => {
                if frame.lane == NetworkLane::Courier && CourierMessage::is_one(&frame.payload) {
                    let (chain, bytes) = (frame.chain, frame.payload.to_vec());
                    self.tell_couriers(CourierTask::Message { endpoint, from, chain, bytes });
                    return;
                }
                let Some(index) = self.routes.get(&(endpoint, frame.chain)).copied() else { return };
                let Some(lane) = engine_lane(frame.lane) else { return };
                let Some(from) = self.replicas.get(index).and_then(|hosted| hosted.book.peer(&from)) else { return };
                self.give(index, ReplicaEvent::Message { from, lane, bytes: frame.payload.to_vec() });
            }
            Inbound::Connected { peer, .. } => self.connection(endpoint, &peer, true),
            Inbound::Disconnected { peer, .. } => self.connection(endpoint, &peer, false),
        }
    }

    fn tell_couriers(&self, task: CourierTask) {
        self.couriers.give(task);
    }

    fn connection(&mut self, endpoint: usize, key: &node_network::PeerKey, up: bool) {
        self.tell_couriers(CourierTask::Link { endpoint, key: *key, up });
        for index in 0..self.replicas.len() {
            let peer = self
                .replicas
                .get(index)
                .filter(|hosted| hosted.endpoint == endpoint)
                .and_then(|hosted| hosted.book.peer(key));
            if let Some(peer) = peer {
                self.give(index, if up { ReplicaEvent::PeerUp(peer) } else { ReplicaEvent::PeerDown(peer) });
            }
        }
    }

    fn fire_timers(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, _, replica, timer))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            let live = self.replicas.get_mut(replica).is_some_and(|hosted| hosted.timers.remove(&timer));
            if live {
                self.give(replica, ReplicaEvent::Timer(timer));
            }
        }
    }

    /// Gives an event to a replica and carries out what it asks for.
    fn give(&mut self, index: usize, event: ReplicaEvent) {
        let Some(hosted) = self.replicas.get_mut(index) else { return };
        let Some(replica) = hosted.replica.as_mut() else { return };
        let mut effects = Vec::new();
        let step = replica.on(now(), event, &mut effects);
        for effect in effects {
            self.carry_out(index, effect);
            if self.broken.is_some() {
                return;
            }
        }
        if let Err(halt) = step {
            self.halt(index, halt.to_string());
        }
        self.pump(index);
    }

    fn halt(&mut self, index: usize, reason: String) {
        if let Some(hosted) = self.replicas.get_mut(index) {
            tracing::error!(replica = %hosted.name, "halted: {reason}");
            hosted.replica = None;
            hosted.replies.clear();
            hosted.progress.send_modify(|progress| progress.halted = Some(reason));
        }
    }

    fn carry_out(&mut self, index: usize, effect: ReplicaEffect) {
        let Some(hosted) = self.replicas.get_mut(index) else { return };
        match effect {
            ReplicaEffect::Send { to, lane, bytes } => {
                let keys: Vec<_> = to.iter().filter_map(|peer| hosted.book.key(peer)).collect();
                let frame = Frame { chain: hosted.chain, lane: network_lane(lane), payload: bytes.into() };
                if let Some(endpoint) = self.endpoints.get(hosted.endpoint) {
                    // A frame that finds no room is lost; every protocol above repeats itself.
                    let _lost = endpoint.broadcast(&keys, frame);
                }
            }
            ReplicaEffect::SetTimer { id, after_ms } => {
                hosted.timers.insert(id);
                self.timer_count += 1;
                let at = Instant::now() + Duration::from_millis(after_ms);
                self.timers.push(Reverse((at, self.timer_count, index, id)));
            }
            ReplicaEffect::CancelTimer(id) => {
                hosted.timers.remove(&id);
            }
            ReplicaEffect::Work { token, job } => hosted.lane.push(Item::Job { token, job }),
            ReplicaEffect::Commit { token, batch, height } => {
                hosted.lane.push(Item::Commit { token, batch, height });
            }
            ReplicaEffect::AppendLog { height, entry } => {
                let entry = LogEntry { replica: hosted.prefix, height: height.0, kind: ENTRY_KIND, payload: entry };
                if let Err(fault) = self.log.append(&entry) {
                    // Nothing that follows from the entry may leave, of any replica: the log is one for all.
                    self.broken = Some(format!("the log failed: {fault}"));
                }
            }
            ReplicaEffect::Barrier { token } => {
                // The thread is gone only when the log failed, which it has reported.
                let _ignored = self.barriers.send(BarrierRequest { replica: index, token });
            }
            ReplicaEffect::Published(block) => {
                hosted.progress.send_modify(|progress| progress.height = block.header.height.0);
                // Nobody has to listen.
                let _ignored = hosted.published.send(Arc::clone(&block));
                self.tell_couriers(CourierTask::Published { replica: index, block });
            }
            ReplicaEffect::Reply { reply, result } => {
                if let Some(answer) = hosted.replies.remove(&reply.0) {
                    // A client that went away needs no answer.
                    let _ignored = answer.send(result);
                } else if let SubmitResult::Refused { code, reason, .. } = result {
                    tracing::debug!(replica = %hosted.name, %code, "a courier's input is refused: {reason}");
                }
            }
            ReplicaEffect::Dropped { input, code, reason } => {
                tracing::debug!(replica = %hosted.name, %input, %code, "dropped from the pool: {reason}");
            }
            ReplicaEffect::Equivocation(equivocation) => keep(&self.evidence, &hosted.name, &equivocation),
            ReplicaEffect::Misbehaved { peer, reason } => {
                tracing::warn!(replica = %hosted.name, ?peer, "misbehaved: {reason}");
            }
            ReplicaEffect::Observe(mark) => observe(hosted, mark),
        }
    }

    /// Begins whatever of a replica's jobs and commits may begin.
    fn pump(&mut self, index: usize) {
        let Some(hosted) = self.replicas.get_mut(index) else { return };
        while let Some(item) = hosted.lane.pop() {
            match item {
                Item::Job { token, job } => self.workers.push(Task {
                    replica: index,
                    token,
                    job,
                    machine: Arc::clone(&hosted.machine),
                    store: hosted.store.clone(),
                }),
                Item::Commit { token, batch, height } => {
                    let prefix = hosted.prefix;
                    // The thread is gone only when the store failed, which it has reported.
                    let _ignored = self.commits.send(CommitRequest { replica: index, token, prefix, batch, height });
                }
            }
        }
    }
}

/// Keeps what convicts a validator before the commit that follows is carried out. A disk that cannot is a reason to
/// complain, not to stop: nothing of the chain hangs on it, and the other validators keep theirs.
fn keep(evidence: &EvidenceFolder, replica: &str, equivocation: &Equivocation) {
    let (validator, height, round) = (equivocation.address(), equivocation.height, equivocation.round);
    let step = equivocation.contradiction.step();
    match evidence.keep(equivocation) {
        Ok(Kept::New(file)) => tracing::error!(
            replica, %validator, %height, %round, %step,
            "a validator signed twice; report it: crosstie chain report-equivocation {}", file.display()
        ),
        Ok(Kept::Known) => tracing::debug!(replica, %validator, %height, "a validator signed twice, as is known"),
        Ok(Kept::Full) => {
            tracing::warn!(replica, %validator, %height, %round, %step, "a validator signed twice, as often before");
        }
        Err(error) => tracing::error!(
            replica, %validator, %height, %round, %step,
            "a validator signed twice, and what convicts it cannot be kept: {error}"
        ),
    }
}

fn observe(hosted: &Hosted, mark: Mark) {
    match mark {
        Mark::Pool { count, .. } => {
            hosted.progress.send_if_modified(|progress| std::mem::replace(&mut progress.pool, count) != count);
        }
        Mark::Behind { blocks } => {
            hosted.progress.send_if_modified(|progress| std::mem::replace(&mut progress.behind, blocks) != blocks);
        }
        _ => {}
    }
}

const fn network_lane(lane: chain_engine::Lane) -> NetworkLane {
    match lane {
        chain_engine::Lane::Consensus => NetworkLane::Consensus,
        chain_engine::Lane::Block => NetworkLane::Block,
        chain_engine::Lane::Sync => NetworkLane::Sync,
        chain_engine::Lane::Transactions => NetworkLane::Transactions,
        chain_engine::Lane::Courier => NetworkLane::Courier,
    }
}

const fn engine_lane(lane: NetworkLane) -> Option<chain_engine::Lane> {
    Some(match lane {
        NetworkLane::Consensus => chain_engine::Lane::Consensus,
        NetworkLane::Block => chain_engine::Lane::Block,
        NetworkLane::Sync => chain_engine::Lane::Sync,
        NetworkLane::Transactions => chain_engine::Lane::Transactions,
        NetworkLane::Courier => chain_engine::Lane::Courier,
    })
}
