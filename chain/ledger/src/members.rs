//! The relay's members and whose approvals a proposal needs: records of ledger 0, account `members`.

use crate::error::{LedgerError, require};
use crate::records::short_key;
use crate::registry::require_satisfiable;
use chain_state::{BlockState, Place, StoreFault};
use ledger_protocol::Code;
use ledger_protocol::system::accounts;
use ledger_protocol::transaction::SigningPolicy;

/// Where the members and the rule by which they decide motions stand.
pub fn members_place() -> Place {
    Place::system(accounts::MEMBERS, short_key(b"members".to_vec()))
}

/// Where the policy of a proposal's approvals stands.
pub fn approvals_place() -> Place {
    Place::system(accounts::MEMBERS, short_key(b"approvals".to_vec()))
}

/// Where it stands whether chains of certificate kind `dev` may register.
pub fn accepts_dev_chains_place() -> Place {
    Place::system(accounts::MEMBERS, short_key(b"accepts-dev-chains".to_vec()))
}

/// The members and their rule; `None` on a chain that is no relay.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn members(state: &BlockState<'_>) -> Result<Option<SigningPolicy>, StoreFault> {
    state.record(&members_place())
}

/// Whose approvals a proposal needs; `None` on a chain that is no relay.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn approvals(state: &BlockState<'_>) -> Result<Option<SigningPolicy>, StoreFault> {
    state.record(&approvals_place())
}

/// Whether chains of certificate kind `dev` may register. Default deny.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn accepts_dev_chains(state: &BlockState<'_>) -> Result<bool, StoreFault> {
    Ok(state.record(&accepts_dev_chains_place())?.unwrap_or(false))
}

fn set(state: &mut BlockState<'_>, place: &Place, policy: &SigningPolicy) -> Result<(), LedgerError> {
    require_satisfiable(policy)?;
    state.put_record(place, policy)?;
    Ok(())
}

/// Changes the members and their rule. Without members nobody could ever decide again.
///
/// # Errors
/// [`Code::BAD_ARGUMENT`] for a policy without members, or one that its members can never satisfy.
pub fn set_members(state: &mut BlockState<'_>, policy: &SigningPolicy) -> Result<(), LedgerError> {
    require(!policy.members.is_empty(), Code::BAD_ARGUMENT)?;
    set(state, &members_place(), policy)
}

/// Changes whose approvals a proposal needs.
///
/// # Errors
/// [`Code::BAD_ARGUMENT`] for a policy that its members can never satisfy.
pub fn set_approvals(state: &mut BlockState<'_>, policy: &SigningPolicy) -> Result<(), LedgerError> {
    set(state, &approvals_place(), policy)
}
