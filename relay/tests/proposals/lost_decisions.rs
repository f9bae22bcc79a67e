//! What a branch of the relay decided that is lost meets the branch that is kept, where nothing is decided yet (ADR
//! 0015); and a lane that goes on tells a re-anchored chain once more what is open (ADR 0012, 0013).

use super::delivery::reanchor_to;
use super::fixture::*;
use super::relay_anchor::{branch, follow, hold, numbers, recover};
use super::world::*;
use ledger_protocol::interchain::*;
use ledger_protocol::system::{ChainStatus, LegPhase, ProposalState};
use ledger_protocol::*;
use subchain::participant::is_catching_up;
use subchain::participant::table::LegState;

fn is_active(world: &World, index: usize) -> bool {
    world.chain_record(index).status == ChainStatus::Active
}

/// Both chains vote on the relay's first branch and chain 0 hears its decision; the other branch has the same Prepare.
/// `decide` brings the first branch to its decision. Gives the proposal and the branch that is kept.
fn decided_on_a_lost_branch(second: impl Fn(ChainId) -> proposal::Leg) -> (World, ProposalId, Relay) {
    let mut world = World::new(2);
    let legs = vec![write(world.id(0), &["k"], "1"), second(world.id(1))];
    let id = world.propose(legs);
    let kept = branch(&world.relay);
    world.relay.blocks(1);
    world.step(0);
    world.step(1);
    world.collect(&[0, 1]);
    (world, id, kept)
}

#[test]
fn an_applied_decision_of_a_lost_branch_waits_for_the_commit_of_the_kept_one() {
    let (mut world, id, kept) = decided_on_a_lost_branch(|chain| write(chain, &["k"], "1"));
    assert_eq!(world.state(&id), ProposalState::Committing);
    world.step(0);
    assert_eq!(world.leg_state(&id, 0), Some(LegState::Applied));
    let last_kept = kept.tip();
    let lost = std::mem::replace(&mut world.relay, kept);
    // Chain 0's YES and its Outcome come in one list, before the other chain's YES.
    world.collect(&[0]);
    assert_eq!(world.state(&id), ProposalState::Preparing);
    assert!(matches!(world.phase(&id, 0), LegPhase::VotedYes { .. }));
    assert!(is_active(&world, 0), "nothing is contradicted");
    assert_eq!(world.in_flight(0), 1, "an open leg holds its share");
    let execution = world.collect(&[1]);
    assert!(matches!(world.verdict(&id), Some(DecisionVerdict::Commit { .. })));
    assert!(matches!(world.phase(&id, 0), LegPhase::ClosedByOutcome { .. }), "judged in the block of the decision");
    assert!(execution.outbox.iter().any(|entry| !entry.messages.is_empty()));
    assert_eq!(world.in_flight(0), 0);
    let kept = std::mem::replace(&mut world.relay, lost);
    recover(&mut world, kept, last_kept);
    world.rounds(3);
    assert_eq!(world.state(&id), ProposalState::Committed);
    for index in [0, 1] {
        assert_eq!(world.leg_state(&id, index), Some(LegState::Applied));
        assert_eq!(world.subs[index].value("k").as_deref(), Some("1"));
        assert!(is_active(&world, index));
    }
}

#[test]
fn an_applied_decision_that_the_kept_branch_does_not_take_is_a_contradiction_when_it_decides() {
    let (mut world, id, kept) = decided_on_a_lost_branch(|chain| write(chain, &["k"], "1"));
    world.step(0);
    world.relay = kept;
    world.collect(&[0]);
    assert!(is_active(&world, 0));
    let cancel = world.cancel_input(id, ALICE);
    world.relay.block(vec![cancel]);
    assert_eq!(world.abort_of(&id).0, Code::CANCELLED);
    assert_eq!(world.phase(&id, 0), LegPhase::Broken);
    assert_eq!(world.chain_record(0).status, ChainStatus::Frozen);
    assert!(is_active(&world, 1));
}

#[test]
fn a_timeout_judges_what_was_kept_too() {
    let (mut world, id, kept) = decided_on_a_lost_branch(|chain| write(chain, &["k"], "1"));
    world.step(0);
    world.relay = kept;
    world.collect(&[0]);
    world.relay.blocks(12);
    assert_eq!(world.abort_of(&id), (Code::TIMEOUT, world.id(1)));
    assert_eq!(world.phase(&id, 0), LegPhase::Broken);
}

#[test]
fn a_leg_released_on_a_lost_branch_aborts_the_kept_one_and_freezes_nobody() {
    let mut world = World::new(2);
    let id = world.propose(vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")]);
    let kept = branch(&world.relay);
    world.relay.blocks(1);
    world.step(0);
    let cancel = world.cancel_input(id, ALICE);
    world.relay.block(vec![cancel]);
    world.step(0);
    assert_eq!(world.leg_state(&id, 0), Some(LegState::Released));
    world.relay = kept;
    world.collect(&[0]);
    assert_eq!(world.abort_of(&id), (Code::CHAIN_LOST, world.id(0)), "it cannot commit there any more");
    assert!(is_active(&world, 0));
    assert!(matches!(world.phase(&id, 0), LegPhase::ClosedByOutcome { .. }));
    assert_eq!(world.in_flight(0), 0);
}

#[test]
fn a_notify_that_ran_for_a_lost_branch_counts_for_the_kept_one() {
    let (mut world, id, kept) = decided_on_a_lost_branch(|chain| notify(chain, &["n"], "told"));
    assert_eq!(world.state(&id), ProposalState::Committing);
    world.step(1);
    assert_eq!(world.subs[1].value("n").as_deref(), Some("told"));
    world.relay = kept;
    world.collect(&[1]);
    assert_eq!((world.state(&id), is_active(&world, 1)), (ProposalState::Preparing, true));
    world.collect(&[0]);
    assert_eq!(world.phase(&id, 1), LegPhase::Noted { code: Code::OK });
    assert!(matches!(world.verdict(&id), Some(DecisionVerdict::Commit { .. })));
}

#[test]
fn what_took_effect_under_another_start_does_not_take_effect_again() {
    for starts_here in [false, true] {
        let mut world = World::new(2);
        let holder = world.propose(vec![write(world.id(1), &["k"], "0")]);
        let waits = world.propose(vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")]);
        assert_eq!(world.state(&waits), ProposalState::Queued);
        let kept = branch(&world.relay);
        // On the first branch the holder ends, the other one starts, and chain 0 applies it.
        world.rounds(3);
        world.step(0);
        let leg = world.leg_id(&waits);
        assert_eq!((world.state(&holder), world.state(&waits)), (ProposalState::Committed, ProposalState::Committing));
        assert_eq!(world.leg_state(&waits, 0), Some(LegState::Applied));
        world.relay = kept;
        if starts_here {
            // On the other one the holder ends at another height.
            world.collect(&[1]);
            assert_eq!(
                (world.state(&holder), world.state(&waits)),
                (ProposalState::Committed, ProposalState::Preparing)
            );
        }
        world.collect(&[0]);
        let ends = if starts_here { ProposalState::Aborting } else { ProposalState::Rejected };
        assert_eq!(world.state(&waits), ends);
        assert_eq!(world.abort_of(&waits), (Code::LOST_ON_RELAY, world.id(0)));
        assert_ne!(world.leg_id(&waits), leg);
        assert!(is_active(&world, 0) && is_active(&world, 1));
    }
}

#[test]
fn a_lane_that_goes_on_tells_a_re_anchored_chain_again_what_is_open() {
    let mut world = World::new(2);
    let legs = vec![write(world.id(0), &["k"], "new"), write(world.id(1), &["k"], "new")];
    let id = world.propose(legs);
    // Chain 0 forgets its vote; it is re-anchored, and the relay falls back before the list has left it.
    let common = world.subs[0].archive.tip();
    let mut forgetful = world.subs[0].fork();
    world.step(0);
    world.collect(&[0]);
    assert_eq!(world.decide(Motion::Freeze(world.id(0))), Code::OK);
    let to = forgetful.hand_over(60);
    let voted_on = std::mem::replace(&mut world.subs[0], forgetful);
    let forgetful = std::mem::replace(&mut world.subs[0], voted_on);
    let motion = reanchor_to(&world, &forgetful.archive, common, to, Height(0));
    world.subs[0] = forgetful;
    assert_eq!(world.decide(Motion::Reanchor(Box::new(motion))), Code::OK);
    let mut kept = branch(&world.relay);
    world.relay.blocks(2);
    let interval = (kept.tip() + 1, world.height());
    while kept.tip() <= interval.1 {
        kept.block(Vec::new());
    }
    world.relay = kept;
    hold(&mut world, interval);
    for index in world.all() {
        follow(&mut world, index);
    }
    assert_eq!(world.step(0), [Code::DROPPED, Code::OK], "the ABORT of the freeze, then the list");
    assert_eq!(world.leg_state(&id, 0), Some(LegState::Disputed));
    world.rounds(2);
    let is_catching = world.subs[0].read(|state| is_catching_up(state).unwrap());
    assert!(!is_catching, "it has the list, and takes part again");
    assert_eq!(world.phase(&id, 0), LegPhase::Disputed);
    for index in [0, 1] {
        let (sent, expected) = numbers(&world, index);
        assert_eq!(sent, expected);
    }
}

#[test]
fn a_lock_is_freed_though_the_outcome_of_a_dropped_branch_closed_its_leg_on_a_relay_that_lost_the_decision() {
    let (mut world, id, kept) = decided_on_a_lost_branch(|chain| write(chain, &["k"], "1"));
    // Chain 0 applies the decision, and forgets that later: it goes on from where it holds the leg LOCKED.
    let common = world.subs[0].archive.tip();
    let mut forgetful = world.subs[0].fork();
    world.step(0);
    assert_eq!(world.leg_state(&id, 0), Some(LegState::Applied));
    let interval = (kept.tip() + 1, world.height());
    world.relay = kept;
    world.collect(&[0]);
    world.collect(&[1]);
    assert!(matches!(world.phase(&id, 0), LegPhase::ClosedByOutcome { .. }));
    assert_eq!(world.decide(Motion::Freeze(world.id(0))), Code::OK);
    let to = forgetful.hand_over(60);
    let motion = reanchor_to(&world, &forgetful.archive, common, to, Height(0));
    world.subs[0] = forgetful;
    assert_eq!(world.decide(Motion::Reanchor(Box::new(motion))), Code::OK);
    while world.height() <= interval.1 {
        world.relay.block(Vec::new());
    }
    hold(&mut world, interval);
    for index in world.all() {
        follow(&mut world, index);
    }
    world.rounds(3);
    for index in [0, 1] {
        assert_eq!(world.leg_state(&id, index), Some(LegState::Applied));
        assert_eq!(world.subs[index].local(vec![set("k", "mine")]), Code::OK, "nothing is locked");
        assert!(is_active(&world, index));
    }
}
