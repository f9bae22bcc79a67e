//! Stored nodes of a tree: names, rows, and a view of a node that proofs need.

use crate::rows;
use crate::store::{StoreFault, StoreReader};
use jmt::storage::{Node, NodeKey};
use ledger_protocol::codec::encode;
use ledger_protocol::proof::state::{EMPTY_STATE_ROOT, state_node_hash};
use ledger_protocol::{Hash, LedgerId, Suite};

/// The nodes of one ledger's tree.
pub(crate) struct Nodes<'r> {
    /// The store.
    pub(crate) reader: &'r dyn StoreReader,
    /// The ledger.
    pub(crate) ledger: LedgerId,
}

impl Nodes<'_> {
    /// A node by name.
    pub(crate) fn get(&self, name: &[u8]) -> Result<Option<Node>, StoreFault> {
        let row = self.reader.get(&rows::node(self.ledger, name))?;
        row.map(|bytes| rows::decode("tree node", &bytes)).transpose()
    }

    /// A node that the tree says is there.
    pub(crate) fn view(&self, position: &Position) -> Result<NodeView, StoreFault> {
        let node = self.get(&position.name())?;
        let node = node.ok_or_else(|| {
            StoreFault(format!("tree node {:?} of version {} is missing", position.path, position.version))
        })?;
        NodeView::of(&node)
    }
}

/// Where a node is: the version that made it and its path in nibbles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// Tree version.
    pub(crate) version: u64,
    /// Nibbles from the root.
    pub(crate) path: Vec<u8>,
}

impl Position {
    /// The root of a version.
    pub(crate) const fn root(version: u64) -> Self {
        Self { version, path: Vec::new() }
    }

    /// A child.
    pub(crate) fn child(&self, nibble: u8, version: u64) -> Self {
        let mut path = self.path.clone();
        path.push(nibble);
        Self { version, path }
    }

    /// The node's name.
    pub(crate) fn name(&self) -> Vec<u8> {
        name(self.version, self.path.iter().copied())
    }
}

/// The name of the node that `jmt` keeps under this key.
pub(crate) fn name_of(key: &NodeKey) -> Vec<u8> {
    let path = key.nibble_path();
    name(key.version(), (0..path.num_nibbles()).map(|index| u8::from(path.get_nibble(index))))
}

fn name(version: u64, nibbles: impl ExactSizeIterator<Item = u8>) -> Vec<u8> {
    let mut name = Vec::with_capacity(9 + nibbles.len().div_ceil(2));
    name.extend_from_slice(&version.to_be_bytes());
    // A path has at most 64 nibbles.
    name.push(nibbles.len().to_le_bytes()[0]);
    let mut half: Option<u8> = None;
    for nibble in nibbles {
        match half.take() {
            None => half = Some(nibble << 4),
            Some(high) => name.push(high | nibble),
        }
    }
    name.extend(half);
    name
}

/// A child of an inner node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChildView {
    /// Its hash.
    pub(crate) hash: Hash,
    /// The version that made it.
    pub(crate) version: u64,
    /// Whether it is a leaf.
    pub(crate) is_leaf: bool,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NodeView {
    /// The root of an empty tree.
    Empty,
    /// A leaf.
    Leaf {
        /// Its key's hash.
        key_hash: Hash,
        /// Its value's hash.
        value_hash: Hash,
    },
    /// Four levels of the binary tree: up to 16 children.
    Inner(Box<[Option<ChildView>; 16]>),
}

impl NodeView {
    fn of(node: &Node) -> Result<Self, StoreFault> {
        let corrupt = || StoreFault("corrupt tree node".into());
        match node {
            Node::Null => Ok(Self::Empty),
            Node::Leaf(leaf) => {
                // jmt keeps the value's hash to itself; its encoding is key hash, then value hash.
                let encoded = encode(leaf);
                let (key, value) = encoded.split_first_chunk::<32>().ok_or_else(corrupt)?;
                let value = value.first_chunk::<32>().ok_or_else(corrupt)?;
                Ok(Self::Leaf { key_hash: Hash(*key), value_hash: Hash(*value) })
            }
            Node::Internal(inner) => {
                let mut children = Box::new([None; 16]);
                for (nibble, child) in inner.children_sorted() {
                    let slot = children.get_mut(usize::from(u8::from(nibble))).ok_or_else(corrupt)?;
                    *slot =
                        Some(ChildView { hash: Hash(child.hash), version: child.version, is_leaf: child.is_leaf() });
                }
                Ok(Self::Inner(children))
            }
        }
    }
}

/// The children with nibbles `start … start + width − 1`.
pub(crate) fn children_of(
    children: &[Option<ChildView>; 16],
    start: usize,
    width: usize,
) -> impl DoubleEndedIterator<Item = (u8, &ChildView)> {
    let numbered = (0u8..).zip(children.iter()).skip(start).take(width);
    let present: Vec<_> = numbered.filter_map(|(nibble, child)| Some((nibble, child.as_ref()?))).collect();
    present.into_iter()
}

/// The only child of a range that stands for the whole range: the child of a range of one, or a lone leaf.
pub(crate) fn lone_child(children: &[Option<ChildView>; 16], start: usize, width: usize) -> Option<(u8, &ChildView)> {
    let mut present = children_of(children, start, width);
    let first = present.next()?;
    (present.next().is_none() && (width == 1 || first.1.is_leaf)).then_some(first)
}

/// The hash of the subtree over a range of children.
pub(crate) fn range_hash(suite: Suite, children: &[Option<ChildView>; 16], start: usize, width: usize) -> Hash {
    if children_of(children, start, width).next().is_none() {
        EMPTY_STATE_ROOT
    } else if let Some((_, child)) = lone_child(children, start, width) {
        child.hash
    } else {
        let half = width / 2;
        let left = range_hash(suite, children, start, half);
        let right = range_hash(suite, children, start + half, half);
        state_node_hash(suite, &left, &right)
    }
}
