//! What is held in one account as a whole: prefix locks, and whether any single key is held at all, so that keys of
//! accounts without proposals cost one cached look-up.

use super::Holder;
use crate::block_state::BlockState;
use crate::store::StoreFault;
use borsh::{BorshDeserialize, BorshSerialize};
use ledger_protocol::transaction::StateKey;
use ledger_protocol::{AccountName, LedgerId};

const AREA: &str = "locked-accounts";

/// A prefix lock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(super) struct PrefixHold {
    pub(super) prefix: StateKey,
    pub(super) holder: Holder,
}

/// Summary of an account; absent when nothing is held.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct AccountSummary {
    /// Locks and reservations of single keys.
    pub(super) held_keys: u64,
    /// Prefix locks, sorted.
    pub(super) prefixes: Vec<PrefixHold>,
}

/// First bytes of the working keys of an account.
pub(super) fn header(ledger: LedgerId, account: &AccountName) -> Vec<u8> {
    let name = account.as_str().as_bytes();
    let mut header = ledger.0.to_be_bytes().to_vec();
    // A name has at most 64 bytes.
    header.push(name.len().to_le_bytes()[0]);
    header.extend_from_slice(name);
    header
}

pub(super) fn read(
    state: &BlockState<'_>,
    ledger: LedgerId,
    account: &AccountName,
) -> Result<AccountSummary, StoreFault> {
    Ok(state.working_as(AREA, &header(ledger, account))?.unwrap_or_default())
}

pub(super) fn write(
    state: &mut BlockState<'_>,
    ledger: LedgerId,
    account: &AccountName,
    summary: &AccountSummary,
) -> Result<(), StoreFault> {
    let key = header(ledger, account);
    if *summary == AccountSummary::default() {
        state.remove_working(AREA, &key)
    } else {
        state.put_working_as(AREA, &key, summary)
    }
}
