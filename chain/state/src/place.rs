//! Where a value stands: ledger, account and key.

use ledger_protocol::proposal::LockKey;
use ledger_protocol::transaction::StateKey;
use ledger_protocol::{AccountName, LedgerId};

/// A key's place. Ordered by ledger, account, key: the order of the changes tree.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The ledger.
    pub ledger: LedgerId,
    /// The account.
    pub account: AccountName,
    /// The key.
    pub key: StateKey,
}

impl Place {
    /// A key of an account.
    pub fn new(ledger: LedgerId, account: &AccountName, key: &StateKey) -> Self {
        Self { ledger, account: account.clone(), key: key.clone() }
    }

    /// A record of ledger 0; `account` is one of [`ledger_protocol::system::accounts`].
    ///
    /// # Panics
    /// When `account` is not an account name: it is a constant of the program.
    pub fn system(account: &str, key: StateKey) -> Self {
        Self { ledger: LedgerId::SYSTEM, account: constant_account(account), key }
    }

    /// The same place as a scope names it.
    pub fn lock_key(&self) -> LockKey {
        LockKey { ledger: self.ledger, account: self.account.clone(), key: self.key.clone() }
    }

    /// The place that a scope names.
    pub fn from_lock_key(key: &LockKey) -> Self {
        Self { ledger: key.ledger, account: key.account.clone(), key: key.key.clone() }
    }

    /// Whether the other place is of the same account.
    pub fn is_beside(&self, other: &Self) -> bool {
        self.ledger == other.ledger && self.account == other.account
    }
}

/// An account name that is a constant of the program.
pub(crate) fn constant_account(name: &str) -> AccountName {
    match AccountName::new(name) {
        Ok(account) => account,
        Err(error) => panic!("{name:?} is no account name: {error}"),
    }
}
