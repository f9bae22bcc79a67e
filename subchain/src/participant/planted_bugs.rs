//! Mistakes that take more than a line; the simulator must find them (docs/adr/0011).

use super::record::{HELD, LegId};
use super::table::Incoming;
use super::{ParticipantFacts, decide};
use chain_state::{BlockState, Place, StagedWrite, StagedWrites, StoreFault};
use ledger_protocol::Height;
use ledger_protocol::codec::{Bounded, decode};
use ledger_protocol::transaction::StateContent;
use planted::{Plant, is};

/// Legs looked at in one block.
const MAX_LOOKED_AT: usize = 64;

/// What a leg does at COMMIT, as it was staged at Prepare.
pub(super) fn staged(state: &mut BlockState<'_>, staged: StagedWrites) -> Result<StagedWrites, StoreFault> {
    if is(Plant::StagedWritesReExecuted) {
        staged.apply(state)?;
    }
    if is(Plant::StagedSetSkipped) {
        let writes = staged.writes.iter().filter(|write| !matches!(write, StagedWrite::Set { .. })).cloned();
        return Ok(StagedWrites { writes: Bounded::new(writes.collect()).unwrap_or_default(), ..staged });
    }
    if !is(Plant::DeltaOverwrites) {
        return Ok(staged);
    }
    let mut writes = Vec::new();
    for write in &staged.writes {
        let now = state.live(&Place::from_lock_key(write.key()))?.map(|value| value.content);
        writes.push(match (write, now) {
            (StagedWrite::Delta { key, amount }, Some(StateContent::Counter { value, min, max })) => {
                let content = StateContent::Counter { value: value.saturating_add(*amount), min, max };
                StagedWrite::Set { key: key.clone(), content }
            }
            (write, _) => write.clone(),
        });
    }
    Ok(StagedWrites { writes: Bounded::new(writes).unwrap_or_default(), ..staged })
}

/// Whether a COMMIT of this leg is carried out as if it were an ABORT: one of four.
pub(super) fn takes_commit_for_abort(leg: &LegId) -> bool {
    is(Plant::CommitTakenForAbort) && leg.id.0.hash.as_bytes().first().is_some_and(|byte| byte % 4 == 0)
}

/// Whether this is an ABORT that leaves no record though its deadline is ahead.
pub(super) fn forgets_early_abort(has_record: bool, incoming: Incoming) -> bool {
    is(Plant::EarlyAbortForgotten) && !has_record && matches!(incoming, Incoming::Abort { .. })
}

/// Drops every leg whose deadline the subchain's own height has passed.
pub(crate) fn release_by_own_clock(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    own_height: Height,
) -> Result<(), StoreFault> {
    if !is(Plant::LockReleasedByOwnClock) {
        return Ok(());
    }
    for (key, _) in state.scan_working(HELD, &[], None, MAX_LOOKED_AT)? {
        let Ok(leg) = decode::<LegId>(&key, 256) else { continue };
        let Some(record) = leg.record(state)? else { continue };
        if own_height > record.deadline_on_relay {
            decide::release(state, facts, &leg, record.deadline_on_relay)?;
        }
    }
    Ok(())
}
