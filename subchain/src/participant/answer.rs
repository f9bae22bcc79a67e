//! Votes and Outcomes on their way to the relay.

use super::record::LegId;
use super::{ParticipantFacts, record::PRUNABLE};
use chain_interchain::{EnqueueError, enqueue};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::Sequence;
use ledger_protocol::interchain::{MessageContent, Outcome, OutcomeResult, Verdict, Vote};

/// Puts a Vote into the outbox and returns its sequence.
pub(super) fn vote(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    leg: &LegId,
    verdict: Verdict,
) -> Result<Sequence, StoreFault> {
    let vote = Vote { id: leg.id, started_at_on_relay: leg.started_at_on_relay, chain: facts.chain, verdict };
    send(state, facts, &MessageContent::Vote(vote))
}

/// Puts an Outcome into the outbox and returns its sequence.
pub(super) fn outcome(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    leg: &LegId,
    result: OutcomeResult,
) -> Result<Sequence, StoreFault> {
    let outcome = Outcome { id: leg.id, started_at_on_relay: leg.started_at_on_relay, chain: facts.chain, result };
    send(state, facts, &MessageContent::Outcome(outcome))
}

fn send(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    content: &MessageContent,
) -> Result<Sequence, StoreFault> {
    enqueue(state, &facts.relay, content).map_err(|error| match error {
        EnqueueError::Fault(fault) => fault,
        // Votes and Outcomes have a fixed length far below the bound.
        EnqueueError::TooLong(bytes) => StoreFault(format!("an answer of {bytes} bytes cannot be sent")),
    })
}

/// Notes that a record ended with the message of this sequence, so that S8 can prune it.
pub(super) fn note_prunable(state: &mut BlockState<'_>, leg: &LegId, answered_by: Sequence) -> Result<(), StoreFault> {
    state.put_working_as(PRUNABLE, &answered_by.0.to_be_bytes(), leg)
}
