//! Messages of the coordinator on their way to subchains.

use crate::registry;
use chain_interchain::{EnqueueError, enqueue};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::ChainId;
use ledger_protocol::codec::SortedVec;
use ledger_protocol::codec::encode;
use ledger_protocol::interchain::{LegCall, MessageContent, Prepare, call_hash};
use ledger_protocol::proposal::{MAX_LEGS, Submit};
use ledger_protocol::{Height, ProposalId};

/// Most bytes of one message's payload.
const MAX_PAYLOAD_BYTES: usize = 160 << 10;
/// Bytes that a Decision to a NOTIFY leg adds to its leg at the most.
const ENVELOPE_BYTES: usize = 512;

/// Puts a message into the outbox. Its size was judged when the proposal was submitted.
pub(super) fn send(state: &mut BlockState<'_>, to: &ChainId, content: &MessageContent) -> Result<(), StoreFault> {
    if registry::is_held(state, to)? {
        // Nothing leaves to it until it follows this branch; then all that is open is sent from the records.
        return Ok(());
    }
    match enqueue(state, to, content) {
        Ok(_) => Ok(()),
        Err(EnqueueError::Fault(fault)) => Err(fault),
        Err(EnqueueError::TooLong(bytes)) => {
            Err(StoreFault(format!("a message of {bytes} bytes was admitted though none may be that long")))
        }
    }
}

/// All legs as each of them sees the others.
pub(super) fn leg_calls(relay: &ChainId, submit: &Submit) -> SortedVec<LegCall, MAX_LEGS> {
    let legs: Vec<LegCall> = submit
        .body
        .legs
        .iter()
        .map(|leg| LegCall { chain: leg.chain, call_hash: call_hash(relay, &leg.call) })
        .collect();
    // As sorted and as many as the Submit's own legs.
    SortedVec::new(legs).unwrap_or_default()
}

/// The Prepare of one leg.
pub(super) fn prepare(
    relay: &ChainId,
    id: &ProposalId,
    (started_at, deadline): (Height, Height),
    submit: &Submit,
    index: usize,
    legs: &SortedVec<LegCall, MAX_LEGS>,
) -> Option<Prepare> {
    Some(Prepare {
        relay: *relay,
        id: *id,
        started_at_on_relay: started_at,
        deadline_on_relay: deadline,
        leg: submit.body.legs.get(index)?.clone(),
        authorisations: submit.authorisations.get(index)?.clone(),
        legs: legs.clone(),
    })
}

/// Whether every message of the proposal will fit its envelope.
pub(super) fn messages_fit(relay: &ChainId, submit: &Submit) -> bool {
    let legs = encode(&leg_calls(relay, submit)).len();
    submit.body.legs.iter().zip(&submit.authorisations).all(|(leg, authorisations)| {
        let own = encode(leg).len().saturating_add(encode(authorisations).len());
        own.saturating_add(legs).saturating_add(ENVELOPE_BYTES) <= MAX_PAYLOAD_BYTES
    })
}
