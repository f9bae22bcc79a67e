//! What a courier brings, case by case.

use super::book::{Book, pair, payload};
use super::synthetic::KeySet;
use super::views::{View, destination};
use bridge_courier::{CourierError, CourierWork, EmptyRule, Waits, pending};
use chain_interchain::{consume_advance, consume_handoff, enqueue_payload, next_sequence};
use ledger_protocol::interchain::{Advance, Head};
use ledger_protocol::{Hash, Height, Sequence, Suite};

pub(crate) const STALE_MS: u64 = 30_000;
pub(crate) const RELAY: EmptyRule = EmptyRule::ToRelay { stale_ms: STALE_MS };

pub(crate) fn say(book: &mut Book, count: u64, next: Option<KeySet>) -> Height {
    let peer = book.peers[0];
    book.block(next, |state, _| {
        for _ in 0..count {
            let number = next_sequence(state, &peer).unwrap().0;
            enqueue_payload(state, &peer, &payload(number)).unwrap();
        }
    });
    book.archive.tip()
}

fn work(source: &Book, receiver: &Book, empty: EmptyRule) -> Vec<CourierWork> {
    pending(&View(source), &destination(receiver, &source.id(), empty)).unwrap()
}

fn the_advance(work: &[CourierWork]) -> &Advance {
    match work {
        [CourierWork::Advance(advance)] => advance,
        other => panic!("not one Advance: {other:?}"),
    }
}

fn deliver(receiver: &mut Book, work: &[CourierWork], step_ms: u64) -> usize {
    let id = receiver.id();
    receiver.block(None, |state, facts| {
        let mut count = 0;
        for work in work {
            match work {
                CourierWork::Handoff(handoff) => {
                    consume_handoff(state, handoff).unwrap().unwrap();
                }
                CourierWork::Advance(advance) => {
                    count += consume_advance(state, facts, &id, advance, step_ms).unwrap().unwrap().messages.len();
                }
            }
        }
        count
    })
}

#[test]
fn nothing_is_pending_between_two_quiet_chains() {
    let (one, other) = pair(Suite::Standard, Suite::Guomi);
    assert!(work(&one, &other, RELAY).is_empty());
    assert!(work(&other, &one, RELAY).is_empty());
}

#[test]
fn bug_c20_what_is_pending_is_recomputed_and_never_remembered() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Guomi);
    say(&mut one, 3, None);
    let first = work(&one, &other, RELAY);
    assert_eq!(first, work(&one, &other, RELAY));
    assert_eq!(the_advance(&first).blocks.len(), 1);
    assert_eq!(deliver(&mut other, &first, STALE_MS / 2), 3);
    assert!(work(&one, &other, RELAY).is_empty(), "delivered: nothing is left to clear");
    // Lost on the way, or delivered by somebody else: the next look at the two chains tells.
    say(&mut one, 2, None);
    assert_eq!(work(&one, &other, RELAY)[0].message_count(), 2);
}

#[test]
fn r9_three_hundred_messages_of_one_block_come_in_two_advances() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    say(&mut one, 300, None);
    let mut counts = Vec::new();
    for _ in 0..3 {
        let brought = work(&one, &other, RELAY);
        if !brought.is_empty() {
            counts.push(deliver(&mut other, &brought, STALE_MS / 2));
        }
        say(&mut one, 0, None);
    }
    assert_eq!(counts, [256, 44]);
}

#[test]
fn r9_most_messages_within_the_limit_then_the_highest_head() {
    let (mut one, other) = pair(Suite::Standard, Suite::Standard);
    for _ in 0..3 {
        say(&mut one, 100, None);
    }
    let tip = say(&mut one, 0, None);
    let brought = work(&one, &other, RELAY);
    assert_eq!(brought[0].message_count(), 200);
    assert_eq!(the_advance(&brought).head.header().height, tip);
}

#[test]
fn hand_offs_come_first_all_of_them_and_in_order() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    say(&mut one, 1, None);
    let handoffs: Vec<Height> = (60..63)
        .map(|seed| {
            say(&mut one, 1, None);
            say(&mut one, 1, Some(KeySet::new(Suite::Standard, seed, 4)))
        })
        .collect();
    let brought = work(&one, &other, RELAY);
    let heights: Vec<Height> = brought
        .iter()
        .map(|work| match work {
            CourierWork::Handoff(handoff) => handoff.header.height,
            CourierWork::Advance(_) => panic!("an Advance before the hand-offs"),
        })
        .collect();
    assert_eq!(heights, handoffs);
    deliver(&mut other, &brought, STALE_MS / 2);
    // The list completes under the header that is trusted already.
    let brought = work(&one, &other, RELAY);
    assert!(matches!(the_advance(&brought).head, Head::Known { .. }));
    assert_eq!(deliver(&mut other, &brought, STALE_MS / 2), 7);
}

#[test]
fn a_full_waiting_room_or_a_frozen_source_gets_nothing() {
    let (mut one, other) = pair(Suite::Standard, Suite::Standard);
    say(&mut one, 3, None);
    let mut view = destination(&other, &one.id(), RELAY);
    view.waiting = view.max_waiting;
    assert_eq!(pending(&View(&one), &view).unwrap().len(), 1);
    view.waiting += 1;
    assert!(pending(&View(&one), &view).unwrap().is_empty());
    view.waiting = 0;
    view.accepts = false;
    assert!(pending(&View(&one), &view).unwrap().is_empty());
}

#[test]
fn a_destination_on_another_history_or_between_blocks_is_told() {
    let (mut one, other) = pair(Suite::Standard, Suite::Standard);
    say(&mut one, 3, None);
    let mut view = destination(&other, &one.id(), RELAY);
    view.received = Sequence(1);
    assert!(matches!(pending(&View(&one), &view), Err(CourierError::NoBoundary { .. })));
    view.client.header_hash_on_source = Hash([1; 32]);
    assert!(matches!(pending(&View(&one), &view), Err(CourierError::OtherHistory { .. })));
    view.client.height_on_source = Height(99);
    assert!(pending(&View(&one), &view).unwrap().is_empty(), "a source that has not synced brings nothing");
}

#[test]
fn r9_to_the_relay_an_empty_advance_goes_after_half_of_t_stale() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    // The client's header 0 stands at the start; blocks are a second apart.
    while one.archive.tip() < Height(14) {
        say(&mut one, 0, None);
        assert!(work(&one, &other, RELAY).is_empty());
    }
    say(&mut one, 0, None);
    let brought = work(&one, &other, RELAY);
    assert!(the_advance(&brought).blocks.is_empty());
    deliver(&mut other, &brought, STALE_MS / 2);
    assert!(work(&one, &other, RELAY).is_empty());
}

#[test]
fn r9_to_a_subchain_an_empty_advance_goes_only_when_it_ends_a_wait() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    let rule = |waits| EmptyRule::ToSubchain { heartbeat_ms: 2_000, relay_heartbeat_ms: 5_000, waits };
    for _ in 0..8 {
        say(&mut one, 0, None);
    }
    let height = one.archive.tip();
    assert!(work(&one, &other, rule(Waits::default())).is_empty());
    let deadline = |height| Waits { relay_height: Some(height), acknowledgement: None };
    assert!(work(&one, &other, rule(deadline(height.next().unwrap()))).is_empty());
    let brought = work(&one, &other, rule(deadline(height)));
    assert!(the_advance(&brought).blocks.is_empty());
    deliver(&mut other, &brought, 2_000);
    for _ in 0..4 {
        say(&mut one, 0, None);
        assert!(work(&one, &other, rule(deadline(height))).is_empty(), "at most once per heartbeat of the relay");
    }
    say(&mut one, 0, None);
    assert_eq!(work(&one, &other, rule(deadline(height))).len(), 1);
    let acknowledgement = |sequence| Waits { relay_height: None, acknowledgement: Some(Sequence(sequence)) };
    assert!(work(&one, &other, rule(acknowledgement(0))).is_empty(), "nothing is acknowledged yet");
    say(&mut other, 1, None);
    let there = work(&other, &one, RELAY);
    deliver(&mut one, &there, STALE_MS / 2);
    assert_eq!(work(&one, &other, rule(acknowledgement(0))).len(), 1);
    assert!(work(&one, &other, rule(acknowledgement(1))).is_empty());
}
