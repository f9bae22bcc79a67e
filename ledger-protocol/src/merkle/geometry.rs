//! Which subtrees a path is made of: pure arithmetic on sizes and indices, without any hash.

use super::MerkleError;
use crate::identifiers::Hash;
use crate::merkle::node_hash;
use crate::suite::Suite;

/// The most leaves of a tree. With it no path needs more than 64 hashes and no arithmetic here overflows.
pub const MAX_LEAVES: u64 = 1 << 63;

/// The address of a complete subtree: `2^level` leaves from leaf `index · 2^level` on. Level 0 is a leaf hash.
///
/// The hash of a complete subtree never changes while leaves are appended, so it can be stored under this address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// Height of the subtree; at most 63.
    pub level: u8,
    /// Position among the subtrees of this level.
    pub index: u64,
}

/// How an inclusion path is laid out: first `inner` siblings whose side follows from the index's low bits, then
/// `border` siblings, all on the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) inner: u32,
    pub(super) border: u32,
}

impl Shape {
    /// The layout for leaf `index` of a tree of `size` leaves.
    pub(super) fn of(index: u64, size: u64) -> Result<Self, MerkleError> {
        check_size(size)?;
        let last = size.checked_sub(1).filter(|last| index <= *last);
        let last = last.ok_or(MerkleError::OutOfRange { index, size })?;
        // Above the highest bit in which `index` and the last leaf differ, both follow the right edge.
        let inner = u64::BITS - (index ^ last).leading_zeros();
        let border = index.checked_shr(inner).unwrap_or(0).count_ones();
        Ok(Self { inner, border })
    }

    /// Hashes in the path.
    pub(super) const fn len(self) -> usize {
        (self.inner + self.border) as usize
    }
}

/// Refuses sizes above [`MAX_LEAVES`].
pub(super) const fn check_size(size: u64) -> Result<(), MerkleError> {
    if size > MAX_LEAVES { Err(MerkleError::TooLarge { size }) } else { Ok(()) }
}

/// The complete subtrees that the tree of the first `size` leaves consists of, largest first.
pub(super) fn peaks(size: u64) -> impl Iterator<Item = Node> {
    (0..64u8).rev().filter(move |level| size & (1u64 << level) != 0).map(move |level| {
        // Every peak stands behind the larger ones, so its index is even: the size with this bit cleared.
        Node { level, index: (size >> level) ^ 1 }
    })
}

/// The hash of the subtree that `node` addresses in a tree of `size` leaves. On the right edge the subtree is not
/// complete; then it is folded from the complete ones in it.
pub(super) fn subtree_hash(
    suite: Suite,
    node: Node,
    size: u64,
    nodes: &impl Fn(Node) -> Option<Hash>,
) -> Result<Hash, MerkleError> {
    let fetch = |node: Node| nodes(node).ok_or(MerkleError::MissingNode(node));
    let start = node.index << node.level;
    // What is there of the subtree; the callers only ask for subtrees with at least one leaf.
    let there = size.saturating_sub(start);
    if there >= 1 << node.level {
        return fetch(node);
    }
    let inner: Vec<Node> =
        peaks(there).map(|peak| Node { level: peak.level, index: peak.index + (start >> peak.level) }).collect();
    fold(suite, inner.into_iter().rev().map(fetch))?.ok_or(MerkleError::MissingNode(node))
}

/// The root over subtrees of falling size, given from the smallest to the largest; `None` for no subtree.
pub(super) fn fold<E>(suite: Suite, smallest_first: impl Iterator<Item = Result<Hash, E>>) -> Result<Option<Hash>, E> {
    let mut root = None;
    for hash in smallest_first {
        let hash = hash?;
        root = Some(match root {
            None => hash,
            Some(right) => node_hash(suite, &hash, &right),
        });
    }
    Ok(root)
}

/// The subtrees of the path of leaf `index` in a tree of `size` leaves, lowest first.
pub(super) fn path_nodes(index: u64, size: u64) -> Result<impl Iterator<Item = Node>, MerkleError> {
    let Shape { inner, .. } = Shape::of(index, size)?;
    let siblings = (0u8..64).map(move |level| Node { level, index: (index >> level) ^ 1 });
    Ok(siblings.filter(move |node| {
        let on_border = u32::from(node.level) >= inner;
        // On the border only left siblings exist: those of a right child.
        !on_border || (index >> node.level) & 1 == 1
    }))
}
