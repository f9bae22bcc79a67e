//! Accusations (R8): evidence freezes who certified two headers, if its keys were those of now; keys that were given up
//! only make a chain SUSPECT. Nobody honest is ever frozen or suspected by proof.
//!
//! Judged from the evidence as it was ordered and from the records before and after its block.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::chain::Input;
use ledger_protocol::interchain::{Evidence, Motion};
use ledger_protocol::system::{ChainRecord, ChainStatus, ClientRecord, accounts};
use ledger_protocol::{ChainId, Height};
use std::collections::{BTreeMap, BTreeSet};

/// How the relay stands to a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    is_frozen: bool,
    is_suspect: bool,
}

/// Every chain that is frozen or marked.
#[derive(Debug)]
pub struct Accusations {
    relay: ChainIndex,
    standings: BTreeMap<ChainId, Standing>,
    /// The last registration, hand-off or re-anchor header of each, by the block before.
    handoffs: BTreeMap<ChainId, Height>,
    /// Chains of which keys may have signed twice: they, or the relay, lost blocks.
    excused: BTreeSet<ChainId>,
    has_relay_lost: bool,
    judged: u64,
}

type Judgement = Result<(), Contradiction>;

/// What a block of the relay says of one chain.
struct Block<'a> {
    height: Height,
    chain: ChainId,
    evidence: Vec<&'a Evidence>,
    is_moved: bool,
}

/// The heights at which both accused headers stand; `None` where the evidence is of another kind.
fn accused_height(evidence: &Evidence) -> Option<Height> {
    match evidence {
        Evidence::Equivocation { first, second, .. } => Some(first.header.height.min(second.header.height)),
        Evidence::Fork { .. } | Evidence::DoubleVote { .. } | Evidence::ContradictingOutcome { .. } => None,
    }
}

/// The chain that a motion is about.
fn concerns(motion: &Motion, chain: &ChainId) -> bool {
    match motion {
        Motion::Freeze(it) | Motion::ClearSuspect(it) => it == chain,
        Motion::Reanchor(it) => it.chain == *chain,
        _ => false,
    }
}

impl Accusations {
    /// Watches a relay.
    pub const fn new(relay: ChainIndex) -> Self {
        Self {
            relay,
            standings: BTreeMap::new(),
            handoffs: BTreeMap::new(),
            excused: BTreeSet::new(),
            has_relay_lost: false,
            judged: 0,
        }
    }

    /// A chain's standing after a block in which it, or its record, was concerned.
    fn judge(&mut self, block: &Block<'_>, now: Standing, is_bad: bool) -> Judgement {
        let Block { height, chain, evidence, is_moved } = block;
        let before = self.standings.insert(*chain, now).unwrap_or(Standing { is_frozen: false, is_suspect: false });
        let is_new = (now.is_frozen && !before.is_frozen) || (now.is_suspect && !before.is_suspect);
        if !is_new && evidence.is_empty() {
            return Ok(());
        }
        self.judged += 1;
        if *is_moved {
            return Ok(());
        }
        let handoff = self.handoffs.get(chain).copied().unwrap_or_default();
        for accused in evidence.iter().filter_map(|evidence| accused_height(evidence)) {
            let is_old = accused <= handoff;
            let fits = if is_old { now.is_frozen == before.is_frozen && now.is_suspect } else { now.is_frozen };
            if !fits && evidence.len() == 1 {
                return Err(Contradiction::new(
                    format!(
                        "R8: {chain} is shown to have certified two headers at {accused}, its last hand-off is {handoff}"
                    ),
                    format!("at relay height {height} it is {now:?}, before {before:?}"),
                ));
            }
        }
        // Keys of now: no honest chain signs twice with them. Keys that were given up are nobody's.
        if now.is_frozen && !before.is_frozen && !is_bad && !self.excused.contains(chain) && !self.has_relay_lost {
            return Err(Contradiction::new(
                format!("R8: {chain} kept every promise, and no motion freezes it"),
                format!("at relay height {height} it is frozen"),
            ));
        }
        Ok(())
    }
}

impl Property for Accusations {
    fn name(&self) -> &'static str {
        "only proven forks freeze"
    }

    fn report(&self) -> String {
        format!("{} chains known, {} accusations and freezes", self.standings.len(), self.judged)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Judgement {
        if let Fact::Restored(_) = observation.fact {
            if observation.index == self.relay {
                self.has_relay_lost = true;
                self.standings.clear();
                self.handoffs.clear();
            } else {
                self.excused.insert(observation.chain);
            }
        }
        let Fact::Published { block, is_first: true } = observation.fact else { return Ok(()) };
        if observation.index != self.relay {
            return Ok(());
        }
        let inputs = reading::inputs(observation)?;
        let evidence = |chain: &ChainId| -> Vec<&Evidence> {
            let all = inputs.iter().filter_map(|input| match input {
                Input::Evidence(evidence) => Some(&**evidence),
                _ => None,
            });
            all.filter(|evidence| evidence.chain() == chain).collect()
        };
        for (_, record) in reading::records::<ChainRecord>(observation, accounts::CHAINS)? {
            let chain = record.chain;
            // A motion is carried out in the block of its last vote, and may have been proposed long before: its record
            // is gone by then, so that any vote on a motion counts.
            let is_moved = reading::motions(inputs).any(|motion| concerns(motion, &chain)) || votes_on_motion(inputs);
            let block = Block { height: block.header.height, chain, evidence: evidence(&chain), is_moved };
            let now = Standing { is_frozen: record.status == ChainStatus::Frozen, is_suspect: record.suspect };
            self.judge(&block, now, observation.blame.is_bad(&chain))?;
        }
        for (_, client) in reading::records::<ClientRecord>(observation, accounts::CLIENTS)? {
            self.handoffs.insert(client.chain, client.last_handoff_height_on_source);
        }
        Ok(())
    }
}

/// Whether somebody votes on a motion in these inputs.
fn votes_on_motion(inputs: &[Input]) -> bool {
    let transactions = inputs.iter().filter_map(|input| match input {
        Input::Transaction(transaction) => Some(transaction),
        _ => None,
    });
    let mut operations = transactions.flat_map(|transaction| transaction.body.operations.iter());
    operations.any(|one| matches!(one.operation, ledger_protocol::transaction::Operation::VoteMotion(_)))
}

#[cfg(test)]
mod tests;
