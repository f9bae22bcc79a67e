//! A relay that sleeps over its deadlines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::property::samples::{NOTHING_YET, broken, commit, record};
use ledger_protocol::transaction::Choice;

const WHO: ProcessId = ProcessId(2);

/// A relay after block 12, in which a proposal has begun; `WHO` published it at 1,000 ms.
fn begun() -> Pace {
    let mut property = Pace::new(ChainIndex(0));
    property.pace_ms = 200;
    property.take([record(ProposalState::Preparing, [NOTHING_YET; 2], Choice::None)]);
    property.block(Height(12), true).unwrap();
    let replica = Replica { has_signed: true, clock_stopped: false, published: Some((Height(12), 1_000)) };
    property.replicas.insert(WHO, replica);
    property
}

#[test]
fn a_relay_that_knows_of_no_work_with_an_open_deadline_is_found() {
    broken(begun().block(Height(13), false), "R4");
    let mut property = begun();
    property.take([record(ProposalState::Committing, [NOTHING_YET; 2], commit())]);
    property.block(Height(13), false).unwrap();
}

#[test]
fn a_replica_that_waits_with_an_open_deadline_is_found() {
    broken(begun().begins(WHO, Height(13), 1_201), "R4");
    begun().begins(WHO, Height(13), 1_200).unwrap();
    // A height that follows another block, another replica, and one that has not signed since it came up.
    begun().begins(WHO, Height(14), 9_000).unwrap();
    begun().begins(ProcessId(1), Height(13), 9_000).unwrap();
    let mut waits_for_the_others = begun();
    waits_for_the_others.replicas.get_mut(&WHO).unwrap().has_signed = false;
    waits_for_the_others.begins(WHO, Height(13), 9_000).unwrap();
    // Nothing was open after that block.
    let mut property = begun();
    property.heights.clear();
    property.begins(WHO, Height(13), 9_000).unwrap();
}
