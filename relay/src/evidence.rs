//! What evidence leads to (R8): a chain is frozen, or only marked SUSPECT.

use crate::coordinator;
use crate::registry;
use chain_interchain::judge_evidence;
use chain_state::{BlockState, Refusal, StoreFault};
use ledger_protocol::codec::encode;
use ledger_protocol::interchain::{DecisionVerdict, Evidence, OutcomeResult};
use ledger_protocol::proof::client::{EvidenceAge, ProvenFault};
use ledger_protocol::{ChainId, Code, Height};

/// What follows from evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// The chain is frozen in the same block.
    Freeze,
    /// Keys that may have been given up signed twice: the chain is marked, one alarm.
    Suspect,
}

/// Working area: chain → the last height whose old keys its members have judged.
const JUDGED: &str = "evidence-judged";

/// Up to which height of a chain evidence about keys that were given up says nothing new: all of it while the chain is
/// SUSPECT, and afterwards what the members judged when they cleared the mark (ADR 0018).
///
/// # Errors
/// [`StoreFault`] on I/O.
pub(crate) fn known_on_source(state: &BlockState<'_>, chain: &ChainId) -> Result<Option<Height>, StoreFault> {
    if registry::chain(state, chain)?.is_some_and(|record| record.suspect) {
        return Ok(Some(Height(u64::MAX)));
    }
    state.working_as(JUDGED, &encode(chain))
}

/// The members clear the mark of a chain: what can be shown of the keys that it has given up by now is known for ever.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub(crate) fn clear(state: &mut BlockState<'_>, chain: &ChainId) -> Result<(), StoreFault> {
    if registry::chain(state, chain)?.is_some_and(|record| record.suspect)
        && let Some(client) = chain_interchain::client(state, chain)?
    {
        state.put_working_as(JUDGED, &encode(chain), &client.last_handoff_height_on_source)?;
    }
    registry::set_suspect(state, chain, false)
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
    #[cfg(feature = "planted-bugs")]
    if planted::is(planted::Plant::OldKeysFreeze) {
        return Ok(Ok(Judgement::Freeze));
    }
    let known = known_on_source(state, &verified.chain)?;
    Ok(match verified.age {
        EvidenceAge::Fresh => Ok(Judgement::Freeze),
        EvidenceAge::Old if known.is_some_and(|known| verified.lowest_on_source <= known) => {
            let reason = "the chain is suspect already, or its members have judged these keys".to_owned();
            Err(Refusal { code: Code::KNOWN, reason })
        }
        EvidenceAge::Old => Ok(Judgement::Suspect),
    })
}
