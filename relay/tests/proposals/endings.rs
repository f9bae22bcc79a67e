//! Freezes, contradictions, disputes, lagging, retirement: how legs of chains in trouble end.

use super::fixture::*;
use super::world::*;
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::*;
use ledger_protocol::system::{ChainStatus, LegPhase, ProposalState};
use ledger_protocol::*;
use relay::coordinator::T_OUT_BLOCKS;
use subchain::participant::table::LegState;

fn legs(world: &World) -> Vec<Leg> {
    vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")]
}

fn propose(world: &mut World) -> ProposalId {
    let legs = legs(world);
    world.propose(legs)
}

fn outcome(world: &World, id: &ProposalId, index: usize, result: OutcomeResult) -> MessageContent {
    let started_at_on_relay = world.record(id).unwrap().started_at;
    MessageContent::Outcome(Outcome { id: *id, started_at_on_relay, chain: world.id(index), result })
}

fn vote(world: &World, id: &ProposalId, index: usize, verdict: Verdict) -> MessageContent {
    let started_at_on_relay = world.record(id).unwrap().started_at;
    MessageContent::Vote(Vote { id: *id, started_at_on_relay, chain: world.id(index), verdict })
}

fn hash(byte: u8) -> SuiteHash {
    Suite::Standard.foreign(Hash([byte; 32]))
}

fn yes(byte: u8) -> Verdict {
    Verdict::Yes { result_hash: hash(byte), write_set_root: hash(byte), lock_set_root: hash(byte) }
}

fn no(id: &ProposalId) -> Verdict {
    Verdict::No { code: Code::CONFLICT, conflicting: *id }
}

#[test]
fn freeze_while_queued_rejects_while_preparing_aborts() {
    let mut world = World::new(2);
    let running = propose(&mut world);
    let queued = propose(&mut world);
    world.step(0);
    world.collect(&[0]);
    assert_eq!(world.decide(Motion::Freeze(world.id(1))), Code::OK);
    assert_eq!(world.abort_of(&queued), (Code::CHAIN_NOT_ACTIVE, world.id(1)));
    assert_eq!(world.state(&queued), ProposalState::Rejected);
    assert_eq!(world.abort_of(&running), (Code::CHAIN_LOST, world.id(1)));
    world.step(0);
    world.collect(&[0]);
    assert_eq!(world.state(&running), ProposalState::Aborted, "a frozen leg counts as closed for the state");
    assert_eq!(world.leg_state(&running, 0), Some(LegState::Released));
    // Not for the record, its scope and its caps.
    world.relay.blocks(60);
    assert!(world.record(&running).is_some());
    assert_eq!(world.in_flight(1), 1);
    world.thaw(1);
    // It finds Prepare and ABORT in the outbox: the deadline has passed.
    assert_eq!(world.step(1), [Code::EXPIRED, Code::OK]);
    assert_eq!(world.leg_state(&running, 1), None);
    world.collect(&[1]);
    assert_eq!(world.in_flight(1), 0);
    world.relay.block(Vec::new());
    assert_eq!(world.record(&running), None);
}

#[test]
fn a_no_that_comes_after_a_freeze_and_the_end_still_closes_its_leg() {
    let mut world = World::new(2);
    let bad = vec![write(world.id(0), &["k"], "1"), transfer(world.id(1), &[("c0", -5_000)])];
    let id = world.propose(bad);
    world.step(0);
    world.step(1);
    assert_eq!(world.leg_state(&id, 1), Some(LegState::Refused));
    assert_eq!(world.decide(Motion::Freeze(world.id(1))), Code::OK);
    world.step(0);
    world.collect(&[0]);
    assert_eq!(world.state(&id), ProposalState::Aborted);
    world.thaw(1);
    // REFUSED answers the ABORT by nothing: the NO alone closes the leg.
    assert_eq!(world.step(1), [Code::DUPLICATE]);
    world.collect(&[1]);
    assert!(matches!(world.phase(&id, 1), LegPhase::ClosedByNo { .. }), "{:?}", world.phase(&id, 1));
    assert_eq!(world.in_flight(1), 0);
    let legs = vec![write(world.id(1), &["c0"], "x")];
    let behind = world.propose(legs);
    assert_eq!(world.state(&behind), ProposalState::Preparing, "R6: the scope is free");
    world.rounds(50);
    assert_eq!(world.record(&id), None);
}

#[test]
fn freeze_in_committing_goes_on_being_served() {
    let mut world = World::new(2);
    let id = propose(&mut world);
    world.step(0);
    world.step(1);
    world.collect(&[0, 1]);
    assert_eq!(world.decide(Motion::Freeze(world.id(0))), Code::OK);
    assert_eq!(world.decide(Motion::Freeze(world.id(1))), Code::OK);
    assert_eq!(world.state(&id), ProposalState::Committed);
    world.step(0);
    world.step(1);
    assert_eq!((world.subs[0].value("k").as_deref(), world.subs[1].value("k").as_deref()), (Some("1"), Some("1")));
    assert!(world.news(0).is_none());
    assert!(pending(&world.subs[0], &world.relay, false).is_some());
    let forced = pending(&world.subs[0], &world.relay, false).unwrap();
    let refused = world.relay.try_block(&[ledger_protocol::chain::Input::Advance(Box::new(forced))]);
    assert!(refused.is_err(), "R9: no Advance of a frozen chain");
    world.thaw(0);
    world.thaw(1);
    world.collect(&[0, 1]);
    for index in [0, 1] {
        assert!(matches!(world.phase(&id, index), LegPhase::ClosedByOutcome { .. }));
    }
}

#[test]
fn an_outcome_that_contradicts_the_decision_breaks_the_leg_and_freezes_the_chain() {
    let applied = |byte| OutcomeResult::Applied { write_set_root: hash(byte) };
    for result in [OutcomeResult::Released, OutcomeResult::Refused, applied(9), OutcomeResult::Noted { code: Code::OK }]
    {
        let mut world = World::new(2);
        let id = propose(&mut world);
        world.step(0);
        world.step(1);
        world.collect(&[0, 1]);
        let behind = propose(&mut world);
        let lie = outcome(&world, &id, 1, result);
        world.lie(1, &lie);
        let execution = world.collect(&[1]);
        assert!(execution.receipts[0].codes.contains(&Code::CONTRADICTION));
        assert_eq!(world.phase(&id, 1), LegPhase::Broken);
        assert_eq!(world.chain_record(1).status, ChainStatus::Frozen);
        assert_eq!(world.state(&behind), ProposalState::Rejected);
        assert_eq!(world.in_flight(1), 0);
        // A1 holds for everybody else.
        world.step(0);
        world.collect(&[0]);
        assert_eq!(world.state(&id), ProposalState::Committed);
        assert_eq!(world.subs[0].value("k").as_deref(), Some("1"));
    }
    // APPLIED after ABORT.
    let mut world = World::new(2);
    let id = propose(&mut world);
    let cancel = world.cancel_input(id, ALICE);
    world.relay.block(vec![cancel]);
    let lie = outcome(&world, &id, 1, applied(1));
    world.lie(1, &lie);
    world.collect(&[1]);
    assert_eq!((world.phase(&id, 1), world.chain_record(1).status), (LegPhase::Broken, ChainStatus::Frozen));
}

#[test]
fn an_outcome_before_the_decision_hurts_that_proposal_alone() {
    for result in [OutcomeResult::Released, OutcomeResult::Refused] {
        let mut world = World::new(2);
        let id = propose(&mut world);
        let lie = outcome(&world, &id, 1, result);
        world.lie(1, &lie);
        world.collect(&[1]);
        assert_eq!(world.chain_record(1).status, ChainStatus::Active, "there is no decision that it contradicts");
        assert_eq!(world.abort_of(&id), (Code::CHAIN_LOST, world.id(1)));
    }
    // Taken effect without a vote, or not as voted: that contradicts the vote.
    let mut world = World::new(2);
    let id = propose(&mut world);
    let write_set_root = Suite::Standard.foreign(Hash([1; 32]));
    let lie = outcome(&world, &id, 1, OutcomeResult::Applied { write_set_root });
    world.lie(1, &lie);
    world.collect(&[1]);
    assert_eq!((world.phase(&id, 1), world.chain_record(1).status), (LegPhase::Broken, ChainStatus::Frozen));
    assert_eq!(world.abort_of(&id), (Code::CHAIN_LOST, world.id(1)));
}

#[test]
fn two_different_votes_freeze_and_what_follows_waits_until_the_chain_is_back() {
    let mut world = World::new(2);
    let id = propose(&mut world);
    for verdict in [yes(1), no(&id), yes(1)] {
        let relay = world.relay.id();
        let content = vote(&world, &id, 1, verdict);
        world.subs[1].tamper(|state| chain_interchain::enqueue(state, &relay, &content).unwrap());
    }
    world.subs[1].block(Vec::new());
    let execution = world.collect(&[1]);
    assert_eq!(execution.receipts[0].codes[1..], [Code::OK, Code::CONTRADICTION, Code::POSTPONED]);
    assert!(!execution.has_due_work, "nothing to do until it is back");
    assert_eq!(world.chain_record(1).status, ChainStatus::Frozen);
    assert_eq!(world.abort_of(&id), (Code::CHAIN_LOST, world.id(1)));
    let sub = world.id(1);
    let waiting = |world: &World| world.relay.read(|state| chain_interchain::waiting_count(state, &sub).unwrap());
    world.relay.blocks(3);
    assert_eq!(waiting(&world), 1);
    world.thaw(1);
    world.relay.block(Vec::new());
    assert_eq!(waiting(&world), 0);
}

#[test]
fn messages_that_mean_nothing_get_a_code_and_hold_nobody() {
    let mut world = World::new(2);
    let id = propose(&mut world);
    let honest = vote(&world, &id, 0, yes(1));
    let unknown = ProposalId(hash(77));
    let foreign = Vote { id, started_at_on_relay: Height(1), chain: world.id(0), verdict: yes(1) };
    let contents = vec![
        // In another chain's name; a relay's own word; an unknown id; another h0.
        MessageContent::Vote(Vote { chain: world.id(0), ..foreign }),
        MessageContent::Decision(Decision::Voting {
            relay: world.relay.id(),
            id,
            started_at_on_relay: Height(1),
            deadline_on_relay: Height(9),
            verdict: DecisionVerdict::Abort { code: Code::NO, culprit: world.id(0) },
        }),
        MessageContent::Vote(Vote { id: unknown, chain: world.id(1), ..foreign }),
        MessageContent::Vote(Vote { chain: world.id(1), ..foreign }),
        MessageContent::Outcome(Outcome {
            id: unknown,
            started_at_on_relay: Height(1),
            chain: world.id(1),
            result: OutcomeResult::Released,
        }),
    ];
    let relay = world.relay.id();
    world.subs[1].tamper(|state| {
        let garbage = ledger_protocol::codec::BoundedBytes::new(vec![255u8; 40]).unwrap();
        chain_interchain::enqueue_payload(state, &relay, &garbage).unwrap();
        for content in &contents {
            chain_interchain::enqueue(state, &relay, content).unwrap();
        }
    });
    world.step(1);
    let execution = world.collect(&[1]);
    let codes = &execution.receipts[0].codes[1..];
    assert_eq!(
        codes,
        [
            Code::UNDECODABLE,
            Code::UNEXPECTED,
            Code::UNEXPECTED,
            Code::PROPOSAL_UNKNOWN,
            Code::PROPOSAL_UNKNOWN,
            Code::PROPOSAL_UNKNOWN,
            Code::OK
        ]
    );
    assert!(matches!(world.phase(&id, 1), LegPhase::VotedYes { .. }));
    drop(honest);
}

#[test]
fn duplicate_votes_and_outcomes_leave_a_receipt_only() {
    let mut world = World::new(2);
    let id = propose(&mut world);
    world.step(0);
    world.step(1);
    let LegPhase::Waiting = world.phase(&id, 1) else { panic!() };
    world.collect(&[1]);
    let LegPhase::VotedYes { write_set_root, .. } = world.phase(&id, 1) else { panic!() };
    let again = Verdict::Yes { result_hash: hash(1), write_set_root, lock_set_root: hash(1) };
    let content = vote(&world, &id, 1, again);
    world.lie(1, &content);
    assert_eq!(world.collect(&[1]).receipts[0].codes[1..], [Code::DUPLICATE]);
    world.collect(&[0]);
    world.rounds(1);
    assert_eq!(world.state(&id), ProposalState::Committed);
    for result in [OutcomeResult::Applied { write_set_root }, OutcomeResult::Released] {
        let content = outcome(&world, &id, 1, result);
        world.lie(1, &content);
        assert_eq!(world.collect(&[1]).receipts[0].codes[1..], [Code::DUPLICATE]);
    }
    assert_eq!(world.in_flight(1), 0);
}

#[test]
fn disputed_closes_in_every_state_without_evidence() {
    for decided in [false, true] {
        let mut world = World::new(2);
        let id = propose(&mut world);
        if decided {
            world.step(0);
            world.step(1);
            world.collect(&[0, 1]);
        }
        let content = outcome(&world, &id, 1, OutcomeResult::Disputed);
        world.lie(1, &content);
        world.collect(&[1]);
        assert_eq!(world.phase(&id, 1), LegPhase::Disputed);
        assert_eq!(world.chain_record(1).status, ChainStatus::Active);
        assert_eq!(world.in_flight(1), 0);
        if !decided {
            assert_eq!(world.abort_of(&id), (Code::CHAIN_LOST, world.id(1)));
        }
        world.step(0);
        world.collect(&[0]);
        assert!(world.state(&id).is_terminal());
    }
}

#[test]
fn lagging_after_t_out_until_no_outcome_is_overdue_and_never_a_change_of_state() {
    let mut world = World::new(2);
    let id = {
        let legs = legs(&world);
        let submit = world.proposal_for(400, 10, legs);
        assert_eq!(world.submit(&submit), Code::OK);
        submit.body.id()
    };
    let queued = {
        let legs = legs(&world);
        let submit = world.proposal_for(400, 10, legs);
        assert_eq!(world.submit(&submit), Code::OK);
        submit.body.id()
    };
    world.step(0);
    world.step(1);
    world.collect(&[0, 1]);
    let decided_at = world.record(&id).unwrap().decided_at;
    world.step(0);
    world.collect(&[0]);
    world.relay.blocks(decided_at.0 + T_OUT_BLOCKS - world.height());
    assert!(!world.chain_record(1).lagging);
    assert_eq!(world.state(&queued), ProposalState::Queued);
    world.relay.block(Vec::new());
    assert!(world.chain_record(1).lagging);
    assert!(!world.chain_record(0).lagging);
    assert_eq!(world.state(&id), ProposalState::Committing);
    assert_eq!(world.state(&queued), ProposalState::Rejected, "a named chain is no longer Active");
    let refused = legs(&world);
    let submit = world.proposal(refused);
    assert_eq!(world.submit(&submit), Code::CHAIN_NOT_ACTIVE);
    world.step(1);
    world.collect(&[1]);
    assert!(!world.chain_record(1).lagging);
    assert_eq!(world.state(&id), ProposalState::Committed);
    assert_eq!(world.submit(&submit), Code::OK);
}

#[test]
fn retirement_waits_for_every_leg_and_for_the_acknowledgement() {
    let mut world = World::new(3);
    let started = propose(&mut world);
    world.step(0);
    world.step(1);
    world.collect(&[0, 1]);
    // Chain 2 never answers; that does not keep chain 1.
    let legs = vec![write(world.id(0), &["z"], "1"), write(world.id(1), &["z"], "1"), write(world.id(2), &["z"], "1")];
    let aborted = world.propose(legs);
    assert_eq!(world.decide(Motion::Retire(world.id(1))), Code::OK);
    assert_eq!(world.abort_of(&aborted), (Code::CHAIN_LOST, world.id(1)), "acts as a pause");
    assert_eq!(world.state(&started), ProposalState::Committing);
    world.relay.blocks(3);
    assert_eq!(world.chain_record(1).status, ChainStatus::Retiring);
    world.step(1);
    world.collect(&[1]);
    world.relay.block(Vec::new());
    assert_eq!(world.chain_record(1).status, ChainStatus::Retired);
    assert_eq!(world.subs[1].value("k").as_deref(), Some("1"));
    assert_eq!(world.state(&aborted), ProposalState::Aborting);
    let last = world.relay.archive.block(Height(world.height()));
    assert!(last.outbox.iter().all(|(leaf, _)| leaf.peer != world.id(1)), "its leaf has ended");
}

#[test]
fn retirement_waits_for_a_notify_leg() {
    let mut world = World::new(3);
    let legs = vec![write(world.id(1), &["n"], "1"), write(world.id(2), &["n"], "1")];
    let holder = world.proposal_for(300, 50, legs);
    world.submit(&holder);
    world.step(1);
    let legs = vec![write(world.id(0), &["k"], "1"), notify(world.id(1), &["n"], "told")];
    let id = world.propose(legs);
    world.step(0);
    world.collect(&[0, 1]);
    world.step(0);
    // Delivered but waiting at the lock: everything is acknowledged, the leg is open.
    world.step(1);
    world.collect(&[0]);
    assert_eq!(world.state(&id), ProposalState::Committed);
    world.step(2);
    world.collect(&[2]);
    assert_eq!(world.decide(Motion::Retire(world.id(1))), Code::OK);
    world.rounds(6);
    assert!(matches!(world.phase(&id, 1), LegPhase::Noted { .. }), "{:?}", world.phase(&id, 1));
    assert_eq!(world.chain_record(1).status, ChainStatus::Retired);
}

#[test]
fn an_abandoned_chain_leaves_nothing_behind_on_the_relay() {
    let mut world = World::new(2);
    let before = world.relay.census();
    let committing = propose(&mut world);
    world.step(0);
    world.step(1);
    world.collect(&[0, 1]);
    let legs = vec![write(world.id(0), &["a"], "1"), write(world.id(1), &["a"], "1")];
    let preparing = world.propose(legs);
    let queued = propose(&mut world);
    world.step(0);
    world.collect(&[0]);
    assert_eq!(world.decide(Motion::Abandon(world.id(1))), Code::OK);
    assert_eq!(world.state(&committing), ProposalState::Committed);
    assert_eq!(world.state(&queued), ProposalState::Rejected);
    world.step(0);
    world.collect(&[0]);
    assert_eq!(world.state(&preparing), ProposalState::Aborted);
    world.relay.blocks(200);
    for id in [committing, preparing, queued] {
        assert_eq!(world.record(&id), None, "R2: retirement counts");
    }
    let after = world.relay.census();
    let left = |census: &std::collections::BTreeMap<String, usize>, area: &str| census.get(area).copied().unwrap_or(0);
    for area in after.keys().filter(|area| *area != "working:peers" && *area != "working:ic-outbox") {
        assert!(left(&after, area) <= left(&before, area), "{area}: {after:?}");
    }
}
