//! Registration: what a chain must show before its headers mean anything here.

use super::{MAX_CHAINS, PEERS, chain, peers, put};
use crate::coordinator::{MAX_T_PREP_CEILING, RelayFacts};
use chain_interchain::open_client;
use chain_ledger::members;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::chain::{CertificateKind, ControlledBy, ValidatorSet};
use ledger_protocol::codec::{Tag, encode};
use ledger_protocol::interchain::Registration;
use ledger_protocol::proof::client::TrustedHeader;
use ledger_protocol::suite::{BatchItem, Verifier};
use ledger_protocol::system::{ChainRecord, ChainStatus};
use ledger_protocol::{ChainId, Code, LedgerId};
use std::collections::BTreeMap;

/// What every validator of a chain signs to show that it holds its key: `tag ‖ relay ‖ chain`.
pub fn possession_sign_bytes(relay: &ChainId, chain: &ChainId) -> Vec<u8> {
    let mut bytes = Tag::POSSESSION.bytes().to_vec();
    bytes.extend(encode(&(relay, chain)));
    bytes
}

/// Registers a chain. Both message counters start at 0, so its first header must not have sent anything yet.
pub(super) fn register(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    registration: &Registration,
) -> Result<Result<(), Code>, StoreFault> {
    let id = registration.header.chain;
    if let Err(code) = check(state, facts, registration)? {
        return Ok(Err(code));
    }
    let Ok(trusted) = TrustedHeader::at(&registration.header, registration.kind, registration.next_validators.clone())
    else {
        return Ok(Err(Code::BAD_ARGUMENT));
    };
    open_client(state, &trusted)?;
    state.put_working(PEERS, &encode(&id), &[])?;
    let record = ChainRecord {
        chain: id,
        name: registration.name.clone(),
        status: ChainStatus::Registered,
        lagging: false,
        suspect: false,
        kind: registration.kind,
        heartbeat_ms: registration.heartbeat_ms,
        max_t_prep: registration.max_t_prep,
        controlled_by: registration.controlled_by.clone(),
        limits: registration.limits,
        services: registration.services.clone(),
    };
    put(state, &record)?;
    Ok(Ok(()))
}

fn check(
    state: &BlockState<'_>,
    facts: &RelayFacts,
    registration: &Registration,
) -> Result<Result<(), Code>, StoreFault> {
    let header = &registration.header;
    let id = header.chain;
    let set = &registration.next_validators;
    if id == facts.relay || chain(state, &id)?.is_some() {
        return Ok(Err(Code::CHAIN_EXISTS));
    }
    let peers = peers(state)?;
    if peers.len() >= MAX_CHAINS {
        return Ok(Err(Code::LIMIT));
    }
    for peer in peers {
        if chain(state, &peer)?.is_some_and(|record| record.name == registration.name) {
            return Ok(Err(Code::CHAIN_EXISTS));
        }
    }
    if registration.kind == CertificateKind::Dev && !members::accepts_dev_chains(state)? {
        return Ok(Err(Code::UNSUPPORTED));
    }
    let argument_ok = registration.max_t_prep >= 1
        && registration.max_t_prep <= MAX_T_PREP_CEILING
        && registration.heartbeat_ms >= 1
        && registration.limits.are_sound()
        && !registration.name.as_str().is_empty()
        && registration.services.iter().all(|it| it.chain == id && it.ledger != LedgerId::SYSTEM)
        && set.check(id.suite).is_ok()
        && set.hash(id.suite) == header.next_validators_hash
        // Only header 0 can be trusted without a certificate: by recomputing it from the genesis that the id names,
        // which the members did before they voted. It has sent nothing.
        && header.outbox.count == 0
        && controls(set, &registration.controlled_by);
    if !argument_ok {
        return Ok(Err(Code::BAD_ARGUMENT));
    }
    if registration.possessions.len() != set.len() {
        return Ok(Err(Code::BAD_SIGNATURE));
    }
    let message = possession_sign_bytes(&facts.relay, &id);
    let items: Vec<BatchItem<'_>> = set
        .validators()
        .iter()
        .zip(&registration.possessions)
        .map(|(validator, signature)| BatchItem { public_key: &validator.public_key, message: &message, signature })
        .collect();
    if Verifier.verify_batch(&items).iter().any(Result::is_err) {
        return Ok(Err(Code::BAD_SIGNATURE));
    }
    Ok(Ok(()))
}

/// Whether a claim about control fits the validator set: `Shared` needs every organisation below a third and at or
/// below the claimed share; `SingleOrganisation` is always an honest thing to say of oneself.
pub fn controls(set: &ValidatorSet, claim: &ControlledBy) -> bool {
    let ControlledBy::Shared { max_share_per_mille } = claim else { return true };
    let mut power_of: BTreeMap<&str, u64> = BTreeMap::new();
    for validator in set.validators() {
        let power = power_of.entry(validator.organisation.as_str()).or_default();
        *power = power.saturating_add(validator.power);
    }
    let total = set.total_power();
    power_of.values().all(|power| {
        power.saturating_mul(3) < total
            && power.saturating_mul(1_000) <= total.saturating_mul(u64::from(*max_share_per_mille))
    })
}
