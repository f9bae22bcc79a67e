//! A deterministic host for whole validator sets: virtual time, a network with seeded delay and loss, and per
//! validator one ordered log with a durable prefix and a tail that a power cut may take.
//!
//! A *point* is a place where a process may die: before every effect, before each peer of a send, and before and
//! after every barrier. The same scenario has the same points, so all of them can be enumerated.

use super::super::context::{CoreInput, Member};
use super::super::encoding::{Message, decode_entry};
use super::super::{BftConfig, BftConsensus, BftTimeouts};
use crate::port::{BarrierId, Consensus, Effect, Event, Halt, HeightSettings, TimerId, VoteSigner};
use crate::proposer_order::{RecentHeader, proposer_order};
use ledger_protocol::chain::{CertificateKind, FinalityCertificate, Validator, ValidatorSet};
use ledger_protocol::codec::Text;
use ledger_protocol::suite::{Digester, SecretKey};
use ledger_protocol::{Address, ChainId, Hash, Height, PublicKey, Round, Signature, Suite, TimestampMs};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

pub(super) struct Key(pub(super) SecretKey);

impl VoteSigner for Key {
    fn public_key(&self) -> PublicKey {
        self.0.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, String> {
        Ok(self.0.sign(message))
    }
}

pub(super) fn chain(suite: Suite) -> ChainId {
    ChainId { suite, hash: Hash([9; 32]) }
}

pub(super) fn config(suite: Suite) -> BftConfig {
    let timeouts = BftTimeouts {
        propose_ms: 120,
        propose_delta_ms: 40,
        prevote_ms: 60,
        prevote_delta_ms: 40,
        precommit_ms: 60,
        precommit_delta_ms: 40,
        rebroadcast_ms: 200,
        longest_ms: 60_000,
    };
    BftConfig { chain: chain(suite), kind: CertificateKind::Bft, timeouts }
}

/// Keys in set order, and the set.
pub(super) fn validators(suite: Suite, powers: &[u64]) -> (Vec<SecretKey>, ValidatorSet) {
    let mut keys: Vec<SecretKey> =
        (0..powers.len()).map(|number| SecretKey::from_seed(suite, [number as u8 + 1; 32])).collect();
    keys.sort_by_key(SecretKey::public_key);
    let validators = keys.iter().zip(powers).map(|(key, power)| Validator {
        public_key: key.public_key(),
        power: *power,
        organisation: Text::new("bank").unwrap(),
        network_key_hash: Hash([1; 32]),
    });
    let set = ValidatorSet::new(suite, validators.collect()).unwrap();
    (keys, set)
}

/// What a crash does to what was not durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tail {
    /// A power cut: gone.
    Lost,
    /// A power cut: a random part is gone.
    Half,
    /// The process died: all there, and still not durable.
    Kept,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Who {
    Executing,
    All,
}

/// How well the host keeps the port's rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Host {
    Good,
    /// Says that a barrier is durable when nothing is.
    LyingDisk,
    /// Forgets the log when it starts again.
    NoReplay,
}

#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) suite: Suite,
    pub(super) powers: Vec<u64>,
    pub(super) seed: u64,
    pub(super) loss_percent: u64,
    pub(super) slow_blocks: bool,
    pub(super) target: u64,
    pub(super) dead: Vec<usize>,
    /// A validator that starts only after so many milliseconds.
    pub(super) late: Option<(usize, u64)>,
    /// A validator that finds every block of the others untimely.
    pub(super) refuses: Option<usize>,
    /// Faults of the host itself: the checks must see them.
    pub(super) host: Host,
    pub(super) tails: Vec<Tail>,
    pub(super) who: Who,
    /// Points at which to crash, ascending.
    pub(super) plan: Vec<u64>,
    pub(super) cap_ms: u64,
}

impl Scenario {
    pub(super) fn smooth(seed: u64) -> Self {
        Self {
            suite: Suite::Standard,
            powers: vec![1; 4],
            seed,
            loss_percent: 0,
            slow_blocks: false,
            target: 6,
            dead: Vec::new(),
            late: None,
            refuses: None,
            host: Host::Good,
            tails: vec![Tail::Lost],
            who: Who::Executing,
            plan: Vec::new(),
            cap_ms: 120_000,
        }
    }

    pub(super) fn lossy(seed: u64) -> Self {
        Self { loss_percent: 12, slow_blocks: true, ..Self::smooth(seed) }
    }
}

#[derive(Clone)]
struct Block {
    height: Height,
    round: Round,
    valid_round: Option<Round>,
    body: Arc<Vec<u8>>,
}

/// A body is a little header: height, round of its building, position of its builder, a serial number.
fn body(height: Height, round: Round, builder: usize, serial: u64) -> Vec<u8> {
    [height.0.to_le_bytes(), u64::from(round.0).to_le_bytes(), (builder as u64).to_le_bytes(), serial.to_le_bytes()]
        .concat()
}

fn header_of(body: &[u8]) -> (Height, Round, usize) {
    let number = |at: usize| u64::from_le_bytes(body[at * 8..at * 8 + 8].try_into().unwrap());
    (Height(number(0)), Round(number(1) as u32), number(2) as usize)
}

enum Op {
    Body(Hash, Arc<Vec<u8>>),
    Entry(Height, Vec<u8>),
    Commit(Height, Hash, FinalityCertificate),
}

#[derive(Default)]
struct Disk {
    log: Vec<Op>,
    durable: usize,
    barriers: u64,
}

impl Disk {
    fn height(&self) -> u64 {
        self.log.iter().filter(|op| matches!(op, Op::Commit(..))).count() as u64
    }

    fn body(&self, hash: &Hash) -> Option<Arc<Vec<u8>>> {
        self.log.iter().find_map(|op| match op {
            Op::Body(of, body) if of == hash => Some(body.clone()),
            _ => None,
        })
    }

    fn commit(&self, height: Height) -> Option<(Hash, FinalityCertificate)> {
        self.log.iter().find_map(|op| match op {
            Op::Commit(of, hash, certificate) if *of == height => Some((*hash, certificate.clone())),
            _ => None,
        })
    }

    fn entries(&self, height: Height) -> Vec<Vec<u8>> {
        let entries = self.log.iter().filter_map(|op| match op {
            Op::Entry(of, bytes) if *of == height => Some(bytes.clone()),
            _ => None,
        });
        entries.collect()
    }
}

enum Happening {
    Restart,
    Tell(Event),
    Timer(TimerId),
    Persist(BarrierId, usize),
    Begin(Height),
    Build(Height, Round),
    Block(Block),
    Want(Height, Hash),
    Request(usize, Height, Hash),
    Poll,
    SyncRequest(usize, Height),
    SyncAnswer(Height, Arc<Vec<u8>>, FinalityCertificate),
}

/// A message's place, and what it says there.
type Place = (usize, u64, u32, u8);
type Says = (Option<Hash>, Option<u32>);

struct Node {
    key: SecretKey,
    address: Address,
    instance: Option<BftConsensus>,
    process: u64,
    disk: Disk,
    timers: BTreeSet<TimerId>,
    early: Vec<Block>,
    /// Own messages that no power cut can take.
    signed_durably: BTreeSet<(Place, Says)>,
    halt: Option<Halt>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) points: u64,
    pub(super) crashes: u64,
    pub(super) restarts: u64,
    pub(super) replayed: u64,
    pub(super) commits: u64,
    pub(super) barriers: u64,
    pub(super) synced: u64,
    pub(super) max_round: u32,
    pub(super) reproposals: u64,
    pub(super) signed: u64,
    /// Places for which a signature was lost with the power and another message was signed later.
    pub(super) unseen: u64,
    pub(super) trace: Vec<u8>,
    pub(super) at_ms: u64,
    pub(super) dropped: u64,
    pub(super) faults: Vec<String>,
}

struct Crash;

pub(super) struct World {
    scenario: Scenario,
    set: ValidatorSet,
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: BTreeMap<u64, (usize, Option<u64>, Happening)>,
    sequence: u64,
    now_us: u64,
    random: u64,
    serial: u64,
    plan: Vec<u64>,
    nodes: Vec<Node>,
    /// What was ever durable or published, by place: nothing may stand there twice.
    signed: BTreeMap<Place, BTreeSet<Says>>,
    /// What was ever signed in memory. A power cut takes such a signature before anybody sees it.
    made: BTreeMap<Place, BTreeSet<Says>>,
    chain: BTreeMap<u64, Hash>,
    trace: Digester,
    outcome: Outcome,
}

pub(super) fn run(scenario: &Scenario) -> Outcome {
    World::new(scenario.clone()).run()
}

impl World {
    fn new(scenario: Scenario) -> Self {
        let (keys, set) = validators(scenario.suite, &scenario.powers);
        let nodes = keys.into_iter().map(|key| Node {
            address: key.address(),
            key,
            instance: None,
            process: 0,
            disk: Disk::default(),
            timers: BTreeSet::new(),
            early: Vec::new(),
            signed_durably: BTreeSet::new(),
            halt: None,
        });
        let mut plan = scenario.plan.clone();
        plan.reverse();
        Self {
            set,
            heap: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            sequence: 0,
            now_us: 0,
            random: scenario.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            serial: 0,
            plan,
            nodes: nodes.collect(),
            signed: BTreeMap::new(),
            made: BTreeMap::new(),
            chain: BTreeMap::new(),
            trace: Suite::Standard.digester(),
            outcome: Outcome::default(),
            scenario,
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % below
    }

    fn later(&mut self, after_us: u64, node: usize, process: Option<u64>, happening: Happening) {
        self.sequence += 1;
        self.heap.push(Reverse((self.now_us + after_us, self.sequence)));
        self.happenings.insert(self.sequence, (node, process, happening));
    }

    fn own(&mut self, after_us: u64, node: usize, happening: Happening) {
        let process = self.nodes[node].process;
        self.later(after_us, node, Some(process), happening);
    }

    fn send(&mut self, to: usize, happening: Happening) {
        let mut delay_us = 1_000 + self.draw(11_000);
        if self.scenario.slow_blocks && matches!(happening, Happening::Block(_)) && self.draw(3) == 0 {
            delay_us += 350_000;
        }
        if self.draw(100) >= self.scenario.loss_percent {
            self.later(delay_us, to, None, happening);
        }
    }

    fn peers(&self, node: usize) -> Vec<usize> {
        (0..self.nodes.len()).filter(|peer| *peer != node).collect()
    }

    fn fault(&mut self, text: String) {
        if self.outcome.faults.len() < 8 {
            self.outcome.faults.push(text);
        }
    }

    fn point(&mut self) -> Result<(), Crash> {
        self.outcome.points += 1;
        if self.plan.last() == Some(&self.outcome.points) {
            self.plan.pop();
            return Err(Crash);
        }
        Ok(())
    }

    fn run(mut self) -> Outcome {
        for node in 0..self.nodes.len() {
            if !self.scenario.dead.contains(&node) {
                let late_ms = self.scenario.late.filter(|(late, _)| *late == node).map_or(0, |(_, ms)| ms);
                self.own(late_ms * 1_000, node, Happening::Restart);
            }
        }
        let living: Vec<usize> = (0..self.nodes.len()).filter(|node| !self.scenario.dead.contains(node)).collect();
        while let Some(Reverse((at_us, sequence))) = self.heap.pop() {
            let (node, process, happening) = self.happenings.remove(&sequence).unwrap();
            if at_us > self.scenario.cap_ms * 1_000 {
                break;
            }
            self.now_us = at_us;
            let up = self.nodes[node].instance.is_some() || matches!(happening, Happening::Restart);
            let same = process.is_none_or(|process| process == self.nodes[node].process);
            if !up || !same || self.scenario.dead.contains(&node) || self.nodes[node].halt.is_some() {
                continue;
            }
            if self.happen(node, happening).is_err() {
                self.crash(node);
            }
            if living.iter().all(|node| self.nodes[*node].disk.height() >= self.scenario.target) {
                break;
            }
        }
        for node in living {
            let height = self.nodes[node].disk.height();
            if let Some(halt) = self.nodes[node].halt.clone() {
                self.fault(format!("validator {node} halted: {halt}"));
            } else if height < self.scenario.target {
                self.fault(format!("validator {node} is stuck at height {height}"));
            }
        }
        let double: Vec<String> = self
            .signed
            .iter()
            .filter(|(_, says)| says.len() > 1)
            .map(|(place, says)| format!("signed twice: {place:?} {says:?}"))
            .collect();
        self.outcome.faults.extend(double);
        let mut outcome = self.outcome;
        outcome.signed = self.signed.len() as u64;
        outcome.unseen = self.made.values().filter(|says| says.len() > 1).count() as u64;
        outcome.barriers = self.nodes.iter().map(|node| node.disk.barriers).sum();
        outcome.dropped = self.nodes.iter().filter_map(|node| node.instance.as_ref()).map(BftConsensus::dropped).sum();
        outcome.trace = self.trace.finish().0.to_vec();
        outcome.at_ms = self.now_us / 1_000;
        outcome
    }

    fn crash(&mut self, executing: usize) {
        let victims = match self.scenario.who {
            Who::Executing => vec![executing],
            Who::All => (0..self.nodes.len()).collect(),
        };
        let tail = self.scenario.tails[(self.outcome.crashes as usize) % self.scenario.tails.len()];
        self.outcome.crashes += 1;
        for victim in victims {
            if self.nodes[victim].instance.is_none() && victim != executing {
                continue;
            }
            let unsynced = (self.nodes[victim].disk.log.len() - self.nodes[victim].disk.durable) as u64;
            let keep = match tail {
                Tail::Lost => 0,
                Tail::Half => self.draw(unsynced + 1),
                Tail::Kept => unsynced,
            };
            let node = &mut self.nodes[victim];
            node.disk.log.truncate(node.disk.durable + keep as usize);
            node.instance = None;
            node.process += 1;
            node.timers.clear();
            node.early.clear();
            let delay_us = 20_000 + self.draw(30_000);
            self.own(delay_us, victim, Happening::Restart);
        }
    }

    fn settings(&self, node: usize, height: Height) -> HeightSettings {
        let disk = &self.nodes[node].disk;
        let recent: Vec<RecentHeader> = (1..height.0)
            .map(|height| {
                let (hash, _) = disk.commit(Height(height)).unwrap();
                let (height, round, builder) = header_of(&disk.body(&hash).unwrap());
                let proposer = self.nodes[builder].address;
                RecentHeader { height, round, proposer }
            })
            .collect();
        let proposer_order = proposer_order(height, &self.set, &recent);
        HeightSettings { height, validators: self.set.clone(), proposer_order, signs: true }
    }

    fn happen(&mut self, node: usize, happening: Happening) -> Result<(), Crash> {
        match happening {
            Happening::Restart => {
                let key = Key(self.nodes[node].key.clone());
                let instance = BftConsensus::new(config(self.scenario.suite), Box::new(key)).unwrap();
                self.nodes[node].instance = Some(instance);
                self.outcome.restarts += u64::from(self.nodes[node].process > 0);
                let height = Height(self.nodes[node].disk.height() + 1);
                let replay = match self.scenario.host {
                    Host::NoReplay => Vec::new(),
                    Host::Good | Host::LyingDisk => self.nodes[node].disk.entries(height),
                };
                self.outcome.replayed += replay.len() as u64;
                let settings = self.settings(node, height);
                let poll_us = 100_000 + self.draw(300_000);
                self.own(poll_us, node, Happening::Poll);
                self.tell(node, Event::Start { settings, replay })
            }
            Happening::Begin(height) => {
                let settings = self.settings(node, height);
                self.tell(node, Event::Start { settings, replay: Vec::new() })?;
                let (now, later) =
                    std::mem::take(&mut self.nodes[node].early).into_iter().partition(|block| block.height <= height);
                self.nodes[node].early = later;
                let now: Vec<Block> = now;
                for block in now {
                    self.block(node, block)?;
                }
                Ok(())
            }
            Happening::Tell(event) => self.tell(node, event),
            Happening::Timer(id) => {
                if self.nodes[node].timers.remove(&id) {
                    return self.tell(node, Event::Timer(id));
                }
                Ok(())
            }
            Happening::Persist(id, length) => {
                self.point()?;
                if self.scenario.host != Host::LyingDisk {
                    self.sync(node, length);
                }
                self.point()?;
                self.tell(node, Event::Persisted(id))
            }
            Happening::Build(height, round) => {
                if self.nodes[node].disk.height() + 1 != height.0 {
                    return Ok(());
                }
                self.serial += 1;
                let body = Arc::new(body(height, round, node, self.serial));
                let header_hash = self.scenario.suite.hash_parts(&[&body]);
                self.nodes[node].disk.log.push(Op::Body(header_hash, body));
                self.tell(node, Event::Built { height, round, header_hash })
            }
            Happening::Block(block) => self.block(node, block),
            Happening::Want(height, hash) => {
                if self.nodes[node].disk.height() >= height.0 {
                    return Ok(());
                }
                if let Some(body) = self.nodes[node].disk.body(&hash) {
                    let (_, round, _) = header_of(&body);
                    return self.block(node, Block { height, round, valid_round: None, body });
                }
                let peer = self.other(node);
                self.send(peer, Happening::Request(node, height, hash));
                self.own(100_000, node, Happening::Want(height, hash));
                Ok(())
            }
            Happening::Request(from, height, hash) => {
                if let Some(body) = self.nodes[node].disk.body(&hash) {
                    let (_, round, _) = header_of(&body);
                    self.send(from, Happening::Block(Block { height, round, valid_round: None, body }));
                }
                Ok(())
            }
            Happening::Poll => {
                let height = Height(self.nodes[node].disk.height() + 1);
                let peer = self.other(node);
                self.send(peer, Happening::SyncRequest(node, height));
                self.own(400_000, node, Happening::Poll);
                Ok(())
            }
            Happening::SyncRequest(from, height) => {
                if let Some((hash, certificate)) = self.nodes[node].disk.commit(height) {
                    let body = self.nodes[node].disk.body(&hash).unwrap();
                    self.send(from, Happening::SyncAnswer(height, body, certificate));
                }
                Ok(())
            }
            Happening::SyncAnswer(height, body, certificate) => {
                if self.nodes[node].disk.height() + 1 != height.0 {
                    return Ok(());
                }
                let header_hash = self.scenario.suite.hash_parts(&[&body]);
                if self.nodes[node].disk.body(&header_hash).is_none() {
                    self.nodes[node].disk.log.push(Op::Body(header_hash, body));
                }
                self.outcome.synced += 1;
                self.tell(node, Event::Synced { header_hash, certificate })?;
                // Catching up goes on without waiting for the next poll.
                let peer = self.other(node);
                let height = Height(self.nodes[node].disk.height() + 1);
                self.send(peer, Happening::SyncRequest(node, height));
                Ok(())
            }
        }
    }

    fn other(&mut self, node: usize) -> usize {
        let peers = self.peers(node);
        if peers.is_empty() { node } else { peers[self.draw(peers.len() as u64) as usize] }
    }

    fn block(&mut self, node: usize, block: Block) -> Result<(), Crash> {
        let current = self.nodes[node].disk.height() + 1;
        if block.height.0 > current {
            self.nodes[node].early.push(block);
            return Ok(());
        }
        if block.height.0 < current {
            return Ok(());
        }
        let (_, _, builder) = header_of(&block.body);
        let header_hash = self.scenario.suite.hash_parts(&[&block.body]);
        if self.nodes[node].disk.body(&header_hash).is_none() {
            self.nodes[node].disk.log.push(Op::Body(header_hash, block.body));
        }
        let (height, round, valid_round) = (block.height, block.round, block.valid_round);
        let proposer = self.nodes[builder].address;
        let valid = self.scenario.refuses != Some(node) || builder == node;
        self.tell(node, Event::Judged { height, round, valid_round, proposer, header_hash, valid })
    }

    fn sync(&mut self, node: usize, length: usize) {
        let (address, from) = (self.nodes[node].address, self.nodes[node].disk.durable);
        if length <= from {
            return;
        }
        self.nodes[node].disk.barriers += 1;
        self.nodes[node].disk.durable = length;
        let own: Vec<(Place, Says)> = self.nodes[node].disk.log[from..length]
            .iter()
            .filter_map(|op| match op {
                Op::Entry(height, bytes) => said(node, &address, &decode_entry(*height, bytes).unwrap()),
                _ => None,
            })
            .collect();
        for (place, says) in &own {
            self.signed.entry(*place).or_default().insert(*says);
        }
        self.nodes[node].signed_durably.extend(own);
    }

    fn tell(&mut self, node: usize, event: Event) -> Result<(), Crash> {
        let mut effects = Vec::new();
        let now = TimestampMs(self.now_us / 1_000);
        let result = self.nodes[node].instance.as_mut().unwrap().on(now, event, &mut effects);
        for effect in effects {
            self.trace.update(format!("{} {node} {effect:?}\n", self.now_us).as_bytes());
            self.point()?;
            self.effect(node, effect)?;
        }
        if let Err(halt) = result {
            self.nodes[node].halt = Some(halt);
        }
        Ok(())
    }

    fn effect(&mut self, node: usize, effect: Effect) -> Result<(), Crash> {
        match effect {
            Effect::Broadcast { bytes } => {
                self.check_published(node, &bytes);
                for peer in self.peers(node) {
                    self.point()?;
                    self.send(peer, Happening::Tell(Event::Message { bytes: bytes.clone() }));
                }
            }
            Effect::SetTimer { id, after_ms } => {
                self.nodes[node].timers.insert(id);
                self.own(after_ms * 1_000, node, Happening::Timer(id));
            }
            Effect::CancelTimer(id) => {
                self.nodes[node].timers.remove(&id);
            }
            Effect::Build { height, round } => self.own(2_000, node, Happening::Build(height, round)),
            Effect::SendBlock { height, round, valid_round, header_hash } => {
                self.outcome.reproposals += u64::from(valid_round.is_some());
                match self.nodes[node].disk.body(&header_hash) {
                    None => self.fault(format!("validator {node} is to send a block it does not have")),
                    Some(body) => {
                        for peer in self.peers(node) {
                            self.point()?;
                            self.send(peer, Happening::Block(Block { height, round, valid_round, body: body.clone() }));
                        }
                    }
                }
            }
            Effect::NeedBlock { height, header_hash } => self.own(30_000, node, Happening::Want(height, header_hash)),
            Effect::Append { height, entry } => {
                let input = decode_entry(height, &entry).expect("an entry decodes");
                if let Some((place, says)) = said(node, &self.nodes[node].address, &input) {
                    self.made.entry(place).or_default().insert(says);
                }
                self.nodes[node].disk.log.push(Op::Entry(height, entry));
            }
            Effect::Barrier(id) => {
                let (length, delay_us) = (self.nodes[node].disk.log.len(), 200 + self.draw(2_000));
                self.own(delay_us, node, Happening::Persist(id, length));
            }
            Effect::Commit { height, header_hash, certificate } => {
                self.check_commit(node, height, header_hash, &certificate);
                self.nodes[node].disk.log.push(Op::Commit(height, header_hash, certificate));
                let length = self.nodes[node].disk.log.len();
                self.sync(node, length);
                self.point()?;
                let delay_us = self.draw(2_000);
                self.own(delay_us, node, Happening::Begin(Height(height.0 + 1)));
            }
            Effect::Equivocation(equivocation) => {
                self.fault(format!("an honest validator is said to contradict itself: {equivocation:?}"));
            }
        }
        Ok(())
    }

    /// Everything of ours that leaves, also inside certificates, is durable and said once.
    fn check_published(&mut self, node: usize, bytes: &[u8]) {
        let address = self.nodes[node].address;
        let message = Message::decode(bytes).expect("a message decodes");
        let height = message.height().0;
        let mut own = Vec::new();
        match &message {
            Message::Polka(certificate) => {
                if certificate.polka_signatures.iter().any(|entry| entry.address == Member(address)) {
                    let round = certificate.round.as_u32().unwrap();
                    own.push(((node, height, round, 1), (Some(certificate.value_id.0), None)));
                }
            }
            Message::Round(certificate) => {
                for vote in certificate.votes(&super::super::context::BftContext) {
                    own.extend(said(node, &address, &CoreInput::Vote(vote)));
                }
            }
            Message::Vote(_) | Message::Proposal(_) => own.extend(said(node, &address, &message.into_input())),
        }
        for (place, says) in own {
            if !self.nodes[node].signed_durably.contains(&(place, says)) {
                self.fault(format!("published before it was durable: {place:?} {says:?}"));
            }
            self.signed.entry(place).or_default().insert(says);
        }
    }

    fn check_commit(&mut self, node: usize, height: Height, hash: Hash, certificate: &FinalityCertificate) {
        self.outcome.commits += 1;
        self.outcome.max_round = self.outcome.max_round.max(certificate.round.0);
        if self.nodes[node].disk.height() + 1 != height.0 {
            self.fault(format!("validator {node} commits height {height} out of order"));
        }
        if self.nodes[node].disk.body(&hash).is_none() {
            self.fault(format!("validator {node} commits height {height} without its block"));
        }
        if *self.chain.entry(height.0).or_insert(hash) != hash {
            self.fault(format!("fork at height {height}"));
        }
        let chain = chain(self.scenario.suite);
        if let Err(error) = certificate.verify_hash(&chain, height, &hash, &self.set, CertificateKind::Bft) {
            self.fault(format!("certificate of height {height}: {error}"));
        }
        let signers = certificate.signers.signers(self.set.len()).unwrap_or_default();
        let own = ((node, height.0, certificate.round.0, 2), (Some(hash), None));
        if signers.contains(&node) && !self.nodes[node].signed_durably.contains(&own) {
            self.fault(format!("validator {node}'s certificate of height {height} is ahead of its log"));
        }
    }
}

/// What an own vote or proposal says, and where.
fn said(node: usize, address: &Address, input: &CoreInput) -> Option<(Place, Says)> {
    match input {
        CoreInput::Vote(vote) if vote.message.validator == Member(*address) => {
            let vote = &vote.message;
            let kind = vote.step as u8 + 1;
            Some(((node, vote.height.0, vote.round.as_u32()?, kind), (vote.header_hash(), None)))
        }
        CoreInput::Proposal(proposal) if proposal.message.proposer == Member(*address) => {
            let proposal = &proposal.message;
            let says = (Some(proposal.value.0), proposal.valid_round.as_u32());
            Some(((node, proposal.height.0, proposal.round.as_u32()?, 3), says))
        }
        _ => None,
    }
}
