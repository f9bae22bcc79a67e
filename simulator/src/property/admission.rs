//! Admission (R5): what begins in a block of the relay may begin then. Every chain that it names takes part and is fresh,
//! its service is open to the proposer, and what is in flight there stays within the limits of the chain.
//!
//! The rules are asked of the chains' records as they stand after the block, by another hand than the relay's own.

use super::open_legs::{RelayBlock, has_begun, relay_block};
use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::chain::ControlledBy;
use ledger_protocol::interchain::ServiceAccess;
use ledger_protocol::proposal::{Leg, Submit};
use ledger_protocol::system::{ChainRecord, ChainStatus, ProposalRecord};
use ledger_protocol::{Height, LedgerId, ProposalId, TimestampMs};
use relay::coordinator::limits;
use relay::coordinator::{STALE_FLOOR_MS, STALE_HEARTBEATS};
use relay::registry;
use std::collections::{BTreeMap, BTreeSet};

/// Every proposal that begins.
#[derive(Debug)]
pub struct Admission {
    relay: ChainIndex,
    submits: BTreeMap<ProposalId, Submit>,
    legs: u64,
}

/// What a leg's chain says of itself and what the relay knows of it.
struct Named<'a> {
    leg: &'a Leg,
    record: ChainRecord,
    newest_header_at: TimestampMs,
    in_flight: u32,
    is_member: bool,
}

impl Admission {
    /// Watches a relay.
    pub const fn new(relay: ChainIndex) -> Self {
        Self { relay, submits: BTreeMap::new(), legs: 0 }
    }

    fn begun(&mut self, observation: &Observation<'_>, record: &ProposalRecord, now_ms: TimestampMs) -> Judgement {
        let Some(submit) = self.submits.get(&record.id) else { return Ok(()) };
        let height = record.started_at;
        let state = reading::state(observation, height)?;
        let mut named = Vec::new();
        for leg in submit.body.legs.iter() {
            let chain = reading::answer(observation, registry::chain(&state, &leg.chain))?;
            let client = reading::answer(observation, chain_interchain::client(&state, &leg.chain))?;
            let (Some(chain), Some(client)) = (chain, client) else {
                return against(record, height, format!("{} is not registered", leg.chain));
            };
            let used = reading::answer(observation, limits::chain_use(&state, &leg.chain))?;
            let is_member = reading::answer(observation, registry::is_member(&state, &submit.body.proposer))?;
            named.push(Named {
                leg,
                record: chain,
                newest_header_at: client.timestamp_ms_on_source,
                in_flight: used.flight.legs,
                is_member,
            });
        }
        self.legs += named.len() as u64;
        for one in &named {
            if let Some(why) = refused(submit, one, &named, now_ms) {
                return against(record, height, format!("{} {why}", one.leg.chain));
            }
        }
        Ok(())
    }
}

type Judgement = Result<(), Contradiction>;

fn against(record: &ProposalRecord, height: Height, why: String) -> Judgement {
    Err(Contradiction::new(format!("R5: {} begins at relay height {height}", record.id), why))
}

/// Why a chain may not be named, if it may not.
fn refused(submit: &Submit, one: &Named<'_>, all: &[Named<'_>], now_ms: TimestampMs) -> Option<String> {
    let Named { leg, record, newest_header_at, in_flight, is_member } = one;
    if record.status != ChainStatus::Active || record.lagging {
        return Some(format!("is {:?}, lagging: {}", record.status, record.lagging));
    }
    let patience_ms = STALE_HEARTBEATS.saturating_mul(u64::from(record.heartbeat_ms)).max(STALE_FLOOR_MS);
    let silent_ms = now_ms.0.saturating_sub(newest_header_at.0);
    if silent_ms > patience_ms {
        return Some(format!("was last heard of {silent_ms} ms ago, stale after {patience_ms}"));
    }
    if submit.body.t_prep > record.max_t_prep {
        return Some(format!("accepts a t_prep of {}, not {}", record.max_t_prep, submit.body.t_prep));
    }
    if leg.mode.votes() && *in_flight > record.limits.max_in_flight {
        return Some(format!("has {in_flight} legs in flight, at most {}", record.limits.max_in_flight));
    }
    let ledgers: BTreeSet<LedgerId> = leg.scope.iter().map(|entry| entry.key.ledger).collect();
    for ledger in ledgers {
        let service = record.services.iter().find(|service| service.ledger == ledger);
        let is_open = match service.map(|service| &service.access) {
            None | Some(ServiceAccess::Nobody) => false,
            Some(ServiceAccess::Members) => *is_member,
            Some(ServiceAccess::Proposers(list)) => list.contains(&submit.body.proposer),
        };
        if !is_open {
            return Some(format!("does not open ledger {ledger:?} to the proposer"));
        }
        let is_shared = |other: &Named<'_>| matches!(other.record.controlled_by, ControlledBy::Shared { .. });
        let mut others = all.iter().filter(|other| other.leg.chain != leg.chain && other.leg.mode.votes());
        if service.is_some_and(|service| service.demands_shared_control) && !others.all(is_shared) {
            return Some("demands counterparties under shared control".to_owned());
        }
    }
    None
}

impl Property for Admission {
    fn name(&self) -> &'static str {
        "what begins was admitted"
    }

    fn report(&self) -> String {
        format!("{} legs of proposals that began", self.legs)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Judgement {
        let Some(RelayBlock { height, submits, records }) = relay_block(observation, self.relay)? else {
            return Ok(());
        };
        let Fact::Published { block, .. } = observation.fact else { return Ok(()) };
        self.submits.extend(submits.into_iter().map(|submit| (submit.body.id(), submit)));
        for record in records.iter().filter(|record| has_begun(record) && record.started_at == height) {
            self.begun(observation, record, block.header.timestamp_ms)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
