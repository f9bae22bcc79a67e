//! Composed paths are the ones that the newer tree itself gives, for every pair of sizes.

use super::*;

#[test]
fn a_composed_path_is_the_path_in_the_newer_tree() {
    for suite in SUITES {
        let most = if suite == Suite::Standard { 66 } else { 18 };
        let all = leaves(most);
        let of = |index: u64, size: u64| {
            let hashes = path(suite, index as usize, &all[..size as usize]);
            InclusionPath(Bounded::new(hashes).unwrap())
        };
        for size in 2..=most {
            for middle in 1..size {
                let leaf = LeafHash::of(suite, &all[middle as usize]);
                for index in 0..middle {
                    let (older, newer) = (of(index, middle), of(middle, size));
                    let composed = compose_paths(suite, (index, &older), (middle, leaf, &newer), size).unwrap();
                    assert_eq!(composed, of(index, size), "leaf {index} of {middle} in {size}");
                }
            }
        }
    }
}

#[test]
fn what_does_not_fit_together_is_refused_and_what_is_wrong_leads_to_another_root() {
    let suite = Suite::Standard;
    let all = leaves(13);
    let of = |index: u64, size: u64| {
        InclusionPath(Bounded::new(path(suite, index as usize, &all[..size as usize])).unwrap())
    };
    let leaf = |index: u64| LeafHash::of(suite, &all[index as usize]);
    let (older, newer) = (of(2, 7), of(7, 13));
    for (index, middle, size) in [(7, 7, 13), (8, 7, 13), (2, 13, 13), (2, 14, 13), (2, 7, u64::MAX)] {
        assert!(compose_paths(suite, (index, &older), (middle, leaf(7), &newer), size).is_err());
    }
    for other in [of(2, 12), of(1, 1)] {
        let refused = compose_paths(suite, (2, &other), (7, leaf(7), &newer), 13);
        assert!(matches!(refused, Err(MerkleError::PathLength { .. })), "{refused:?}");
    }
    let root = mth(suite, &all);
    let forged = compose_paths(suite, (2, &older), (7, leaf(8), &newer), 13).unwrap();
    assert!(verify_inclusion(suite, leaf(2), 2, 13, &forged).unwrap().expect_root(&root).is_err());
    let honest = compose_paths(suite, (2, &older), (7, leaf(7), &newer), 13).unwrap();
    assert!(verify_inclusion(suite, leaf(2), 2, 13, &honest).unwrap().expect_root(&root).is_ok());
}
