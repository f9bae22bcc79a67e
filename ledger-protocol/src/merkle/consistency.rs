//! Consistency: the tree of `second` leaves begins with the very leaves of the tree of `first` leaves.

use super::geometry::{self, Node, Shape};
use super::inclusion::chain;
use super::{MerkleError, matches_root, node_hash};
use crate::codec::Bounded;
use crate::identifiers::Hash;
use crate::suite::Suite;
use borsh::{BorshDeserialize, BorshSerialize};

/// The hashes that lead from the first root to the second; empty for two equal sizes.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct ConsistencyPath(pub Bounded<Hash, 64>);

/// The root that a first root and a path lead to. It proves nothing until [`Self::expect_root`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a recomputed root proves nothing until `expect_root` compared it with a trusted one"]
pub struct RecomputedExtension {
    first_size: u64,
    first_root: Hash,
    second_size: u64,
    second_root: Hash,
}

impl RecomputedExtension {
    /// The second root that the path leads to.
    pub const fn second_root(&self) -> Hash {
        self.second_root
    }

    /// Demands that the path leads to `second_root`.
    ///
    /// # Errors
    /// [`MerkleError::RootMismatch`]; [`MerkleError::ZeroRoot`] if `second_root` is the zero hash.
    pub fn expect_root(self, second_root: &Hash) -> Result<VerifiedExtension, MerkleError> {
        matches_root(self.second_root, second_root)?;
        Ok(VerifiedExtension {
            first_size: self.first_size,
            first_root: self.first_root,
            second_size: self.second_size,
            second_root: self.second_root,
        })
    }
}

/// Two trees of which the second is proved to extend the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct VerifiedExtension {
    first_size: u64,
    first_root: Hash,
    second_size: u64,
    second_root: Hash,
}

impl VerifiedExtension {
    /// Leaves and root of the first tree.
    pub const fn first(&self) -> (u64, Hash) {
        (self.first_size, self.first_root)
    }

    /// Leaves and root of the second tree.
    pub const fn second(&self) -> (u64, Hash) {
        (self.second_size, self.second_root)
    }
}

/// What a consistency path consists of: the path of the first tree's last leaf in the second tree, from the level
/// of the first tree's smallest peak on, after that peak's own hash unless it *is* the first tree.
struct Layout {
    /// Whether the path opens with the hash of the smallest peak.
    opens_with_peak: bool,
    /// Level of the smallest peak.
    shift: u8,
    /// Siblings above it whose side follows from the index.
    inner: u32,
    /// Length of the path.
    len: usize,
}

impl Layout {
    /// The layout for `0 < first < second`.
    fn of(first: u64, second: u64) -> Result<Self, MerkleError> {
        geometry::check_size(second)?;
        let last = first.checked_sub(1).ok_or(MerkleError::EmptyFirst)?;
        let shape = Shape::of(last, second)?;
        let shift = first.trailing_zeros();
        // The leaves below the smallest peak's level are all ones in `last`, and `second > first` makes the two
        // differ above them, so the inner part reaches at least that level.
        let inner = shape.inner.saturating_sub(shift);
        let opens_with_peak = !first.is_power_of_two();
        let len = (inner + shape.border) as usize + usize::from(opens_with_peak);
        Ok(Self { opens_with_peak, shift: u8::try_from(shift).unwrap_or(u8::MAX), inner, len })
    }
}

/// Recomputes the second root from the first one and the path, after checking that the path also leads to the first.
///
/// Both sizes must come from trusted places (a header's height is the size of its history log).
///
/// # Errors
/// [`MerkleError::EmptyFirst`], [`MerkleError::ZeroRoot`], [`MerkleError::Shrinks`], [`MerkleError::TooLarge`],
/// [`MerkleError::PathLength`], and [`MerkleError::RootMismatch`] if the path does not lead to `first_root`.
pub fn verify_consistency(
    suite: Suite,
    first_size: u64,
    first_root: &Hash,
    second_size: u64,
    path: &ConsistencyPath,
) -> Result<RecomputedExtension, MerkleError> {
    let extension = |second_root| RecomputedExtension { first_size, first_root: *first_root, second_size, second_root };
    if first_size > second_size {
        return Err(MerkleError::Shrinks { first: first_size, second: second_size });
    }
    if first_root.is_zero() {
        return Err(MerkleError::ZeroRoot);
    }
    if first_size == second_size {
        geometry::check_size(second_size)?;
        if first_size == 0 {
            return Err(MerkleError::EmptyFirst);
        }
        if !path.0.is_empty() {
            return Err(MerkleError::PathLength { got: path.0.len(), expected: 0 });
        }
        return Ok(extension(*first_root));
    }
    let layout = Layout::of(first_size, second_size)?;
    let wrong_length = MerkleError::PathLength { got: path.0.len(), expected: layout.len };
    if path.0.len() != layout.len {
        return Err(wrong_length);
    }
    let (peak, siblings) =
        if layout.opens_with_peak { path.0.split_first().ok_or(wrong_length)? } else { (first_root, &*path.0) };
    let index = (first_size - 1) >> layout.shift;
    // The siblings on the left are what both trees share: they must lead from the peak to the first root.
    let recomputed_first = chain_left(suite, *peak, index, layout.inner, siblings);
    matches_root(recomputed_first, first_root)?;
    Ok(extension(chain(suite, *peak, index, layout.inner, siblings)))
}

/// Climbs as [`chain`] does, skipping the siblings on the right, which the first tree does not have.
fn chain_left(suite: Suite, node: Hash, index: u64, inner: u32, siblings: &[Hash]) -> Hash {
    let mut side = index;
    let mut hash = node;
    for (level, sibling) in (0u32..).zip(siblings) {
        if level >= inner || side & 1 == 1 {
            hash = node_hash(suite, sibling, &hash);
        }
        side >>= 1;
    }
    hash
}

/// The consistency path between the trees of the first `first` and the first `second` leaves, from a store of
/// complete subtrees.
///
/// # Errors
/// [`MerkleError::EmptyFirst`], [`MerkleError::Shrinks`], [`MerkleError::TooLarge`], [`MerkleError::MissingNode`].
pub fn consistency_from_nodes(
    suite: Suite,
    first: u64,
    second: u64,
    nodes: &impl Fn(Node) -> Option<Hash>,
) -> Result<ConsistencyPath, MerkleError> {
    if first > second {
        return Err(MerkleError::Shrinks { first, second });
    }
    geometry::check_size(second)?;
    let last = first.checked_sub(1).ok_or(MerkleError::EmptyFirst)?;
    if first == second {
        return Ok(ConsistencyPath::default());
    }
    let layout = Layout::of(first, second)?;
    let mut hashes = Vec::with_capacity(layout.len);
    if layout.opens_with_peak {
        let peak = Node { level: layout.shift, index: last >> layout.shift };
        hashes.push(geometry::subtree_hash(suite, peak, second, nodes)?);
    }
    for node in geometry::path_nodes(last, second)?.filter(|node| node.level >= layout.shift) {
        hashes.push(geometry::subtree_hash(suite, node, second, nodes)?);
    }
    let (got, expected) = (hashes.len(), layout.len);
    Bounded::new(hashes).map(ConsistencyPath).map_err(|_| MerkleError::PathLength { got, expected })
}
