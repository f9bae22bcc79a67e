//! One version of a tree from the one before: every touched node is read, hashed and written once per batch.
//!
//! The batch is split by nibbles on the way down, and nodes are put together on the way up. A subtree of one leaf is
//! that leaf, as high as it can stand: it moves down when a second key comes into its subtree, and up when it is the
//! last one there. Shape and hashes follow from the set of leaves alone; the tests compare roots and proofs with `jmt`.
//! Bounds: as deep as keys have nibbles; memory grows with the nodes touched.

use super::super::node::{ChildView, NodeView, Nodes, Position, inner_hash};
use super::super::{LeafBatch, TreeUpdate};
use super::{deeper_than_keys, nibble};
use crate::store::StoreFault;
use ledger_protocol::proof::state::{EMPTY_STATE_ROOT, state_leaf_hash};
use ledger_protocol::{Hash, Suite};

/// A leaf to set, or to remove: its key's hash, and its value's.
type Write = (Hash, Option<Hash>);

/// What a subtree has become.
enum Subtree {
    /// Nothing is left.
    Empty,
    /// One leaf, which stands where its parent puts it and is not written yet.
    Leaf { key_hash: Hash, value_hash: Hash },
    /// A node that stands: a new one, written already, or one that nothing touched.
    Standing(ChildView),
}

pub(super) struct Updater<'u> {
    nodes: &'u Nodes<'u>,
    suite: Suite,
    version: u64,
    made: Vec<(Vec<u8>, Vec<u8>)>,
    stale: Vec<Vec<u8>>,
}

impl<'u> Updater<'u> {
    pub(super) const fn new(nodes: &'u Nodes<'u>, suite: Suite, version: u64) -> Self {
        Self { nodes, suite, version, made: Vec::new(), stale: Vec::new() }
    }

    /// Makes the version from the one before it.
    pub(super) fn run(mut self, before: u64, batch: LeafBatch) -> Result<TreeUpdate, StoreFault> {
        let suite = self.suite;
        let value_hash = |bytes: Vec<u8>| suite.hash_parts(&[&bytes]);
        // The batch is a map: its keys ascend.
        let writes: Vec<Write> = batch.into_iter().map(|(key, leaf)| (key, leaf.map(value_hash))).collect();
        let root = if before == 0 {
            self.grow(&mut Vec::new(), &writes)?
        } else {
            self.change(Position::root(before), &writes)?
        };
        let root = match root {
            Subtree::Standing(child) => child.hash,
            Subtree::Leaf { key_hash, value_hash } => self.put_leaf(&[], key_hash, value_hash).hash,
            Subtree::Empty => {
                self.put(&[], &NodeView::Empty);
                EMPTY_STATE_ROOT
            }
        };
        Ok(TreeUpdate { root, nodes: self.made, stale: self.stale })
    }

    fn put(&mut self, path: &[u8], node: &NodeView) {
        let position = Position { version: self.version, path: path.to_vec() };
        self.made.push((position.name(), node.encode()));
    }

    fn put_leaf(&mut self, path: &[u8], key_hash: Hash, value_hash: Hash) -> ChildView {
        self.put(path, &NodeView::Leaf { key_hash, value_hash });
        let hash = state_leaf_hash(self.suite, &key_hash, &value_hash);
        ChildView { hash, version: self.version, is_leaf: true }
    }

    /// Applies writes to the stored node at a position; there is at least one.
    fn change(&mut self, position: Position, writes: &[Write]) -> Result<Subtree, StoreFault> {
        let node = self.nodes.view(&position)?;
        self.stale.push(position.name());
        let mut path = position.path;
        match node {
            NodeView::Empty => self.grow(&mut path, writes),
            NodeView::Leaf { key_hash, value_hash } => {
                // The leaf is one more key of the subtree, unless the batch has a newer word on it.
                let mut writes = writes.to_vec();
                if let Err(place) = writes.binary_search_by_key(&key_hash, |(key, _)| *key) {
                    writes.insert(place, (key_hash, Some(value_hash)));
                }
                self.grow(&mut path, &writes)
            }
            NodeView::Inner(mut children) => {
                self.change_children(&mut path, &mut children, writes)?;
                self.close(&mut path, children)
            }
        }
    }

    /// A subtree of nothing but these writes.
    fn grow(&mut self, path: &mut Vec<u8>, writes: &[Write]) -> Result<Subtree, StoreFault> {
        let mut set = writes.iter().filter_map(|(key, value)| Some((*key, (*value)?)));
        let Some((key_hash, value_hash)) = set.next() else { return Ok(Subtree::Empty) };
        if set.next().is_none() {
            return Ok(Subtree::Leaf { key_hash, value_hash });
        }
        let mut children = Box::new([None; 16]);
        self.change_children(path, &mut children, writes)?;
        self.close(path, children)
    }

    /// Hands each nibble's writes to its child.
    fn change_children(
        &mut self,
        path: &mut Vec<u8>,
        children: &mut [Option<ChildView>; 16],
        writes: &[Write],
    ) -> Result<(), StoreFault> {
        let depth = path.len();
        let mut rest = writes;
        while let Some((key, _)) = rest.first() {
            let own = nibble(key, depth)?;
            let mut count = 0;
            for (key, _) in rest {
                if nibble(key, depth)? != own {
                    break;
                }
                count += 1;
            }
            let (writes, others) = rest.split_at_checked(count).ok_or_else(deeper_than_keys)?;
            rest = others;
            let slot = children.get_mut(usize::from(own)).ok_or_else(deeper_than_keys)?;
            path.push(own);
            let subtree = match *slot {
                Some(child) => self.change(Position { version: child.version, path: path.clone() }, writes)?,
                None => self.grow(path, writes)?,
            };
            *slot = match subtree {
                Subtree::Empty => None,
                Subtree::Standing(child) => Some(child),
                Subtree::Leaf { key_hash, value_hash } => {
                    // Where it stands is known only when its neighbours are: `close` takes a lone one up again.
                    Some(self.put_leaf(path, key_hash, value_hash))
                }
            };
            path.pop();
        }
        Ok(())
    }

    /// What an inner node with these children is: itself, its only leaf, or nothing.
    fn close(&mut self, path: &mut Vec<u8>, children: Box<[Option<ChildView>; 16]>) -> Result<Subtree, StoreFault> {
        let mut present = (0u8..).zip(children.iter()).filter_map(|(nibble, child)| Some((nibble, (*child)?)));
        let Some((nibble, first)) = present.next() else { return Ok(Subtree::Empty) };
        if first.is_leaf && present.next().is_none() {
            path.push(nibble);
            let position = Position { version: first.version, path: path.clone() };
            path.pop();
            return self.take_up(&position);
        }
        let hash = inner_hash(self.suite, &children);
        self.put(path, &NodeView::Inner(children));
        Ok(Subtree::Standing(ChildView { hash, version: self.version, is_leaf: false }))
    }

    /// Takes a lone leaf away from where it stands: it was stored before, or written a moment ago.
    fn take_up(&mut self, position: &Position) -> Result<Subtree, StoreFault> {
        let name = position.name();
        let node = if position.version == self.version {
            let place = self.made.iter().rposition(|(made, _)| *made == name);
            let bytes = place.map(|place| self.made.swap_remove(place).1);
            NodeView::decode(&bytes.ok_or_else(|| StoreFault("a new leaf is not among the new nodes".into()))?)?
        } else {
            let node = self.nodes.view(position)?;
            self.stale.push(name);
            node
        };
        match node {
            NodeView::Leaf { key_hash, value_hash } => Ok(Subtree::Leaf { key_hash, value_hash }),
            NodeView::Empty | NodeView::Inner(_) => Err(StoreFault("a leaf of a state tree is none".into())),
        }
    }
}
