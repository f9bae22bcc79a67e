//! R7, R9, S4 and S7 on a subchain: the relay's headers and hand-offs, the one lane from it, duplicates, and a relay
//! that halts.

use super::fixture::*;
use super::side::*;
use super::synthetic::{KeySet, leaf_of};
use chain_interchain::{client, next_expected};
use ledger_protocol::chain::{Input, RelayAnchor};
use ledger_protocol::codec::BoundedBytes;
use ledger_protocol::interchain::*;
use ledger_protocol::system::ClientRecord;
use ledger_protocol::transaction::Operation;
use ledger_protocol::*;
use subchain::participant::table::LegState;

fn advance(it: Advance) -> Input {
    Input::Advance(Box::new(it))
}

fn handoff(it: Handoff) -> Input {
    Input::Handoff(Box::new(it))
}

fn trusts(side: &Side) -> ClientRecord {
    let relay = side.relay.id;
    side.sub.read(|state| client(state, &relay).unwrap().unwrap())
}

fn expects(side: &Side) -> u64 {
    let relay = side.relay.id;
    side.sub.read(|state| next_expected(state, &relay).unwrap()).0
}

/// Both ways into a block refuse it.
fn refused(side: &Side, input: Input, code: Code) {
    assert_eq!(side.sub.pool_refusal(&input), Some(code));
    assert_eq!(side.sub.refusal(&[input]), Some(code));
}

/// A block of the relay with these messages to the subchain, from a sequence on; it may hand over.
fn relay_block(side: &mut Side, first: u64, words: &[MessageContent], next: Option<KeySet>) -> Height {
    let (suite, source, to) = (side.relay.suite(), side.relay.id, side.id());
    let messages: Vec<Message> = (first..)
        .zip(words)
        .map(|(sequence, word)| Message {
            source,
            destination: to,
            sequence: Sequence(sequence),
            payload: BoundedBytes::new(word.to_payload()).unwrap(),
        })
        .collect();
    let mut leaf = leaf_of(suite, to, Sequence(first), &messages);
    leaf.follows = side.own_header(0);
    side.relay.append(vec![(leaf, messages)], next)
}

fn new_keys(seed: u8) -> KeySet {
    KeySet::new(Suite::Standard, seed, 4)
}

#[test]
fn r7_the_relays_hand_offs_are_followed_in_order_and_no_other_set() {
    let mut side = Side::new();
    let to = side.id();
    let leg = write(side.id(), &["k"], "1");
    let prepare = side.prepare(leg);
    let mut old = side.relay.clone();
    let asked = relay_block(&mut side, 0, &[ask(&prepare)], None);
    let first = relay_block(&mut side, 1, &[], Some(new_keys(60)));
    let second = relay_block(&mut side, 1, &[], Some(new_keys(61)));
    let tip = relay_block(&mut side, 1, &[commit(&prepare)], None);
    let relay = side.relay.clone();
    refused(&side, advance(relay.advance(Height(0), tip, &to, &[asked, tip])), Code::PROOF);
    refused(&side, handoff(relay.handoff(Height(0), second)), Code::PROOF);
    let inputs = vec![
        handoff(relay.handoff(Height(0), first)),
        handoff(relay.handoff(first, second)),
        advance(relay.advance(second, tip, &to, &[asked, tip])),
    ];
    let codes = side.sub.codes(inputs);
    // The Prepare is older than both hand-offs: it is delivered by the history of a later head.
    assert_eq!(codes, [vec![Code::OK], vec![Code::OK], vec![Code::OK, Code::OK, Code::OK]]);
    assert_eq!((side.state(&prepare), side.sub.value("k").as_deref()), (Some(LegState::Applied), Some("1")));
    let record = trusts(&side);
    assert_eq!((record.height_on_source, record.last_handoff_height_on_source), (tip, second));
    refused(&side, handoff(relay.handoff(first, second)), Code::KNOWN);
    // The first keys go on signing: nobody listens.
    while old.tip() <= tip {
        old.produce(&[(to, 1)]);
    }
    refused(&side, advance(old.advance(Height(0), old.tip(), &to, &[old.tip()])), Code::PROOF);
    assert_eq!(trusts(&side), record);
}

#[test]
fn r7_another_chain_than_the_own_relay_moves_nothing() {
    let side = Side::new();
    let stranger = super::synthetic::SyntheticChain::new(Suite::Standard, 99);
    let mut stranger = stranger;
    let height = stranger.produce(&[(side.id(), 1)]);
    refused(&side, advance(stranger.advance(Height(0), height, &side.id(), &[height])), Code::FOREIGN);
}

#[test]
fn r9_the_one_lane_from_the_relay_skips_and_repeats_nothing() {
    let mut side = Side::new();
    let to = side.id();
    let mut heights = Vec::new();
    let mut prepares = Vec::new();
    for (sequence, key) in (0u64..).zip(["a", "b", "c"]) {
        let leg = write(side.id(), &[key], "1");
        let prepare = side.prepare_until(500, leg);
        heights.push(relay_block(&mut side, sequence, &[ask(&prepare)], None));
        prepares.push(prepare);
    }
    let tip = relay_block(&mut side, 3, &[], None);
    let relay = side.relay.clone();
    let [a, b, c] = [heights[0], heights[1], heights[2]];
    let make = |lists: &[Height]| relay.advance(Height(0), tip, &to, lists);
    for lists in [vec![b], vec![b, c], vec![a, c], vec![b, a, c], vec![a, a], vec![]] {
        refused(&side, advance(make(&lists)), Code::PROOF);
    }
    assert_eq!(side.sub.codes(vec![advance(make(&[a, b]))]), [[Code::OK, Code::OK, Code::OK]]);
    assert_eq!(expects(&side), 2);
    refused(&side, advance(make(&[a, b])), Code::KNOWN);
    refused(&side, advance(relay.advance(tip, tip, &to, &[a, b, c])), Code::KNOWN);
    assert_eq!(side.sub.codes(vec![advance(relay.advance(tip, tip, &to, &[c]))]), [[Code::OK, Code::OK]]);
    for prepare in &prepares {
        assert_eq!(side.state(prepare), Some(LegState::Locked));
    }
    // Two of one source in a block: at most one is valid.
    let leg = write(side.id(), &["d"], "1");
    let next = side.prepare_until(500, leg);
    let height = relay_block(&mut side, 3, &[ask(&next)], None);
    let twice = side.relay.advance(tip, height, &to, &[height]);
    assert_eq!(side.sub.refusal(&[advance(twice.clone()), advance(twice)]), Some(Code::KNOWN));
}

#[test]
fn r9_without_a_list_only_a_heartbeat_after_the_trusted_header() {
    let mut side = Side::new();
    side.sub.parameters.heartbeat_ms = 5_000;
    let to = side.id();
    for _ in 0..5 {
        relay_block(&mut side, 0, &[], None);
    }
    let relay = side.relay.clone();
    // A block of the relay is a second; the anchor's own time is not known and counts as long ago.
    let first = relay.advance(Height(0), Height(1), &to, &[]);
    assert_eq!(side.sub.codes(vec![advance(first)]), [[Code::OK]]);
    refused(&side, advance(relay.advance(Height(1), Height(5), &to, &[])), Code::PROOF);
    relay_block(&mut side, 0, &[], None);
    let relay = side.relay.clone();
    assert_eq!(side.sub.codes(vec![advance(relay.advance(Height(1), Height(6), &to, &[]))]), [[Code::OK]]);
}

#[test]
fn s4_duplicates_by_sequence_never_enter_a_block() {
    let mut side = Side::new();
    let to = side.id();
    let leg = transfer(side.id(), &[("c0", 5)]);
    let prepare = side.prepare_until(500, leg);
    let asked = relay_block(&mut side, 0, &[ask(&prepare)], None);
    let decided = relay_block(&mut side, 1, &[commit(&prepare)], None);
    let relay = side.relay.clone();
    let deliver = |trusted: Height, lists: &[Height]| advance(relay.advance(trusted, decided, &to, lists));
    assert_eq!(side.sub.codes(vec![deliver(Height(0), &[asked, decided])])[0].len(), 3);
    assert_eq!(side.sub.counter("c0"), START_VALUE + 5);
    let before: Vec<_> = side.sub.store.entries().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    for trusted in [Height(0), decided] {
        for lists in [vec![asked, decided], vec![decided], vec![asked]] {
            let Some(code) = side.sub.refusal(&[deliver(trusted, &lists)]) else { panic!("taken twice") };
            assert!([Code::KNOWN, Code::PROOF].contains(&code));
        }
    }
    let after: Vec<_> = side.sub.store.entries().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    assert_eq!(before, after);
}

#[test]
fn s4_a_second_message_for_one_record_emits_nothing() {
    // As a re-anchored relay would send them: new sequences, old words.
    let mut side = Side::new();
    let leg = write(side.id(), &["k"], "1");
    let prepare = side.locked(leg);
    let mut said = side.said().len();
    assert_eq!(said, 1, "the Vote");
    for word in [ask(&prepare), commit(&prepare), commit(&prepare), ask(&prepare), commit(&prepare)] {
        side.tell_one(word);
        said += side.said().len();
    }
    assert_eq!(said, 2, "one Vote, one Outcome, whatever comes again");
    let leg = transfer(side.id(), &[("c0", -101)]);
    let refused = side.prepare(leg);
    let mut said = 0;
    for word in [ask(&refused), ask(&refused), abort(&refused), abort(&refused), ask(&refused)] {
        side.tell_one(word);
        said += side.said().len();
    }
    assert_eq!(said, 1, "one NO");
}

#[test]
fn s7_if_the_relay_halts_locks_stay_until_its_members_re_anchor_it() {
    let mut side = Side::new();
    let to = side.id();
    let leg = write(side.id(), &["k"], "1");
    let prepare = side.prepare_until(20, leg);
    let asked = relay_block(&mut side, 0, &[ask(&prepare)], None);
    let first = side.relay.advance(Height(0), asked, &to, &[asked]);
    side.sub.codes(vec![advance(first)]);
    assert_eq!(side.state(&prepare), Some(LegState::Locked));
    // No word of the relay for very long: nothing is guessed, and only that key is held.
    for _ in 0..200 {
        assert!(!side.sub.block(Vec::new()).has_due_work);
    }
    assert_eq!(side.state(&prepare), Some(LegState::Locked));
    assert_eq!(side.sub.local(vec![set("k", "mine")]), Code::LOCKED);
    assert_eq!(side.sub.local(vec![set("other", "mine")]), Code::OK);
    // Its members re-anchor it to other keys; this chain's governance names the header. The lock still stays.
    let lost = side.relay.clone();
    let anchor = relay_block(&mut side, 1, &[], Some(new_keys(70)));
    let trusted = side.relay.trusted(anchor);
    let named = RelayAnchor {
        relay: side.relay.id,
        kind: trusted.kind,
        height_on_relay: trusted.height,
        header_hash_on_relay: side.relay.id.suite.foreign(trusted.header_hash),
        next_validators_on_relay: trusted.next_validators,
    };
    let input = transaction(side.id(), OWNER, vec![at(SYSTEM, Operation::SetRelayAnchor(named))]);
    assert_eq!(side.sub.codes(vec![input])[0], [Code::OK]);
    assert_eq!((side.state(&prepare), expects(&side)), (Some(LegState::Locked), 1), "the counter is kept");
    // The lost branch's keys decide nothing any more.
    let mut lost = lost;
    let height = lost.produce(&[(to, 1)]);
    refused(&side, advance(lost.advance(asked, height, &to, &[height])), Code::KNOWN);
    let height = lost.produce(&[(to, 1)]);
    refused(&side, advance(lost.advance(asked, height, &to, &[height.previous().unwrap(), height])), Code::PROOF);
    let decided = relay_block(&mut side, 1, &[abort(&prepare)], None);
    let word = side.relay.advance(anchor, decided, &to, &[decided]);
    assert_eq!(side.sub.codes(vec![advance(word)]), [[Code::OK, Code::OK]]);
    assert_eq!(side.state(&prepare), Some(LegState::Released));
    assert_eq!(side.sub.local(vec![set("k", "mine")]), Code::OK);
}

#[test]
fn lists_from_before_a_header_that_governance_named_are_void() {
    let mut side = Side::new();
    let (to, relay) = (side.id(), side.relay.id);
    let leg = write(side.id(), &["k"], "1");
    let prepare = side.prepare_until(20, leg);
    let void = relay_block(&mut side, 0, &[ask(&prepare)], None);
    let anchor = relay_block(&mut side, 1, &[], None);
    let trusted = side.relay.trusted(anchor);
    let named = RelayAnchor {
        relay,
        kind: trusted.kind,
        height_on_relay: trusted.height,
        header_hash_on_relay: relay.suite.foreign(trusted.header_hash),
        next_validators_on_relay: trusted.next_validators,
    };
    let input = transaction(side.id(), OWNER, vec![at(SYSTEM, Operation::SetRelayAnchor(named))]);
    assert_eq!(side.sub.codes(vec![input])[0], [Code::OK]);
    assert_eq!(side.sub.archive.block(side.sub.archive.tip()).outbox[0].0.reanchored, 1, "the relay hears of it");
    let head = relay_block(&mut side, 1, &[], None);
    refused(&side, advance(side.relay.advance(anchor, head, &to, &[void])), Code::PROOF);
    assert_eq!(expects(&side), 0);
    // The relay says it again with the number that is expected.
    let again = relay_block(&mut side, 0, &[ask(&prepare)], None);
    let word = side.relay.advance(anchor, again, &to, &[again]);
    assert_eq!(side.sub.codes(vec![advance(word)]), [[Code::OK, Code::OK]]);
    assert_eq!(side.state(&prepare), Some(LegState::Locked));
}
