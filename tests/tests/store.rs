//! Every implementation of the Store port against the conformance suite, and against each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use chain_state::{MemoryStore, StoreReader, StoreWriter, WriteBatch};
use crosstie_tests::store_conformance::store_conformance;
use node_storage::{DataDirectory, DirectoryError, LogEntry, LogOptions, ReplicaPrefix, RocksStore, StoreOptions};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use std::collections::BTreeMap;

fn options() -> StoreOptions {
    StoreOptions { memory_bytes: 16 << 20, ..StoreOptions::default() }
}

#[test]
fn memory_store_conforms() {
    store_conformance(MemoryStore::default);
}

#[test]
fn rocks_store_conforms() {
    let place = tempfile::tempdir().unwrap();
    let process = RocksStore::open(place.path(), &options()).unwrap();
    // Neighbouring prefixes in one database: the rules also hold beside others' keys.
    let mut next = 1;
    store_conformance(|| {
        next += 1;
        process.replica(ReplicaPrefix::new(next))
    });
}

#[test]
fn a_directory_serves_store_and_log_over_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let vote = |replica, height| LogEntry { replica, height, kind: 2, payload: vec![1, 2, 3] };
    {
        let directory = DataDirectory::open(place.path()).unwrap();
        let (retail, relay) = (directory.bind("retail", "c1").unwrap(), directory.bind("relay", "c2").unwrap());
        let store = directory.open_store(&options()).unwrap();
        let committed = BTreeMap::from([(retail, 0), (relay, 0)]);
        let (log, _) = directory.open_log(LogOptions::default(), &committed).unwrap();
        for height in [1, 2] {
            log.append(&vote(retail, height)).unwrap();
            log.append(&vote(relay, height)).unwrap();
        }
        log.barrier().unwrap();
        let mut batch = WriteBatch::default();
        batch.put(b"height", 1_u64.to_be_bytes());
        store.replica(retail).apply(&batch, true).unwrap();
        log.mark_committed(retail, 1).unwrap();
        assert!(matches!(DataDirectory::open(place.path()), Err(DirectoryError::Locked { .. })));
    }
    let directory = DataDirectory::open(place.path()).unwrap();
    let (retail, relay) = (directory.prefix_of("retail").unwrap(), directory.prefix_of("relay").unwrap());
    let store = directory.open_store(&options()).unwrap();
    assert_eq!(store.replica(retail).get(b"height").unwrap(), Some(1_u64.to_be_bytes().to_vec()));
    assert_eq!(store.replica(relay).get(b"height").unwrap(), None);
    let committed = BTreeMap::from([(retail, 1), (relay, 0)]);
    let (_log, recovered) = directory.open_log(LogOptions::default(), &committed).unwrap();
    assert_eq!(recovered.entries[&retail], [vote(retail, 2)]);
    assert_eq!(recovered.entries[&relay], [vote(relay, 1), vote(relay, 2)]);
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![0..3_u8, 0xfe..=0xff_u8], 0..4)
}

fn batch() -> impl Strategy<Value = WriteBatch> {
    vec((key(), proptest::option::weighted(0.7, vec(any::<u8>(), 0..20))), 0..20).prop_map(|writes| {
        let mut batch = WriteBatch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        batch
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Random batches, queries after each, and a restart in the middle: both stores give the same answers.
    #[test]
    fn memory_and_rocks_agree(history in vec((batch(), any::<bool>(), key(), key(), 0..6_usize), 1..20)) {
        let place = tempfile::tempdir().unwrap();
        let prefix = ReplicaPrefix::new(7);
        let mut memory = MemoryStore::default();
        let mut rocks = RocksStore::open(place.path(), &options()).unwrap().replica(prefix);
        let middle = history.len() / 2;
        for (index, (batch, barrier, start, end, limit)) in history.into_iter().enumerate() {
            if index == middle {
                drop(rocks);
                rocks = RocksStore::open(place.path(), &options()).unwrap().replica(prefix);
            }
            memory.apply(&batch, barrier).unwrap();
            rocks.apply(&batch, barrier).unwrap();
            prop_assert_eq!(memory.get(&start), rocks.get(&start));
            prop_assert_eq!(memory.scan(&start, &end, limit), rocks.scan(&start, &end, limit));
            prop_assert_eq!(memory.last(&start, &end), rocks.last(&start, &end));
            let reader = rocks.reader();
            prop_assert_eq!(memory.scan(&start, &end, limit), reader.scan(&start, &end, limit));
            prop_assert_eq!(memory.last(&start, &end), reader.last(&start, &end));
        }
    }
}
