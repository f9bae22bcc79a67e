//! A subchain falls back to a branch on which it has not locked what it voted for, and is re-anchored (ADR 0012).
//!
//! The branch leaves the chain's history before the first of the forgotten Prepares, from a copy of the state of then,
//! and does again everything that the chain has done since and the model lets it keep. The relay notices by the
//! motion, the chain by a leaf that follows a foreign header; the list comes some time after the motion.

use super::Real;
use super::act::Deed;
use super::words::Word;
use crate::fixture::OWNER;
use crate::synthetic::{KeySet, SyntheticChain};
use chain_state::MemoryStore;
use ledger_protocol::codec::Text;
use ledger_protocol::interchain::*;
use ledger_protocol::*;
use proposal_model::model::{Cfg, LK, M, St};
use subchain::participant::{self, Handled, LegId};

/// What one of the chains did, and where it stood before.
#[derive(Clone)]
struct Remembered {
    store: MemoryStore,
    height: u64,
    deed: Deed,
}

#[derive(Clone)]
pub(super) struct Fallen {
    /// What each chain did; empty where nothing ever falls back.
    deeds: Option<Vec<Vec<Remembered>>>,
    /// Whether a branch is doing again what it keeps.
    is_repeating: bool,
    /// The chain that fell back, until the list has come.
    catching_up: Option<usize>,
    /// The list, until it is heard.
    list: Option<Message>,
}

impl Fallen {
    pub(super) fn new(cfg: &Cfg) -> Self {
        let deeds = cfg.rollback_s.then(|| vec![Vec::new(); 3]);
        Self { deeds, is_repeating: false, catching_up: None, list: None }
    }
}

/// The first header of a chain, re-anchored to a hand-off of its own history.
fn motion(chain: &SyntheticChain, relay: ChainId) -> Reanchor {
    let mut chain = chain.clone();
    let to = chain.append(Vec::new(), Some(KeySet::new(chain.suite(), OWNER + 100, 4)));
    let (header, common) = (chain.header(to).clone(), chain.header(Height(0)).clone());
    let leaf = LeafPath { leaf: OutboxLeaf::of_header_zero(&common, relay), index: 0, path: Default::default() };
    Reanchor {
        chain: chain.id,
        certificate: chain.block(to).certificate.clone().unwrap(),
        validators: chain.keys_of(&header.validators_hash).set.clone(),
        next_validators: chain.keys_of(&header.next_validators_hash).set.clone(),
        anchor_path: chain.history_path(Height(0), to),
        common_in_new: chain.history_path(Height(0), to),
        common_in_trusted: Default::default(),
        leaf,
        reason: Text::new("its keys signed twice").unwrap(),
        header,
        common,
    }
}

impl Real {
    /// Notes what a chain is about to do.
    pub(super) fn remember(&mut self, chain: usize, deed: &Deed) {
        if let Some(deeds) = &mut self.fallen_subchain.deeds {
            let (store, height) = (self.subs[chain].store.clone(), self.subs[chain].height);
            deeds[chain].push(Remembered { store, height, deed: deed.clone() });
        }
    }

    /// Whether a chain says again what it has said on another branch.
    pub(super) fn repeats(&self) -> bool {
        self.fallen_subchain.is_repeating
    }

    /// Whether what the model has DISPUTED may still have no record.
    pub(super) fn awaits_dispute(&self, chain: usize) -> bool {
        self.fallen_subchain.catching_up == Some(chain)
    }

    /// The chain is on a branch without the Prepares of everything that it holds LOCKED.
    pub(super) fn fall_back(&mut self, model: &M, before: &St, chain: usize) {
        let is_lost = |(p, g): (usize, usize)| model.c.props[p].legs[g].c == chain && before.st[p][g] == LK;
        let concerns = |deed: &Deed| matches!(deed, Deed::Hears { leg, .. } if is_lost(*leg));
        let deeds = std::mem::take(&mut self.fallen_subchain.deeds.as_mut().unwrap()[chain]);
        self.tally.fallen_subchains += 1;
        if let Some(first) = deeds.iter().position(|it| concerns(&it.deed)) {
            self.subs[chain].store = deeds[first].store.clone();
            self.subs[chain].height = deeds[first].height;
            self.fallen_subchain.is_repeating = true;
            for kept in deeds.into_iter().skip(first).filter(|it| !concerns(&it.deed)) {
                self.perform(model, chain, kept.deed);
            }
            self.fallen_subchain.is_repeating = false;
        }
        let legs = self.known.keys().flat_map(|p| (0..model.c.props[*p].legs.len()).map(|g| (*p, g)));
        self.tally.forgotten += legs.filter(|leg| is_lost(*leg)).count() as u64;
        // The next head of the relay has a leaf that follows the other branch.
        let leaf = *self.leaf_to(chain);
        self.sub_work(chain, 0, |state, _| participant::hear_of_branch(state, &leaf).unwrap());
        self.fallen_subchain.catching_up = Some(chain);
    }

    /// The relay's members re-anchor the chain that fell back.
    pub(super) fn reanchor_subchain(&mut self, h: u64, chain: usize) {
        assert_eq!(self.fallen_subchain.catching_up, Some(chain));
        let motion = motion(&self.subs[chain].archive, self.relay.id());
        self.carry_out(h, &Motion::Reanchor(Box::new(motion)));
        assert!(self.fallen_subchain.list.is_some(), "the chain is told what is open");
    }

    /// The relay says which legs are open.
    pub(super) fn keep_list(&mut self, message: Message, list: &Reanchored) {
        assert!(list.last, "a page holds every leg of the model");
        self.fallen_subchain.list = Some(message);
    }

    /// Whether the list is on its way.
    pub(super) fn has_list(&self) -> bool {
        self.fallen_subchain.list.is_some()
    }

    /// What was sent behind the list comes after it.
    pub(super) fn hear_list_before(&mut self, h: u64, message: &Message) {
        let is_behind = |list: &Message| {
            (list.source, list.destination) == (message.source, message.destination) && list.sequence < message.sequence
        };
        if self.fallen_subchain.list.as_ref().is_some_and(is_behind) {
            self.hear_list(h);
        }
    }

    /// The list comes, if it is on its way.
    pub(super) fn hear_list(&mut self, h: u64) {
        let Some(list) = self.fallen_subchain.list.take() else { return };
        let chain = self.fallen_subchain.catching_up.take().unwrap();
        let said = |real: &Self| real.words.keys().filter(|(_, _, word)| *word == Word::Disputed).count() as u64;
        let before = said(self);
        self.sub_work(chain, h, |state, facts| {
            assert_eq!(participant::handle(state, facts, &list).unwrap(), Handled::Done(Code::OK));
            assert!(!participant::is_catching_up(state).unwrap());
        });
        self.tally.disputed += said(self) - before;
    }

    /// Everything that the relay has said before comes again to a chain that is catching up, and about legs without a
    /// record nothing is heard.
    pub(super) fn say_again(&mut self) {
        let Some(chain) = self.fallen_subchain.catching_up else { return };
        let id = self.subs[chain].id();
        let mut again = Vec::new();
        for known in self.words.values().filter(|it| it.destination == id) {
            if self.fallen_subchain.list.as_ref().is_some_and(|list| list.sequence < known.sequence) {
                continue;
            }
            let (id, started_at_on_relay) = match MessageContent::of(known).unwrap() {
                MessageContent::Prepare(it) => (it.id, it.started_at_on_relay),
                MessageContent::Decision(Decision::Voting { id, started_at_on_relay, .. }) => (id, started_at_on_relay),
                other => panic!("{other:?}"),
            };
            let leg = LegId { id, started_at_on_relay };
            if self.subs[chain].read(|state| leg.record(state).unwrap()).is_none() {
                again.push(known.clone());
            }
        }
        self.tally.dropped += again.len() as u64;
        self.sub_work(chain, 0, |state, facts| {
            for message in &again {
                assert_eq!(participant::handle(state, facts, message).unwrap(), Handled::Done(Code::DROPPED));
            }
        });
    }

    fn leaf_to(&self, chain: usize) -> &OutboxLeaf {
        self.leaves.iter().find(|leaf| leaf.peer == self.subs[chain].id()).unwrap()
    }
}
