//! What every implementation of the Store port must do, stated once.
//!
//! An implementation calls [`store_conformance`] with a function that makes an empty store; a violation panics
//! with the rule that is broken.

use chain_state::{StoreReader, StoreWriter, WriteBatch};
use std::collections::BTreeMap;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Runs every rule, each on a fresh store.
///
/// # Panics
/// If a rule of the port is broken.
pub fn store_conformance<S: StoreWriter>(mut make: impl FnMut() -> S) {
    empty_store_answers_nothing(make());
    last_write_of_a_key_wins(make());
    keys_are_ordered_as_bytes(make());
    ranges_are_half_open(make());
    limits_are_kept(make());
    long_and_empty_parts_are_kept(make());
    an_empty_batch_is_a_barrier(make());
    for seed in 1..=8 {
        random_history_agrees_with_a_map(make(), seed);
    }
}

fn apply<S: StoreWriter>(store: &mut S, batch: &WriteBatch, barrier: bool) {
    store.apply(batch, barrier).unwrap_or_else(|fault| panic!("a batch is applied: {fault}"));
}

fn get(store: &impl StoreReader, key: &[u8]) -> Option<Vec<u8>> {
    store.get(key).unwrap_or_else(|fault| panic!("a key is read: {fault}"))
}

fn scan(store: &impl StoreReader, start: &[u8], end: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    store.scan(start, end, limit).unwrap_or_else(|fault| panic!("a range is read: {fault}"))
}

fn last(store: &impl StoreReader, start: &[u8], end: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    store.last(start, end).unwrap_or_else(|fault| panic!("the last entry is read: {fault}"))
}

fn filled<S: StoreWriter>(mut store: S, keys: &[&[u8]]) -> S {
    let mut batch = WriteBatch::default();
    for &key in keys {
        batch.put(key, [b"value of ", key].concat());
    }
    apply(&mut store, &batch, true);
    store
}

fn keys_of(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<&[u8]> {
    entries.iter().map(|(key, _)| key.as_slice()).collect()
}

fn empty_store_answers_nothing<S: StoreWriter>(store: S) {
    assert_eq!(get(&store, b""), None, "a new store is empty");
    assert_eq!(scan(&store, b"", b"\xff\xff\xff", 10), [], "a new store is empty");
    assert_eq!(last(&store, b"", b"\xff\xff\xff"), None, "a new store is empty");
}

fn last_write_of_a_key_wins<S: StoreWriter>(mut store: S) {
    let mut batch = WriteBatch::default();
    batch.put(b"a", b"1");
    batch.delete(b"a");
    batch.put(b"b", b"1");
    batch.put(b"b", b"2");
    batch.delete(b"absent");
    apply(&mut store, &batch, false);
    assert_eq!(get(&store, b"a"), None, "a delete after a put removes");
    assert_eq!(get(&store, b"b"), Some(b"2".to_vec()), "the later put of a batch wins");
    let mut batch = WriteBatch::default();
    batch.put(b"a", b"3");
    batch.delete(b"b");
    apply(&mut store, &batch, true);
    assert_eq!(get(&store, b"a"), Some(b"3".to_vec()), "a later batch wins");
    assert_eq!(get(&store, b"b"), None, "a later batch removes");
}

fn keys_are_ordered_as_bytes<S: StoreWriter>(store: S) {
    let ordered: [&[u8]; 8] = [b"", b"\0", b"\0\0", b"\x01", b"a", b"aa", b"b", b"\xfe\xff"];
    let mut shuffled = ordered;
    shuffled.reverse();
    shuffled.swap(1, 5);
    let store = filled(store, &shuffled);
    assert_eq!(keys_of(&scan(&store, b"", b"\xff", 100)), ordered, "keys ascend as byte strings");
    for key in ordered {
        assert_eq!(get(&store, key), Some([b"value of ", key].concat()), "every key has its own value");
    }
}

fn ranges_are_half_open<S: StoreWriter>(store: S) {
    let store = filled(store, &[b"a", b"b", b"ba", b"c", b"d"]);
    assert_eq!(keys_of(&scan(&store, b"b", b"c", 9)), [b"b".as_slice(), b"ba"], "start is in, end is out");
    assert_eq!(keys_of(&scan(&store, b"b\0", b"c\0", 9)), [b"ba".as_slice(), b"c"], "bounds need not exist");
    assert_eq!(last(&store, b"a", b"c").map(|entry| entry.0), Some(b"ba".to_vec()), "the end is out for last, too");
    assert_eq!(last(&store, b"c", b"c\0").map(|entry| entry.0), Some(b"c".to_vec()), "the start is in for last, too");
    assert_eq!(last(&store, b"bb", b"c"), None, "an empty range has no last entry");
    for (start, end) in [(b"b", b"b"), (b"c", b"a")] {
        assert_eq!(scan(&store, start, end, 9), [], "an empty or reversed range is empty, not an error");
        assert_eq!(last(&store, start, end), None, "an empty or reversed range is empty, not an error");
    }
}

fn limits_are_kept<S: StoreWriter>(store: S) {
    let store = filled(store, &[b"a", b"b", b"c"]);
    assert_eq!(scan(&store, b"a", b"z", 0), [], "limit 0 gives nothing");
    assert_eq!(keys_of(&scan(&store, b"a", b"z", 2)), [b"a", b"b"], "a limit cuts at the end");
    assert_eq!(scan(&store, b"a", b"z", usize::MAX).len(), 3, "a limit is not allocated in advance");
}

fn long_and_empty_parts_are_kept<S: StoreWriter>(mut store: S) {
    let (key, value) = (vec![7; 300], vec![9; 1 << 20]);
    let mut batch = WriteBatch::default();
    batch.put(key.clone(), value.clone());
    batch.put(b"empty", b"");
    apply(&mut store, &batch, true);
    assert_eq!(get(&store, &key), Some(value), "a long value comes back whole");
    assert_eq!(get(&store, b"empty"), Some(Vec::new()), "an empty value is not an absent one");
}

fn an_empty_batch_is_a_barrier<S: StoreWriter>(store: S) {
    let mut store = filled(store, &[b"a"]);
    apply(&mut store, &WriteBatch::default(), true);
    apply(&mut store, &WriteBatch::default(), false);
    assert_eq!(keys_of(&scan(&store, b"", b"\xff", 9)), [b"a"], "an empty batch changes nothing");
}

fn random_history_agrees_with_a_map<S: StoreWriter>(mut store: S, seed: u64) {
    let mut chance = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut below = |bound: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        (chance >> 11) % bound
    };
    let mut model = Model::new();
    for step in 0..60 {
        let mut batch = WriteBatch::default();
        for _ in 0..below(12) {
            let key = random_key(&mut below);
            if below(3) == 0 {
                model.remove(&key);
                batch.delete(key);
            } else {
                let value = below(1000).to_le_bytes().to_vec();
                model.insert(key.clone(), value.clone());
                batch.put(key, value);
            }
        }
        apply(&mut store, &batch, step % 7 == 0);
        let (start, end) = (random_key(&mut below), random_key(&mut below));
        let limit = usize::try_from(below(9)).unwrap_or(0);
        let inside: Vec<_> = model
            .iter()
            .filter(|(key, _)| **key >= start && **key < end)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let expected: Vec<_> = inside.iter().take(limit).cloned().collect();
        assert_eq!(scan(&store, &start, &end, limit), expected, "scan agrees with a map: seed {seed} step {step}");
        assert_eq!(
            last(&store, &start, &end),
            inside.last().cloned(),
            "last agrees with a map: seed {seed} step {step}"
        );
        assert_eq!(get(&store, &start).as_ref(), model.get(&start), "get agrees with a map: seed {seed} step {step}");
    }
}

/// Short keys over four byte values, so that they meet, are prefixes of each other, and touch both ends.
fn random_key(below: &mut impl FnMut(u64) -> u64) -> Vec<u8> {
    let length = below(4);
    (0..length).map(|_| if below(4) == 0 { 0xff } else { u8::try_from(below(3)).unwrap_or(0) }).collect()
}
