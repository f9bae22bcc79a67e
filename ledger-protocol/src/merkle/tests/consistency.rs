//! Consistency: two sizes of one log are accepted, everything else is refused.

use super::*;
use proptest::prelude::*;

fn verify(
    suite: Suite,
    first: (u64, Hash),
    second: (u64, Hash),
    path: &ConsistencyPath,
) -> Result<VerifiedExtension, MerkleError> {
    verify_consistency(suite, first.0, &first.1, second.0, path)?.expect_root(&second.1)
}

#[test]
fn every_pair_of_sizes_is_proved_and_equals_the_rfc() {
    let suite = Suite::Standard;
    let data = leaves(130);
    let roots: Vec<Hash> = (0..=130).map(|size| mth(suite, &data[..size])).collect();
    for second in SIZES {
        let tree = Tree::new(suite, &data[..second as usize]);
        for first in 1..=second {
            let proved = tree.consistency(first).unwrap();
            assert_eq!(
                proved.0.to_vec(),
                proof(suite, first as usize, &data[..second as usize]),
                "{first} to {second}"
            );
            let ends = ((first, roots[first as usize]), (second, roots[second as usize]));
            let extension = verify(suite, ends.0, ends.1, &proved).unwrap();
            assert_eq!((extension.first(), extension.second()), ends);
        }
    }
}

#[test]
fn guomi_logs_are_proved_too() {
    let data = leaves(40);
    for second in 1..=40u64 {
        let tree = Tree::new(Suite::Guomi, &data[..second as usize]);
        for first in 1..=second {
            let old = (first, mth(Suite::Guomi, &data[..first as usize]));
            verify(Suite::Guomi, old, (second, tree.root()), &tree.consistency(first).unwrap()).map(|_| ()).unwrap();
        }
    }
}

#[test]
fn an_empty_or_larger_first_tree_is_refused() {
    let data = leaves(4);
    let tree = Tree::new(Suite::Standard, &data);
    let (root, empty) = (tree.root(), empty_root(Suite::Standard));
    let none = ConsistencyPath::default();
    assert_eq!(verify_consistency(Suite::Standard, 0, &empty, 4, &none), Err(MerkleError::EmptyFirst));
    assert_eq!(verify_consistency(Suite::Standard, 0, &empty, 0, &none), Err(MerkleError::EmptyFirst));
    assert_eq!(
        verify_consistency(Suite::Standard, 5, &root, 4, &none),
        Err(MerkleError::Shrinks { first: 5, second: 4 })
    );
    assert_eq!(tree.consistency(0), Err(MerkleError::EmptyFirst));
    assert_eq!(tree.consistency(5), Err(MerkleError::Shrinks { first: 5, second: 4 }));
    assert_eq!(verify_consistency(Suite::Standard, 4, &Hash::ZERO, 4, &none), Err(MerkleError::ZeroRoot));
    let huge = MAX_LEAVES + 1;
    assert_eq!(verify_consistency(Suite::Standard, 4, &root, huge, &none), Err(MerkleError::TooLarge { size: huge }));
    assert_eq!(
        verify_consistency(Suite::Standard, huge, &root, huge, &none),
        Err(MerkleError::TooLarge { size: huge })
    );
}

#[test]
fn equal_sizes_take_the_empty_path_and_equal_roots() {
    let tree = Tree::new(Suite::Standard, &leaves(6));
    let same = (6, tree.root());
    verify(Suite::Standard, same, same, &ConsistencyPath::default()).map(|_| ()).unwrap();
    let refused = verify(Suite::Standard, same, (6, Hash([1; 32])), &ConsistencyPath::default());
    assert!(matches!(refused, Err(MerkleError::RootMismatch { .. })));
    let refused = verify(Suite::Standard, same, same, &consistency_path(vec![tree.root()]));
    assert_eq!(refused, Err(MerkleError::PathLength { got: 1, expected: 0 }));
}

#[test]
fn every_flipped_bit_and_every_surplus_or_missing_hash_is_refused() {
    let suite = Suite::Standard;
    let data = leaves(40);
    for second in 2..=40u64 {
        let tree = Tree::new(suite, &data[..second as usize]);
        for first in 1..second {
            let ends = ((first, mth(suite, &data[..first as usize])), (second, tree.root()));
            let good = tree.consistency(first).unwrap().0.into_vec();
            let bits = if second <= 17 { 1 } else { 29 };
            for bit in (0..good.len() * 256).step_by(bits) {
                let mut flipped = good.clone();
                flipped[bit / 256].0[bit % 256 / 8] ^= 1 << (bit % 8);
                let refused = verify(suite, ends.0, ends.1, &consistency_path(flipped));
                assert!(matches!(refused, Err(MerkleError::RootMismatch { .. })), "{first} to {second}, bit {bit}");
            }
            for place in 0..=good.len() {
                let mut longer = good.clone();
                longer.insert(place, good.get(place).copied().unwrap_or(ends.0.1));
                let refused = verify(suite, ends.0, ends.1, &consistency_path(longer));
                assert_eq!(refused, Err(MerkleError::PathLength { got: good.len() + 1, expected: good.len() }));
            }
            for place in 0..good.len() {
                let mut shorter = good.clone();
                shorter.remove(place);
                let refused = verify(suite, ends.0, ends.1, &consistency_path(shorter));
                assert_eq!(refused, Err(MerkleError::PathLength { got: good.len() - 1, expected: good.len() }));
            }
            let mut forged = ends.0;
            forged.1.0[0] ^= 1;
            assert!(verify(suite, forged, ends.1, &consistency_path(good)).is_err());
        }
    }
}

#[test]
fn a_rewritten_history_is_never_consistent() {
    // A log that changed one early leaf cannot reach the old root with any of its own paths.
    let suite = Suite::Standard;
    let data = leaves(33);
    for changed in 0..20usize {
        let mut rewritten = data.clone();
        rewritten[changed].push(0);
        let tree = Tree::new(suite, &rewritten);
        for first in (changed as u64 + 1)..33 {
            let old = (first, mth(suite, &data[..first as usize]));
            assert!(verify(suite, old, (33, tree.root()), &tree.consistency(first).unwrap()).is_err());
        }
    }
}

proptest! {
    #[test]
    fn a_random_path_never_panics_and_never_proves(
        first in any::<u64>(), second in any::<u64>(), root in any::<[u8; 32]>(),
        hashes in proptest::collection::vec(any::<[u8; 32]>(), 0..=64)
    ) {
        let path = consistency_path(hashes.into_iter().map(Hash).collect());
        if let Ok(recomputed) = verify_consistency(Suite::Standard, first, &Hash(root), second, &path) {
            // Only a first tree that is itself a subtree of the second leaves the second root open.
            prop_assert!(first.is_power_of_two() || first == second);
            prop_assert!(recomputed.expect_root(&Hash([7; 32])).is_err());
        }
    }
}
