//! Tests of the trees: shared builders and the definitions of RFC 9162, written down as naively as it does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod compose;
mod consistency;
mod frontier;
mod inclusion;
mod oracles;
mod scale;

use super::*;
use crate::codec::Bounded;
use std::collections::BTreeMap;

/// Sizes that are tested without gaps.
const SIZES: std::ops::RangeInclusive<u64> = 1..=130;
const SUITES: [Suite; 2] = [Suite::Standard, Suite::Guomi];

/// Different leaves of different lengths, the empty one among them.
fn leaves(count: u64) -> Vec<Vec<u8>> {
    (0..count)
        .map(|i| i.to_le_bytes().repeat(3)[..(i as usize * 7) % 24].iter().copied().chain(i.to_be_bytes()).collect())
        .collect()
}

/// `MTH` of RFC 9162, section 2.1.1.
fn mth(suite: Suite, data: &[Vec<u8>]) -> Hash {
    match data {
        [] => suite.hash_parts(&[]),
        [leaf] => suite.hash_parts(&[&[0], leaf]),
        _ => {
            let k = split(data.len());
            let (left, right) = (mth(suite, &data[..k]), mth(suite, &data[k..]));
            suite.hash_parts(&[&[1], &left.0, &right.0])
        }
    }
}

/// `PATH` of RFC 9162, section 2.1.3.1.
fn path(suite: Suite, m: usize, data: &[Vec<u8>]) -> Vec<Hash> {
    if data.len() == 1 {
        return Vec::new();
    }
    let k = split(data.len());
    let (mut hashes, sibling) = if m < k {
        (path(suite, m, &data[..k]), mth(suite, &data[k..]))
    } else {
        (path(suite, m - k, &data[k..]), mth(suite, &data[..k]))
    };
    hashes.push(sibling);
    hashes
}

/// `PROOF` of RFC 9162, section 2.1.4.1.
fn proof(suite: Suite, m: usize, data: &[Vec<u8>]) -> Vec<Hash> {
    fn subproof(suite: Suite, m: usize, data: &[Vec<u8>], whole: bool) -> Vec<Hash> {
        if m == data.len() {
            return if whole { Vec::new() } else { vec![mth(suite, data)] };
        }
        let k = split(data.len());
        let (mut hashes, sibling) = if m <= k {
            (subproof(suite, m, &data[..k], whole), mth(suite, &data[k..]))
        } else {
            (subproof(suite, m - k, &data[k..], false), mth(suite, &data[..k]))
        };
        hashes.push(sibling);
        hashes
    }
    subproof(suite, m, data, true)
}

/// The largest power of two below `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

fn inclusion_path(hashes: Vec<Hash>) -> InclusionPath {
    InclusionPath(Bounded::new(hashes).unwrap())
}

fn consistency_path(hashes: Vec<Hash>) -> ConsistencyPath {
    ConsistencyPath(Bounded::new(hashes).unwrap())
}

/// A log with its node store, filled as the engine fills it: from what `append` reports.
struct Log {
    frontier: Frontier,
    nodes: BTreeMap<Node, Hash>,
}

impl Log {
    fn new(suite: Suite) -> Self {
        Self { frontier: Frontier::new(suite), nodes: BTreeMap::new() }
    }

    fn append(&mut self, data: &[u8]) {
        for completed in self.frontier.append(LeafHash::of(self.frontier.suite(), data)).unwrap() {
            let before = self.nodes.insert(completed.node, completed.hash);
            assert_eq!(before, None, "a subtree is completed once");
        }
    }

    fn node(&self, node: Node) -> Option<Hash> {
        self.nodes.get(&node).copied()
    }
}
