//! NOTIFY legs: run once after COMMIT, or wait aside at a lock.

use super::prepare::{authorisations_are_valid, holder, sandbox};
use super::record::{LegId, LegRecord};
use super::standing::is_suspended;
use super::table::LegState;
use super::{Handled, NOTIFY_PATIENCE_BLOCKS, ParticipantFacts, answer, known_relay_height};
use chain_interchain::{MAX_ASIDE_MESSAGES, aside_after, put_aside, remove_aside};
use chain_state::{BlockState, StoreFault, locks};
use ledger_protocol::codec::SortedVec;
use ledger_protocol::interchain::{Decision, Message, MessageContent, OutcomeResult};
use ledger_protocol::proposal::{Leg, MAX_LEGS};
use ledger_protocol::transaction::SignerSignature;
use ledger_protocol::{ChainId, Code, Hash, Height, Sequence};

/// A NOTIFY as its message holds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Notify<'m> {
    /// Which leg.
    pub(super) leg_id: LegId,
    /// The proposal's deadline.
    pub(super) deadline_on_relay: Height,
    /// The leg to run once.
    pub(super) leg: &'m Leg,
    /// Its authorisations.
    pub(super) authorisations: &'m SortedVec<SignerSignature, 16>,
}

/// Working area: leg → last relay height at which a waiting NOTIFY is still run.
const PATIENCE: &str = "notify-patience";

/// A NOTIFY came: run it now, or let it wait aside; later messages pass it.
pub(super) fn run(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    message: &Message,
    notify: Notify<'_>,
) -> Result<Handled, StoreFault> {
    if notify.leg.chain != facts.chain || notify.leg.mode.votes() {
        return Ok(Handled::Done(Code::UNEXPECTED));
    }
    if locks::is_free(state, &notify.leg.scope)?.is_none() {
        return Ok(end(state, facts, notify)?.map_or(Handled::Postponed, Handled::Done));
    }
    if !put_aside(state, message)? {
        return note(state, facts, notify, Code::LIMIT).map(Handled::Done);
    }
    let patience = known_relay_height(state, &facts.relay)?.saturating_add(NOTIFY_PATIENCE_BLOCKS);
    state.put_working_as(PATIENCE, &notify.leg_id.working_key(), &patience)?;
    put(state, facts, notify, LegState::Waiting, Sequence::ZERO)?;
    Ok(Handled::Aside)
}

/// Due work at the start of a block: NOTIFY legs whose locks are free run, those out of patience end EXPIRED, in
/// order among themselves.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn resume_waiting(state: &mut BlockState<'_>, facts: &ParticipantFacts<'_>) -> Result<(), StoreFault> {
    if is_suspended(state)? {
        return Ok(());
    }
    let limit = usize::try_from(MAX_ASIDE_MESSAGES).unwrap_or(usize::MAX);
    for message in aside_after(state, &facts.relay, None, limit)? {
        let corrupt = || StoreFault(format!("message {} stands aside but is no NOTIFY", message.sequence));
        let Some(MessageContent::Decision(Decision::Notify {
            id,
            started_at_on_relay,
            deadline_on_relay,
            leg,
            authorisations,
            ..
        })) = MessageContent::of(&message)
        else {
            return Err(corrupt());
        };
        let leg_id = LegId { id, started_at_on_relay };
        let notify = Notify { leg_id, deadline_on_relay, leg: &leg, authorisations: &authorisations };
        let key = leg_id.working_key();
        let patience = state.working_as::<Height>(PATIENCE, &key)?.ok_or_else(corrupt)?;
        let free = locks::is_free(state, &leg.scope)?.is_none();
        if !free && known_relay_height(state, &facts.relay)? <= patience {
            continue;
        }
        if !free {
            note(state, facts, notify, Code::EXPIRED)?;
        } else if end(state, facts, notify)?.is_none() {
            return Ok(());
        }
        remove_aside(state, &facts.relay, message.sequence)?;
        state.remove_working(PATIENCE, &key)?;
    }
    Ok(())
}

/// Runs the leg once; its own failure is final and recorded. Nothing happens when the block is too full for it.
fn end(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    notify: Notify<'_>,
) -> Result<Option<Code>, StoreFault> {
    match attempt(state, facts, notify)? {
        Some(code) => note(state, facts, notify, code).map(Some),
        None => Ok(None),
    }
}

fn attempt(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    notify: Notify<'_>,
) -> Result<Option<Code>, StoreFault> {
    let Notify { leg_id, leg, authorisations, .. } = notify;
    // A NOTIFY does not say its index among the legs, but its authorisation was signed over it: the index that
    // verifies is the one.
    let signed = (0..MAX_LEGS)
        .filter_map(|index| u8::try_from(index).ok())
        .any(|index| authorisations_are_valid(facts, leg, authorisations, &leg_id.id, index));
    if !signed {
        return Ok(Some(Code::AUTHORISATION));
    }
    if let Err(refusal) = locks::check(state, &holder(&leg_id), &leg.scope)? {
        return Ok(Some(refusal.code()));
    }
    match sandbox(state, facts, leg)? {
        Ok((staged, _)) if staged.count() > facts.max_leg_changes => Ok(Some(Code::SIZE)),
        Ok((staged, _)) if state.counts().0.saturating_add(staged.count()) > facts.max_block_changes => Ok(None),
        Ok((staged, _)) => {
            staged.apply(state)?;
            Ok(Some(Code::OK))
        }
        Err(refusal) => Ok(Some(refusal.code)),
    }
}

fn note(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    notify: Notify<'_>,
    code: Code,
) -> Result<Code, StoreFault> {
    let answered_by = answer::outcome(state, facts, &notify.leg_id, OutcomeResult::Noted { code })?;
    put(state, facts, notify, LegState::Noted, answered_by)?;
    answer::note_prunable(state, &notify.leg_id, answered_by)?;
    Ok(code)
}

fn put(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    notify: Notify<'_>,
    to: LegState,
    answered_by: Sequence,
) -> Result<(), StoreFault> {
    let write_set_root = facts.chain.suite.foreign(Hash::ZERO);
    let deadline_on_relay = notify.deadline_on_relay;
    notify.leg_id.put_record(state, &LegRecord { state: to, deadline_on_relay, write_set_root, answered_by })
}

/// The lowest relay height at which a waiting NOTIFY is out of patience.
pub(super) fn patience_ends(state: &BlockState<'_>, relay: &ChainId) -> Result<Option<Height>, StoreFault> {
    let Some(message) = aside_after(state, relay, None, 1)?.into_iter().next() else { return Ok(None) };
    let Some(MessageContent::Decision(Decision::Notify { id, started_at_on_relay, .. })) = MessageContent::of(&message)
    else {
        return Ok(None);
    };
    let leg_id = LegId { id, started_at_on_relay };
    let patience = state.working_as::<Height>(PATIENCE, &leg_id.working_key())?;
    Ok(patience.and_then(Height::next))
}
