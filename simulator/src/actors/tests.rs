//! What actors remember.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;

fn hash(number: usize, which: u8) -> Hash {
    // The newest have the least hashes: an order by hash forgets them first.
    let mut bytes = [0xff - u8::try_from(number).unwrap(); 32];
    bytes[31] = which;
    Hash(bytes)
}

#[test]
fn of_too_many_pairs_the_oldest_are_forgotten_whole() {
    let mut pairs = Pairs::default();
    let count = MAX_ALTERNATIVES + 10;
    for number in 0..count {
        pairs.remember(ChainIndex(number % 3), (hash(number, 0), hash(number, 1)));
    }
    for number in 0..count {
        let known = (number >= 10).then_some((hash(number, 0), hash(number, 1)));
        for which in [0, 1] {
            assert_eq!(pairs.get(ChainIndex(number % 3), hash(number, which)), known, "pair {number}");
        }
    }
}
