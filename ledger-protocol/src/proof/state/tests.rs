#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
//! State proofs against `jmt`: its trees, its proofs and its verifier.

use super::*;
use crate::codec::{BoundedBytes, decode};
use crate::identifiers::Version;
use crate::suite::Digester;
use crate::transaction::{StateContent, Value};
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader};
use jmt::{JellyfishMerkleTree, KeyHash, OwnedValue, SimpleHasher};
use proptest::prelude::*;
use std::collections::BTreeMap;

struct Standard(Digester);
struct Guomi(Digester);

macro_rules! hasher {
    ($name:ident, $suite:expr) => {
        impl SimpleHasher for $name {
            fn new() -> Self {
                Self($suite.digester())
            }
            fn update(&mut self, data: &[u8]) {
                self.0.update(data);
            }
            fn finalize(self) -> [u8; 32] {
                self.0.finish().0
            }
        }
    };
}
hasher!(Standard, Suite::Standard);
hasher!(Guomi, Suite::Guomi);

#[derive(Default)]
struct Stored {
    nodes: BTreeMap<NodeKey, Node>,
    values: BTreeMap<KeyHash, OwnedValue>,
}

impl TreeReader for Stored {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self.nodes.get(key).cloned())
    }
    fn get_value_option(&self, _: u64, key: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self.values.get(&key).cloned())
    }
    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

/// A jmt proof in the form of this protocol, read from its borsh encoding.
fn converted(suite: Suite, value: Option<&StateValue>, encoded: &[u8]) -> StateProof {
    let mut rest = encoded;
    let mut take = |count: usize| {
        let (part, left) = rest.split_at(count);
        rest = left;
        part.to_vec()
    };
    let hash = |bytes: Vec<u8>| Hash(bytes.try_into().unwrap());
    let leaf = (take(1) == [1]).then(|| (hash(take(32)), hash(take(32))));
    let count = u32::from_le_bytes(take(4).try_into().unwrap());
    let siblings: Vec<Hash> = (0..count)
        .map(|_| match take(1)[0] {
            0 => EMPTY_STATE_ROOT,
            1 => state_node_hash(suite, &hash(take(32)), &hash(take(32))),
            _ => state_leaf_hash(suite, &hash(take(32)), &hash(take(32))),
        })
        .collect();
    assert!(rest.is_empty());
    let siblings = Bounded::new(siblings).unwrap();
    match (value, leaf) {
        (Some(value), Some(_)) => StateProof::Present { value: value.clone(), siblings },
        (None, Some((other_key_hash, other_value_hash))) => {
            StateProof::AbsentOther { other_key_hash, other_value_hash, siblings }
        }
        (None, None) => StateProof::AbsentEmpty { siblings },
        (Some(_), None) => panic!("a present key without a leaf"),
    }
}

fn account() -> AccountName {
    AccountName::new("books").unwrap()
}

fn key(number: u32) -> StateKey {
    StateKey::new(number.to_be_bytes()).unwrap()
}

fn value(number: u32) -> StateValue {
    let content = match number % 3 {
        0 => StateContent::Plain(Value::new(vec![number as u8; (number % 40) as usize]).unwrap()),
        1 => StateContent::Counter { value: i64::from(number), min: i64::MIN, max: i64::MAX },
        _ => StateContent::Tombstone,
    };
    StateValue { version: Version(u64::from(number)), content }
}

/// A tree with keys 0 … size − 1: the root, and the proof of any key.
fn tree<H: SimpleHasher>(suite: Suite, size: u32) -> (Hash, Stored) {
    let mut stored = Stored::default();
    let leaves: Vec<(KeyHash, Option<OwnedValue>)> = (0..size)
        .map(|number| (KeyHash(state_tree_key(suite, &account(), &key(number)).0), Some(encode(&value(number)))))
        .collect();
    if size == 0 {
        stored.nodes.insert(node_key_of_root(), Node::Null);
        return (EMPTY_STATE_ROOT, stored);
    }
    let (root, update) = JellyfishMerkleTree::<_, H>::new(&stored).put_value_set(leaves.clone(), 0).unwrap();
    stored.nodes = update.node_batch.nodes().clone();
    stored.values = leaves.into_iter().map(|(key, value)| (key, value.unwrap())).collect();
    (Hash(root.0), stored)
}

fn node_key_of_root() -> NodeKey {
    NodeKey::new(0, std::iter::empty().collect())
}

fn proofs<H: SimpleHasher>(suite: Suite, size: u32) {
    let (root, stored) = tree::<H>(suite, size);
    let jmt_tree = JellyfishMerkleTree::<_, H>::new(&stored);
    let mut kinds = [0u32; 3];
    for number in 0..size + 40 {
        let key_hash = KeyHash(state_tree_key(suite, &account(), &key(number)).0);
        let (found, theirs) = jmt_tree.get_with_proof(key_hash, 0).unwrap();
        theirs.verify(jmt::RootHash(root.0), key_hash, found.as_ref()).unwrap();
        let expected = (number < size).then(|| value(number));
        assert_eq!(found, expected.as_ref().map(encode));
        let ours = converted(suite, expected.as_ref(), &borsh::to_vec(&theirs).unwrap());
        let verified = ours.verify(suite, &account(), &key(number), &root).unwrap();
        kinds[match ours {
            StateProof::Present { .. } => 0,
            StateProof::AbsentEmpty { .. } => 1,
            StateProof::AbsentOther { .. } => 2,
        }] += 1;
        assert_eq!(verified, expected.map_or(VerifiedState::Absent, VerifiedState::Present));
        // For another key, account, suite or root the same proof says nothing false.
        let other = key(number + 1);
        if let Ok(VerifiedState::Present(_)) = ours.verify(suite, &account(), &other, &root) {
            panic!("a value was accepted under another key");
        }
        if number + 1 < size {
            assert!(ours.verify(suite, &account(), &other, &root).is_err(), "a present key was shown absent");
        }
        assert_eq!(ours.verify(suite, &account(), &key(number), &Hash::ZERO), Err(ProofError::ZeroRoot));
    }
    if size > 40 {
        assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
    }
}

#[test]
fn jmt_and_this_verifier_agree_on_trees_of_0_to_200_keys() {
    for size in (0..20).chain([31, 32, 33, 64, 65, 100, 127, 128, 199, 200]) {
        proofs::<Standard>(Suite::Standard, size);
        proofs::<Guomi>(Suite::Guomi, size);
    }
}

fn flips<H: SimpleHasher>(suite: Suite, size: u32) -> usize {
    let (root, stored) = tree::<H>(suite, size);
    let jmt_tree = JellyfishMerkleTree::<_, H>::new(&stored);
    let mut tried = 0;
    for number in 0..size + 12 {
        let expected = (number < size).then(|| value(number));
        let key_hash = KeyHash(state_tree_key(suite, &account(), &key(number)).0);
        let (_, theirs) = jmt_tree.get_with_proof(key_hash, 0).unwrap();
        let ours = converted(suite, expected.as_ref(), &borsh::to_vec(&theirs).unwrap());
        let truth = expected.map_or(VerifiedState::Absent, VerifiedState::Present);
        let bytes = encode(&ours);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            tried += 1;
            let Ok(proof) = decode::<StateProof>(&flipped, 1 << 20) else { continue };
            if let Ok(verified) = proof.verify(suite, &account(), &key(number), &root) {
                assert_eq!(verified, truth, "bit {bit} of the proof of key {number} changed the statement");
            }
        }
    }
    tried
}

#[test]
fn no_flipped_bit_changes_a_statement() {
    let tried = [1u32, 2, 7, 20].iter().map(|size| flips::<Standard>(Suite::Standard, *size)).sum::<usize>()
        + flips::<Guomi>(Suite::Guomi, 7);
    assert!(tried > 20_000, "only {tried} flipped bits were tried");
}

#[test]
fn an_empty_tree_shows_every_key_absent_and_nothing_else() {
    let proof = StateProof::AbsentEmpty { siblings: Bounded::empty() };
    for suite in [Suite::Standard, Suite::Guomi] {
        assert_eq!(proof.verify(suite, &account(), &key(1), &EMPTY_STATE_ROOT), Ok(VerifiedState::Absent));
        let (root, _) = tree::<Standard>(Suite::Standard, 3);
        assert!(matches!(proof.verify(suite, &account(), &key(1), &root), Err(ProofError::RootMismatch { .. })));
    }
}

#[test]
fn a_lowest_sibling_is_never_empty() {
    let suite = Suite::Standard;
    let key_hash = state_tree_key(suite, &account(), &key(1));
    let leaf = state_leaf_hash(suite, &key_hash, &state_value_hash(suite, &value(1)));
    let root = climb(suite, &key_hash, leaf, &[EMPTY_STATE_ROOT]);
    let proof = StateProof::Present { value: value(1), siblings: Bounded::new(vec![EMPTY_STATE_ROOT]).unwrap() };
    assert_eq!(proof.verify(suite, &account(), &key(1), &root), Err(ProofError::NotCanonical));
}

#[test]
fn another_leaf_must_stand_in_the_way_of_the_key() {
    let suite = Suite::Standard;
    let (mine, other) = (key(1), state_tree_key(suite, &account(), &key(2)));
    let siblings = Bounded::new(vec![Hash([7; 32]); 64]).unwrap();
    let proof = StateProof::AbsentOther { other_key_hash: other, other_value_hash: Hash([1; 32]), siblings };
    let refused = proof.verify(suite, &account(), &mine, &Hash([9; 32]));
    assert!(matches!(refused, Err(ProofError::OtherSubtree { needed: 64, .. })), "{refused:?}");
    let own = state_tree_key(suite, &account(), &mine);
    let proof =
        StateProof::AbsentOther { other_key_hash: own, other_value_hash: Hash([1; 32]), siblings: Bounded::empty() };
    assert_eq!(proof.verify(suite, &account(), &mine, &Hash([9; 32])), Err(ProofError::ShowsTheKey));
}

#[test]
fn more_siblings_than_bits_do_not_decode() {
    let mut bytes = vec![2u8];
    bytes.extend_from_slice(&257u32.to_le_bytes());
    bytes.extend(std::iter::repeat_n(5u8, 257 * 32));
    assert!(decode::<StateProof>(&bytes, 1 << 20).is_err());
    let proof = StateProof::AbsentEmpty { siblings: Bounded::new(vec![Hash([5; 32]); 256]).unwrap() };
    let back: StateProof = decode(&encode(&proof), 1 << 20).unwrap();
    assert!(matches!(
        back.verify(Suite::Standard, &account(), &key(0), &Hash([1; 32])),
        Err(ProofError::RootMismatch { .. })
    ));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(proof) = decode::<StateProof>(&bytes, 1 << 20) {
            prop_assert_eq!(encode(&proof), bytes);
            let verified = proof.verify(Suite::Standard, &account(), &key(0), &Hash([1; 32]));
            prop_assert!(verified.is_err());
        }
    }

    #[test]
    fn a_proof_round_trips(version in any::<u64>(), siblings in proptest::collection::vec(any::<[u8; 32]>(), 0..257)) {
        let value = StateValue {
            version: Version(version),
            content: StateContent::Working(BoundedBytes::new(vec![1, 2, 3]).unwrap()),
        };
        let siblings = Bounded::new(siblings.into_iter().map(Hash).collect()).unwrap();
        let proof = StateProof::Present { value, siblings };
        prop_assert_eq!(decode::<StateProof>(&encode(&proof), 1 << 20).unwrap(), proof);
    }
}
