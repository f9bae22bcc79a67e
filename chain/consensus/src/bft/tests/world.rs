//! A deterministic host for whole validator sets: virtual time, a network with seeded delay and loss, and per
//! validator one ordered log with a durable prefix and a tail that a power cut may take.
//!
//! A *point* is a place where a process may die: before every effect, before each peer of a send, and before and
//! after every barrier. The same scenario has the same points, so all of them can be enumerated.

mod checks;
mod host;
mod node;
mod scenario;

use super::super::{BftConfig, BftConsensus, BftTimeouts};
use crate::port::VoteSigner;
use checks::said;
use ledger_protocol::chain::{CertificateKind, Validator, ValidatorSet};
use ledger_protocol::codec::Text;
use ledger_protocol::suite::{Digester, SecretKey};
use ledger_protocol::{ChainId, Hash, PublicKey, Signature, Suite};
use node::{Disk, Happening, Node, Place, Says};
pub(super) use scenario::{Host, Outcome, Scenario, Tail, Who};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

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
}
