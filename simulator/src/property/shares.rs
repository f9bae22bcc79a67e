//! Shares (R6, §7): what the relay counts as in flight on a chain is what the open legs there hold, to the byte.
//!
//! The counts come from the Submits as the relay ordered them and from the phases in its records, not from its own
//! bookkeeping.

use super::open_legs::{RelayBlock, has_begun, is_open, kept_records, relay_block};
use super::{Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::codec::encode;
use ledger_protocol::system::{ChainStatus, ProposalRecord};
use ledger_protocol::{ChainId, ProposalId};
use relay::coordinator::limits::{self, Flight};
use relay::registry;
use std::collections::BTreeMap;

/// The relay's limits, judged from Submits and records.
#[derive(Debug)]
pub struct Shares {
    relay: ChainIndex,
    /// What each voting leg of an ordered proposal takes.
    shares: BTreeMap<ProposalId, BTreeMap<ChainId, Flight>>,
    /// What open legs hold.
    held: BTreeMap<(ProposalId, ChainId), Flight>,
    compared: u64,
}

impl Shares {
    /// Watches a relay.
    pub const fn new(relay: ChainIndex) -> Self {
        Self { relay, shares: BTreeMap::new(), held: BTreeMap::new(), compared: 0 }
    }

    fn note(&mut self, record: &ProposalRecord) {
        let has_begun = has_begun(record);
        for leg in record.legs.iter().filter(|leg| leg.mode.votes()) {
            let is_open = has_begun && is_open(leg);
            let share = self.shares.get(&record.id).and_then(|shares| shares.get(&leg.chain));
            match share.filter(|_| is_open) {
                Some(share) => self.held.insert((record.id, leg.chain), *share),
                None => self.held.remove(&(record.id, leg.chain)),
            };
        }
    }

    fn total(&self, chain: &ChainId) -> Flight {
        let mut total = Flight::default();
        for (_, share) in self.held.iter().filter(|((_, at), _)| at == chain) {
            total.legs += share.legs;
            total.bytes += share.bytes;
            total.key_blocks += share.key_blocks;
        }
        total
    }
}

impl Property for Shares {
    fn name(&self) -> &'static str {
        "what is in flight is what open legs hold"
    }

    fn report(&self) -> String {
        format!("{} counts of chains", self.compared)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        if let Some(kept) = kept_records(observation, self.relay)? {
            self.held.clear();
            kept.iter().for_each(|record| self.note(record));
        }
        let Some(RelayBlock { height, submits, records }) = relay_block(observation, self.relay)? else {
            return Ok(());
        };
        for submit in submits {
            let legs = submit.body.legs.iter().zip(submit.authorisations.iter());
            let shares = legs.filter(|(leg, _)| leg.mode.votes()).map(|(leg, authorisations)| {
                let bytes = encode(leg).len().saturating_add(encode(authorisations).len()) as u64;
                let key_blocks = (leg.scope.len() as u64).saturating_mul(u64::from(submit.body.t_prep));
                (leg.chain, Flight { legs: 1, bytes, key_blocks })
            });
            self.shares.insert(submit.body.id(), shares.collect());
        }
        records.iter().for_each(|record| self.note(record));
        let state = reading::state(observation, height)?;
        for chain in reading::answer(observation, registry::peers(&state))? {
            let status = reading::answer(observation, registry::chain(&state, &chain))?.map(|record| record.status);
            let used = reading::answer(observation, limits::chain_use(&state, &chain))?;
            // Nobody closes a retired chain's legs: they are given up at once.
            if status == Some(ChainStatus::Retired) {
                continue;
            }
            self.compared += 1;
            let held = self.total(&chain);
            if used.flight != held {
                return Err(Contradiction::new(
                    format!("§7: open legs on {chain} hold {held:?}"),
                    format!("after height {height} the relay counts {:?}", used.flight),
                ));
            }
        }
        Ok(())
    }
}
