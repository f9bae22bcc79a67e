//! What a chain that went back to a backup has lost of proposals, and what that excuses.
//!
//! A subchain that forgot its vote may leave a COMMIT unapplied: it breaks A1 for itself alone (ADR 0012). A decision that
//! the relay has lost may have been heard: a leg that ended by it stays as it ended, whatever the kept branch decides
//! (ADR 0013). What began on a lost branch of the relay, and nothing else, is aborted by the report of a lock.

use super::{LegPlace, LegSeen, Proposals, Rule, Seen, Verdict};
use crate::property::{Observation, reading};
use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::system::{LostProposal, ProposalRecord, ProposalState, accounts, lost_intervals_key};
use ledger_protocol::transaction::{Choice, StateKey};
use ledger_protocol::{Height, ProposalId};
use std::collections::{BTreeMap, BTreeSet};
use subchain::participant::LegId;
use subchain::participant::table::LegState;

/// What was lost of one proposal.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Where it began on a branch that the relay has lost, with the decisions taken there.
    starts: BTreeMap<Height, Vec<DecisionVerdict>>,
    /// Of those: what the relay has aborted because a chain showed that it holds it.
    reported: BTreeSet<Height>,
    /// Legs of which a chain has lost the record.
    forgotten: BTreeSet<LegPlace>,
}

impl Lost {
    /// It began there on a branch that the relay has lost; what was decided of it.
    pub(super) fn lose(&mut self, started_at: Height, decision: Option<DecisionVerdict>) {
        self.starts.entry(started_at).or_default().extend(decision);
    }

    /// A chain has lost its record of this leg.
    pub(super) fn forget(&mut self, place: LegPlace) {
        self.forgotten.insert(place);
    }

    /// Whether a branch that the relay has lost decided COMMIT of what began there.
    pub(super) fn was_committed(&self, started_at: Height) -> bool {
        let lost = self.starts.get(&started_at).into_iter().flatten();
        lost.into_iter().any(|verdict| matches!(verdict, DecisionVerdict::Commit { .. }))
    }
}

/// Which ends a leg may have heard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) commit: bool,
    pub(super) abort: bool,
}

impl Seen {
    /// Everything that was ever decided of the proposal that began at this height.
    pub(super) fn said(&self, started_at: Height) -> Said {
        let lost = self.lost.starts.get(&started_at).into_iter().flatten();
        let all: Vec<&DecisionVerdict> = self.decision(started_at).into_iter().chain(lost).collect();
        let commit = all.iter().any(|verdict| matches!(verdict, DecisionVerdict::Commit { .. }));
        let abort = all.iter().any(|verdict| matches!(verdict, DecisionVerdict::Abort { .. }));
        Said { commit, abort: abort || self.lost.reported.contains(&started_at) }
    }

    /// Whether a leg of a COMMIT need not be applied: its chain forgot its vote, or dropped it for a decision that the
    /// relay has lost.
    pub(super) fn is_excused(&self, place: &LegPlace) -> bool {
        let state = self.legs.get(place).map(|leg| leg.state);
        match state {
            None | Some(LegState::Disputed) => self.lost.forgotten.contains(place),
            Some(LegState::Released | LegState::Tombstone | LegState::Refused) => {
                let lost = self.lost.starts.get(&place.1).into_iter().flatten();
                lost.into_iter().any(|verdict| matches!(verdict, DecisionVerdict::Abort { .. }))
            }
            _ => false,
        }
    }
}

impl Proposals {
    /// A chain went back: what was seen of it above the kept height is as its store has it now.
    pub(super) fn restored(&mut self, observation: &Observation<'_>, kept: Height) -> Verdict {
        if observation.index == self.relay {
            self.relay_restored(observation, kept)
        } else {
            self.subchain_restored(observation, kept)
        }
    }

    fn relay_restored(&mut self, observation: &Observation<'_>, kept: Height) -> Verdict {
        let state = reading::state(observation, kept)?;
        for (id, seen) in &mut self.seen {
            let Some(lost) = seen.record.as_ref().filter(|_| seen.since_on_relay > kept).cloned() else { continue };
            let known = reading::answer(observation, relay::coordinator::find(&state, id))?;
            let had_begun = !matches!(lost.state, ProposalState::Queued | ProposalState::Rejected);
            let same = known.as_ref().filter(|known| known.started_at == lost.started_at);
            if had_begun && same.is_none_or(|known| known.decision == Choice::None) {
                seen.lost.lose(lost.started_at, lost.decision.as_option().copied());
            }
            let waits =
                |record: &ProposalRecord| matches!(record.state, ProposalState::Queued | ProposalState::Preparing);
            if known.as_ref().is_some_and(waits) {
                self.waiting.insert(*id);
            } else {
                self.waiting.remove(id);
            }
            seen.record = known;
            seen.since_on_relay = kept;
        }
        Ok(())
    }

    fn subchain_restored(&mut self, observation: &Observation<'_>, kept: Height) -> Verdict {
        let state = reading::state(observation, kept)?;
        let chain = observation.chain;
        let mut locked = BTreeMap::new();
        for (id, seen) in &mut self.seen {
            let places: Vec<LegPlace> = seen.legs.keys().filter(|place| place.0 == chain).copied().collect();
            for place in places {
                let since = seen.legs.get(&place).map(|leg| leg.since_on_subchain);
                if since.is_some_and(|since| since > kept) {
                    let leg = LegId { id: *id, started_at_on_relay: place.1 };
                    match reading::answer(observation, leg.record(&state))? {
                        Some(record) => {
                            let known = LegSeen { state: record.state, since_on_subchain: kept };
                            seen.legs.insert(place, known);
                        }
                        None => {
                            seen.legs.remove(&place);
                            seen.lost.forget(place);
                        }
                    }
                }
                if let Some(leg) = seen.legs.get(&place).filter(|leg| leg.state == LegState::Locked) {
                    locked.insert(*id, seen.locks(&chain, leg.since_on_subchain));
                }
            }
        }
        self.locked.insert(chain, locked);
        Ok(())
    }

    /// What the relay aborts because a chain showed that it holds it.
    pub(super) fn note_lost(&mut self, observation: &Observation<'_>, height: Height) -> Verdict {
        let is_proposal = |key: &StateKey| *key != lost_intervals_key();
        for (_, record) in reading::records_under::<LostProposal>(observation, accounts::LOST, is_proposal)? {
            self.aborted_as_lost(&record.id, record.started_at, height)?;
        }
        Ok(())
    }

    /// The relay aborts what it believes to have begun at a height that it has lost.
    pub(super) fn aborted_as_lost(&mut self, id: &ProposalId, started_at: Height, height: Height) -> Verdict {
        self.rules.count(Rule::Lost);
        let seen = self.seen.entry(*id).or_default();
        let is_known = seen.record.as_ref().is_some_and(|known| known.started_at == started_at);
        if is_known || !seen.lost.starts.contains_key(&started_at) {
            return Rule::Lost.against(
                format!("{id} did not begin at {started_at} of a lost branch"),
                format!("at relay height {height} it is aborted as if it had"),
            );
        }
        seen.lost.reported.insert(started_at);
        self.compare(id)
    }
}
