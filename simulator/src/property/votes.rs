//! Ordered votes (A2, A3, R1): what the relay decides follows from the votes that its blocks ordered, and from when.
//!
//! It reads the messages of the ordered Advances, never what the relay noted of them. A message that a full block
//! postponed counts from the block that ordered it.

use super::open_legs::{RelayBlock, relay_block};
use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::chain::Input;
use ledger_protocol::interchain::{DecisionVerdict, MessageContent, Verdict};
use ledger_protocol::system::{ProposalRecord, ProposalState};
use ledger_protocol::{ChainId, Code, Height, ProposalId};
use std::collections::BTreeMap;

/// What a leg has voted on the relay's branch, and since when.
#[derive(Debug, Clone, Copy)]
struct Ordered {
    is_yes: bool,
    at: Height,
}

/// A leg: the proposal, the relay height at which it began, and its chain.
type Leg = (ProposalId, Height, ChainId);

/// Every vote that the relay ordered, and every decision of a proposal that had begun.
#[derive(Debug)]
pub struct OrderedVotes {
    relay: ChainIndex,
    votes: BTreeMap<Leg, Ordered>,
    decisions: u64,
}

impl OrderedVotes {
    /// Watches a relay.
    pub const fn new(relay: ChainIndex) -> Self {
        Self { relay, votes: BTreeMap::new(), decisions: 0 }
    }

    fn note(&mut self, at: Height, inputs: &[Input]) {
        for message in reading::messages_in(inputs) {
            let Some(MessageContent::Vote(vote)) = MessageContent::of(message) else { continue };
            // A vote in another chain's name is nobody's.
            if vote.chain == message.source {
                let is_yes = matches!(vote.verdict, Verdict::Yes { .. });
                let leg = (vote.id, vote.started_at_on_relay, vote.chain);
                let first = self.votes.entry(leg).or_insert(Ordered { is_yes, at });
                // Only a chain that has lost its YES, or lies, says NO after it: then no YES is left.
                first.is_yes &= is_yes;
            }
        }
    }

    fn decided(&self, record: &ProposalRecord, verdict: &DecisionVerdict) -> Result<(), Contradiction> {
        let (id, height, deadline) = (record.id, record.decided_at, record.deadline);
        let voting = record.legs.iter().filter(|leg| leg.mode.votes());
        let votes: Vec<(ChainId, Option<Ordered>)> =
            voting.map(|leg| (leg.chain, self.votes.get(&(id, record.started_at, leg.chain)).copied())).collect();
        let yes_by =
            |last: Height| votes.iter().all(|(_, vote)| vote.is_some_and(|vote| vote.is_yes && vote.at <= last));
        let all_yes_by_deadline = || format!("A3: every leg of {id} had its YES ordered by relay height {deadline}");
        match verdict {
            DecisionVerdict::Commit { .. } => {
                let without = votes.iter().find(|(_, vote)| !vote.is_some_and(|vote| vote.is_yes));
                if let Some((chain, vote)) = without {
                    return Err(Contradiction::new(
                        format!("A2: {id} is decided COMMIT at relay height {height}"),
                        format!("the ordered vote of {chain} is {vote:?}"),
                    ));
                }
                let late = votes.iter().find(|(_, vote)| vote.is_some_and(|vote| vote.at > deadline));
                late.map_or(Ok(()), |(chain, vote)| {
                    Err(Contradiction::new(
                        format!("R1: a vote for {id} counts until relay height {deadline}"),
                        format!("it is decided COMMIT with the vote of {chain}: {vote:?}"),
                    ))
                })
            }
            DecisionVerdict::Abort { code: Code::TIMEOUT, .. } if yes_by(deadline) => {
                Err(Contradiction::new(all_yes_by_deadline(), format!("it is aborted for its deadline at {height}")))
            }
            // R1: a vote beats a cancel of the same block.
            DecisionVerdict::Abort { code: Code::CANCELLED, .. } if yes_by(height.min(deadline)) => {
                Err(Contradiction::new(all_yes_by_deadline(), format!("it is aborted by a cancel at {height}")))
            }
            // A freeze or a pause counts before the votes of its block.
            DecisionVerdict::Abort { code: Code::CHAIN_LOST, .. }
                if height.previous().is_some_and(|before| yes_by(before.min(deadline))) =>
            {
                Err(Contradiction::new(all_yes_by_deadline(), format!("it is aborted for a lost chain at {height}")))
            }
            DecisionVerdict::Abort { .. } => Ok(()),
        }
    }
}

impl Property for OrderedVotes {
    fn name(&self) -> &'static str {
        "decisions follow the ordered votes"
    }

    fn report(&self) -> String {
        format!("{} votes, {} decisions", self.votes.len(), self.decisions)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        if let Fact::Restored(restoration) = observation.fact
            && observation.index == self.relay
        {
            self.votes.retain(|_, vote| vote.at <= restoration.kept);
        }
        let Some(RelayBlock { height, records, .. }) = relay_block(observation, self.relay)? else { return Ok(()) };
        self.note(height, reading::inputs(observation)?);
        for record in records.iter().filter(|record| record.decided_at == height) {
            if let Some(verdict) = record.decision.as_option()
                && record.state != ProposalState::Rejected
            {
                self.decisions += 1;
                self.decided(record, verdict)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
