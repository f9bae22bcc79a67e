//! Trees held in memory: the trees of one block.

use super::geometry::{self, Node};
use super::{
    ConsistencyPath, InclusionPath, LeafHash, MerkleError, consistency_from_nodes, node_hash, path_from_nodes,
};
use crate::identifiers::Hash;
use crate::suite::Suite;

/// The root of no leaves: `H('')`.
pub fn empty_root(suite: Suite) -> Hash {
    suite.hash_parts(&[])
}

/// The root over the data of `leaves`, in order.
pub fn root<L: AsRef<[u8]>>(suite: Suite, leaves: &[L]) -> Hash {
    Tree::new(suite, leaves).root()
}

/// The root of the first `size` leaves, from a store of complete subtrees.
///
/// # Errors
/// [`MerkleError::TooLarge`], [`MerkleError::MissingNode`].
pub fn root_from_nodes(suite: Suite, size: u64, nodes: &impl Fn(Node) -> Option<Hash>) -> Result<Hash, MerkleError> {
    geometry::check_size(size)?;
    let peaks: Vec<Node> = geometry::peaks(size).collect();
    let fetched = peaks.into_iter().rev().map(|node| nodes(node).ok_or(MerkleError::MissingNode(node)));
    Ok(geometry::fold(suite, fetched)?.unwrap_or_else(|| empty_root(suite)))
}

/// A tree with all its complete subtrees, from which roots and paths are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    suite: Suite,
    /// `levels[l][i]` is the hash of the complete subtree (l, i).
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Builds the tree over the data of `leaves`, in order.
    pub fn new<L: AsRef<[u8]>>(suite: Suite, leaves: &[L]) -> Self {
        Self::from_leaves(suite, leaves.iter().map(|leaf| LeafHash::of(suite, leaf.as_ref())))
    }

    /// Builds the tree over leaf hashes of the same suite.
    pub fn from_leaves(suite: Suite, leaves: impl IntoIterator<Item = LeafHash>) -> Self {
        let mut level: Vec<Hash> = leaves.into_iter().map(|leaf| leaf.hash()).collect();
        let mut levels = Vec::new();
        while !level.is_empty() {
            let above = level.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(suite, left, right)).collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        Self { suite, levels }
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The root; [`empty_root`] without leaves.
    pub fn root(&self) -> Hash {
        let smallest_first = self.levels.iter().filter(|level| level.len() % 2 == 1).filter_map(|level| level.last());
        let folded = geometry::fold(self.suite, smallest_first.map(|hash| Ok::<_, std::convert::Infallible>(*hash)));
        match folded {
            Ok(root) => root.unwrap_or_else(|| empty_root(self.suite)),
        }
    }

    /// The path of leaf `index`.
    ///
    /// # Errors
    /// [`MerkleError::OutOfRange`].
    pub fn path(&self, index: u64) -> Result<InclusionPath, MerkleError> {
        path_from_nodes(self.suite, index, self.size(), &|node| self.node(node))
    }

    /// The consistency path from the tree of the first `first` leaves to this one.
    ///
    /// # Errors
    /// [`MerkleError::EmptyFirst`], [`MerkleError::Shrinks`].
    pub fn consistency(&self, first: u64) -> Result<ConsistencyPath, MerkleError> {
        consistency_from_nodes(self.suite, first, self.size(), &|node| self.node(node))
    }

    /// The hash of a complete subtree of this tree.
    pub fn node(&self, node: Node) -> Option<Hash> {
        let level = self.levels.get(usize::from(node.level))?;
        level.get(usize::try_from(node.index).ok()?).copied()
    }
}
