//! Actors: validators, couriers and chains that misbehave, by what they send and forget. Nothing of the code under test
//! is changed for them: they attack it over the network that everybody uses.
//!
//! [`Blame`] says who they are, so that properties ask of the others only: an actor's own signatures may contradict
//! each other, and a chain with more bad validators than it tolerates promises nothing about itself. Every random
//! choice is drawn from one stream of the seed; a world without actors draws nothing.
//! Bounds: [`MAX_RECORDED`] frames and [`MAX_ALTERNATIVES`] forged hashes are remembered.

mod amnesiac;
mod bad_subchain;
mod dishonest_courier;
mod double_voter;
mod equivocating_proposer;
mod frames;
mod garbage_sender;
mod key_thief;
mod lock_grabber;
mod lying_machine;
mod replayer;
mod withholder;

pub(crate) use bad_subchain::{Certified, evidence};
pub(crate) use key_thief::KeyThief;
pub(crate) use lock_grabber::LockGrabber;
pub(crate) use lying_machine::LyingMachine;

use crate::random::{Random, Seed};
use crate::scenario::ActorKind;
use crate::world::{ChainIndex, ProcessId};
use chain_engine::{Lane, Peer};
use ledger_protocol::chain::{CertificateKind, Input};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{Address, ChainId, Hash, Height};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Frames that replayers and senders of garbage choose from.
const MAX_RECORDED: usize = 512;
/// Blocks that an equivocating proposer made a second one for.
const MAX_ALTERNATIVES: usize = 64;

/// Who is bad in a run, known before it begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blame {
    seats: BTreeSet<(ProcessId, ChainIndex)>,
    chains: BTreeMap<ChainIndex, ChainId>,
}

impl Blame {
    /// A validator of a chain is bad.
    pub fn seat(&mut self, process: ProcessId, chain: ChainIndex) {
        self.seats.insert((process, chain));
    }

    /// More validators of a chain are bad than it tolerates.
    pub fn chain(&mut self, chain: ChainIndex, id: ChainId) {
        self.chains.insert(chain, id);
    }

    /// Bad validators, whatever their number.
    pub const fn seats(&self) -> &BTreeSet<(ProcessId, ChainIndex)> {
        &self.seats
    }

    /// Whether nothing is asked of this validator.
    pub fn is_bad_seat(&self, process: ProcessId, chain: ChainIndex) -> bool {
        self.seats.contains(&(process, chain)) || self.is_bad_chain(chain)
    }

    /// Whether a chain promises nothing about itself.
    pub fn is_bad_chain(&self, chain: ChainIndex) -> bool {
        self.chains.contains_key(&chain)
    }

    /// The chains that promise nothing.
    pub fn bad_chains(&self) -> impl Iterator<Item = ChainId> + '_ {
        self.chains.values().copied()
    }

    /// As [`Self::is_bad_chain`], by id.
    pub fn is_bad(&self, chain: &ChainId) -> bool {
        self.chains.values().any(|bad| bad == chain)
    }
}

/// A frame from a replica to others.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) to: Vec<Peer>,
    pub(crate) lane: Lane,
    pub(crate) bytes: Arc<[u8]>,
}

/// A frame that somebody sent.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) chain: ChainIndex,
    pub(crate) lane: Lane,
    pub(crate) bytes: Arc<[u8]>,
}

/// What an actor does by itself.
#[derive(Debug)]
pub(crate) enum Deed {
    /// Sends a frame of its chain.
    Send(Frame),
    /// Sends bytes to the courier servers of the relay.
    Ask(Vec<u8>),
    /// Dies and comes back without its consensus log after so long.
    Forget { back_after_ms: u64 },
}

/// One validator that misbehaves.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) kind: ActorKind,
    pub(crate) process: ProcessId,
    pub(crate) chain: ChainIndex,
    pub(crate) id: ChainId,
    pub(crate) certified_by: CertificateKind,
    /// Its own key first, then those that it shares: all of a bad subchain's.
    pub(crate) keys: Vec<SecretKey>,
    pub(crate) ways: Vec<&'static str>,
    pub(crate) from_ms: u64,
    pub(crate) until_ms: u64,
    pub(crate) chance_per_mille: u32,
    /// The last block that it voted for.
    pub(crate) last_vote: Option<Hash>,
    /// The height and the way chosen for it.
    pub(crate) mood: Option<(Height, &'static str)>,
    /// What a courier holds back.
    pub(crate) held: Vec<Input>,
}

impl Role {
    pub(crate) fn is_active(&self, now_ms: u64) -> bool {
        (self.from_ms..self.until_ms).contains(&now_ms)
    }

    /// Its own key.
    pub(crate) fn key(&self) -> Option<&SecretKey> {
        self.keys.first()
    }
}

/// Blocks of which there are two, by the hash of either; of more than [`MAX_ALTERNATIVES`] the oldest are forgotten.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    by_hash: BTreeMap<(ChainIndex, Hash), (Hash, Hash)>,
    /// Oldest first.
    ages: VecDeque<(ChainIndex, (Hash, Hash))>,
}

impl Pairs {
    fn remember(&mut self, chain: ChainIndex, pair: (Hash, Hash)) {
        if self.get(chain, pair.0) == Some(pair) {
            return;
        }
        while self.ages.len() >= MAX_ALTERNATIVES {
            let Some((chain, oldest)) = self.ages.pop_front() else { break };
            self.by_hash.retain(|(at, _), known| *at != chain || *known != oldest);
        }
        self.ages.push_back((chain, pair));
        self.by_hash.insert((chain, pair.0), pair);
        self.by_hash.insert((chain, pair.1), pair);
    }

    fn get(&self, chain: ChainIndex, hash: Hash) -> Option<(Hash, Hash)> {
        self.by_hash.get(&(chain, hash)).copied()
    }
}

/// What an actor sees and draws from while it acts.
pub(crate) struct Stage<'a> {
    pub(crate) role: &'a mut Role,
    pub(crate) random: &'a mut Random,
    pub(crate) recorded: &'a VecDeque<Recorded>,
    pub(crate) misdeeds: &'a mut BTreeMap<String, u64>,
    /// Blocks of which there are two, by the hash of either; all bad validators of a chain know of them.
    pub(crate) pairs: &'a mut Pairs,
    /// Everybody else on its chain.
    pub(crate) others: Vec<Peer>,
    /// The honest ones of its chain that are told the other story.
    pub(crate) told_otherwise: Vec<Peer>,
    /// Addresses of its chain's validators.
    pub(crate) names: Vec<Address>,
    /// What it certified wrongly.
    pub(crate) forged: Vec<Certified>,
}

impl Stage<'_> {
    /// Whether it takes this opportunity.
    pub(crate) fn dares(&mut self) -> bool {
        self.random.chance(self.role.chance_per_mille)
    }

    /// One of its ways.
    pub(crate) fn way(&mut self) -> &'static str {
        let place = usize::try_from(self.random.below(self.role.ways.len() as u64)).unwrap_or(0);
        self.role.ways.get(place).copied().unwrap_or_default()
    }

    /// Two blocks where there should be one.
    pub(crate) fn remember_pair(&mut self, first: Hash, second: Hash) {
        self.pairs.remember(self.role.chain, (first, second));
    }

    /// The two blocks of which one has this hash.
    pub(crate) fn pair(&self, hash: Hash) -> Option<(Hash, Hash)> {
        self.pairs.get(self.role.chain, hash)
    }

    /// Counts a misdeed.
    pub(crate) fn did(&mut self, way: &str) {
        let kind = self.role.kind.name();
        let name = if way.is_empty() { kind.to_owned() } else { format!("{kind}: {way}") };
        *self.misdeeds.entry(name).or_default() += 1;
    }

    /// Splits receivers into those who get the one story and those who get the other.
    pub(crate) fn halves(&self, to: &[Peer]) -> (Vec<Peer>, Vec<Peer>) {
        to.iter().copied().partition(|peer| !self.told_otherwise.contains(peer))
    }
}

/// A way to misbehave.
pub(crate) trait Actor {
    /// A frame that its replica sends: what goes out instead.
    fn sends(&self, _stage: &mut Stage<'_>, frame: Frame) -> Vec<Frame> {
        vec![frame]
    }

    /// What its courier brings: what it brings instead.
    fn brings(&self, _stage: &mut Stage<'_>, inputs: Vec<Input>) -> Vec<Input> {
        inputs
    }

    /// How often it does something by itself.
    fn period_ms(&self) -> Option<(u64, u64)> {
        None
    }

    /// What it does by itself.
    fn acts(&self, _stage: &mut Stage<'_>) -> Vec<Deed> {
        Vec::new()
    }
}

/// The behaviour of a kind; a lock-grabber is a client and has no replica.
pub(crate) fn behaviour(kind: ActorKind) -> &'static dyn Actor {
    match kind {
        ActorKind::EquivocatingProposer => &equivocating_proposer::EquivocatingProposer,
        ActorKind::DoubleVoter => &double_voter::DoubleVoter,
        ActorKind::Withholder => &withholder::Withholder,
        ActorKind::Amnesiac => &amnesiac::Amnesiac,
        ActorKind::GarbageSender => &garbage_sender::GarbageSender,
        ActorKind::Replayer => &replayer::Replayer,
        ActorKind::DishonestCourier => &dishonest_courier::DishonestCourier,
        ActorKind::BadSubchain | ActorKind::LockGrabber | ActorKind::KeyThief => &bad_subchain::BadSubchain,
    }
}

/// All actors of a world.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) blame: Blame,
    pub(crate) roles: Vec<Role>,
    pub(crate) random: Random,
    pub(crate) recorded: VecDeque<Recorded>,
    pub(crate) misdeeds: BTreeMap<String, u64>,
    pub(crate) pairs: Pairs,
    /// Headers with certificates of bad chains, to tell a fork by.
    pub(crate) certified: BTreeMap<(ChainIndex, Height), Certified>,
    /// How long after a fork of a bad chain it is reported, and to which relay.
    pub(crate) reports: BTreeMap<ChainIndex, (ChainIndex, u64)>,
    pub(crate) reported: BTreeSet<ChainIndex>,
}

impl Cast {
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            blame: Blame::default(),
            roles: Vec::new(),
            random: Random::new(seed, 6),
            recorded: VecDeque::new(),
            misdeeds: BTreeMap::new(),
            pairs: Pairs::default(),
            certified: BTreeMap::new(),
            reports: BTreeMap::new(),
            reported: BTreeSet::new(),
        }
    }

    /// Whether somebody may send again what others sent.
    pub(crate) fn listens(&self) -> bool {
        self.roles.iter().any(|role| matches!(role.kind, ActorKind::Replayer | ActorKind::GarbageSender))
    }

    pub(crate) fn hears(&mut self, chain: ChainIndex, lane: Lane, bytes: &Arc<[u8]>) {
        if self.recorded.len() >= MAX_RECORDED {
            // A random one makes room, so that old frames stay for long.
            let place = usize::try_from(self.random.below(MAX_RECORDED as u64)).unwrap_or(0);
            self.recorded.swap_remove_back(place);
        }
        self.recorded.push_back(Recorded { chain, lane, bytes: Arc::clone(bytes) });
    }
}

#[cfg(test)]
mod tests;
