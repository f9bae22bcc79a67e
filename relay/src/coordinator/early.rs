//! Outcomes that come before this branch has decided: kept until it has, and judged then (ADR 0015).
//!
//! Only a relay that was itself re-anchored sees one of an honest chain: the decision was on the branch that is lost,
//! and its votes come again. Nothing is contradicted as long as there is no decision.
//! Bounds: one per open leg, gone with the decision.

use super::queue::{self, Released};
use super::{RelayFacts, decide, record, votes};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::interchain::{Outcome, OutcomeResult};
use ledger_protocol::system::{LegPhase, ProposalRecord, ProposalState};
use ledger_protocol::{ChainId, Code, ProposalId, SuiteHash};

/// Working area: (id, chain) → the Outcome and the hash of its message.
const EARLY: &str = "outcomes-early";
/// Working area: id of what was decided in this block and has such an Outcome.
const DUE: &str = "outcomes-early-due";

fn key(id: &ProposalId, chain: &ChainId) -> Vec<u8> {
    encode(&(id, chain))
}

/// Keeps the first such Outcome of a leg.
pub(super) fn keep(state: &mut BlockState<'_>, outcome: &Outcome, message_hash: SuiteHash) -> Result<Code, StoreFault> {
    let key = key(&outcome.id, &outcome.chain);
    if state.working(EARLY, &key)?.is_some() {
        return Ok(Code::DUPLICATE);
    }
    state.put_working_as(EARLY, &key, &(outcome, message_hash))?;
    Ok(Code::OK)
}

/// There is a decision: what was kept for it is due in this very block.
pub(super) fn note_decision(state: &mut BlockState<'_>, id: &ProposalId) -> Result<(), StoreFault> {
    if state.scan_working(EARLY, &encode(id), None, 1)?.is_empty() {
        return Ok(());
    }
    state.put_working(DUE, &encode(id), &[])
}

/// Judges what was kept for the decisions of this block, before scopes are released. A contradiction freezes its chain,
/// and that decides more: the loop ends because each turn takes an Outcome away.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn judge_early(state: &mut BlockState<'_>, facts: &RelayFacts, released: &mut Released) -> Result<(), StoreFault> {
    while let Some((due, _)) = state.scan_working(DUE, &[], None, 1)?.into_iter().next() {
        let Some((kept, bytes)) = state.scan_working(EARLY, &due, None, 1)?.into_iter().next() else {
            state.remove_working(DUE, &due)?;
            continue;
        };
        state.remove_working(EARLY, &kept)?;
        let (outcome, message_hash) = decode::<(Outcome, SuiteHash)>(&bytes, bytes.len())
            .map_err(|_| StoreFault("an Outcome that was kept is corrupt".into()))?;
        votes::settle_outcome(state, facts, &outcome, message_hash, released)?;
    }
    Ok(())
}

/// A chain says that a leg of this id took effect, but under another h0 than it has here: that was on a branch of the
/// relay that is lost. The proposal must not take effect a second time, so what is undecided ends without.
pub(super) fn took_effect_elsewhere(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    outcome: &Outcome,
    released: &mut Released,
) -> Result<Code, StoreFault> {
    if !matches!(outcome.result, OutcomeResult::Applied { .. } | OutcomeResult::Noted { .. }) {
        return Ok(Code::PROPOSAL_UNKNOWN);
    }
    let Some(record) = record::find(state, &outcome.id)? else { return Ok(Code::PROPOSAL_UNKNOWN) };
    if !record.legs.iter().any(|leg| leg.chain == outcome.chain) {
        return Ok(Code::PROPOSAL_UNKNOWN);
    }
    match record.state {
        ProposalState::Queued => {
            queue::reject(state, facts, &outcome.id, Code::LOST_ON_RELAY, outcome.chain, released)?;
            Ok(Code::OK)
        }
        ProposalState::Preparing if !has_voted(&record, &outcome.chain) => {
            decide::abort(state, facts, record, Code::LOST_ON_RELAY, outcome.chain)?;
            Ok(Code::OK)
        }
        _ => Ok(Code::PROPOSAL_UNKNOWN),
    }
}

/// A chain that has voted under this h0 says what comes later than any Outcome of an earlier branch.
fn has_voted(record: &ProposalRecord, chain: &ChainId) -> bool {
    record.legs.iter().any(|leg| leg.chain == *chain && leg.phase != LegPhase::Waiting)
}
