//! Re-anchoring of a followed chain (R9): judged against what the state trusts, then applied.

use crate::acknowledgement::{forget_acknowledgement, forget_all_acknowledged};
use crate::areas;
use crate::clients::{anchor, anchor_anew, set_anchor, trusted, trusted_history};
use crate::inbox::{next_expected, no_client, refusal_of, set_next_expected};
use crate::queues::{drop_waiting, remove_from};
use chain_state::{BlockState, Refusal, StoreFault};
use ledger_protocol::ChainId;
use ledger_protocol::interchain::Reanchor;
use ledger_protocol::proof::client::{TrustedHeader, VerifiedReanchor, verify_reanchor};

/// Verifies a re-anchor against the state without changing it; that enough members want it is the motion's affair.
///
/// # Errors
/// [`StoreFault`] on I/O. A [`Refusal`] means that it does not verify.
pub fn judge_reanchor(
    state: &BlockState<'_>,
    receiver: &ChainId,
    motion: &Reanchor,
) -> Result<Result<VerifiedReanchor, Refusal>, StoreFault> {
    let chain = &motion.chain;
    let (Some(trusted), Some(anchor)) = (trusted(state, chain)?, anchor(state, chain)?) else {
        return Ok(Err(no_client(chain)));
    };
    let history = trusted_history(state, chain)?;
    let next = next_expected(state, chain)?;
    let verified = verify_reanchor(&trusted, history, anchor, next, receiver, motion);
    Ok(verified.map_err(|error| refusal_of(&error)))
}

/// Gives a chain its new trusted header and sets the next sequence expected. The highest known height stays (S5);
/// what was already consumed and comes again is answered from the records (S4). What waits from beyond the boundary of
/// the kept history is dropped, for its sequences are given anew, and what the chain acknowledged falls back to what
/// the kept history says.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn reanchor(state: &mut BlockState<'_>, verified: &VerifiedReanchor) -> Result<(), StoreFault> {
    set_anchor(state, &verified.trusted, Some(verified.header.history))?;
    let chain = verified.trusted.chain;
    remove_from(state, &chain, verified.next_expected)?;
    forget_acknowledgement(state, &chain, &verified.common_leaf)?;
    #[cfg(feature = "planted-bugs")]
    if planted::is(planted::Plant::CounterKeptAtReanchor) {
        return count_reanchor(state, &chain);
    }
    set_next_expected(state, &chain, verified.next_expected)?;
    count_reanchor(state, &chain)
}

/// Gives a chain another trusted header by the word of one's own governance, after that chain has lost blocks. The
/// counter of what was received and the highest known height stay (S5). Lists from blocks at or below the header are
/// void, as is what waits of them and what was acknowledged there: the chain sends anew what is still open (ADR 0013).
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn follow_anew(state: &mut BlockState<'_>, header: &TrustedHeader) -> Result<(), StoreFault> {
    anchor_anew(state, header)?;
    drop_waiting(state, &header.chain)?;
    forget_all_acknowledged(state, &header.chain)?;
    count_reanchor(state, &header.chain)
}

/// How often a chain was given a new anchor here; every outbox leaf to it says so.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn reanchors(state: &BlockState<'_>, chain: &ChainId) -> Result<u32, StoreFault> {
    Ok(state.working_as(areas::REANCHORS, &areas::of_peer(chain))?.unwrap_or(0))
}

/// Counts a new anchor of a chain.
///
/// # Errors
/// [`StoreFault`] on I/O, and past the end of the range.
pub fn count_reanchor(state: &mut BlockState<'_>, chain: &ChainId) -> Result<(), StoreFault> {
    let count = reanchors(state, chain)?.checked_add(1);
    let count = count.ok_or_else(|| StoreFault("a count of re-anchors left its range".into()))?;
    state.put_working_as(areas::REANCHORS, &areas::of_peer(chain), &count)
}
