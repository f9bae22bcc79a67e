//! The records of a ledger's identities and accounts, and where they stand.
//!
//! They live in the ledger's own state tree under the reserved accounts `$identities` and `$accounts`, versioned like
//! everything else and therefore provable. No operation can address an account whose name begins with `$`.

use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::Place;
use ledger_protocol::codec::{SortedVec, encode};
use ledger_protocol::transaction::{
    AccountKind, AccountMode, AccountState, IdentityState, ReadPolicy, Role, SigningPolicy, StateKey,
};
use ledger_protocol::{AccountName, Address, LedgerId, PublicKey};

/// Reserved account that holds a ledger's identities.
pub const IDENTITIES: &str = "$identities";
/// Reserved account that holds a ledger's account declarations.
pub const ACCOUNTS: &str = "$accounts";
/// Most roles of one identity.
pub const MAX_ROLES: usize = 16;

/// How an identity proves that it signed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Credential {
    /// By this key; the identity is its address.
    Key(PublicKey) = 1,
}

/// An identity of one ledger.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct IdentityRecord {
    /// How it signs.
    pub credential: Credential,
    /// Who answers for it.
    pub organisation: ledger_protocol::identifiers::Organisation,
    /// Its roles.
    pub roles: SortedVec<Role, MAX_ROLES>,
    /// Whether it may sign.
    pub state: IdentityState,
}

/// An account of one ledger.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountRecord {
    /// What it is for.
    pub kind: AccountKind,
    /// Owner, group and their rights.
    pub mode: AccountMode,
    /// Who must sign a write together.
    pub policy: SigningPolicy,
    /// Who may read it.
    pub read_policy: ReadPolicy,
    /// Whether a proposal's leg may lock keys of it.
    pub lockable: bool,
    /// Whether it takes writes.
    pub state: AccountState,
}

/// Whether an account name is reserved for records of this crate.
pub fn is_reserved(account: &AccountName) -> bool {
    account.as_str().starts_with('$')
}

/// A key made of short parts; all of them stay far below the 256 bytes of a key.
pub(crate) fn short_key(bytes: Vec<u8>) -> StateKey {
    debug_assert!(bytes.len() <= StateKey::LIMIT);
    StateKey::new(bytes).unwrap_or_default()
}

/// The name of a reserved account.
pub(crate) fn reserved_account(name: &str) -> AccountName {
    debug_assert!(name.len() <= 64);
    AccountName::new(name).unwrap_or_default()
}

/// Where an identity of a ledger stands.
pub fn identity_place(ledger: LedgerId, address: &Address) -> Place {
    Place::new(ledger, &reserved_account(IDENTITIES), &short_key(encode(address)))
}

/// Where the declaration of an account stands.
pub fn account_place(ledger: LedgerId, account: &AccountName) -> Place {
    Place::new(ledger, &reserved_account(ACCOUNTS), &short_key(account.as_str().as_bytes().to_vec()))
}
