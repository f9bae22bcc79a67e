//! Executes a genesis: ledgers, ledger 0's first records, and the first operations, asked for no permission.
//!
//! Permissions are not asked for, everything else is: kinds, bounds, limits, known keys. Operations that concern other
//! chains or schedules are refused, and so are events, because header 0 has none.

use crate::error::{Denial, LedgerError};
use crate::facts::LedgerFacts;
use crate::members;
use crate::rights::Authority;
use crate::schedule::{current_parameters_place, current_validators_place};
use crate::transaction::{carry_out, require_right_ledger};
use chain_state::{BlockState, Refusal, StoreFault};
use ledger_protocol::chain::{ChainRole, Genesis};
use ledger_protocol::transaction::{LedgerOperation, Operation};
use ledger_protocol::{Code, Height, LedgerId};

/// Why a genesis has no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// It is not a genesis, or one of its operations fails.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// I/O below; says nothing about the genesis.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

impl From<GenesisError> for Refusal {
    fn from(error: GenesisError) -> Self {
        match error {
            GenesisError::Refused(refusal) => refusal,
            GenesisError::Fault(fault) => refusal(Code::BAD_ARGUMENT, fault.to_string()),
        }
    }
}

fn refusal(code: Code, reason: impl Into<String>) -> Refusal {
    Refusal { code, reason: reason.into() }
}

fn named(error: LedgerError, what: impl FnOnce() -> String) -> GenesisError {
    match error {
        LedgerError::Refused(Denial { code, .. }) => refusal(code, what()).into(),
        LedgerError::Fault(fault) => fault.into(),
    }
}

/// Fills the empty state with what every chain starts from. What a role adds beyond (a subchain's anchor, a relay's
/// registry) is floor 3's.
///
/// # Errors
/// [`GenesisError::Refused`] names what is wrong.
pub fn execute(state: &mut BlockState<'_>, genesis: &Genesis) -> Result<(), GenesisError> {
    check(state, genesis)?;
    for settings in &genesis.ledgers {
        state.create_ledger(settings.ledger, settings)?;
    }
    state.put_record(&current_parameters_place(), &genesis.parameters)?;
    state.put_record(&current_validators_place(), &genesis.validators)?;
    if let ChainRole::Relay { members: by, approvals, accepts_dev_chains } = &genesis.role {
        members::set_members(state, by)
            .map_err(|error| named(error, || "the members can never satisfy their rule".into()))?;
        members::set_approvals(state, approvals)
            .map_err(|error| named(error, || "the approvals policy can never be satisfied".into()))?;
        state.put_record(&members::accepts_dev_chains_place(), accepts_dev_chains)?;
    }
    let facts =
        LedgerFacts { height: Height::ZERO, timestamp_ms: genesis.timestamp_ms, parameters: &genesis.parameters };
    for (index, operation) in genesis.operations.iter().enumerate() {
        first_operation(state, &facts, operation).map_err(|error| {
            named(error, || format!("first operation {index} ({:#06x}) fails", operation.operation.code()))
        })?;
    }
    Ok(())
}

fn check(state: &BlockState<'_>, genesis: &Genesis) -> Result<(), GenesisError> {
    if genesis.suite != state.suite() || state.height() != Height::ZERO {
        return Err(refusal(Code::BAD_ARGUMENT, "the state is not that of this chain's height 0").into());
    }
    if genesis.ledgers.find(&LedgerId::SYSTEM).is_none() {
        return Err(refusal(Code::LEDGER_UNKNOWN, "ledger 0 must be among the ledgers").into());
    }
    genesis.parameters.check().map_err(|error| {
        let unknown = error.name == "protocol_version";
        refusal(if unknown { Code::UNSUPPORTED } else { Code::BAD_ARGUMENT }, error.to_string())
    })?;
    genesis.validators.check(genesis.suite).map_err(|error| refusal(Code::BAD_ARGUMENT, error.to_string()))?;
    Ok(())
}

fn first_operation(
    state: &mut BlockState<'_>,
    facts: &LedgerFacts<'_>,
    operation: &LedgerOperation,
) -> Result<(), LedgerError> {
    require_right_ledger(operation)?;
    let scheduled_or_announced = matches!(
        operation.operation,
        Operation::PublishEvent(_) | Operation::SetParameters(_) | Operation::SetValidators(_)
    );
    if scheduled_or_announced {
        return Err(Code::UNSUPPORTED.into());
    }
    let authority = Authority::genesis(state, operation.ledger)?;
    carry_out(state, facts, &authority, operation).map(|_| ())
}
