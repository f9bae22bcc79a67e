//! The relay falls back to a block of before its decision, and its members say so (ADR 0013).
//!
//! It gets the state back that it had at the start of the last block in which the proposal was PREPARING and no vote
//! was counted; the motion is passed in the block after the one in which the model falls back, and every subchain
//! follows it some time later, at the latest when a Decision of the new branch is to reach it.

use super::Real;
use super::words::Word;
use crate::fixture::{OWNER, SYSTEM, at, transaction};
use chain_interchain::OwnHeader;
use chain_state::{BlockFacts, MemoryStore, StateMachine, StoreWriter};
use ledger_protocol::chain::RelayAnchor;
use ledger_protocol::codec::Text;
use ledger_protocol::interchain::Motion;
use ledger_protocol::transaction::Operation;
use ledger_protocol::*;
use proposal_model::model::{Cfg, G, PR, R, St};
use relay::coordinator::Released;
use relay::registry;
use subchain::SubchainMachine;

/// The relay at the start of a block.
#[derive(Clone)]
struct Remembered {
    h: u8,
    model: [R; 3],
    store: MemoryStore,
    released: Released,
}

#[derive(Clone)]
pub(super) struct Fallen {
    blocks: Option<Vec<Remembered>>,
    /// The height of the motion, once there was one.
    held_since: u64,
    /// Chains that do not follow the new branch yet.
    held: Vec<usize>,
}

impl Fallen {
    pub(super) fn new(cfg: &Cfg) -> Self {
        Self { blocks: (cfg.rollback_r != 0).then(Vec::new), held_since: 0, held: Vec::new() }
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
        let (first_lost, last_lost) = (Height(u64::from(kept.h)), Height(u64::from(before.h)));
        let height = u64::from(before.h) + 1;
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
        !self.fallen_relay.held.is_empty() || self.has_list()
    }

    /// One more chain follows the new branch.
    pub(super) fn follow_next(&mut self, h: u64) {
        if let Some(chain) = self.fallen_relay.held.last().copied() {
            self.follow(h, chain);
        }
    }

    /// A chain that does not yet is given the motion's block as its anchor, and the relay hears of it.
    pub(super) fn follow(&mut self, h: u64, chain: usize) {
        if !self.fallen_relay.held.contains(&chain) {
            return;
        }
        self.fallen_relay.held.retain(|it| *it != chain);
        let trusted = self.relay.archive.trusted(Height(0));
        let anchor = RelayAnchor {
            relay: self.relay.id(),
            kind: trusted.kind,
            height_on_relay: Height(self.fallen_relay.held_since),
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
