//! The relay falls back to a block of before its decision, and its members say so (ADR 0013).
//!
//! It gets the state back that it had at the start of a block; the motion is passed in the block after the one in which
//! the model falls back. Where the model takes back a decision alone, that is the last block in which the proposal was
//! PREPARING and no vote was counted, and every subchain follows some time later, at the latest when a Decision of the
//! new branch is to reach it. Where it loses an interval, the model says which block is kept, which chain follows when,
//! and what is shown LOCKED.

use super::Real;
use super::words::Word;
use crate::fixture::{OWNER, SYSTEM, account, at, transaction};
use chain_interchain::OwnHeader;
use chain_state::prove::state_proof;
use chain_state::{BlockFacts, BlockState, MemoryStore, StateMachine, StoreWriter};
use ledger_protocol::chain::{CountedRoot, RelayAnchor};
use ledger_protocol::codec::{Text, encode};
use ledger_protocol::interchain::Motion;
use ledger_protocol::proof::{
    AboveCheckpoint, CertifiedHead, HeaderProof, KeyPlace, LedgerStateProof, StateInclusion, Target,
};
use ledger_protocol::system::{accounts, proposal_key};
use ledger_protocol::transaction::{LockedReport, Operation};
use ledger_protocol::*;
use proposal_model::model::{Cfg, G, PR, R, St, UN};
use relay::coordinator::{self, Released};
use relay::registry;
use std::collections::BTreeSet;
use subchain::SubchainMachine;

/// The relay at the start of a block.
#[derive(Clone)]
struct Remembered {
    h: u8,
    model: [R; 3],
    store: MemoryStore,
    released: Released,
}

/// The relay at the start of the first block that will be lost.
#[derive(Clone)]
struct Kept {
    h: u8,
    store: MemoryStore,
    released: Released,
    said: BTreeSet<(usize, usize, Word)>,
}

#[derive(Clone)]
pub(super) struct Fallen {
    blocks: Option<Vec<Remembered>>,
    /// Where the model loses an interval: the last block that is kept.
    kept: Option<Kept>,
    /// Whether the model says which chain follows when.
    follows_model: bool,
    /// The height of the motion, once there was one.
    held_since: u64,
    /// Chains that do not follow the new branch yet.
    held: Vec<usize>,
}

impl Fallen {
    pub(super) fn new(cfg: &Cfg) -> Self {
        Self {
            blocks: (1..3).contains(&cfg.rollback_r).then(Vec::new),
            kept: None,
            follows_model: cfg.rollback_r == 3,
            held_since: 0,
            held: Vec::new(),
        }
    }
}

impl Real {
    /// Notes the relay at the start of a block.
    pub(super) fn remember_relay(&mut self, before: &St) {
        let (store, released) = (&self.relay.store, &self.released);
        if let Some(blocks) = &mut self.fallen_relay.blocks
            && blocks.last().is_none_or(|it| it.h != before.h)
        {
            let (store, released) = (store.clone(), released.clone());
            blocks.push(Remembered { h: before.h, model: before.r.clone(), store, released });
        }
    }

    /// Whether the relay may say what it has said before.
    pub(super) fn sends_again(&self) -> bool {
        self.fallen_relay.held_since > 0
    }

    /// The relay has lost its decision, and the votes that it counted.
    pub(super) fn fall_back_relay(&mut self, before: &St, proposal: usize) {
        let is_before = |it: &&Remembered| {
            let one = &it.model[proposal];
            one.st == PR && one.yes == 0 && one.closed == 0
        };
        let kept = self.fallen_relay.blocks.as_ref().unwrap().iter().rev().find(is_before).unwrap().clone();
        assert!((0..3).all(|other| other == proposal || kept.model[other] == before.r[other]));
        self.tally.fallen_relays += 1;
        (self.relay.store, self.released) = (kept.store, kept.released);
        for leg in 0..G {
            self.words.remove(&(proposal, leg, Word::Commit));
        }
        self.hold(kept.h, before.h);
    }

    /// The block before this one will be kept.
    pub(super) fn keep_block(&mut self, h: u8) {
        let (store, released) = (self.relay.store.clone(), self.released.clone());
        let said = self.words.keys().copied().collect();
        self.fallen_relay.kept = Some(Kept { h, store, released, said });
    }

    /// The relay goes on from the kept block.
    pub(super) fn lose_interval(&mut self, before: &St, after: &St) {
        let kept = self.fallen_relay.kept.take().unwrap();
        self.tally.fallen_relays += 1;
        (self.relay.store, self.released) = (kept.store, kept.released);
        let decides = |word: Word| matches!(word, Word::Commit | Word::Abort);
        self.words.retain(|place, _| !decides(place.2) || kept.said.contains(place));
        // What did not begin on the lost branch is as if it had never been submitted.
        self.known.retain(|proposal, _| after.r[*proposal].st != UN);
        self.relay_work(u64::from(before.h) + 1, |state, facts, _| {
            coordinator::fire_timeouts(state, facts).unwrap();
        });
        self.hold(kept.h, before.h);
    }

    /// A chain's record of a leg that only the lost branch knew is shown.
    pub(super) fn show(&mut self, before: &St, proposal: usize, leg: usize, chain: usize) {
        let (id, started_at_on_relay) = (self.known[&proposal].id, Height(u64::from(before.r[proposal].h0)));
        let sub = &self.subs[chain];
        let ledgers = BlockState::open(&sub.store, sub.id().suite, Height(sub.height + 1)).unwrap();
        let ledgers = ledgers.finish().unwrap().ledgers;
        let leaves: Vec<Vec<u8>> = ledgers.iter().map(encode).collect();
        let tree = merkle::Tree::new(sub.id().suite, &leaves);
        let index = ledgers.iter().position(|it| it.ledger == SYSTEM).unwrap();
        let key = proposal_key(&id, started_at_on_relay);
        let place = KeyPlace { ledger: SYSTEM, account: account(accounts::LEGS), key };
        let ledger = ledgers[index].clone();
        let state =
            state_proof(&sub.store, sub.id().suite, SYSTEM, &place.account, &place.key, ledger.state_version).unwrap();
        let path = tree.path(index as u64).unwrap();
        let inclusion = StateInclusion { ledger, index: index as u32, path, state: state.unwrap() };
        let mut archive = sub.archive.clone();
        archive.ledgers = CountedRoot { root: tree.root(), count: leaves.len() as u32 };
        let height = archive.append(Vec::new(), None);
        let header = HeaderProof::Above(Box::new(AboveCheckpoint {
            validators: archive.current.set.clone(),
            handoffs: Default::default(),
            head: CertifiedHead::New {
                certificate: archive.block(height).certificate.clone().unwrap(),
                trusted_path: archive.history_path(Height(0), height),
                header: Box::new(archive.header(height).clone()),
            },
            target: Target::Head,
        }));
        let proof = LedgerStateProof { header, place, inclusion };
        let report = LockedReport { chain: sub.id(), id, started_at_on_relay, proof };
        self.tally.shown += 1;
        self.relay_work(u64::from(before.h), |state, facts, _| {
            assert_eq!(coordinator::report_locked(state, facts, &report).unwrap(), Code::OK);
        });
        assert!(self.words.contains_key(&(proposal, leg, Word::Abort)));
    }

    /// The members say what was lost, in the block after it.
    fn hold(&mut self, first_lost: u8, last_lost: u8) {
        let height = u64::from(last_lost) + 1;
        let (first_lost, last_lost) = (Height(u64::from(first_lost)), Height(u64::from(last_lost)));
        let reason = Text::new("the disks of three validators").unwrap();
        self.carry_out(height, &Motion::ReanchorRelay { first_lost, last_lost, reason });
        self.fallen_relay.held_since = height;
        self.fallen_relay.held = (0..self.subs.len()).collect();
        for sub in &self.subs {
            assert!(self.relay.read(|state| registry::is_held(state, &sub.id()).unwrap()));
        }
    }

    /// Whether some chain does not follow the new branch yet, or has not heard its list.
    pub(super) fn is_behind(&self) -> bool {
        (!self.fallen_relay.held.is_empty() && !self.fallen_relay.follows_model) || self.has_list()
    }

    /// One more chain follows the new branch.
    pub(super) fn follow_next(&mut self, h: u64) {
        if let Some(chain) = self.fallen_relay.held.last().copied()
            && !self.fallen_relay.follows_model
        {
            self.follow(h, chain);
        }
    }

    /// A chain that does not yet is given a block of the new branch as its anchor, and the relay hears of it.
    pub(super) fn follow(&mut self, h: u64, chain: usize) {
        if !self.fallen_relay.held.contains(&chain) {
            return;
        }
        self.fallen_relay.held.retain(|it| *it != chain);
        let trusted = self.relay.archive.trusted(Height(0));
        let anchor = RelayAnchor {
            relay: self.relay.id(),
            kind: trusted.kind,
            height_on_relay: Height(h.max(self.fallen_relay.held_since)),
            header_hash_on_relay: self.relay.id().suite.foreign(Hash([9; 32])),
            next_validators_on_relay: trusted.next_validators,
        };
        let sub = &mut self.subs[chain];
        sub.height += 1;
        let header = sub.archive.header(Height(0));
        let facts = BlockFacts {
            chain: sub.id(),
            height: Height(sub.height),
            timestamp_ms: header.timestamp_ms,
            proposer: header.proposer,
            parent: header.hash(),
            parameters: self.parameters.clone(),
            validators: sub.archive.current.set.clone(),
        };
        let input = transaction(sub.id(), OWNER, vec![at(SYSTEM, Operation::SetRelayAnchor(anchor))]);
        let execution = SubchainMachine.execute(&sub.store, &facts, &[input]).unwrap();
        assert_eq!(execution.receipts[0].codes.to_vec(), [Code::OK]);
        sub.store.apply(&execution.delta.batch, true).unwrap();
        let (id, leaf) = (sub.id(), execution.outbox[0].leaf);
        assert_eq!(leaf.reanchored, 1);
        self.tally.resent += self.relay_work(h, |state, facts, _| {
            registry::learn(state, facts, &id, &leaf, OwnHeader::Own).unwrap();
            assert!(!registry::is_held(state, &id).unwrap(), "the lane goes on");
        });
    }
}
