//! The relay itself is re-anchored (§7, ADR 0013): an interval of its blocks is lost after subchains have accepted it.

use super::fixture::*;
use super::world::*;
use chain_interchain::{client, highest_known_height, next_expected, sent, trusted};
use chain_state::prove::state_proof;
use ledger_protocol::chain::{Input, RelayAnchor};
use ledger_protocol::codec::{Text, encode};
use ledger_protocol::interchain::*;
use ledger_protocol::proof::state::StateProof;
use ledger_protocol::proof::{
    AboveCheckpoint, CertifiedHead, HeaderProof, KeyPlace, LedgerStateProof, OlderHeader, StateInclusion, Target,
};
use ledger_protocol::system::{LegPhase, ProposalState, accounts, proposal_key};
use ledger_protocol::transaction::*;
use ledger_protocol::*;
use relay::{coordinator, registry};
use subchain::participant::LegId;
use subchain::participant::table::LegState;

/// The branch that goes on from the newest block now; other headers follow, at the same heights.
pub(super) fn branch(relay: &Relay) -> Relay {
    let mut kept = relay.clone();
    kept.archive.step_ms += 1;
    kept
}

pub(super) fn leg_state(world: &World, index: usize, leg: &LegId) -> Option<LegState> {
    world.subs[index].read(|state| leg.record(state).unwrap()).map(|record| record.state)
}

pub(super) fn anchor_input(world: &World, index: usize, height: u64) -> Input {
    let trusted = world.relay.archive.trusted(Height(height));
    let anchor = RelayAnchor {
        relay: world.relay.id(),
        kind: trusted.kind,
        height_on_relay: trusted.height,
        header_hash_on_relay: world.relay.id().suite.foreign(trusted.header_hash),
        next_validators_on_relay: trusted.next_validators,
    };
    transaction(world.id(index), OWNER, vec![at(SYSTEM, Operation::SetRelayAnchor(anchor))])
}

pub(super) fn lost(first_lost: u64, last_lost: u64) -> Motion {
    let reason = Text::new("the disks of three validators").unwrap();
    Motion::ReanchorRelay { first_lost: Height(first_lost), last_lost: Height(last_lost), reason }
}

pub(super) fn is_held(world: &World, index: usize) -> bool {
    let id = world.id(index);
    world.relay.read(|state| registry::is_held(state, &id).unwrap())
}

/// The relay goes on as `kept`, which left the lost branch after `last_kept`, beyond everything lost; its members say
/// so, and every subchain follows. Gives the lost interval.
pub(super) fn recover(world: &mut World, kept: Relay, last_kept: u64) -> (u64, u64) {
    let interval = (last_kept + 1, world.height());
    world.relay = kept;
    while world.height() <= interval.1 {
        world.relay.block(Vec::new());
    }
    hold(world, interval);
    for index in world.all() {
        follow(world, index);
    }
    interval
}

pub(super) fn hold(world: &mut World, interval: (u64, u64)) {
    assert_eq!(world.decide(lost(interval.0, interval.1)), Code::OK);
    for index in world.all() {
        assert!(is_held(world, index));
    }
}

/// A subchain's governance names the relay's newest header, and the relay hears of it.
pub(super) fn follow(world: &mut World, index: usize) {
    let anchor = anchor_input(world, index, world.height());
    assert_eq!(world.subs[index].codes(vec![anchor]), [[Code::OK]]);
    // An empty Advance needs half of T_stale; what a chain still has to say needs none.
    let advance = pending(&world.subs[index], &world.relay, true).unwrap();
    if advance.blocks.is_empty() {
        let id = world.id(index);
        world.relay.tamper(|state| {
            let record = registry::chain(state, &id).unwrap().unwrap();
            let place = chain_state::Place::system(accounts::CHAINS, system::chain_key(&id));
            state.put_record(&place, &system::ChainRecord { heartbeat_ms: 1, ..record }).unwrap();
        });
        world.subs[index].blocks(20);
    }
    let advance = pending(&world.subs[index], &world.relay, true).unwrap();
    assert_eq!(world.relay.codes(vec![Input::Advance(Box::new(advance))])[0][0], Code::OK);
    assert!(!is_held(world, index), "the lane goes on");
}

/// A subchain's record of a leg at its newest block, from the header that the relay trusts.
pub(super) fn show(world: &World, index: usize, leg: &LegId) -> LockedReport {
    let sub = &world.subs[index];
    let chain = sub.id();
    let leaf_index = sub.ledgers.iter().position(|leaf| leaf.ledger == SYSTEM).unwrap();
    let leaves: Vec<Vec<u8>> = sub.ledgers.iter().map(encode).collect();
    let place = KeyPlace {
        ledger: SYSTEM,
        account: account(accounts::LEGS),
        key: proposal_key(&leg.id, leg.started_at_on_relay),
    };
    let ledger = sub.ledgers[leaf_index].clone();
    let state = state_proof(&sub.store, chain.suite, SYSTEM, &place.account, &place.key, ledger.state_version);
    let inclusion = StateInclusion {
        path: merkle::Tree::new(chain.suite, &leaves).path(leaf_index as u64).unwrap(),
        index: leaf_index as u32,
        ledger,
        state: state.unwrap().unwrap(),
    };
    let proof = LedgerStateProof { header: header_proof(world, index, sub.archive.tip()), place, inclusion };
    LockedReport { chain, id: leg.id, started_at_on_relay: leg.started_at_on_relay, proof }
}

fn header_proof(world: &World, index: usize, height: Height) -> HeaderProof {
    let archive = &world.subs[index].archive;
    let known = world.relay.read(|state| trusted(state, &archive.id).unwrap().unwrap());
    let header = Box::new(archive.header(height).clone());
    if height == known.height {
        return HeaderProof::Checkpoint { header };
    }
    if height < known.height {
        let path = archive.history_path(height, known.height);
        return HeaderProof::Below {
            checkpoint: Box::new(archive.header(known.height).clone()),
            older: Box::new(OlderHeader { header: *header, path }),
        };
    }
    HeaderProof::Above(Box::new(AboveCheckpoint {
        validators: known.next_validators,
        handoffs: Default::default(),
        head: CertifiedHead::New {
            certificate: archive.block(height).certificate.clone().unwrap(),
            trusted_path: archive.history_path(known.height, height),
            header,
        },
        target: Target::Head,
    }))
}

pub(super) fn report(world: &mut World, report: LockedReport) -> Code {
    let input = transaction(world.relay.id(), GUEST, vec![at(SYSTEM, Operation::ReportLocked(report))]);
    world.relay.codes(vec![input])[0][0]
}

/// Two subchains hold a proposal of which the kept branch knows nothing.
fn lost_proposal() -> (World, LegId, Relay) {
    let mut world = World::new(2);
    let kept = branch(&world.relay);
    let legs = vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")];
    let id = world.propose(legs);
    let leg = world.leg_id(&id);
    for index in [0, 1] {
        assert_eq!(world.step(index), [Code::OK]);
        assert_eq!(leg_state(&world, index, &leg), Some(LegState::Locked));
    }
    (world, leg, kept)
}

pub(super) fn numbers(world: &World, index: usize) -> (Sequence, Sequence) {
    let (relay, chain) = (world.relay.id(), world.id(index));
    let sent = world.relay.read(|state| sent(state, &chain).unwrap());
    (sent, world.subs[index].read(|state| next_expected(state, &relay).unwrap()))
}

#[test]
fn what_began_in_a_lost_interval_and_is_shown_locked_is_aborted() {
    let (mut world, leg, kept) = lost_proposal();
    let last_kept = kept.tip();
    let (first, last) = recover(&mut world, kept, last_kept);
    assert!(first <= leg.started_at_on_relay.0 && leg.started_at_on_relay.0 <= last);
    assert_eq!(world.record(&leg.id), None);
    for index in [0, 1] {
        let shown = show(&world, index, &leg);
        assert_eq!(report(&mut world, shown.clone()), Code::OK);
        assert_eq!(report(&mut world, shown), Code::DUPLICATE, "again: nothing is done");
    }
    let record = world.relay.read(|state| coordinator::find_lost(state, &leg.id, leg.started_at_on_relay).unwrap());
    let record = record.unwrap();
    let verdict = DecisionVerdict::Abort { code: Code::LOST_ON_RELAY, culprit: world.relay.id() };
    assert_eq!((record.decision, record.legs.len()), (verdict, 2), "one decision, and both legs");
    for index in [0, 1] {
        assert_eq!(world.step(index), [Code::OK]);
        assert_eq!(leg_state(&world, index, &leg), Some(LegState::Released));
        assert_eq!(world.subs[index].local(vec![set("k", "mine")]), Code::OK, "the lock is free");
    }
    world.collect(&[0, 1]);
    let record = world.relay.read(|state| coordinator::find_lost(state, &leg.id, leg.started_at_on_relay).unwrap());
    assert!(record.unwrap().legs.iter().all(|leg| matches!(leg.phase, LegPhase::ClosedByOutcome { .. })));
    // The lanes go on without a gap, and new proposals run.
    for index in [0, 1] {
        let (sent, expected) = numbers(&world, index);
        assert_eq!(sent, expected);
    }
    let id = world.propose(vec![write(world.id(0), &["k"], "2"), write(world.id(1), &["k"], "2")]);
    world.rounds(3);
    assert_eq!(world.state(&id), ProposalState::Committed);
    // The record leaves the state when nobody can ask for it any more (R2).
    world.relay.blocks(u64::from(coordinator::MAX_T_PREP_CEILING) + 10);
    assert_eq!(
        world.relay.read(|state| coordinator::find_lost(state, &leg.id, leg.started_at_on_relay).unwrap()),
        None
    );
}

#[test]
fn a_kept_proposal_ends_alike_on_both_chains_with_commit() {
    let mut world = World::new(2);
    let id = world.propose(vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")]);
    let leg = world.leg_id(&id);
    world.step(0);
    let kept = branch(&world.relay);
    let last_kept = kept.tip();
    // On the lost branch chain 1 hears of it too, and of another proposal; both vote.
    world.relay.blocks(1);
    world.step(1);
    let gone = world.propose(vec![write(world.id(0), &["l"], "1")]);
    let gone = world.leg_id(&gone);
    world.step(0);
    // A long lost branch runs out the deadline; this one is short.
    recover(&mut world, kept, last_kept);
    assert_eq!(leg_state(&world, 0, &gone), Some(LegState::Locked));
    let news = world.all();
    world.collect(&news);
    assert!(matches!(world.verdict(&id), Some(DecisionVerdict::Commit { .. })), "{:?}", world.record(&id));
    world.rounds(2);
    for index in [0, 1] {
        assert_eq!(leg_state(&world, index, &leg), Some(LegState::Applied));
        assert_eq!(world.subs[index].value("k").as_deref(), Some("1"));
        let (sent, expected) = numbers(&world, index);
        assert_eq!(sent, expected);
    }
    assert_eq!(world.state(&id), ProposalState::Committed);
    // A proposal that the relay knows is none of the lost ones.
    let shown = show(&world, 0, &gone);
    assert_eq!(report(&mut world, shown), Code::OK);
}

#[test]
fn a_kept_proposal_ends_alike_on_both_chains_with_abort() {
    let mut world = World::new(2);
    let id = world.propose(vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")]);
    let leg = world.leg_id(&id);
    let mut kept = branch(&world.relay);
    let last_kept = kept.tip();
    // Both vote on the lost branch; the kept one never hears of it by the deadline, decides, and says so before its
    // members say what was lost: those numbers are void.
    world.step(0);
    world.relay.blocks(1);
    let gone = ["x", "y"].map(|key| write(world.id(0), &[key], "1")).map(|leg| world.propose(vec![leg]));
    let gone = gone.map(|id| world.leg_id(&id));
    world.step(0);
    world.step(1);
    kept.blocks(12);
    recover(&mut world, kept, last_kept);
    assert_eq!(world.abort_of(&id).0, Code::TIMEOUT);
    for index in [0, 1] {
        world.step(index);
        assert_eq!(leg_state(&world, index, &leg), Some(LegState::Released));
        assert_eq!(world.subs[index].local(vec![set("k", "mine")]), Code::OK);
        let (sent, expected) = numbers(&world, index);
        assert_eq!(sent, expected);
    }
    world.collect(&[0, 1]);
    assert_eq!(world.state(&id), ProposalState::Aborted);
    for gone in gone {
        let shown = show(&world, 0, &gone);
        assert_eq!(report(&mut world, shown), Code::OK);
    }
    world.rounds(2);
    assert_eq!(world.subs[0].local(vec![set("x", "mine"), set("y", "mine")]), Code::OK);
}

#[test]
fn nothing_leaves_to_a_held_lane_and_nothing_new_names_its_chain() {
    let (mut world, leg, kept) = lost_proposal();
    let interval = (kept.tip() + 1, world.height());
    world.relay = kept;
    // A proposal of this branch, before anybody says what was lost; its Prepare takes the numbers of lost ones.
    let own = world.propose(vec![write(world.id(0), &["own"], "1"), write(world.id(1), &["own"], "1")]);
    let waits = world.propose(vec![write(world.id(0), &["own"], "2")]);
    while world.height() <= interval.1 {
        world.relay.block(Vec::new());
    }
    hold(&mut world, interval);
    assert_eq!(world.state(&waits), ProposalState::Rejected);
    let submit = world.proposal(vec![write(world.id(0), &["new"], "1")]);
    assert_eq!(world.submit(&submit), Code::CHAIN_NOT_ACTIVE);
    let cancel = world.cancel_input(own, ALICE);
    let execution = world.relay.block(vec![cancel]);
    assert!(execution.outbox.iter().all(|entry| entry.messages.is_empty()), "the decision is not sent");
    // A report must wait until the chain is known to follow this branch.
    let shown = show(&world, 0, &leg);
    assert_eq!(report(&mut world, shown), Code::CHAIN_NOT_ACTIVE);
    follow(&mut world, 0);
    assert!(is_held(&world, 1), "each lane by itself");
    assert_eq!(world.step(0), [Code::OK], "the ABORT comes before any Prepare");
    assert_eq!(world.state(&own), ProposalState::Aborting);
    follow(&mut world, 1);
    world.rounds(2);
    assert_eq!(world.state(&own), ProposalState::Aborted);
}

#[test]
fn a_report_that_does_not_show_all_of_it_is_refused() {
    let (mut world, leg, kept) = lost_proposal();
    // Shown before its chain left the lost branch: it may have heard a decision there since.
    let early = show(&world, 0, &leg);
    let early_height = world.subs[0].archive.tip();
    let last_kept = kept.tip();
    recover(&mut world, kept, last_kept);
    // A proposal of the new branch, LOCKED: inside no interval.
    let own = world.propose(vec![write(world.id(0), &["own"], "1"), write(world.id(1), &["own"], "1")]);
    let own_leg = world.leg_id(&own);
    world.step(0);
    assert_eq!(leg_state(&world, 0, &own_leg), Some(LegState::Locked));
    let shown = show(&world, 0, &own_leg);
    assert_eq!(report(&mut world, shown), Code::BAD_ARGUMENT);
    // A known id whose start lies in the interval.
    let mut good = show(&world, 0, &leg);
    let header = header_proof(&world, 0, early_height);
    let early = LockedReport { proof: LedgerStateProof { header, ..early.proof }, ..early };
    assert_eq!(report(&mut world, early), Code::TOO_LATE);
    // Every bent part.
    let bend: [fn(&mut LockedReport); 6] = [
        |it| it.started_at_on_relay = it.started_at_on_relay.next().unwrap(),
        |it| it.id.0.hash.0[0] ^= 1,
        |it| it.proof.inclusion.index += 1,
        |it| it.proof.inclusion.ledger.state_root.0[0] ^= 1,
        |it| it.proof.place.account = account(accounts::PROPOSALS),
        |it| match &mut it.proof.inclusion.state {
            StateProof::Present { value, .. } => value.version = value.version.next().unwrap(),
            other => panic!("{other:?}"),
        },
    ];
    for bend in bend {
        let mut bent = good.clone();
        bend(&mut bent);
        let code = report(&mut world, bent);
        assert!(matches!(code, Code::PROOF | Code::BAD_ARGUMENT), "{code:?}");
    }
    let mut other = good.clone();
    other.chain = world.id(1);
    assert_eq!(report(&mut world, other), Code::PROOF);
    good.chain = world.relay.id();
    assert_eq!(report(&mut world, good.clone()), Code::CHAIN_UNKNOWN);
    good.chain = world.id(0);
    assert_eq!(report(&mut world, good), Code::OK);
    // RELEASED is not LOCKED; nothing more is to be decided by it.
    world.step(0);
    let released = show(&world, 0, &leg);
    assert_eq!(report(&mut world, released), Code::DUPLICATE);
    world.relay.blocks(u64::from(coordinator::MAX_T_PREP_CEILING) + 10);
    let refused = show(&world, 0, &leg);
    assert_eq!(report(&mut world, refused), Code::DUPLICATE, "open until its Outcome is proven");
}

#[test]
fn a_known_id_and_a_leg_that_is_not_locked_are_refused() {
    let mut world = World::new(2);
    let kept = branch(&world.relay);
    let submit = world.proposal(vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")]);
    assert_eq!(world.submit(&submit), Code::OK);
    let id = submit.body.id();
    let leg = world.leg_id(&id);
    let refused = world.propose(vec![write(world.id(0), &["k"], "2"), read(world.id(1), &["nothing"])]);
    world.relay.blocks(1);
    world.step(0);
    let bad = world.proposal(vec![leg_without_rights(world.id(0))]);
    assert_eq!(world.submit(&bad), Code::OK);
    let bad = world.leg_id(&bad.body.id());
    world.step(0);
    assert_eq!(leg_state(&world, 0, &bad), Some(LegState::Refused));
    // The same Submit is ordered at the same height of the new branch.
    let interval = (kept.tip() + 1, world.height());
    world.relay = kept;
    assert_eq!(world.submit(&submit), Code::OK);
    assert_eq!(world.leg_id(&id), leg);
    while world.height() <= interval.1 {
        world.relay.block(Vec::new());
    }
    hold(&mut world, interval);
    follow(&mut world, 0);
    let shown = show(&world, 0, &leg);
    assert_eq!(report(&mut world, shown), Code::PROPOSAL_EXISTS);
    let shown = show(&world, 0, &bad);
    assert_eq!(report(&mut world, shown), Code::UNEXPECTED);
    let _ = refused;
}

/// A leg that touches what it does not declare.
fn leg_without_rights(chain: ChainId) -> ledger_protocol::proposal::Leg {
    leg(chain, ledger_protocol::proposal::LegMode::Write, Vec::new(), vec![at(BOOK, set("undeclared", "1"))])
}

#[test]
fn an_anchor_below_the_highest_known_height_is_refused() {
    let (mut world, leg, kept) = lost_proposal();
    let (first, last) = (kept.tip() + 1, world.height());
    let relay = world.relay.id();
    world.relay = kept;
    while world.height() <= last + 3 {
        world.relay.block(Vec::new());
    }
    let highest = world.subs[0].read(|state| highest_known_height(state, &relay).unwrap().unwrap());
    for height in first..highest.0 {
        let anchor = anchor_input(&world, 0, height);
        assert_eq!(world.subs[0].codes(vec![anchor]), [[Code::ANCHOR_BELOW]]);
    }
    assert_eq!(world.subs[0].read(|state| chain_interchain::reanchors(state, &relay).unwrap()), 0);
    let expected = numbers(&world, 0).1;
    let anchor = anchor_input(&world, 0, highest.0);
    assert_eq!(world.subs[0].codes(vec![anchor.clone()]), [[Code::OK]], "another header of the same height");
    assert_eq!(world.subs[0].codes(vec![anchor]), [[Code::OK]], "the trusted header again counts nothing");
    assert_eq!(world.subs[0].read(|state| chain_interchain::reanchors(state, &relay).unwrap()), 1);
    assert_eq!(numbers(&world, 0).1, expected, "the counter is kept");
    assert_eq!(leg_state(&world, 0, &leg), Some(LegState::Locked));
    let follows = world.subs[0].read(|state| client(state, &relay).unwrap().unwrap());
    assert_eq!(follows.height_on_source, highest);
}

#[test]
fn a_motion_about_no_interval_is_refused() {
    let mut world = World::new(1);
    world.relay.blocks(20);
    let height = world.height();
    for (first, last, code) in [
        (0, 3, Code::BAD_ARGUMENT),
        (4, 3, Code::BAD_ARGUMENT),
        (3, height + 10, Code::BAD_ARGUMENT),
        (3, 5, Code::OK),
        (5, 6, Code::KNOWN),
        (1, 3, Code::KNOWN),
        (6, 6, Code::OK),
    ] {
        assert_eq!(world.decide(lost(first, last)), code, "{first} to {last}");
    }
    assert_eq!(world.relay.read(|state| registry::intervals(state).unwrap().len()), 2);
}

#[test]
fn a_chain_that_never_left_this_branch_goes_on_with_its_numbers() {
    let mut world = World::new(1);
    let kept = branch(&world.relay);
    let last_kept = kept.tip();
    world.relay.blocks(2);
    let interval = (last_kept + 1, world.height());
    world.relay = kept;
    let id = world.propose(vec![write(world.id(0), &["k"], "1")]);
    while world.height() <= interval.1 {
        world.relay.block(Vec::new());
    }
    hold(&mut world, interval);
    // What was sent before the motion is still to be had: this chain has counted nothing else.
    assert_eq!(world.step(0), [Code::OK]);
    world.collect(&[0]);
    assert!(!is_held(&world, 0));
    assert_eq!(world.state(&id), ProposalState::Committing);
    assert_eq!(world.step(0), [Code::OK], "the decision of the block in which the lane went on");
    world.collect(&[0]);
    assert_eq!(world.state(&id), ProposalState::Committed);
    assert_eq!(numbers(&world, 0), (Sequence(2), Sequence(2)));
}

#[test]
fn an_anchor_from_before_the_motion_does_not_end_the_hold() {
    let (mut world, leg, kept) = lost_proposal();
    let interval = (kept.tip() + 1, world.height());
    world.relay = kept;
    while world.height() <= interval.1 + 2 {
        world.relay.block(Vec::new());
    }
    // Too early: lists from between this header and the motion would not be void.
    let anchor = anchor_input(&world, 0, world.height());
    assert_eq!(world.subs[0].codes(vec![anchor]), [[Code::OK]]);
    world.collect(&[0]);
    let chain = world.id(0);
    assert_eq!(world.relay.read(|state| registry::lane(state, &chain).unwrap().reanchored), 1);
    hold(&mut world, interval);
    let advance = pending(&world.subs[0], &world.relay, true);
    assert!(advance.is_none(), "nothing new");
    let id = world.relay.id();
    world.subs[0].tamper(|state| chain_interchain::enqueue_payload(state, &id, &Default::default()).unwrap());
    world.subs[0].block(Vec::new());
    world.collect(&[0]);
    assert!(is_held(&world, 0));
    follow(&mut world, 0);
    let shown = show(&world, 0, &leg);
    assert_eq!(report(&mut world, shown), Code::OK);
    assert_eq!(world.step(0), [Code::OK]);
    assert_eq!(leg_state(&world, 0, &leg), Some(LegState::Released));
}
