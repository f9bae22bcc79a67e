//! Decisions: written once, before any outbox entry (R2).

use super::due::due;
use super::queue::{self, Released};
use super::record::{self, is_closed};
use super::{RelayFacts, early, limits, overdue, retire, send::send};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::interchain::{Decision, DecisionVerdict, MessageContent};
use ledger_protocol::merkle;
use ledger_protocol::system::{LegPhase, ProposalRecord, ProposalState};
use ledger_protocol::transaction::Choice;
use ledger_protocol::{ChainId, Code, Height, ProposalId};

/// Working area: (deadline, id) of everything PREPARING.
const DEADLINES: &str = "deadlines";
/// Most deadlines that fire in one block; more wait for the next one.
const MAX_FIRED: usize = 4_096;

fn deadline_key(deadline: Height, id: &ProposalId) -> Vec<u8> {
    let mut key = deadline.0.to_be_bytes().to_vec();
    key.extend(encode(id));
    key
}

/// Notes a deadline in the index from which timeouts fire (R4).
pub(super) fn note_deadline(state: &mut BlockState<'_>, id: &ProposalId, deadline: Height) -> Result<(), StoreFault> {
    state.put_working(DEADLINES, &deadline_key(deadline, id), &[])
}

/// Due work: everything PREPARING whose deadline is below this height aborts (R1, R4). A vote ordered *at* the
/// deadline has counted, one later does not.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn fire_timeouts(state: &mut BlockState<'_>, facts: &RelayFacts) -> Result<(), StoreFault> {
    let height = facts.height;
    #[cfg(feature = "planted-bugs")]
    let height = super::planted_bugs::judged_at(height);
    fire_at(state, facts, height)
}

pub(super) fn fire_at(state: &mut BlockState<'_>, facts: &RelayFacts, height: Height) -> Result<(), StoreFault> {
    for key in due(state, DEADLINES, height, MAX_FIRED)? {
        let Some((deadline, id)) = key.split_first_chunk::<8>() else { continue };
        if u64::from_be_bytes(*deadline) >= height.0 {
            break;
        }
        let Ok(id) = decode::<ProposalId>(id, 64) else { continue };
        let Some(record) = record::find(state, &id)? else { continue };
        limits::note_timeout(state, facts, &record)?;
        let silent = record.legs.iter().find(|leg| leg.mode.votes() && leg.phase == LegPhase::Waiting);
        let culprit = silent.map_or(facts.relay, |leg| leg.chain);
        abort(state, facts, record, Code::TIMEOUT, culprit)?;
    }
    Ok(())
}

/// Whether some proposal's deadline must still tick.
pub(crate) fn has_open_deadlines(state: &BlockState<'_>) -> Result<bool, StoreFault> {
    Ok(!state.scan_working(DEADLINES, &[], None, 1)?.is_empty())
}

/// PREPARING ▶ COMMITTING: every voting leg's YES is noted.
pub(super) fn commit(state: &mut BlockState<'_>, facts: &RelayFacts, record: ProposalRecord) -> Result<(), StoreFault> {
    let suite = facts.relay.suite;
    let votes: Vec<Vec<u8>> = record
        .legs
        .iter()
        .filter_map(|leg| match &leg.phase {
            LegPhase::VotedYes { message_hash, .. } => Some(encode(&(leg.chain, message_hash))),
            _ => None,
        })
        .collect();
    let votes_root = suite.foreign(merkle::root(suite, &votes));
    decide(state, facts, record, DecisionVerdict::Commit { votes_root }, ProposalState::Committing)
}

/// PREPARING ▶ ABORTING.
pub(super) fn abort(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    record: ProposalRecord,
    code: Code,
    culprit: ChainId,
) -> Result<(), StoreFault> {
    decide(state, facts, record, DecisionVerdict::Abort { code, culprit }, ProposalState::Aborting)
}

fn decide(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    record: ProposalRecord,
    verdict: DecisionVerdict,
    to: ProposalState,
) -> Result<(), StoreFault> {
    let is_over = record.state != ProposalState::Preparing || record.decision.as_option().is_some();
    #[cfg(feature = "planted-bugs")]
    let is_over = is_over && !super::planted_bugs::aborts_after_commit(&record, &verdict);
    if is_over {
        return Ok(());
    }
    #[cfg(feature = "planted-bugs")]
    if super::planted_bugs::keeps_deadline(&verdict) {
        note_deadline(state, &record.id, record.deadline.saturating_add(1))?;
    }
    state.remove_working(DEADLINES, &deadline_key(record.deadline, &record.id))?;
    limits::note_end(state, facts, &record, &verdict)?;
    let record = ProposalRecord { state: to, decision: Choice::Some(verdict), decided_at: facts.height, ..record };
    record::put(state, &record)?;
    early::note_decision(state, &record.id)?;
    announce(state, facts, &record, verdict)?;
    settle(state, facts, record)
}

/// The Decision goes to each leg not closed; to NOTIFY legs after COMMIT only, with the call itself.
fn announce(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    record: &ProposalRecord,
    verdict: DecisionVerdict,
) -> Result<(), StoreFault> {
    let submit = record::submit_of(state, &record.id)?;
    let commits = matches!(verdict, DecisionVerdict::Commit { .. });
    #[cfg(feature = "planted-bugs")]
    let commits = commits || planted::is(planted::Plant::NotifyOnAbort);
    for ((status, leg), authorisations) in record.legs.iter().zip(&submit.body.legs).zip(&submit.authorisations) {
        // A retired chain gets nothing any more: its leaf has ended.
        if is_closed(status) || crate::registry::is_retired(state, &status.chain)? {
            continue;
        }
        let decision = if leg.mode.votes() {
            Decision::Voting {
                relay: facts.relay,
                id: record.id,
                started_at_on_relay: record.started_at,
                deadline_on_relay: record.deadline,
                verdict,
            }
        } else if commits {
            Decision::Notify {
                relay: facts.relay,
                id: record.id,
                started_at_on_relay: record.started_at,
                deadline_on_relay: record.deadline,
                leg: Box::new(leg.clone()),
                authorisations: authorisations.clone(),
            }
        } else {
            continue;
        };
        send(state, &leg.chain, &MessageContent::Decision(decision))?;
        overdue::expect_outcome(state, facts, &record.id, &leg.chain)?;
    }
    #[cfg(feature = "planted-bugs")]
    super::planted_bugs::send_overtaken(state, facts, record, &submit)?;
    Ok(())
}

/// COMMITTING ▶ COMMITTED or ABORTING ▶ ABORTED once every voting leg counts as closed. A frozen or retired chain's
/// leg counts as closed for the proposal's state only.
pub(super) fn settle(state: &mut BlockState<'_>, facts: &RelayFacts, record: ProposalRecord) -> Result<(), StoreFault> {
    let to = match record.state {
        ProposalState::Committing => ProposalState::Committed,
        ProposalState::Aborting => ProposalState::Aborted,
        ProposalState::Committed | ProposalState::Aborted => return retire::consider(state, facts, &record),
        _ => return Ok(()),
    };
    for leg in record.legs.iter().filter(|leg| leg.mode.votes()) {
        if !is_closed(leg) && !crate::registry::is_lost(state, &leg.chain)? {
            return Ok(());
        }
    }
    let record = ProposalRecord { state: to, ..record };
    record::put(state, &record)?;
    retire::consider(state, facts, &record)
}

/// QUEUED ▶ REJECTED.
pub(super) fn finish_rejected(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    record: ProposalRecord,
    code: Code,
    culprit: ChainId,
) -> Result<(), StoreFault> {
    let record = ProposalRecord {
        state: ProposalState::Rejected,
        decision: Choice::Some(DecisionVerdict::Abort { code, culprit }),
        decided_at: facts.height,
        ..record
    };
    record::put(state, &record)?;
    retire::consider(state, facts, &record)
}

/// A participant is frozen, paused or retired: everything of it that is PREPARING aborts, COMMITTING goes on (R3),
/// and its legs count as closed for the state of what is decided already.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn abort_all_of(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    chain: &ChainId,
    released: &mut Released,
) -> Result<(), StoreFault> {
    queue::reject_all_of(state, facts, chain, Code::CHAIN_NOT_ACTIVE, released)?;
    for id in record::open_of_chain(state, chain)? {
        let Some(record) = record::find(state, &id)? else { continue };
        if record.state == ProposalState::Preparing {
            abort(state, facts, record, Code::CHAIN_LOST, *chain)?;
        } else {
            settle(state, facts, record)?;
        }
    }
    Ok(())
}
