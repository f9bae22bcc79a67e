#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
//! The overlay: layers, versions, tombstones, pruning, events, scans, cost.

mod model;

use super::*;
use crate::prove;
use crate::store::StoreWriter;
use crate::testing::{BOOKS, Chain, account, counter, key, place, plain};
use ledger_protocol::Sequence;
use ledger_protocol::codec::{BoundedBytes, Text};
use ledger_protocol::proof::state::EMPTY_STATE_ROOT;
use ledger_protocol::transaction::StateKey;

fn leaf(delta: &StateDelta, ledger: LedgerId) -> (u64, Hash) {
    let leaf = delta.ledgers.iter().find(|leaf| leaf.ledger == ledger).unwrap();
    (leaf.state_version, leaf.state_root)
}

#[test]
fn a_new_ledger_is_empty_and_an_idle_one_costs_nothing() {
    let mut chain = Chain::new(Suite::Standard);
    let delta = chain.block(|_| ());
    assert!(delta.batch.is_empty());
    assert_eq!(delta.ledgers.len(), 3);
    assert_eq!(leaf(&delta, BOOKS), (0, EMPTY_STATE_ROOT));
    let settings = chain.state().ledger_settings(BOOKS).unwrap().unwrap();
    assert_eq!(delta.ledgers[1].settings_hash, settings.settings_hash(Suite::Standard));
    assert_eq!(chain.state().ledgers().unwrap(), [0, 1, 2].map(LedgerId));
    assert_eq!(chain.state().ledger_settings(LedgerId(9)).unwrap(), None);

    let delta = chain.block(|state| {
        state.put(&place("a"), plain("1")).unwrap();
    });
    assert_eq!(leaf(&delta, BOOKS).0, 1);
    assert_eq!(leaf(&delta, LedgerId(2)), (0, EMPTY_STATE_ROOT));
    let before = leaf(&delta, BOOKS);
    assert_eq!(leaf(&chain.block(|_| ()), BOOKS), before);
}

#[test]
fn a_write_to_an_unknown_ledger_is_a_fault() {
    let chain = Chain::new(Suite::Standard);
    let mut state = chain.state();
    state.put(&Place::new(LedgerId(9), &account("books"), &key("a")), plain("1")).unwrap();
    assert!(state.finish().is_err());
}

#[test]
fn versions_count_every_write_and_delete_and_never_restart() {
    let mut chain = Chain::new(Suite::Standard);
    let delta = chain.block(|state| {
        assert_eq!(state.put(&place("a"), plain("1")).unwrap(), Version(0));
        assert_eq!(state.put(&place("a"), plain("2")).unwrap(), Version(1));
        assert_eq!(state.delete(&place("a")).unwrap(), Version(2));
    });
    let kinds: Vec<_> = delta.changes.iter().map(|change| (change.version.0, change.kind)).collect();
    assert_eq!(kinds, [(0, ChangeKind::Set), (1, ChangeKind::Set), (2, ChangeKind::Delete)]);
    assert_eq!(delta.changes[2].value_hash, Hash::ZERO);
    chain.block(|state| {
        assert_eq!(state.live(&place("a")).unwrap(), None);
        assert_eq!(state.value(&place("a")).unwrap().unwrap().version, Version(2));
        assert_eq!(state.put(&place("a"), counter(1, 0, 9)).unwrap(), Version(3));
    });
    for (version, expected) in [(0, (1, 0)), (1, (1, 1)), (2, (1, 2)), (3, (2, 0))] {
        let found = prove::change_of_version(&chain.store, BOOKS, &account("books"), &key("a"), Version(version));
        assert_eq!(found.unwrap(), Some((Height(expected.0), expected.1)), "version {version}");
    }
    let none = prove::change_of_version(&chain.store, BOOKS, &account("books"), &key("a"), Version(4));
    assert_eq!(none.unwrap(), None);
}

#[test]
fn a_pruned_record_leaves_the_state_with_a_last_change() {
    let mut chain = Chain::new(Suite::Standard);
    let record = Place::system("proposals", key("p"));
    let empty = leaf(&chain.execute(|_| ()), LedgerId::SYSTEM).1;
    chain.block(|state| {
        state.put_record(&record, &(7u64, [1u8; 4])).unwrap();
    });
    let delta = chain.block(|state| {
        assert_eq!(state.record::<(u64, [u8; 4])>(&record).unwrap(), Some((7, [1; 4])));
        assert!(state.record::<u64>(&record).is_err(), "bytes left over are corrupt");
        state.prune(&record).unwrap();
        assert_eq!(state.value(&record).unwrap(), None);
        state.prune(&record).unwrap();
    });
    assert_eq!(delta.changes.len(), 1);
    assert_eq!((delta.changes[0].version, delta.changes[0].kind), (Version(1), ChangeKind::Prune));
    assert_eq!(leaf(&delta, LedgerId::SYSTEM), (2, empty));
    assert_eq!(chain.state().record::<u64>(&record).unwrap(), None);

    // Written and pruned in one block: two changes, an unchanged tree.
    let other = Place::system("proposals", key("q"));
    let delta = chain.block(|state| {
        state.put_record(&other, &1u8).unwrap();
        state.prune(&other).unwrap();
    });
    assert_eq!(delta.changes.len(), 2);
    assert_eq!(leaf(&delta, LedgerId::SYSTEM), (2, empty));
}

#[test]
fn a_discarded_layer_leaves_nothing_behind() {
    let chain = Chain::new(Suite::Standard);
    let topic = Text::new("t").unwrap();
    let kept = |state: &mut BlockState<'_>| {
        state.put(&place("a"), plain("1")).unwrap();
        state.put_working("queue", b"1", b"x").unwrap();
        state.publish(BOOKS, &account("events"), &topic, BoundedBytes::default()).unwrap();
    };
    let dropped = |state: &mut BlockState<'_>| {
        state.begin();
        state.put(&place("a"), plain("2")).unwrap();
        state.put(&place("b"), plain("2")).unwrap();
        state.remove_working("queue", b"1").unwrap();
        state.begin();
        let sequence = state.publish(BOOKS, &account("events"), &topic, BoundedBytes::default()).unwrap();
        assert_eq!(sequence, Sequence(1));
        assert_eq!(state.depth(), 2);
        state.accept();
        assert_eq!(state.counts(), (3, 2));
        state.discard();
        assert_eq!(state.working("queue", b"1").unwrap(), Some(b"x".to_vec()));
    };
    let with = chain.execute(|state| {
        kept(state);
        dropped(state);
    });
    assert_eq!(with, chain.execute(kept));
    assert_eq!(with.events.len(), 1);
}

#[test]
#[should_panic(expected = "open layers")]
fn a_block_does_not_end_inside_a_layer() {
    Chain::new(Suite::Standard).execute(|state| state.begin());
}

#[test]
fn event_sequences_are_gapless_per_ledger_and_topic() {
    let mut chain = Chain::new(Suite::Guomi);
    let publish = |state: &mut BlockState<'_>, ledger: u32, topic: &str| {
        let topic = Text::new(topic).unwrap();
        state.publish(LedgerId(ledger), &account("e"), &topic, BoundedBytes::default()).unwrap().0
    };
    for round in 0..3u64 {
        let delta = chain.block(|state| {
            assert_eq!(publish(state, 1, "a"), 2 * round);
            assert_eq!(publish(state, 2, "a"), round);
            assert_eq!(publish(state, 1, "b"), round);
            assert_eq!(publish(state, 1, "a"), 2 * round + 1);
        });
        assert_eq!(delta.events.len(), 4);
        assert!(delta.changes.is_empty());
    }
}

#[test]
fn working_entries_have_no_version_and_no_change_and_an_unchanged_one_costs_nothing() {
    let mut chain = Chain::new(Suite::Standard);
    let delta = chain.block(|state| {
        state.put_working("queue", b"1", b"x").unwrap();
        state.put_working_as("queue", b"2", &7u64).unwrap();
    });
    assert!(delta.changes.is_empty());
    assert_eq!(leaf(&delta, LedgerId::SYSTEM).0, 1);
    let delta = chain.block(|state| {
        state.put_working("queue", b"1", b"y").unwrap();
        state.put_working("queue", b"1", b"x").unwrap();
        assert_eq!(state.working_as::<u64>("queue", b"2").unwrap(), Some(7));
    });
    assert!(delta.batch.is_empty());
    let delta = chain.block(|state| {
        state.remove_working("queue", b"1").unwrap();
        state.remove_working("queue", b"2").unwrap();
        state.remove_working("queue", b"3").unwrap();
    });
    assert_eq!(leaf(&delta, LedgerId::SYSTEM), (2, EMPTY_STATE_ROOT));
    assert!(chain.state().put_working("queue", &[0; 257], b"").is_err());
}

#[test]
fn a_scan_merges_store_and_layers_and_stops_at_its_account() {
    let mut chain = Chain::new(Suite::Standard);
    chain.block(|state| {
        for number in 0..200u8 {
            state.put(&place([b'k', number]), plain([number])).unwrap();
        }
        state.put(&Place::new(BOOKS, &account("bookt"), &key("k")), plain("other account")).unwrap();
        state.put(&Place::new(LedgerId(2), &account("books"), &key("k")), plain("other ledger")).unwrap();
        state.put(&place("l"), plain("other prefix")).unwrap();
    });
    let mut state = chain.state();
    state.delete(&place([b'k', 3])).unwrap();
    state.begin();
    state.put(&place([b'k', 4]), plain("new")).unwrap();
    state.put(&place([b'k', 2, 1]), plain("between")).unwrap();
    state.begin();
    state.delete(&place([b'k', 2])).unwrap();
    let scan = |prefix: &[u8], after: Option<&StateKey>, limit| {
        let found = state.scan(BOOKS, &account("books"), prefix, after, limit).unwrap();
        found.into_iter().map(|(key, _)| key.into_vec()).collect::<Vec<_>>()
    };
    assert_eq!(scan(b"k", None, 4), [vec![b'k', 0], vec![b'k', 1], vec![b'k', 2, 1], vec![b'k', 4]]);
    assert_eq!(scan(b"k", None, 1000).len(), 199);
    assert_eq!(scan(b"", None, 1000).len(), 200);
    assert_eq!(scan(b"k", Some(&key([b'k', 198])), 9), [vec![b'k', 199]]);
    assert_eq!(scan(b"k", Some(&key([b'k', 199])), 9), Vec::<Vec<u8>>::new());
    assert_eq!(scan(&[b'k', 2], None, 9), [vec![b'k', 2, 1]]);
    assert_eq!(scan(b"k", Some(&key("a")), 1), [vec![b'k', 0]]);
    assert!(scan(b"x", None, 9).is_empty());
    assert!(scan(b"k", None, 0).is_empty());
    let found = state.scan(BOOKS, &account("books"), &[b'k', 4], None, 1).unwrap();
    assert_eq!(found[0].1, StateValue { version: Version(1), content: plain("new") });
}

#[test]
fn all_areas_are_apart_from_records() {
    let mut chain = Chain::new(Suite::Standard);
    chain.block(|state| {
        state.put_record(&Place::system("locks", key("a")), &1u8).unwrap();
        state.put_working("locks", b"a", b"w").unwrap();
        state.put_working("lock", b"a", b"v").unwrap();
    });
    let state = chain.state();
    assert_eq!(state.scan_working("locks", b"", None, 9).unwrap(), [(b"a".to_vec(), b"w".to_vec())]);
    assert_eq!(state.record::<u8>(&Place::system("locks", key("a"))).unwrap(), Some(1));
}

#[test]
// A figure for people: measured with a clock, asserted by none.
#[allow(clippy::disallowed_types, clippy::disallowed_methods, clippy::print_stdout)]
fn cost_of_a_block_of_two_thousand_keys() {
    use std::time::Instant;
    for suite in [Suite::Standard, Suite::Guomi] {
        let mut chain = Chain::new(suite);
        let write = |state: &mut BlockState<'_>, round: u32| {
            for number in 0..2_000u32 {
                // Half of the keys are new, half are written again.
                let number = if number % 2 == 0 { number } else { round * 2_000 + number };
                state.begin();
                let mut access = crate::Access::local(state);
                access.set(&place(number.to_be_bytes()), plain([round as u8; 64])).unwrap();
                state.accept();
            }
        };
        for round in 0..20 {
            chain.block(|state| write(state, round));
        }
        let (mut overlay, mut finish) = (0, 0);
        let mut delta = StateDelta::default();
        for round in 20..25 {
            let started = Instant::now();
            let mut state = chain.state();
            write(&mut state, round);
            overlay += started.elapsed().as_micros();
            let started = Instant::now();
            delta = state.finish().unwrap();
            finish += started.elapsed().as_micros();
            chain.store.apply(&delta.batch, true).unwrap();
            chain.height = chain.height.next().unwrap();
        }
        let bytes: usize = delta.batch.iter().map(|(key, value)| key.len() + value.map_or(0, <[u8]>::len)).sum();
        println!(
            "{suite}: a key of 2,000 costs {:.1} µs in the overlay, {:.1} µs at the end; {} rows, {} bytes per key",
            overlay as f64 / 10_000.0,
            finish as f64 / 10_000.0,
            delta.batch.len() / 2_000,
            bytes / 2_000,
        );
    }
}
