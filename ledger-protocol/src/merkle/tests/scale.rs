//! Trees far too large to build, up to the bound: all leaves alike but one, so that the hash of every subtree is
//! known from its level and from whether it holds that leaf.

use super::*;
use proptest::prelude::*;
use sha2::Sha256;

struct Vast {
    special: u64,
    /// Hash of a subtree of this level that holds / does not hold the special leaf.
    with: Vec<Hash>,
    without: Vec<Hash>,
}

const SUITE: Suite = Suite::Standard;

impl Vast {
    fn new(special: u64) -> Self {
        let (mut with, mut without) =
            (vec![LeafHash::of(SUITE, b"special").hash()], vec![LeafHash::of(SUITE, b"plain").hash()]);
        for level in 0..63usize {
            let (hash, plain) = (with[level], without[level]);
            with.push(if special >> level & 1 == 1 {
                node_hash(SUITE, &plain, &hash)
            } else {
                node_hash(SUITE, &hash, &plain)
            });
            without.push(node_hash(SUITE, &plain, &plain));
        }
        Self { special, with, without }
    }

    fn node(&self, node: Node) -> Option<Hash> {
        let hashes = if self.special >> node.level == node.index { &self.with } else { &self.without };
        hashes.get(usize::from(node.level)).copied()
    }

    fn root(&self, size: u64) -> Hash {
        root_from_nodes(SUITE, size, &|node| self.node(node)).unwrap()
    }
}

/// Sizes of every magnitude.
fn sizes() -> impl Strategy<Value = u64> {
    (0u32..=63, any::<u64>())
        .prop_map(|(bits, raw)| (raw & ((1u64 << bits) - 1)) | (1u64 << bits))
        .prop_map(|size| size.min(MAX_LEAVES))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn inclusion_holds_at_every_magnitude(size in sizes(), pick in any::<u64>()) {
        let index = pick % size;
        let tree = Vast::new(index);
        let root = tree.root(size);
        let path = path_from_nodes(SUITE, index, size, &|node| tree.node(node)).unwrap();
        let leaf = LeafHash::of(SUITE, b"special");
        let verified = verify_inclusion(SUITE, leaf, index, size, &path).unwrap().expect_root(&root).unwrap();
        prop_assert_eq!(verified.index(), index);
        // Nowhere else, though the neighbours have paths of the same length.
        for other in [index ^ 1, index ^ 2, index ^ 4, index + 1] {
            let elsewhere = verify_inclusion(SUITE, leaf, other, size, &path).and_then(|root_at| root_at.expect_root(&root));
            prop_assert!(elsewhere.is_err());
        }
        let theirs = ct_merkle::RootHash::<Sha256>::new(root.0.into(), size);
        let proof = ct_merkle::InclusionProof::from_bytes(path.0.iter().flat_map(|hash| hash.0).collect());
        prop_assert!(theirs.verify_inclusion(b"special", index, &proof).is_ok());
    }

    #[test]
    fn consistency_holds_at_every_magnitude(second in sizes(), pick in any::<u64>(), place in any::<u64>()) {
        let first = pick % second + 1;
        let tree = Vast::new(place % second);
        let (first_root, second_root) = (tree.root(first), tree.root(second));
        let path = consistency_from_nodes(SUITE, first, second, &|node| tree.node(node)).unwrap();
        let recomputed = verify_consistency(SUITE, first, &first_root, second, &path).unwrap();
        prop_assert!(recomputed.expect_root(&second_root).is_ok());
        let proof = ct_merkle::ConsistencyProof::try_from_bytes(path.0.iter().flat_map(|hash| hash.0).collect()).unwrap();
        let theirs = ct_merkle::RootHash::<Sha256>::new(second_root.0.into(), second);
        let their_first = ct_merkle::RootHash::<Sha256>::new(first_root.0.into(), first);
        prop_assert!(theirs.verify_consistency(&their_first, &proof).is_ok());
    }

    #[test]
    fn a_frontier_grows_at_every_magnitude(size in sizes()) {
        prop_assume!(size < MAX_LEAVES);
        let tree = Vast::new(size);
        let mut frontier = Frontier::from_nodes(SUITE, size, &|node| tree.node(node)).unwrap();
        prop_assert_eq!(frontier.root(), tree.root(size));
        for completed in frontier.append(LeafHash::of(SUITE, b"special")).unwrap() {
            prop_assert_eq!(Some(completed.hash), tree.node(completed.node));
        }
        prop_assert_eq!(frontier.root(), tree.root(size + 1));
    }
}
