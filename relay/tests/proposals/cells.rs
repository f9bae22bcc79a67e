//! Every arrow of the relay's table (§3), by the state it leaves and what takes it.

use super::fixture::*;
use super::world::*;
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::*;
use ledger_protocol::system::{LegPhase, ProposalState};
use ledger_protocol::*;
use subchain::participant::table::LegState;

fn both(world: &World, key: &str) -> Vec<Leg> {
    vec![write(world.id(0), &[key], "1"), write(world.id(1), &[key], "1")]
}

fn preparing(world: &mut World) -> ProposalId {
    let legs = both(world, "k");
    let id = world.propose(legs);
    assert_eq!(world.state(&id), ProposalState::Preparing);
    id
}

/// One that waits behind another for a scope.
fn queued(world: &mut World) -> (ProposalId, ProposalId) {
    let before = preparing(world);
    let legs = both(world, "k");
    let id = world.propose(legs);
    assert_eq!(world.state(&id), ProposalState::Queued);
    (before, id)
}

/// Every way in which the members take chain 1 out.
fn ways_out(world: &World) -> Vec<Motion> {
    let chain = world.id(1);
    let until = Height(world.height() + 20);
    vec![Motion::Pause { chain, until }, Motion::Freeze(chain), Motion::Retire(chain), Motion::Abandon(chain)]
}

#[test]
fn submit_refused_leaves_a_receipt_no_record_and_may_be_tried_again() {
    let mut world = World::new(2);
    let until = Height(world.height() + 3);
    assert_eq!(world.decide(Motion::Pause { chain: world.id(1), until }), Code::OK);
    let legs = both(&world, "k");
    let submit = world.proposal(legs);
    assert_eq!(world.submit(&submit), Code::CHAIN_NOT_ACTIVE);
    assert_eq!(world.record(&submit.body.id()), None);
    world.relay.blocks(4);
    assert_eq!(world.submit(&submit), Code::OK);
}

#[test]
fn queued_with_every_scope_free_prepares() {
    let mut world = World::new(2);
    let (before, id) = queued(&mut world);
    for _ in 0..2 {
        assert_eq!(world.state(&id), ProposalState::Queued);
        world.round();
    }
    assert_eq!(world.state(&before), ProposalState::Committed);
    assert_eq!(world.state(&id), ProposalState::Preparing);
    let record = world.record(&id).unwrap();
    assert_eq!((record.started_at.0, record.deadline.0), (world.height(), world.height() + 10));
}

#[test]
fn queued_past_valid_until_is_rejected() {
    let mut world = World::new(2);
    let legs = both(&world, "k");
    let holder = world.proposal_for(100, 50, legs);
    assert_eq!(world.submit(&holder), Code::OK);
    let legs = both(&world, "k");
    let submit = world.proposal_for(3, 10, legs);
    assert_eq!(world.submit(&submit), Code::OK);
    let id = submit.body.id();
    while world.height() < submit.body.valid_until.0 {
        assert_eq!(world.state(&id), ProposalState::Queued);
        world.relay.block(Vec::new());
    }
    world.relay.block(Vec::new());
    assert_eq!(world.state(&id), ProposalState::Rejected);
}

#[test]
fn queued_cancelled_is_rejected() {
    let mut world = World::new(2);
    let (_, id) = queued(&mut world);
    let cancel = world.cancel_input(id, ALICE);
    assert_eq!(world.relay.codes(vec![cancel]), [[Code::OK]]);
    assert_eq!((world.state(&id), world.abort_of(&id).0), (ProposalState::Rejected, Code::CANCELLED));
}

#[test]
fn queued_with_a_chain_no_longer_active_is_rejected() {
    for way in 0..4 {
        let mut world = World::new(2);
        let (_, id) = queued(&mut world);
        let motion = ways_out(&world).swap_remove(way);
        assert_eq!(world.decide(motion), Code::OK);
        assert_eq!(world.abort_of(&id), (Code::CHAIN_NOT_ACTIVE, world.id(1)), "way {way}");
        assert_eq!(world.state(&id), ProposalState::Rejected);
    }
}

#[test]
fn preparing_at_the_first_no_aborts() {
    let mut world = World::new(2);
    let legs = vec![write(world.id(0), &["k"], "1"), transfer(world.id(1), &[("c0", -5_000)])];
    let id = world.propose(legs);
    world.step(1);
    world.collect(&[1]);
    assert_eq!(world.state(&id), ProposalState::Aborting);
    assert_eq!(world.abort_of(&id), (Code::BOUND, world.id(1)));
    assert!(matches!(world.phase(&id, 1), LegPhase::ClosedByNo { .. }));
}

#[test]
fn preparing_with_every_yes_commits() {
    let mut world = World::new(2);
    let id = preparing(&mut world);
    world.step(0);
    world.step(1);
    world.collect(&[0]);
    assert_eq!(world.state(&id), ProposalState::Preparing);
    world.collect(&[1]);
    assert_eq!(world.state(&id), ProposalState::Committing);
}

#[test]
fn preparing_past_the_deadline_aborts() {
    let mut world = World::new(2);
    let id = preparing(&mut world);
    let deadline = world.record(&id).unwrap().deadline;
    while world.height() < deadline.0 {
        world.relay.block(Vec::new());
        assert_eq!(world.state(&id), ProposalState::Preparing);
    }
    world.relay.block(Vec::new());
    assert_eq!((world.state(&id), world.abort_of(&id).0), (ProposalState::Aborting, Code::TIMEOUT));
}

#[test]
fn preparing_cancelled_aborts() {
    let mut world = World::new(2);
    let id = preparing(&mut world);
    let cancel = world.cancel_input(id, ALICE);
    assert_eq!(world.relay.codes(vec![cancel]), [[Code::OK]]);
    assert_eq!((world.state(&id), world.abort_of(&id).0), (ProposalState::Aborting, Code::CANCELLED));
}

#[test]
fn preparing_with_a_chain_frozen_paused_or_retired_aborts() {
    for way in 0..4 {
        let mut world = World::new(2);
        let id = preparing(&mut world);
        world.step(0);
        world.collect(&[0]);
        let motion = ways_out(&world).swap_remove(way);
        assert_eq!(world.decide(motion), Code::OK);
        assert_eq!(world.abort_of(&id), (Code::CHAIN_LOST, world.id(1)), "way {way}");
        assert_eq!(world.state(&id), ProposalState::Aborting);
        world.step(0);
        assert_eq!(world.leg_state(&id, 0), Some(LegState::Released));
    }
}

#[test]
fn committing_and_aborting_end_when_every_voting_leg_is_closed() {
    for commits in [true, false] {
        let mut world = World::new(2);
        let id = preparing(&mut world);
        world.step(0);
        world.step(1);
        if commits {
            world.collect(&[0, 1]);
        } else {
            let cancel = world.cancel_input(id, ALICE);
            assert_eq!(world.relay.codes(vec![cancel]), [[Code::OK]]);
        }
        let (going, over) = if commits {
            (ProposalState::Committing, ProposalState::Committed)
        } else {
            (ProposalState::Aborting, ProposalState::Aborted)
        };
        assert_eq!(world.state(&id), going);
        world.step(0);
        world.step(1);
        world.collect(&[0]);
        assert_eq!(world.state(&id), going, "one is missing");
        world.collect(&[1]);
        assert_eq!(world.state(&id), over);
    }
}
