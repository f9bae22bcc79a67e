//! What the pool needs to know of Advances, hand-offs and evidence: verified before they enter.
//!
//! Invariants: one lane per source; its hand-offs come first, in order, then at most one Advance; of two Advances of a
//! source the pool keeps the one with more messages, then the higher head (R9).

use crate::evidence::judge_evidence;
use crate::inbox::{judge_advance, judge_handoff};
use chain_state::{Admission, BlockFacts, BlockState, Refusal, StoreFault};
use ledger_protocol::chain::Section;
use ledger_protocol::codec::encode;
use ledger_protocol::interchain::{Advance, Evidence, Handoff};
use ledger_protocol::proof::client::{EvidenceAge, VerifiedEvidence};
use ledger_protocol::{ChainId, Code, Height};

/// A dedupe key: one byte for the kind, so that keys of two kinds never meet.
fn key(kind: u8, parts: &impl borsh::BorshSerialize) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend(encode(parts));
    key
}

/// Judges an Advance for the pool, against the state after the block before.
///
/// # Errors
/// [`StoreFault`] on I/O; a [`Refusal`] keeps it out.
pub fn admit_advance(
    state: &BlockState<'_>,
    facts: &BlockFacts,
    receiver: &ChainId,
    advance: &Advance,
    empty_step_ms: u64,
) -> Result<Result<Admission, Refusal>, StoreFault> {
    let max_waiting = facts.parameters.max_waiting_messages;
    Ok(judge_advance(state, max_waiting, receiver, advance, empty_step_ms)?.map(|verified| Admission {
        section: Section::Interchain,
        dedupe_key: key(b'A', &advance.source),
        rank: (u64::try_from(verified.messages.len()).unwrap_or(u64::MAX), verified.head.height.0),
        lane: encode(&advance.source),
        order: u64::MAX,
        is_work: !verified.messages.is_empty(),
    }))
}

/// Judges a hand-off for the pool: it must follow what is trusted now.
///
/// # Errors
/// [`StoreFault`] on I/O; a [`Refusal`] keeps it out, with [`Code::KNOWN`] when the client is past it.
pub fn admit_handoff(state: &BlockState<'_>, handoff: &Handoff) -> Result<Result<Admission, Refusal>, StoreFault> {
    Ok(judge_handoff(state, handoff)?.map(|next| Admission {
        section: Section::Interchain,
        dedupe_key: key(b'H', &(handoff.source, next.height)),
        rank: (0, 0),
        lane: encode(&handoff.source),
        order: next.height.0,
        is_work: true,
    }))
}

/// Judges evidence for the pool. Evidence about keys that were given up, at or below `known_on_source`, is known already
/// (R8, ADR 0018).
///
/// # Errors
/// [`StoreFault`] on I/O; a [`Refusal`] keeps it out.
pub fn admit_evidence(
    state: &BlockState<'_>,
    receiver: &ChainId,
    evidence: &Evidence,
    known_on_source: Option<Height>,
) -> Result<Result<(Admission, VerifiedEvidence), Refusal>, StoreFault> {
    let verified = match judge_evidence(state, receiver, evidence)? {
        Ok(verified) => verified,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if verified.age == EvidenceAge::Old && known_on_source.is_some_and(|known| verified.lowest_on_source <= known) {
        let reason = "the chain is suspect already, or its members have judged these keys".to_owned();
        return Ok(Err(Refusal { code: Code::KNOWN, reason }));
    }
    let kind = if verified.age == EvidenceAge::Fresh { b'E' } else { b'e' };
    let admission = Admission {
        section: Section::Governance,
        dedupe_key: key(kind, &verified.chain),
        rank: (0, 0),
        lane: key(kind, &verified.chain),
        order: 0,
        is_work: true,
    };
    Ok(Ok((admission, verified)))
}
