//! M of N members decide, once.

use super::fixture::*;
use crate::motions::*;
use crate::{LedgerError, motions};
use chain_state::BlockState;
use ledger_protocol::codec::Text;
use ledger_protocol::interchain::Motion;
use ledger_protocol::transaction::*;
use ledger_protocol::*;

fn freeze(nonce: u64, valid_until: u64) -> MotionProposal {
    MotionProposal {
        motion: Motion::Freeze(genesis().chain_id()),
        reason: Text::new("why").unwrap(),
        valid_until: Height(valid_until),
        nonce,
    }
}

fn of_five(rule: SigningRule) -> SigningPolicy {
    policy(rule, &[1, 2, 3, 4, 5])
}

fn people(seeds: &[u8]) -> Vec<Address> {
    seeds.iter().map(|seed| who(*seed)).collect()
}

fn cast(
    state: &mut BlockState<'_>,
    members: &SigningPolicy,
    by: &[u8],
    id: Hash,
    approve: bool,
) -> Result<Option<Motion>, Code> {
    let vote = MotionVote { motion: id, approve };
    motions::vote(state, Height(2), members, &people(by), &vote).map_err(code)
}

fn code(error: LedgerError) -> Code {
    match error {
        LedgerError::Refused(denial) => denial.code,
        LedgerError::Fault(fault) => panic!("{fault}"),
    }
}

fn at_state(state: &BlockState<'_>, id: &Hash) -> MotionState {
    motions::record(state, id).unwrap().unwrap().state
}

#[test]
fn three_of_five_pass_a_motion_and_two_do_not() {
    World::new().look(|state, _| {
        let members = of_five(SigningRule::AtLeast(3));
        let id = propose(state, Height(1), &members, &people(&[1]), &freeze(0, 10)).unwrap();
        assert_eq!(id, motion_id(Suite::Standard, &freeze(0, 10)));
        assert_eq!(motions::proposal(state, &id).unwrap(), Some(freeze(0, 10)));
        assert!(any_open(state).unwrap());
        assert_eq!(cast(state, &members, &[1], id, true), Ok(None));
        assert_eq!(cast(state, &members, &[2], id, true), Ok(None));
        assert_eq!(cast(state, &members, &[2], id, true), Err(Code::MOTION_VOTED));
        assert_eq!(cast(state, &members, &[2], id, false), Err(Code::MOTION_VOTED));
        assert_eq!(cast(state, &members, &[6], id, true), Err(Code::NOT_A_MEMBER));
        assert_eq!(cast(state, &members, &[4], id, false), Ok(None));
        assert_eq!(at_state(state, &id), MotionState::Open);
        assert_eq!(cast(state, &members, &[5], id, true), Ok(Some(freeze(0, 10).motion)));
        assert_eq!(at_state(state, &id), MotionState::Passed);
        assert_eq!(cast(state, &members, &[3], id, true), Err(Code::MOTION_UNKNOWN));
        assert!(!any_open(state).unwrap());
        assert_eq!(motions::proposal(state, &id).unwrap(), None);
        let record = motions::record(state, &id).unwrap().unwrap();
        assert_eq!((record.votes.len(), record.closed_at, record.proposer), (4, Height(2), who(1)));
    });
}

#[test]
fn several_authors_of_one_transaction_vote_together() {
    World::new().look(|state, _| {
        let members = of_five(SigningRule::Majority);
        let id = propose(state, Height(1), &members, &people(&[6, 2]), &freeze(0, 10)).unwrap();
        assert_eq!(motions::record(state, &id).unwrap().unwrap().proposer, who(2));
        assert_eq!(cast(state, &members, &[1, 6], id, true), Ok(None));
        assert_eq!(cast(state, &members, &[1, 2, 3], id, true), Err(Code::MOTION_VOTED));
        assert!(cast(state, &members, &[2, 3, 6], id, true).unwrap().is_some());
    });
}

#[test]
fn a_motion_that_cannot_pass_any_more_is_rejected() {
    World::new().look(|state, _| {
        let members = of_five(SigningRule::AtLeast(3));
        let id = propose(state, Height(1), &members, &people(&[1]), &freeze(0, 10)).unwrap();
        assert_eq!(cast(state, &members, &[1, 2], id, true), Ok(None));
        assert_eq!(cast(state, &members, &[3, 4], id, false), Ok(None));
        assert_eq!(at_state(state, &id), MotionState::Open);
        assert_eq!(cast(state, &members, &[5], id, false), Ok(None));
        assert_eq!(at_state(state, &id), MotionState::Rejected);
        assert!(!any_open(state).unwrap());
    });
}

#[test]
fn a_former_member_counts_no_more() {
    World::new().look(|state, _| {
        let before = of_five(SigningRule::AtLeast(2));
        let id = propose(state, Height(1), &before, &people(&[1]), &freeze(0, 10)).unwrap();
        assert_eq!(cast(state, &before, &[1], id, true), Ok(None));
        let after = policy(SigningRule::AtLeast(2), &[2, 3]);
        assert_eq!(cast(state, &after, &[1], id, true), Err(Code::NOT_A_MEMBER));
        assert_eq!(cast(state, &after, &[2], id, true), Ok(None));
        assert!(cast(state, &after, &[3], id, true).unwrap().is_some());
    });
}

#[test]
fn proposing_is_for_members_within_limits_and_once() {
    World::new().look(|state, _| {
        let members = of_five(SigningRule::Any);
        let mut open = |by: u8, proposal: MotionProposal| {
            propose(state, Height(5), &members, &people(&[by]), &proposal).map_err(code)
        };
        assert_eq!(open(6, freeze(0, 10)), Err(Code::NOT_A_MEMBER));
        assert_eq!(open(1, freeze(0, 4)), Err(Code::VALID_UNTIL));
        assert_eq!(open(1, freeze(0, 6 + MAX_MOTION_BLOCKS)), Err(Code::VALID_UNTIL));
        assert!(open(1, freeze(0, 5)).is_ok());
        assert_eq!(open(2, freeze(0, 5)), Err(Code::DUPLICATE));
        for nonce in 1..16 {
            assert!(open(1, freeze(nonce, 10)).is_ok());
        }
        assert_eq!(open(1, freeze(16, 10)), Err(Code::LIMIT));
        assert!(open(2, freeze(16, 10)).is_ok());
        assert_eq!(cast(state, &members, &[1], Hash([9; 32]), true), Err(Code::MOTION_UNKNOWN));
        // What was decided cannot be proposed again.
        let id = motion_id(Suite::Standard, &freeze(0, 5));
        assert!(cast(state, &members, &[3], id, true).unwrap().is_some());
        let again = propose(state, Height(5), &members, &people(&[1]), &freeze(0, 5)).map_err(code);
        assert_eq!(again, Err(Code::DUPLICATE));
    });
}

#[test]
fn motions_expire_after_their_last_height() {
    World::new().look(|state, _| {
        let members = of_five(SigningRule::AtLeast(2));
        let early = propose(state, Height(1), &members, &people(&[1]), &freeze(0, 2)).unwrap();
        let late = propose(state, Height(1), &members, &people(&[1]), &freeze(0, 3)).unwrap();
        assert_eq!(expire(state, Height(2)).unwrap(), []);
        assert_eq!(expire(state, Height(3)).unwrap(), [early]);
        assert_eq!((at_state(state, &early), at_state(state, &late)), (MotionState::Expired, MotionState::Open));
        assert_eq!(cast(state, &members, &[1], early, true), Err(Code::MOTION_UNKNOWN));
        // Even if nobody expired it in time.
        let vote = MotionVote { motion: late, approve: true };
        let refused = motions::vote(state, Height(4), &members, &people(&[1]), &vote).map_err(code);
        assert_eq!(refused, Err(Code::MOTION_UNKNOWN));
        assert_eq!(expire(state, Height(4)).unwrap(), [late]);
        assert!(!any_open(state).unwrap());
    });
}

#[test]
fn what_passed_but_cannot_be_done_says_so() {
    World::new().look(|state, _| {
        let members = of_five(SigningRule::Any);
        let id = propose(state, Height(1), &members, &people(&[1]), &freeze(0, 10)).unwrap();
        assert!(cast(state, &members, &[2], id, true).unwrap().is_some());
        mark_failed(state, &id, Code::MOTION_FAILED).unwrap();
        assert_eq!(at_state(state, &id), MotionState::Failed(Code::MOTION_FAILED));
    });
}

#[test]
fn those_who_govern_a_chain_without_consortium_are_its_members() {
    let mut world = World::new();
    assert_eq!(
        world.run(&[ADMIN], vec![at(SYSTEM, register(2, &["governor"])), at(SYSTEM, register(3, &["governor"]))]),
        Code::OK
    );
    assert_eq!(world.run(&[ADMIN], vec![at(SYSTEM, set_identity(3, IdentityState::Frozen))]), Code::OK);
    world.look(|state, _| {
        let members = governors(state, SigningRule::All).unwrap();
        let mut expected = people(&[ADMIN, 2]);
        expected.sort();
        assert_eq!(members.members.iter().map(|member| member.address).collect::<Vec<_>>(), expected);
        let id = propose(state, Height(1), &members, &people(&[2]), &freeze(0, 10)).unwrap();
        assert_eq!(cast(state, &members, &[3], id, true), Err(Code::NOT_A_MEMBER));
        assert_eq!(cast(state, &members, &[2], id, true), Ok(None));
        assert!(cast(state, &members, &[ADMIN], id, true).unwrap().is_some());
    });
}
