//! The append-only log and paths from its node store.

use super::*;
use crate::codec::{decode, encode};

#[test]
fn the_log_has_the_root_of_the_tree_at_every_size() {
    for suite in SUITES {
        let data = leaves(130);
        let mut log = Log::new(suite);
        assert_eq!(log.frontier.root(), empty_root(suite));
        for (size, leaf) in (1u64..).zip(&data) {
            log.append(leaf);
            let expected = mth(suite, &data[..size as usize]);
            assert_eq!((log.frontier.size(), log.frontier.root()), (size, expected));
            assert_eq!(root_from_nodes(suite, size, &|node| log.node(node)), Ok(expected));
            assert_eq!(Frontier::from_nodes(suite, size, &|node| log.node(node)), Ok(log.frontier.clone()));
        }
        // Of n leaves, as many subtrees are complete as a store of 2n − (ones in n) holds.
        assert_eq!(log.nodes.len(), 2 * 130 - 130u64.count_ones() as usize);
    }
}

#[test]
fn paths_into_any_earlier_size_come_from_the_store() {
    let suite = Suite::Standard;
    let data = leaves(130);
    let mut log = Log::new(suite);
    data.iter().for_each(|leaf| log.append(leaf));
    for size in SIZES {
        let tree = Tree::new(suite, &data[..size as usize]);
        // Only subtrees that are complete at this size are asked for.
        let store = |node: Node| {
            assert!((node.index + 1) << node.level <= size, "{node:?} is not complete at {size}");
            log.node(node)
        };
        for index in 0..size {
            assert_eq!(path_from_nodes(suite, index, size, &store), tree.path(index));
        }
        for first in 1..=size {
            assert_eq!(consistency_from_nodes(suite, first, size, &store), tree.consistency(first));
        }
    }
}

#[test]
fn a_missing_node_is_named() {
    let node = Node { level: 1, index: 1 };
    let tree = Tree::new(Suite::Standard, &leaves(4));
    let holed = |asked: Node| tree.node(asked).filter(|_| asked != node);
    assert_eq!(path_from_nodes(Suite::Standard, 0, 4, &holed), Err(MerkleError::MissingNode(node)));
    assert_eq!(consistency_from_nodes(Suite::Standard, 2, 4, &holed), Err(MerkleError::MissingNode(node)));
    let peak = Node { level: 2, index: 0 };
    assert_eq!(root_from_nodes(Suite::Standard, 4, &|_| None), Err(MerkleError::MissingNode(peak)));
    assert_eq!(Frontier::from_nodes(Suite::Standard, 4, &|_| None), Err(MerkleError::MissingNode(peak)));
}

#[test]
fn a_frontier_survives_encoding_and_refuses_wrong_counts_of_peaks() {
    let mut log = Log::new(Suite::Guomi);
    for leaf in leaves(130) {
        log.append(&leaf);
        let bytes = encode(&log.frontier);
        let decoded: Frontier = decode(&bytes, 4096).unwrap();
        assert_eq!(decoded, log.frontier);
        // The size stands behind the suite byte: every change of its number of ones is refused.
        for bit in 0..64 {
            let mut changed = bytes.clone();
            changed[1 + bit / 8] ^= 1 << (bit % 8);
            assert!(decode::<Frontier>(&changed, 4096).is_err());
        }
    }
}

#[test]
fn a_foreign_frontier_is_compared_with_size_and_root() {
    let mut log = Log::new(Suite::Standard);
    leaves(6).iter().for_each(|leaf| log.append(leaf));
    let (frontier, root) = (log.frontier.clone(), log.frontier.root());
    assert!(frontier.clone().expect_root(Suite::Standard, 6, &root).is_ok());
    assert!(matches!(frontier.clone().expect_root(Suite::Standard, 5, &root), Err(MerkleError::OtherFrontier { .. })));
    assert!(matches!(frontier.clone().expect_root(Suite::Guomi, 6, &root), Err(MerkleError::OtherFrontier { .. })));
    assert!(matches!(
        frontier.clone().expect_root(Suite::Standard, 6, &Hash([1; 32])),
        Err(MerkleError::RootMismatch { .. })
    ));
    assert_eq!(frontier.expect_root(Suite::Standard, 6, &Hash::ZERO), Err(MerkleError::ZeroRoot));
}

#[test]
fn a_full_log_refuses_to_grow_and_stays_as_it_was() {
    let mut full = Frontier::from_nodes(Suite::Standard, MAX_LEAVES, &|_| Some(Hash([1; 32]))).unwrap();
    let before = full.clone();
    assert_eq!(full.append(LeafHash::of(Suite::Standard, b"")), Err(MerkleError::TooLarge { size: MAX_LEAVES }));
    assert_eq!(full, before);
    let too_large = Frontier::from_nodes(Suite::Standard, MAX_LEAVES + 1, &|_| Some(Hash([1; 32])));
    assert_eq!(too_large, Err(MerkleError::TooLarge { size: MAX_LEAVES + 1 }));
}
