//! §7: limits per chain, service and proposer: windows, bytes, keys x blocks, queue and state; silence and back-off.

use super::fixture::*;
use super::world::*;
use ledger_protocol::codec::{SortedVec, encode};
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::*;
use ledger_protocol::system::ProposalState;
use ledger_protocol::*;
use relay::coordinator::limits::{self, BackOffView, ChainUse, ProposerUse};

const QUEUED: ProposalState = ProposalState::Queued;
const PREPARING: ProposalState = ProposalState::Preparing;

/// Generous, but for what a test sets; windows of 30 blocks.
fn generous() -> ChainLimits {
    ChainLimits { window_blocks: 30, ..ChainLimits::default() }
}

fn world(subchains: usize, limits: ChainLimits) -> World {
    World::with(Setting { subchains, limits, ..Setting::default() })
}

fn legs_of(world: &World, key: &str) -> Vec<Leg> {
    vec![write(world.id(0), &[key], "1")]
}

fn one(world: &mut World, key: &str) -> Submit {
    let legs = legs_of(world, key);
    world.proposal(legs)
}

fn by_bob(world: &mut World, key: &str) -> Submit {
    let body =
        ProposalBody { proposer: who(BOB), members: SortedVec::new(vec![who(BOB)]).unwrap(), ..one(world, key).body };
    sign(body)
}

fn admitted(world: &mut World, submit: &Submit) -> ProposalId {
    assert_eq!(world.submit(submit), Code::OK);
    submit.body.id()
}

fn chain_use(world: &World, index: usize) -> ChainUse {
    let id = world.id(index);
    world.relay.read(|state| limits::chain_use(state, &id).unwrap())
}

fn alices_use(world: &World, index: usize) -> ProposerUse {
    let id = world.id(index);
    world.relay.read(|state| limits::proposer_use(state, &id, &who(ALICE)).unwrap())
}

fn bytes_of(submit: &Submit) -> u64 {
    (encode(&submit.body.legs[0]).len() + encode(&submit.authorisations[0]).len()) as u64
}

fn states(world: &World, ids: &[ProposalId]) -> Vec<ProposalState> {
    ids.iter().map(|id| world.state(id)).collect()
}

#[test]
fn a_full_window_refuses_and_who_is_queued_starts_when_it_has_passed() {
    for per_proposer in [false, true] {
        let tight = if per_proposer {
            ChainLimits { max_begun_per_proposer: 2, ..generous() }
        } else {
            ChainLimits { max_begun: 2, ..generous() }
        };
        let mut world = world(1, tight);
        let submits = ["a", "b", "c"].map(|key| one(&mut world, key));
        let inputs = submits.iter().map(|submit| world.submit_input(submit)).collect();
        assert!(world.relay.codes(inputs).iter().all(|codes| codes[0].is_ok()));
        let ids = submits.map(|submit| submit.body.id());
        assert_eq!(states(&world, &ids), [PREPARING, PREPARING, QUEUED]);
        let opened = world.record(&ids[0]).unwrap().started_at.0;
        let late = one(&mut world, "d");
        assert_eq!(world.submit(&late), Code::LIMIT);
        let bobs = by_bob(&mut world, "e");
        assert_eq!(world.submit(&bobs), if per_proposer { Code::OK } else { Code::LIMIT });
        while world.state(&ids[2]) == QUEUED {
            world.round();
        }
        assert_eq!(world.record(&ids[2]).unwrap().started_at.0, opened + 30);
        let late = one(&mut world, "d");
        admitted(&mut world, &late);
    }
}

#[test]
fn bytes_in_flight_are_held_until_a_leg_is_closed() {
    let mut probe = world(1, generous());
    let bytes = bytes_of(&one(&mut probe, "a"));
    for per_proposer in [false, true] {
        let tight = if per_proposer {
            ChainLimits { max_bytes_per_proposer: 2 * bytes, ..generous() }
        } else {
            ChainLimits { max_bytes: 2 * bytes, ..generous() }
        };
        let mut world = world(1, tight);
        let ids = ["a", "b", "c"].map(|key| {
            let submit = one(&mut world, key);
            admitted(&mut world, &submit)
        });
        assert_eq!(states(&world, &ids), [PREPARING, PREPARING, QUEUED]);
        assert_eq!(chain_use(&world, 0).flight.bytes, 2 * bytes);
        world.round();
        assert_eq!(states(&world, &ids)[2], QUEUED, "decided is not closed");
        world.round();
        assert_eq!(states(&world, &ids)[2], PREPARING);
        world.rounds(4);
        assert_eq!(chain_use(&world, 0).flight, limits::Flight::default());
    }
}

#[test]
fn a_leg_that_could_never_begin_is_refused_at_once() {
    let mut world = world(1, ChainLimits { max_bytes: 200, ..generous() });
    let submit = one(&mut world, "a");
    assert_eq!(world.submit(&submit), Code::LIMIT);
    let tight = ChainLimits { max_key_blocks: 29, ..generous() };
    assert_eq!(world.decide(Motion::SetLimits { chain: world.id(0), limits: tight }), Code::OK);
    // Three keys for ten blocks.
    let legs = vec![write(world.id(0), &["a", "b", "c"], "1")];
    let submit = world.proposal(legs.clone());
    assert_eq!(world.submit(&submit), Code::LIMIT);
    let submit = world.proposal_for(40, 9, legs);
    let first = admitted(&mut world, &submit);
    // New limits under which what is queued could never begin: it would keep others from its keys for nothing.
    let legs = vec![write(world.id(0), &["c", "d"], "1")];
    let submit = world.proposal(legs);
    let queued = admitted(&mut world, &submit);
    let behind = world.proposal_for(40, 5, legs_of(&world, "d"));
    let behind = admitted(&mut world, &behind);
    assert_eq!(states(&world, &[first, queued, behind]), [PREPARING, QUEUED, QUEUED]);
    let tight = ChainLimits { max_key_blocks: 10, ..generous() };
    assert_eq!(world.decide(Motion::SetLimits { chain: world.id(0), limits: tight }), Code::OK);
    world.rounds(2);
    assert_eq!(world.abort_of(&queued), (Code::LIMIT, world.id(0)));
    assert_eq!(world.state(&behind), PREPARING);
}

#[test]
fn keys_times_blocks_are_reserved_from_the_start_to_the_closing() {
    for per_proposer in [false, true] {
        let tight = if per_proposer {
            ChainLimits { max_key_blocks_per_proposer: 100, ..generous() }
        } else {
            ChainLimits { max_key_blocks: 100, ..generous() }
        };
        let mut world = world(1, tight);
        let long = world.proposal_for(60, 40, vec![write(world.id(0), &["a", "b"], "1")]);
        let long = admitted(&mut world, &long);
        let second = world.proposal_for(60, 30, legs_of(&world, "c"));
        let second = admitted(&mut world, &second);
        let short = world.proposal_for(60, 20, legs_of(&world, "d"));
        let short = admitted(&mut world, &short);
        assert_eq!(states(&world, &[long, second, short]), [PREPARING, QUEUED, PREPARING]);
        assert_eq!((chain_use(&world, 0).flight.key_blocks, alices_use(&world, 0).flight.key_blocks), (100, 100));
        world.rounds(2);
        assert_eq!(states(&world, &[second]), [PREPARING]);
    }
}

#[test]
fn a_service_has_room_of_its_own() {
    let mut world = world(1, ChainLimits { max_in_flight_per_service: 1, ..generous() });
    let chain = world.id(0);
    let policy =
        ServicePolicy { chain, ledger: OTHER_BOOK, access: ServiceAccess::Members, demands_shared_control: false };
    assert_eq!(world.decide(Motion::SetService(policy)), Code::OK);
    let other = |name: &str| {
        let key = ScopeEntry { key: LockKey { ledger: OTHER_BOOK, ..lock_key(name) }, access: AccessKind::Exclusive };
        vec![leg(chain, LegMode::Write, vec![key], vec![at(OTHER_BOOK, set(name, "1"))])]
    };
    let first = world.propose(legs_of(&world, "a"));
    let second = world.propose(legs_of(&world, "b"));
    let aside = world.propose(other("a"));
    assert_eq!(states(&world, &[first, second, aside]), [PREPARING, QUEUED, PREPARING]);
    assert_eq!((chain_use(&world, 0).of_service(BOOK), chain_use(&world, 0).of_service(OTHER_BOOK)), (1, 1));
    world.rounds(2);
    assert_eq!(states(&world, &[first, second, aside])[1], PREPARING);
}

#[test]
fn a_proposers_share_of_the_queue_is_bounded_in_number_and_bytes() {
    let mut probe = world(1, generous());
    let bytes = bytes_of(&one(&mut probe, "a"));
    for tight in [
        ChainLimits { max_queued_per_proposer: 2, ..generous() },
        ChainLimits { max_queued_bytes_per_proposer: 2 * bytes, ..generous() },
    ] {
        let mut world = world(1, tight);
        let ids = [0; 3].map(|_| {
            let submit = one(&mut world, "k");
            admitted(&mut world, &submit)
        });
        assert_eq!(states(&world, &ids), [PREPARING, QUEUED, QUEUED]);
        let more = one(&mut world, "k");
        assert_eq!(world.submit(&more), Code::LIMIT);
        let bobs = by_bob(&mut world, "k");
        admitted(&mut world, &bobs);
        world.rounds(2);
        assert_eq!(world.submit(&more), Code::OK, "one has left the queue");
    }
}

#[test]
fn a_long_validity_counts_by_being_kept_for_long() {
    let mut probe = world(1, generous());
    let bytes = bytes_of(&one(&mut probe, "a"));
    for tight in [
        ChainLimits { max_kept_per_proposer: 2, ..generous() },
        ChainLimits { max_kept_bytes_per_proposer: 2 * bytes, ..generous() },
    ] {
        let mut world = world(1, tight);
        let long = world.proposal_for(80, 10, legs_of(&world, "a"));
        let long = admitted(&mut world, &long);
        let short = world.proposal_for(20, 10, legs_of(&world, "b"));
        let short = admitted(&mut world, &short);
        world.rounds(4);
        assert!(states(&world, &[long, short]).iter().all(|state| *state == ProposalState::Committed));
        let more = world.proposal_for(80, 10, legs_of(&world, "c"));
        assert_eq!(world.submit(&more), Code::LIMIT, "finished, but their records stay until valid_until");
        world.rounds(20);
        assert_eq!(world.record(&short), None);
        admitted(&mut world, &more);
        let more = world.proposal_for(80, 10, legs_of(&world, "d"));
        assert_eq!(world.submit(&more), Code::LIMIT);
    }
}

/// A proposal over both chains that only chain 0 votes on, until it has timed out and chain 0 has closed its leg.
fn time_out(world: &mut World, t_prep: u32, key: &str) -> ProposalId {
    let legs = vec![write(world.id(0), &[key], "1"), write(world.id(1), &[key], "1")];
    let submit = world.proposal_for(200, t_prep, legs);
    let id = admitted(world, &submit);
    world.step(0);
    while world.state(&id) == PREPARING {
        world.collect(&[0]);
    }
    assert_eq!(world.abort_of(&id), (Code::TIMEOUT, world.id(1)));
    world.step(0);
    world.collect(&[0]);
    id
}

#[test]
fn a_timeout_counts_against_the_silent_chain_until_the_window_has_passed() {
    let tight = ChainLimits { max_silent: 1, window_blocks: 60, ..ChainLimits::default() };
    let mut world = world(2, tight);
    // A t_prep shorter than anybody is advised to give is nobody's silence.
    for key in ["x", "y", "z"] {
        time_out(&mut world, 5, key);
    }
    assert_eq!(chain_use(&world, 1).silent.count, 0);
    time_out(&mut world, 20, "a");
    assert!(!world.chain_record(1).lagging);
    time_out(&mut world, 20, "b");
    let until = chain_use(&world, 1).silent_until.0;
    assert!(world.chain_record(1).lagging && !world.chain_record(0).lagging);
    assert_eq!(chain_use(&world, 0).silent.count, 0, "chain 0 has voted");
    // The chain answers everything now: no Outcome is overdue, but the window has not passed.
    world.rounds(2);
    assert!(world.chain_record(1).lagging);
    let legs = vec![write(world.id(0), &["c"], "1"), write(world.id(1), &["c"], "1")];
    let submit = world.proposal(legs);
    assert_eq!(world.submit(&submit), Code::CHAIN_NOT_ACTIVE);
    assert!(world.relay.block(Vec::new()).has_due_work, "the height is the window's clock");
    while world.height() + 1 < until {
        world.round();
        assert!(world.chain_record(1).lagging);
    }
    world.round();
    assert!(!world.chain_record(1).lagging);
    admitted(&mut world, &submit);
}

#[test]
fn an_overdue_outcome_keeps_a_chain_lagging_after_its_silence_has_passed_and_new_limits_forgive() {
    let tight = ChainLimits { max_silent: 0, window_blocks: 150, ..ChainLimits::default() };
    let mut world = world(2, tight);
    time_out(&mut world, 20, "a");
    assert!(world.chain_record(1).lagging);
    let until = chain_use(&world, 1).silent_until.0;
    while world.height() < until {
        world.collect(&[0]);
    }
    assert_eq!(chain_use(&world, 1).silent_until, Height::ZERO);
    assert!(world.chain_record(1).lagging, "its Outcome is overdue");
    world.rounds(2);
    assert!(!world.chain_record(1).lagging);
    time_out(&mut world, 20, "b");
    world.rounds(2);
    assert!(world.chain_record(1).lagging);
    let more = ChainLimits { max_silent: 5, ..tight };
    assert_eq!(world.decide(Motion::SetLimits { chain: world.id(1), limits: more }), Code::OK);
    assert!(!world.chain_record(1).lagging);
    let unsound = [0, ChainLimits::MAX_WINDOW_BLOCKS + 1].map(|window_blocks| ChainLimits { window_blocks, ..more });
    for limits in unsound.into_iter().chain([ChainLimits { max_vain: 0, ..more }]) {
        assert_eq!(world.decide(Motion::SetLimits { chain: world.id(1), limits }), Code::BAD_ARGUMENT);
    }
}

/// Takes a key of chain 0, and withdraws when its lock is taken.
fn grab(world: &mut World, key: &str) -> Code {
    let submit = one(world, key);
    let code = world.submit(&submit);
    if code.is_ok() {
        world.step(0);
        let cancel = world.cancel_input(submit.body.id(), ALICE);
        world.relay.block(vec![cancel]);
        world.rounds(2);
    }
    code
}

fn back_offs(world: &World, index: usize) -> Vec<BackOffView> {
    let id = world.id(index);
    world.relay.read(|state| limits::back_offs(state, &id).unwrap())
}

#[test]
fn who_keeps_holding_keys_in_vain_must_back_off_twice_as_long_each_time() {
    let mut world = world(2, ChainLimits { max_vain: 2, ..generous() });
    let mut pauses = Vec::new();
    for _ in 0..3 {
        assert_eq!((grab(&mut world, "k"), grab(&mut world, "k")), (Code::OK, Code::OK));
        assert_eq!(grab(&mut world, "k"), Code::BACK_OFF);
        let barred = back_offs(&world, 0);
        let [BackOffView { proposer, until }] = barred[..] else { panic!("{barred:?}") };
        assert_eq!(proposer, who(ALICE));
        assert!(back_offs(&world, 1).is_empty());
        // Others, and the same proposer elsewhere, are not concerned.
        let bobs = by_bob(&mut world, "k");
        admitted(&mut world, &bobs);
        world.rounds(2);
        let elsewhere = world.proposal(vec![write(world.id(1), &["k"], "1")]);
        admitted(&mut world, &elsewhere);
        let paused_at = world.height();
        assert!(world.relay.block(Vec::new()).has_due_work);
        while world.height() + 1 < until.0 {
            assert_eq!(grab(&mut world, "k"), Code::BACK_OFF);
        }
        world.relay.block(Vec::new());
        assert!(back_offs(&world, 0).is_empty());
        pauses.push(until.0 - paused_at);
    }
    assert!(pauses[1] > pauses[0] + 15 && pauses[2] > pauses[1] + 35, "{pauses:?}");
}

#[test]
fn a_commit_ends_a_back_off_and_forgets_what_led_to_it() {
    let mut world = world(1, ChainLimits { max_vain: 2, ..generous() });
    let honest = one(&mut world, "h");
    admitted(&mut world, &honest);
    let grabs = ["a", "b"].map(|key| one(&mut world, key));
    for submit in &grabs {
        admitted(&mut world, submit);
    }
    let cancels = grabs.iter().map(|submit| world.cancel_input(submit.body.id(), ALICE)).collect();
    world.relay.block(cancels);
    assert_eq!(back_offs(&world, 0).len(), 1);
    assert_eq!(grab(&mut world, "k"), Code::BACK_OFF);
    world.round();
    assert_eq!(world.state(&honest.body.id()), ProposalState::Committing);
    assert!(back_offs(&world, 0).is_empty());
    assert_eq!(alices_use(&world, 0).back_off, limits::BackOff::default());
    assert_eq!(grab(&mut world, "k"), Code::OK);
    assert!(back_offs(&world, 0).is_empty());
}

#[test]
fn a_no_for_business_reasons_and_a_cancel_in_the_queue_never_lead_to_a_back_off() {
    let mut world = world(1, ChainLimits { max_vain: 1, ..generous() });
    for _ in 0..5 {
        let legs = vec![transfer(world.id(0), &[("c0", -1_000)])];
        let id = world.propose(legs);
        world.round();
        assert_eq!(world.abort_of(&id).0, Code::BOUND);
    }
    let holder = world.proposal_for(60, 40, legs_of(&world, "k"));
    admitted(&mut world, &holder);
    for _ in 0..5 {
        let queued = one(&mut world, "k");
        let id = admitted(&mut world, &queued);
        let cancel = world.cancel_input(id, ALICE);
        world.relay.block(vec![cancel]);
        assert_eq!(world.state(&id), ProposalState::Rejected);
    }
    assert!(back_offs(&world, 0).is_empty());
    let more = one(&mut world, "j");
    admitted(&mut world, &more);
}

#[test]
fn timeouts_count_for_both_sides() {
    let mut world = world(2, ChainLimits { max_vain: 2, max_silent: 1, ..generous() });
    time_out(&mut world, 20, "a");
    time_out(&mut world, 20, "b");
    assert_eq!(back_offs(&world, 0).len(), 1, "its keys were held in vain");
    assert_eq!(chain_use(&world, 0).silent.count, 0);
    assert!(world.chain_record(1).lagging || chain_use(&world, 1).silent.count > 0);
}

#[test]
fn what_a_barred_proposer_has_queued_does_not_keep_others_from_the_key() {
    let mut world = world(1, ChainLimits { max_vain: 1, ..generous() });
    let grabbed = one(&mut world, "k");
    let grabbed = admitted(&mut world, &grabbed);
    let queued = [0; 3].map(|_| {
        let submit = one(&mut world, "k");
        admitted(&mut world, &submit)
    });
    let bobs = by_bob(&mut world, "k");
    let bobs = admitted(&mut world, &bobs);
    world.step(0);
    let cancel = world.cancel_input(grabbed, ALICE);
    world.relay.block(vec![cancel]);
    world.round();
    assert_eq!(world.state(&bobs), PREPARING);
    for id in queued {
        assert_eq!(world.abort_of(&id), (Code::BACK_OFF, world.id(0)));
    }
}
