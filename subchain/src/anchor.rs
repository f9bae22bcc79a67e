//! The relay that this subchain follows, and how its governance sets the trusted header anew.

use crate::participant;
use chain_interchain::{follow_anew, highest_known_height, open_client};
use chain_state::{BlockState, Place, StoreFault};
use ledger_protocol::chain::RelayAnchor;
use ledger_protocol::proof::client::TrustedHeader;
use ledger_protocol::system::accounts;
use ledger_protocol::transaction::StateKey;
use ledger_protocol::{ChainId, Code, TimestampMs};

fn place() -> Place {
    Place::system(accounts::CLIENTS, StateKey::new(b"relay".to_vec()).unwrap_or_default())
}

/// The one relay of this chain.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn relay_of(state: &BlockState<'_>) -> Result<Option<ChainId>, StoreFault> {
    state.record(&place())
}

fn trusted(anchor: &RelayAnchor) -> TrustedHeader {
    TrustedHeader {
        chain: anchor.relay,
        kind: anchor.kind,
        height: anchor.height_on_relay,
        header_hash: anchor.header_hash_on_relay.hash,
        timestamp_ms: TimestampMs::ZERO,
        next_validators: anchor.next_validators_on_relay.clone(),
    }
}

fn is_consistent(anchor: &RelayAnchor) -> bool {
    anchor.header_hash_on_relay.suite == anchor.relay.suite
        && !anchor.header_hash_on_relay.hash.is_zero()
        && anchor.next_validators_on_relay.check(anchor.relay.suite).is_ok()
}

/// The anchor of the genesis: the message counters start at 0.
pub(crate) fn open(state: &mut BlockState<'_>, anchor: &RelayAnchor) -> Result<Result<(), Code>, StoreFault> {
    if !is_consistent(anchor) {
        return Ok(Err(Code::BAD_ARGUMENT));
    }
    state.put_record(&place(), &anchor.relay)?;
    open_client(state, &trusted(anchor))?;
    Ok(Ok(()))
}

/// This chain's own governance names a header of its relay, and a chain suspended by a contradiction takes part again.
///
/// The trusted header itself changes nothing else, nor does the one that governance named last: that one stays the same
/// while the chain follows its relay, so it can be named however fast the relay grows. Any other is a re-anchor after
/// the relay has lost blocks: it must stand at or above the highest relay height ever known here (S5), the message
/// counter is kept, what waits in the lane is void, and the relay hears of it by this chain's leaf (`reanchored`).
pub(crate) fn set(state: &mut BlockState<'_>, anchor: &RelayAnchor) -> Result<Result<(), Code>, StoreFault> {
    if !is_consistent(anchor) || relay_of(state)? != Some(anchor.relay) {
        return Ok(Err(Code::BAD_ARGUMENT));
    }
    let named = trusted(anchor);
    let known = chain_interchain::trusted(state, &anchor.relay)?;
    let is_the_trusted = known.is_some_and(|it| {
        (it.height, it.header_hash, it.kind) == (named.height, named.header_hash, named.kind)
            && it.next_validators == named.next_validators
    });
    let named_last = chain_interchain::anchor(state, &anchor.relay)?;
    if !is_the_trusted && named_last != Some((named.height, named.header_hash)) {
        if highest_known_height(state, &anchor.relay)?.is_some_and(|highest| named.height < highest) {
            return Ok(Err(Code::ANCHOR_BELOW));
        }
        follow_anew(state, &named)?;
        participant::forget_branch(state)?;
    }
    participant::resume_participation(state)?;
    Ok(Ok(()))
}
