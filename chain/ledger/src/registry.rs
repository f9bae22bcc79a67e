//! Operations on identities and accounts: who is known on a ledger, and what accounts it has.
//!
//! These change records of reserved accounts, which no proposal can lock; only leaving the state open is an
//! exclusive write on everything in an account (S3).

use crate::error::{Denial, LedgerError, require};
use crate::records::{AccountRecord, Credential, IdentityRecord, account_place, identity_place, is_reserved};
use crate::rights::Authority;
use chain_state::{BlockState, locks};
use ledger_protocol::codec::{SortedVec, encode};
use ledger_protocol::transaction::{
    AccountDeclaration, AccountKind, AccountState, IdentityRegistration, IdentityState, Permission, RoleGrant,
    SetAccountPermissions, SetAccountState, SetIdentityState, SigningPolicy,
};
use ledger_protocol::{AccountName, Address, Code, LedgerId};

/// Registers an identity. Starting with roles asks for the right to give roles too.
pub(crate) fn register_identity(
    state: &mut BlockState<'_>,
    ledger: LedgerId,
    authority: &Authority,
    registration: &IdentityRegistration,
) -> Result<Vec<u8>, LedgerError> {
    authority.require(Permission::RegisterIdentity)?;
    if !registration.roles.is_empty() {
        authority.require(Permission::ManageIdentities)?;
    }
    let key = &registration.public_key;
    let acceptable = key.suite() == state.suite() && key.check_registrable().is_ok();
    require(acceptable, Code::KEY_UNACCEPTABLE)?;
    require(registration.roles.iter().all(|role| !role.0.as_str().is_empty()), Code::BAD_ARGUMENT)?;
    let address = key.address();
    let place = identity_place(ledger, &address);
    require(state.live(&place)?.is_none(), Code::IDENTITY_EXISTS)?;
    let record = IdentityRecord {
        credential: Credential::Key(*key),
        organisation: registration.organisation.clone(),
        roles: registration.roles.clone(),
        state: IdentityState::Normal,
    };
    state.put_record(&place, &record)?;
    Ok(encode(&address))
}

fn known_identity(state: &BlockState<'_>, ledger: LedgerId, address: &Address) -> Result<IdentityRecord, LedgerError> {
    state.record(&identity_place(ledger, address))?.ok_or_else(|| Code::IDENTITY_UNKNOWN.into())
}

/// Freezes, revokes or restores an identity. A revoked one stays revoked.
pub(crate) fn set_identity_state(
    state: &mut BlockState<'_>,
    ledger: LedgerId,
    authority: &Authority,
    change: &SetIdentityState,
) -> Result<Vec<u8>, LedgerError> {
    authority.require(Permission::ManageIdentities)?;
    let mut record = known_identity(state, ledger, &change.address)?;
    if record.state != change.state {
        require(record.state != IdentityState::Revoked, Code::IDENTITY_FROZEN)?;
        record.state = change.state;
        state.put_record(&identity_place(ledger, &change.address), &record)?;
    }
    Ok(Vec::new())
}

/// Gives or takes a role; without effect if it is so already.
pub(crate) fn grant_role(
    state: &mut BlockState<'_>,
    ledger: LedgerId,
    authority: &Authority,
    grant: &RoleGrant,
) -> Result<Vec<u8>, LedgerError> {
    authority.require(Permission::ManageIdentities)?;
    require(!grant.role.0.as_str().is_empty(), Code::BAD_ARGUMENT)?;
    let mut record = known_identity(state, ledger, &grant.address)?;
    require(!grant.granted || record.state != IdentityState::Revoked, Code::IDENTITY_FROZEN)?;
    if grant.granted == record.roles.find(&grant.role).is_some() {
        return Ok(Vec::new());
    }
    let mut roles = record.roles.into_vec();
    if grant.granted {
        roles.push(grant.role.clone());
    } else {
        roles.retain(|role| *role != grant.role);
    }
    record.roles = SortedVec::from_unsorted(roles).map_err(|_| Code::LIMIT)?;
    state.put_record(&identity_place(ledger, &grant.address), &record)?;
    Ok(Vec::new())
}

/// An account's declaration; a reserved name is unknown like any other that nobody declared.
pub(crate) fn known_account(
    state: &BlockState<'_>,
    ledger: LedgerId,
    account: &AccountName,
) -> Result<AccountRecord, LedgerError> {
    require(!is_reserved(account), Code::ACCOUNT_UNKNOWN)?;
    state.record(&account_place(ledger, account))?.ok_or_else(|| Code::ACCOUNT_UNKNOWN.into())
}

/// A policy that its own members could never satisfy would close the account for good by mistake.
pub(crate) fn require_satisfiable(policy: &SigningPolicy) -> Result<(), LedgerError> {
    let members: Vec<Address> = policy.members.iter().map(|member| member.address).collect();
    let satisfiable = (members.is_empty() && *policy == SigningPolicy::any()) || policy.is_satisfied_by(&members);
    require(satisfiable, Code::BAD_ARGUMENT)
}

/// Declares an account. Contract accounts are refused until a contract engine exists.
pub(crate) fn declare_account(
    state: &mut BlockState<'_>,
    ledger: LedgerId,
    authority: &Authority,
    declaration: &AccountDeclaration,
) -> Result<Vec<u8>, LedgerError> {
    authority.require(Permission::DeclareAccount)?;
    let name = &declaration.account;
    require(!name.as_str().is_empty() && !is_reserved(name), Code::BAD_ARGUMENT)?;
    require(declaration.kind != AccountKind::Contract, Code::UNSUPPORTED)?;
    require_satisfiable(&declaration.policy)?;
    let place = account_place(ledger, name);
    require(state.live(&place)?.is_none(), Code::ACCOUNT_EXISTS)?;
    let record = AccountRecord {
        kind: declaration.kind,
        mode: declaration.mode.clone(),
        policy: declaration.policy.clone(),
        read_policy: declaration.read_policy.clone(),
        lockable: declaration.lockable,
        state: AccountState::Open,
    };
    state.put_record(&place, &record)?;
    Ok(Vec::new())
}

/// Changes an account's permissions: by its owner while it is open, or by those who manage accounts.
pub(crate) fn set_account_permissions(
    state: &mut BlockState<'_>,
    ledger: LedgerId,
    authority: &Authority,
    change: &SetAccountPermissions,
) -> Result<Vec<u8>, LedgerError> {
    let mut record = known_account(state, ledger, &change.account)?;
    let manages = authority.require(Permission::ManageAccounts).is_ok();
    if !manages {
        authority.require_owner(&record)?;
    }
    let changeable = match record.state {
        AccountState::Open => true,
        AccountState::Frozen => manages,
        AccountState::Closed => false,
    };
    require(changeable, Code::ACCOUNT_NOT_OPEN)?;
    require_satisfiable(&change.policy)?;
    record.mode = change.mode.clone();
    record.policy = change.policy.clone();
    record.read_policy = change.read_policy.clone();
    record.lockable = change.lockable;
    state.put_record(&account_place(ledger, &change.account), &record)?;
    Ok(Vec::new())
}

/// Opens, freezes or closes an account. The owner may freeze and close; to open again is for those who manage
/// accounts, so that an owner cannot lift a freeze. A closed account stays closed.
pub(crate) fn set_account_state(
    state: &mut BlockState<'_>,
    ledger: LedgerId,
    authority: &Authority,
    change: &SetAccountState,
) -> Result<Vec<u8>, LedgerError> {
    let mut record = known_account(state, ledger, &change.account)?;
    let manages = authority.require(Permission::ManageAccounts).is_ok();
    if !manages {
        authority.require_owner(&record)?;
        require(change.state != AccountState::Open || record.state == AccountState::Open, Code::DENIED)?;
    }
    if record.state == change.state {
        return Ok(Vec::new());
    }
    require(record.state != AccountState::Closed, Code::ACCOUNT_NOT_OPEN)?;
    if record.state == AccountState::Open {
        refuse_held_account(state, ledger, &change.account)?;
    }
    record.state = change.state;
    state.put_record(&account_place(ledger, &change.account), &record)?;
    Ok(Vec::new())
}

/// Refuses while an undecided proposal holds anything of the account.
fn refuse_held_account(state: &BlockState<'_>, ledger: LedgerId, account: &AccountName) -> Result<(), LedgerError> {
    match locks::held_in_account(state, ledger, account)? {
        None => Ok(()),
        Some(id) => Err(Denial { code: Code::LOCKED, key: None, conflicting: Some(id) }.into()),
    }
}
