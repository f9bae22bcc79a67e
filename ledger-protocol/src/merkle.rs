//! RFC 9162 Merkle trees over the suite's hash: building, inclusion, consistency and the append-only history log.
//!
//! Leaf = `H(0x00 ‖ data)`, node = `H(0x01 ‖ left ‖ right)`, root of no leaves = `H('')`. A tree holds at most
//! [`MAX_LEAVES`] leaves, so that every path fits into 64 hashes.
//!
//! Invariants kept by the verifiers, each with a test that breaks it:
//! - the exact length of a path follows from `(size, index)`; a path that is longer or shorter is refused before
//!   anything is hashed, and each of its hashes is consumed exactly once;
//! - `index < size`; the side of every sibling follows from the index alone, never from the path;
//! - a leaf enters as data ([`LeafHash::of`] is the only way to make one), so an inner node never stands for a leaf;
//! - a verifier returns the recomputed root in a type that yields the verified value only through `expect_root`,
//!   which refuses the zero hash.
//!
//! One geometry serves block trees, the history log and its node store: every hash of a path is the hash of one
//! *complete* subtree, a [`Node`], or is folded from such hashes on the right edge of the tree.

mod compose;
mod consistency;
mod frontier;
mod geometry;
mod inclusion;
mod tree;

pub use compose::compose_paths;
pub use consistency::{
    ConsistencyPath, RecomputedExtension, VerifiedExtension, consistency_from_nodes, verify_consistency,
};
pub use frontier::{CompletedNode, Frontier};
pub use geometry::{MAX_LEAVES, Node};
pub use inclusion::{InclusionPath, RecomputedInclusion, VerifiedLeaf, path_from_nodes, verify_inclusion};
pub use tree::{Tree, empty_root, root, root_from_nodes};

use crate::identifiers::Hash;
use crate::suite::Suite;

/// The hash of a leaf. It can only be made from the leaf's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeafHash(Hash);

impl LeafHash {
    /// `H(0x00 ‖ data)`.
    pub fn of(suite: Suite, data: &[u8]) -> Self {
        Self(suite.hash_parts(&[&[0x00], data]))
    }

    /// The digest.
    pub const fn hash(&self) -> Hash {
        self.0
    }
}

/// `H(0x01 ‖ left ‖ right)`.
pub(crate) fn node_hash(suite: Suite, left: &Hash, right: &Hash) -> Hash {
    suite.hash_parts(&[&[0x01], left.as_bytes(), right.as_bytes()])
}

/// Why a tree, a path or a frontier is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MerkleError {
    /// A tree above [`MAX_LEAVES`].
    #[error("a tree of {size} leaves; at most {MAX_LEAVES} are supported")]
    TooLarge {
        /// Leaves claimed.
        size: u64,
    },
    /// No such leaf.
    #[error("leaf {index} does not exist in a tree of {size} leaves")]
    OutOfRange {
        /// Index asked for.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The path has another length than the tree's geometry demands.
    #[error("the path has {got} hashes where exactly {expected} are needed")]
    PathLength {
        /// Hashes in the path.
        got: usize,
        /// Hashes that follow from the sizes.
        expected: usize,
    },
    /// The recomputed root is another one.
    #[error("the path leads to root {computed}, not to {expected}")]
    RootMismatch {
        /// What the path leads to.
        computed: Hash,
        /// What the caller trusts.
        expected: Hash,
    },
    /// The zero hash is never a root.
    #[error("the zero hash is never a root")]
    ZeroRoot,
    /// A consistency path starts at a tree with leaves; every tree extends the empty one and no path says so.
    #[error("consistency with an empty tree needs no path and is not verified")]
    EmptyFirst,
    /// The second tree is smaller than the first.
    #[error("a tree of {second} leaves does not extend one of {first}")]
    Shrinks {
        /// Leaves of the first tree.
        first: u64,
        /// Leaves of the second tree.
        second: u64,
    },
    /// The node store does not hold a subtree that the tree has.
    #[error("the hash of subtree (level {}, index {}) is not in the node store", .0.level, .0.index)]
    MissingNode(Node),
    /// A frontier of another log than the expected one.
    #[error("a frontier of {got_size} leaves ({got_suite}) where one of {size} leaves ({suite}) is expected")]
    OtherFrontier {
        /// The frontier's suite.
        got_suite: Suite,
        /// The frontier's size.
        got_size: u64,
        /// Suite expected.
        suite: Suite,
        /// Size expected.
        size: u64,
    },
    /// The number of peaks does not follow from the size.
    #[error("a frontier of {size} leaves has {expected} peaks, not {got}")]
    Peaks {
        /// Leaves in the log.
        size: u64,
        /// Peaks offered.
        got: usize,
        /// Peaks that follow from the size.
        expected: usize,
    },
}

/// Compares a recomputed root with the one the caller trusts.
fn matches_root(computed: Hash, expected: &Hash) -> Result<(), MerkleError> {
    if expected.is_zero() {
        return Err(MerkleError::ZeroRoot);
    }
    if computed != *expected {
        return Err(MerkleError::RootMismatch { computed, expected: *expected });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
