//! R7–R9 through the relay's machine: light clients, evidence, the order of a lane, re-anchoring.

use super::fixture::*;
use super::synthetic::SyntheticChain;
use super::world::*;
use chain_interchain::{client, next_expected};
use ledger_protocol::chain::Input;
use ledger_protocol::codec::{Bounded, Text};
use ledger_protocol::interchain::*;
use ledger_protocol::merkle::InclusionPath;
use ledger_protocol::system::{ChainStatus, ClientRecord, ProposalState};
use ledger_protocol::*;
use subchain::participant::table::LegState;

fn advance(it: Advance) -> Input {
    Input::Advance(Box::new(it))
}

fn handoff(it: Handoff) -> Input {
    Input::Handoff(Box::new(it))
}

fn trusts(world: &World, index: usize) -> ClientRecord {
    let id = world.id(index);
    world.relay.read(|state| client(state, &id).unwrap().unwrap())
}

fn expects(world: &World, index: usize) -> u64 {
    let id = world.id(index);
    world.relay.read(|state| next_expected(state, &id).unwrap()).0
}

/// Both ways into a block refuse it.
fn refused(world: &World, input: Input, code: Code) {
    assert_eq!(world.relay.pool_refusal(&input), Some(code));
    assert_eq!(world.relay.refusal(&[input]), Some(code));
}

fn equivocation(chain: &SyntheticChain, fork: &SyntheticChain, height: Height) -> Input {
    let accused = |chain: &SyntheticChain| {
        let block = chain.block(height);
        AccusedHeader {
            header: block.header.clone(),
            certificate: block.certificate.clone().unwrap(),
            validators: chain.keys_of(&block.header.validators_hash).set.clone(),
        }
    };
    Input::Evidence(Box::new(Evidence::Equivocation { chain: chain.id, first: accused(chain), second: accused(fork) }))
}

/// The same keys sign another history from here on.
fn forked(world: &World, index: usize, blocks: usize) -> SyntheticChain {
    let mut fork = world.subs[index].archive.clone();
    for _ in 0..blocks {
        fork.produce(&[(world.relay.id(), 1)]);
    }
    fork
}

#[test]
fn r7_a_client_moves_by_the_trusted_set_alone_and_over_every_hand_off_in_order() {
    let mut world = World::new(1);
    let relay = world.relay.id();
    let trusted = trusts(&world, 0).height_on_source;
    let mut old_keys = world.subs[0].archive.clone();
    let first = world.subs[0].hand_over(60);
    let second = world.subs[0].hand_over(61);
    world.subs[0].blocks(1);
    let archive = world.subs[0].archive.clone();
    let tip = archive.tip();
    // A head beyond a hand-off is by a set that nobody told the relay of; a hand-off cannot be skipped either.
    refused(&world, advance(archive.advance(trusted, tip, &relay, &[])), Code::PROOF);
    refused(&world, handoff(archive.handoff(trusted, second)), Code::PROOF);
    // The old keys go on by themselves: fine while they are trusted, nobody's after the hand-off.
    while old_keys.tip() <= second {
        old_keys.produce(&[(relay, 0)]);
    }
    // In order, in one block, with the head of the newest set behind.
    let inputs = vec![handoff(archive.handoff(trusted, first)), handoff(archive.handoff(first, second))];
    assert_eq!(world.relay.codes(inputs), [[Code::OK], [Code::OK]]);
    let record = trusts(&world, 0);
    assert_eq!((record.height_on_source, record.last_handoff_height_on_source), (second, second));
    assert_eq!(record.header_hash_on_source.hash, archive.header(second).hash());
    assert_eq!(record.next_validators_hash_on_source, archive.header(second).next_validators_hash);
    refused(&world, handoff(archive.handoff(trusted, first)), Code::KNOWN);
    let old_head = old_keys.tip();
    let mut forged = old_keys.advance(trusted, old_head, &relay, &[]);
    refused(&world, advance(forged.clone()), Code::PROOF);
    // Another history under the trusted header's number.
    if let Head::New { trusted_path, .. } = &mut forged.head {
        *trusted_path = old_keys.history_path(second, old_head);
    }
    refused(&world, advance(forged), Code::PROOF);
    assert_eq!(trusts(&world, 0), record, "what is refused moves nothing");
}

#[test]
fn r7_a_header_of_another_history_is_refused_though_the_trusted_set_signed_it() {
    let mut world = World::new(1);
    let relay = world.relay.id();
    let fork = forked(&world, 0, 10);
    let legs = vec![write(world.id(0), &["a"], "1")];
    world.propose(legs);
    world.round();
    let trusted = trusts(&world, 0).height_on_source;
    assert_ne!(fork.header(trusted), world.subs[0].archive.header(trusted));
    refused(&world, advance(fork.advance(trusted, fork.tip(), &relay, &[])), Code::PROOF);
}

#[test]
fn r8_fresh_evidence_freezes_in_the_same_block_and_is_known_afterwards() {
    let mut world = World::new(2);
    let legs = vec![write(world.id(0), &["k"], "1"), write(world.id(1), &["k"], "1")];
    let id = world.propose(legs);
    let fork = forked(&world, 0, 3);
    world.subs[0].blocks(3);
    let height = fork.tip();
    let evidence = equivocation(&world.subs[0].archive, &fork, height);
    assert_eq!(world.relay.pool_refusal(&evidence), None);
    let again = equivocation(&world.subs[0].archive, &fork, height.previous().unwrap());
    assert_eq!(world.relay.refusal(&[evidence.clone(), again.clone()]), Some(Code::KNOWN), "a block with both");
    assert_eq!(world.relay.codes(vec![evidence]), [[Code::OK]]);
    assert_eq!(world.chain_record(0).status, ChainStatus::Frozen);
    assert_eq!(world.abort_of(&id), (Code::CHAIN_LOST, world.id(0)));
    refused(&world, again, Code::KNOWN);
}

#[test]
fn r8_evidence_at_or_below_the_hand_off_marks_suspect_once_and_above_it_old_keys_prove_nothing() {
    let mut world = World::new(1);
    let fork = forked(&world, 0, 12);
    let trusted = trusts(&world, 0).height_on_source;
    let turn = world.subs[0].hand_over(60);
    world.subs[0].blocks(2);
    let archive = world.subs[0].archive.clone();
    assert_eq!(world.relay.codes(vec![handoff(archive.handoff(trusted, turn))]), [[Code::OK]]);
    let above = turn.next().unwrap();
    refused(&world, equivocation(&archive, &fork, above), Code::PROOF);
    let at = equivocation(&archive, &fork, turn);
    let below = equivocation(&archive, &fork, turn.previous().unwrap());
    assert_eq!(world.relay.codes(vec![at]), [[Code::OK]]);
    assert_eq!((world.chain_record(0).status, world.chain_record(0).suspect), (ChainStatus::Active, true));
    refused(&world, below.clone(), Code::KNOWN);
    // Fresh evidence still freezes a suspect chain; a motion clears the mark.
    let mut forged = archive.clone();
    forged.blocks.pop();
    forged.produce(&[(world.relay.id(), 1)]);
    let fresh = equivocation(&archive, &forged, archive.tip());
    assert_eq!(world.relay.pool_refusal(&fresh), None);
    assert_eq!(world.decide(Motion::ClearSuspect(world.id(0))), Code::OK);
    assert!(!world.chain_record(0).suspect);
    // What the members have judged marks the chain no more, whoever shows it again (ADR 0018).
    refused(&world, below, Code::KNOWN);
    assert_eq!(world.relay.codes(vec![fresh]), [[Code::OK]]);
    assert_eq!(world.chain_record(0).status, ChainStatus::Frozen);
}

#[test]
fn r8_keys_that_were_given_up_after_the_members_judged_mark_the_chain_again() {
    let mut world = World::new(1);
    let first_fork = forked(&world, 0, 12);
    let mut trusted = trusts(&world, 0).height_on_source;
    let mut hand_over = |world: &mut World, key: u8| {
        let turn = world.subs[0].hand_over(key);
        world.subs[0].blocks(2);
        let carried = handoff(world.subs[0].archive.handoff(trusted, turn));
        assert_eq!(world.relay.codes(vec![carried]), [[Code::OK]]);
        trusted = turn;
        turn
    };
    let first = hand_over(&mut world, 60);
    let judged = equivocation(&world.subs[0].archive, &first_fork, first);
    assert_eq!(world.relay.codes(vec![judged.clone()]), [[Code::OK]]);
    assert_eq!(world.decide(Motion::ClearSuspect(world.id(0))), Code::OK);
    let second_fork = forked(&world, 0, 12);
    let second = hand_over(&mut world, 80);
    refused(&world, judged, Code::KNOWN);
    assert!(!world.chain_record(0).suspect);
    let news = equivocation(&world.subs[0].archive, &second_fork, second);
    assert_eq!(world.relay.codes(vec![news]), [[Code::OK]]);
    assert_eq!((world.chain_record(0).status, world.chain_record(0).suspect), (ChainStatus::Active, true));
}

/// Chain 0 has three blocks with a Vote each that the relay has not heard of, and a quiet head.
fn three_votes() -> (World, [ProposalId; 3], [Height; 3]) {
    let mut world = World::new(1);
    let mut heights = Vec::new();
    let mut ids = Vec::new();
    for key in ["a", "b", "c"] {
        let legs = vec![write(world.id(0), &[key], "1")];
        ids.push(world.propose(legs));
        world.step(0);
        heights.push(world.subs[0].archive.tip());
    }
    world.subs[0].blocks(1);
    (world, ids.try_into().unwrap(), heights.try_into().unwrap())
}

#[test]
fn r9_in_order_nothing_skipped_and_a_refused_advance_changes_nothing() {
    let (mut world, ids, [a, b, c]) = three_votes();
    let relay = world.relay.id();
    let archive = world.subs[0].archive.clone();
    let (trusted, tip) = (trusts(&world, 0).height_on_source, archive.tip());
    let make = |lists: &[Height]| archive.advance(trusted, tip, &relay, lists);
    // Skipped, in another order, doubled, shortened, running ahead without the next list.
    for lists in [vec![b, c], vec![b, a, c], vec![a, a, b, c], vec![c], vec![a, c], vec![]] {
        refused(&world, advance(make(&lists)), Code::PROOF);
    }
    let mut truncated = make(&[a, b, c]);
    let mut blocks = truncated.blocks.clone().into_vec();
    if let DeliveredBlock::Older { messages, .. } = &mut blocks[1] {
        *messages = Bounded::empty();
    }
    truncated.blocks = Bounded::new(blocks).unwrap();
    refused(&world, advance(truncated), Code::PROOF);
    assert_eq!(expects(&world, 0), 0);
    // Part of what waits may come first: whole blocks, oldest first.
    assert_eq!(world.relay.codes(vec![advance(make(&[a]))]), [[Code::OK, Code::OK]]);
    assert_eq!((expects(&world, 0), trusts(&world, 0).height_on_source), (1, tip));
    assert_eq!(world.state(&ids[0]), ProposalState::Committing);
    // The same again, and from the beginning under the head known by now.
    refused(&world, advance(make(&[a])), Code::KNOWN);
    let known = |lists: &[Height]| archive.advance(tip, tip, &relay, lists);
    refused(&world, advance(known(&[a, b, c])), Code::KNOWN);
    refused(&world, advance(known(&[c])), Code::PROOF);
    assert_eq!(world.relay.codes(vec![advance(known(&[b, c]))]), [[Code::OK, Code::OK, Code::OK]]);
    assert_eq!(expects(&world, 0), 3);
    refused(&world, advance(known(&[])), Code::KNOWN);
}

#[test]
fn r9_without_a_list_only_a_full_step_after_the_trusted_header() {
    // A heartbeat of 10 s: T_stale is 60 s, half of it is the step; a block is a second.
    let mut world = World::with(Setting { subchains: 1, heartbeat_ms: 10_000, ..Setting::default() });
    let relay = world.relay.id();
    let trusted = trusts(&world, 0).height_on_source;
    world.subs[0].blocks(30);
    let archive = world.subs[0].archive.clone();
    let to = |height: u64| advance(archive.advance(trusted, Height(height), &relay, &[]));
    refused(&world, to(trusted.0 + 1), Code::PROOF);
    refused(&world, to(trusted.0 + 29), Code::PROOF);
    assert_eq!(world.relay.codes(vec![to(trusted.0 + 30)]), [[Code::OK]]);
    assert_eq!(trusts(&world, 0).height_on_source, Height(trusted.0 + 30));
}

#[test]
fn r9_a_message_without_sense_gets_a_code_and_the_lane_goes_on() {
    let (mut world, ids, _) = three_votes();
    let relay = world.relay.id();
    world.subs[0].tamper(|state| {
        for garbage in [vec![], vec![255u8; 40]] {
            let payload = ledger_protocol::codec::BoundedBytes::new(garbage).unwrap();
            chain_interchain::enqueue_payload(state, &relay, &payload).unwrap();
        }
    });
    world.subs[0].blocks(1);
    let legs = vec![write(world.id(0), &["d"], "1")];
    let behind = world.propose(legs);
    world.step(0);
    let codes = world.collect(&[0]).receipts[0].codes[1..].to_vec();
    assert_eq!(codes, [Code::OK, Code::OK, Code::OK, Code::UNDECODABLE, Code::UNDECODABLE, Code::OK]);
    for id in ids.iter().chain([&behind]) {
        assert_eq!(world.state(id), ProposalState::Committing);
    }
}

/// A motion that gives a chain the header at `to` of this branch of it as its trusted one.
pub(crate) fn reanchor_to(
    world: &World,
    chain: &SyntheticChain,
    common: Height,
    to: Height,
    anchor: Height,
) -> Reanchor {
    let header = chain.header(to).clone();
    let index = world.subs.iter().position(|sub| sub.id() == chain.id).unwrap();
    let (trusted, followed) = (trusts(world, index).height_on_source, &world.subs[index].archive);
    let common_in_trusted =
        if common == trusted { InclusionPath::default() } else { followed.history_path(common, trusted) };
    let relay = world.relay.id();
    let leaf = if common == Height(0) {
        let leaf = OutboxLeaf::of_header_zero(chain.header(common), relay);
        LeafPath { leaf, index: 0, path: InclusionPath::default() }
    } else {
        chain.leaf_path(common, &relay)
    };
    Reanchor {
        chain: chain.id,
        certificate: chain.block(to).certificate.clone().unwrap(),
        validators: chain.keys_of(&header.validators_hash).set.clone(),
        next_validators: chain.keys_of(&header.next_validators_hash).set.clone(),
        anchor_path: chain.history_path(anchor, to),
        common: chain.header(common).clone(),
        common_in_new: chain.history_path(common, to),
        common_in_trusted,
        leaf,
        reason: Text::new("its keys signed twice").unwrap(),
        header,
    }
}

#[test]
fn r9_after_a_freeze_nothing_is_taken_and_after_the_re_anchor_the_lane_goes_on_where_it_stopped() {
    let (mut world, ids, [a, b, c]) = three_votes();
    let relay = world.relay.id();
    let trusted = trusts(&world, 0).height_on_source;
    let first = world.subs[0].archive.advance(trusted, a, &relay, &[a]);
    assert_eq!(world.relay.codes(vec![advance(first)]), [[Code::OK, Code::OK]]);
    assert_eq!(world.decide(Motion::Freeze(world.id(0))), Code::OK);
    assert_eq!(world.state(&ids[0]), ProposalState::Committed, "R3: its leg counts as closed for the state");
    let archive = world.subs[0].archive.clone();
    refused(&world, advance(archive.advance(a, c, &relay, &[b, c])), Code::CHAIN_NOT_ACTIVE);
    // Activation is not the way back; a re-anchor to a hand-off of its own history is.
    assert_eq!(world.decide(Motion::Activate(world.id(0))), Code::UNEXPECTED);
    let to = world.subs[0].hand_over(60);
    let archive = world.subs[0].archive.clone();
    let motion = reanchor_to(&world, &archive, a, to, Height(0));
    let mut other = motion.clone();
    other.anchor_path = archive.history_path(Height(1), to);
    assert_eq!(world.decide(Motion::Reanchor(Box::new(other))), Code::PROOF);
    assert_eq!(world.decide(Motion::Reanchor(Box::new(motion))), Code::OK);
    assert_eq!(world.chain_record(0).status, ChainStatus::Active);
    assert_eq!((expects(&world, 0), trusts(&world, 0).height_on_source), (1, to), "the counter stays");
    let codes = world.relay.codes(vec![advance(archive.advance(to, to, &relay, &[b, c]))]);
    assert_eq!(codes, [[Code::OK, Code::TOO_LATE, Code::TOO_LATE]]);
    // The rest of the lane: what was aborted is released, what was committed is applied.
    world.step(0);
    world.collect(&[0]);
    assert_eq!(world.leg_state(&ids[0], 0), Some(LegState::Applied));
    assert_eq!(world.leg_state(&ids[1], 0), Some(LegState::Released));
    assert_eq!(world.in_flight(0), 0);
}

#[test]
fn r9_a_re_anchor_to_the_other_branch_takes_the_counter_back_to_the_common_boundary() {
    let (mut world, _, [a, _, _]) = three_votes();
    let relay = world.relay.id();
    // A branch that shares the first Vote alone, by the same keys, and hands over to others.
    let mut branch = world.subs[0].archive.clone();
    branch.blocks.truncate(usize::try_from(a.0).unwrap() + 1);
    branch.next_sequence.insert(relay, 1);
    let again = branch.produce(&[(relay, 2)]);
    let keys = super::synthetic::KeySet::new(Suite::Standard, 77, 4);
    let to = branch.produce_with(&[(relay, 0)], Some(keys));
    world.collect(&[0]);
    assert_eq!(expects(&world, 0), 3);
    assert_eq!(world.decide(Motion::Freeze(world.id(0))), Code::OK);
    let motion = reanchor_to(&world, &branch, a, to, Height(0));
    assert_eq!(world.decide(Motion::Reanchor(Box::new(motion))), Code::OK);
    assert_eq!(expects(&world, 0), 1, "min(counter, first + count of the common leaf)");
    let codes = world.relay.codes(vec![advance(branch.advance(to, to, &relay, &[again]))]);
    assert_eq!(codes, [[Code::OK, Code::UNDECODABLE, Code::UNDECODABLE]], "numbers are given anew, and taken");
    assert_eq!(expects(&world, 0), 3);
}
