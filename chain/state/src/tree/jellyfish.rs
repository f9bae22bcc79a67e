//! A Jellyfish Merkle tree: the shape and the hashes of the `jmt` crate, which the tests compare it with.
//!
//! `jmt` itself inserts key by key, hashing the way to the root again for each, keeps nodes three times as long, and its
//! prover panics when the store fails. Here a block's writes are one batch (`update`).

mod update;

use super::node::{NodeView, Position, children_of, lone_child, range_hash};
use super::{LeafBatch, Nodes, PathEnd, StateTree, TreePath, TreeUpdate};
use crate::store::StoreFault;
use ledger_protocol::{Hash, Suite};

/// Nibbles of a key hash: the deepest that a tree can be.
const MAX_DEPTH: usize = 64;

/// The tree of one suite.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JellyfishTree(pub(crate) Suite);

impl StateTree for JellyfishTree {
    fn update(&self, nodes: &Nodes<'_>, before: u64, batch: LeafBatch) -> Result<TreeUpdate, StoreFault> {
        let version = before.checked_add(1).ok_or_else(|| StoreFault("a ledger has used up its versions".into()))?;
        update::Updater::new(nodes, self.0, version).run(before, batch)
    }

    fn path(&self, nodes: &Nodes<'_>, version: u64, key_hash: &Hash) -> Result<TreePath, StoreFault> {
        if version == 0 {
            return Ok(TreePath { end: PathEnd::Empty, siblings: Vec::new() });
        }
        let mut position = Position::root(version);
        let mut siblings = Vec::new();
        for depth in 0..=MAX_DEPTH {
            let end = match nodes.view(&position)? {
                NodeView::Empty => Some(PathEnd::Empty),
                NodeView::Leaf { key_hash, value_hash } => Some(PathEnd::Leaf { key_hash, value_hash }),
                NodeView::Inner(children) => {
                    let nibble = usize::from(nibble(key_hash, depth)?);
                    let (mut start, mut width) = (0, 16);
                    let mut step = None;
                    while step.is_none() {
                        width /= 2;
                        let is_upper = nibble & width != 0;
                        let (mine, other) = if is_upper { (start + width, start) } else { (start, start + width) };
                        siblings.push(range_hash(self.0, &children, other, width));
                        start = mine;
                        if children_of(&children, start, width).next().is_none() {
                            step = Some(None);
                        } else if let Some((nibble, child)) = lone_child(&children, start, width) {
                            step = Some(Some(position.child(nibble, child.version)));
                        }
                    }
                    match step.flatten() {
                        None => Some(PathEnd::Empty),
                        Some(next) => {
                            position = next;
                            None
                        }
                    }
                }
            };
            if let Some(end) = end {
                siblings.reverse();
                return Ok(TreePath { end, siblings });
            }
        }
        Err(deeper_than_keys())
    }

    fn neighbours(
        &self,
        nodes: &Nodes<'_>,
        version: u64,
        key_hash: &Hash,
    ) -> Result<(Option<Hash>, Option<Hash>), StoreFault> {
        if version == 0 {
            return Ok((None, None));
        }
        // The nearest subtrees beside the way; deeper ones are nearer and replace those above.
        let (mut below, mut above): (Option<Position>, Option<Position>) = (None, None);
        let mut position = Position::root(version);
        let mut met = None;
        for depth in 0..=MAX_DEPTH {
            match nodes.view(&position)? {
                NodeView::Empty => break,
                NodeView::Leaf { key_hash, .. } => {
                    met = Some(key_hash);
                    break;
                }
                NodeView::Inner(children) => {
                    let nibble = usize::from(nibble(key_hash, depth)?);
                    let at = |(nibble, child): (u8, &super::node::ChildView)| position.child(nibble, child.version);
                    let lower = children_of(&children, 0, nibble).next_back().map(at);
                    let upper = children_of(&children, nibble + 1, 15 - nibble).next().map(at);
                    let next = children_of(&children, nibble, 1).next().map(at);
                    below = lower.or(below);
                    above = upper.or(above);
                    match next {
                        Some(next) => position = next,
                        None => break,
                    }
                }
            }
        }
        let last_below = match met {
            Some(met) if met < *key_hash => Some(met),
            _ => below.map(|position| outermost(nodes, position, true)).transpose()?,
        };
        let first_above = match met {
            Some(met) if met > *key_hash => Some(met),
            _ => above.map(|position| outermost(nodes, position, false)).transpose()?,
        };
        Ok((last_below, first_above))
    }
}

/// The last or first leaf under a node.
fn outermost(nodes: &Nodes<'_>, mut position: Position, is_last: bool) -> Result<Hash, StoreFault> {
    for _ in 0..=MAX_DEPTH {
        match nodes.view(&position)? {
            NodeView::Empty => return Err(StoreFault("an empty node inside a state tree".into())),
            NodeView::Leaf { key_hash, .. } => return Ok(key_hash),
            NodeView::Inner(children) => {
                let mut present = children_of(&children, 0, 16);
                let next = if is_last { present.next_back() } else { present.next() };
                let (nibble, child) = next.ok_or_else(|| StoreFault("an inner node without children".into()))?;
                position = position.child(nibble, child.version);
            }
        }
    }
    Err(deeper_than_keys())
}

fn deeper_than_keys() -> StoreFault {
    StoreFault("a state tree is deeper than its keys are long".into())
}

fn nibble(hash: &Hash, depth: usize) -> Result<u8, StoreFault> {
    let byte = hash.0.get(depth / 2).ok_or_else(deeper_than_keys)?;
    Ok(if depth.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f })
}
