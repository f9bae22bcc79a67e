//! A clock that falls, and locks that it forbids.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::property::samples::{broken, hash, id};
use ledger_protocol::Sequence;

const HERE: ChainIndex = ChainIndex(1);

fn locked(deadline: u64) -> Vec<((ProposalId, Height), LegRecord)> {
    let record = LegRecord {
        state: LegState::Locked,
        deadline_on_relay: Height(deadline),
        write_set_root: hash(2),
        answered_by: Sequence(0),
    };
    vec![((id(), Height(10)), record)]
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
fn a_lock_after_its_deadline_is_found() {
    let mut property = KnownHeights::new(ChainIndex(0));
    property.moved(HERE, Height(1), Height(20), Height(20)).unwrap();
    property.legs(HERE, Height(2), locked(21)).unwrap();
    // Known already: what it becomes later is another rule's affair.
    property.legs(HERE, Height(3), locked(20)).unwrap();
    let mut property = KnownHeights::new(ChainIndex(0));
    property.moved(HERE, Height(1), Height(20), Height(20)).unwrap();
    broken(property.legs(HERE, Height(2), locked(20)), "chain 1 knows");
}
