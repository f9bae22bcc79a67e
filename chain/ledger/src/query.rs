//! What a node answers about a ledger: identities, accounts and values, marked while a proposal is undecided.

use crate::records::{AccountRecord, IdentityRecord, account_place, identity_place};
use chain_state::{BlockState, Place, StoreFault, locks};
use ledger_protocol::proposal::AccessKind;
use ledger_protocol::transaction::StateValue;
use ledger_protocol::{AccountName, Address, LedgerId, ProposalId};

/// A key's value as it is now; undecided proposals that may change it are named beside it (A4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueAnswer {
    /// The last version, a tombstone included; `None` if never written.
    pub value: Option<StateValue>,
    /// Proposals that will write the key if they commit, ascending.
    pub pending: Vec<ProposalId>,
}

/// An identity of a ledger.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn identity(
    state: &BlockState<'_>,
    ledger: LedgerId,
    address: &Address,
) -> Result<Option<IdentityRecord>, StoreFault> {
    state.record(&identity_place(ledger, address))
}

/// An account of a ledger.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn account(
    state: &BlockState<'_>,
    ledger: LedgerId,
    account: &AccountName,
) -> Result<Option<AccountRecord>, StoreFault> {
    state.record(&account_place(ledger, account))
}

/// A key's value, with the proposals that may change it.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn value(state: &BlockState<'_>, place: &Place) -> Result<ValueAnswer, StoreFault> {
    let writes = |access: AccessKind| matches!(access, AccessKind::Exclusive | AccessKind::Delta(_));
    let mut pending: Vec<ProposalId> = locks::locks_of_key(state, &place.lock_key())?
        .into_iter()
        .filter(|(_, access)| writes(*access))
        .map(|(holder, _)| holder.id)
        .collect();
    pending.sort();
    pending.dedup();
    #[cfg(feature = "planted-bugs")]
    if planted::is(planted::Plant::PendingUnmarked) {
        pending.clear();
    }
    Ok(ValueAnswer { value: state.value(place)?, pending })
}
