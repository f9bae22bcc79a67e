//! Each promise is broken once, and found broken.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::property::samples::{NOTHING_YET, abort, broken, chain, commit, hash, record, yes};
use ledger_protocol::Code;
use ledger_protocol::system::ProposalState;
use subchain::participant::LegId;

fn leg() -> LegId {
    LegId { id: ProposalId(hash(9)), started_at_on_relay: Height(10) }
}

fn property() -> Proposals {
    Proposals::new(ChainIndex(0))
}

#[test]
fn an_honest_proposal_breaks_nothing() {
    let mut property = property();
    property
        .proposal_moved(Height(10), record(ProposalState::Preparing, [NOTHING_YET, NOTHING_YET], Choice::None))
        .unwrap();
    property.leg_moved(chain(1), Height(5), leg(), LegState::Locked).unwrap();
    property.leg_moved(chain(2), Height(5), leg(), LegState::Locked).unwrap();
    property.proposal_moved(Height(12), record(ProposalState::Committing, [yes(), yes()], commit())).unwrap();
    property.leg_moved(chain(1), Height(6), leg(), LegState::Applied).unwrap();
    property.leg_moved(chain(2), Height(7), leg(), LegState::Applied).unwrap();
    property.proposal_moved(Height(14), record(ProposalState::Committed, [yes(), yes()], commit())).unwrap();
    property.at_rest().unwrap();
    assert_eq!(property.tally(), Tally { committed: 1, ..Tally::default() });
}

#[test]
fn applied_here_and_dropped_there_is_found() {
    let mut property = property();
    property.proposal_moved(Height(12), record(ProposalState::Committing, [yes(), yes()], commit())).unwrap();
    property.leg_moved(chain(1), Height(6), leg(), LegState::Applied).unwrap();
    broken(property.leg_moved(chain(2), Height(6), leg(), LegState::Released), "A1");
}

#[test]
fn a_leg_that_ends_before_the_decision_is_found() {
    let mut property = property();
    property
        .proposal_moved(Height(10), record(ProposalState::Preparing, [NOTHING_YET, NOTHING_YET], Choice::None))
        .unwrap();
    broken(property.leg_moved(chain(1), Height(6), leg(), LegState::Applied), "S1");
}

#[test]
fn a_commit_without_a_yes_is_found() {
    let moved =
        property().proposal_moved(Height(12), record(ProposalState::Committing, [yes(), NOTHING_YET], commit()));
    broken(moved, "A2");
}

#[test]
fn an_abort_against_all_votes_is_found() {
    let moved =
        property().proposal_moved(Height(12), record(ProposalState::Aborting, [yes(), yes()], abort(Code::TIMEOUT)));
    broken(moved, "A3");
}

#[test]
fn a_timeout_at_the_deadline_is_found() {
    let aborted = || record(ProposalState::Aborting, [yes(), NOTHING_YET], abort(Code::TIMEOUT));
    broken(property().proposal_moved(Height(30), aborted()), "R1");
    property().proposal_moved(Height(31), aborted()).unwrap();
}

#[test]
fn a_notify_without_commit_is_found() {
    let mut property = property();
    property
        .proposal_moved(Height(12), record(ProposalState::Aborting, [NOTHING_YET, NOTHING_YET], abort(Code::CONFLICT)))
        .unwrap();
    broken(property.leg_moved(chain(2), Height(7), leg(), LegState::Noted), "a NOTIFY follows");
}

#[test]
fn a_late_decision_and_none_at_all_are_found() {
    let moved = property()
        .proposal_moved(Height(32), record(ProposalState::Aborting, [NOTHING_YET, NOTHING_YET], abort(Code::TIMEOUT)));
    broken(moved, "A5");
    let mut property = property();
    property
        .proposal_moved(Height(10), record(ProposalState::Preparing, [NOTHING_YET, NOTHING_YET], Choice::None))
        .unwrap();
    property.overdue(Height(30)).unwrap();
    broken(property.overdue(Height(31)), "A5");
}

#[test]
fn a_rejection_is_judged_by_valid_until() {
    let rejected = || ProposalRecord {
        started_at: Height::ZERO,
        deadline: Height::ZERO,
        ..record(ProposalState::Rejected, [NOTHING_YET, NOTHING_YET], abort(Code::CHAIN_NOT_ACTIVE))
    };
    property().proposal_moved(Height(50), rejected()).unwrap();
    property().proposal_moved(Height(101), rejected()).unwrap();
    broken(property().proposal_moved(Height(102), rejected()), "A5");
}

#[test]
fn a_changed_or_turned_decision_is_found() {
    let mut property = property();
    property.proposal_moved(Height(12), record(ProposalState::Committing, [yes(), yes()], commit())).unwrap();
    broken(
        property.proposal_moved(Height(13), record(ProposalState::Committing, [yes(), yes()], abort(Code::NO))),
        "R2",
    );
    let mut property = self::property();
    property.proposal_moved(Height(12), record(ProposalState::Committing, [yes(), yes()], commit())).unwrap();
    broken(property.proposal_moved(Height(13), record(ProposalState::Preparing, [yes(), yes()], commit())), "R3");
}

#[test]
fn what_is_left_open_at_rest_is_found() {
    let mut property = property();
    property.proposal_moved(Height(12), record(ProposalState::Committing, [yes(), yes()], commit())).unwrap();
    broken(property.at_rest(), "A5");
    property.proposal_moved(Height(13), record(ProposalState::Committed, [yes(), yes()], commit())).unwrap();
    broken(property.at_rest(), "A1");
}

/// A branch of the relay on which this was decided, and that it has lost.
fn lose(property: &mut Proposals, decision: Choice<DecisionVerdict>) {
    let seen = property.seen.entry(leg().id).or_default();
    seen.lost.lose(Height(10), decision.as_option().copied());
    seen.record = None;
}

#[test]
fn a_leg_may_end_by_a_decision_that_the_relay_has_lost_and_by_no_other() {
    let mut property = property();
    lose(&mut property, commit());
    property.leg_moved(chain(1), Height(6), leg(), LegState::Applied).unwrap();
    broken(property.leg_moved(chain(2), Height(6), leg(), LegState::Released), "A1");
    // The kept branch decides otherwise: one has heard this, the other that.
    let mut property = self::property();
    lose(&mut property, commit());
    property
        .proposal_moved(Height(31), record(ProposalState::Aborting, [NOTHING_YET, NOTHING_YET], abort(Code::TIMEOUT)))
        .unwrap();
    property.leg_moved(chain(1), Height(6), leg(), LegState::Applied).unwrap();
    property.leg_moved(chain(2), Height(6), leg(), LegState::Released).unwrap();
    // Nothing was decided of what began at another height.
    let other = LegId { started_at_on_relay: Height(11), ..leg() };
    broken(property.leg_moved(chain(1), Height(7), other, LegState::Applied), "S1");
}

#[test]
fn a_forgotten_vote_excuses_its_own_chain_and_no_other() {
    let committed = |property: &mut Proposals| {
        property.proposal_moved(Height(12), record(ProposalState::Committed, [yes(), yes()], commit())).unwrap();
    };
    let mut property = property();
    committed(&mut property);
    property.leg_moved(chain(2), Height(7), leg(), LegState::Applied).unwrap();
    property.seen.get_mut(&leg().id).unwrap().lost.forget((chain(1), Height(10)));
    property.at_rest().unwrap();
    property.leg_moved(chain(1), Height(9), leg(), LegState::Disputed).unwrap();
    property.at_rest().unwrap();
    let mut property = self::property();
    committed(&mut property);
    property.leg_moved(chain(2), Height(7), leg(), LegState::Applied).unwrap();
    property.leg_moved(chain(1), Height(9), leg(), LegState::Disputed).unwrap();
    broken(property.at_rest(), "A1");
}

#[test]
fn a_lock_that_nobody_frees_is_found_even_if_the_relay_has_lost_its_proposal() {
    let mut property = property();
    lose(&mut property, Choice::None);
    property.leg_moved(chain(1), Height(6), leg(), LegState::Locked).unwrap();
    assert!(property.at_rest().unwrap_err().second.contains("is LOCKED since"));
}
