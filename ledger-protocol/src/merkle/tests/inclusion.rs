//! Inclusion: what is proved is accepted, everything else is refused.

use super::*;
use proptest::prelude::*;

fn verify(
    suite: Suite,
    data: &[u8],
    index: u64,
    size: u64,
    path: &InclusionPath,
    root: &Hash,
) -> Result<VerifiedLeaf, MerkleError> {
    verify_inclusion(suite, LeafHash::of(suite, data), index, size, path)?.expect_root(root)
}

#[test]
fn every_leaf_of_every_size_is_proved_and_equals_the_rfc() {
    for suite in SUITES {
        for size in SIZES {
            let data = leaves(size);
            let tree = Tree::new(suite, &data);
            assert_eq!(tree.size(), size);
            assert_eq!(tree.root(), mth(suite, &data));
            for index in 0..size {
                let proved = tree.path(index).unwrap();
                assert_eq!(proved.0.to_vec(), path(suite, index as usize, &data));
                let leaf = verify(suite, &data[index as usize], index, size, &proved, &tree.root()).unwrap();
                assert_eq!((leaf.index(), leaf.size(), leaf.root()), (index, size, tree.root()));
                assert_eq!(leaf.leaf(), LeafHash::of(suite, &data[index as usize]));
                assert_eq!(leaf.is_last(), index + 1 == size);
            }
        }
    }
}

#[test]
fn the_empty_tree_has_the_root_of_nothing_and_no_leaf() {
    for suite in SUITES {
        assert_eq!(root::<&[u8]>(suite, &[]), suite.hash_parts(&[b""]));
        assert_eq!(Tree::new::<&[u8]>(suite, &[]).path(0), Err(MerkleError::OutOfRange { index: 0, size: 0 }));
        let leaf = LeafHash::of(suite, b"");
        let refused = verify_inclusion(suite, leaf, 0, 0, &InclusionPath::default());
        assert_eq!(refused, Err(MerkleError::OutOfRange { index: 0, size: 0 }));
    }
}

#[test]
fn the_only_leaf_has_the_empty_path() {
    let tree = Tree::new(Suite::Standard, &[b"only"]);
    assert!(tree.path(0).unwrap().0.is_empty());
    let leaf = verify(Suite::Standard, b"only", 0, 1, &InclusionPath::default(), &tree.root()).unwrap();
    assert!(leaf.is_last());
}

#[test]
fn an_index_at_or_above_the_size_is_refused() {
    for size in SIZES {
        let data = leaves(size);
        let tree = Tree::new(Suite::Standard, &data);
        let last = tree.path(size - 1).unwrap();
        for index in [size, size + 1, size * 2, u64::MAX] {
            let leaf = LeafHash::of(Suite::Standard, &data[size as usize - 1]);
            let refused = verify_inclusion(Suite::Standard, leaf, index, size, &last);
            assert_eq!(refused, Err(MerkleError::OutOfRange { index, size }));
            assert_eq!(tree.path(index), Err(MerkleError::OutOfRange { index, size }));
        }
    }
}

#[test]
fn a_surplus_or_missing_hash_is_refused_wherever_it_stands() {
    for size in SIZES {
        let data = leaves(size);
        let tree = Tree::new(Suite::Standard, &data);
        for index in 0..size {
            let good = tree.path(index).unwrap().0.into_vec();
            for place in 0..=good.len() {
                for surplus in [tree.root(), Hash::ZERO, good.get(place).copied().unwrap_or(Hash::ZERO)] {
                    let mut longer = good.clone();
                    longer.insert(place, surplus);
                    let refused = verify(
                        Suite::Standard,
                        &data[index as usize],
                        index,
                        size,
                        &inclusion_path(longer),
                        &tree.root(),
                    );
                    assert_eq!(refused, Err(MerkleError::PathLength { got: good.len() + 1, expected: good.len() }));
                }
            }
            for place in 0..good.len() {
                let mut shorter = good.clone();
                shorter.remove(place);
                let refused =
                    verify(Suite::Standard, &data[index as usize], index, size, &inclusion_path(shorter), &tree.root());
                assert_eq!(refused, Err(MerkleError::PathLength { got: good.len() - 1, expected: good.len() }));
            }
        }
    }
}

#[test]
fn every_flipped_bit_of_a_path_or_root_is_refused() {
    for suite in SUITES {
        for size in (1..=20).chain([31, 32, 33, 64, 65, 127, 130]) {
            let data = leaves(size);
            let tree = Tree::new(suite, &data);
            let step = if size > 20 { 13 } else { 1 };
            for index in (0..size).step_by(step).chain([size - 1]) {
                let good = tree.path(index).unwrap().0.into_vec();
                for bit in 0..good.len() * 256 {
                    let mut flipped = good.clone();
                    flipped[bit / 256].0[bit % 256 / 8] ^= 1 << (bit % 8);
                    let refused =
                        verify(suite, &data[index as usize], index, size, &inclusion_path(flipped), &tree.root());
                    assert!(
                        matches!(refused, Err(MerkleError::RootMismatch { .. })),
                        "size {size}, index {index}, bit {bit}"
                    );
                }
                for bit in 0..256 {
                    let mut root = tree.root();
                    root.0[bit / 8] ^= 1 << (bit % 8);
                    assert!(
                        verify(suite, &data[index as usize], index, size, &inclusion_path(good.clone()), &root)
                            .is_err()
                    );
                }
            }
        }
    }
}

#[test]
fn a_leaf_is_proved_at_its_own_index_and_size_only() {
    let suite = Suite::Standard;
    for size in 1..=40 {
        let data = leaves(size);
        let tree = Tree::new(suite, &data);
        for index in 0..size {
            let good = tree.path(index).unwrap();
            for other in (0..size).filter(|other| *other != index) {
                assert!(verify(suite, &data[index as usize], other, size, &good, &tree.root()).is_err());
                assert!(verify(suite, &data[other as usize], index, size, &good, &tree.root()).is_err());
            }
        }
    }
}

#[test]
fn an_inner_node_is_never_a_leaf() {
    // The tree (a b)(c d) has the root of a tree whose two leaves would be the inner nodes, if leaves and nodes were
    // hashed alike.
    for suite in SUITES {
        let data = leaves(4);
        let tree = Tree::new(suite, &data);
        let (left, right) =
            (tree.node(Node { level: 1, index: 0 }).unwrap(), tree.node(Node { level: 1, index: 1 }).unwrap());
        let bottom: Vec<u8> = [0, 1].iter().flat_map(|i| tree.node(Node { level: 0, index: *i }).unwrap().0).collect();
        let path = inclusion_path(vec![right]);
        for forged in [left.0.to_vec(), bottom.clone(), [&[1u8][..], &bottom].concat()] {
            let refused = verify(suite, &forged, 0, 2, &path, &tree.root());
            assert!(matches!(refused, Err(MerkleError::RootMismatch { .. })));
        }
        assert_ne!(root(suite, &[left.0, right.0]), tree.root());
    }
}

#[test]
fn a_root_of_one_suite_is_none_of_the_other() {
    let data = leaves(5);
    let tree = Tree::new(Suite::Standard, &data);
    let refused = verify(Suite::Guomi, &data[2], 2, 5, &tree.path(2).unwrap(), &tree.root());
    assert!(matches!(refused, Err(MerkleError::RootMismatch { .. })));
}

#[test]
fn the_zero_hash_is_never_a_root() {
    let recomputed =
        verify_inclusion(Suite::Standard, LeafHash::of(Suite::Standard, b""), 0, 1, &InclusionPath::default()).unwrap();
    assert_eq!(recomputed.expect_root(&Hash::ZERO), Err(MerkleError::ZeroRoot));
}

#[test]
fn a_size_above_the_bound_is_refused() {
    let leaf = LeafHash::of(Suite::Standard, b"");
    for size in [MAX_LEAVES + 1, u64::MAX] {
        let refused = verify_inclusion(Suite::Standard, leaf, 0, size, &InclusionPath::default());
        assert_eq!(refused, Err(MerkleError::TooLarge { size }));
        assert_eq!(path_from_nodes(Suite::Standard, 0, size, &|_| None), Err(MerkleError::TooLarge { size }));
    }
}

proptest! {
    #[test]
    fn a_random_path_never_panics_and_never_proves(
        index in any::<u64>(), size in any::<u64>(), hashes in proptest::collection::vec(any::<[u8; 32]>(), 0..=64)
    ) {
        let path = inclusion_path(hashes.into_iter().map(Hash).collect());
        if let Ok(recomputed) = verify_inclusion(Suite::Standard, LeafHash::of(Suite::Standard, b"x"), index, size, &path) {
            prop_assert!(index < size && size <= MAX_LEAVES);
            prop_assert!(recomputed.expect_root(&Hash([7; 32])).is_err());
        }
    }

    #[test]
    fn random_trees_prove_every_leaf(data in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..300), pick in any::<proptest::sample::Index>()) {
        let tree = Tree::new(Suite::Standard, &data);
        prop_assert_eq!(tree.root(), mth(Suite::Standard, &data));
        let index = pick.index(data.len());
        let path = tree.path(index as u64).unwrap();
        let leaf = verify(Suite::Standard, &data[index], index as u64, tree.size(), &path, &tree.root()).unwrap();
        prop_assert_eq!(leaf.index(), index as u64);
        // Equal data at another place keeps its own path.
        let encoded = crate::codec::encode(&path);
        prop_assert_eq!(crate::codec::decode::<InclusionPath>(&encoded, 4096).unwrap(), path);
    }
}
