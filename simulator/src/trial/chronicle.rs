//! What happened when, for reports: blocks of every chain, states of every proposal, and which cells of the protocol's
//! state tables a run came through.
//!
//! It watches as a property that never fails, so that watching changes nothing.

use super::steps::{LEG_ON_RELAY, LEG_ON_SUBCHAIN, LOST, NONE, PROPOSAL};
use crate::failure::Contradiction;
use crate::property::{Fact, Observation, Property, reading};
use crate::world::ChainIndex;
use chain_state::BlockState;
use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::system::{LegPhase, ProposalRecord, accounts};
use ledger_protocol::transaction::Choice;
use ledger_protocol::{ChainId, Height, ProposalId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use subchain::participant::LegId;
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
    fates: Fates,
}

/// What became of proposals where chains may have lost blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fates {
    /// Decided COMMIT, on the branch that the relay is on.
    pub(super) committed: BTreeSet<ProposalId>,
    /// Decided COMMIT on a branch that the relay has lost.
    pub(super) committed_on_lost: BTreeSet<ProposalId>,
    /// Legs of which their chain, by its place in the world, has lost the record.
    pub(super) forgotten: BTreeSet<(ProposalId, usize)>,
    /// Legs that are applied.
    pub(super) applied: BTreeSet<(ProposalId, usize)>,
}

/// A chronicle that its observer writes and the trial takes.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedChronicle(Arc<Mutex<Chronicle>>);

impl SharedChronicle {
    /// What became of the proposals, whether their records are still there or not.
    pub(super) fn fates(&self) -> Fates {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fates.clone()
    }

    /// Whether the relay has ever ordered a proposal, on whichever branch.
    pub(super) fn knows(&self, id: &ProposalId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).proposals.contains_key(id)
    }

    pub(super) fn take(&self) -> Chronicle {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A leg's newest state, which leg it is, and since when.
#[derive(Debug, Clone, Copy)]
struct LegSeen {
    name: &'static str,
    leg: LegId,
    since_on_subchain: Height,
}

/// Writes the chronicle.
#[derive(Debug)]
pub(super) struct Observer {
    chronicle: SharedChronicle,
    relay: ChainIndex,
    /// With the relay height at which it became what it is.
    last: BTreeMap<ProposalId, (ProposalRecord, Height)>,
    legs: BTreeMap<(ChainId, ProposalId), LegSeen>,
}

impl Observer {
    pub(super) const fn new(chronicle: SharedChronicle, relay: ChainIndex) -> Self {
        Self { chronicle, relay, last: BTreeMap::new(), legs: BTreeMap::new() }
    }

    fn on_relay(&mut self, observation: &Observation<'_>, height: Height, chronicle: &mut Chronicle) {
        for (_, record) in reading::records::<ProposalRecord>(observation, accounts::PROPOSALS).unwrap_or_default() {
            let name = record.state.name();
            let before = self.last.insert(record.id, (record.clone(), height)).map(|(before, _)| before);
            if matches!(record.decision, Choice::Some(DecisionVerdict::Commit { .. })) {
                chronicle.fates.committed.insert(record.id);
            }
            let from = before.as_ref().map_or(NONE, |before| before.state.name());
            if from != name {
                chronicle.coverage.insert((PROPOSAL, from, name));
                let proposal = chronicle.proposals.entry(record.id).or_default();
                proposal.states.push((observation.now_ms, name));
                if let Choice::Some(DecisionVerdict::Abort { code, .. }) = &record.decision {
                    proposal.reason = Some(code.to_string());
                }
            }
            for leg in record.legs.iter() {
                let earlier = before.as_ref().and_then(|before| before.legs.iter().find(|old| old.chain == leg.chain));
                let from = earlier.map_or(NONE, |leg| phase_name(&leg.phase));
                if from != phase_name(&leg.phase) {
                    chronicle.coverage.insert((LEG_ON_RELAY, from, phase_name(&leg.phase)));
                }
            }
        }
    }

    fn on_subchain(&mut self, observation: &Observation<'_>, height: Height, chronicle: &mut Chronicle) {
        for (leg, record) in reading::legs(observation).unwrap_or_default() {
            let (id, name) = (leg.id, leg_state_name(record.state));
            let seen = LegSeen { name, leg, since_on_subchain: height };
            let from = self.legs.insert((observation.chain, id), seen).map_or(NONE, |before| before.name);
            if from != name {
                chronicle.fates.note(id, observation.index, name);
                chronicle.coverage.insert((LEG_ON_SUBCHAIN, from, name));
                let proposal = chronicle.proposals.entry(id).or_default();
                proposal.legs.push((observation.now_ms, observation.index.0, name));
            }
        }
    }
}

impl Fates {
    fn note(&mut self, id: ProposalId, index: ChainIndex, name: &'static str) {
        if name == leg_state_name(LegState::Applied) {
            self.applied.insert((id, index.0));
        } else {
            self.applied.remove(&(id, index.0));
        }
    }
}

impl Observer {
    /// A chain went back to a backup: what it knew by then is how things stand.
    fn restored(&mut self, observation: &Observation<'_>, kept: Height, chronicle: &mut Chronicle) {
        let Ok(state) = BlockState::open(observation.store, observation.chain.suite, kept) else { return };
        let index = observation.index;
        if index == self.relay {
            let lost = |_: &ProposalId, (_, since): &mut (ProposalRecord, Height)| *since > kept;
            for (id, (record, _)) in self.last.extract_if(.., lost).collect::<Vec<_>>() {
                let id = &id;
                let known = relay::coordinator::find(&state, id).ok().flatten();
                let name = known.as_ref().map_or(LOST, |known| known.state.name());
                let was_committed = matches!(record.decision, Choice::Some(DecisionVerdict::Commit { .. }));
                let decision = known.as_ref().map_or(Choice::None, |known| known.decision.clone());
                if was_committed && decision == Choice::None {
                    chronicle.fates.committed.remove(id);
                    chronicle.fates.committed_on_lost.insert(*id);
                }
                chronicle.proposals.entry(*id).or_default().states.push((observation.now_ms, name));
                if let Some(known) = known {
                    self.last.insert(*id, (known, kept));
                }
            }
            return;
        }
        let own = self.legs.iter_mut().filter(|((chain, _), _)| *chain == observation.chain);
        for ((_, id), seen) in own.filter(|(_, seen)| seen.since_on_subchain > kept) {
            let known = seen.leg.record(&state).ok().flatten();
            let name = known.as_ref().map_or(LOST, |known| leg_state_name(known.state));
            if known.is_none() {
                chronicle.fates.forgotten.insert((*id, index.0));
            }
            chronicle.fates.note(*id, index, name);
            chronicle.proposals.entry(*id).or_default().legs.push((observation.now_ms, index.0, name));
            *seen = LegSeen { name, since_on_subchain: kept, ..*seen };
        }
    }
}

impl Property for Observer {
    fn name(&self) -> &'static str {
        "chronicle"
    }

    fn only_watches(&self) -> bool {
        true
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        if let Fact::Restored(restoration) = observation.fact {
            let shared = self.chronicle.clone();
            let mut chronicle = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
            self.restored(observation, restoration.kept, &mut chronicle);
        }
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

pub(super) const fn phase_name(phase: &LegPhase) -> &'static str {
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

pub(super) const fn leg_state_name(state: LegState) -> &'static str {
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
