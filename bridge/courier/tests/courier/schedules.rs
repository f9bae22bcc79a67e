//! Random schedules: every message arrives exactly once and in order, whatever is lost, repeated, late or handed off.

use super::book::{Book, pair, payload};
use super::rules::{STALE_MS, say};
use super::synthetic::KeySet;
use super::views::{View, destination};
use bridge_courier::{CourierWork, EmptyRule, Waits, pending};
use chain_interchain::{
    consume_advance, consume_handoff, learn_acknowledgement, own_header, postpone, remove_waiting, sent, waiting_after,
};
use ledger_protocol::interchain::Message;
use ledger_protocol::{Sequence, Suite};

const HEARTBEAT_MS: u64 = 2_000;

/// A small generator; the seed fixes the schedule.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

struct Side {
    book: Book,
    /// Work on its way to this chain, stale and repeated ones too.
    flying: Vec<CourierWork>,
    /// Next sequence that was dealt with.
    done: u64,
    said: u64,
    next_seed: u8,
    step_ms: u64,
    refused: u64,
}

impl Side {
    fn new(book: Book, step_ms: u64, next_seed: u8) -> Self {
        Self { book, flying: Vec::new(), done: 0, said: 0, next_seed, step_ms, refused: 0 }
    }

    fn speak(&mut self, dice: &mut Dice) {
        let count = if dice.roll(12) == 0 { 300 } else { dice.roll(5) };
        let next = (dice.roll(6) == 0 && self.next_seed < 250).then(|| {
            self.next_seed += 1;
            KeySet::new(self.book.id().suite, self.next_seed, 1 + (self.next_seed % 3))
        });
        self.said += count;
        say(&mut self.book, count, next);
    }

    /// A block that takes what is on its way: hand-offs, then at most one Advance; the rest is refused or late.
    fn take(&mut self, dice: &mut Dice) {
        let peer = self.book.peers[0];
        let (id, step_ms) = (self.book.id(), self.step_ms);
        let mut flying = std::mem::take(&mut self.flying);
        if dice.roll(3) == 0 {
            flying.reverse();
        }
        let room = if dice.roll(4) == 0 { dice.roll(4) as usize } else { 1_000 };
        let (done, refused) = self.book.block(None, |state, facts| {
            let mut dealt: Vec<Message> = waiting_after(state, &peer, None, room).unwrap();
            for message in &dealt {
                remove_waiting(state, &peer, message.sequence).unwrap();
            }
            let mut refused = 0;
            let handoffs = flying.iter().filter_map(|work| match work {
                CourierWork::Handoff(handoff) => Some(handoff),
                CourierWork::Advance(_) => None,
            });
            for handoff in handoffs {
                refused += u64::from(consume_handoff(state, handoff).unwrap().is_err());
            }
            for work in &flying {
                let CourierWork::Advance(advance) = work else { continue };
                let Ok(consumed) = consume_advance(state, facts, &id, advance, step_ms).unwrap() else {
                    refused += 1;
                    continue;
                };
                let follows = consumed.leaf.follows;
                let standing = own_header(state, follows.height_on_peer, &follows.header_hash_on_peer.hash).unwrap();
                let learnt = learn_acknowledgement(state, &peer, &consumed.leaf, standing).unwrap();
                assert!(matches!(learnt, chain_interchain::Acknowledgement::Learnt(_)), "{learnt:?}");
                let left = room.saturating_sub(dealt.len()).min(consumed.messages.len());
                for message in &consumed.messages[left..] {
                    postpone(state, message).unwrap();
                }
                dealt.extend_from_slice(&consumed.messages[..left]);
                break;
            }
            (dealt, refused)
        });
        for message in done {
            assert_eq!(message.sequence, Sequence(self.done), "in order, exactly once");
            assert_eq!(message.payload, payload(self.done));
            self.done += 1;
        }
        self.refused += refused;
        // What was sent once may arrive again, much later.
        flying.retain(|_| dice.roll(4) == 0);
        self.flying = flying;
    }
}

fn carry(from: &Side, to: &mut Side, rule: EmptyRule, dice: &mut Dice) {
    let view = destination(&to.book, &from.book.id(), rule);
    for work in pending(&View(&from.book), &view).unwrap() {
        for _ in 0..1 + dice.roll(2) {
            to.flying.push(work.clone());
        }
    }
}

fn run(seed: u64, suites: (Suite, Suite)) -> (u64, u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let (one, other) = pair(suites.0, suites.1);
    let mut subchain = Side::new(one, HEARTBEAT_MS, 10);
    let mut relay = Side::new(other, STALE_MS / 2, 130);
    let to_relay = EmptyRule::ToRelay { stale_ms: STALE_MS };
    let waits = Waits { relay_height: None, acknowledgement: Some(Sequence(0)) };
    let to_subchain = EmptyRule::ToSubchain { heartbeat_ms: HEARTBEAT_MS, relay_heartbeat_ms: 5_000, waits };
    for _ in 0..60 {
        match dice.roll(8) {
            0 => subchain.speak(&mut dice),
            1 => relay.speak(&mut dice),
            2 | 3 => carry(&subchain, &mut relay, to_relay, &mut dice),
            4 | 5 => carry(&relay, &mut subchain, to_subchain, &mut dice),
            6 => subchain.take(&mut dice),
            _ => relay.take(&mut dice),
        }
    }
    for _ in 0..400 {
        if subchain.done == relay.said && relay.done == subchain.said {
            break;
        }
        carry(&subchain, &mut relay, to_relay, &mut dice);
        carry(&relay, &mut subchain, to_subchain, &mut dice);
        subchain.take(&mut dice);
        relay.take(&mut dice);
    }
    assert_eq!((subchain.done, relay.done), (relay.said, subchain.said), "seed {seed}: everything arrives");
    for (side, peer) in [(&subchain, &relay), (&relay, &subchain)] {
        let (id, other) = (side.book.id(), peer.book.id());
        assert_eq!(side.book.received(&other).0, side.done);
        assert_eq!(side.book.waiting(&other), 0);
        assert_eq!(side.book.read(|state| sent(state, &other).unwrap()).0, side.said);
        assert_eq!(id, side.book.id());
    }
    (subchain.said + relay.said, subchain.refused + relay.refused)
}

#[test]
fn a1_every_message_arrives_exactly_once_and_in_order_over_random_schedules() {
    let (mut messages, mut refused) = (0, 0);
    for seed in 1..=120 {
        let (said, no) = run(seed, (Suite::Standard, Suite::Standard));
        messages += said;
        refused += no;
    }
    assert!(messages > 5_000 && refused > 500, "{messages} messages, {refused} refused: the schedules are too tame");
}

#[test]
fn a_relay_of_one_suite_serves_a_subchain_of_the_other() {
    for seed in 1..=6 {
        run(seed, (Suite::Guomi, Suite::Standard));
    }
}
