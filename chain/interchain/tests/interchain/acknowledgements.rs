//! S8: what a peer's leaf acknowledges, and what it does not.

use super::book::{Book, pair, payload};
use chain_interchain::{
    Acknowledgement, AcknowledgementAlarm, OwnHeader, acknowledged, consume_advance, enqueue_payload,
    learn_acknowledgement, own_header, peer_view,
};
use ledger_protocol::interchain::{Follows, OutboxLeaf};
use ledger_protocol::merkle::empty_root;
use ledger_protocol::{Hash, Height, Sequence, Suite};

fn leaf(book: &Book, peer: &Book, received: u64, height: Height, hash: Hash) -> OutboxLeaf {
    OutboxLeaf {
        peer: book.id(),
        first: Sequence(0),
        count: 0,
        received: Sequence(received),
        reanchored: 0,
        follows: Follows { height_on_peer: height, header_hash_on_peer: book.id().suite.foreign(hash) },
        messages_root: empty_root(peer.id().suite),
    }
}

/// `one` after sending three messages in block 2, with two blocks on top.
fn sender() -> (Book, Book) {
    let (mut one, other) = pair(Suite::Standard, Suite::Standard);
    let peer = other.id();
    one.block(None, |state, _| {
        for number in 0..3 {
            enqueue_payload(state, &peer, &payload(number)).unwrap();
        }
    });
    one.block(None, |_, _| ());
    one.block(None, |_, _| ());
    (one, other)
}

fn learn(one: &mut Book, other: &Book, leaf: &OutboxLeaf) -> Acknowledgement {
    let peer = other.id();
    one.block(None, |state, _| {
        let follows = leaf.follows;
        let standing = own_header(state, follows.height_on_peer, &follows.header_hash_on_peer.hash).unwrap();
        learn_acknowledgement(state, &peer, leaf, standing).unwrap()
    })
}

#[test]
fn rule_s8_received_counts_in_a_leaf_that_follows_an_own_header_and_never_falls() {
    let (mut one, other) = sender();
    for (received, height, expected) in [(2, 3, 2), (3, 4, 3), (1, 2, 3)] {
        let hash = one.archive.header(Height(height)).hash();
        let leaf = leaf(&one, &other, received, Height(height), hash);
        assert_eq!(learn(&mut one, &other, &leaf), Acknowledgement::Learnt(Sequence(expected)));
    }
    assert_eq!(one.read(|state| acknowledged(state, &other.id()).unwrap()), Sequence(3));
    assert_eq!(one.read(|state| peer_view(state, &other.id()).unwrap().unwrap().follows.height_on_peer), Height(4));
}

#[test]
fn rule_s8_a_foreign_follows_acknowledges_nothing_and_alarms() {
    let (mut one, other) = sender();
    for (height, hash) in [(3, Hash([1; 32])), (99, one.archive.header(Height(3)).hash())] {
        let leaf = leaf(&one, &other, 3, Height(height), hash);
        let learnt = learn(&mut one, &other, &leaf);
        assert!(matches!(learnt, Acknowledgement::Alarm(AcknowledgementAlarm::ForeignHeader(_))), "{learnt:?}");
    }
    assert_eq!(one.read(|state| acknowledged(state, &other.id()).unwrap()), Sequence(0));
}

#[test]
fn rule_s8_received_above_what_was_sent_acknowledges_nothing_and_alarms() {
    let (mut one, other) = sender();
    let leaf = leaf(&one, &other, 4, Height(3), one.archive.header(Height(3)).hash());
    let learnt = learn(&mut one, &other, &leaf);
    assert!(matches!(learnt, Acknowledgement::Alarm(AcknowledgementAlarm::ReceivedAhead { .. })), "{learnt:?}");
    assert_eq!(one.read(|state| acknowledged(state, &other.id()).unwrap()), Sequence(0));
}

#[test]
fn rule_s8_a_header_too_far_back_to_judge_acknowledges_nothing() {
    let (mut one, other) = sender();
    let leaf = leaf(&one, &other, 3, Height(3), one.archive.header(Height(3)).hash());
    let peer = other.id();
    let learnt = one.block(None, |state, _| learn_acknowledgement(state, &peer, &leaf, OwnHeader::Forgotten).unwrap());
    assert_eq!(learnt, Acknowledgement::Unjudged);
}

#[test]
fn rule_s8_a_round_trip_acknowledges_what_the_peer_consumed() {
    let (mut one, mut other) = sender();
    let id = other.id();
    let there = one.archive.advance(Height(0), Height(4), &id, &[Height(2)]);
    other.block(None, |state, facts| consume_advance(state, facts, &id, &there, 3_000).unwrap()).unwrap();
    for _ in 0..3 {
        other.block(None, |_, _| ());
    }
    let tip = other.archive.tip();
    let id = one.id();
    let back = other.archive.advance(Height(0), tip, &id, &[]);
    let consumed = one.block(None, |state, facts| consume_advance(state, facts, &id, &back, 3_000).unwrap()).unwrap();
    assert_eq!(learn(&mut one, &other, &consumed.leaf), Acknowledgement::Learnt(Sequence(3)));
}
