//! NOTIFY and READ legs, end to end.

use super::fixture::*;
use super::world::*;
use ledger_protocol::proposal::*;
use ledger_protocol::system::{LegPhase, ProposalState};
use ledger_protocol::*;
use subchain::participant::NOTIFY_PATIENCE_BLOCKS;
use subchain::participant::table::LegState;

fn noted(code: Code) -> LegPhase {
    LegPhase::Noted { code }
}

#[test]
fn a_notify_runs_once_after_commit_and_counts_for_the_record_only() {
    let mut world = World::new(2);
    let legs = vec![write(world.id(0), &["k"], "1"), notify(world.id(1), &["n"], "told")];
    let id = world.propose(legs);
    assert!(world.step(1).is_empty(), "no Prepare for a NOTIFY");
    world.step(0);
    world.collect(&[0]);
    world.step(0);
    world.collect(&[0]);
    assert_eq!(world.state(&id), ProposalState::Committed);
    assert_eq!(world.subs[1].value("n"), None);
    world.relay.blocks(60);
    assert!(world.record(&id).is_some(), "R2: the NOTIFY leg is not closed");
    assert_eq!(world.step(1), [Code::OK]);
    assert_eq!(world.subs[1].value("n").as_deref(), Some("told"));
    world.collect(&[1]);
    assert_eq!(world.phase(&id, 1), noted(Code::OK));
    world.relay.blocks(2);
    assert_eq!(world.record(&id), None);
}

#[test]
fn a_notify_that_fails_is_final_and_recorded() {
    let mut world = World::new(2);
    let told = leg(world.id(1), LegMode::Notify, vec![delta("c0", 5_000)], vec![at(BOOK, add("c0", 5_000))]);
    let legs = vec![write(world.id(0), &["k"], "1"), told];
    let id = world.propose(legs);
    world.rounds(3);
    assert_eq!(world.phase(&id, 1), noted(Code::BOUND));
    assert_eq!(world.state(&id), ProposalState::Committed);
    assert_eq!(world.subs[1].counter("c0"), START_VALUE);
    world.rounds(3);
    assert_eq!(world.subs[1].counter("c0"), START_VALUE);
}

/// A NOTIFY meets a lock on chain 1 that its proposal's owner never decides until told to.
fn at_a_lock() -> (World, ProposalId, ProposalId) {
    let mut world = World::new(3);
    let legs = vec![write(world.id(1), &["n"], "lock"), write(world.id(2), &["n"], "lock")];
    let holder = world.proposal_for(200, 50, legs);
    assert_eq!(world.submit(&holder), Code::OK);
    world.step(1);
    let legs = vec![write(world.id(0), &["k"], "1"), notify(world.id(1), &["n"], "told")];
    let told = world.proposal_for(400, 10, legs);
    assert_eq!(world.submit(&told), Code::OK);
    world.step(0);
    world.collect(&[0]);
    assert_eq!(world.step(1), [Code::POSTPONED]);
    let holder = holder.body.id();
    (world, holder, told.body.id())
}

#[test]
fn a_notify_waits_at_a_lock_and_later_messages_pass_it() {
    let (mut world, holder, told) = at_a_lock();
    assert_eq!(world.leg_state(&told, 1), Some(LegState::Waiting));
    let legs = vec![write(world.id(1), &["free"], "1")];
    let passing = world.propose(legs);
    world.step(1);
    world.collect(&[1]);
    world.step(1);
    world.collect(&[1]);
    assert_eq!(world.state(&passing), ProposalState::Committed);
    assert_eq!(world.subs[1].value("n"), None);
    // The Decision that frees the lock was behind it in the lane.
    world.step(2);
    world.collect(&[2]);
    assert_eq!(world.state(&holder), ProposalState::Committing);
    world.step(1);
    assert_eq!(world.subs[1].value("n").as_deref(), Some("lock"));
    world.step(1);
    assert_eq!(world.subs[1].value("n").as_deref(), Some("told"));
    assert_eq!(world.leg_state(&told, 1), Some(LegState::Noted));
    world.collect(&[1]);
    assert_eq!(world.phase(&told, 1), noted(Code::OK));
}

#[test]
fn a_notify_at_a_lock_outlives_the_holders_timeout() {
    let (mut world, holder, told) = at_a_lock();
    let came = world.height();
    world.relay.blocks(NOTIFY_PATIENCE_BLOCKS - 10);
    assert_eq!(world.abort_of(&holder).0, Code::TIMEOUT);
    // The lane brings the ABORT before the header that would end its patience.
    world.step(1);
    world.step(1);
    assert_eq!(world.leg_state(&told, 1), Some(LegState::Noted));
    assert!(world.height() < came + NOTIFY_PATIENCE_BLOCKS);
    world.collect(&[1]);
    assert_eq!(world.phase(&told, 1), noted(Code::OK));
}

#[test]
fn a_read_leg_votes_holds_and_writes_nothing() {
    let mut world = World::new(2);
    assert_eq!(world.subs[1].local(vec![set("k", "seen")]), Code::OK);
    let legs = vec![write(world.id(0), &["k"], "1"), read(world.id(1), &["k"])];
    let id = world.propose(legs);
    world.step(0);
    world.step(1);
    assert_eq!(world.leg_state(&id, 1), Some(LegState::Locked));
    assert_eq!(world.subs[1].local(vec![set("k", "changed")]), Code::LOCKED);
    world.collect(&[0, 1]);
    world.rounds(1);
    assert_eq!(world.state(&id), ProposalState::Committed);
    assert_eq!(world.leg_state(&id, 1), Some(LegState::Applied));
    assert_eq!(world.subs[1].local(vec![set("k", "changed")]), Code::OK);
    let writing = leg(world.id(1), LegMode::Read, vec![exclusive("k")], vec![at(BOOK, set("k", "no"))]);
    let legs = vec![write(world.id(0), &["k"], "1"), writing];
    let id = world.propose(legs);
    world.rounds(2);
    assert_eq!(world.abort_of(&id).0, Code::SCOPE);
}

#[test]
fn several_notifies_at_one_lock_run_in_order_among_themselves() {
    let (mut world, _, first) = at_a_lock();
    let legs = vec![write(world.id(0), &["k2"], "1"), notify(world.id(1), &["n"], "told later")];
    let second = world.propose(legs);
    world.step(0);
    world.collect(&[0]);
    assert_eq!(world.step(1), [Code::POSTPONED]);
    world.step(2);
    world.collect(&[1, 2]);
    world.step(1);
    world.step(1);
    assert_eq!(world.subs[1].value("n").as_deref(), Some("told later"));
    for id in [first, second] {
        assert_eq!(world.leg_state(&id, 1), Some(LegState::Noted));
    }
}
