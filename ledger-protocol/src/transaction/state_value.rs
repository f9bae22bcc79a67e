//! What stands under a key of a ledger's state tree.

use super::operation::Value;
use crate::codec::{BoundedBytes, Tag, encode};
use crate::identifiers::{AccountName, Hash, Version};
use crate::suite::Suite;
use crate::transaction::StateKey;
use borsh::{BorshDeserialize, BorshSerialize};

/// The content of a key.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum StateContent {
    /// A value in the clear.
    Plain(Value) = 1,
    /// A value that only its owners can read (format reserved for the privacy work).
    Sealed(Value) = 2,
    /// A counter with its bounds.
    Counter {
        /// Its value.
        value: i64,
        /// Smallest value allowed.
        min: i64,
        /// Largest value allowed.
        max: i64,
    } = 3,
    /// The key was deleted at this version.
    Tombstone = 4,
    /// A working entry of ledger 0: no version (always 0), no change, removed for good.
    Working(BoundedBytes<{ 512 << 10 }>) = 5,
}

/// The value of a leaf of the state tree: its borsh encoding.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StateValue {
    /// The version of the key.
    pub version: Version,
    /// What it holds.
    pub content: StateContent,
}

impl StateValue {
    /// `H(tag ‖ content)`: what the change leaf of this version holds; zero for a tombstone.
    pub fn value_hash(&self, suite: Suite) -> Hash {
        match self.content {
            StateContent::Tombstone => Hash::ZERO,
            ref content => crate::suite::hash_object(suite, Tag::VALUE, content),
        }
    }
}

/// The key of the state tree: `H(tag ‖ account ‖ key)` by the chain's suite.
pub fn state_tree_key(suite: Suite, account: &AccountName, key: &StateKey) -> Hash {
    suite.hash_tagged(Tag::STATE_KEY, &[&encode(account), &encode(key)])
}
