//! Freezes that no proof carries, and proofs that nobody heeds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::property::samples::{broken, chain, network};

const ACTIVE: Standing = Standing { is_frozen: false, is_suspect: false };
const FROZEN: Standing = Standing { is_frozen: true, is_suspect: false };
const SUSPECT: Standing = Standing { is_frozen: false, is_suspect: true };

fn judged(evidence: &[&Evidence], handoff: u64, now: Standing, is_moved: bool, is_bad: bool) -> Judgement {
    let mut property = Accusations::new(ChainIndex(0));
    property.standings.insert(chain(1), ACTIVE);
    property.handoffs.insert(chain(1), Height(handoff));
    let block = Block { height: Height(50), chain: chain(1), evidence: evidence.to_vec(), is_moved };
    property.judge(&block, now, is_bad)
}

#[test]
fn who_forks_with_the_keys_of_now_is_frozen_and_nobody_else() {
    let (world, network) = network();
    let evidence = network.equivocation(&world, 0, Height(3), &network.subchains[0].keys).unwrap();
    judged(&[&evidence], 2, FROZEN, false, true).unwrap();
    broken(judged(&[&evidence], 2, SUSPECT, false, true), "R8");
    broken(judged(&[&evidence], 2, ACTIVE, false, true), "R8");
    // At or below the last hand-off the keys were given up.
    judged(&[&evidence], 3, SUSPECT, false, false).unwrap();
    broken(judged(&[&evidence], 3, FROZEN, false, true), "R8");
    broken(judged(&[&evidence], 3, ACTIVE, false, true), "R8");
    // An honest chain is frozen by the members only.
    broken(judged(&[], 2, FROZEN, false, false), "R8");
    judged(&[], 2, FROZEN, true, false).unwrap();
}
