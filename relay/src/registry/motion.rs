//! Carrying out what the members decided.

use super::{chain, freeze, put, registration, set_status};
use crate::coordinator::{self, RelayFacts, Released};
use chain_ledger::{LedgerError, members, schedule_parameters, schedule_validators};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::interchain::{Motion, ServicePolicy};
use ledger_protocol::system::{ChainRecord, ChainStatus};
use ledger_protocol::{ChainId, Code, LedgerId};

/// Longest time-boxed pause, in relay blocks (about a day at 200 ms).
const MAX_PAUSE_BLOCKS: u64 = 500_000;

/// Carries out a motion that has passed, in the same block. A refusal is noted in the motion's record; nothing of a
/// refused motion stays (the caller gives it a layer of its own).
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn carry_out(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    motion: &Motion,
    released: &mut Released,
) -> Result<Result<(), Code>, StoreFault> {
    match motion {
        Motion::Register(it) => registration::register(state, facts, it),
        Motion::Activate(id) => move_to(state, facts, id, ChainStatus::Active, released),
        Motion::Pause { chain, until } => {
            if *until <= facts.height || *until > facts.height.saturating_add(MAX_PAUSE_BLOCKS) {
                return Ok(Err(Code::BAD_ARGUMENT));
            }
            move_to(state, facts, chain, ChainStatus::Paused { until: *until }, released)
        }
        Motion::Freeze(id) => {
            if chain(state, id)?.is_none() {
                return Ok(Err(Code::CHAIN_UNKNOWN));
            }
            freeze(state, facts, id, released)?;
            Ok(Ok(()))
        }
        Motion::Reanchor(it) => super::reanchor::reanchor(state, facts, it, released),
        Motion::Retire(id) => move_to(state, facts, id, ChainStatus::Retiring, released),
        Motion::Abandon(id) => move_to(state, facts, id, ChainStatus::Retired, released),
        Motion::ClearSuspect(id) => {
            if chain(state, id)?.is_none() {
                return Ok(Err(Code::CHAIN_UNKNOWN));
            }
            crate::evidence::clear(state, id)?;
            Ok(Ok(()))
        }
        Motion::SetService(policy) => set_service(state, policy),
        Motion::SetLimits { chain: id, limits } => match chain(state, id)? {
            Some(_) if !limits.are_sound() => Ok(Err(Code::BAD_ARGUMENT)),
            Some(record) => {
                put(state, &ChainRecord { limits: *limits, ..record })?;
                coordinator::limits::forgive(state, facts, id, released).map(Ok)
            }
            None => Ok(Err(Code::CHAIN_UNKNOWN)),
        },
        Motion::SetMembers(policy) => answer(members::set_members(state, policy)),
        Motion::SetApprovals(policy) => answer(members::set_approvals(state, policy)),
        Motion::SetParameters(change) => answer(schedule_parameters(state, facts.height, change)),
        Motion::SetValidators(change) => answer(schedule_validators(state, facts.height, change)),
        Motion::ReanchorRelay { first_lost, last_lost, reason } => {
            super::lanes::hold_all(state, facts, (*first_lost, *last_lost), reason, released)
        }
    }
}

fn answer(result: Result<(), LedgerError>) -> Result<Result<(), Code>, StoreFault> {
    match result {
        Ok(()) => Ok(Ok(())),
        Err(LedgerError::Refused(denial)) => Ok(Err(denial.code)),
        Err(LedgerError::Fault(fault)) => Err(fault),
    }
}

/// The moves that members may make between statuses. A frozen chain comes back by a re-anchor only; a retired one
/// never.
fn move_to(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    id: &ChainId,
    to: ChainStatus,
    released: &mut Released,
) -> Result<Result<(), Code>, StoreFault> {
    let Some(record) = chain(state, id)? else { return Ok(Err(Code::CHAIN_UNKNOWN)) };
    let allowed = match (record.status, to) {
        (ChainStatus::Registered | ChainStatus::Paused { .. }, ChainStatus::Active) => true,
        (ChainStatus::Active | ChainStatus::Paused { .. }, ChainStatus::Paused { .. }) => true,
        (ChainStatus::Retired, _) => false,
        (_, ChainStatus::Retiring) => record.status != ChainStatus::Frozen,
        (_, ChainStatus::Retired) => true,
        _ => false,
    };
    if !allowed {
        return Ok(Err(Code::UNEXPECTED));
    }
    set_status(state, facts, id, to, released)?;
    Ok(Ok(()))
}

/// Says who may address a ledger of a chain. Ledger 0 is not addressable.
fn set_service(state: &mut BlockState<'_>, policy: &ServicePolicy) -> Result<Result<(), Code>, StoreFault> {
    if policy.ledger == LedgerId::SYSTEM {
        return Ok(Err(Code::BAD_ARGUMENT));
    }
    let Some(record) = chain(state, &policy.chain)? else { return Ok(Err(Code::CHAIN_UNKNOWN)) };
    let mut services = record.services.clone().into_vec();
    services.retain(|service| service.ledger != policy.ledger);
    services.push(policy.clone());
    match services.try_into() {
        Ok(services) => put(state, &ChainRecord { services, ..record }).map(Ok),
        Err(_) => Ok(Err(Code::LIMIT)),
    }
}
