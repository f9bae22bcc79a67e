//! Pruning (R2, S8): a record stays in the state until nobody can ask for it any more.
//!
//! On the relay that is when every leg is closed by proof and valid_until has passed; on a subchain when the relay's
//! height is known to have reached the deadline and the relay has ordered the leg's last answer. What the relay has ordered
//! is read from the relay's own blocks, not from what the subchain was told.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::interchain::OutboxLeaf;
use ledger_protocol::system::{
    ChainRecord, ChainStatus, ClientRecord, LegPhase, LegRecord, LegStatus, ProposalRecord, ProposalState, accounts,
};
use ledger_protocol::transaction::StateKey;
use ledger_protocol::{ChainId, Hash, Height, ProposalId};
use std::collections::{BTreeMap, BTreeSet};

/// A leg or a proposal: the id, and the relay height at which it began.
type Began = (ProposalId, Height);

/// The records that leave the states of a relay and its subchains.
#[derive(Debug)]
pub struct Pruning {
    relay: ChainIndex,
    proposals: BTreeMap<Began, ProposalRecord>,
    retired: BTreeSet<ChainId>,
    legs: BTreeMap<ChainIndex, BTreeMap<Began, LegRecord>>,
    /// The highest relay height that a subchain's client ever stood at.
    known_on_relay: BTreeMap<ChainIndex, Height>,
    /// Hashes of the headers of subchains, on the branch that they are on.
    headers: BTreeMap<(ChainId, Height), Hash>,
    /// The next sequence that the relay expects of a subchain, by a leaf that follows the subchain's own branch.
    received: BTreeMap<ChainId, u64>,
    pruned: u64,
}

type Judgement = Result<(), Contradiction>;

fn began(key: &StateKey) -> Option<Began> {
    reading::leg_of_key(key).map(|leg| (leg.id, leg.started_at_on_relay))
}

const fn is_closed(leg: &LegStatus) -> bool {
    !matches!(leg.phase, LegPhase::Waiting | LegPhase::VotedYes { .. })
}

impl Pruning {
    /// Watches a relay and all its subchains.
    pub const fn new(relay: ChainIndex) -> Self {
        Self {
            relay,
            proposals: BTreeMap::new(),
            retired: BTreeSet::new(),
            legs: BTreeMap::new(),
            known_on_relay: BTreeMap::new(),
            headers: BTreeMap::new(),
            received: BTreeMap::new(),
            pruned: 0,
        }
    }

    /// R2.
    fn proposal_pruned(&mut self, height: Height, began: &Began) -> Judgement {
        let Some(record) = self.proposals.remove(began) else { return Ok(()) };
        // One that leaves the queue gets a record of its own.
        if record.state == ProposalState::Queued {
            return Ok(());
        }
        self.pruned += 1;
        let is_awaited = |leg: &&LegStatus| {
            let hears = leg.mode.votes() || record.state == ProposalState::Committed;
            hears && record.state != ProposalState::Rejected && !is_closed(leg) && !self.retired.contains(&leg.chain)
        };
        let open = record.legs.iter().find(is_awaited);
        if record.state.is_terminal() && height > record.valid_until && open.is_none() {
            return Ok(());
        }
        Err(Contradiction::new(
            format!(
                "R2: {} is {:?}, valid until relay height {}, not closed: {open:?}",
                record.id, record.state, record.valid_until
            ),
            format!("its record leaves the state at relay height {height}"),
        ))
    }

    /// S8.
    fn leg_pruned(&mut self, (index, chain): (ChainIndex, ChainId), height: Height, began: &Began) -> Judgement {
        let Some(record) = self.legs.entry(index).or_default().remove(began) else { return Ok(()) };
        self.pruned += 1;
        let known = self.known_on_relay.get(&index).copied().unwrap_or_default();
        let received = self.received.get(&chain).copied().unwrap_or(0);
        let has_ended = !matches!(record.state, subchain::participant::table::LegState::Locked);
        if has_ended && record.deadline_on_relay <= known && record.answered_by.0 < received {
            return Ok(());
        }
        Err(Contradiction::new(
            format!(
                "S8: chain {} knows relay height {known}, and the relay has ordered {received} of its messages",
                index.0
            ),
            format!("at height {height} the record of its leg of {} leaves the state: {record:?}", began.0),
        ))
    }

    fn on_relay(&mut self, observation: &Observation<'_>, height: Height, outbox: &[OutboxLeaf]) -> Judgement {
        for (_, chain) in reading::records::<ChainRecord>(observation, accounts::CHAINS)? {
            if chain.status == ChainStatus::Retired {
                self.retired.insert(chain.chain);
            }
        }
        for leaf in outbox {
            let follows = (leaf.peer, leaf.follows.height_on_peer);
            if self.headers.get(&follows) == Some(&leaf.follows.header_hash_on_peer.hash) {
                let received = self.received.entry(leaf.peer).or_default();
                *received = leaf.received.0.max(*received);
            }
        }
        // What ended in this block may be pruned in the next one at the earliest, so the last record is the one before.
        for key in reading::pruned(observation, accounts::PROPOSALS)? {
            began(&key).map_or(Ok(()), |began| self.proposal_pruned(height, &began))?;
        }
        for (key, record) in reading::records::<ProposalRecord>(observation, accounts::PROPOSALS)? {
            began(&key).and_then(|began| self.proposals.insert(began, record));
        }
        Ok(())
    }

    fn on_subchain(&mut self, observation: &Observation<'_>, height: Height, header_hash: Hash) -> Judgement {
        let (index, chain) = (observation.index, observation.chain);
        self.headers.insert((chain, height), header_hash);
        for (_, client) in reading::records::<ClientRecord>(observation, accounts::CLIENTS)? {
            let known = self.known_on_relay.entry(index).or_default();
            *known = client.height_on_source.max(*known);
        }
        for (key, record) in reading::records::<LegRecord>(observation, accounts::LEGS)? {
            began(&key).and_then(|began| self.legs.entry(index).or_default().insert(began, record));
        }
        for key in reading::pruned(observation, accounts::LEGS)? {
            began(&key).map_or(Ok(()), |began| self.leg_pruned((index, chain), height, &began))?;
        }
        Ok(())
    }

    /// What stood in lost blocks is forgotten; a record that one of them changed is not judged.
    fn restored(&mut self, observation: &Observation<'_>, kept: Height) -> Judgement {
        if observation.index == self.relay {
            let kept = reading::proposals(observation, kept)?.into_iter();
            self.proposals = kept.map(|record| ((record.id, record.started_at), record)).collect();
            return Ok(());
        }
        let (index, chain) = (observation.index, observation.chain);
        self.legs.remove(&index);
        self.headers.retain(|(of, height), _| *of != chain || *height <= kept);
        let sent = reading::outbox(observation, kept).first().and_then(OutboxLeaf::next_sequence);
        let sent = sent.map_or(0, |sent| sent.0);
        self.received.entry(chain).and_modify(|received| *received = sent.min(*received));
        Ok(())
    }
}

impl Property for Pruning {
    fn name(&self) -> &'static str {
        "records stay until nobody can ask"
    }

    fn report(&self) -> String {
        format!("{} records pruned", self.pruned)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Judgement {
        if observation.blame.is_bad_chain(observation.index) {
            return Ok(());
        }
        if let Fact::Restored(restoration) = observation.fact {
            self.restored(observation, restoration.kept)?;
        }
        let Fact::Published { block, is_first: true } = observation.fact else { return Ok(()) };
        let height = block.header.height;
        if observation.index == self.relay {
            self.on_relay(observation, height, &block.outbox)
        } else {
            self.on_subchain(observation, height, block.header_hash)
        }
    }
}

#[cfg(test)]
mod tests;
