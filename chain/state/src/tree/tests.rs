#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
//! Our tree against `jmt`'s: roots, proofs, and which nodes there are.

use super::hasher::{GuomiHasher, StandardHasher};
use super::*;
use crate::store::{MemoryStore, StoreReader, StoreWriter, WriteBatch};
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader};
use jmt::{JellyfishMerkleTree, KeyHash, OwnedValue, SimpleHasher};
use ledger_protocol::proof::state::{EMPTY_STATE_ROOT, state_leaf_hash, state_node_hash};
use ledger_protocol::{LedgerId, Suite};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A tree as `jmt` makes and keeps it.
#[derive(Default)]
struct Oracle {
    nodes: BTreeMap<NodeKey, Node>,
    values: BTreeMap<Hash, Vec<u8>>,
}

impl TreeReader for Oracle {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self.nodes.get(key).cloned())
    }
    fn get_value_option(&self, _: u64, key: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self.values.get(&Hash(key.0)).cloned())
    }
    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

impl Oracle {
    fn update<H: SimpleHasher>(&mut self, version: u64, batch: &LeafBatch) -> Hash {
        let leaves = batch.iter().map(|(key, value)| (KeyHash(key.0), value.clone()));
        let (root, update) = JellyfishMerkleTree::<_, H>::new(&*self).put_value_set(leaves, version).unwrap();
        self.nodes.extend(update.node_batch.nodes().iter().map(|(key, node)| (key.clone(), node.clone())));
        for (key, value) in batch {
            match value {
                Some(value) => self.values.insert(*key, value.clone()),
                None => self.values.remove(key),
            };
        }
        Hash(root.0)
    }
}

fn nodes(store: &MemoryStore) -> Nodes<'_> {
    Nodes { reader: store, ledger: LedgerId(3) }
}

/// Makes the next version, checks which nodes come and go, and drops those that go.
fn update(store: &mut MemoryStore, suite: Suite, before: u64, batch: LeafBatch) -> Hash {
    let update = JellyfishTree(suite).update(&nodes(store), before, batch).unwrap();
    let mut rows = WriteBatch::default();
    let made: BTreeSet<Vec<u8>> = update.nodes.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(made.len(), update.nodes.len(), "a node is made once");
    for (name, bytes) in update.nodes {
        rows.put(crate::rows::node(LedgerId(3), &name), bytes);
    }
    let reached_before = reached(store, before);
    store.apply(&rows, false).unwrap();
    let reached_now = reached(store, before + 1);
    let stale: BTreeSet<Vec<u8>> = update.stale.iter().cloned().collect();
    assert_eq!(stale.len(), update.stale.len(), "a node goes stale once");
    assert_eq!(stale, &reached_before - &reached_now);
    assert_eq!(made, &reached_now - &reached_before);
    let mut gone = WriteBatch::default();
    for name in update.stale {
        gone.delete(crate::rows::node(LedgerId(3), &name));
    }
    store.apply(&gone, false).unwrap();
    update.root
}

/// Names of all nodes of a version.
fn reached(store: &MemoryStore, version: u64) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    let mut open = if version == 0 { Vec::new() } else { vec![Position::root(version)] };
    while let Some(position) = open.pop() {
        if let NodeView::Inner(children) = nodes(store).view(&position).unwrap() {
            let present = (0u8..).zip(children.iter()).filter_map(|(nibble, child)| Some((nibble, (*child)?)));
            open.extend(present.map(|(nibble, child)| position.child(nibble, child.version)));
        }
        names.insert(position.name());
    }
    names
}

/// Siblings of a jmt proof, read from its borsh encoding, lowest first.
fn siblings(suite: Suite, encoded: &[u8]) -> (Option<(Hash, Hash)>, Vec<Hash>) {
    let mut rest = encoded;
    let mut take = |count: usize| {
        let (part, left) = rest.split_at(count);
        rest = left;
        part
    };
    let hash = |bytes: &[u8]| Hash(bytes.try_into().unwrap());
    let leaf = (take(1) == [1]).then(|| (hash(take(32)), hash(take(32))));
    let count = u32::from_le_bytes(take(4).try_into().unwrap());
    let siblings = (0..count)
        .map(|_| match take(1)[0] {
            0 => EMPTY_STATE_ROOT,
            1 => state_node_hash(suite, &hash(take(32)), &hash(take(32))),
            _ => state_leaf_hash(suite, &hash(take(32)), &hash(take(32))),
        })
        .collect();
    (leaf, siblings)
}

fn compare<H: SimpleHasher>(suite: Suite, size: u32) {
    let mut store = MemoryStore::default();
    let mut oracle = Oracle::default();
    let key_hash = |number: u32| suite.hash_parts(&[b"key", &number.to_be_bytes()]);
    let mut root = EMPTY_STATE_ROOT;
    let mut version = 0;
    // Insert in three batches, each removing a few earlier keys.
    for part in 0..3 {
        let mut batch = LeafBatch::new();
        for number in (0..size).filter(|number| number % 3 == part) {
            batch.insert(key_hash(number), Some(number.to_le_bytes().to_vec()));
        }
        for number in (0..size).filter(|number| number % 3 < part && number % 7 == part) {
            if oracle.values.contains_key(&key_hash(number)) {
                batch.insert(key_hash(number), None);
            }
        }
        if batch.is_empty() {
            continue;
        }
        let theirs = oracle.update::<H>(version + 1, &batch);
        root = update(&mut store, suite, version, batch);
        assert_eq!(root, theirs);
        version += 1;
    }
    let values = &oracle.values;
    let theirs = JellyfishMerkleTree::<_, H>::new(&oracle);
    let sorted: Vec<Hash> = values.keys().copied().collect();
    for number in 0..size + 30 {
        let key = key_hash(number);
        let ours = JellyfishTree(suite).path(&nodes(&store), version, &key).unwrap();
        if version > 0 {
            let (found, proof) = theirs.get_with_proof(KeyHash(key.0), version).unwrap();
            proof.verify(jmt::RootHash(root.0), KeyHash(key.0), found.as_ref()).unwrap();
            assert_eq!(found.as_ref(), values.get(&key));
            let (leaf, siblings) = siblings(suite, &borsh::to_vec(&proof).unwrap());
            assert_eq!(ours.siblings, siblings);
            let end = leaf.map_or(PathEnd::Empty, |(key_hash, value_hash)| PathEnd::Leaf { key_hash, value_hash });
            assert_eq!(ours.end, end);
        }
        let at = sorted.partition_point(|other| *other < key);
        let above = sorted.get(at..).and_then(|rest| rest.iter().find(|other| **other != key));
        let below = at.checked_sub(1).and_then(|index| sorted.get(index));
        let (left, right) = JellyfishTree(suite).neighbours(&nodes(&store), version, &key).unwrap();
        if !values.contains_key(&key) {
            assert_eq!((left.as_ref(), right.as_ref()), (below, above));
        }
    }
}

#[test]
fn paths_and_neighbours_are_those_of_jmt() {
    for size in (0..12).chain([16, 17, 40, 100, 200, 1_000]) {
        compare::<StandardHasher>(Suite::Standard, size);
        compare::<GuomiHasher>(Suite::Guomi, size);
    }
}

/// Keys that share long beginnings, so that leaves move up and down by many levels.
fn close_keys() -> impl Strategy<Value = Hash> {
    (0..4u8, prop_oneof![Just(0usize), Just(1), Just(15), Just(31)], any::<u8>()).prop_map(|(fill, place, byte)| {
        let mut key = [fill; 32];
        key[place] = byte;
        Hash(key)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn versions_are_those_of_jmt_and_every_node_is_accounted_for(
        batches in prop::collection::vec(prop::collection::btree_map(close_keys(), prop::option::of(0..3u8), 1..12), 1..12)
    ) {
        let (mut store, mut oracle, mut version) = (MemoryStore::default(), Oracle::default(), 0);
        for batch in batches {
            // What is removed is there, and what is set is new, as `finish` hands it over.
            let batch: LeafBatch = batch
                .into_iter()
                .map(|(key, value)| (key, value.map(|value| vec![value])))
                .filter(|(key, value)| oracle.values.get(key) != value.as_ref())
                .collect();
            if batch.is_empty() {
                continue;
            }
            let theirs = oracle.update::<StandardHasher>(version + 1, &batch);
            prop_assert_eq!(update(&mut store, Suite::Standard, version, batch), theirs);
            version += 1;
        }
    }

    #[test]
    fn a_stored_node_has_one_form(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(node) = NodeView::decode(&bytes) {
            prop_assert_eq!(node.encode(), bytes);
        }
    }
}

#[test]
fn stored_nodes_read_back_and_damaged_ones_do_not() {
    let child = |number: u8| {
        Some(ChildView { hash: Hash([number; 32]), version: number.into(), is_leaf: number.is_multiple_of(2) })
    };
    let mut children = Box::new([None; 16]);
    (children[0], children[7], children[15]) = (child(1), child(2), child(3));
    let leaf = NodeView::Leaf { key_hash: Hash([1; 32]), value_hash: Hash([2; 32]) };
    for node in [NodeView::Empty, leaf, NodeView::Inner(children)] {
        let bytes = node.encode();
        assert_eq!(NodeView::decode(&bytes).unwrap(), node);
        for end in 0..bytes.len() {
            NodeView::decode(&bytes[..end]).unwrap_err();
        }
        let mut longer = bytes.clone();
        longer.push(0);
        NodeView::decode(&longer).unwrap_err();
    }
    NodeView::decode(&[INNER_WITHOUT_CHILDREN, 0, 0, 0, 0]).unwrap_err();
}

const INNER_WITHOUT_CHILDREN: u8 = 2;

#[test]
fn our_hashers_are_the_suites() {
    assert_eq!(StandardHasher::hash(b"abc"), Suite::Standard.hash_parts(&[b"abc"]).0);
    assert_eq!(GuomiHasher::hash(b"abc"), Suite::Guomi.hash_parts(&[b"abc"]).0);
}

/// A store that fails at its n-th read.
struct Failing<'s>(&'s MemoryStore, std::cell::Cell<u32>);

impl StoreReader for Failing<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        let left = self.1.get();
        self.1.set(left.saturating_sub(1));
        if left == 0 { Err(StoreFault("unplugged".into())) } else { self.0.get(key) }
    }
    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreFault> {
        self.0.scan(start, end, limit)
    }
    fn last(&self, start: &[u8], end: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreFault> {
        self.0.last(start, end)
    }
}

#[test]
fn a_failing_store_is_a_fault_at_every_read() {
    let mut store = MemoryStore::default();
    let suite = Suite::Standard;
    let key = |number: u32| suite.hash_parts(&[&number.to_be_bytes()]);
    update(&mut store, suite, 0, (0..300).map(|number| (key(number), Some(vec![1]))).collect());
    let (mut faults, mut reads) = (0, 0);
    loop {
        let failing = Failing(&store, std::cell::Cell::new(reads));
        let nodes = Nodes { reader: &failing, ledger: LedgerId(3) };
        let path = JellyfishTree(suite).path(&nodes, 1, &key(7));
        let batch = LeafBatch::from([(key(7), None), (key(8), Some(vec![2])), (key(900), Some(vec![3]))]);
        let update = JellyfishTree(suite).update(&nodes, 1, batch);
        match (path, update) {
            (Ok(_), Ok(_)) => break,
            (path, update) => {
                let fault = path.err().or(update.err()).unwrap();
                assert!(fault.0.contains("unplugged"), "{fault}");
                faults += 1;
            }
        }
        reads += 1;
    }
    assert!(faults > 8, "{faults}");
}
