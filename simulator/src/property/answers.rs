//! Answers (S4): of every leg a subchain sends one Vote and one Outcome, and they fit each other.
//!
//! Read from the messages that its blocks publish. What stood in blocks that it has lost with its disks may be said anew.
//! A leg whose record was pruned is not known any more. An ABORT that comes again is answered by REFUSED then, and a list
//! of open legs by DISPUTED, as §4 and ADR 0012 have it for legs without a record.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::interchain::{Message, MessageContent, Outcome, OutcomeResult, Verdict, Vote};
use ledger_protocol::system::{LegRecord, accounts};
use ledger_protocol::transaction::StateKey;
use ledger_protocol::{Height, ProposalId};
use std::collections::BTreeMap;

/// What a chain has said of one leg, and at which of its heights.
#[derive(Debug, Default)]
struct Said {
    vote: Option<(Verdict, Height)>,
    outcome: Option<(OutcomeResult, Height)>,
    /// Where its record came into the state or left it, and whether it stood there from then on.
    record: Vec<(Height, bool)>,
}

impl Said {
    /// Whether this is the answer to a message about a leg that has no record: an ABORT past its deadline, or a list of
    /// open legs. Nobody asks so about what was applied.
    fn answers_without_record(&self, now: OutcomeResult) -> bool {
        let is_pruned = self.record.last().is_some_and(|(_, stands)| !stands);
        match (now, self.outcome.map(|(result, _)| result)) {
            (_, Some(OutcomeResult::Applied { .. })) => false,
            (OutcomeResult::Refused | OutcomeResult::Disputed, _) if is_pruned => true,
            // An ABORT whose deadline has passed leaves no record.
            (OutcomeResult::Refused | OutcomeResult::Disputed, Some(OutcomeResult::Refused)) => {
                self.vote.is_none() && self.record.is_empty()
            }
            _ => false,
        }
    }
}

/// A leg: its chain, the proposal, and the relay height at which it began.
type Leg = (ChainIndex, ProposalId, Height);

/// Every Vote and Outcome of every subchain.
#[derive(Debug)]
pub struct Answers {
    relay: ChainIndex,
    said: BTreeMap<Leg, Said>,
    messages: u64,
}

type Judgement = Result<(), Contradiction>;

impl Answers {
    /// Watches all subchains of a relay.
    pub const fn new(relay: ChainIndex) -> Self {
        Self { relay, said: BTreeMap::new(), messages: 0 }
    }

    /// The record of a leg came into the state of its chain, or left it.
    fn record(&mut self, index: ChainIndex, height: Height, key: &StateKey, stands: bool) {
        let Some(leg) = reading::leg_of_key(key) else { return };
        let said = self.said.entry((index, leg.id, leg.started_at_on_relay)).or_default();
        if said.record.last().is_none_or(|(_, stood)| *stood != stands) {
            said.record.push((height, stands));
        }
    }

    fn message(&mut self, index: ChainIndex, height: Height, message: &Message) -> Judgement {
        self.messages += 1;
        match MessageContent::of(message) {
            Some(MessageContent::Vote(vote)) if vote.chain == message.source => self.vote(index, height, &vote),
            Some(MessageContent::Outcome(outcome)) if outcome.chain == message.source => {
                self.outcome(index, height, &outcome)
            }
            other => Err(Contradiction::new(
                format!("chain {} sends Votes and Outcomes of its own", index.0),
                format!("at height {height} it sends {other:?}"),
            )),
        }
    }

    fn vote(&mut self, index: ChainIndex, height: Height, vote: &Vote) -> Judgement {
        let said = self.said.entry((index, vote.id, vote.started_at_on_relay)).or_default();
        if let Some((before, at)) = said.vote.replace((vote.verdict, height)) {
            return Err(Contradiction::new(
                format!("S4: chain {} voted {before:?} on {} at height {at}", index.0, vote.id),
                format!("at height {height} it votes {:?}", vote.verdict),
            ));
        }
        match &said.outcome {
            None => Ok(()),
            Some((outcome, at)) => Err(Contradiction::new(
                format!("chain {} said that its leg of {} is {outcome:?} at height {at}", index.0, vote.id),
                format!("at height {height} it votes {:?}", vote.verdict),
            )),
        }
    }

    fn outcome(&mut self, index: ChainIndex, height: Height, outcome: &Outcome) -> Judgement {
        let said = self.said.entry((index, outcome.id, outcome.started_at_on_relay)).or_default();
        let now = outcome.result;
        if said.answers_without_record(now) {
            said.outcome = Some((now, height));
            return Ok(());
        }
        if let Some((before, at)) = said.outcome.replace((now, height)) {
            return Err(Contradiction::new(
                format!("S4: chain {} said that its leg of {} is {before:?} at height {at}", index.0, outcome.id),
                format!("at height {height} it says {now:?}"),
            ));
        }
        let voted = said.vote.map(|(verdict, _)| verdict);
        let fits = match (now, voted) {
            (OutcomeResult::Applied { write_set_root: applied }, Some(Verdict::Yes { write_set_root, .. })) => {
                applied == write_set_root
            }
            (OutcomeResult::Released, Some(Verdict::Yes { .. })) => true,
            // Nothing was held, or nothing is known any more; a NOTIFY leg does not vote.
            (OutcomeResult::Refused | OutcomeResult::Disputed | OutcomeResult::Noted { .. }, None) => true,
            _ => false,
        };
        if fits {
            return Ok(());
        }
        Err(Contradiction::new(
            format!("chain {} voted {voted:?} on {}", index.0, outcome.id),
            format!("at height {height} it says that its leg is {now:?}"),
        ))
    }
}

impl Property for Answers {
    fn name(&self) -> &'static str {
        "one vote and one outcome per leg"
    }

    fn report(&self) -> String {
        format!("{} messages about {} legs", self.messages, self.said.len())
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Judgement {
        let index = observation.index;
        if let Fact::Restored(restoration) = observation.fact {
            let kept = restoration.kept;
            for (_, said) in self.said.iter_mut().filter(|((chain, ..), _)| *chain == index) {
                said.vote = said.vote.filter(|(_, at)| *at <= kept);
                said.outcome = said.outcome.filter(|(_, at)| *at <= kept);
                said.record.retain(|(at, _)| *at <= kept);
            }
        }
        let Fact::Published { block, is_first: true } = observation.fact else { return Ok(()) };
        if index == self.relay || observation.blame.is_bad_chain(index) {
            return Ok(());
        }
        let height = block.header.height;
        for key in reading::pruned(observation, accounts::LEGS)? {
            self.record(index, height, &key, false);
        }
        for leaf in block.outbox.iter().filter(|leaf| leaf.count > 0) {
            for message in reading::messages(observation, &leaf.peer, height)? {
                self.message(index, height, &message)?;
            }
        }
        // Each message was judged by what stood before it; a list of open legs leaves a record where it found none.
        for (key, _) in reading::records::<LegRecord>(observation, accounts::LEGS)? {
            self.record(index, height, &key, true);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
