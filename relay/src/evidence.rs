//! What evidence leads to (R8): a chain is frozen, or only marked SUSPECT.

use crate::coordinator;
use chain_interchain::judge_evidence;
use chain_state::{BlockState, Refusal, StoreFault};
use ledger_protocol::interchain::{DecisionVerdict, Evidence, OutcomeResult};
use ledger_protocol::proof::client::{EvidenceAge, ProvenFault};
use ledger_protocol::{ChainId, Code};

/// What follows from evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// The chain is frozen in the same block.
    Freeze,
    /// Keys that may have been given up signed twice: the chain is marked, one alarm.
    Suspect,
}

/// Judges evidence against the trusted history, and an Outcome against this relay's own record.
pub(crate) fn judge(
    state: &BlockState<'_>,
    relay: &ChainId,
    evidence: &Evidence,
) -> Result<Result<Judgement, Refusal>, StoreFault> {
    let verified = match judge_evidence(state, relay, evidence)? {
        Ok(verified) => verified,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let ProvenFault::Outcome { outcome, .. } = &verified.fault {
        let record = coordinator::find(state, &outcome.id)?;
        let decision = record
            .filter(|record| record.started_at == outcome.started_at_on_relay)
            .and_then(|record| record.decision.as_option().copied());
        let contradicts = matches!(
            (&outcome.result, decision),
            (OutcomeResult::Applied { .. }, Some(DecisionVerdict::Abort { .. }))
                | (OutcomeResult::Released | OutcomeResult::Refused, Some(DecisionVerdict::Commit { .. }))
        );
        if !contradicts {
            let reason = "the Outcome contradicts no decision that this relay still holds".to_owned();
            return Ok(Err(Refusal { code: Code::PROOF, reason }));
        }
    }
    #[cfg(feature = "planted-bugs")]
    if planted::is(planted::Plant::ForkNotFrozen) {
        return Ok(Ok(Judgement::Suspect));
    }
    Ok(Ok(match verified.age {
        EvidenceAge::Fresh => Judgement::Freeze,
        EvidenceAge::Old => Judgement::Suspect,
    }))
}
