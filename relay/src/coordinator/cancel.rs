//! Cancel: the proposer withdraws; one that comes before its Submit is remembered.

use super::due::due;
use super::queue::{self, Released};
use super::{MAX_VALID_BLOCKS, RelayFacts, decide, record};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::proposal::Cancel;
use ledger_protocol::system::ProposalState;
use ledger_protocol::{Address, Code, Height, ProposalId};

/// Working area: (id, signer) → valid_until.
const REMEMBERED: &str = "cancels";
/// Working area: (valid_until, id, signer).
const EXPIRY: &str = "cancels-expiry";
/// Working area: signer → how many are remembered.
const COUNTS: &str = "cancels-counts";
/// Most Cancels of unknown ids that are remembered for one signer.
const MAX_PER_SIGNER: u32 = 64;

/// Handles a Cancel signed by `authors`.
///
/// A vote ordered earlier in the block beats it, because messages come before client operations (R1).
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn cancel(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    authors: &[Address],
    cancel: &Cancel,
    released: &mut Released,
) -> Result<Code, StoreFault> {
    if cancel.valid_until < facts.height || cancel.valid_until > facts.height.saturating_add(MAX_VALID_BLOCKS) {
        return Ok(Code::VALID_UNTIL);
    }
    let Some(record) = record::find(state, &cancel.id)? else {
        return remember(state, authors, cancel);
    };
    if !authors.contains(&record.proposer) {
        return Ok(Code::NOT_PROPOSER);
    }
    match record.state {
        ProposalState::Queued => {
            queue::reject(state, facts, &cancel.id, Code::CANCELLED, facts.relay, released)?;
            Ok(Code::OK)
        }
        ProposalState::Preparing => {
            decide::abort(state, facts, record, Code::CANCELLED, facts.relay)?;
            Ok(Code::OK)
        }
        _ => Ok(Code::TOO_LATE),
    }
}

/// An unknown id is remembered as (id, signer) until valid_until; it rejects the Submit only if that signer turns
/// out to be its proposer, so nobody can cancel for another.
fn remember(state: &mut BlockState<'_>, authors: &[Address], cancel: &Cancel) -> Result<Code, StoreFault> {
    for signer in authors {
        let key = encode(&(cancel.id, signer));
        if let Some(until) = state.working_as::<Height>(REMEMBERED, &key)? {
            if until < cancel.valid_until {
                state.remove_working(EXPIRY, &expiry_key(until, &key))?;
                state.put_working_as(REMEMBERED, &key, &cancel.valid_until)?;
                state.put_working(EXPIRY, &expiry_key(cancel.valid_until, &key), &[])?;
            }
            continue;
        }
        let count = state.working_as::<u32>(COUNTS, &encode(signer))?.unwrap_or(0);
        if count >= MAX_PER_SIGNER {
            return Ok(Code::LIMIT);
        }
        state.put_working_as(COUNTS, &encode(signer), &count.saturating_add(1))?;
        state.put_working_as(REMEMBERED, &key, &cancel.valid_until)?;
        state.put_working(EXPIRY, &expiry_key(cancel.valid_until, &key), &[])?;
    }
    Ok(Code::OK)
}

fn expiry_key(valid_until: Height, key: &[u8]) -> Vec<u8> {
    let mut bytes = valid_until.0.to_be_bytes().to_vec();
    bytes.extend_from_slice(key);
    bytes
}

/// Whether this proposer cancelled this id before it came.
pub(super) fn was_cancelled_by(
    state: &BlockState<'_>,
    id: &ProposalId,
    proposer: &Address,
) -> Result<bool, StoreFault> {
    Ok(state.working(REMEMBERED, &encode(&(id, proposer)))?.is_some())
}

/// Most remembered Cancels forgotten in one block.
const MAX_EXPIRED: usize = 4_096;

/// Due work: forgets Cancels whose validity has passed.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn expire_remembered_cancels(state: &mut BlockState<'_>, facts: &RelayFacts) -> Result<(), StoreFault> {
    for expiry in due(state, EXPIRY, facts.height, MAX_EXPIRED)? {
        let Some((valid_until, key)) = expiry.split_first_chunk::<8>() else { continue };
        if u64::from_be_bytes(*valid_until) >= facts.height.0 {
            break;
        }
        state.remove_working(REMEMBERED, key)?;
        if let Ok((_, signer)) = decode::<(ProposalId, Address)>(key, 256) {
            let count = state.working_as::<u32>(COUNTS, &encode(&signer))?.unwrap_or(0).saturating_sub(1);
            if count == 0 {
                state.remove_working(COUNTS, &encode(&signer))?;
            } else {
                state.put_working_as(COUNTS, &encode(&signer), &count)?;
            }
        }
        state.remove_working(EXPIRY, &expiry)?;
    }
    Ok(())
}
