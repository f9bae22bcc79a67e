//! Scopes (R6): of two proposals whose scopes conflict, the second one starts when the first one's leg is closed.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::proposal::Submit;
use ledger_protocol::system::{LegPhase, ProposalRecord, ProposalState, accounts};
use ledger_protocol::{ChainId, ProposalId};
use std::collections::BTreeMap;

/// The relay's scope queue, judged from Submits and records.
#[derive(Debug)]
pub struct Scopes {
    relay: ChainIndex,
    submits: BTreeMap<ProposalId, Submit>,
    /// Started, with a leg that is still open.
    open: BTreeMap<ProposalId, ProposalRecord>,
    started: u64,
}

impl Scopes {
    /// Watches a relay.
    pub const fn new(relay: ChainIndex) -> Self {
        Self { relay, submits: BTreeMap::new(), open: BTreeMap::new(), started: 0 }
    }

    fn is_under_way(record: &ProposalRecord) -> bool {
        !matches!(record.state, ProposalState::Queued | ProposalState::Rejected)
    }

    fn is_open(record: &ProposalRecord, chain: &ChainId) -> bool {
        let mut legs = record.legs.iter().filter(|leg| leg.mode.votes() && leg.chain == *chain);
        legs.any(|leg| matches!(leg.phase, LegPhase::Waiting | LegPhase::VotedYes { .. }))
    }

    /// The chain on which two proposals that are under way conflict.
    fn conflict(&self, one: &ProposalRecord, other: &ProposalRecord) -> Option<ChainId> {
        let (first, second) = (self.submits.get(&one.id)?, self.submits.get(&other.id)?);
        for leg in first.body.legs.iter().filter(|leg| Self::is_open(one, &leg.chain)) {
            let Some(met) = second.body.legs.find(&leg.chain).filter(|leg| Self::is_open(other, &leg.chain)) else {
                continue;
            };
            if leg.scope.iter().any(|here| met.scope.iter().any(|there| !here.is_compatible_with(there))) {
                return Some(leg.chain);
            }
        }
        None
    }
}

impl Property for Scopes {
    fn name(&self) -> &'static str {
        "conflicting scopes wait for each other"
    }

    fn report(&self) -> String {
        format!("{} proposals started", self.started)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        if observation.index != self.relay {
            return Ok(());
        }
        if let Fact::Restored(restoration) = observation.fact {
            let kept = reading::proposals(observation, restoration.kept).into_iter();
            let open = kept.filter(|record| record.legs.iter().any(|leg| Self::is_open(record, &leg.chain)));
            self.open = open.filter(Self::is_under_way).map(|record| (record.id, record)).collect();
        }
        let Fact::Published { block, is_first: true } = observation.fact else { return Ok(()) };
        let height = block.header.height;
        for submit in reading::submits(observation, height) {
            self.submits.insert(submit.body.id(), submit);
        }
        let mut started = Vec::new();
        for (_, record) in reading::records::<ProposalRecord>(observation, height, accounts::PROPOSALS) {
            let under_way = Self::is_under_way(&record);
            if under_way && record.started_at == height {
                started.push(record.clone());
            }
            let has_open_leg = record.legs.iter().any(|leg| Self::is_open(&record, &leg.chain));
            if under_way && has_open_leg {
                self.open.insert(record.id, record);
            } else {
                self.open.remove(&record.id);
            }
        }
        self.started += started.len() as u64;
        for record in &started {
            for other in self.open.values().filter(|other| other.id != record.id) {
                if let Some(chain) = self.conflict(record, other) {
                    return Err(Contradiction::new(
                        format!("R6: {} is {:?} since height {}", other.id, other.state, other.started_at),
                        format!("{} starts at {height} with a conflicting scope on {chain:?}", record.id),
                    ));
                }
            }
        }
        Ok(())
    }
}
