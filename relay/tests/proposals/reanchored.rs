//! A subchain that forked is re-anchored to the branch on which it forgot what it had voted: DISPUTED, end to end (§7).

use super::delivery::reanchor_to;
use super::fixture::*;
use super::world::*;
use ledger_protocol::chain::Parameters;
use ledger_protocol::interchain::*;
use ledger_protocol::system::{ChainStatus, LegPhase, ProposalState};
use ledger_protocol::*;
use subchain::participant::table::LegState;
use subchain::participant::{Standing, is_catching_up, standing};

/// Chain 0 votes on what is proposed, by a branch that `world.subs[0]` then is not on any more: it is the branch that
/// parted before the Prepare, handed over to other keys at the second of the results. The first is the common header.
fn fork_after_voting(world: &mut World, decide: impl FnOnce(&mut World)) -> (Height, Height) {
    let common = world.subs[0].archive.tip();
    let mut branch = world.subs[0].fork();
    world.step(0);
    world.collect(&[0]);
    decide(world);
    assert_eq!(world.decide(Motion::Freeze(world.id(0))), Code::OK);
    let to = branch.hand_over(60);
    // The relay trusts the other branch: the paths to what is common come from there.
    let voted_on = std::mem::replace(&mut world.subs[0], branch);
    let kept = std::mem::replace(&mut world.subs[0], voted_on);
    let motion = reanchor_to(world, &kept.archive, common, to, Height(0));
    world.subs[0] = kept;
    assert_eq!(world.decide(Motion::Reanchor(Box::new(motion))), Code::OK);
    assert_eq!(world.chain_record(0).status, ChainStatus::Active);
    (common, to)
}

fn is_catching(world: &World) -> bool {
    world.subs[0].read(|state| is_catching_up(state).unwrap())
}

fn takes_part(world: &World) -> bool {
    world.subs[0].read(|state| standing(state).unwrap()) == Standing::TakesPart
}

fn outcomes(world: &World) -> Vec<OutcomeResult> {
    let relay = world.relay.id();
    let blocks = (1..=world.subs[0].tip()).map(|height| world.subs[0].archive.block(Height(height)));
    let lists = blocks.flat_map(|block| block.outbox.iter().filter(|(leaf, _)| leaf.peer == relay));
    let contents = lists.flat_map(|(_, list)| list.iter().filter_map(MessageContent::of));
    let results = contents.filter_map(|it| match it {
        MessageContent::Outcome(outcome) => Some(outcome.result),
        _ => None,
    });
    results.collect()
}

#[test]
fn a_commit_of_a_vote_that_was_forgotten_is_disputed_and_hurts_nobody_else() {
    let mut world = World::new(2);
    let legs = vec![write(world.id(0), &["k"], "new"), write(world.id(1), &["k"], "new")];
    let id = world.propose(legs);
    fork_after_voting(&mut world, |world| {
        world.step(1);
        world.collect(&[1]);
        assert_eq!(world.state(&id), ProposalState::Committing);
    });
    // What it was asked on the branch that was dropped comes again, ahead of the list, and gets a receipt.
    assert_eq!(world.step(0), [Code::DROPPED, Code::DROPPED, Code::OK]);
    assert!(!is_catching(&world) && takes_part(&world));
    assert_eq!((world.leg_state(&id, 0), outcomes(&world)), (Some(LegState::Disputed), vec![OutcomeResult::Disputed]));
    assert_eq!(world.subs[0].value("k"), None);
    assert_eq!(world.subs[0].local(vec![set("k", "mine")]), Code::OK, "nothing is locked");
    world.rounds(2);
    assert_eq!(world.phase(&id, 0), LegPhase::Disputed);
    assert_eq!(world.state(&id), ProposalState::Committed);
    assert_eq!(world.subs[1].value("k").as_deref(), Some("new"), "the other leg is applied");
    assert_eq!((world.in_flight(0), world.in_flight(1)), (0, 0));
    assert_eq!(world.chain_record(0).status, ChainStatus::Active, "no contradiction, no Evidence");
    // The chain takes part as before.
    let legs = vec![write(world.id(0), &["k"], "again"), write(world.id(1), &["k"], "again")];
    let next = world.propose(legs);
    world.rounds(3);
    assert_eq!(world.state(&next), ProposalState::Committed);
    assert_eq!(world.subs[0].value("k").as_deref(), Some("again"));
}

#[test]
fn an_abort_of_a_vote_that_was_forgotten_is_disputed_too_and_its_record_is_pruned() {
    let mut world = World::new(2);
    let legs = vec![write(world.id(0), &["k"], "new"), write(world.id(1), &["k"], "new")];
    let id = world.propose(legs);
    // The freeze aborts it while chain 1 has not voted.
    fork_after_voting(&mut world, |_| {});
    assert_eq!(world.abort_of(&id), (Code::CHAIN_LOST, world.id(0)));
    assert_eq!(world.step(0), [Code::DROPPED, Code::DROPPED, Code::OK]);
    world.collect(&[0]);
    assert_eq!(world.phase(&id, 0), LegPhase::Disputed);
    let leg = world.leg_id(&id);
    world.rounds(60);
    assert_eq!(world.record(&id), None, "R2: every leg is closed by proof");
    assert_eq!(world.subs[0].read(|state| leg.record(state).unwrap()), None, "S8");
    assert_eq!(outcomes(&world), [OutcomeResult::Disputed], "said once");
}

#[test]
fn what_the_kept_branch_knows_is_not_disputed() {
    let mut world = World::new(2);
    let legs = vec![write(world.id(0), &["k"], "new"), write(world.id(1), &["k"], "new")];
    let known = world.propose(legs);
    world.step(0);
    world.collect(&[0]);
    let legs = vec![write(world.id(0), &["other"], "new"), write(world.id(1), &["other"], "new")];
    let forgotten = world.propose(legs);
    fork_after_voting(&mut world, |world| {
        world.step(1);
        world.collect(&[1]);
        assert_eq!([world.state(&known), world.state(&forgotten)], [ProposalState::Committing; 2]);
    });
    world.step(0);
    assert_eq!(world.leg_state(&known, 0), Some(LegState::Applied));
    assert_eq!(world.leg_state(&forgotten, 0), Some(LegState::Disputed));
    world.rounds(2);
    assert!(matches!(world.phase(&known, 0), LegPhase::ClosedByOutcome { .. }));
    assert_eq!(world.phase(&forgotten, 0), LegPhase::Disputed);
}

#[test]
fn the_dropped_branch_is_noticed_before_the_re_anchor_and_nothing_is_run_for_it() {
    let mut world = World::new(2);
    let legs = vec![write(world.id(0), &["k"], "new"), write(world.id(1), &["k"], "new")];
    let id = world.propose(legs);
    let common = world.subs[0].archive.tip();
    let mut branch = world.subs[0].fork();
    world.step(0);
    world.collect(&[0]);
    // A head of the relay that follows the other branch reaches this one.
    branch.blocks(2);
    let voted_on = std::mem::replace(&mut world.subs[0], branch);
    assert_eq!(world.step(0), [Code::DROPPED]);
    assert!(is_catching(&world));
    assert_eq!((world.leg_state(&id, 0), world.subs[0].value("k")), (None, None));
    let to = world.subs[0].hand_over(60);
    let kept = std::mem::replace(&mut world.subs[0], voted_on);
    assert_eq!(world.decide(Motion::Freeze(world.id(0))), Code::OK);
    let motion = reanchor_to(&world, &kept.archive, common, to, Height(0));
    world.subs[0] = kept;
    assert_eq!(world.decide(Motion::Reanchor(Box::new(motion))), Code::OK);
    assert_eq!(world.step(0), [Code::DROPPED, Code::OK], "the ABORT of the freeze, then the list");
    assert!(!is_catching(&world));
    world.collect(&[0]);
    assert_eq!(world.phase(&id, 0), LegPhase::Disputed);
}

#[test]
fn a_chain_frozen_before_its_first_head_is_re_anchored_from_header_zero() {
    let mut world = World::new(2);
    // A third chain is registered and frozen before it has said a word.
    let archive = super::synthetic::SyntheticChain::new(Suite::Standard, 3);
    let parameters = Parameters { heartbeat_ms: 100, ..Parameters::subchain() };
    let genesis = subchain_genesis(&archive, &world.relay.archive, &parameters);
    world.subs.push(Chain::new(subchain::SubchainMachine, archive, &genesis));
    let setting = Setting::default();
    let registration = world.registration(2, &setting);
    assert_eq!(world.decide(Motion::Register(Box::new(registration))), Code::OK);
    assert_eq!(world.decide(Motion::Activate(world.id(2))), Code::OK);
    assert_eq!(world.decide(Motion::Freeze(world.id(2))), Code::OK);
    let to = world.subs[2].hand_over(61);
    let motion = reanchor_to(&world, &world.subs[2].archive, Height(0), to, Height(0));
    for change in [
        |leaf: &mut OutboxLeaf| leaf.first = Sequence(1),
        |leaf: &mut OutboxLeaf| leaf.count = 1,
        |leaf: &mut OutboxLeaf| leaf.received = Sequence(9),
    ] {
        let mut other = motion.clone();
        change(&mut other.leaf.leaf);
        assert_eq!(world.decide(Motion::Reanchor(Box::new(other))), Code::PROOF);
    }
    assert_eq!(world.decide(Motion::Reanchor(Box::new(motion))), Code::OK);
    world.rounds(2);
    let legs = vec![write(world.id(2), &["k"], "first")];
    let id = world.propose(legs);
    for _ in 0..3 {
        world.round();
    }
    assert_eq!(world.state(&id), ProposalState::Committed);
}

#[test]
fn more_open_legs_than_one_page_holds_are_told_in_several_and_all_are_disputed() {
    let mut world = World::new(1);
    let mut ids = Vec::new();
    for hundred in 0..3 {
        let submits = (0..100).map(|number| {
            let legs = vec![write(world.id(0), &[&format!("k{hundred}{number}")], "new")];
            world.proposal_for(500, 50, legs)
        });
        let submits: Vec<_> = submits.collect();
        ids.extend(submits.iter().map(|submit| submit.body.id()));
        let inputs = submits.iter().map(|submit| world.submit_input(submit)).collect();
        world.collect_with(&[], Vec::new(), inputs);
    }
    let total = ids.iter().filter(|id| world.record(id).is_some()).count();
    assert_eq!(total, 300, "nobody has answered for any of them");
    fork_without_voting(&mut world);
    let pages = pages(&world);
    assert_eq!(pages.iter().map(|page| page.open.len()).sum::<usize>(), 300);
    assert_eq!(pages.iter().map(|page| page.last).collect::<Vec<_>>(), [false, true]);
    assert!(pages.iter().all(|page| page.number == 1));
    while !told(&world) {
        world.step(0);
    }
    assert!(!is_catching(&world));
    assert!(ids.iter().all(|id| world.leg_state(id, 0) == Some(LegState::Disputed)));
    world.rounds(8);
    assert!(ids.iter().all(|id| world.record(id).is_none_or(|it| it.legs[0].phase == LegPhase::Disputed)));
    assert_eq!(world.in_flight(0), 0);
}

/// The relay's pages about its re-anchor of chain 0.
fn pages(world: &World) -> Vec<Reanchored> {
    let to = world.id(0);
    let blocks = (1..=world.relay.tip()).map(|height| world.relay.archive.block(Height(height)));
    let lists = blocks.flat_map(|block| block.outbox.iter().filter(|(leaf, _)| leaf.peer == to));
    let contents = lists.flat_map(|(_, list)| list.iter().filter_map(MessageContent::of));
    let pages = contents.filter_map(|it| match it {
        MessageContent::Reanchored(page) => Some(page),
        _ => None,
    });
    pages.collect()
}

fn told(world: &World) -> bool {
    let relay = world.relay.id();
    let expects = world.subs[0].read(|state| chain_interchain::next_expected(state, &relay).unwrap());
    let to = world.id(0);
    expects == world.relay.read(|state| chain_interchain::sent(state, &to).unwrap())
}

/// Chain 0 has consumed nothing; it is frozen and re-anchored on its own branch.
fn fork_without_voting(world: &mut World) {
    let common = world.relay.read(|state| chain_interchain::trusted(state, &world.id(0)).unwrap().unwrap().height);
    assert_eq!(world.decide(Motion::Freeze(world.id(0))), Code::OK);
    let to = world.subs[0].hand_over(60);
    let motion = reanchor_to(world, &world.subs[0].archive, common, to, Height(0));
    assert_eq!(world.decide(Motion::Reanchor(Box::new(motion))), Code::OK);
    world.relay.blocks(3);
}

#[test]
fn a_lock_of_the_kept_branch_is_freed_though_the_dropped_one_said_no() {
    let mut world = World::new(2);
    let legs = vec![transfer(world.id(0), &[("c0", -60)]), write(world.id(1), &["k"], "new")];
    let id = world.propose(legs);
    let common = world.subs[0].archive.tip();
    // Both branches vote before either can know of the other: YES on the one that is kept, …
    let mut kept = world.subs[0].fork();
    std::mem::swap(&mut world.subs[0], &mut kept);
    assert_eq!(world.step(0), [Code::OK]);
    // … and NO on the one that the relay follows, after a local debit.
    std::mem::swap(&mut world.subs[0], &mut kept);
    assert_eq!(world.subs[0].local(vec![add("c0", -50)]), Code::OK);
    assert_eq!(world.step(0), [Code::BOUND]);
    world.collect(&[0]);
    assert!(matches!(world.phase(&id, 0), LegPhase::ClosedByNo { .. }));
    assert_eq!(world.decide(Motion::Freeze(world.id(0))), Code::OK);
    let to = kept.hand_over(60);
    let motion = reanchor_to(&world, &kept.archive, common, to, Height(0));
    world.subs[0] = kept;
    assert_eq!(world.decide(Motion::Reanchor(Box::new(motion))), Code::OK);
    assert_eq!(world.leg_state(&id, 0), Some(LegState::Locked));
    assert_eq!(world.step(0), [Code::OK, Code::OK], "the ABORT, then the list");
    assert_eq!(world.leg_state(&id, 0), Some(LegState::Released));
    assert_eq!(world.subs[0].local(vec![add("c0", -100)]), Code::OK, "nothing is reserved");
    world.rounds(2);
    assert!(matches!(world.phase(&id, 0), LegPhase::ClosedByNo { .. }));
    assert_eq!(world.chain_record(0).status, ChainStatus::Active);
}

/// The dropped branch voted YES, and the kept one NO before either could know of the other; `decide` is what the relay
/// makes of the YES before it freezes the chain. Gives the proposal.
fn refused_by_the_kept_branch(decide: impl FnOnce(&mut World, &ProposalId)) -> (World, ProposalId) {
    let mut world = World::new(2);
    let legs = vec![transfer(world.id(0), &[("c0", -60)]), write(world.id(1), &["k"], "new")];
    let id = world.propose(legs);
    let common = world.subs[0].archive.tip();
    let mut kept = world.subs[0].fork();
    std::mem::swap(&mut world.subs[0], &mut kept);
    assert_eq!(world.subs[0].local(vec![add("c0", -50)]), Code::OK);
    assert_eq!(world.step(0), [Code::BOUND]);
    std::mem::swap(&mut world.subs[0], &mut kept);
    assert_eq!(world.step(0), [Code::OK]);
    world.collect(&[0]);
    assert!(matches!(world.phase(&id, 0), LegPhase::VotedYes { .. }));
    decide(&mut world, &id);
    assert_eq!(world.decide(Motion::Freeze(world.id(0))), Code::OK);
    let to = kept.hand_over(60);
    let motion = reanchor_to(&world, &kept.archive, common, to, Height(0));
    world.subs[0] = kept;
    assert_eq!(world.decide(Motion::Reanchor(Box::new(motion))), Code::OK);
    (world, id)
}

#[test]
fn a_no_of_the_kept_branch_disputes_what_was_committed_on_the_dropped_ones_yes() {
    let (mut world, id) = refused_by_the_kept_branch(|world, id| {
        world.step(1);
        world.collect(&[1]);
        assert_eq!(world.state(id), ProposalState::Committing);
    });
    let noted = world.relay.read(|state| state.scan_working("votes-of-dropped", &[], None, 2).unwrap());
    assert_eq!(noted.len(), 1);
    assert_eq!(world.step(0), [Code::DROPPED, Code::OK], "the COMMIT, then the list");
    assert!(takes_part(&world), "nobody contradicted it");
    world.rounds(2);
    assert_eq!(world.phase(&id, 0), LegPhase::Disputed);
    assert_eq!(world.state(&id), ProposalState::Committed);
    assert_eq!(world.chain_record(0).status, ChainStatus::Active);
    assert_eq!((world.in_flight(0), world.in_flight(1)), (0, 0));
    let noted = world.relay.read(|state| state.scan_working("votes-of-dropped", &[], None, 1).unwrap());
    assert!(noted.is_empty(), "a closed leg's vote is forgotten");
    let legs = vec![write(world.id(0), &["k"], "again"), write(world.id(1), &["k"], "again")];
    let next = world.propose(legs);
    world.rounds(3);
    assert_eq!(world.state(&next), ProposalState::Committed);
}

#[test]
fn a_no_of_the_kept_branch_closes_what_was_aborted() {
    let (mut world, id) = refused_by_the_kept_branch(|_, _| {});
    assert_eq!(world.abort_of(&id), (Code::CHAIN_LOST, world.id(0)));
    world.rounds(2);
    assert!(matches!(world.phase(&id, 0), LegPhase::ClosedByNo { .. }));
    assert_eq!(world.chain_record(0).status, ChainStatus::Active);
    assert_eq!(world.in_flight(0), 0);
}
