//! State proofs: what stands at a key of a ledger's state tree, or that nothing stands there.
//!
//! The tree is a sparse Merkle tree of 256 levels in which a subtree without leaves has the hash
//! [`EMPTY_STATE_ROOT`] and a subtree with one leaf is that leaf. Leaf = `H("JMT::LeafNode" ‖ key hash ‖ H(value))`,
//! node = `H("JMT::IntrnalNode" ‖ left ‖ right)`: the hash rules of the `jmt` crate, for the chain's own suite. Key
//! hash = [`state_tree_key`], value = the borsh encoding of [`StateValue`].
//!
//! A proof is hashed upwards along the bits of the key *asked for*, so that it holds for that key alone. Absence is
//! shown by the empty subtree in which the key would stand, or by the only leaf of that subtree, which is another key's.
//!
//! Bounds: at most [`MAX_STATE_SIBLINGS`] hashes. Errors: [`ProofError`], never a panic, for any input.

use crate::codec::{Bounded, encode};
use crate::identifiers::{AccountName, Hash};
use crate::suite::Suite;
use crate::transaction::{StateKey, StateValue, state_tree_key};
use borsh::{BorshDeserialize, BorshSerialize};

/// Most siblings of one proof: one per bit of a key hash.
pub const MAX_STATE_SIBLINGS: usize = 256;

/// The root of an empty state tree, and the hash of every empty subtree, in every suite.
pub const EMPTY_STATE_ROOT: Hash = Hash(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

/// Siblings from the leaf or empty subtree up to the root, lowest first.
pub type StateSiblings = Bounded<Hash, MAX_STATE_SIBLINGS>;

/// What a ledger's state tree holds at one key.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum StateProof {
    /// The key is there.
    Present {
        /// What it holds.
        value: StateValue,
        /// From its leaf to the root.
        siblings: StateSiblings,
    } = 1,
    /// The key is absent: the subtree in which it would stand is empty.
    AbsentEmpty {
        /// From the empty subtree to the root.
        siblings: StateSiblings,
    } = 2,
    /// The key is absent: the subtree in which it would stand has one leaf, another key's.
    AbsentOther {
        /// Hash of the key that is there.
        other_key_hash: Hash,
        /// Hash of its value.
        other_value_hash: Hash,
        /// From that leaf to the root.
        siblings: StateSiblings,
    } = 3,
}

/// What was verified to stand at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum VerifiedState {
    /// The key is in the tree; a deleted key is present with a tombstone.
    Present(StateValue),
    /// The key is not in the tree.
    Absent,
}

/// Why a state proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The zero hash is never a root.
    #[error("the zero hash is never a state root")]
    ZeroRoot,
    /// The proof leads elsewhere.
    #[error("the state proof leads to root {computed}, not to {expected}")]
    RootMismatch {
        /// What the proof leads to.
        computed: Hash,
        /// What the caller trusts.
        expected: Hash,
    },
    /// The other leaf is the key itself.
    #[error("a proof of absence shows the key itself")]
    ShowsTheKey,
    /// The other leaf does not stand in the subtree in which the key would stand.
    #[error("the other leaf shares {common} bits with the key, {needed} are needed")]
    OtherSubtree {
        /// Bits in common.
        common: usize,
        /// Levels between leaf and root.
        needed: usize,
    },
    /// The lowest sibling is an empty subtree: such a pair is never a node of the tree.
    #[error("the lowest sibling is empty; the tree never holds such a node")]
    NotCanonical,
}

impl StateProof {
    /// Verifies the proof for one key against a trusted state root.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(
        &self,
        suite: Suite,
        account: &AccountName,
        key: &StateKey,
        expected_root: &Hash,
    ) -> Result<VerifiedState, ProofError> {
        if expected_root.is_zero() {
            return Err(ProofError::ZeroRoot);
        }
        let key_hash = state_tree_key(suite, account, key);
        let (lowest, siblings, verified) = match self {
            Self::Present { value, siblings } => {
                let leaf = state_leaf_hash(suite, &key_hash, &state_value_hash(suite, value));
                (leaf, siblings, VerifiedState::Present(value.clone()))
            }
            Self::AbsentEmpty { siblings } => (EMPTY_STATE_ROOT, siblings, VerifiedState::Absent),
            Self::AbsentOther { other_key_hash, other_value_hash, siblings } => {
                if *other_key_hash == key_hash {
                    return Err(ProofError::ShowsTheKey);
                }
                let common = common_bits(&key_hash, other_key_hash);
                if common < siblings.len() {
                    return Err(ProofError::OtherSubtree { common, needed: siblings.len() });
                }
                (state_leaf_hash(suite, other_key_hash, other_value_hash), siblings, VerifiedState::Absent)
            }
        };
        if siblings.first() == Some(&EMPTY_STATE_ROOT) {
            return Err(ProofError::NotCanonical);
        }
        let computed = climb(suite, &key_hash, lowest, siblings);
        if computed != *expected_root {
            return Err(ProofError::RootMismatch { computed, expected: *expected_root });
        }
        Ok(verified)
    }

    /// The siblings, lowest first.
    pub const fn siblings(&self) -> &StateSiblings {
        match self {
            Self::Present { siblings, .. } | Self::AbsentEmpty { siblings } | Self::AbsentOther { siblings, .. } => {
                siblings
            }
        }
    }
}

/// `H(borsh(value))`: what a leaf holds of its value.
pub fn state_value_hash(suite: Suite, value: &StateValue) -> Hash {
    suite.hash_parts(&[&encode(value)])
}

/// The hash of a leaf.
pub fn state_leaf_hash(suite: Suite, key_hash: &Hash, value_hash: &Hash) -> Hash {
    suite.hash_parts(&[b"JMT::LeafNode", key_hash.as_bytes(), value_hash.as_bytes()])
}

/// The hash of an inner node.
pub fn state_node_hash(suite: Suite, left: &Hash, right: &Hash) -> Hash {
    suite.hash_parts(&[b"JMT::IntrnalNode", left.as_bytes(), right.as_bytes()])
}

/// Hashes upwards from the subtree that is `siblings.len()` levels below the root on the way of `key_hash`.
fn climb(suite: Suite, key_hash: &Hash, lowest: Hash, siblings: &[Hash]) -> Hash {
    let mut hash = lowest;
    for (level, sibling) in (0..siblings.len()).rev().zip(siblings) {
        hash = if bit(key_hash, level) {
            state_node_hash(suite, sibling, &hash)
        } else {
            state_node_hash(suite, &hash, sibling)
        };
    }
    hash
}

/// Bit `index` of a hash, the most significant first; false beyond the end.
fn bit(hash: &Hash, index: usize) -> bool {
    hash.0.get(index / 8).is_some_and(|byte| (byte >> (7 - index % 8)) & 1 == 1)
}

/// Number of leading bits that two hashes have in common.
fn common_bits(a: &Hash, b: &Hash) -> usize {
    let mut common = 0;
    for (left, right) in a.0.iter().zip(&b.0) {
        let differing = left ^ right;
        common += differing.leading_zeros() as usize;
        if differing != 0 {
            break;
        }
    }
    common
}

#[cfg(test)]
mod tests;
