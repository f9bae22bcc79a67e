//! Inclusion: a leaf stands at one index of a tree of a given size.

use super::geometry::{self, Node, Shape};
use super::{LeafHash, MerkleError, matches_root, node_hash};
use crate::codec::Bounded;
use crate::identifiers::Hash;
use crate::suite::Suite;
use borsh::{BorshDeserialize, BorshSerialize};

/// The siblings from a leaf up to the root, lowest first; empty in a tree of one leaf.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct InclusionPath(pub Bounded<Hash, 64>);

/// The root that a leaf and its path lead to. It proves nothing until it is compared with a root that the caller
/// trusts: [`Self::expect_root`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a recomputed root proves nothing until `expect_root` compared it with a trusted one"]
pub struct RecomputedInclusion {
    leaf: LeafHash,
    index: u64,
    size: u64,
    root: Hash,
}

impl RecomputedInclusion {
    /// The root that the path leads to, for callers that hash it on into another object.
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// Demands that the path leads to `root`.
    ///
    /// # Errors
    /// [`MerkleError::RootMismatch`]; [`MerkleError::ZeroRoot`] if `root` is the zero hash.
    pub fn expect_root(self, root: &Hash) -> Result<VerifiedLeaf, MerkleError> {
        matches_root(self.root, root)?;
        Ok(VerifiedLeaf { leaf: self.leaf, index: self.index, size: self.size, root: self.root })
    }
}

/// A leaf that is proved to stand at `index` of the tree with `size` leaves and this root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct VerifiedLeaf {
    leaf: LeafHash,
    index: u64,
    size: u64,
    root: Hash,
}

impl VerifiedLeaf {
    /// The leaf's hash.
    pub const fn leaf(&self) -> LeafHash {
        self.leaf
    }

    /// The leaf's position.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Leaves in the tree.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root.
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// Whether this is the tree's last leaf.
    pub const fn is_last(&self) -> bool {
        self.index + 1 == self.size
    }
}

/// Recomputes the root from the data of leaf `index` and its path in a tree of `size` leaves.
///
/// `size` must come from a trusted place, such as the count beside the root in a header.
///
/// # Errors
/// [`MerkleError::OutOfRange`], [`MerkleError::TooLarge`], [`MerkleError::PathLength`]. A wrong hash is found by
/// [`RecomputedInclusion::expect_root`].
pub fn verify_inclusion(
    suite: Suite,
    leaf: LeafHash,
    index: u64,
    size: u64,
    path: &InclusionPath,
) -> Result<RecomputedInclusion, MerkleError> {
    let shape = Shape::of(index, size)?;
    if path.0.len() != shape.len() {
        return Err(MerkleError::PathLength { got: path.0.len(), expected: shape.len() });
    }
    let root = chain(suite, leaf.hash(), index, shape.inner, &path.0);
    Ok(RecomputedInclusion { leaf, index, size, root })
}

/// Climbs from `node`: the first `inner` siblings stand where the low bits of `index` say, the others on the left.
pub(super) fn chain(suite: Suite, node: Hash, index: u64, inner: u32, siblings: &[Hash]) -> Hash {
    let mut side = index;
    let mut hash = node;
    for (level, sibling) in (0u32..).zip(siblings) {
        hash = if level >= inner || side & 1 == 1 {
            node_hash(suite, sibling, &hash)
        } else {
            node_hash(suite, &hash, sibling)
        };
        side >>= 1;
    }
    hash
}

/// The path of leaf `index` in the tree of the first `size` leaves, from a store of complete subtrees.
///
/// `nodes` answers with the hash stored under an address; it is asked only for subtrees that are complete at `size`.
///
/// # Errors
/// [`MerkleError::OutOfRange`], [`MerkleError::TooLarge`], [`MerkleError::MissingNode`].
pub fn path_from_nodes(
    suite: Suite,
    index: u64,
    size: u64,
    nodes: &impl Fn(Node) -> Option<Hash>,
) -> Result<InclusionPath, MerkleError> {
    let hashes = geometry::path_nodes(index, size)?
        .map(|node| geometry::subtree_hash(suite, node, size, nodes))
        .collect::<Result<Vec<_>, _>>()?;
    let (got, expected) = (hashes.len(), 64);
    Bounded::new(hashes).map(InclusionPath).map_err(|_| MerkleError::PathLength { got, expected })
}
