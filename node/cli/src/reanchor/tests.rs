//! The common header is found and tied to the trusted one, wherever the branches part and however many answers it takes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use ledger_protocol::codec::{Bounded, encode};
use ledger_protocol::merkle::{InclusionPath, Tree, verify_inclusion};
use node_api::ShownHeadView;
use std::cell::Cell;

const SUITE: Suite = Suite::Standard;
const ANCHOR: u64 = 3;
const TIP: u64 = 97;

/// The header hashes of the branch that the relay trusts.
fn hash(height: u64) -> Hash {
    SUITE.hash_parts(&[b"dropped", &height.to_be_bytes()])
}

fn path_in(older: u64, newer: u64) -> HistoryPath {
    let leaves: Vec<Vec<u8>> = (0..newer).map(|height| hash(height).as_bytes().to_vec()).collect();
    Tree::new(SUITE, &leaves).path(older).unwrap()
}

/// Heights of the heads, falling, and every second one showed a few older headers.
fn heads() -> Vec<ShownHeadView> {
    let heights = [97u64, 96, 90, 71, 70, 69, 64, 63, 41, 33, 32, 17, 9, 8, 5];
    let before = |index: usize| heights.get(index + 1).copied().unwrap_or(ANCHOR);
    let head = |(index, height): (usize, &u64)| ShownHeadView {
        height: *height,
        header_hash: hash(*height).to_string(),
        previous_path: hex::encode(encode(&path_in(before(index), *height))),
        older: (before(index) + 1..*height)
            .filter(|older| index % 2 == 0 && older % 3 == 0)
            .map(|older| ShownHeaderView {
                height: older,
                header_hash: hash(older).to_string(),
                path: hex::encode(encode(&path_in(older, *height))),
            })
            .collect(),
    };
    heights.iter().enumerate().map(head).collect()
}

fn page(from: usize, size: usize) -> TrustView {
    let all = heads();
    let end = (from + size).min(all.len());
    TrustView {
        chain: String::new(),
        trusted: String::new(),
        history: None,
        anchor_height: ANCHOR,
        anchor_hash: hash(ANCHOR).to_string(),
        next_expected: 0,
        heads: all[from..end].to_vec(),
        before: (end < all.len()).then_some(end as u64),
    }
}

fn shown(first_page: TrustView) -> Shown {
    Shown { suite: SUITE, trusted: (Height(TIP), hash(TIP)), anchor: (Height(ANCHOR), hash(ANCHOR)), first_page }
}

#[test]
fn the_newest_common_header_is_found_and_stands_in_the_trusted_history() {
    let root = {
        let leaves: Vec<Vec<u8>> = (0..TIP).map(|height| hash(height).as_bytes().to_vec()).collect();
        Tree::new(SUITE, &leaves).root()
    };
    let known: Vec<u64> = {
        let older = heads().into_iter().flat_map(|head| head.older.into_iter().map(|it| it.height));
        let mut known: Vec<u64> = heads().iter().map(|head| head.height).chain(older).chain([ANCHOR]).collect();
        known.sort_unstable();
        known
    };
    for size in [1, 2, 7, 100] {
        for parts_above in ANCHOR..=TIP {
            let asked = Cell::new(0);
            let is_common = |height: Height, shown: &Hash| {
                asked.set(asked.get() + 1);
                Ok(height.0 <= parts_above && *shown == hash(height.0))
            };
            let next_page = |before: u64| Ok(page(before as usize, size));
            let found = newest_common(shown(page(0, size)), &is_common, &next_page).unwrap();
            let newest = known.iter().rev().find(|height| **height <= parts_above).unwrap();
            assert_eq!((found.height.0, found.hash), (*newest, hash(*newest)), "parts above {parts_above}");
            assert!(asked.get() <= 20, "{} questions", asked.get());
            match &found.path {
                None => assert_eq!(found.height.0, TIP),
                Some(path) => {
                    let leaf = history_leaf(SUITE, &found.hash);
                    let there = verify_inclusion(SUITE, leaf, found.height.0, TIP, path).unwrap();
                    assert!(there.expect_root(&root).is_ok(), "parts above {parts_above}");
                }
            }
        }
    }
}

#[test]
fn what_leads_nowhere_ends_with_words() {
    let never = |_: Height, _: &Hash| Ok(false);
    let empty = TrustView { heads: Vec::new(), before: None, ..page(0, 1) };
    let failure = newest_common(shown(empty), &never, &|_| unreachable!()).unwrap_err();
    assert!(failure.what.contains("how it came to trust"), "{failure}");
    // A node that never comes to an end, and one whose paths do not fit.
    let endless = |_: u64| Ok(TrustView { heads: Vec::new(), before: Some(1), ..page(0, 1) });
    assert!(newest_common(shown(endless(0).unwrap()), &never, &endless).is_err());
    let mut forged = page(0, 100);
    forged.heads[3].previous_path = hex::encode(encode(&InclusionPath(Bounded::default())));
    let failure = newest_common(shown(forged), &never, &|_| unreachable!()).unwrap_err();
    assert!(failure.what.contains("do not fit"), "{failure}");
}
