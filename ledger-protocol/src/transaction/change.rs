//! What a block changed and announced: the leaves of the changes tree and the events tree.

use crate::codec::{BoundedBytes, Ordered, Text};
use crate::identifiers::{AccountName, Hash, LedgerId, Sequence, Version};
use crate::transaction::StateKey;
use borsh::{BorshDeserialize, BorshSerialize};

/// What happened to a key in one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ChangeKind {
    /// A value was written.
    Set = 1,
    /// The value was deleted; a tombstone version remains.
    Delete = 2,
    /// A record of ledger 0 left the state; no tombstone, the key never recurs.
    Prune = 3,
}

/// One version of one key: a leaf of the changes tree, strictly increasing by (ledger, account, key, version).
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Change {
    /// The ledger.
    pub ledger: LedgerId,
    /// The account.
    pub account: AccountName,
    /// The key.
    pub key: StateKey,
    /// The version that this change made.
    pub version: Version,
    /// What happened.
    pub kind: ChangeKind,
    /// `H(tag ‖ value)`; zero for delete and prune.
    pub value_hash: Hash,
}

impl Ordered for Change {
    type Key = (LedgerId, AccountName, StateKey, Version);
    fn key(&self) -> Self::Key {
        (self.ledger, self.account.clone(), self.key.clone(), self.version)
    }
}

/// One event: a leaf of the events tree, in the order of execution.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EventRecord {
    /// The ledger.
    pub ledger: LedgerId,
    /// The event account.
    pub account: AccountName,
    /// The topic.
    pub topic: Text<64>,
    /// Gapless per (ledger, topic), from 0.
    pub sequence: Sequence,
    /// What it says.
    pub payload: BoundedBytes<4096>,
}
