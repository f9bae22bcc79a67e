//! Keys, counters and events.

use super::fixture::*;
use crate::query;
use chain_state::Place;
use ledger_protocol::chain::Parameters;
use ledger_protocol::codec::BoundedBytes;
use ledger_protocol::transaction::*;
use ledger_protocol::*;

#[test]
fn writing_is_denied_by_default() {
    let world = World::new();
    for operation in [
        set("cash", "a", "1"),
        delete("cash", "a", Expectation::Any),
        counter("cash", "c", 0, 1, 0),
        add("cash", "balance", 1),
        event("news", "a"),
    ] {
        assert_eq!(world.code(&[STRANGER], operation.clone()), Code::IDENTITY_UNKNOWN);
        assert_eq!(world.code(&[2], operation.clone()), Code::DENIED);
        // Managing a ledger's accounts is no right to write to them.
        assert_eq!(world.code(&[ADMIN], operation.clone()), Code::DENIED);
        assert_eq!(world.code_on(LedgerId(9), &[1], operation.clone()), Code::LEDGER_UNKNOWN);
        assert_eq!(world.code_on(SYSTEM, &[1], operation), Code::NOT_SYSTEM_LEDGER);
    }
    assert_eq!(world.code(&[1], set("nowhere", "a", "1")), Code::ACCOUNT_UNKNOWN);
    assert_eq!(world.code(&[1], set("cash", "a", "1")), Code::OK);
    assert_eq!(world.code(&[2], set("shared", "a", "1")), Code::OK);
    assert_eq!(world.code(&[3], set("shared", "a", "1")), Code::DENIED);
}

#[test]
fn a_write_finds_what_it_expects_or_fails() {
    use Expectation::{Absent, Any, Version as At};
    const MET: Code = Code::OK;
    const UNMET: Code = Code::EXPECTATION_UNMET;
    let mut world = World::new();
    let write = |world: &World, expected| world.code(&[1], set_expecting("cash", "a", "x", expected));
    let erase = |world: &World, expected| world.code(&[1], delete("cash", "a", expected));
    let expectations = [Any, Absent, At(Version(0)), At(Version(1)), At(Version(2)), At(Version(3))];
    let check = |world: &World, sets: [Code; 6], deletes: [Code; 6]| {
        for (index, expected) in expectations.into_iter().enumerate() {
            assert_eq!(write(world, expected), sets[index], "set {expected:?}");
            assert_eq!(erase(world, expected), deletes[index], "delete {expected:?}");
        }
    };
    let nothing = Code::KEY_ABSENT;
    check(&world, [MET, MET, UNMET, UNMET, UNMET, UNMET], [nothing, nothing, UNMET, UNMET, UNMET, UNMET]);
    world.run(&[1], vec![at(BOOK, set("cash", "a", "1"))]);
    check(&world, [MET, UNMET, MET, UNMET, UNMET, UNMET], [MET, UNMET, MET, UNMET, UNMET, UNMET]);
    world.run(&[1], vec![at(BOOK, set("cash", "a", "2"))]);
    check(&world, [MET, UNMET, UNMET, MET, UNMET, UNMET], [MET, UNMET, UNMET, MET, UNMET, UNMET]);
    // A tombstone is a version, and compare-and-set sees the key as absent.
    world.run(&[1], vec![at(BOOK, delete("cash", "a", Any))]);
    check(&world, [MET, MET, UNMET, UNMET, UNMET, UNMET], [nothing, nothing, UNMET, UNMET, UNMET, UNMET]);
    world.run(&[1], vec![at(BOOK, set("cash", "a", "3"))]);
    check(&world, [MET, UNMET, UNMET, UNMET, UNMET, MET], [MET, UNMET, UNMET, UNMET, UNMET, MET]);
}

#[test]
fn compare_and_set_sees_what_the_transaction_wrote_before() {
    let mut world = World::new();
    let operations = vec![
        at(BOOK, set_expecting("cash", "a", "1", Expectation::Absent)),
        at(BOOK, set_expecting("cash", "a", "2", Expectation::Version(Version(0)))),
        at(BOOK, delete("cash", "a", Expectation::Version(Version(1)))),
        at(BOOK, set_expecting("cash", "a", "4", Expectation::Absent)),
    ];
    let transaction = transaction(&[1], operations);
    let (outcome, delta) = world.look(|state, facts| {
        crate::execute_transaction(state, facts, &transaction, &mut crate::NoSystemOperations).unwrap()
    });
    assert_eq!((outcome.code, outcome.changes), (Code::OK, 4));
    assert_eq!(delta.changes.iter().map(|change| change.version.0).collect::<Vec<_>>(), [0, 1, 2, 3]);
    world.facts.height = Height(2);
}

#[test]
fn counters_keep_their_bounds() {
    let mut world = World::new();
    assert_eq!(world.code(&[1], add("cash", "balance", 900)), Code::OK);
    assert_eq!(world.code(&[1], add("cash", "balance", 901)), Code::BOUND);
    assert_eq!(world.code(&[1], add("cash", "balance", -100)), Code::OK);
    assert_eq!(world.code(&[1], add("cash", "balance", -101)), Code::BOUND);
    assert_eq!(world.code(&[1], add("cash", "balance", i64::MIN)), Code::BOUND);
    assert_eq!(world.code(&[1], add("cash", "balance", i64::MAX)), Code::BOUND);
    assert_eq!(world.code(&[1], add("cash", "nothing", 1)), Code::KEY_ABSENT);
    for (min, max, initial) in [(0, 10, 11), (0, 10, -1), (10, 0, 5), (1, 0, 0)] {
        assert_eq!(world.code(&[1], counter("cash", "c", min, max, initial)), Code::BAD_ARGUMENT);
    }
    assert_eq!(world.run(&[1], vec![at(BOOK, counter("cash", "c", i64::MIN, i64::MAX, 0))]), Code::OK);
    assert_eq!(world.run(&[1], vec![at(BOOK, add("cash", "c", i64::MAX))]), Code::OK);
    assert_eq!(world.code(&[1], add("cash", "c", 1)), Code::BOUND);
    assert_eq!(world.code(&[1], add("cash", "c", i64::MIN)), Code::OK);
    let operations = vec![at(BOOK, add("cash", "balance", 5)), at(BOOK, add("cash", "balance", -7))];
    assert_eq!(world.run(&[1], operations), Code::OK);
    let place = Place::new(BOOK, &name("cash"), &key("balance"));
    let answer = world.look(|state, _| query::value(state, &place).unwrap()).0;
    assert!(matches!(answer.value.unwrap().content, StateContent::Counter { value: 98, min: 0, max: 1_000 }));
}

#[test]
fn bounds_change_only_around_the_very_value() {
    let mut world = World::new();
    assert_eq!(world.code(&[1], counter("cash", "balance", 0, 50, 50)), Code::EXPECTATION_UNMET);
    assert_eq!(world.code(&[1], counter("cash", "balance", 0, 50, 100)), Code::BAD_ARGUMENT);
    assert_eq!(world.run(&[1], vec![at(BOOK, counter("cash", "balance", 100, 100, 100))]), Code::OK);
    assert_eq!(world.code(&[1], add("cash", "balance", 1)), Code::BOUND);
    assert_eq!(world.code(&[1], add("cash", "balance", 0)), Code::OK);
}

#[test]
fn a_counter_is_no_value_and_a_value_no_counter() {
    let mut world = World::new();
    assert_eq!(world.code(&[1], set("cash", "balance", "1")), Code::KEY_KIND);
    assert_eq!(world.code(&[1], delete("cash", "balance", Expectation::Any)), Code::KEY_KIND);
    assert_eq!(world.run(&[1], vec![at(BOOK, set("cash", "a", "1"))]), Code::OK);
    assert_eq!(world.code(&[1], add("cash", "a", 1)), Code::KEY_KIND);
    assert_eq!(world.code(&[1], counter("cash", "a", 0, 1, 0)), Code::KEY_KIND);
    assert_eq!(world.run(&[1], vec![at(BOOK, delete("cash", "a", Expectation::Any))]), Code::OK);
    assert_eq!(world.code(&[1], add("cash", "a", 1)), Code::KEY_ABSENT);
    assert_eq!(world.code(&[1], counter("cash", "a", 0, 1, 0)), Code::OK);
}

#[test]
fn limits_of_the_parameters_hold() {
    let mut world = World::new();
    world.facts.parameters = Parameters { max_key_bytes: 4, max_value_bytes: 5, ..Parameters::subchain() };
    assert_eq!(world.code(&[1], set("cash", "abcd", "12345")), Code::OK);
    assert_eq!(world.code(&[1], set("cash", "abcde", "1")), Code::TOO_LARGE);
    assert_eq!(world.code(&[1], set("cash", "a", "123456")), Code::TOO_LARGE);
    assert_eq!(world.code(&[1], counter("cash", "abcde", 0, 1, 0)), Code::TOO_LARGE);
    assert_eq!(world.code(&[1], set("cash", "", "1")), Code::BAD_ARGUMENT);
    let large = Operation::PublishEvent(PublishEvent {
        account: name("news"),
        topic: codec::Text::new("a").unwrap(),
        payload: BoundedBytes::new(vec![0; 6]).unwrap(),
    });
    assert_eq!(world.code(&[1], large), Code::TOO_LARGE);
    assert_eq!(world.code(&[1], event("news", "a")), Code::OK);
}

#[test]
fn events_are_numbered_per_topic_without_gaps() {
    let world = World::new();
    let good = transaction(&[1], vec![at(BOOK, event("news", "a")), at(BOOK, event("news", "b"))]);
    let bad = transaction(&[1], vec![at(BOOK, event("news", "a")), at(BOOK, set("nowhere", "a", "1"))]);
    let (outcomes, delta) = world.look(|state, facts| {
        [&good, &bad, &good].map(|transaction| {
            crate::execute_transaction(state, facts, transaction, &mut crate::NoSystemOperations).unwrap()
        })
    });
    let ranges: Vec<_> = outcomes.iter().map(|outcome| (outcome.events.first, outcome.events.count)).collect();
    assert_eq!(ranges, [(0, 2), (2, 0), (2, 2)]);
    let numbers: Vec<_> = delta.events.iter().map(|event| (event.topic.as_str(), event.sequence.0)).collect();
    assert_eq!(numbers, [("a", 0), ("b", 0), ("a", 1), ("b", 1)]);
}
