//! Evidence against a followed chain (R8), judged by the sets that the trusted history names.

use crate::clients::{client, named_sets, trusted};
use crate::inbox::{no_client, refusal_of};
use chain_state::{BlockState, Refusal, StoreFault};
use ledger_protocol::interchain::Evidence;
use ledger_protocol::proof::client::{VerifiedEvidence, verify_evidence};
use ledger_protocol::{ChainId, Hash, Height};

/// Verifies evidence; what follows from it (freeze, suspect) is the relay's to do.
///
/// # Errors
/// [`StoreFault`] on I/O. A [`Refusal`] means that it proves nothing.
pub fn judge_evidence(
    state: &BlockState<'_>,
    receiver: &ChainId,
    evidence: &Evidence,
) -> Result<Result<VerifiedEvidence, Refusal>, StoreFault> {
    let chain = evidence.chain();
    let (Some(record), Some(trusted)) = (client(state, chain)?, trusted(state, chain)?) else {
        return Ok(Err(no_client(chain)));
    };
    let sets = named_sets(state, chain)?;
    let named = |height| named_for(&sets, height);
    let verified = verify_evidence(&trusted, record.last_handoff_height_on_source, &named, receiver, evidence);
    Ok(verified.map_err(|error| refusal_of(&error)))
}

/// The set for a height: the newest that begins at or below it, or the oldest known.
fn named_for(sets: &[(Height, Hash)], height: Height) -> Option<Hash> {
    sets.iter().rev().find(|(from, _)| *from <= height).or_else(|| sets.first()).map(|(_, hash)| *hash)
}
