//! The inbox: one counter per peer, moved by verified Advances (R9).
//!
//! Invariants: an Advance that is refused changes nothing; consuming never fails; what arrives behind postponed
//! messages waits behind them. Bounds: at most 256 messages per Advance; none while more than `max_waiting_messages` wait.

use crate::areas;
use crate::clients::{accept_handoff, accept_head, list_floor, trusted};
use crate::queues::{postpone, waiting_count};
use chain_state::{BlockFacts, BlockState, Refusal, StoreFault};
use ledger_protocol::interchain::{Advance, DeliveredBlock, Handoff, Message, OutboxLeaf};
use ledger_protocol::proof::client::{ClientError, TrustedHeader, VerifiedAdvance, verify_advance, verify_handoff};
use ledger_protocol::{ChainId, Code, Height, Sequence};

/// What an Advance brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumed {
    /// Messages to deal with now, oldest first.
    pub messages: Vec<Message>,
    /// Messages that went into the waiting queue because older ones of the lane wait; `messages` is then empty.
    pub postponed: Vec<Message>,
    /// The head's leaf: its `received` and `follows` are the acknowledgement.
    pub leaf: OutboxLeaf,
    /// Whether the client moved to a new head.
    pub moved: bool,
}

/// The next sequence expected from a peer.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn next_expected(state: &BlockState<'_>, peer: &ChainId) -> Result<Sequence, StoreFault> {
    Ok(state.working_as(areas::INBOX, &areas::of_peer(peer))?.unwrap_or(Sequence::ZERO))
}

/// Sets the next sequence expected from a peer; only Advances and re-anchors do.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn set_next_expected(state: &mut BlockState<'_>, peer: &ChainId, next: Sequence) -> Result<(), StoreFault> {
    state.put_working_as(areas::INBOX, &areas::of_peer(peer), &next)
}

/// The refusal that a failed proof leads to: what is known already is told apart from what proves nothing.
pub fn refusal_of(error: &ClientError) -> Refusal {
    let code = match error {
        ClientError::NotAbove { .. } | ClientError::NothingNew => Code::KNOWN,
        ClientError::Gap { expected, got } if got < expected => Code::KNOWN,
        _ => Code::PROOF,
    };
    Refusal { code, reason: error.to_string() }
}

/// Verifies an Advance against the state without changing it.
pub(crate) fn judge_advance(
    state: &BlockState<'_>,
    max_waiting: u32,
    receiver: &ChainId,
    advance: &Advance,
    empty_step_ms: u64,
) -> Result<Result<VerifiedAdvance, Refusal>, StoreFault> {
    let Some(trusted) = trusted(state, &advance.source)? else {
        return Ok(Err(no_client(&advance.source)));
    };
    let waiting = waiting_count(state, &advance.source)?;
    if waiting > max_waiting && !advance.blocks.is_empty() {
        let reason = format!("{waiting} messages of this lane wait, more than {max_waiting}");
        return Ok(Err(Refusal { code: Code::POOL_FULL, reason }));
    }
    let next = next_expected(state, &advance.source)?;
    let verified = match verify_advance(&trusted, next, receiver, advance, empty_step_ms) {
        Ok(verified) => verified,
        Err(error) => return Ok(Err(refusal_of(&error))),
    };
    let is_void = |floor: Height| {
        advance.blocks.iter().any(|block| match block {
            DeliveredBlock::Older { header, .. } => header.height <= floor,
            DeliveredBlock::Head { .. } => advance.head.header().height <= floor,
        })
    };
    if list_floor(state, &advance.source)?.is_some_and(is_void) {
        let reason = "the list is not above the header that this chain's governance named".to_owned();
        return Ok(Err(Refusal { code: Code::PROOF, reason }));
    }
    Ok(Ok(verified))
}

/// Verifies a hand-off against the state without changing it.
pub(crate) fn judge_handoff(
    state: &BlockState<'_>,
    handoff: &Handoff,
) -> Result<Result<TrustedHeader, Refusal>, StoreFault> {
    let Some(trusted) = trusted(state, &handoff.source)? else {
        return Ok(Err(no_client(&handoff.source)));
    };
    Ok(verify_handoff(&trusted, handoff).map_err(|error| refusal_of(&error)))
}

pub(crate) fn no_client(chain: &ChainId) -> Refusal {
    Refusal { code: Code::CHAIN_UNKNOWN, reason: format!("chain {chain:?} is not followed here") }
}

/// Consumes an Advance: moves the client and the counter, and hands out the messages.
///
/// The acknowledgement in the leaf is learnt by [`crate::learn_acknowledgement`], which the caller calls next.
///
/// # Errors
/// [`StoreFault`] on I/O. A [`Refusal`] changes nothing and makes a block that holds the Advance invalid.
pub fn consume_advance(
    state: &mut BlockState<'_>,
    facts: &BlockFacts,
    receiver: &ChainId,
    advance: &Advance,
    empty_step_ms: u64,
) -> Result<Result<Consumed, Refusal>, StoreFault> {
    let max_waiting = facts.parameters.max_waiting_messages;
    let verified = match judge_advance(state, max_waiting, receiver, advance, empty_step_ms)? {
        Ok(verified) => verified,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(head) = &verified.new_trusted {
        accept_head(state, &verified.head, head)?;
    }
    if !verified.messages.is_empty() {
        let next = verified.next_expected;
        #[cfg(feature = "planted-bugs")]
        let next = if planted::is(planted::Plant::DuplicateMessageExecuted) {
            advance.blocks.last().and_then(|block| block.messages().first()).map_or(next, |first| first.sequence)
        } else {
            next
        };
        set_next_expected(state, &advance.source, next)?;
    }
    let must_wait = waiting_count(state, &advance.source)? > 0;
    let (messages, postponed) =
        if must_wait { (Vec::new(), verified.messages) } else { (verified.messages, Vec::new()) };
    for message in &postponed {
        postpone(state, message)?;
    }
    Ok(Ok(Consumed { messages, postponed, leaf: verified.leaf, moved: verified.new_trusted.is_some() }))
}

/// Consumes a hand-off: moves the client to the next validator set.
///
/// # Errors
/// [`StoreFault`] on I/O. A [`Refusal`] changes nothing and makes a block that holds the hand-off invalid.
pub fn consume_handoff(
    state: &mut BlockState<'_>,
    handoff: &Handoff,
) -> Result<Result<TrustedHeader, Refusal>, StoreFault> {
    let next = match judge_handoff(state, handoff)? {
        Ok(next) => next,
        Err(refusal) => return Ok(Err(refusal)),
    };
    #[cfg(feature = "planted-bugs")]
    let next = match trusted(state, &handoff.source)? {
        Some(before) if planted::is(planted::Plant::StaleValidatorSet) => {
            TrustedHeader { next_validators: before.next_validators, ..next }
        }
        _ => next,
    };
    accept_handoff(state, &handoff.header, &next)?;
    Ok(Ok(next))
}
