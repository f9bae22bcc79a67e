//! A clock that falls, and locks that it forbids.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::property::samples::{broken, hash, id};
use ledger_protocol::Sequence;

const HERE: ChainIndex = ChainIndex(1);

fn leg(state: LegState, deadline: u64, highest_before: u64) -> Vec<NewLeg> {
    let record =
        LegRecord { state, deadline_on_relay: Height(deadline), write_set_root: hash(2), answered_by: Sequence(0) };
    vec![NewLeg { leg: (id(), Height(10)), record, highest_before: Height(highest_before) }]
}

#[test]
fn a_known_height_that_falls_or_stays_is_found() {
    let mut property = KnownHeights::new(ChainIndex(0));
    property.moved(HERE, Height(1), Height(20), Height(20)).unwrap();
    // A client may be set back by its governance; what is known is not.
    property.moved(HERE, Height(2), Height(15), Height(20)).unwrap();
    broken(property.moved(HERE, Height(3), Height(15), Height(15)), "S5");
    broken(property.moved(HERE, Height(3), Height(30), Height(20)), "S5");
}

#[test]
fn a_leg_taken_up_after_its_deadline_is_found() {
    let at_20 = || {
        let mut property = KnownHeights::new(ChainIndex(0));
        property.moved(HERE, Height(1), Height(20), Height(20)).unwrap();
        property
    };
    let (here, nothing) = (BTreeSet::from([(id(), Height(10))]), BTreeSet::new());
    let judged = |legs: &[NewLeg], prepared| at_20().legs(HERE, Height(2), legs, prepared);
    judged(&leg(LegState::Locked, 21, 15), &here).unwrap();
    broken(judged(&leg(LegState::Locked, 20, 15), &here), "chain 1 knows");
    // Voted on and dropped in one block.
    broken(judged(&leg(LegState::Released, 20, 15), &here), "chain 1 knows");
    // One that had waited was voted on before the client moved.
    judged(&leg(LegState::Locked, 20, 15), &nothing).unwrap();
    broken(judged(&leg(LegState::Locked, 15, 15), &nothing), "chain 1 knows");
    judged(&leg(LegState::Disputed, 15, 15), &here).unwrap();
    // Known already: what it becomes later is another rule's affair.
    let mut property = at_20();
    property.legs(HERE, Height(2), &leg(LegState::Locked, 21, 15), &here).unwrap();
    property.legs(HERE, Height(3), &leg(LegState::Released, 20, 20), &here).unwrap();
}
