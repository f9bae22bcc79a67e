//! Records that leave too early.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::property::samples::{broken, chain, commit, hash, id, record, yes};
use ledger_protocol::{Sequence, Suite};
use subchain::participant::table::LegState;

const LEG: fn() -> Began = || (id(), Height(10));

fn closed() -> LegPhase {
    LegPhase::ClosedByOutcome { message_hash: hash(4) }
}

fn pruned(state: ProposalState, phases: [LegPhase; 2], height: u64) -> Judgement {
    let mut property = Pruning::new(ChainIndex(0));
    property.proposals.insert(LEG(), record(state, phases, commit()));
    property.proposal_pruned(Height(height), &LEG())
}

#[test]
fn a_decision_that_leaves_before_its_time_is_found() {
    pruned(ProposalState::Committed, [closed(), closed()], 101).unwrap();
    broken(pruned(ProposalState::Committed, [closed(), closed()], 100), "R2");
    broken(pruned(ProposalState::Committed, [closed(), yes()], 101), "R2");
    broken(pruned(ProposalState::Committing, [closed(), closed()], 101), "R2");
    // Out of the queue, into a record of its own.
    pruned(ProposalState::Queued, [LegPhase::Waiting, LegPhase::Waiting], 11).unwrap();
}

fn leg_pruned(state: LegState, known_on_relay: u64, received: u64) -> Judgement {
    let mut property = Pruning::new(ChainIndex(0));
    let here = ChainIndex(1);
    let record = LegRecord {
        state,
        deadline_on_relay: Height(30),
        write_set_root: Suite::Standard.foreign(Hash::ZERO),
        answered_by: Sequence(5),
    };
    property.legs.entry(here).or_default().insert(LEG(), record);
    property.known_on_relay.insert(here, Height(known_on_relay));
    property.received.insert(chain(1), received);
    property.leg_pruned((here, chain(1)), Height(50), &LEG())
}

#[test]
fn a_leg_that_somebody_may_still_ask_for_is_found() {
    leg_pruned(LegState::Applied, 30, 6).unwrap();
    broken(leg_pruned(LegState::Applied, 29, 6), "S8");
    broken(leg_pruned(LegState::Applied, 30, 5), "S8");
    broken(leg_pruned(LegState::Locked, 30, 6), "S8");
}
