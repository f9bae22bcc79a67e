//! Independent implementations accept ours, and ours accepts theirs: `ct-merkle` (inclusion and consistency) and
//! `rs_merkle` (roots and inclusion).

use super::*;
use ct_merkle::digest::Digest;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use sha2::Sha256;
use sm3::Sm3;

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.chunks(32).map(|hash| Hash(hash.try_into().unwrap())).collect()
}

fn agrees_with_ct_merkle<H: Digest>(suite: Suite, sizes: std::ops::RangeInclusive<u64>) {
    let data = leaves(*sizes.end());
    let mut theirs = MemoryBackedTree::<H, Vec<u8>>::new();
    let mut their_roots: Vec<RootHash<H>> = vec![theirs.root()];
    assert_eq!(their_roots[0].as_bytes().to_vec(), empty_root(suite).0);
    for size in sizes {
        theirs.push(data[size as usize - 1].clone());
        their_roots.push(theirs.root());
        let ours = Tree::new(suite, &data[..size as usize]);
        assert_eq!(theirs.root().as_bytes().to_vec(), ours.root().0);
        for index in 0..size {
            let leaf = &data[index as usize];
            let path = ours.path(index).unwrap();
            theirs.root().verify_inclusion(leaf, index, &InclusionProof::from_bytes(bytes(&path.0))).unwrap();
            let their_path = inclusion_path(hashes(theirs.prove_inclusion(index as usize).as_bytes()));
            let recomputed = verify_inclusion(suite, LeafHash::of(suite, leaf), index, size, &their_path).unwrap();
            recomputed.expect_root(&ours.root()).map(|_| ()).unwrap();
        }
        for first in 1..=size {
            let their_first = &their_roots[first as usize];
            let path = ours.consistency(first).unwrap();
            let proof = ConsistencyProof::try_from_bytes(bytes(&path.0)).unwrap();
            theirs.root().verify_consistency(their_first, &proof).unwrap();
            let their_path = consistency_path(hashes(theirs.prove_consistency((size - first) as usize).as_bytes()));
            let first_root = Hash(their_first.as_bytes().to_vec().try_into().unwrap());
            let recomputed = verify_consistency(suite, first, &first_root, size, &their_path).unwrap();
            recomputed.expect_root(&ours.root()).map(|_| ()).unwrap();
        }
    }
}

#[test]
fn ct_merkle_agrees_for_sha256() {
    agrees_with_ct_merkle::<Sha256>(Suite::Standard, SIZES);
}

#[test]
fn ct_merkle_agrees_for_sm3() {
    agrees_with_ct_merkle::<Sm3>(Suite::Guomi, 1..=48);
}

macro_rules! rs_hasher {
    ($name:ident, $suite:expr) => {
        #[derive(Clone)]
        struct $name;
        impl rs_merkle::Hasher for $name {
            type Hash = [u8; 32];
            fn hash(data: &[u8]) -> [u8; 32] {
                LeafHash::of($suite, data).hash().0
            }
            fn concat_and_hash(left: &[u8; 32], right: Option<&[u8; 32]>) -> [u8; 32] {
                right.map_or(*left, |right| $suite.hash_parts(&[&[1], left, right]).0)
            }
        }
    };
}
rs_hasher!(PrefixedSha256, Suite::Standard);
rs_hasher!(PrefixedSm3, Suite::Guomi);

fn agrees_with_rs_merkle<H: rs_merkle::Hasher<Hash = [u8; 32]>>(suite: Suite) {
    for size in SIZES {
        let data = leaves(size);
        let hashed: Vec<[u8; 32]> = data.iter().map(|leaf| H::hash(leaf)).collect();
        let theirs = rs_merkle::MerkleTree::<H>::from_leaves(&hashed);
        let ours = Tree::new(suite, &data);
        assert_eq!(theirs.root(), Some(ours.root().0));
        for (index, leaf) in hashed.iter().enumerate() {
            let path = ours.path(index as u64).unwrap();
            let their_path: Vec<Hash> = theirs.proof(&[index]).proof_hashes().iter().copied().map(Hash).collect();
            assert_eq!(path.0.to_vec(), their_path);
            let proof = rs_merkle::MerkleProof::<H>::new(path.0.iter().map(|hash| hash.0).collect());
            assert!(proof.verify(ours.root().0, &[index], &[*leaf], size as usize));
        }
    }
}

#[test]
fn rs_merkle_agrees_for_sha256() {
    agrees_with_rs_merkle::<PrefixedSha256>(Suite::Standard);
}

#[test]
fn rs_merkle_agrees_for_sm3() {
    agrees_with_rs_merkle::<PrefixedSm3>(Suite::Guomi);
}

#[test]
fn the_surplus_hash_that_rs_merkle_lets_pass_is_refused_by_ours() {
    let data = leaves(5);
    let ours = Tree::new(Suite::Standard, &data);
    let mut surplus = ours.path(1).unwrap().0.into_vec();
    surplus.push(Hash([9; 32]));
    let refused =
        verify_inclusion(Suite::Standard, LeafHash::of(Suite::Standard, &data[1]), 1, 5, &inclusion_path(surplus));
    assert_eq!(refused, Err(MerkleError::PathLength { got: 4, expected: 3 }));
}
