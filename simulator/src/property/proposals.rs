//! The promises of the proposal protocol (A1 to A5, and the rules R2, R3 and S1 behind them), read from the records and
//! changes of ledger 0 at every block of the relay and its subchains. Each rule is named and counted by itself.
//!
//! A6: of a chain with more bad validators than it tolerates nothing is asked; the others keep every promise, and a
//! proposal that names it is decided and lets go of their keys all the same.
//!
//! What a chain lost with its disks (`lost.rs`) excuses it, and nobody else: see `docs/simulation.md`.

mod legs;
mod lost;
mod records;
mod rules;

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::proposal::{AccessKind, ScopeEntry, Submit};
use ledger_protocol::system::{ProposalRecord, ProposalState, accounts};
use ledger_protocol::transaction::Choice;
use ledger_protocol::{ChainId, Height, ProposalId};
use rules::{Rule, Rules};
use std::collections::{BTreeMap, BTreeSet};
use subchain::participant::table::LegState;

/// Where a leg stands on its chain, and since when.
#[derive(Debug, Clone, Copy)]
struct LegSeen {
    state: LegState,
    since_on_subchain: Height,
}

/// A chain, and the relay height at which the proposal began whose leg it is.
type LegPlace = (ChainId, Height);

/// What was seen of one proposal.
#[derive(Debug, Default)]
struct Seen {
    submit: Option<Box<Submit>>,
    record: Option<ProposalRecord>,
    /// Relay height at which the record became what it is.
    since_on_relay: Height,
    legs: BTreeMap<LegPlace, LegSeen>,
    /// What the relay and its subchains have lost of it.
    lost: lost::Lost,
}

/// Keys that a leg writes, and keys and prefixes that it has read, since when.
#[derive(Debug)]
struct Locked {
    entries: Vec<ScopeEntry>,
    since: Height,
}

/// A1 to A5 for one relay and its subchains.
#[derive(Debug)]
pub struct Proposals {
    relay: ChainIndex,
    seen: BTreeMap<ProposalId, Seen>,
    /// Proposals that are queued or preparing: whom a height decides.
    waiting: BTreeSet<ProposalId>,
    /// What legs that are locked on a chain keep everybody else from writing.
    locked: BTreeMap<ChainId, BTreeMap<ProposalId, Locked>>,
    /// Chains that promise nothing (A6).
    bad: BTreeSet<ChainId>,
    rules: Rules,
}

/// How proposals ended, for reports and tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// COMMITTED.
    pub committed: usize,
    /// ABORTED.
    pub aborted: usize,
    /// REJECTED.
    pub rejected: usize,
    /// Everything else.
    pub open: usize,
}

type Verdict = Result<(), Contradiction>;

impl Proposals {
    /// Watches a relay and all subchains of the world.
    pub fn new(relay: ChainIndex) -> Self {
        Self {
            relay,
            seen: BTreeMap::new(),
            waiting: BTreeSet::new(),
            locked: BTreeMap::new(),
            bad: BTreeSet::new(),
            rules: Rules::default(),
        }
    }

    /// How the proposals seen so far stand.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for record in self.seen.values().filter_map(|seen| seen.record.as_ref()) {
            match record.state {
                ProposalState::Committed => tally.committed += 1,
                ProposalState::Aborted => tally.aborted += 1,
                ProposalState::Rejected => tally.rejected += 1,
                _ => tally.open += 1,
            }
        }
        tally
    }
}

impl Seen {
    /// What nobody else writes while its leg on a chain is locked; others may add to a counter that it adds to.
    fn locks(&self, chain: &ChainId, since: Height) -> Locked {
        let legs = self.submit.iter().flat_map(|submit| submit.body.legs.iter()).filter(|leg| leg.chain == *chain);
        let entries = legs.flat_map(|leg| leg.scope.iter());
        let entries = entries.filter(|entry| !matches!(entry.access, AccessKind::Delta(_))).cloned().collect();
        Locked { entries, since }
    }

    /// What the relay has decided, on the branch that it is on, of the proposal that began there.
    fn decision(&self, started_at: Height) -> Option<&DecisionVerdict> {
        self.record.as_ref().filter(|record| record.started_at == started_at)?.decision.as_option()
    }
}

impl Property for Proposals {
    fn name(&self) -> &'static str {
        "A1 to A5 of the proposal protocol"
    }

    fn report(&self) -> String {
        let Tally { committed, aborted, rejected, open } = self.tally();
        let legs: usize = self.seen.values().map(|seen| seen.legs.len()).sum();
        format!("{committed} committed, {aborted} aborted, {rejected} rejected, {open} open, {legs} legs")
    }

    fn reports(&self) -> Vec<String> {
        let own = std::iter::once(format!("{}: {}", self.name(), self.report()));
        own.chain(self.rules.reports()).collect()
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Verdict {
        if let Fact::Restored(restoration) = observation.fact {
            self.restored(observation, restoration.kept)?;
        }
        let Fact::Published { block, is_first: true } = &observation.fact else { return Ok(()) };
        let height = block.header.height;
        self.bad.extend(observation.blame.bad_chains());
        if observation.index == self.relay {
            self.on_relay(observation, height)
        } else if observation.blame.is_bad_chain(observation.index) {
            Ok(())
        } else {
            self.on_subchain(observation, height)
        }
    }

    fn at_rest(&mut self) -> Verdict {
        for (id, seen) in &self.seen {
            self.rules.count(Rule::A5);
            if let Some(((chain, _), leg)) = seen.legs.iter().find(|(_, leg)| leg.state == LegState::Locked) {
                let state = seen.record.as_ref().map(|record| record.state);
                return Rule::A5.against(
                    format!("{id} is {state:?}"),
                    format!("its leg on {chain:?} is LOCKED since height {}", leg.since_on_subchain),
                );
            }
            let Some(record) = &seen.record else { continue };
            let names_bad = record.legs.iter().any(|leg| self.bad.contains(&leg.chain));
            // A6: a bad chain can keep a decided proposal open, and nobody's keys.
            let is_excused = names_bad && record.decision != Choice::None;
            if !record.state.is_terminal() && !is_excused {
                return Rule::A5.against(format!("{id} ends"), format!("it is {:?} when all is quiet", record.state));
            }
            let voting = record.legs.iter().filter(|leg| leg.mode.votes() && !self.bad.contains(&leg.chain));
            let place = |chain: &ChainId| (*chain, record.started_at);
            let unapplied =
                voting.filter(|leg| seen.legs.get(&place(&leg.chain)).is_none_or(|it| it.state != LegState::Applied));
            let unapplied = unapplied.filter(|leg| !seen.is_excused(&place(&leg.chain)));
            self.rules.count(Rule::A1);
            if matches!(record.decision, Choice::Some(DecisionVerdict::Commit { .. }))
                && let Some(leg) = unapplied.into_iter().next()
            {
                return Rule::A1.against(format!("{id} is COMMITTED"), format!("{:?} has not applied it", leg.chain));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
