//! R5: admission, at Submit and again on leaving the queue.

use super::fixture::*;
use super::world::*;
use ledger_protocol::chain::ControlledBy;
use ledger_protocol::codec::{Bounded, SortedVec};
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::*;
use ledger_protocol::system::{ChainRecord, ChainStatus, ProposalState};
use ledger_protocol::*;
use relay::coordinator;

fn refused(world: &mut World, legs: Vec<Leg>) -> Code {
    let submit = world.proposal(legs);
    let before = world.relay.census();
    let code = world.submit(&submit);
    assert!(!code.is_ok());
    assert_eq!(world.record(&submit.body.id()), None);
    assert_eq!(world.relay.census(), before, "a refusal leaves nothing behind");
    code
}

#[test]
fn r5_only_active_chains_and_what_is_refused_may_be_tried_again() {
    let mut world = World::new(2);
    let legs = |world: &World| vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")];
    let until = Height(world.height() + 4);
    assert_eq!(world.decide(Motion::Pause { chain: world.id(1), until }), Code::OK);
    let given = legs(&world);
    let submit = world.proposal(given);
    assert_eq!(world.submit(&submit), Code::CHAIN_NOT_ACTIVE);
    world.relay.blocks(5);
    assert_eq!(world.chain_record(1).status, ChainStatus::Active, "a pause ends by itself");
    assert_eq!(world.submit(&submit), Code::OK);
    assert_eq!(world.decide(Motion::Freeze(world.id(1))), Code::OK);
    let given = legs(&world);
    assert_eq!(refused(&mut world, given), Code::CHAIN_NOT_ACTIVE);
    let unknown = ChainId { suite: Suite::Standard, hash: Hash([9; 32]) };
    let given = vec![write(world.id(0), &["x"], "1"), write(unknown, &["k"], "1")];
    assert_eq!(refused(&mut world, given), Code::CHAIN_UNKNOWN);
    let registered = ChainRecord { status: ChainStatus::Registered, ..world.chain_record(0) };
    world.set_chain_record(&registered);
    let given = vec![write(world.id(0), &["k"], "1")];
    assert_eq!(refused(&mut world, given), Code::CHAIN_NOT_ACTIVE);
}

#[test]
fn r5_services_are_denied_by_default_and_every_ledger_of_the_call_counts() {
    let mut world = World::new(1);
    let chain = world.id(0);
    let other = ScopeEntry { key: LockKey { ledger: OTHER_BOOK, ..lock_key("k") }, access: AccessKind::Exclusive };
    let by_scope = leg(chain, LegMode::Write, vec![other], vec![at(OTHER_BOOK, set("k", "1"))]);
    assert_eq!(refused(&mut world, vec![by_scope.clone()]), Code::SERVICE_DENIED);
    // An event needs no key, so no scope entry names its ledger.
    let by_call =
        leg(chain, LegMode::Write, vec![exclusive("k")], vec![at(BOOK, set("k", "1")), at(OTHER_BOOK, event("t"))]);
    assert_eq!(refused(&mut world, vec![by_call.clone()]), Code::SERVICE_DENIED);
    let by_event = leg(chain, LegMode::Write, Vec::new(), vec![at(OTHER_BOOK, event("t"))]);
    assert_eq!(refused(&mut world, vec![by_event]), Code::SERVICE_DENIED);
    let policy =
        |ledger, access| Motion::SetService(ServicePolicy { chain, ledger, access, demands_shared_control: false });
    let bob = ServiceAccess::Proposers(SortedVec::new(vec![who(BOB)]).unwrap());
    assert_eq!(world.decide(policy(OTHER_BOOK, bob)), Code::OK);
    assert_eq!(refused(&mut world, vec![by_call.clone()]), Code::SERVICE_DENIED);
    assert_eq!(world.decide(policy(OTHER_BOOK, ServiceAccess::Nobody)), Code::OK);
    assert_eq!(refused(&mut world, vec![by_scope]), Code::SERVICE_DENIED);
    let alice = ServiceAccess::Proposers(SortedVec::new(vec![who(ALICE)]).unwrap());
    assert_eq!(world.decide(policy(OTHER_BOOK, alice)), Code::OK);
    world.propose(vec![by_call]);
    assert_eq!(world.decide(policy(SYSTEM, ServiceAccess::Members)), Code::BAD_ARGUMENT, "C10");
}

#[test]
fn bug_c10_ledger_0_is_not_addressable_by_a_leg() {
    let mut world = World::new(1);
    let chain = world.id(0);
    let system = ScopeEntry { key: LockKey { ledger: SYSTEM, ..lock_key("k") }, access: AccessKind::Exclusive };
    let by_scope = leg(chain, LegMode::Write, vec![system], Vec::new());
    assert_eq!(refused(&mut world, vec![by_scope]), Code::PROPOSAL_MALFORMED);
    let by_call = leg(chain, LegMode::Write, vec![exclusive("k")], vec![at(SYSTEM, set("k", "1"))]);
    assert_eq!(refused(&mut world, vec![by_call]), Code::SERVICE_DENIED);
}

#[test]
fn r5_a_counterparty_may_demand_shared_control() {
    let setting = Setting { demands_shared_control: true, ..Setting::default() };
    let mut world = World::with(setting);
    let legs = |world: &World| vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")];
    let given = legs(&world);
    assert_eq!(refused(&mut world, given), Code::CONTROL_UNMET);
    for index in [0, 1] {
        let record = world.chain_record(index);
        let controlled_by = ControlledBy::Shared { max_share_per_mille: 300 };
        world.set_chain_record(&ChainRecord { controlled_by, ..record });
        let given = legs(&world);
        if index == 0 {
            assert_eq!(refused(&mut world, given), Code::CONTROL_UNMET);
        } else {
            world.propose(given);
        }
    }
}

#[test]
fn r5_stale_refuses_admission_rejects_the_queued_and_leaves_the_started_alone() {
    // T_stale is 30 s at least, and a block of the relay is a second.
    let mut world = World::with(Setting { heartbeat_ms: 1_000, ..Setting::default() });
    let legs = vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")];
    let started = world.proposal_for(100, 50, legs);
    assert_eq!(world.submit(&started), Code::OK);
    let legs = vec![write(world.id(0), &["k"], "2"), write(world.id(1), &["j"], "1")];
    let queued = world.proposal_for(100, 50, legs);
    assert_eq!(world.submit(&queued), Code::OK);
    let stale = |world: &World, index: usize| {
        let (id, now) = (world.id(index), world.relay.facts().timestamp_ms);
        world.relay.read(|state| coordinator::chain_view(state, &id, now).unwrap().unwrap().is_stale)
    };
    while !stale(&world, 1) {
        assert_eq!(world.state(&queued.body.id()), ProposalState::Queued);
        world.relay.block(Vec::new());
    }
    world.relay.block(Vec::new());
    assert_eq!(world.abort_of(&queued.body.id()).0, Code::CHAIN_STALE);
    assert_eq!(world.state(&started.body.id()), ProposalState::Preparing);
    let legs = vec![write(world.id(1), &["z"], "1")];
    assert_eq!(refused(&mut world, legs), Code::CHAIN_STALE);
    // A newer header ends it, in the very block that brings it.
    let height = world.height();
    world.subs[0].blocks(height);
    world.subs[1].blocks(height);
    world.round();
    let legs = vec![write(world.id(1), &["z"], "1")];
    world.propose(legs);
}

#[test]
fn r5_caps_make_proposals_wait_and_are_given_back_by_proof_only() {
    let limits =
        ChainLimits { max_in_flight: 2, max_queue_per_key: 8, max_in_flight_per_proposer: 2, ..ChainLimits::default() };
    let mut world = World::with(Setting { subchains: 1, limits, ..Setting::default() });
    let ids: Vec<ProposalId> = (0..5)
        .map(|number| {
            let legs = vec![write(world.id(0), &[&format!("k{number}")], "1")];
            world.propose(legs)
        })
        .collect();
    let states = |world: &World| -> Vec<bool> {
        ids.iter().map(|id| world.record(id).is_some_and(|record| record.state == ProposalState::Queued)).collect()
    };
    assert_eq!(states(&world), [false, false, true, true, true]);
    world.step(0);
    world.collect(&[0]);
    assert_eq!(states(&world), [false, false, true, true, true], "decided is not closed");
    world.step(0);
    world.collect(&[0]);
    assert_eq!(states(&world), [false, false, false, false, true]);
    assert_eq!(world.in_flight(0), 2);
    world.rounds(8);
    assert_eq!(world.in_flight(0), 0);
    assert!(ids.iter().all(|id| world.state(id) == ProposalState::Committed));
}

#[test]
fn r5_raised_limits_start_who_waits() {
    let limits =
        ChainLimits { max_in_flight: 0, max_queue_per_key: 8, max_in_flight_per_proposer: 8, ..ChainLimits::default() };
    let mut world = World::with(Setting { subchains: 1, limits, ..Setting::default() });
    let legs = vec![write(world.id(0), &["k"], "1")];
    let id = world.propose(legs);
    world.relay.blocks(2);
    assert_eq!(world.state(&id), ProposalState::Queued);
    let limits = ChainLimits { max_in_flight: 1, ..limits };
    assert_eq!(world.decide(Motion::SetLimits { chain: world.id(0), limits }), Code::OK);
    assert_eq!(world.state(&id), ProposalState::Preparing);
}

#[test]
fn r5_a_cap_behind_many_that_wait_for_scopes_is_not_forgotten() {
    let limits = ChainLimits {
        max_in_flight: 1,
        max_queue_per_key: 1_000,
        max_in_flight_per_proposer: 8,
        ..ChainLimits::default()
    };
    let mut world = World::with(Setting { subchains: 2, limits, ..Setting::default() });
    // Chain 1's cap is taken by one that never votes; 300 more wait behind its key.
    let legs = vec![write(world.id(1), &["hot"], "0")];
    let holder = world.proposal_for(300, 50, legs);
    assert_eq!(world.submit(&holder), Code::OK);
    let crowd: Vec<_> = (0..300)
        .map(|_| {
            let legs = vec![write(world.id(1), &["hot"], "1")];
            let submit = world.proposal_for(300, 50, legs);
            world.submit_input(&submit)
        })
        .collect();
    assert!(world.relay.codes(crowd).iter().all(|codes| codes[0] == Code::OK));
    let legs = vec![write(world.id(0), &["a"], "1")];
    let first = world.proposal_for(100, 50, legs);
    world.submit(&first);
    let legs = vec![write(world.id(0), &["b"], "1")];
    let second = world.proposal_for(100, 50, legs);
    world.submit(&second);
    assert_eq!(world.state(&second.body.id()), ProposalState::Queued);
    for _ in 0..2 {
        world.step(0);
        world.collect(&[0]);
    }
    assert_eq!(world.state(&first.body.id()), ProposalState::Committed);
    assert_eq!(world.state(&second.body.id()), ProposalState::Preparing);
}

#[test]
fn r5_busy_when_a_keys_queue_is_full_whoever_waits_there() {
    let limits = ChainLimits { max_queue_per_key: 3, ..ChainLimits::default() };
    let mut world = World::with(Setting { subchains: 1, limits, ..Setting::default() });
    for _ in 0..4 {
        let legs = vec![write(world.id(0), &["k"], "1")];
        world.propose(legs);
    }
    let legs = vec![write(world.id(0), &["k"], "1")];
    assert_eq!(refused(&mut world, legs), Code::BUSY);
    // Readers would not wait for each other, but all of them for the writers.
    let legs = vec![read(world.id(0), &["k"])];
    assert_eq!(refused(&mut world, legs), Code::BUSY);
    // Amounts beside amounts make no queue.
    for _ in 0..10 {
        let legs = vec![transfer(world.id(0), &[("c0", 1)])];
        world.propose(legs);
    }
    let legs = vec![write(world.id(0), &["free"], "1")];
    world.propose(legs);
}

#[test]
fn submit_is_refused_for_its_form_times_and_approvals() {
    let mut world = World::new(1);
    let good =
        |world: &World| body(world.relay.id(), 7, world.height() + 40, 10, vec![write(world.id(0), &["k"], "1")]);
    let h = world.height();
    let cases: Vec<(ProposalBody, Code)> = vec![
        (ProposalBody { valid_until: Height(h), ..good(&world) }, Code::VALID_UNTIL),
        (
            ProposalBody { valid_until: Height(h + coordinator::MAX_VALID_BLOCKS + 50), ..good(&world) },
            Code::VALID_UNTIL,
        ),
        (ProposalBody { t_prep: 0, ..good(&world) }, Code::VALID_UNTIL),
        (ProposalBody { t_prep: 51, ..good(&world) }, Code::BAD_ARGUMENT),
        (ProposalBody { relay: world.id(0), ..good(&world) }, Code::PROPOSAL_MALFORMED),
        (ProposalBody { proposer: who(BOB), ..good(&world) }, Code::PROPOSAL_MALFORMED),
        (
            ProposalBody { proposer: who(GUEST), members: SortedVec::new(vec![who(GUEST)]).unwrap(), ..good(&world) },
            Code::APPROVAL_UNMET,
        ),
        (
            ProposalBody { legs: SortedVec::new(vec![notify(world.id(0), &["k"], "1")]).unwrap(), ..good(&world) },
            Code::PROPOSAL_MALFORMED,
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(world.submit(&sign(body.clone())), expected, "{body:?}");
    }
    let submit = sign(good(&world));
    let stripped = Submit { authorisations: Bounded::new(vec![SortedVec::default()]).unwrap(), ..submit.clone() };
    assert_eq!(world.submit(&stripped), Code::PROPOSAL_MALFORMED);
    assert_eq!(world.submit(&submit), Code::OK);
}

#[test]
fn keys_of_the_greatest_length_do_not_stop_the_relay() {
    let mut world = World::new(1);
    let long = |end: &str| format!("{}{end}", "k".repeat(255));
    let first = {
        let legs = vec![write(world.id(0), &[&long("a")], "1")];
        world.propose(legs)
    };
    let same = {
        let legs = vec![write(world.id(0), &[&long("a")], "2")];
        world.propose(legs)
    };
    let other = {
        let legs = vec![write(world.id(0), &[&long("b")], "3")];
        world.propose(legs)
    };
    let under_all = {
        let legs = vec![leg(world.id(0), LegMode::Read, vec![under(&"k".repeat(255))], Vec::new())];
        world.propose(legs)
    };
    assert_eq!(world.state(&first), ProposalState::Preparing);
    assert_eq!(world.state(&same), ProposalState::Queued);
    assert_eq!(world.state(&other), ProposalState::Preparing);
    assert_eq!(world.state(&under_all), ProposalState::Queued);
    world.rounds(8);
    for id in [first, same, other, under_all] {
        assert_eq!(world.state(&id), ProposalState::Committed);
    }
    assert_eq!(world.subs[0].value(&long("a")).as_deref(), Some("2"));
}
