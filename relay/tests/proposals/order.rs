//! R1–R4: the order inside a block, deadlines, the decision, and what cancels.

use super::fixture::*;
use super::world::*;
use chain_state::StateMachine as _;
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::Cancel;
use ledger_protocol::system::{LegPhase, ProposalState};
use ledger_protocol::transaction::Operation;
use ledger_protocol::*;
use relay::coordinator;
use subchain::participant::table::LegState;

fn two_writes(world: &mut World) -> ProposalId {
    let legs = vec![write(world.id(0), &["k"], "new"), transfer(world.id(1), &[("c0", 5)])];
    world.propose(legs)
}

#[test]
fn a1_a2_all_yes_commits_and_is_applied_everywhere() {
    let mut world = World::new(2);
    let before = (world.relay.census(), world.subs[0].census(), world.subs[1].census());
    let id = two_writes(&mut world);
    assert_eq!(world.state(&id), ProposalState::Preparing);
    assert_eq!((world.in_flight(0), world.in_flight(1)), (1, 1));
    assert_eq!(world.step(0), [Code::OK]);
    assert_eq!(world.leg_state(&id, 0), Some(LegState::Locked));
    world.collect(&[0]);
    assert_eq!(world.state(&id), ProposalState::Preparing);
    assert!(matches!(world.phase(&id, 0), LegPhase::VotedYes { .. }));
    world.step(1);
    // Decided after 2 relay blocks and 1 subchain block.
    world.collect(&[1]);
    assert_eq!(world.state(&id), ProposalState::Committing);
    assert!(matches!(world.verdict(&id), Some(DecisionVerdict::Commit { .. })));
    assert_eq!(world.subs[0].value("k"), None);
    world.step(0);
    world.step(1);
    assert_eq!(world.subs[0].value("k").as_deref(), Some("new"));
    assert_eq!(world.subs[1].counter("c0"), START_VALUE + 5);
    world.collect(&[0, 1]);
    assert_eq!(world.state(&id), ProposalState::Committed);
    assert_eq!((world.in_flight(0), world.in_flight(1)), (0, 0));
    world.rounds(45);
    assert_eq!(world.record(&id), None);
    let after = (world.relay.census(), world.subs[0].census(), world.subs[1].census());
    assert_eq!(after, before, "something is left");
}

#[test]
fn r1_a_vote_at_the_deadline_counts_one_later_does_not() {
    for late in [false, true] {
        let mut world = World::new(2);
        let id = two_writes(&mut world);
        let deadline = world.record(&id).unwrap().deadline;
        world.step(0);
        world.step(1);
        while world.height() + 1 < deadline.0 + u64::from(late) {
            assert_eq!(world.state(&id), ProposalState::Preparing);
            world.relay.block(Vec::new());
        }
        world.collect(&[0, 1]);
        assert_eq!(world.height(), deadline.0 + u64::from(late));
        if late {
            assert_eq!(world.abort_of(&id).0, Code::TIMEOUT);
            assert_eq!(world.record(&id).unwrap().decided_at.0, deadline.0 + 1, "A5");
        } else {
            assert_eq!(world.state(&id), ProposalState::Committing);
        }
        world.round();
        let (state, leg) = if late {
            (ProposalState::Aborted, LegState::Released)
        } else {
            (ProposalState::Committed, LegState::Applied)
        };
        assert_eq!(world.state(&id), state);
        assert_eq!(world.leg_state(&id, 0), Some(leg));
        assert_eq!(world.leg_state(&id, 1), Some(leg));
    }
}

#[test]
fn r1_a3_the_last_vote_beats_a_cancel_of_the_same_block() {
    let mut world = World::new(2);
    let id = two_writes(&mut world);
    world.step(0);
    world.step(1);
    let cancel = world.cancel_input(id, ALICE);
    let execution = world.collect_with(&[0, 1], Vec::new(), vec![cancel]);
    assert_eq!(execution.receipts[2].codes[0], Code::TOO_LATE);
    assert_eq!(world.state(&id), ProposalState::Committing);
}

#[test]
fn r1_a_freeze_beats_the_last_vote_of_the_same_block() {
    let mut world = World::new(2);
    let id = two_writes(&mut world);
    world.step(0);
    world.step(1);
    let freeze = world.motion_input(Motion::Freeze(world.id(1)));
    world.collect_with(&[0], vec![freeze], Vec::new());
    assert_eq!(world.abort_of(&id), (Code::CHAIN_LOST, world.id(1)));
}

#[test]
fn a_cancel_in_preparing_aborts_and_only_the_proposer_may() {
    let mut world = World::new(2);
    let id = two_writes(&mut world);
    let stranger = world.cancel_input(id, BOB);
    assert_eq!(world.relay.codes(vec![stranger])[0], [Code::NOT_PROPOSER]);
    let cancel = world.cancel_input(id, ALICE);
    assert_eq!(world.relay.codes(vec![cancel.clone()])[0], [Code::OK]);
    assert_eq!(world.abort_of(&id), (Code::CANCELLED, world.relay.id()));
    assert_eq!(world.relay.codes(vec![cancel])[0], [Code::TOO_LATE]);
    // Prepare and ABORT arrive together: run, then released.
    world.rounds(2);
    assert_eq!(world.state(&id), ProposalState::Aborted);
    assert_eq!(world.leg_state(&id, 0), Some(LegState::Released));
}

#[test]
fn a_cancel_before_its_submit_rejects_it_only_from_the_proposer() {
    for (author, expected) in [(ALICE, Code::CANCELLED), (BOB, Code::OK)] {
        let mut world = World::new(2);
        let legs = vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")];
        let submit = world.proposal(legs);
        let cancel = world.cancel_input(submit.body.id(), author);
        assert_eq!(world.relay.codes(vec![cancel])[0], [Code::OK]);
        assert_eq!(world.submit(&submit), expected);
        assert_eq!(world.record(&submit.body.id()).is_some(), expected.is_ok());
    }
}

#[test]
fn remembered_cancels_are_bounded_extended_and_forgotten() {
    let mut world = World::new(1);
    let before = world.relay.census();
    let ids: Vec<ProposalId> = (0..65u8).map(|n| ProposalId(Suite::Standard.foreign(Hash([n; 32])))).collect();
    let cancel = |world: &mut World, id: ProposalId, blocks: u64| {
        let cancel = Cancel { id, valid_until: Height(world.height() + blocks) };
        let input = transaction(world.relay.id(), ALICE, vec![at(SYSTEM, Operation::CancelProposal(cancel))]);
        world.relay.codes(vec![input])[0][0]
    };
    for id in &ids[..64] {
        assert_eq!(cancel(&mut world, *id, 5), Code::OK);
        assert_eq!(cancel(&mut world, *id, 300), Code::OK, "a later valid_until counts");
    }
    assert_eq!(cancel(&mut world, ids[64], 5), Code::LIMIT);
    assert_eq!(cancel(&mut world, ids[64], coordinator::MAX_VALID_BLOCKS + 2), Code::VALID_UNTIL);
    assert_eq!(world.relay.census()["working:cancels"], 64);
    assert_eq!(world.relay.census()["working:cancels-expiry"], 64);
    world.relay.blocks(301);
    assert_eq!(world.relay.census(), before);
}

#[test]
fn r2_the_record_is_written_once_and_stays_until_closed_and_past_valid_until() {
    let mut world = World::new(2);
    let id = two_writes(&mut world);
    world.rounds(2);
    let decided = world.record(&id).unwrap();
    assert_eq!(decided.state, ProposalState::Committed);
    let submit_again = {
        let legs = vec![write(world.id(0), &["k"], "new"), transfer(world.id(1), &[("c0", 5)])];
        sign(body(world.relay.id(), 1_000, decided.valid_until.0, 10, legs))
    };
    world.relay.blocks(decided.valid_until.0 - world.height());
    assert_eq!(world.record(&id), Some(decided), "at valid_until the Submit could still come again");
    world.relay.block(Vec::new());
    assert_eq!(world.record(&id), None);
    assert_eq!(world.submit(&submit_again), Code::VALID_UNTIL);
}

#[test]
fn r2_the_same_submit_again_is_known_in_every_state() {
    let mut world = World::new(2);
    let legs = vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")];
    let submit = world.proposal(legs);
    assert_eq!(world.submit(&submit), Code::OK);
    for _ in 0..3 {
        assert_eq!(world.submit(&submit), Code::PROPOSAL_EXISTS);
        world.round();
    }
    assert_eq!(world.state(&submit.body.id()), ProposalState::Committed);
    assert_eq!(world.submit(&submit), Code::PROPOSAL_EXISTS);
}

#[test]
fn r3_committing_never_turns_back() {
    let mut world = World::new(2);
    let id = two_writes(&mut world);
    world.step(0);
    world.step(1);
    world.collect(&[0, 1]);
    assert_eq!(world.state(&id), ProposalState::Committing);
    let verdict = world.verdict(&id);
    world.relay.blocks(15);
    assert_eq!(world.decide(Motion::Pause { chain: world.id(0), until: Height(world.height() + 5) }), Code::OK);
    assert_eq!(world.decide(Motion::Freeze(world.id(1))), Code::OK);
    let cancel = world.cancel_input(id, ALICE);
    assert_eq!(world.relay.codes(vec![cancel])[0], [Code::TOO_LATE]);
    assert_eq!((world.state(&id), world.verdict(&id)), (ProposalState::Committing, verdict));
    world.step(0);
    world.collect(&[0]);
    // The frozen chain's leg counts as closed for the state; it is served all the same.
    assert_eq!(world.state(&id), ProposalState::Committed);
    world.step(1);
    assert_eq!(world.subs[1].counter("c0"), START_VALUE + 5);
    assert_eq!(world.in_flight(1), 1, "not closed by proof");
    world.thaw(1);
    world.collect(&[1]);
    assert!(matches!(world.phase(&id, 1), LegPhase::ClosedByOutcome { .. }));
    assert_eq!(world.in_flight(1), 0);
}

#[test]
fn r4_timeouts_fire_by_themselves_and_keep_the_relay_awake() {
    let mut world = World::new(3);
    let legs = vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")];
    let long = world.proposal_for(40, 12, legs);
    assert_eq!(world.submit(&long), Code::OK);
    let legs = vec![write(world.id(2), &["k"], "1")];
    let short = world.proposal_for(40, 3, legs);
    assert_eq!(world.submit(&short), Code::OK);
    let (long, short) = (long.body.id(), short.body.id());
    world.step(0);
    world.collect(&[0]);
    let mut wakeful = 0;
    while world.relay.block(Vec::new()).has_due_work {
        wakeful += 1;
    }
    assert!(wakeful >= 9);
    // The culprit is the first voting leg that was not heard of.
    assert_eq!(world.abort_of(&long), (Code::TIMEOUT, world.id(1)));
    assert_eq!(world.abort_of(&short), (Code::TIMEOUT, world.id(2)));
    assert_eq!(world.record(&short).unwrap().decided_at.0, world.record(&short).unwrap().deadline.0 + 1);
    world.rounds(3);
    assert_eq!((world.state(&long), world.state(&short)), (ProposalState::Aborted, ProposalState::Aborted));
}

#[test]
fn a5_a_queued_proposal_is_rejected_right_after_valid_until() {
    let mut world = World::new(2);
    two_writes(&mut world);
    let legs = vec![write(world.id(0), &["k"], "late")];
    let waiting = world.proposal_for(4, 10, legs);
    assert_eq!(world.submit(&waiting), Code::OK);
    let id = waiting.body.id();
    while world.height() < waiting.body.valid_until.0 {
        world.relay.block(Vec::new());
        assert_eq!(world.state(&id), ProposalState::Queued);
    }
    world.relay.block(Vec::new());
    assert_eq!(world.abort_of(&id).0, Code::PROPOSAL_EXPIRED);
    assert_eq!(world.state(&id), ProposalState::Rejected);
    world.relay.block(Vec::new());
    assert_eq!(world.record(&id), None);
}

#[test]
fn a3_a_vote_ordered_by_the_deadline_counts_though_a_full_block_postponed_it() {
    // 64 changes a block: from 32 on messages are postponed.
    let setting = Setting { subchains: 2, relay_changes: 64, ..Setting::default() };
    let mut world = World::with(setting);
    let mut ids = Vec::new();
    for number in 0..40 {
        let name = format!("k{number}");
        let legs = vec![write(world.id(0), &[&name], "1"), write(world.id(1), &[&name], "1")];
        let submit = world.proposal_for(200, 45, legs);
        assert_eq!(world.submit(&submit), Code::OK);
        ids.push(submit.body.id());
    }
    world.step(0);
    world.step(1);
    world.collect(&[0]);
    while world.relay.read(|state| chain_interchain::waiting_count(state, &world.subs[0].id()).unwrap()) > 0 {
        assert!(world.relay.block(Vec::new()).has_due_work);
    }
    // The last block in which the last proposals' votes may be ordered.
    let last = world.record(&ids[0]).unwrap().deadline.0;
    world.relay.blocks(last - world.height() - 1);
    let execution = world.collect(&[1]);
    assert!(execution.receipts[0].codes.contains(&Code::POSTPONED), "the test needs a full block");
    world.relay.blocks(10);
    for id in ids {
        assert_eq!(world.state(&id), ProposalState::Committing, "{:?}", world.record(&id));
    }
}

#[test]
fn an_advance_is_a_lane_of_its_own_and_comes_once() {
    let mut world = World::new(1);
    let legs = vec![write(world.id(0), &["k"], "1")];
    let id = world.propose(legs);
    world.step(0);
    let news = world.news(0).unwrap();
    let facts = world.relay.facts();
    assert!(world.relay.machine.admit(&world.relay.store, &facts, &news).is_ok());
    world.relay.block(vec![news.clone()]);
    assert_eq!(world.state(&id), ProposalState::Committing);
    assert!(world.relay.try_block(&[news]).is_err(), "a duplicate never enters a block");
}
