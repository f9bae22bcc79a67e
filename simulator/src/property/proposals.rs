//! The promises of the proposal protocol (A1 to A5, and the rules R2, R3 and S1 behind them), read from the records and
//! changes of ledger 0 at every block of the relay and its subchains.
//!
//! A6: of a chain with more bad validators than it tolerates nothing is asked; the others keep every promise, and a
//! proposal that names it is decided and lets go of their keys all the same.
//!
//! What a chain lost with its disks (`lost.rs`) excuses it, and nobody else: see `docs/simulation.md`.

mod lost;

use super::{Fact, Observation, Property};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use chain_engine::ChainReader;
use chain_state::{BlockState, Place};
use ledger_protocol::chain::Input;
use ledger_protocol::codec::decode;
use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::proposal::{AccessKind, LockKey, Submit};
use ledger_protocol::system::{LegPhase, ProposalRecord, ProposalState, accounts};
use ledger_protocol::transaction::{Change, ChangeKind, Choice, Operation};
use ledger_protocol::{ChainId, Code, Height, LedgerId, ProposalId};
use std::collections::{BTreeMap, BTreeSet};
use subchain::participant::table::LegState;
use subchain::participant::{LegId, LegRecord};

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

/// A1 to A5 for one relay and its subchains.
#[derive(Debug)]
pub struct Proposals {
    relay: ChainIndex,
    seen: BTreeMap<ProposalId, Seen>,
    /// Exclusively locked keys: who holds them since when.
    locked: BTreeMap<(ChainId, LockKey), (ProposalId, Height)>,
    /// Chains that promise nothing (A6).
    bad: BTreeSet<ChainId>,
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

fn against(first: impl Into<String>, second: impl Into<String>) -> Verdict {
    Err(Contradiction::new(first, second))
}

impl Proposals {
    /// Watches a relay and all subchains of the world.
    pub const fn new(relay: ChainIndex) -> Self {
        Self { relay, seen: BTreeMap::new(), locked: BTreeMap::new(), bad: BTreeSet::new() }
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

    fn changes(observation: &Observation<'_>, height: Height) -> Vec<Change> {
        let reader = ChainReader::new(observation.store, observation.chain.suite);
        reader.changes(height).ok().flatten().unwrap_or_default()
    }

    fn record<T: borsh::BorshDeserialize>(observation: &Observation<'_>, height: Height, change: &Change) -> Option<T> {
        let state = BlockState::open(observation.store, observation.chain.suite, height).ok()?;
        state.record(&Place::new(change.ledger, &change.account, &change.key)).ok().flatten()
    }

    fn on_relay(&mut self, observation: &Observation<'_>, height: Height) -> Verdict {
        self.note_submits(observation, height);
        for change in Self::changes(observation, height) {
            if change.ledger != LedgerId::SYSTEM
                || change.account.as_str() != accounts::PROPOSALS
                || change.kind != ChangeKind::Set
            {
                continue;
            }
            let Some(record) = Self::record::<ProposalRecord>(observation, height, &change) else { continue };
            self.proposal_moved(height, record)?;
        }
        self.note_lost(observation, height)?;
        self.overdue(height)
    }

    fn note_submits(&mut self, observation: &Observation<'_>, height: Height) {
        let reader = ChainReader::new(observation.store, observation.chain.suite);
        let Ok(Some(block)) = reader.block(height) else { return };
        for input in block.inputs.iter() {
            let Input::Transaction(transaction) = input else { continue };
            for operation in transaction.body.operations.iter() {
                if let Operation::SubmitProposal(submit) = &operation.operation {
                    let seen = self.seen.entry(submit.body.id()).or_default();
                    seen.submit.get_or_insert_with(|| Box::new(submit.clone()));
                }
            }
        }
    }

    fn proposal_moved(&mut self, height: Height, record: ProposalRecord) -> Verdict {
        let seen = self.seen.entry(record.id).or_default();
        let before = seen.record.replace(record.clone());
        seen.since_on_relay = height;
        let id = record.id;
        if let Some(before) = &before {
            // A queued record is replaced by a started one; nothing else ever goes back.
            if before.state != ProposalState::Queued && before.started_at != record.started_at {
                return against(
                    format!("{id} began at relay height {}", before.started_at),
                    format!("at {height} it began at {}", record.started_at),
                );
            }
            if before.decision != Choice::None && before.decision != record.decision {
                return against(
                    format!("R2: {id} was decided {:?}", before.decision),
                    format!("at relay height {height} it is decided {:?}", record.decision),
                );
            }
            let allowed = before.state == record.state
                || matches!(
                    (before.state, record.state),
                    (ProposalState::Queued, _)
                        | (ProposalState::Preparing, ProposalState::Committing | ProposalState::Aborting)
                        | (ProposalState::Preparing, ProposalState::Committed | ProposalState::Aborted)
                        | (ProposalState::Committing, ProposalState::Committed)
                        | (ProposalState::Aborting, ProposalState::Aborted)
                );
            if !allowed {
                return against(
                    format!("R3: {id} was {:?}", before.state),
                    format!("at relay height {height} it is {:?}", record.state),
                );
            }
        }
        let is_new_decision = before.is_none_or(|before| before.decision == Choice::None);
        match &record.decision {
            Choice::Some(verdict) if is_new_decision => {
                let was_committed = seen.lost.was_committed(record.started_at);
                Self::decided(height, &record, verdict, was_committed)?;
            }
            _ => {}
        }
        self.compare(&id)
    }

    /// Where a lost branch had decided COMMIT, the last YES and the Outcome after it may come in one block.
    fn decided(height: Height, record: &ProposalRecord, verdict: &DecisionVerdict, was_committed: bool) -> Verdict {
        let id = record.id;
        // One that never began has no deadline: it leaves the queue by its valid_until.
        let began = record.state != ProposalState::Rejected;
        let last = if began { record.deadline } else { record.valid_until }.saturating_add(1);
        if height > last {
            return against(
                format!("A5: {id} is decided by relay height {last}"),
                format!("it is decided at {height}"),
            );
        }
        let missing: Vec<&ChainId> = record
            .legs
            .iter()
            .filter(|leg| leg.mode.votes() && !matches!(leg.phase, LegPhase::VotedYes { .. }))
            .filter(|leg| !(was_committed && matches!(leg.phase, LegPhase::ClosedByOutcome { .. })))
            .map(|leg| &leg.chain)
            .collect();
        match verdict {
            DecisionVerdict::Commit { .. } if !missing.is_empty() => {
                against(format!("A2: {id} is decided COMMIT"), format!("no proven YES of {missing:?}"))
            }
            DecisionVerdict::Abort { code, .. }
                if missing.is_empty() && *code != Code::CANCELLED && *code != Code::CHAIN_LOST =>
            {
                against(format!("A3: {id} has every YES by its deadline"), format!("it is decided ABORT ({code})"))
            }
            DecisionVerdict::Abort { code: Code::TIMEOUT, .. } if height <= record.deadline => against(
                format!("R1: a vote for {id} counts until relay height {}", record.deadline),
                format!("it is aborted for its deadline at {height}"),
            ),
            _ => Ok(()),
        }
    }

    /// A5 for those that nothing decides.
    fn overdue(&self, height: Height) -> Verdict {
        for (id, seen) in &self.seen {
            let Some(record) = &seen.record else { continue };
            let (last, what) = match record.state {
                ProposalState::Preparing => (record.deadline.saturating_add(1), "PREPARING"),
                ProposalState::Queued => (record.valid_until.saturating_add(1), "QUEUED"),
                _ => continue,
            };
            if height > last {
                return against(
                    format!("A5: {id} does not stay {what} beyond relay height {last}"),
                    format!("it does at {height}"),
                );
            }
        }
        Ok(())
    }

    fn on_subchain(&mut self, observation: &Observation<'_>, height: Height) -> Verdict {
        let changes = Self::changes(observation, height);
        for change in &changes {
            let is_leg = change.ledger == LedgerId::SYSTEM && change.account.as_str() == accounts::LEGS;
            if !is_leg || change.kind != ChangeKind::Set {
                continue;
            }
            let Ok((id, began)) = decode::<(ProposalId, [u8; 8])>(&change.key, 256) else { continue };
            let Some(record) = Self::record::<LegRecord>(observation, height, change) else { continue };
            let leg = LegId { id, started_at_on_relay: Height(u64::from_be_bytes(began)) };
            self.leg_moved(observation.chain, height, leg, record.state)?;
        }
        // A4: between lock and end nobody else writes a key that a leg holds exclusively.
        for change in changes.iter().filter(|change| change.ledger != LedgerId::SYSTEM) {
            let key = LockKey { ledger: change.ledger, account: change.account.clone(), key: change.key.clone() };
            if let Some((id, since)) = self.locked.get(&(observation.chain, key))
                && *since < height
            {
                return against(
                    format!(
                        "A4: {id} holds a key of {} since height {since} of chain {}",
                        change.account.as_str(),
                        observation.index.0
                    ),
                    format!("another writes version {} of it at height {height}", change.version),
                );
            }
        }
        Ok(())
    }

    fn leg_moved(&mut self, chain: ChainId, height: Height, leg: LegId, state: LegState) -> Verdict {
        let id = leg.id;
        let seen = self.seen.entry(id).or_default();
        let place = (chain, leg.started_at_on_relay);
        let before = seen.legs.insert(place, LegSeen { state, since_on_subchain: height });
        if let Some(before) = before
            && before.state != state
            && !matches!(before.state, LegState::Locked | LegState::Waiting)
        {
            return against(
                format!("{id} ended {:?} on its chain at height {}", before.state, before.since_on_subchain),
                format!("at height {height} it is {state:?}"),
            );
        }
        let held = seen.exclusive_keys(&chain);
        for key in held {
            if state == LegState::Locked {
                self.locked.insert((chain, key), (id, height));
            } else if self.locked.get(&(chain, key.clone())).is_some_and(|(holder, _)| *holder == id) {
                self.locked.remove(&(chain, key));
            }
        }
        self.compare(&id)
    }

    /// A1 and S1: what a leg did is what was decided, and what every other leg did. Where the relay has lost a decision,
    /// a leg may have heard it.
    fn compare(&self, id: &ProposalId) -> Verdict {
        let Some(seen) = self.seen.get(id) else { return Ok(()) };
        let starts: BTreeSet<Height> = seen.legs.keys().map(|(_, started_at)| *started_at).collect();
        for started_at in starts {
            let decision = seen.decision(started_at);
            let said = seen.said(started_at);
            let mut applied = None;
            let mut dropped = None;
            let legs = || seen.legs.iter().filter(|((_, at), _)| *at == started_at);
            for ((chain, _), leg) in legs() {
                match leg.state {
                    LegState::Applied => applied = Some(chain),
                    LegState::Released | LegState::Tombstone => dropped = Some(chain),
                    _ => {}
                }
            }
            let notified = legs().find(|(_, leg)| matches!(leg.state, LegState::Noted | LegState::Waiting));
            if let (Some(((chain, _), _)), false) = (notified, said.commit) {
                return against(format!("a NOTIFY of {id} follows COMMIT"), format!("it came to {chain:?} without"));
            }
            if let (Some(applied), Some(dropped)) = (applied, dropped)
                && !(said.commit && said.abort)
            {
                return against(format!("A1: {id} is applied on {applied:?}"), format!("it is dropped on {dropped:?}"));
            }
            let unsaid = applied.filter(|_| !said.commit).map(|chain| (chain, "applied"));
            let unsaid = unsaid.or(dropped.filter(|_| !said.abort).map(|chain| (chain, "dropped")));
            if let Some((chain, how)) = unsaid {
                return match decision {
                    Some(DecisionVerdict::Commit { .. }) => {
                        against(format!("A1: {id} is decided COMMIT"), format!("it is {how} on {chain:?}"))
                    }
                    Some(DecisionVerdict::Abort { .. }) => {
                        against(format!("A1: {id} is decided ABORT"), format!("it is {how} on {chain:?}"))
                    }
                    None => against(format!("S1: {id} is not decided"), format!("its leg ended on {chain:?}")),
                };
            }
        }
        Ok(())
    }
}

impl Seen {
    /// Keys that its leg on a chain holds alone.
    fn exclusive_keys(&self, chain: &ChainId) -> Vec<LockKey> {
        let legs = self.submit.iter().flat_map(|submit| submit.body.legs.iter()).filter(|leg| leg.chain == *chain);
        let entries = legs.flat_map(|leg| leg.scope.iter()).filter(|entry| entry.access == AccessKind::Exclusive);
        entries.map(|entry| entry.key.clone()).collect()
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

    fn observe(&mut self, observation: &Observation<'_>) -> Verdict {
        if let Fact::Restored(restoration) = observation.fact {
            self.restored(observation, restoration.kept);
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
            if let Some(((chain, _), leg)) = seen.legs.iter().find(|(_, leg)| leg.state == LegState::Locked) {
                let state = seen.record.as_ref().map(|record| record.state);
                return against(
                    format!("{id} is {state:?}"),
                    format!("its leg on {chain:?} is LOCKED since height {}", leg.since_on_subchain),
                );
            }
            let Some(record) = &seen.record else { continue };
            let names_bad = record.legs.iter().any(|leg| self.bad.contains(&leg.chain));
            // A6: a bad chain can keep a decided proposal open, and nobody's keys.
            let is_excused = names_bad && record.decision != Choice::None;
            if !record.state.is_terminal() && !is_excused {
                return against(format!("A5: {id} ends"), format!("it is {:?} when all is quiet", record.state));
            }
            let voting = record.legs.iter().filter(|leg| leg.mode.votes() && !self.bad.contains(&leg.chain));
            let place = |chain: &ChainId| (*chain, record.started_at);
            let unapplied =
                voting.filter(|leg| seen.legs.get(&place(&leg.chain)).is_none_or(|it| it.state != LegState::Applied));
            let unapplied = unapplied.filter(|leg| !seen.is_excused(&place(&leg.chain)));
            if matches!(record.decision, Choice::Some(DecisionVerdict::Commit { .. }))
                && let Some(leg) = unapplied.into_iter().next()
            {
                return against(format!("A1: {id} is COMMITTED"), format!("{:?} has not applied it", leg.chain));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
