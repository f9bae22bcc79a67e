//! Bug classes that cost others money, on the relay and over both machines: each by its number in
//! `docs/bug-classes-protocol.md`.

use super::fixture::*;
use super::synthetic::KeySet;
use super::world::*;
use chain_state::{ExecuteError, Place};
use ledger_protocol::chain::{ControlledBy, Input, Validator, ValidatorSet};
use ledger_protocol::codec::{Bounded, SortedVec, Text};
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::*;
use ledger_protocol::system::{ChainStatus, LegPhase, ProposalState, accounts};
use ledger_protocol::transaction::{Operation, ValidatorChange};
use ledger_protocol::*;
use subchain::participant::table::LegState;

/// The keys of a set, held by organisations in turn.
fn held_by(seed: u8, organisations: &[&str]) -> KeySet {
    let keys = KeySet::new(Suite::Standard, seed, 4);
    let validators = (0..).zip(keys.set.validators());
    let validators: Vec<Validator> = validators
        .map(|(index, validator): (usize, &Validator)| Validator {
            organisation: Text::new(organisations[index % organisations.len()]).unwrap(),
            ..validator.clone()
        })
        .collect();
    KeySet { set: ValidatorSet::new(Suite::Standard, validators).unwrap(), keys: keys.keys }
}

/// A chain that is not registered yet, of validators held by these organisations.
fn registration_of(world: &World, organisations: &[&str], claim: ControlledBy) -> Registration {
    let keys = held_by(90, organisations);
    let id = super::synthetic::chain_id(Suite::Standard, 90);
    let mut header = world.subs[0].archive.header(Height(0)).clone();
    (header.chain, header.next_validators_hash) = (id, keys.set.hash(Suite::Standard));
    let message = relay::registry::possession_sign_bytes(&world.relay.id(), &id);
    Registration {
        name: Text::new("newcomer").unwrap(),
        header,
        next_validators: keys.set.clone(),
        controlled_by: claim,
        possessions: Bounded::new(keys.keys.iter().map(|key| key.sign(&message)).collect()).unwrap(),
        services: Bounded::empty(),
        ..world.registration(0, &Setting::default())
    }
}

#[test]
fn bug_c09_one_organisation_with_a_third_of_the_power_cannot_register_as_shared() {
    let shared = |max_share_per_mille| ControlledBy::Shared { max_share_per_mille };
    for (organisations, claim, expected) in [
        (vec!["a"], shared(1_000), Code::BAD_ARGUMENT),
        (vec!["a", "b"], shared(500), Code::BAD_ARGUMENT),
        // Two of four keys with one organisation, under other names for the rest.
        (vec!["a", "a", "b", "c"], shared(500), Code::BAD_ARGUMENT),
        // Nobody has a third, but the claim is smaller than what one has.
        (vec!["a", "b", "c", "d"], shared(249), Code::BAD_ARGUMENT),
        (vec!["a", "b", "c", "d"], shared(250), Code::OK),
        (vec!["a"], ControlledBy::SingleOrganisation, Code::OK),
    ] {
        let mut world = World::new(1);
        let shown = registration_of(&world, &organisations, claim.clone());
        let id = shown.header.chain;
        assert_eq!(world.decide(Motion::Register(Box::new(shown))), expected, "{organisations:?} {claim:?}");
        let record = world.relay.read(|state| relay::registry::chain(state, &id).unwrap());
        assert_eq!(record.map(|record| record.controlled_by), expected.is_ok().then_some(claim));
    }
}

/// The set of chain 0 changes to one held by `organisations`; gives what it is said to be controlled by afterwards.
fn handed_over_to(organisations: &[&str], by_reanchor: bool) -> (World, ControlledBy) {
    let mut world = World::with(Setting { demands_shared_control: true, ..Setting::default() });
    for index in [0, 1] {
        let mut record = world.chain_record(index);
        record.controlled_by = ControlledBy::Shared { max_share_per_mille: 300 };
        world.set_chain_record(&record);
    }
    // The relay has heard of the chain: header 0 has no leaf that a re-anchor could show.
    let legs = vec![write(world.id(0), &["first"], "1")];
    world.propose(legs);
    world.rounds(3);
    let keys = held_by(91, organisations);
    let change = ValidatorChange { effective_at: Height(world.subs[0].tip() + 3), validators: keys.set.clone() };
    world.subs[0].to_come = Some(keys);
    let operation = at(SYSTEM, Operation::SetValidators(change));
    let input = transaction(world.id(0), OWNER, vec![operation]);
    assert_eq!(world.subs[0].codes(vec![input])[0], [Code::OK]);
    world.subs[0].blocks(1);
    let (archive, turn) = (world.subs[0].archive.clone(), world.subs[0].archive.tip());
    let id = world.id(0);
    let trusted = world.relay.read(|state| chain_interchain::client(state, &id).unwrap().unwrap().height_on_source);
    if by_reanchor {
        assert_eq!(world.decide(Motion::Freeze(id)), Code::OK);
        let common = trusted;
        let header = archive.header(turn).clone();
        let motion = Reanchor {
            chain: id,
            certificate: archive.block(turn).certificate.clone().unwrap(),
            validators: archive.keys_of(&header.validators_hash).set.clone(),
            next_validators: archive.keys_of(&header.next_validators_hash).set.clone(),
            anchor_path: archive.history_path(Height(0), turn),
            common: archive.header(common).clone(),
            common_in_new: archive.history_path(common, turn),
            common_in_trusted: ledger_protocol::merkle::InclusionPath::default(),
            leaf: archive.leaf_path(common, &world.relay.id()),
            reason: Text::new("test").unwrap(),
            header,
        };
        assert_eq!(world.decide(Motion::Reanchor(Box::new(motion))), Code::OK);
    } else {
        let handoff = archive.handoff(trusted, turn);
        assert_eq!(world.relay.codes(vec![Input::Handoff(Box::new(handoff))]), [[Code::OK]]);
    }
    let controlled_by = world.chain_record(0).controlled_by;
    (world, controlled_by)
}

#[test]
fn bug_c09_a_hand_off_to_one_organisation_ends_shared_control() {
    let (mut world, control) = handed_over_to(&["a", "b", "c", "d"], false);
    assert_eq!(control, ControlledBy::Shared { max_share_per_mille: 300 });
    let legs = |world: &World| vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")];
    let given = legs(&world);
    world.propose(given);
    let (mut world, control) = handed_over_to(&["a", "a", "b", "c"], false);
    assert_eq!(control, ControlledBy::SingleOrganisation);
    let given = legs(&world);
    let submit = world.proposal(given);
    assert_eq!(world.submit(&submit), Code::CONTROL_UNMET, "the counterparty demands shared control");
}

#[test]
fn bug_c09_a_re_anchor_to_one_organisation_ends_shared_control() {
    assert_eq!(handed_over_to(&["a", "b", "c", "d"], true).1, ControlledBy::Shared { max_share_per_mille: 300 });
    assert_eq!(handed_over_to(&["a"], true).1, ControlledBy::SingleOrganisation);
}

#[test]
fn bug_c10_no_leg_addresses_the_ledger_that_rotates_keys() {
    let mut world = World::new(1);
    let chain = world.id(0);
    let rotate = || {
        let validators = KeySet::new(Suite::Standard, 66, 4).set;
        Operation::SetValidators(ValidatorChange { effective_at: Height(50), validators })
    };
    let system = ScopeEntry { key: LockKey { ledger: SYSTEM, ..lock_key("k") }, access: AccessKind::Exclusive };
    for (bad, expected) in [
        (leg(chain, LegMode::Write, vec![system], Vec::new()), Code::PROPOSAL_MALFORMED),
        (leg(chain, LegMode::Write, vec![exclusive("k")], vec![at(SYSTEM, rotate())]), Code::SERVICE_DENIED),
        (leg(chain, LegMode::Notify, Vec::new(), vec![at(SYSTEM, rotate())]), Code::SERVICE_DENIED),
    ] {
        let submit = world.proposal(vec![bad]);
        let code = world.submit(&submit);
        assert!(code == expected || code == Code::PROPOSAL_MALFORMED, "{code}");
        assert_eq!(world.record(&submit.body.id()), None);
    }
    // No service can be declared for it, not even by the members.
    let policy = ServicePolicy { chain, ledger: SYSTEM, access: ServiceAccess::Members, demands_shared_control: false };
    assert_eq!(world.decide(Motion::SetService(policy)), Code::BAD_ARGUMENT);
    // Under a business ledger's number, the chain itself refuses the operation, and so do its NOTIFY legs.
    let disguised = leg(chain, LegMode::Write, vec![exclusive("k")], vec![at(BOOK, rotate())]);
    let id = world.propose(vec![disguised]);
    let told = leg(chain, LegMode::Notify, Vec::new(), vec![at(BOOK, rotate())]);
    let before = world.subs[0].facts().validators;
    world.rounds(3);
    assert_eq!(world.state(&id), ProposalState::Aborted);
    let submit = world.proposal(vec![told]);
    assert_eq!(world.submit(&submit), Code::PROPOSAL_MALFORMED, "at least one leg votes");
    world.subs[0].blocks(60);
    assert_eq!(world.subs[0].facts().validators, before);
}

/// Decisions about a proposal that the relay has sent to a chain, over its whole history.
fn decisions(world: &World, id: &ProposalId, index: usize) -> usize {
    let chain = world.id(index);
    let blocks = world.relay.archive.blocks.iter();
    let messages = blocks.flat_map(|block| &block.outbox).filter(|(leaf, _)| leaf.peer == chain);
    let contents = messages.flat_map(|(_, list)| list).filter_map(MessageContent::of);
    let of_it = |content: &MessageContent| match content {
        MessageContent::Decision(Decision::Voting { id: it, .. } | Decision::Notify { id: it, .. }) => it == id,
        _ => false,
    };
    contents.filter(of_it).count()
}

#[test]
fn bug_c11_a_timeout_fires_once_whatever_comes_after_it() {
    let mut world = World::new(2);
    let legs = vec![transfer(world.id(0), &[("c0", -60)]), transfer(world.id(1), &[("c0", 60)])];
    let id = world.propose(legs);
    world.step(0);
    let deadline = world.record(&id).unwrap().deadline;
    while world.height() <= deadline.0 {
        world.relay.block(Vec::new());
    }
    assert_eq!(world.state(&id), ProposalState::Aborting);
    let decided = world.record(&id).unwrap();
    // Late votes, a cancel, a pause of the chain, many blocks: the handler does not run again.
    world.step(1);
    world.collect(&[0, 1]);
    let cancel = world.cancel_input(id, ALICE);
    assert_eq!(world.relay.codes(vec![cancel]), [[Code::TOO_LATE]]);
    let until = Height(world.height() + 3);
    assert_eq!(world.decide(Motion::Pause { chain: world.id(1), until }), Code::OK);
    world.rounds(20);
    assert_eq!(world.state(&id), ProposalState::Aborted);
    let record = world.record(&id).unwrap();
    assert_eq!((record.decision, record.decided_at), (decided.decision, decided.decided_at));
    assert_eq!((decisions(&world, &id, 0), decisions(&world, &id, 1)), (1, 1));
    assert_eq!((world.subs[0].counter("c0"), world.subs[1].counter("c0")), (START_VALUE, START_VALUE));
}

#[test]
fn bug_c14_nothing_is_given_back_before_the_decision_nor_after_a_commit() {
    let mut world = World::new(2);
    let legs = vec![transfer(world.id(0), &[("c0", -60)]), transfer(world.id(1), &[("c0", 60)])];
    let submit = world.proposal_for(200, 50, legs);
    assert_eq!(world.submit(&submit), Code::OK);
    let id = submit.body.id();
    world.step(0);
    world.step(1);
    // Both voted; the relay has both words. The deposit is held while one chain hears nothing for very long.
    world.collect(&[0, 1]);
    assert_eq!(world.state(&id), ProposalState::Committing);
    world.step(1);
    assert_eq!(world.subs[1].counter("c0"), START_VALUE + 60);
    world.subs[0].blocks(300);
    assert_eq!(world.leg_state(&id, 0), Some(LegState::Locked));
    assert_eq!(world.subs[0].local(vec![add("c0", -50)]), Code::BOUND, "no refund by its own clock");
    // A refund after a COMMIT is a contradiction, whoever asks for it: it moves nothing.
    let record = world.record(&id).unwrap();
    world.step(0);
    assert_eq!(world.subs[0].counter("c0"), START_VALUE - 60);
    let refund = MessageContent::Decision(Decision::Voting {
        relay: world.relay.id(),
        id,
        started_at_on_relay: record.started_at,
        deadline_on_relay: record.deadline,
        verdict: DecisionVerdict::Abort { code: Code::TIMEOUT, culprit: world.id(1) },
    });
    world.relay_lie(0, &refund);
    assert_eq!(world.step(0), [Code::CONTRADICTION]);
    assert_eq!(world.subs[0].counter("c0") + world.subs[1].counter("c0"), 2 * START_VALUE);
}

#[test]
fn bug_c16_a_full_block_postpones_votes_and_decisions_and_drops_none() {
    // 64 changes a block on both sides; forty proposals at once.
    let setting = Setting { subchains: 2, relay_changes: 64, subchain_changes: 64, ..Setting::default() };
    let mut world = World::with(setting);
    let mut ids = Vec::new();
    for number in 0..40 {
        let name = format!("k{number}");
        let legs = vec![write(world.id(0), &[&name], "1"), write(world.id(1), &[&name], "1")];
        let submit = world.proposal_for(400, 50, legs);
        assert_eq!(world.submit(&submit), Code::OK);
        ids.push(submit.body.id());
    }
    let mut postponed = 0;
    for _ in 0..12 {
        for index in [0, 1] {
            postponed += world.step(index).iter().filter(|code| **code == Code::POSTPONED).count();
        }
        let execution = world.collect(&[0, 1]);
        let codes = execution.receipts.iter().flat_map(|receipt| receipt.codes.iter());
        postponed += codes.filter(|code| **code == Code::POSTPONED).count();
    }
    assert!(postponed > 40, "the test needs full blocks: {postponed}");
    for id in &ids {
        assert_eq!(world.state(id), ProposalState::Committed);
        for index in [0, 1] {
            assert!(matches!(world.phase(id, index), LegPhase::ClosedByOutcome { .. }));
            assert_eq!(decisions(&world, id, index), 1);
        }
    }
}

#[test]
fn bug_c19_a_poisoned_message_blocks_no_lane_in_either_direction() {
    let mut world = World::new(2);
    let garbage = || ledger_protocol::codec::BoundedBytes::new(vec![0xee; 60]).unwrap();
    let (relay, sub) = (world.relay.id(), world.id(1));
    world.relay.tamper(|state| chain_interchain::enqueue_payload(state, &sub, &garbage()).unwrap());
    world.subs[1].tamper(|state| chain_interchain::enqueue_payload(state, &relay, &garbage()).unwrap());
    let legs = vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")];
    let id = world.propose(legs);
    assert_eq!(world.step(1), [Code::UNDECODABLE, Code::OK]);
    world.rounds(4);
    assert_eq!(world.state(&id), ProposalState::Committed);
    assert_eq!(world.chain_record(1).status, ChainStatus::Active);
}

#[test]
fn bug_c23_what_no_policy_lists_is_denied() {
    let nobody: SortedVec<Address, 64> = SortedVec::default();
    for access in [ServiceAccess::Nobody, ServiceAccess::Proposers(nobody)] {
        let mut world = World::with(Setting { subchains: 1, access, ..Setting::default() });
        let submit = {
            let legs = vec![write(world.id(0), &["k"], "1")];
            world.proposal(legs)
        };
        assert_eq!(world.submit(&submit), Code::SERVICE_DENIED, "an empty list is nobody, not everybody");
    }
    let mut world = World::new(1);
    // A list that names somebody else denies; the one that names the proposer allows; removing it denies again.
    let policy = |world: &World, access| {
        Motion::SetService(ServicePolicy { chain: world.id(0), ledger: BOOK, access, demands_shared_control: false })
    };
    for (seed, expected) in [(BOB, Code::SERVICE_DENIED), (ALICE, Code::OK), (BOB, Code::SERVICE_DENIED)] {
        let access = ServiceAccess::Proposers(SortedVec::new(vec![who(seed)]).unwrap());
        let motion = policy(&world, access);
        assert_eq!(world.decide(motion), Code::OK);
        let legs = vec![write(world.id(0), &["k"], "1")];
        let submit = world.proposal(legs);
        assert_eq!(world.submit(&submit), expected);
    }
    // A ledger nobody said anything about, and a leg that the account's owner did not authorise.
    let other = ScopeEntry { key: LockKey { ledger: OTHER_BOOK, ..lock_key("k") }, access: AccessKind::Exclusive };
    let chain = world.id(0);
    let submit = world.proposal(vec![leg(chain, LegMode::Write, vec![other], Vec::new())]);
    assert_eq!(world.submit(&submit), Code::SERVICE_DENIED);
    let alice = ServiceAccess::Proposers(SortedVec::new(vec![who(ALICE)]).unwrap());
    let motion = policy(&world, alice);
    assert_eq!(world.decide(motion), Code::OK);
    let guest = Leg { authorisers: SortedVec::new(vec![who(GUEST)]).unwrap(), ..write(chain, &["g"], "1") };
    let id = world.propose(vec![guest]);
    world.rounds(3);
    assert_eq!(world.state(&id), ProposalState::Aborted, "the relay's decision adds no right");
    assert_eq!(world.subs[0].value("g"), None);
}

#[test]
fn bug_c24_one_proposer_holds_no_more_keys_than_its_cap_and_no_longer_than_t_prep() {
    let limits = ChainLimits {
        max_in_flight: 100,
        max_queue_per_key: 3,
        max_in_flight_per_proposer: 2,
        ..ChainLimits::default()
    };
    let mut world = World::with(Setting { subchains: 2, limits, ..Setting::default() });
    // The longest that the chain accepts is 50 blocks.
    let legs = vec![write(world.id(0), &["x"], "1")];
    let long = world.proposal_for(200, 51, legs);
    assert!(!world.submit(&long).is_ok(), "t_prep beyond what the chain accepts");
    // Chain 1 never answers: whatever the griefer locks on chain 0 it holds until the deadline.
    let mut grief = Vec::new();
    for number in 0..8 {
        let legs = vec![write(world.id(0), &[&format!("k{number}")], "1"), write(world.id(1), &["y"], "1")];
        let submit = world.proposal_for(300, 20, legs);
        let code = world.submit(&submit);
        if code == Code::BUSY {
            continue;
        }
        assert_eq!(code, Code::OK);
        grief.push(submit.body.id());
    }
    assert!(grief.len() <= 5, "a key's queue is bounded: {}", grief.len());
    assert!(world.in_flight(0) <= 2);
    world.step(0);
    let held = grief.iter().filter(|id| world.leg_state(id, 0) == Some(LegState::Locked)).count();
    assert!(held <= 2, "{held}");
    // Another key of the chain is anybody's.
    assert_eq!(world.subs[0].local(vec![set("free", "1")]), Code::OK);
    assert_eq!(world.subs[0].local(vec![set("k7", "1")]), Code::OK);
    // By the deadline the locks are gone, without any word of the silent chain.
    let deadline = world.record(&grief[0]).unwrap().deadline;
    while world.height() <= deadline.0 {
        world.relay.block(Vec::new());
    }
    world.step(0);
    assert_eq!(world.subs[0].local(vec![set("k0", "1")]), Code::OK);
}

#[test]
fn bug_c25_a_record_that_does_not_decode_is_a_fault_and_never_a_default() {
    let mut world = World::new(1);
    let legs = vec![write(world.id(0), &["k"], "1")];
    let id = world.propose(legs);
    world.step(0);
    let news = world.news(0).unwrap();
    // The stored record is damaged: one byte too many, or none at all.
    let started = world.record(&id).unwrap().started_at;
    let place = Place::system(accounts::PROPOSALS, ledger_protocol::system::proposal_key(&id, started));
    let good = world.record(&id).unwrap();
    world.relay.tamper(|state| state.put_record(&place, &(good.clone(), 7u8)).unwrap());
    assert!(matches!(world.relay.try_block(std::slice::from_ref(&news)), Err(ExecuteError::Fault(_))));
    world.relay.tamper(|state| state.put_record(&place, &0u8).unwrap());
    assert!(matches!(world.relay.try_block(std::slice::from_ref(&news)), Err(ExecuteError::Fault(_))));
    // Whole again, it is used.
    world.relay.tamper(|state| state.put_record(&place, &good).unwrap());
    world.relay.block(vec![news]);
    assert_eq!(world.state(&id), ProposalState::Committing);
}
