//! Stored nodes of a tree: names, rows, and a view of a node that proofs need.

use crate::rows;
use crate::store::{StoreFault, StoreReader};
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
    /// A node that the tree says is there.
    pub(crate) fn view(&self, position: &Position) -> Result<NodeView, StoreFault> {
        let bytes = self.reader.get(&rows::node(self.ledger, &position.name()))?;
        let bytes = bytes.ok_or_else(|| {
            StoreFault(format!("tree node {:?} of version {} is missing", position.path, position.version))
        })?;
        NodeView::decode(&bytes)
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

/// First byte of a stored node.
const EMPTY: u8 = 0;
const LEAF: u8 = 1;
const INNER: u8 = 2;
/// Bytes of a stored child: hash and version.
const CHILD_BYTES: usize = 40;

impl NodeView {
    /// The stored form: a kind, then key hash and value hash of a leaf, or two bit maps (which children there are, which
    /// of them are leaves) and the children of an inner node in order.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Empty => vec![EMPTY],
            Self::Leaf { key_hash, value_hash } => {
                let mut bytes = Vec::with_capacity(65);
                bytes.push(LEAF);
                bytes.extend_from_slice(&key_hash.0);
                bytes.extend_from_slice(&value_hash.0);
                bytes
            }
            Self::Inner(children) => {
                let (present, leaves) = bit_maps(children);
                let mut bytes = Vec::with_capacity(5 + CHILD_BYTES * present.count_ones() as usize);
                bytes.push(INNER);
                bytes.extend_from_slice(&present.to_be_bytes());
                bytes.extend_from_slice(&leaves.to_be_bytes());
                for child in children.iter().flatten() {
                    bytes.extend_from_slice(&child.hash.0);
                    bytes.extend_from_slice(&child.version.to_be_bytes());
                }
                bytes
            }
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`StoreFault`] for anything that [`Self::encode`] does not write.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreFault> {
        let view = match bytes.split_first() {
            Some((&EMPTY, [])) => Some(Self::Empty),
            Some((&LEAF, rest)) => leaf_of(rest),
            Some((&INNER, rest)) => inner_of(rest),
            _ => None,
        };
        view.ok_or_else(|| StoreFault("corrupt tree node".into()))
    }
}

fn leaf_of(bytes: &[u8]) -> Option<NodeView> {
    let (key_hash, rest) = bytes.split_first_chunk::<32>()?;
    let value_hash: [u8; 32] = rest.try_into().ok()?;
    Some(NodeView::Leaf { key_hash: Hash(*key_hash), value_hash: Hash(value_hash) })
}

fn inner_of(bytes: &[u8]) -> Option<NodeView> {
    let (present, rest) = bytes.split_first_chunk::<2>()?;
    let (leaves, rest) = rest.split_first_chunk::<2>()?;
    let (present, leaves) = (u16::from_be_bytes(*present), u16::from_be_bytes(*leaves));
    let is_whole = rest.len() == CHILD_BYTES * present.count_ones() as usize;
    if present == 0 || leaves & !present != 0 || !is_whole {
        return None;
    }
    let mut children = Box::new([None; 16]);
    let mut stored = rest.chunks_exact(CHILD_BYTES);
    for (nibble, slot) in children.iter_mut().enumerate().filter(|(nibble, _)| present >> nibble & 1 == 1) {
        let (hash, version) = stored.next()?.split_first_chunk::<32>()?;
        let version = u64::from_be_bytes(version.try_into().ok()?);
        *slot = Some(ChildView { hash: Hash(*hash), version, is_leaf: leaves >> nibble & 1 == 1 });
    }
    Some(NodeView::Inner(children))
}

/// Which children there are, and which of them are leaves; bit i stands for nibble i.
fn bit_maps(children: &[Option<ChildView>; 16]) -> (u16, u16) {
    let mut maps = (0u16, 0u16);
    for (nibble, child) in children.iter().enumerate() {
        if let Some(child) = child {
            maps.0 |= 1 << nibble;
            maps.1 |= u16::from(child.is_leaf) << nibble;
        }
    }
    maps
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

/// The hash of an inner node with these children.
pub(crate) fn inner_hash(suite: Suite, children: &[Option<ChildView>; 16]) -> Hash {
    range_hash(suite, children, 0, 16)
}

/// The hash of the subtree over a range of children; the width is a power of two that divides the start.
pub(crate) fn range_hash(suite: Suite, children: &[Option<ChildView>; 16], start: usize, width: usize) -> Hash {
    mapped_hash(suite, children, bit_maps(children), start, width)
}

fn mapped_hash(
    suite: Suite,
    children: &[Option<ChildView>; 16],
    (present, leaves): (u16, u16),
    start: usize,
    width: usize,
) -> Hash {
    // Wide enough for all 16 children.
    let mask = ((1u32 << width) - 1) << start;
    let (present_here, leaves_here) = (u32::from(present) & mask, u32::from(leaves) & mask);
    let is_lone = width == 1 || (present_here.count_ones() == 1 && leaves_here != 0);
    if present_here == 0 {
        return EMPTY_STATE_ROOT;
    }
    if let (true, Some(Some(child))) = (is_lone, children.get(present_here.trailing_zeros() as usize)) {
        return child.hash;
    }
    let half = width / 2;
    let left = mapped_hash(suite, children, (present, leaves), start, half);
    let right = mapped_hash(suite, children, (present, leaves), start + half, half);
    state_node_hash(suite, &left, &right)
}
