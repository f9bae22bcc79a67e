//! The real state machines below inboxes and proofs: one store per chain, every action of the model on its own.
//!
//! Invariant: what a chain says twice is the same both times.

mod act;
mod compare;
mod fallen_relay;
mod fallen_subchain;
mod words;

use crate::fixture::*;
use crate::synthetic::SyntheticChain;
use chain_interchain::close_block;
use chain_state::{BlockState, MemoryStore, StoreWriter};
use ledger_protocol::chain::{ChainRole, ControlledBy, Parameters};
use ledger_protocol::codec::{Bounded, SortedVec, Text};
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::*;
use ledger_protocol::transaction::*;
use ledger_protocol::*;
use proposal_model::model::{Acc, Cfg, Kind};
use relay::coordinator::{RelayFacts, Released};
use relay::{RelayMachine, registry};
use std::collections::BTreeMap;
use subchain::SubchainMachine;
use words::{Known, Word};

#[derive(Clone)]
struct One {
    archive: SyntheticChain,
    store: MemoryStore,
    height: u64,
}

impl One {
    fn of<M: chain_state::StateMachine>(chain: Chain<M>) -> Self {
        let height = chain.tip() + 1;
        Self { archive: chain.archive, store: chain.store, height }
    }

    fn id(&self) -> ChainId {
        self.archive.id
    }

    fn read<R>(&self, look: impl FnOnce(&BlockState<'_>) -> R) -> R {
        look(&BlockState::open(&self.store, self.id().suite, Height(self.height)).unwrap())
    }

    /// Changes the state and gives everything that it sends, with the leaves to its peers.
    fn work(&mut self, peers: &[ChainId], work: impl FnOnce(&mut BlockState<'_>)) -> (Vec<Message>, Vec<OutboxLeaf>) {
        let (id, batch, outbox);
        {
            id = self.id();
            let mut state = BlockState::open(&self.store, id.suite, Height(self.height)).unwrap();
            work(&mut state);
            outbox = close_block(&mut state, &id, peers).unwrap();
            batch = state.finish().unwrap().batch;
        }
        self.store.apply(&batch, true).unwrap();
        let leaves = outbox.iter().map(|entry| entry.leaf).collect();
        (outbox.into_iter().flat_map(|entry| entry.messages).collect(), leaves)
    }
}

/// What walks have tried of re-anchoring.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Subchains that fell back.
    pub fallen_subchains: u64,
    /// Locked legs that they forgot.
    pub forgotten: u64,
    /// Messages that got the receipt `dropped` while a chain was catching up.
    pub dropped: u64,
    /// Legs that a list disputed.
    pub disputed: u64,
    /// Relays that fell back.
    pub fallen_relays: u64,
    /// Messages that were sent again when a lane went on.
    pub resent: u64,
    /// Legs of lost proposals that were shown LOCKED.
    pub shown: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.fallen_subchains += other.fallen_subchains;
        self.forgotten += other.forgotten;
        self.dropped += other.dropped;
        self.disputed += other.disputed;
        self.fallen_relays += other.fallen_relays;
        self.resent += other.resent;
        self.shown += other.shown;
    }

    /// Whether walks of a configuration in which a side may fall back came to all that there is to it.
    pub fn was_tried(&self, cfg: &Cfg) -> bool {
        match cfg.rollback_r {
            0 => self.fallen_subchains.min(self.forgotten).min(self.dropped).min(self.disputed) > 0,
            3 => self.fallen_relays.min(self.resent).min(self.shown) > 0,
            _ => self.fallen_relays.min(self.resent) > 0,
        }
    }
}

#[derive(Clone)]
pub struct Real {
    relay: One,
    subs: Vec<One>,
    parameters: Parameters,
    known: BTreeMap<usize, Known>,
    words: BTreeMap<(usize, usize, Word), Message>,
    /// What was freed in this block.
    released: Released,
    /// The relay's newest leaf for each subchain.
    leaves: Vec<OutboxLeaf>,
    fallen_subchain: fallen_subchain::Fallen,
    fallen_relay: fallen_relay::Fallen,
    pub tally: Tally,
}

fn name(key: usize) -> String {
    format!("m{key}")
}

impl Real {
    pub fn new(cfg: &Cfg) -> Self {
        let archive = SyntheticChain::new(Suite::Standard, 200);
        let member = PolicyMember { address: who(ALICE), weight: 1, organisation: Text::new("org").unwrap() };
        let members = SigningPolicy { rule: SigningRule::Any, members: SortedVec::new(vec![member]).unwrap() };
        let role = ChainRole::Relay { members: members.clone(), approvals: members, accepts_dev_chains: false };
        let genesis = empty_genesis(&archive, role, &Parameters::relay());
        let relay = Chain::new(RelayMachine, archive, &genesis);
        let parameters = Parameters::subchain();
        let mut archives: Vec<_> = (1..=3).map(|n| SyntheticChain::new(Suite::Standard, n)).collect();
        archives.sort_by_key(|archive| archive.id);
        let mut subs = Vec::new();
        for archive in archives {
            let genesis = subchain_genesis(&archive, &relay.archive, &parameters);
            let mut sub = Chain::new(SubchainMachine, archive, &genesis);
            for key_number in 0..2 {
                let declaration = CounterDeclaration {
                    account: account("cash"),
                    key: key(name(key_number)),
                    min: 0,
                    max: i64::from(cfg.max),
                    initial: i64::from(cfg.init),
                };
                assert_eq!(sub.local(vec![Operation::DeclareCounter(declaration)]), Code::OK);
            }
            subs.push(One::of(sub));
        }
        let mut real = Self {
            relay: One::of(relay),
            subs,
            parameters,
            known: BTreeMap::new(),
            words: BTreeMap::new(),
            released: Released::default(),
            leaves: Vec::new(),
            fallen_subchain: fallen_subchain::Fallen::new(cfg),
            fallen_relay: fallen_relay::Fallen::new(cfg),
            tally: Tally::default(),
        };
        real.register();
        real.relay_work(1, |_, _, _| ());
        real
    }

    fn register(&mut self) {
        let facts = self.facts(1);
        for index in 0..self.subs.len() {
            let archive = self.subs[index].archive.clone();
            let message = registry::possession_sign_bytes(&facts.relay, &archive.id);
            let service = ServicePolicy {
                chain: archive.id,
                ledger: BOOK,
                access: ServiceAccess::Members,
                demands_shared_control: false,
            };
            let registration = Registration {
                name: Text::new(format!("chain {index}")).unwrap(),
                header: archive.header(Height(0)).clone(),
                next_validators: archive.current.set.clone(),
                kind: archive.kind,
                heartbeat_ms: 3_600_000,
                max_t_prep: 50,
                controlled_by: ControlledBy::SingleOrganisation,
                possessions: Bounded::new(archive.current.keys.iter().map(|key| key.sign(&message)).collect()).unwrap(),
                limits: ChainLimits::default(),
                services: Bounded::new(vec![service]).unwrap(),
            };
            let motions = [Motion::Register(Box::new(registration)), Motion::Activate(archive.id)];
            for motion in motions {
                self.relay.work(&[], |state| {
                    registry::carry_out(state, &facts, &motion, &mut Released::default()).unwrap().unwrap();
                });
            }
        }
    }

    fn facts(&self, height: u64) -> RelayFacts {
        let timestamp_ms = self.relay.archive.header(Height(0)).timestamp_ms;
        RelayFacts { relay: self.relay.id(), height: Height(height), timestamp_ms }
    }

    fn peers(&self) -> Vec<ChainId> {
        self.subs.iter().map(One::id).collect()
    }

    fn leg(&self, chain: usize, accesses: &[Acc]) -> Leg {
        let (mut scope, mut operations) = (Vec::new(), Vec::new());
        for access in accesses {
            let at_key = name(access.k);
            let amount = i64::from(access.d);
            scope.push(match access.kind {
                Kind::S => shared(&at_key),
                Kind::X => exclusive(&at_key),
                Kind::D => delta(&at_key, amount),
                Kind::I => unreachable!("left out"),
            });
            if access.kind != Kind::S {
                operations.push(at(BOOK, add(&at_key, amount)));
            }
        }
        leg(self.subs[chain].id(), LegMode::Write, scope, operations)
    }
}
