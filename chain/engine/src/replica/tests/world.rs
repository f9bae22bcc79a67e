//! A network of replicas in virtual time: deterministic, with crashes that lose what was not durable.

use super::toy::{Toy, genesis, network_key_hash, validator_key};
use crate::replica::{Replica, ReplicaLimits, ReplicaSetup};
use crate::{Peer, PublishedBlock, ReplicaEffect, ReplicaEvent, ReplicaHalt, ReplicaTimer, ReplyToken, SubmitResult};
use chain_consensus::{BftConfig, BftConsensus, BftTimeouts, VoteSigner};
use chain_state::{MemoryStore, StoreWriter, WriteBatch};
use ledger_protocol::chain::{Genesis, Input};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{Hash, Height, PublicKey, Signature, TimestampMs};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

struct KeySigner(SecretKey);

impl VoteSigner for KeySigner {
    fn public_key(&self) -> PublicKey {
        self.0.public_key()
    }
    fn sign(&self, message: &[u8]) -> Result<Signature, String> {
        Ok(self.0.sign(message))
    }
}

enum Happening {
    Event(ReplicaEvent),
    /// The first so many log entries are durable.
    Durable(usize, ReplicaEvent),
    /// The batch is durable, and with it the first so many log entries.
    Apply(WriteBatch, Height, usize, ReplicaEvent),
}

#[derive(Default)]
pub(crate) struct Node {
    pub(crate) replica: Option<Replica>,
    pub(crate) store: MemoryStore,
    log: Vec<(Height, Vec<u8>)>,
    durable: usize,
    incarnation: u64,
    cancelled: BTreeSet<ReplicaTimer>,
    pub(crate) published: Vec<Arc<PublishedBlock>>,
    pub(crate) replies: BTreeMap<ReplyToken, SubmitResult>,
    pub(crate) dropped: Vec<Hash>,
    pub(crate) misbehaved: Vec<(Peer, &'static str)>,
    pub(crate) halt: Option<ReplicaHalt>,
}

/// From, to, lane, message; what arrives instead, if anything.
type Tamper = Box<dyn FnMut(usize, usize, crate::Lane, Vec<u8>) -> Option<Vec<u8>>>;

pub(crate) struct World {
    pub(crate) genesis: Genesis,
    pub(crate) nodes: Vec<Node>,
    pub(crate) now: u64,
    queue: BTreeMap<(u64, u64), (usize, u64, Happening)>,
    number: u64,
    /// Crash this node when it is about to carry out its n-th effect from now.
    pub(crate) crash_after: Option<(usize, u64)>,
    /// Changes messages on their way.
    pub(crate) tamper: Option<Tamper>,
}

impl World {
    /// `validators` of them, and `observers` more nodes; all started.
    pub(crate) fn new(validators: usize, observers: usize) -> Self {
        let mut world = Self {
            genesis: genesis(validators),
            nodes: Vec::new(),
            now: 10_000,
            queue: BTreeMap::new(),
            number: 0,
            crash_after: None,
            tamper: None,
        };
        for _ in 0..validators + observers {
            world.nodes.push(Node::default());
        }
        for node in 0..validators + observers {
            world.start(node);
        }
        world
    }

    pub(crate) fn start(&mut self, node: usize) {
        let config =
            BftConfig { chain: self.genesis.chain_id(), kind: self.genesis.kind, timeouts: BftTimeouts::default() };
        let key = validator_key(node);
        let own_address = self.genesis.validators.by_address(&key.address()).map(|_| key.address());
        let setup = ReplicaSetup {
            machine: Arc::new(Toy),
            consensus: Box::new(BftConsensus::new(config, Box::new(KeySigner(key))).unwrap()),
            genesis: self.genesis.clone(),
            own_address,
            own_peer: Peer(network_key_hash(node)),
            limits: ReplicaLimits::default(),
        };
        let own = &mut self.nodes[node];
        let log = own.log.clone();
        own.replica = Some(Replica::open(setup, &own.store, log).unwrap());
        self.happen(0, node, Happening::Event(ReplicaEvent::Start));
        for other in 0..self.nodes.len() {
            if other != node && self.nodes[other].replica.is_some() {
                let (own, peer) = (Peer(network_key_hash(node)), Peer(network_key_hash(other)));
                self.happen(1, node, Happening::Event(ReplicaEvent::PeerUp(peer)));
                self.happen(1, other, Happening::Event(ReplicaEvent::PeerUp(own)));
            }
        }
    }

    /// The node stops; what its log did not sync is lost.
    pub(crate) fn crash(&mut self, node: usize) {
        let own = &mut self.nodes[node];
        own.replica = None;
        own.incarnation += 1;
        let durable = own.durable;
        own.log.truncate(durable);
        own.cancelled.clear();
        let gone = Peer(network_key_hash(node));
        for other in (0..self.nodes.len()).filter(|other| *other != node) {
            self.happen(1, other, Happening::Event(ReplicaEvent::PeerDown(gone)));
        }
    }

    /// As [`Self::crash`], and the disk is empty.
    pub(crate) fn wipe(&mut self, node: usize) {
        self.crash(node);
        let own = &mut self.nodes[node];
        (own.store, own.log, own.durable) = (MemoryStore::default(), Vec::new(), 0);
        own.published.clear();
    }

    pub(crate) fn submit(&mut self, node: usize, input: Input) -> ReplyToken {
        self.number += 1;
        let reply = ReplyToken(self.number);
        self.happen(0, node, Happening::Event(ReplicaEvent::Submit { input: Box::new(input), reply }));
        reply
    }

    pub(crate) fn inject(&mut self, node: usize, event: ReplicaEvent) {
        self.happen(0, node, Happening::Event(event));
    }

    fn happen(&mut self, after_ms: u64, node: usize, happening: Happening) {
        self.number += 1;
        let incarnation = self.nodes[node].incarnation;
        self.queue.insert((self.now + after_ms, self.number), (node, incarnation, happening));
    }

    /// Runs for so long.
    pub(crate) fn run(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some((&(at, number), _)) = self.queue.first_key_value()
            && at <= end
        {
            let (node, incarnation, happening) = self.queue.remove(&(at, number)).unwrap();
            self.now = at;
            self.step(node, incarnation, happening);
        }
        self.now = end;
    }

    /// Runs until all running nodes reached a height.
    pub(crate) fn run_until(&mut self, height: u64, limit_ms: u64) {
        let end = self.now + limit_ms;
        while self.running().any(|node| node.height() < height) {
            assert!(self.now < end, "heights {:?} after {limit_ms} ms", self.heights());
            self.run(20);
        }
    }

    fn running(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.replica.is_some())
    }

    pub(crate) fn heights(&self) -> Vec<u64> {
        self.nodes.iter().map(Node::height).collect()
    }

    fn step(&mut self, node: usize, incarnation: u64, happening: Happening) {
        let own = &mut self.nodes[node];
        if own.incarnation != incarnation || own.halt.is_some() {
            return;
        }
        let event = match happening {
            Happening::Event(event) => event,
            Happening::Durable(length, event) => {
                own.durable = own.durable.max(length).min(own.log.len());
                event
            }
            Happening::Apply(batch, height, length, event) => {
                own.store.apply(&batch, true).unwrap();
                let durable = own.durable.max(length).min(own.log.len());
                own.durable = own.log[..durable].iter().filter(|(entry, _)| *entry > height).count();
                own.log.retain(|(entry, _)| *entry > height);
                event
            }
        };
        if let ReplicaEvent::Timer(id) = &event
            && own.cancelled.remove(id)
        {
            return;
        }
        let mut effects = Vec::new();
        let Some(replica) = own.replica.as_mut() else { return };
        if let Err(halt) = replica.on(TimestampMs(self.now), event, &mut effects) {
            own.halt = Some(halt);
        }
        for effect in effects {
            if let Some((victim, left)) = &mut self.crash_after
                && *victim == node
            {
                if *left == 0 {
                    self.crash_after = None;
                    self.crash(node);
                    return;
                }
                *left -= 1;
            }
            self.carry_out(node, effect);
        }
    }

    fn carry_out(&mut self, node: usize, effect: ReplicaEffect) {
        match effect {
            ReplicaEffect::Send { to, lane, bytes } => {
                for (place, peer) in to.into_iter().enumerate() {
                    let other = usize::from(peer.0.0[0]) - 101;
                    let from = Peer(network_key_hash(node));
                    let bytes = match &mut self.tamper {
                        Some(tamper) => tamper(node, other, lane, bytes.clone()),
                        None => Some(bytes.clone()),
                    };
                    if let Some(bytes) = bytes
                        && self.nodes[other].replica.is_some()
                    {
                        let delay = 2 + (place as u64 + node as u64) % 3;
                        self.happen(delay, other, Happening::Event(ReplicaEvent::Message { from, lane, bytes }));
                    }
                }
            }
            ReplicaEffect::SetTimer { id, after_ms } => {
                self.happen(after_ms, node, Happening::Event(ReplicaEvent::Timer(id)));
            }
            ReplicaEffect::CancelTimer(id) => {
                self.nodes[node].cancelled.insert(id);
            }
            ReplicaEffect::Work { token, job } => {
                let own = &self.nodes[node];
                let result = job.run(&Toy, &own.store);
                self.happen(1, node, Happening::Event(ReplicaEvent::Done { token, result }));
            }
            ReplicaEffect::AppendLog { height, entry } => self.nodes[node].log.push((height, entry)),
            ReplicaEffect::Barrier { token } => {
                let length = self.nodes[node].log.len();
                self.happen(1, node, Happening::Durable(length, ReplicaEvent::Persisted { token }));
            }
            ReplicaEffect::Commit { token, batch, height } => {
                let length = self.nodes[node].log.len();
                self.happen(2, node, Happening::Apply(batch, height, length, ReplicaEvent::Persisted { token }));
            }
            ReplicaEffect::Published(block) => self.nodes[node].published.push(block),
            ReplicaEffect::Reply { reply, result } => {
                let before = self.nodes[node].replies.insert(reply, result);
                assert!(before.is_none(), "a submission is answered once");
            }
            ReplicaEffect::Dropped { input, .. } => self.nodes[node].dropped.push(input),
            ReplicaEffect::Misbehaved { peer, reason } => self.nodes[node].misbehaved.push((peer, reason)),
            ReplicaEffect::Equivocation(it) => panic!("an honest validator is said to have signed twice: {it:?}"),
            ReplicaEffect::Observe(_) => {}
        }
    }

    /// All chains are prefixes of the longest, and every store holds what was published from it.
    pub(crate) fn check_agreement(&self) {
        let mut chain: BTreeMap<u64, Hash> = BTreeMap::new();
        for (number, node) in self.nodes.iter().enumerate() {
            assert_eq!(node.halt, None, "node {number}");
            for block in &node.published {
                let known = chain.entry(block.header.height.0).or_insert(block.header_hash);
                assert_eq!(*known, block.header_hash, "fork at height {}", block.header.height);
            }
        }
    }
}

impl Node {
    pub(crate) fn height(&self) -> u64 {
        self.replica.as_ref().map_or(0, |replica| replica.tip().header.height.0)
    }
}
