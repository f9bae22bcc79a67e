//! The inbox: R9 on the state, queues, duplicates, admission.

use super::book::{Book, STEP_MS, pair, payload, say};
use super::synthetic::KeySet;
use chain_interchain::{
    Consumed, MAX_ASIDE_MESSAGES, admit_advance, admit_handoff, aside_after, aside_count, consume_advance,
    consume_handoff, postpone, put_aside, remove_aside, remove_waiting, waiting_after,
};
use chain_state::{Refusal, StateDelta};
use ledger_protocol::chain::Section;
use ledger_protocol::interchain::{Advance, Message};
use ledger_protocol::{Code, Height, Sequence, Suite};

fn consume(book: &mut Book, advance: &Advance) -> Result<Consumed, Refusal> {
    let id = book.id();
    book.block(None, |state, facts| consume_advance(state, facts, &id, advance, STEP_MS).unwrap())
}

fn sequences(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.sequence.0).collect()
}

#[test]
fn rule_r9_an_advance_moves_client_and_counter_and_a_second_one_is_known() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Guomi);
    let height = say(&mut one, 3, None);
    let advance = one.archive.advance(Height(0), height, &other.id(), &[height]);
    let consumed = consume(&mut other, &advance).unwrap();
    assert_eq!(sequences(&consumed.messages), [0, 1, 2]);
    assert!(consumed.moved && consumed.postponed.is_empty());
    assert_eq!((other.received(&one.id()), other.trusted_height(&one.id())), (Sequence(3), height));
    assert_eq!(consume(&mut other, &advance).unwrap_err().code, Code::KNOWN);
    assert_eq!((other.received(&one.id()), other.trusted_height(&one.id())), (Sequence(3), height));
    // The same list once more under the known head.
    let known = one.archive.advance(height, height, &other.id(), &[height]);
    assert_eq!(consume(&mut other, &known).unwrap_err().code, Code::KNOWN);
    assert_eq!(other.received(&one.id()), Sequence(3));
}

#[test]
fn rule_s4_bug_c13_duplicates_change_no_byte_of_the_state() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    let height = say(&mut one, 3, None);
    let advance = one.archive.advance(Height(0), height, &other.id(), &[height]);
    consume(&mut other, &advance).unwrap();
    let id = other.id();
    let facts = other.facts();
    let mut state = chain_state::BlockState::open(&other.store, id.suite, facts.height).unwrap();
    let refusal = consume_advance(&mut state, &facts, &id, &advance, STEP_MS).unwrap().unwrap_err();
    assert_eq!(refusal.code, Code::KNOWN);
    let StateDelta { changes, events, .. } = state.finish().unwrap();
    assert!(changes.is_empty() && events.is_empty());
}

#[test]
fn rule_r9_what_runs_ahead_or_leaves_a_gap_is_refused_and_changes_nothing() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    let first = say(&mut one, 2, None);
    let second = say(&mut one, 2, None);
    let cases = [(second, vec![]), (second, vec![second])];
    for (head, blocks) in cases {
        let advance = one.archive.advance(Height(0), head, &other.id(), &blocks);
        assert_eq!(consume(&mut other, &advance).unwrap_err().code, Code::PROOF);
    }
    assert_eq!((other.received(&one.id()), other.trusted_height(&one.id())), (Sequence(0), Height(0)));
    let advance = one.archive.advance(Height(0), second, &other.id(), &[first]);
    assert_eq!(sequences(&consume(&mut other, &advance).unwrap().messages), [0, 1]);
    let rest = one.archive.advance(second, second, &other.id(), &[second]);
    let consumed = consume(&mut other, &rest).unwrap();
    assert_eq!(sequences(&consumed.messages), [2, 3]);
    assert!(!consumed.moved);
}

#[test]
fn an_unknown_source_is_refused() {
    let (mut one, other) = pair(Suite::Standard, Suite::Standard);
    let mut third = Book::new(Suite::Standard, 3);
    let height = say(&mut one, 1, None);
    let advance = one.archive.advance(Height(0), height, &other.id(), &[height]);
    assert_eq!(consume(&mut third, &advance).unwrap_err().code, Code::CHAIN_UNKNOWN);
    let handoff = one.archive.handoff(Height(0), height);
    let refusal = third.block(None, |state, _| consume_handoff(state, &handoff).unwrap()).unwrap_err();
    assert_eq!(refusal.code, Code::CHAIN_UNKNOWN);
}

#[test]
fn rule_r9_postponed_messages_wait_in_order_before_anything_newer() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    let first = say(&mut one, 3, None);
    let advance = one.archive.advance(Height(0), first, &other.id(), &[first]);
    let id = other.id();
    other.block(None, |state, facts| {
        let consumed = consume_advance(state, facts, &id, &advance, STEP_MS).unwrap().unwrap();
        for message in &consumed.messages[1..] {
            postpone(state, message).unwrap();
        }
    });
    assert_eq!(other.waiting(&one.id()), 2);
    let second = say(&mut one, 2, None);
    let consumed = consume(&mut other, &one.archive.advance(first, second, &id, &[second])).unwrap();
    assert!(consumed.messages.is_empty());
    assert_eq!(sequences(&consumed.postponed), [3, 4]);
    assert_eq!(other.received(&one.id()), Sequence(5), "what waits counts as received");
    let source = one.id();
    let taken = other.block(None, |state, _| {
        let waiting = waiting_after(state, &source, None, 3).unwrap();
        for message in &waiting {
            remove_waiting(state, &source, message.sequence).unwrap();
        }
        waiting
    });
    assert_eq!(sequences(&taken), [1, 2, 3]);
    assert_eq!(other.waiting(&one.id()), 1);
    assert_eq!(sequences(&other.read(|state| waiting_after(state, &source, None, 9).unwrap())), [4]);
}

#[test]
fn rule_r9_a_full_waiting_room_refuses_lists() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    other.parameters.max_waiting_messages = 2;
    let first = say(&mut one, 3, None);
    let advance = one.archive.advance(Height(0), first, &other.id(), &[first]);
    let id = other.id();
    other.block(None, |state, facts| {
        for message in &consume_advance(state, facts, &id, &advance, STEP_MS).unwrap().unwrap().messages {
            postpone(state, message).unwrap();
        }
    });
    let second = say(&mut one, 1, None);
    let advance = one.archive.advance(first, second, &id, &[second]);
    assert_eq!(consume(&mut other, &advance).unwrap_err().code, Code::POOL_FULL);
    let source = one.id();
    other.block(None, |state, _| remove_waiting(state, &source, Sequence(0)).unwrap());
    assert_eq!(sequences(&consume(&mut other, &advance).unwrap().postponed), [3]);
}

#[test]
fn bug_c19_messages_aside_hold_nobody_back_and_keep_their_order() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    other.parameters.max_waiting_messages = 1;
    let first = say(&mut one, 4, None);
    let advance = one.archive.advance(Height(0), first, &other.id(), &[first]);
    let id = other.id();
    let source = one.id();
    other.block(None, |state, facts| {
        for message in &consume_advance(state, facts, &id, &advance, STEP_MS).unwrap().unwrap().messages {
            assert!(put_aside(state, message).unwrap());
        }
        assert_eq!(aside_count(state, &source).unwrap(), 4);
        remove_aside(state, &source, Sequence(2)).unwrap();
        remove_aside(state, &source, Sequence(2)).unwrap();
    });
    assert_eq!(sequences(&other.read(|state| aside_after(state, &source, None, 9).unwrap())), [0, 1, 3]);
    assert_eq!(sequences(&other.read(|state| aside_after(state, &source, Some(Sequence(0)), 1).unwrap())), [1]);
    let second = say(&mut one, 1, None);
    let advance = one.archive.advance(first, second, &id, &[second]);
    assert_eq!(sequences(&consume(&mut other, &advance).unwrap().messages), [4]);
}

#[test]
fn aside_is_bounded() {
    let (one, mut other) = pair(Suite::Standard, Suite::Standard);
    let message = |number: u64| Message {
        source: one.id(),
        destination: one.id(),
        sequence: Sequence(number),
        payload: payload(number),
    };
    other.block(None, |state, _| {
        for number in 0..u64::from(MAX_ASIDE_MESSAGES) {
            assert!(put_aside(state, &message(number)).unwrap());
        }
        assert!(!put_aside(state, &message(1 << 20)).unwrap());
    });
}

#[test]
fn rule_r9_the_pool_prefers_most_messages_then_the_highest_head() {
    let (mut one, other) = pair(Suite::Standard, Suite::Standard);
    let first = say(&mut one, 2, None);
    let second = say(&mut one, 2, None);
    for _ in 0..4 {
        say(&mut one, 0, None);
    }
    let tip = one.archive.tip();
    let id = other.id();
    let admit = |trusted: Height, head: Height, blocks: &[Height]| {
        let advance = one.archive.advance(trusted, head, &id, blocks);
        other.read(|state| admit_advance(state, &other.facts(), &id, &advance, STEP_MS).unwrap()).unwrap()
    };
    let least = admit(Height(0), second, &[first]);
    let higher = admit(Height(0), tip, &[first]);
    let most = admit(Height(0), second, &[first, second]);
    let best = admit(Height(0), tip, &[first, second]);
    assert!(least.rank < higher.rank && higher.rank < most.rank && most.rank < best.rank);
    assert!([&least, &higher, &most, &best].iter().all(|a| a.is_work && a.dedupe_key == best.dedupe_key));
    assert_eq!(best.section, Section::Interchain);
}

#[test]
fn an_advance_without_a_list_is_no_work() {
    let (mut one, other) = pair(Suite::Standard, Suite::Standard);
    for _ in 0..5 {
        say(&mut one, 0, None);
    }
    let id = other.id();
    let advance = one.archive.advance(Height(0), one.archive.tip(), &id, &[]);
    let admission = other.read(|state| admit_advance(state, &other.facts(), &id, &advance, STEP_MS).unwrap()).unwrap();
    assert!(!admission.is_work);
}

#[test]
fn hand_offs_enter_the_pool_in_order_and_before_the_advance_of_their_source() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    let first = say(&mut one, 1, Some(KeySet::new(Suite::Standard, 40, 4)));
    let second = say(&mut one, 1, Some(KeySet::new(Suite::Standard, 41, 4)));
    let admit = |book: &Book, trusted: Height, height: Height| {
        book.read(|state| admit_handoff(state, &one.archive.handoff(trusted, height)).unwrap())
    };
    let admission = admit(&other, Height(0), first).unwrap();
    assert!(admission.is_work && admission.order < u64::MAX);
    assert_eq!(admit(&other, Height(0), second).unwrap_err().code, Code::PROOF);
    let handoff = one.archive.handoff(Height(0), first);
    other.block(None, |state, _| consume_handoff(state, &handoff).unwrap()).unwrap();
    assert_eq!(admit(&other, Height(0), first).unwrap_err().code, Code::KNOWN);
    let admission = admit(&other, first, second).unwrap();
    let handoff = one.archive.handoff(first, second);
    other.block(None, |state, _| consume_handoff(state, &handoff).unwrap()).unwrap();
    let id = other.id();
    let advance = one.archive.advance(second, second, &id, &[first, second]);
    let after = other.read(|state| admit_advance(state, &other.facts(), &id, &advance, STEP_MS).unwrap()).unwrap();
    assert!(after.lane == admission.lane && after.order > admission.order);
}
