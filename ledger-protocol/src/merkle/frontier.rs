//! The frontier of an append-only log: as much of a tree as appending and computing the root take.

use super::geometry::{self, Node};
use super::{LeafHash, MAX_LEAVES, MerkleError, empty_root, matches_root, node_hash};
use crate::codec::{Bounded, invalid};
use crate::identifiers::Hash;
use crate::suite::Suite;
use borsh::io::{Read, Result as IoResult};
use borsh::{BorshDeserialize, BorshSerialize};

/// A complete subtree that an append finished, with its hash: what a node store keeps under the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompletedNode {
    /// The subtree.
    pub node: Node,
    /// Its hash.
    pub hash: Hash,
}

/// An append-only RFC 9162 log reduced to its size and peaks, the roots of its complete subtrees, largest first.
///
/// The history log of a chain: leaf i is the header hash of height i, so the log of size h has the root that header
/// h carries. Invariant: as many peaks as `size` has one bits; decoding refuses anything else.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct Frontier {
    suite: Suite,
    size: u64,
    peaks: Bounded<Hash, 64>,
}

impl Frontier {
    /// The empty log.
    pub const fn new(suite: Suite) -> Self {
        Self { suite, size: 0, peaks: Bounded::empty() }
    }

    /// The log of the first `size` leaves, from a store of complete subtrees.
    ///
    /// # Errors
    /// [`MerkleError::TooLarge`], [`MerkleError::MissingNode`].
    pub fn from_nodes(suite: Suite, size: u64, nodes: &impl Fn(Node) -> Option<Hash>) -> Result<Self, MerkleError> {
        geometry::check_size(size)?;
        let peaks = geometry::peaks(size)
            .map(|node| nodes(node).ok_or(MerkleError::MissingNode(node)))
            .collect::<Result<Vec<_>, _>>()?;
        Self::checked(suite, size, peaks)
    }

    /// The suite whose hash the log uses.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Leaves appended so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf; returns the complete subtrees that it finished, the leaf itself first, rising.
    ///
    /// # Errors
    /// [`MerkleError::TooLarge`] at [`MAX_LEAVES`]; the log is unchanged.
    pub fn append(&mut self, leaf: LeafHash) -> Result<Vec<CompletedNode>, MerkleError> {
        if self.size >= MAX_LEAVES {
            return Err(MerkleError::TooLarge { size: self.size });
        }
        let mut peaks = std::mem::take(&mut self.peaks).into_vec();
        let mut node = Node { level: 0, index: self.size };
        let mut hash = leaf.hash();
        let mut completed = vec![CompletedNode { node, hash }];
        // An odd index means that the left neighbour of the same level is the last peak.
        while node.index & 1 == 1
            && let Some(left) = peaks.pop()
        {
            hash = node_hash(self.suite, &left, &hash);
            node = Node { level: node.level + 1, index: node.index >> 1 };
            completed.push(CompletedNode { node, hash });
        }
        peaks.push(hash);
        *self = Self::checked(self.suite, self.size + 1, peaks)?;
        Ok(completed)
    }

    /// The root of the log; [`empty_root`] without leaves.
    pub fn root(&self) -> Hash {
        let smallest_first = self.peaks.iter().rev().map(|peak| Ok::<_, std::convert::Infallible>(*peak));
        match geometry::fold(self.suite, smallest_first) {
            Ok(root) => root.unwrap_or_else(|| empty_root(self.suite)),
        }
    }

    /// Demands that a frontier received from elsewhere is the one of this suite, size and root.
    ///
    /// # Errors
    /// [`MerkleError::OtherFrontier`], [`MerkleError::RootMismatch`], [`MerkleError::ZeroRoot`].
    pub fn expect_root(self, suite: Suite, size: u64, root: &Hash) -> Result<Self, MerkleError> {
        if self.suite != suite || self.size != size {
            return Err(MerkleError::OtherFrontier { got_suite: self.suite, got_size: self.size, suite, size });
        }
        matches_root(self.root(), root)?;
        Ok(self)
    }

    fn checked(suite: Suite, size: u64, peaks: Vec<Hash>) -> Result<Self, MerkleError> {
        geometry::check_size(size)?;
        let (got, expected) = (peaks.len(), geometry::peaks(size).count());
        match Bounded::new(peaks) {
            Ok(peaks) if got == expected => Ok(Self { suite, size, peaks }),
            _ => Err(MerkleError::Peaks { size, got, expected }),
        }
    }
}

impl BorshDeserialize for Frontier {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let suite = Suite::deserialize_reader(reader)?;
        let size = u64::deserialize_reader(reader)?;
        let peaks = Bounded::<Hash, 64>::deserialize_reader(reader)?;
        Self::checked(suite, size, peaks.into_vec()).map_err(|error| invalid(error.to_string()))
    }
}
