//! R6: the scope queue.

use super::fixture::*;
use super::world::*;
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::*;
use ledger_protocol::system::{LegPhase, ProposalState};
use ledger_protocol::*;

const QUEUED: ProposalState = ProposalState::Queued;
const PREPARING: ProposalState = ProposalState::Preparing;

fn of(world: &World, scope: ScopeEntry) -> Vec<Leg> {
    vec![leg(world.id(0), LegMode::Write, vec![scope], Vec::new())]
}

fn propose(world: &mut World, scope: ScopeEntry) -> ProposalId {
    let legs = of(world, scope);
    world.propose(legs)
}

#[test]
fn r6_shared_beside_shared_and_delta_beside_delta_nothing_else() {
    let kinds = [shared("c0"), exclusive("c0"), under("c"), delta("c0", 0)];
    for (first, held) in kinds.iter().enumerate() {
        for (second, asked) in kinds.iter().enumerate() {
            let mut world = World::new(1);
            propose(&mut world, held.clone());
            let id = propose(&mut world, asked.clone());
            let runs_beside = matches!((first, second), (0 | 2, 0 | 2) | (3, 3));
            let expected = if runs_beside { PREPARING } else { QUEUED };
            assert_eq!(world.state(&id), expected, "{asked:?} after {held:?}");
            // Whatever waited starts when the first one is closed, and nobody votes NO.
            world.rounds(2);
            if !runs_beside {
                assert_eq!(world.state(&id), PREPARING);
            }
            world.rounds(2);
            assert_eq!(world.state(&id), ProposalState::Committed);
        }
    }
}

#[test]
fn r6_first_in_first_out_per_key_and_disjoint_side_by_side() {
    let mut world = World::new(2);
    let a = propose(&mut world, exclusive("a"));
    let both = {
        let legs = vec![leg(world.id(0), LegMode::Write, vec![exclusive("a"), exclusive("b")], Vec::new())];
        world.propose(legs)
    };
    // b is free, but `both` came first.
    let b = propose(&mut world, exclusive("b"));
    let c = propose(&mut world, exclusive("c"));
    // The same key of another chain is another key.
    let other = {
        let legs = vec![leg(world.id(1), LegMode::Write, vec![exclusive("a")], Vec::new())];
        world.propose(legs)
    };
    let states = |world: &World| [a, both, b, c, other].map(|id| world.state(&id));
    assert_eq!(states(&world), [PREPARING, QUEUED, QUEUED, PREPARING, PREPARING]);
    world.rounds(2);
    assert_eq!(states(&world)[1..3], [PREPARING, QUEUED]);
    world.rounds(2);
    assert_eq!(states(&world)[2], PREPARING);
    world.rounds(2);
    assert!(states(&world).iter().all(|state| *state == ProposalState::Committed));
}

#[test]
fn r6_a_reader_does_not_overtake_a_waiting_writer() {
    let mut world = World::new(1);
    propose(&mut world, shared("k"));
    let writer = propose(&mut world, exclusive("k"));
    let reader = propose(&mut world, shared("k"));
    assert_eq!((world.state(&writer), world.state(&reader)), (QUEUED, QUEUED));
    world.rounds(2);
    assert_eq!((world.state(&writer), world.state(&reader)), (PREPARING, QUEUED));
}

#[test]
fn r6_a_scope_is_free_when_its_own_leg_is_closed_not_at_the_decision_nor_at_the_end() {
    let mut world = World::new(2);
    let legs = vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")];
    let first = world.propose(legs);
    let legs = vec![write(world.id(0), &["k"], "2")];
    let second = world.propose(legs);
    world.step(0);
    world.step(1);
    world.collect(&[0, 1]);
    assert_eq!((world.state(&first), world.state(&second)), (ProposalState::Committing, QUEUED));
    world.step(0);
    world.collect(&[0]);
    assert!(matches!(world.phase(&first, 0), LegPhase::ClosedByOutcome { .. }));
    assert_eq!((world.state(&first), world.state(&second)), (ProposalState::Committing, PREPARING));
}

#[test]
fn r6_a_proven_no_frees_its_leg_at_once_and_no_decision_is_sent_there() {
    let mut world = World::new(2);
    let legs = vec![transfer(world.id(0), &[("c0", -1_000)]), write(world.id(1), &["k"], "1")];
    let first = world.propose(legs);
    let legs = vec![write(world.id(0), &["c0"], "2")];
    let second = world.propose(legs);
    world.step(0);
    world.collect(&[0]);
    assert_eq!(world.abort_of(&first), (Code::BOUND, world.id(0)));
    assert!(matches!(world.phase(&first, 0), LegPhase::ClosedByNo { .. }));
    assert_eq!(world.state(&second), PREPARING);
    assert_eq!(world.step(0).len(), 1, "a Prepare and no Decision");
    // The other leg gets Prepare and ABORT.
    assert_eq!(world.step(1), [Code::OK, Code::OK]);
    world.collect(&[1]);
    assert_eq!(world.state(&first), ProposalState::Aborted);
}

#[test]
fn r6_a_cancelled_prefix_lets_the_keys_beneath_it_go() {
    let mut world = World::new(1);
    propose(&mut world, exclusive("ka"));
    let prefix = propose(&mut world, under("k"));
    let beneath = propose(&mut world, exclusive("kb"));
    let aside = propose(&mut world, exclusive("x"));
    assert_eq!([prefix, beneath, aside].map(|id| world.state(&id)), [QUEUED, QUEUED, PREPARING]);
    let cancel = world.cancel_input(prefix, ALICE);
    world.relay.block(vec![cancel]);
    assert_eq!(world.state(&prefix), ProposalState::Rejected);
    assert_eq!(world.state(&beneath), PREPARING);
}

#[test]
fn r6_a_rejected_one_lets_those_behind_it_go() {
    let mut world = World::new(2);
    propose(&mut world, exclusive("a"));
    let legs = vec![write(world.id(0), &["a", "b"], "1"), write(world.id(1), &["k"], "1")];
    let middle = world.propose(legs);
    let behind = propose(&mut world, exclusive("b"));
    assert_eq!(world.state(&behind), QUEUED);
    assert_eq!(world.decide(Motion::Freeze(world.id(1))), Code::OK);
    assert_eq!(world.abort_of(&middle), (Code::CHAIN_NOT_ACTIVE, world.id(1)));
    assert_eq!(world.state(&behind), PREPARING);
}

#[test]
fn r6_a_notify_leg_holds_no_scope() {
    let mut world = World::new(2);
    let legs = vec![write(world.id(0), &["k"], "1"), notify(world.id(1), &["k"], "told")];
    let first = world.propose(legs);
    let legs = vec![write(world.id(1), &["k"], "2")];
    let second = world.propose(legs);
    assert_eq!(world.state(&second), PREPARING);
    // Aborted: the NOTIFY leg never hears of it, and nothing stays behind.
    let cancel = world.cancel_input(first, ALICE);
    world.relay.block(vec![cancel]);
    world.rounds(4);
    assert_eq!(world.state(&second), ProposalState::Committed);
    let legs = vec![write(world.id(1), &["k"], "3")];
    let third = world.propose(legs);
    assert_eq!(world.state(&third), PREPARING);
    world.rounds(50);
    assert!(world.relay.census().keys().all(|area| !area.starts_with("working:scope")), "{:?}", world.relay.census());
    assert_eq!(world.subs[1].value("k").as_deref(), Some("3"));
}

#[test]
fn a6_a_silent_chain_holds_nobody_elses_keys_beyond_the_decision() {
    let mut world = World::new(3);
    let legs = vec![write(world.id(0), &["k"], "1"), write(world.id(2), &["k"], "1")];
    let hostage = world.propose(legs);
    let legs = vec![write(world.id(0), &["k"], "2"), write(world.id(1), &["k"], "2")];
    let waiting = world.propose(legs);
    let aside = {
        let legs = vec![write(world.id(0), &["z"], "2"), write(world.id(1), &["z"], "2")];
        world.propose(legs)
    };
    // Chain 2 is silent: a proposal that does not name it is not delayed.
    for _ in 0..2 {
        world.step(0);
        world.step(1);
        world.collect(&[0, 1]);
    }
    assert_eq!(world.state(&aside), ProposalState::Committed);
    while world.state(&hostage) == PREPARING {
        world.step(0);
        world.collect(&[0]);
    }
    assert_eq!(world.abort_of(&hostage), (Code::TIMEOUT, world.id(2)));
    world.step(0);
    world.collect(&[0]);
    assert_eq!(world.state(&waiting), PREPARING);
    for _ in 0..2 {
        world.step(0);
        world.step(1);
        world.collect(&[0, 1]);
    }
    assert_eq!(world.state(&waiting), ProposalState::Committed);
    assert_eq!(world.state(&hostage), ProposalState::Aborting);
}
