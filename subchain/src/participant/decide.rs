//! Proven Decisions for legs that voted, or never saw their Prepare.

use super::prepare::holder;
use super::record::{HELD, HeldLeg, LegId, LegRecord};
use super::table::LegState;
use super::{Handled, ParticipantFacts, answer};
use chain_state::{BlockState, StoreFault, locks};
use ledger_protocol::interchain::OutcomeResult;
use ledger_protocol::{Code, Hash, Height};

fn held(state: &BlockState<'_>, leg: &LegId) -> Result<(HeldLeg, LegRecord), StoreFault> {
    let missing = || StoreFault(format!("leg {} is LOCKED but what it holds is not in the store", leg.id));
    let held = state.working_as::<HeldLeg>(HELD, &leg.working_key())?.ok_or_else(missing)?;
    let record = leg.record(state)?.ok_or_else(missing)?;
    Ok((held, record))
}

/// COMMIT for a LOCKED leg (S2): the stored values overwrite, the stored amounts are added; nothing is judged again.
/// A full block postpones it, never drops it.
pub(super) fn apply(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    leg: &LegId,
    deadline_on_relay: Height,
) -> Result<Handled, StoreFault> {
    let (held, record) = held(state, leg)?;
    if state.counts().0.saturating_add(held.staged.count()) > facts.max_block_changes {
        return Ok(Handled::Postponed);
    }
    locks::release(state, &holder(leg), &held.scope)?;
    held.staged.apply(state)?;
    state.remove_working(HELD, &leg.working_key())?;
    let result = OutcomeResult::Applied { write_set_root: record.write_set_root };
    let answered_by = answer::outcome(state, facts, leg, result)?;
    leg.put_record(state, &LegRecord { state: LegState::Applied, deadline_on_relay, answered_by, ..record })?;
    answer::note_prunable(state, leg, answered_by)?;
    Ok(Handled::Done(Code::OK))
}

/// ABORT for a LOCKED leg: drop, unlock.
pub(super) fn release(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    leg: &LegId,
    deadline_on_relay: Height,
) -> Result<Code, StoreFault> {
    let (held, record) = held(state, leg)?;
    locks::release(state, &holder(leg), &held.scope)?;
    state.remove_working(HELD, &leg.working_key())?;
    let answered_by = answer::outcome(state, facts, leg, OutcomeResult::Released)?;
    leg.put_record(state, &LegRecord { state: LegState::Released, deadline_on_relay, answered_by, ..record })?;
    answer::note_prunable(state, leg, answered_by)?;
    Ok(Code::OK)
}

/// ABORT before the Prepare, deadline ahead: remembered, so that the late Prepare is not run.
pub(super) fn remember_abort(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    leg: &LegId,
    deadline_on_relay: Height,
) -> Result<Code, StoreFault> {
    let answered_by = answer::outcome(state, facts, leg, OutcomeResult::Refused)?;
    let write_set_root = facts.chain.suite.foreign(Hash::ZERO);
    let record = LegRecord { state: LegState::Tombstone, deadline_on_relay, write_set_root, answered_by };
    leg.put_record(state, &record)?;
    answer::note_prunable(state, leg, answered_by)?;
    Ok(Code::OK)
}

/// ABORT past the deadline for what was never prepared here: no Prepare can run any more, so no record is needed.
pub(super) fn answer_refused(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    leg: &LegId,
) -> Result<Code, StoreFault> {
    answer::outcome(state, facts, leg, OutcomeResult::Refused)?;
    Ok(Code::OK)
}
