//! The scope of a leg: every key it reads or writes, and how.

use crate::codec::Ordered;
use crate::identifiers::{AccountName, LedgerId, Version};
use crate::transaction::StateKey;
use borsh::{BorshDeserialize, BorshSerialize};

/// Most scope entries of one leg.
pub const MAX_SCOPE: usize = 256;

/// A key of a chain that can be locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct LockKey {
    /// The ledger; never ledger 0.
    pub ledger: LedgerId,
    /// The account.
    pub account: AccountName,
    /// The key, or the prefix for [`AccessKind::PrefixShared`].
    pub key: StateKey,
}

/// How a leg uses a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum AccessKind {
    /// Reads it; compatible with other shared uses.
    Shared = 1,
    /// Writes it; compatible with nothing.
    Exclusive = 2,
    /// Scans all keys that begin with it; as shared on each of them.
    PrefixShared = 3,
    /// Adds this net amount to a counter; compatible with other deltas.
    Delta(i64) = 4,
}

/// One entry of a scope.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ScopeEntry {
    /// The key.
    pub key: LockKey,
    /// How it is used.
    pub access: AccessKind,
}

impl Ordered for ScopeEntry {
    type Key = LockKey;
    fn key(&self) -> LockKey {
        self.key.clone()
    }
}

/// A version that the leg expects of a key; never of a delta key.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AssertedVersion {
    /// The key.
    pub key: LockKey,
    /// The version its value must have.
    pub version: Version,
}

impl Ordered for AssertedVersion {
    type Key = LockKey;
    fn key(&self) -> LockKey {
        self.key.clone()
    }
}

impl AccessKind {
    /// Compatible are shared beside shared and delta beside delta, nothing else (R6).
    pub const fn is_compatible_with(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Shared | Self::PrefixShared, Self::Shared | Self::PrefixShared) | (Self::Delta(_), Self::Delta(_))
        )
    }
}

impl ScopeEntry {
    /// Whether two entries can be held at once: they touch different keys, or compatibly.
    pub fn is_compatible_with(&self, other: &Self) -> bool {
        !self.overlaps(other) || self.access.is_compatible_with(other.access)
    }

    /// Whether two entries touch a common key; a prefix covers every key that begins with it.
    pub fn overlaps(&self, other: &Self) -> bool {
        if self.key.ledger != other.key.ledger || self.key.account != other.key.account {
            return false;
        }
        match (self.access, other.access) {
            (AccessKind::PrefixShared, AccessKind::PrefixShared) => {
                self.key.key.starts_with(&other.key.key) || other.key.key.starts_with(&self.key.key)
            }
            (AccessKind::PrefixShared, _) => other.key.key.starts_with(&self.key.key),
            (_, AccessKind::PrefixShared) => self.key.key.starts_with(&other.key.key),
            _ => self.key.key == other.key.key,
        }
    }
}
