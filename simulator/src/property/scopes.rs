//! Scopes (R6): of two proposals whose scopes conflict, the second one starts when the first one's leg is closed.

use super::open_legs::{RelayBlock, has_begun, is_open, kept_records, relay_block};
use super::{Observation, Property};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::proposal::Submit;
use ledger_protocol::system::ProposalRecord;
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

    fn is_open(record: &ProposalRecord, chain: &ChainId) -> bool {
        record.legs.iter().any(|leg| leg.chain == *chain && is_open(leg))
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
        if let Some(kept) = kept_records(observation, self.relay)? {
            let open = kept.into_iter().filter(|record| has_begun(record) && record.legs.iter().any(is_open));
            self.open = open.map(|record| (record.id, record)).collect();
        }
        let Some(RelayBlock { height, submits, records }) = relay_block(observation, self.relay)? else {
            return Ok(());
        };
        self.submits.extend(submits.into_iter().map(|submit| (submit.body.id(), submit)));
        let mut started = Vec::new();
        for record in records {
            let under_way = has_begun(&record);
            if under_way && record.started_at == height {
                started.push(record.clone());
            }
            if under_way && record.legs.iter().any(is_open) {
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
