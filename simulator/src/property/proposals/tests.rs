//! Each promise is broken once, and found broken.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::property::samples::{NOTHING_YET, abort, broken, chain, commit, hash, network, record, relay_inputs, yes};
use ledger_protocol::chain::Input;
use ledger_protocol::codec::SortedVec;
use ledger_protocol::proposal::LockKey;
use ledger_protocol::system::ProposalState;
use ledger_protocol::transaction::{Change, ChangeKind, Operation};
use ledger_protocol::{AccountName, Code, Hash, LedgerId, Version};
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

#[test]
fn a_leg_that_ends_twice_is_found() {
    let mut property = property();
    property.proposal_moved(Height(12), record(ProposalState::Committing, [yes(), yes()], commit())).unwrap();
    property.leg_moved(chain(1), Height(6), leg(), LegState::Applied).unwrap();
    property.leg_moved(chain(1), Height(7), leg(), LegState::Applied).unwrap();
    broken(property.leg_moved(chain(1), Height(8), leg(), LegState::Locked), "a leg ends once");
}

#[test]
fn an_abort_of_what_no_branch_has_lost_is_found() {
    let aborted = |property: &mut Proposals, started_at| property.aborted_as_lost(&leg().id, started_at, Height(40));
    broken(aborted(&mut property(), Height(10)), "only what was lost");
    let mut property = property();
    lose(&mut property, Choice::None);
    aborted(&mut property, Height(10)).unwrap();
    broken(aborted(&mut property, Height(11)), "only what was lost");
    // The kept branch has it, too, and decides of it.
    property
        .proposal_moved(Height(12), record(ProposalState::Preparing, [NOTHING_YET, NOTHING_YET], Choice::None))
        .unwrap();
    broken(aborted(&mut property, Height(10)), "only what was lost");
}

/// A real Submit whose first leg has this scope.
fn submit_with(scope: Vec<ScopeEntry>) -> Submit {
    let (world, network) = network();
    let operations = relay_inputs(&world, &network).into_iter().flatten().flat_map(|input| match input {
        Input::Transaction(transaction) => transaction.body.operations.into_vec(),
        _ => Vec::new(),
    });
    let mut submits = operations.filter_map(|operation| match operation.operation {
        Operation::SubmitProposal(submit) => Some(submit),
        _ => None,
    });
    let mut submit = submits.next().unwrap();
    let mut legs = submit.body.legs.into_vec();
    legs[0].scope = SortedVec::new(scope).unwrap();
    submit.body.legs = SortedVec::new(legs).unwrap();
    submit
}

fn books_key(key: &[u8]) -> LockKey {
    let account = AccountName::new("books").unwrap();
    LockKey { ledger: LedgerId(1), account, key: key.to_vec().try_into().unwrap() }
}

#[test]
fn a_write_of_what_a_leg_writes_or_has_read_is_found_and_no_other() {
    let entry = |key: &[u8], access| ScopeEntry { key: books_key(key), access };
    let scope = [
        entry(b"amount", AccessKind::Delta(-1)),
        entry(b"pages/", AccessKind::PrefixShared),
        entry(b"read", AccessKind::Shared),
        entry(b"written", AccessKind::Exclusive),
    ];
    let submit = submit_with(scope.to_vec());
    let mut property = property();
    let on = submit.body.legs[0].chain;
    property.seen.entry(leg().id).or_default().submit = Some(Box::new(submit));
    let write = |property: &mut Proposals, chain, height, key: &[u8]| {
        let LockKey { ledger, account, key } = books_key(key);
        let (version, kind, value_hash) = (Version(2), ChangeKind::Delete, Hash([0; 32]));
        property.written(chain, Height(height), &Change { ledger, account, key, version, kind, value_hash })
    };
    property.leg_moved(on, Height(5), leg(), LegState::Locked).unwrap();
    for key in [b"written".as_slice(), b"read", b"pages/", b"pages/7"] {
        broken(write(&mut property, on, 6, key), "A4");
        write(&mut property, on, 5, key).expect("in the block of the lock another may be before it");
        write(&mut property, chain(7), 6, key).expect("on another chain");
    }
    for key in [b"amount".as_slice(), b"read/more", b"pages"] {
        write(&mut property, on, 6, key).expect("nobody keeps it");
    }
    property.leg_moved(on, Height(7), leg(), LegState::Refused).unwrap();
    write(&mut property, on, 8, b"written").expect("it has ended");
}
