//! Two inclusion paths become one: a leaf of an older tree, and the first leaf behind that tree in a newer one.
//!
//! The older tree is what stood before leaf `older size` of the newer one was appended. Its leaves' places in the newer
//! tree follow from the two paths alone, so whoever has seen headers one after the other, each with the path of the one
//! before, can show any of them in the history of the newest without any other header. Nothing is verified here: what
//! is made from wrong paths is refused by whoever verifies it.

use super::geometry::{self, Node, Shape};
use super::{InclusionPath, LeafHash, MerkleError, node_hash};
use crate::codec::Bounded;
use crate::identifiers::Hash;
use crate::suite::Suite;
use std::collections::BTreeMap;

/// The path of leaf `index` in the tree of `size` leaves, from its `path` in the tree of the first `middle` leaves and
/// the path of leaf `middle` itself, whose hash is given, in the tree of `size`.
///
/// # Errors
/// [`MerkleError::OutOfRange`] unless `index < middle < size`, [`MerkleError::TooLarge`], [`MerkleError::PathLength`].
pub fn compose_paths(
    suite: Suite,
    (index, path): (u64, &InclusionPath),
    (middle, middle_leaf, middle_path): (u64, LeafHash, &InclusionPath),
    size: u64,
) -> Result<InclusionPath, MerkleError> {
    let below = siblings(index, middle, path)?;
    let beside = siblings(middle, size, middle_path)?;
    let mut hashes = Vec::new();
    for node in geometry::path_nodes(index, size)? {
        let hash = if node.index == middle >> node.level {
            Some(ancestor(suite, middle, middle_leaf, &beside, node.level))
        } else if node.index > middle >> node.level {
            beside.get(&node).copied()
        } else {
            // Complete before `middle`, so the same subtree in both trees.
            below.get(&node).copied()
        };
        hashes.push(hash.ok_or(MerkleError::MissingNode(node))?);
    }
    let (got, expected) = (hashes.len(), 64);
    Bounded::new(hashes).map(InclusionPath).map_err(|_| MerkleError::PathLength { got, expected })
}

/// A path's hashes by the subtrees that they stand for.
fn siblings(index: u64, size: u64, path: &InclusionPath) -> Result<BTreeMap<Node, Hash>, MerkleError> {
    let expected = Shape::of(index, size)?.len();
    if path.0.len() != expected {
        return Err(MerkleError::PathLength { got: path.0.len(), expected });
    }
    Ok(geometry::path_nodes(index, size)?.zip(path.0.iter().copied()).collect())
}

/// The hash of the subtree of `2^level` leaves, or what there is of it, that holds leaf `index`.
fn ancestor(suite: Suite, index: u64, leaf: LeafHash, siblings: &BTreeMap<Node, Hash>, level: u8) -> Hash {
    let mut hash = leaf.hash();
    for below in 0..level {
        let own = index >> below;
        // On the right edge there may be no sibling: then the subtree goes up as it is.
        if let Some(sibling) = siblings.get(&Node { level: below, index: own ^ 1 }) {
            hash = if own & 1 == 1 { node_hash(suite, sibling, &hash) } else { node_hash(suite, &hash, sibling) };
        }
    }
    hash
}
