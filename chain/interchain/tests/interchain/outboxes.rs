//! The outbox: numbering, limits, leaves.

use super::book::{Book, pair, payload};
use chain_interchain::{enqueue_payload, has_backlog, next_sequence, queued, sent};
use ledger_protocol::codec::{BoundedBytes, encode};
use ledger_protocol::interchain::{MAX_LIST_BYTES, MAX_LIST_MESSAGES};
use ledger_protocol::merkle::empty_root;
use ledger_protocol::proof::client::{verify_leaf, verify_list};
use ledger_protocol::{Height, Sequence, Suite};

fn say(book: &mut Book, count: u64) {
    let peer = book.peers[0];
    book.block(None, |state, _| {
        for _ in 0..count {
            let number = next_sequence(state, &peer).unwrap().0;
            assert_eq!(enqueue_payload(state, &peer, &payload(number)).unwrap(), Sequence(number));
        }
    });
}

#[test]
fn rule_r9_three_hundred_messages_of_one_block_leave_in_two_lists() {
    let (mut one, other) = pair(Suite::Standard, Suite::Guomi);
    say(&mut one, 300);
    assert!(one.read(|state| has_backlog(state, &[other.id()]).unwrap()));
    assert_eq!(one.read(|state| queued(state, &other.id()).unwrap()), 44);
    say(&mut one, 1);
    say(&mut one, 0);
    let counts: Vec<u32> =
        (2..=4).map(|height| one.archive.leaf_path(Height(height), &other.id()).leaf.count).collect();
    assert_eq!(counts, [MAX_LIST_MESSAGES as u32, 45, 0]);
    assert_eq!(one.read(|state| sent(state, &other.id()).unwrap()), Sequence(301));
    assert!(!one.read(|state| has_backlog(state, &[other.id()]).unwrap()));
    let mut next = 0;
    for height in 1..=4 {
        let leaf = verify_leaf(
            one.archive.header(Height(height)),
            &one.archive.leaf_path(Height(height), &other.id()),
            &other.id(),
        )
        .unwrap();
        assert_eq!(leaf.first, Sequence(next));
        let list = one.archive.list(Height(height), &other.id());
        verify_list(&one.id(), &leaf, &list).unwrap();
        for message in &list {
            assert_eq!(message.payload, payload(next));
            next += 1;
        }
    }
    assert_eq!(next, 301);
}

#[test]
fn rule_r9_the_byte_limit_of_a_list_leaves_the_rest_in_order() {
    let (mut one, other) = pair(Suite::Standard, Suite::Standard);
    one.block(None, |state, _| {
        for _ in 0..5 {
            enqueue_payload(state, &other.id(), &BoundedBytes::new(vec![7; 100 << 10]).unwrap()).unwrap();
        }
    });
    say(&mut one, 0);
    say(&mut one, 0);
    for (height, count) in [(2, 2), (3, 2), (4, 1)] {
        let list = one.archive.list(Height(height), &other.id());
        assert_eq!(list.len(), count);
        assert!(list.iter().map(|message| encode(message).len()).sum::<usize>() <= MAX_LIST_BYTES);
    }
}

#[test]
fn every_peer_has_a_leaf_in_every_block_ascending() {
    let mut hub = Book::new(Suite::Standard, 9);
    let spokes: Vec<Book> = (20..25).map(|name| Book::new(Suite::Standard, name)).collect();
    for spoke in &spokes {
        hub.follow(spoke, Height(0));
    }
    say(&mut hub, 3);
    let header = hub.archive.header(hub.archive.tip());
    assert_eq!(header.outbox.count, 5);
    let outbox = &hub.archive.block(hub.archive.tip()).outbox;
    assert!(outbox.windows(2).all(|pair| pair[0].0.peer < pair[1].0.peer));
    for spoke in &spokes {
        let proof = hub.archive.leaf_path(hub.archive.tip(), &spoke.id());
        let leaf = verify_leaf(header, &proof, &spoke.id()).unwrap();
        let expected = if spoke.id() == hub.peers[0] { 3 } else { 0 };
        assert_eq!(leaf.count, expected);
        assert_eq!(leaf.count == 0, leaf.messages_root == empty_root(Suite::Standard));
        assert_eq!(leaf.follows.header_hash_on_peer.hash, spoke.archive.header(Height(0)).hash());
    }
}
