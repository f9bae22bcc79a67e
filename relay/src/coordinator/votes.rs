//! Votes and Outcomes of subchains, as their ordered messages bring them.

use super::lost::{self, LostOutcome};
use super::queue::{self, Released};
use super::record::{self, with_phase};
use super::table::{OutcomeReaction, VoteReaction, on_outcome, on_vote};
use super::{RelayFacts, decide, early, open_legs, overdue};
use crate::registry;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::interchain::{DecisionVerdict, Message, MessageContent, Outcome, Verdict, Vote};
use ledger_protocol::proof::message_hash;
use ledger_protocol::system::{LegPhase, LegStatus, ProposalRecord, ProposalState};
use ledger_protocol::{ChainId, Code, SuiteHash};

/// Handles one message of a subchain, in order. Never fails: what cannot be understood gets a code.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn handle(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    message: &Message,
    released: &mut Released,
) -> Result<Code, StoreFault> {
    let source = message.source;
    match MessageContent::of(message) {
        None => Ok(Code::UNDECODABLE),
        Some(MessageContent::Vote(vote)) if vote.chain == source => {
            on_vote_message(state, facts, message, &vote, released)
        }
        Some(MessageContent::Outcome(outcome)) if outcome.chain == source => {
            on_outcome_message(state, facts, message, &outcome, released)
        }
        // A vote or outcome in another chain's name, or a relay's own message coming back.
        Some(_) => Ok(Code::UNEXPECTED),
    }
}

fn find_leg(
    state: &BlockState<'_>,
    id: &ledger_protocol::ProposalId,
    started_at: ledger_protocol::Height,
    chain: &ChainId,
) -> Result<Option<(ProposalRecord, LegStatus)>, StoreFault> {
    let Some(record) = record::find(state, id)? else { return Ok(None) };
    if record.started_at != started_at || record.state == ProposalState::Queued {
        return Ok(None);
    }
    let leg = record.legs.iter().find(|leg| leg.chain == *chain).copied();
    Ok(leg.map(|leg| (record, leg)))
}

fn on_vote_message(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    message: &Message,
    vote: &Vote,
    released: &mut Released,
) -> Result<Code, StoreFault> {
    let Some((record, leg)) = find_leg(state, &vote.id, vote.started_at_on_relay, &vote.chain)? else {
        return Ok(Code::PROPOSAL_UNKNOWN);
    };
    if !leg.mode.votes() {
        return Ok(Code::UNEXPECTED);
    }
    let message_hash = message_hash(message);
    let same = match (&leg.phase, &vote.verdict) {
        (LegPhase::VotedYes { write_set_root: noted, .. }, Verdict::Yes { write_set_root, .. }) => {
            noted == write_set_root
        }
        _ => false,
    };
    match on_vote(record.state, &leg.phase, &vote.verdict, same) {
        VoteReaction::NoteYes => {
            let Verdict::Yes { write_set_root, .. } = vote.verdict else { return Ok(Code::UNEXPECTED) };
            let phase = LegPhase::VotedYes { message_hash, write_set_root };
            let record = with_phase(record, &vote.chain, phase);
            record::put(state, &record)?;
            let all_yes = record
                .legs
                .iter()
                .filter(|leg| leg.mode.votes())
                .all(|leg| matches!(leg.phase, LegPhase::VotedYes { .. }));
            #[cfg(feature = "planted-bugs")]
            let all_yes = all_yes || super::planted_bugs::one_yes_is_missing(&record);
            if all_yes {
                #[cfg(feature = "planted-bugs")]
                super::planted_bugs::free_at_decision(state, &record, released)?;
                decide::commit(state, facts, record)?;
            }
            Ok(Code::OK)
        }
        VoteReaction::CloseAndAbort => {
            let Verdict::No { code, .. } = vote.verdict else { return Ok(Code::UNEXPECTED) };
            let record = close_by_no(state, record, vote, message_hash, released)?;
            decide::abort(state, facts, record, code, vote.chain)?;
            Ok(Code::OK)
        }
        VoteReaction::Close => {
            let record = close_by_no(state, record, vote, message_hash, released)?;
            decide::settle(state, facts, record)?;
            Ok(Code::OK)
        }
        VoteReaction::Receipt(code) => Ok(code),
        VoteReaction::Contradiction
            if matches!(vote.verdict, Verdict::No { .. })
                && open_legs::is_of_dropped_branch(state, &vote.chain, &vote.id)? =>
        {
            let phase = match record.decision.as_option() {
                Some(DecisionVerdict::Commit { .. }) => LegPhase::Disputed,
                _ => LegPhase::ClosedByNo { message_hash },
            };
            let record = with_phase(record, &vote.chain, phase);
            record::put(state, &record)?;
            free(state, &record, &vote.chain, released)?;
            decide::settle(state, facts, record)?;
            Ok(Code::OK)
        }
        VoteReaction::Contradiction => {
            registry::freeze(state, facts, &vote.chain, released)?;
            Ok(Code::CONTRADICTION)
        }
    }
}

fn close_by_no(
    state: &mut BlockState<'_>,
    record: ProposalRecord,
    vote: &Vote,
    message_hash: SuiteHash,
    released: &mut Released,
) -> Result<ProposalRecord, StoreFault> {
    let record = with_phase(record, &vote.chain, LegPhase::ClosedByNo { message_hash });
    record::put(state, &record)?;
    free(state, &record, &vote.chain, released)?;
    Ok(record)
}

/// A leg is closed by a proven Outcome or NO: its scope and its share of the caps are free (R6).
fn free(
    state: &mut BlockState<'_>,
    record: &ProposalRecord,
    chain: &ChainId,
    released: &mut Released,
) -> Result<(), StoreFault> {
    let submit = record::submit_of(state, &record.id)?;
    overdue::outcome_came(state, &record.id, chain, record.decided_at)?;
    open_legs::forget_vote(state, chain, &record.id)?;
    if let Some(leg) = submit.body.legs.find(chain) {
        queue::release_leg(state, &record.id, &submit, leg, released)?;
    }
    Ok(())
}

fn on_outcome_message(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    message: &Message,
    outcome: &Outcome,
    released: &mut Released,
) -> Result<Code, StoreFault> {
    if find_leg(state, &outcome.id, outcome.started_at_on_relay, &outcome.chain)?.is_none() {
        return match lost::on_outcome(state, facts, message, outcome)? {
            LostOutcome::Unknown => early::took_effect_elsewhere(state, facts, outcome, released),
            LostOutcome::Receipt(code) => Ok(code),
            LostOutcome::Broken => {
                registry::freeze(state, facts, &outcome.chain, released)?;
                Ok(Code::CONTRADICTION)
            }
        };
    }
    settle_outcome(state, facts, outcome, message_hash(message), released)
}

/// An Outcome of a leg that has a record, by the table: when it is ordered, and once more with the decision when it was
/// ordered before.
pub(super) fn settle_outcome(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    outcome: &Outcome,
    message_hash: SuiteHash,
    released: &mut Released,
) -> Result<Code, StoreFault> {
    let Some((record, leg)) = find_leg(state, &outcome.id, outcome.started_at_on_relay, &outcome.chain)? else {
        return Ok(Code::PROPOSAL_UNKNOWN);
    };
    let decision = record.decision.as_option().copied();
    let reaction = on_outcome(record.state, decision.as_ref(), &leg.phase, leg.mode.votes(), &outcome.result);
    let phase = match reaction {
        OutcomeReaction::Close | OutcomeReaction::CloseAndAbort => LegPhase::ClosedByOutcome { message_hash },
        OutcomeReaction::CloseDisputed | OutcomeReaction::CloseDisputedAndAbort => LegPhase::Disputed,
        OutcomeReaction::Noted(code) => LegPhase::Noted { code },
        OutcomeReaction::Break => LegPhase::Broken,
        OutcomeReaction::Keep => return early::keep(state, outcome, message_hash),
        OutcomeReaction::Receipt(code) => return Ok(code),
    };
    let record = with_phase(record, &outcome.chain, phase);
    record::put(state, &record)?;
    free(state, &record, &outcome.chain, released)?;
    match reaction {
        OutcomeReaction::CloseAndAbort | OutcomeReaction::CloseDisputedAndAbort => {
            decide::abort(state, facts, record, Code::CHAIN_LOST, outcome.chain)?;
        }
        OutcomeReaction::Break => {
            decide::settle(state, facts, record)?;
            registry::freeze(state, facts, &outcome.chain, released)?;
            return Ok(Code::CONTRADICTION);
        }
        _ => decide::settle(state, facts, record)?,
    }
    Ok(Code::OK)
}
