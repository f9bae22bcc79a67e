//! The state tree behind a small trait: a Jellyfish Merkle tree over stored nodes, later an engine in memory with the
//! same roots.
//!
//! Trees are versioned by the ledger's own `state_version`. The tree knows key hashes and leaf bytes only; what they
//! mean, and how long old versions are kept, is decided by its callers.

#[cfg(test)]
mod hasher;
mod jellyfish;
mod node;

pub(crate) use jellyfish::JellyfishTree;
pub(crate) use node::Nodes;
#[cfg(test)]
pub(crate) use node::{ChildView, NodeView, Position};

use crate::store::StoreFault;
use ledger_protocol::Hash;
use std::collections::BTreeMap;

/// Leaves to set (`Some`) and to remove (`None`), by key hash; every removed one is in the tree.
pub(crate) type LeafBatch = BTreeMap<Hash, Option<Vec<u8>>>;

/// What an update does to the stored nodes. A node's name begins with the tree version in which it was made and is
/// never used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeUpdate {
    /// The new root.
    pub(crate) root: Hash,
    /// New nodes: name and bytes.
    pub(crate) nodes: Vec<(Vec<u8>, Vec<u8>)>,
    /// Names of nodes that the new version no longer uses.
    pub(crate) stale: Vec<Vec<u8>>,
}

/// Where the way of a key ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreePath {
    /// What stands there.
    pub(crate) end: PathEnd,
    /// Siblings from there to the root, lowest first.
    pub(crate) siblings: Vec<Hash>,
}

/// What stands at the end of a key's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathEnd {
    /// Nothing.
    Empty,
    /// The only leaf of its subtree: the key's own or another's.
    Leaf {
        /// Whose.
        key_hash: Hash,
        /// Hash of its value.
        value_hash: Hash,
    },
}

/// A versioned sparse Merkle tree with the hash rules of [`ledger_protocol::proof::state`].
pub(crate) trait StateTree {
    /// Makes version `before + 1`. The batch is not empty and changes at least one leaf.
    ///
    /// # Errors
    /// [`StoreFault`] when a node cannot be read.
    fn update(&self, nodes: &Nodes<'_>, before: u64, batch: LeafBatch) -> Result<TreeUpdate, StoreFault>;

    /// Follows a key in one version; version 0 is the empty tree.
    ///
    /// # Errors
    /// [`StoreFault`] when a node cannot be read.
    fn path(&self, nodes: &Nodes<'_>, version: u64, key_hash: &Hash) -> Result<TreePath, StoreFault>;

    /// The leaves next to a key hash on both sides in one version: the last one below and the first one above.
    ///
    /// # Errors
    /// [`StoreFault`] when a node cannot be read.
    fn neighbours(
        &self,
        nodes: &Nodes<'_>,
        version: u64,
        key_hash: &Hash,
    ) -> Result<(Option<Hash>, Option<Hash>), StoreFault>;
}

#[cfg(test)]
mod tests;
