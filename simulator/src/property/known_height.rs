//! Known heights (S5, and the first row of §4): the highest relay height that a subchain knows never falls, and no leg is
//! taken up of a proposal whose deadline that height has reached.
//!
//! What a subchain knows is read from the client records that its blocks set, and compared with what it remembers.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::interchain::MessageContent;
use ledger_protocol::system::{ClientRecord, LegRecord, accounts};
use ledger_protocol::{ChainId, Height, ProposalId};
use std::collections::{BTreeMap, BTreeSet};
use subchain::participant::known_relay_height;
use subchain::participant::table::LegState;

/// A leg: the proposal, and the relay height at which it began.
type Leg = (ProposalId, Height);

/// A record that a block set, and what was known before the block.
struct NewLeg {
    leg: Leg,
    record: LegRecord,
    highest_before: Height,
}

/// What one subchain knows.
#[derive(Debug, Default)]
struct Known {
    /// The highest relay height that its client ever stood at.
    highest_on_relay: Height,
    /// Legs that have a record, and since when.
    legs: BTreeMap<Leg, Height>,
}

/// The relay's clock as subchains see it.
#[derive(Debug)]
pub struct KnownHeights {
    relay: ChainIndex,
    known: BTreeMap<ChainIndex, Known>,
    judged: u64,
}

impl KnownHeights {
    /// Watches all subchains of a relay.
    pub const fn new(relay: ChainIndex) -> Self {
        Self { relay, known: BTreeMap::new(), judged: 0 }
    }

    /// New records of legs. One whose Prepare stands in this block was voted on when the client had moved already.
    fn legs(&mut self, index: ChainIndex, height: Height, legs: &[NewLeg], prepared: &BTreeSet<Leg>) -> Judgement {
        let known = self.known.entry(index).or_default();
        for NewLeg { leg, record, highest_before } in legs {
            // Neither of these has to do with a deadline.
            let is_free = matches!(record.state, LegState::Disputed | LegState::Noted | LegState::Waiting);
            if *known.legs.entry(*leg).or_insert(height) != height || is_free {
                continue;
            }
            self.judged += 1;
            let highest = if prepared.contains(leg) { known.highest_on_relay } else { *highest_before };
            let deadline = record.deadline_on_relay;
            if deadline <= highest {
                return Err(Contradiction::new(
                    format!("chain {} knows relay height {highest}", index.0),
                    format!(
                        "at height {height} it takes up a leg of {} whose deadline is relay height {deadline}: {:?}",
                        leg.0, record.state
                    ),
                ));
            }
        }
        Ok(())
    }

    /// A client record that the block set, and the highest relay height that the chain remembers after it.
    fn moved(&mut self, index: ChainIndex, height: Height, client: Height, remembered: Height) -> Judgement {
        let known = self.known.entry(index).or_default();
        known.highest_on_relay = known.highest_on_relay.max(client);
        if remembered == known.highest_on_relay {
            return Ok(());
        }
        Err(Contradiction::new(
            format!("S5: the highest relay height that chain {} ever knew is {}", index.0, known.highest_on_relay),
            format!("at height {height} it remembers {remembered}"),
        ))
    }

    /// It is as its kept block has it; a leg of a lost block may be taken up anew.
    fn restored(&mut self, observation: &Observation<'_>, kept: Height, relay: &ChainId) -> Judgement {
        let state = reading::state(observation, kept)?;
        let known = self.known.entry(observation.index).or_default();
        known.highest_on_relay = reading::answer(observation, known_relay_height(&state, relay))?;
        known.legs.retain(|_, since| *since <= kept);
        Ok(())
    }
}

type Judgement = Result<(), Contradiction>;

impl Property for KnownHeights {
    fn name(&self) -> &'static str {
        "known relay heights never fall"
    }

    fn report(&self) -> String {
        format!("{} chains, {} legs taken up", self.known.len(), self.judged)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Judgement {
        let index = observation.index;
        if index == self.relay || observation.blame.is_bad_chain(index) {
            return Ok(());
        }
        if let Fact::Restored(restoration) = observation.fact {
            let leaves = reading::outbox(observation, restoration.kept);
            if let Some(leaf) = leaves.first() {
                self.restored(observation, restoration.kept, &leaf.peer)?;
            }
        }
        let Fact::Published { block, is_first: true } = observation.fact else { return Ok(()) };
        let height = block.header.height;
        let highest_before = self.known.get(&index).map(|known| known.highest_on_relay).unwrap_or_default();
        for (_, client) in reading::records::<ClientRecord>(observation, accounts::CLIENTS)? {
            let state = reading::state(observation, height)?;
            let remembered = reading::answer(observation, known_relay_height(&state, &client.chain))?;
            self.moved(index, height, client.height_on_source, remembered)?;
        }
        let legs = reading::legs(observation)?.into_iter();
        let legs: Vec<NewLeg> = legs
            .map(|(leg, record)| NewLeg { leg: (leg.id, leg.started_at_on_relay), record, highest_before })
            .collect();
        if legs.is_empty() {
            return Ok(());
        }
        let prepared = reading::messages_in(reading::inputs(observation)?).filter_map(|message| {
            match MessageContent::of(message)? {
                MessageContent::Prepare(prepare) => Some((prepare.id, prepare.started_at_on_relay)),
                _ => None,
            }
        });
        self.legs(index, height, &legs, &prepared.collect())
    }
}

#[cfg(test)]
mod tests;
