//! What happened when, for reports: blocks of every chain, states of every proposal, and which cells of the protocol's
//! state tables a run came through.
//!
//! It watches as a property that never fails, so that watching changes nothing.

use crate::failure::Contradiction;
use crate::property::{Fact, Observation, Property};
use crate::world::ChainIndex;
use chain_engine::ChainReader;
use chain_state::{BlockState, Place};
use ledger_protocol::codec::decode;
use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::system::{LegPhase, ProposalRecord, ProposalState, accounts};
use ledger_protocol::transaction::{Change, ChangeKind, Choice};
use ledger_protocol::{ChainId, Height, LedgerId, ProposalId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use subchain::participant::LegRecord;
use subchain::participant::table::LegState;

/// Steps of the state tables that a run took: where, from, to.
pub type Coverage = BTreeSet<(&'static str, &'static str, &'static str)>;

/// A chain's blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainTimeline {
    /// First publication of each height: virtual time, height, inputs.
    pub blocks: Vec<(u64, u64, usize)>,
}

/// A proposal's states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProposalTimeline {
    /// On the relay: virtual time and state.
    pub states: Vec<(u64, &'static str)>,
    /// On its legs: virtual time, chain of the world, state.
    pub legs: Vec<(u64, usize, &'static str)>,
    /// Why it aborted, if it did.
    pub reason: Option<String>,
}

/// Everything that a report shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chronicle {
    /// By place in the world; 0 is the relay.
    pub chains: BTreeMap<usize, ChainTimeline>,
    /// By id.
    pub proposals: BTreeMap<ProposalId, ProposalTimeline>,
    /// Steps taken.
    pub coverage: Coverage,
}

/// A chronicle that its observer writes and the trial takes.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedChronicle(Arc<Mutex<Chronicle>>);

impl SharedChronicle {
    /// Proposals that were decided COMMIT, whether their records are still there or not.
    pub(super) fn committed(&self) -> BTreeSet<ProposalId> {
        let chronicle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let commits = |it: &&str| [ProposalState::Committing.name(), ProposalState::Committed.name()].contains(it);
        let proposals = chronicle.proposals.iter();
        let committed = proposals.filter(|(_, one)| one.states.iter().any(|(_, state)| commits(state)));
        committed.map(|(id, _)| *id).collect()
    }

    pub(super) fn take(&self) -> Chronicle {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes the chronicle.
#[derive(Debug)]
pub(super) struct Observer {
    chronicle: SharedChronicle,
    relay: ChainIndex,
    last: BTreeMap<ProposalId, ProposalRecord>,
    legs: BTreeMap<(ChainId, ProposalId), &'static str>,
}

impl Observer {
    pub(super) const fn new(chronicle: SharedChronicle, relay: ChainIndex) -> Self {
        Self { chronicle, relay, last: BTreeMap::new(), legs: BTreeMap::new() }
    }

    fn on_relay(&mut self, observation: &Observation<'_>, height: Height, chronicle: &mut Chronicle) {
        for change in changes(observation, height, accounts::PROPOSALS) {
            let Some(record) = record::<ProposalRecord>(observation, height, &change) else { continue };
            let name = record.state.name();
            let before = self.last.insert(record.id, record.clone());
            let from = before.as_ref().map_or("none", |before| before.state.name());
            if from != name {
                chronicle.coverage.insert(("proposal", from, name));
                let proposal = chronicle.proposals.entry(record.id).or_default();
                proposal.states.push((observation.now_ms, name));
                if let Choice::Some(DecisionVerdict::Abort { code, .. }) = &record.decision {
                    proposal.reason = Some(code.to_string());
                }
            }
            for leg in record.legs.iter() {
                let earlier = before.as_ref().and_then(|before| before.legs.iter().find(|old| old.chain == leg.chain));
                let from = earlier.map_or("none", |leg| phase_name(&leg.phase));
                if from != phase_name(&leg.phase) {
                    chronicle.coverage.insert(("leg on the relay", from, phase_name(&leg.phase)));
                }
            }
        }
    }

    fn on_subchain(&mut self, observation: &Observation<'_>, height: Height, chronicle: &mut Chronicle) {
        for change in changes(observation, height, accounts::LEGS) {
            let Some(leg) = record::<LegRecord>(observation, height, &change) else { continue };
            let Ok((id, _)) = decode::<(ProposalId, [u8; 8])>(&change.key, 256) else { continue };
            let name = leg_state_name(leg.state);
            let from = self.legs.insert((observation.chain, id), name).unwrap_or("none");
            if from != name {
                chronicle.coverage.insert(("leg on its subchain", from, name));
                let proposal = chronicle.proposals.entry(id).or_default();
                proposal.legs.push((observation.now_ms, observation.index.0, name));
            }
        }
    }
}

impl Property for Observer {
    fn name(&self) -> &'static str {
        "chronicle"
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        let Fact::Published { block, is_first: true } = observation.fact else { return Ok(()) };
        let shared = self.chronicle.clone();
        let mut chronicle = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let height = block.header.height;
        let timeline = chronicle.chains.entry(observation.index.0).or_default();
        timeline.blocks.push((observation.now_ms, height.0, block.inputs.len()));
        if observation.index == self.relay {
            self.on_relay(observation, height, &mut chronicle);
        } else {
            self.on_subchain(observation, height, &mut chronicle);
        }
        Ok(())
    }

    fn report(&self) -> String {
        format!("{} proposals, {} legs", self.last.len(), self.legs.len())
    }
}

fn changes(observation: &Observation<'_>, height: Height, account: &str) -> Vec<Change> {
    let reader = ChainReader::new(observation.store, observation.chain.suite);
    let mut changes = reader.changes(height).ok().flatten().unwrap_or_default();
    changes.retain(|change| {
        change.ledger == LedgerId::SYSTEM && change.account.as_str() == account && change.kind == ChangeKind::Set
    });
    changes
}

fn record<T: borsh::BorshDeserialize>(observation: &Observation<'_>, height: Height, change: &Change) -> Option<T> {
    let state = BlockState::open(observation.store, observation.chain.suite, height).ok()?;
    state.record(&Place::new(change.ledger, &change.account, &change.key)).ok().flatten()
}

const fn phase_name(phase: &LegPhase) -> &'static str {
    match phase {
        LegPhase::Waiting => "waiting",
        LegPhase::VotedYes { .. } => "voted yes",
        LegPhase::ClosedByOutcome { .. } => "closed by outcome",
        LegPhase::ClosedByNo { .. } => "closed by no",
        LegPhase::Disputed => "disputed",
        LegPhase::Broken => "broken",
        LegPhase::Noted { .. } => "noted",
    }
}

const fn leg_state_name(state: LegState) -> &'static str {
    match state {
        LegState::Locked => "locked",
        LegState::Refused => "refused",
        LegState::Tombstone => "tombstone",
        LegState::Released => "released",
        LegState::Applied => "applied",
        LegState::Disputed => "disputed",
        LegState::Noted => "noted",
        LegState::Waiting => "waiting",
    }
}
