//! Mistakes that take more than a line; the simulator must find them (docs/adr/0011).

use super::admission::ChainView;
use super::limits::Flight;
use super::queue::{self, Released};
use super::send::{leg_calls, prepare, send};
use super::{RelayFacts, decide, record};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::Height;
use ledger_protocol::interchain::{DecisionVerdict, MessageContent};
use ledger_protocol::proposal::Submit;
use ledger_protocol::system::{ChainRecord, LegPhase, ProposalRecord};
use planted::{Plant, is};

/// Whether all voting legs but one have said YES, and that is taken for enough.
pub(super) fn one_yes_is_missing(record: &ProposalRecord) -> bool {
    let mut voting = record.legs.iter().filter(|leg| leg.mode.votes());
    let missing = voting.by_ref().filter(|leg| !matches!(leg.phase, LegPhase::VotedYes { .. })).count();
    is(Plant::CommitWithOneYesMissing) && missing == 1
}

/// The height at which timeouts are judged before the votes of a block: one too high, or one too low.
pub(super) fn judged_at(height: Height) -> Height {
    let height = height.saturating_add(u64::from(is(Plant::TimeoutEarly)));
    if is(Plant::LateVoteCounts) { height.previous().unwrap_or_default() } else { height }
}

/// Timeouts behind the votes of the block.
pub fn fire_behind_votes(state: &mut BlockState<'_>, facts: &RelayFacts) -> Result<(), StoreFault> {
    if is(Plant::LateVoteCounts) { decide::fire_at(state, facts, facts.height) } else { Ok(()) }
}

/// Whether a timeout aborts what was decided COMMIT.
pub(super) fn aborts_after_commit(record: &ProposalRecord, verdict: &DecisionVerdict) -> bool {
    let was_commit = matches!(record.decision.as_option(), Some(DecisionVerdict::Commit { .. }));
    is(Plant::AbortAfterCommit) && was_commit && matches!(verdict, DecisionVerdict::Abort { .. })
}

/// A chain as if it were neither LAGGING nor STALE.
pub(super) fn in_good_standing(view: ChainView) -> ChainView {
    if !is(Plant::StandingUnchecked) {
        return view;
    }
    ChainView { record: ChainRecord { lagging: false, ..view.record }, is_stale: false }
}

/// The height from which a finished record may leave the state.
pub(super) fn kept_until(valid_until: Height) -> Height {
    if is(Plant::DecisionPrunedEarly) { Height::ZERO } else { valid_until }
}

/// Whether the deadline goes on counting after the decision.
pub(super) fn keeps_deadline(verdict: &DecisionVerdict) -> bool {
    is(Plant::AbortAfterCommit) && matches!(verdict, DecisionVerdict::Commit { .. })
}

/// Frees the scope of every leg.
pub(super) fn free_at_decision(
    state: &mut BlockState<'_>,
    record: &ProposalRecord,
    released: &mut Released,
) -> Result<(), StoreFault> {
    if is(Plant::ScopeFreeAtDecision) {
        let submit = record::submit_of(state, &record.id)?;
        for leg in &submit.body.legs {
            queue::remove_scope(state, &record.id, leg, released)?;
        }
    }
    Ok(())
}

/// What a closed leg gives back: its place in flight only.
pub(super) fn released(flight: Flight) -> Flight {
    if is(Plant::LimitShareKept) { Flight { bytes: 0, key_blocks: 0, ..flight } } else { flight }
}

/// Whether this leg's Prepare is overtaken by the Decision. A lane keeps its order, so a participant never meets an
/// ABORT before its Prepare unless the lane is made to overtake.
pub(super) fn is_overtaken(submit: &Submit, index: usize) -> bool {
    is(Plant::EarlyAbortForgotten) && index == submit.body.legs.len().saturating_sub(1)
}

/// Sends the Prepare that the Decision has overtaken.
pub(super) fn send_overtaken(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    record: &ProposalRecord,
    submit: &Submit,
) -> Result<(), StoreFault> {
    for (index, leg) in submit.body.legs.iter().enumerate().filter(|(index, _)| is_overtaken(submit, *index)) {
        let legs = leg_calls(&facts.relay, submit);
        let times = (record.started_at, record.deadline);
        if let Some(late) = prepare(&facts.relay, &record.id, times, submit, index, &legs) {
            send(state, &leg.chain, &MessageContent::Prepare(late))?;
        }
    }
    Ok(())
}
