//! One database, many replicas: data stays, stays apart, and is durable when a barrier says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{RocksStore, StoreOptions};
use crate::ReplicaPrefix;
use chain_state::{StoreFault, StoreReader, StoreWriter, WriteBatch};
use std::path::Path;

const A: ReplicaPrefix = ReplicaPrefix::new(1);
const B: ReplicaPrefix = ReplicaPrefix::new(2);

fn open(path: &Path) -> RocksStore {
    RocksStore::open(path, &StoreOptions { memory_bytes: 16 << 20, ..StoreOptions::default() }).unwrap()
}

fn batch(writes: &[(&[u8], &[u8])]) -> WriteBatch {
    let mut batch = WriteBatch::default();
    for &(key, value) in writes {
        batch.put(key, value);
    }
    batch
}

#[test]
fn data_stays_over_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path()).replica(A);
    store.apply(&batch(&[(b"k", b"v"), (b"", b"empty key")]), true).unwrap();
    store.apply(&batch(&[(b"later", b"no barrier")]), false).unwrap();
    drop(store);
    let store = open(place.path()).replica(A);
    assert_eq!(store.get(b"k").unwrap(), Some(b"v".to_vec()));
    assert_eq!(store.get(b"").unwrap(), Some(b"empty key".to_vec()));
    assert_eq!(store.get(b"later").unwrap(), Some(b"no barrier".to_vec()));
}

#[test]
fn replicas_do_not_see_each_other() {
    let place = tempfile::tempdir().unwrap();
    let process = open(place.path());
    let (mut a, mut b) = (process.replica(A), process.replica(B));
    a.apply(&batch(&[(b"", b"a0"), (b"k", b"a"), (b"\xff\xff", b"a2")]), false).unwrap();
    b.apply(&batch(&[(b"", b"b0"), (b"k", b"b")]), true).unwrap();
    let all = |store: &dyn StoreReader| store.scan(b"", b"\xff\xff\xff", 100).unwrap();
    assert_eq!(all(&a).len(), 3);
    assert_eq!(all(&b), [(b"".to_vec(), b"b0".to_vec()), (b"k".to_vec(), b"b".to_vec())]);
    assert_eq!(a.last(b"", b"\xff\xff\xff").unwrap().unwrap().0, b"\xff\xff");
    assert_eq!(b.last(b"", b"\xff\xff\xff").unwrap().unwrap().0, b"k");
    assert_eq!(process.replica(ReplicaPrefix::new(3)).last(b"", b"\xff").unwrap(), None);
    let mut delete = WriteBatch::default();
    delete.delete(b"k");
    a.apply(&delete, false).unwrap();
    assert_eq!((a.get(b"k").unwrap(), b.get(b"k").unwrap()), (None, Some(b"b".to_vec())));
}

#[test]
fn a_reader_never_sees_a_later_batch() {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path()).replica(A);
    store.apply(&batch(&[(b"a", b"1"), (b"b", b"1")]), false).unwrap();
    let source = store.clone();
    let reader = source.reader();
    let mut change = batch(&[(b"a", b"2"), (b"c", b"2")]);
    change.delete(b"b");
    store.apply(&change, true).unwrap();
    let before = [(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), b"1".to_vec())];
    assert_eq!(reader.scan(b"", b"z", 9).unwrap(), before);
    assert_eq!(reader.last(b"", b"z").unwrap().unwrap(), before[1]);
    assert_eq!((reader.get(b"a").unwrap(), reader.get(b"c").unwrap()), (Some(b"1".to_vec()), None));
    assert_eq!(source.reader().last(b"", b"z").unwrap().unwrap().0, b"c");
}

#[test]
fn what_many_replicas_commit_is_there_after_a_kill() {
    let place = tempfile::tempdir().unwrap();
    let process = open(place.path());
    std::thread::scope(|scope| {
        for replica in (1..=8_u16).step_by(2) {
            let process = process.clone();
            scope.spawn(move || {
                for height in 0..50_u64 {
                    let blocks =
                        [replica, replica + 1].map(|it| (it, batch(&[(&height.to_be_bytes(), &it.to_be_bytes())])));
                    let blocks = blocks.iter().map(|(it, batch)| (ReplicaPrefix::new(*it), batch));
                    process.commit(blocks).unwrap();
                }
            });
        }
    });
    // An empty batch makes durable what was written before it.
    process.replica(ReplicaPrefix::new(9)).apply(&batch(&[(b"k", b"v")]), false).unwrap();
    process.replica(A).apply(&WriteBatch::default(), true).unwrap();
    // The files as a killed process leaves them, opened elsewhere.
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(place.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let process = open(copy.path());
    for replica in 1..=8_u16 {
        let store = process.replica(ReplicaPrefix::new(replica));
        let entries = store.scan(b"", b"\xff", 100).unwrap();
        assert!(entries.iter().all(|(_, value)| *value == replica.to_be_bytes()), "{entries:?}");
        assert_eq!(entries.len(), 50);
    }
    assert_eq!(process.replica(ReplicaPrefix::new(9)).get(b"k").unwrap(), Some(b"v".to_vec()));
}

#[test]
fn a_torn_write_ahead_log_loses_whole_batches_from_its_end_only() {
    let place = tempfile::tempdir().unwrap();
    let process = open(place.path());
    let mut store = process.replica(A);
    for height in 0..20_u64 {
        let (key, twin) = (height.to_be_bytes(), (height + 1000).to_be_bytes());
        store.apply(&batch(&[(&key, b"one"), (&twin, b"two")]), true).unwrap();
    }
    let files: Vec<_> = std::fs::read_dir(place.path()).unwrap().map(|file| file.unwrap().path()).collect();
    let wal = files.iter().find(|path| path.extension().is_some_and(|ending| ending == "log")).unwrap();
    let length = std::fs::metadata(wal).unwrap().len();
    let mut previous = 20;
    for cut in (0..length).rev().step_by(97) {
        let copy = tempfile::tempdir().unwrap();
        for file in &files {
            std::fs::copy(file, copy.path().join(file.file_name().unwrap())).unwrap();
        }
        let torn = std::fs::OpenOptions::new().write(true).open(copy.path().join(wal.file_name().unwrap())).unwrap();
        torn.set_len(cut).unwrap();
        let store = open(copy.path()).replica(A);
        let found = store.scan(b"", b"\xff", 100).unwrap();
        let heights = found.len() / 2;
        assert_eq!(found.len() % 2, 0, "half a batch at {cut}");
        assert!(heights <= previous);
        previous = heights;
        let expected = (0..heights as u64).chain((0..heights as u64).map(|height| height + 1000));
        assert!(found.iter().map(|(key, _)| key.clone()).eq(expected.map(|height| height.to_be_bytes().to_vec())));
    }
}

#[test]
fn after_a_fault_the_store_answers_nothing() {
    let place = tempfile::tempdir().unwrap();
    let process = open(place.path());
    let mut store = process.replica(A);
    store.apply(&batch(&[(b"k", b"v")]), true).unwrap();
    process.0.fault.set(StoreFault("syncing: I/O error".to_owned())).unwrap();
    let stopped = Err(StoreFault("stopped since: syncing: I/O error".to_owned()));
    assert_eq!(store.get(b"k").map(drop), stopped);
    assert_eq!(store.reader().last(b"", b"z").map(drop), stopped);
    assert_eq!(store.apply(&batch(&[(b"k", b"w")]), false), stopped);
    assert_eq!(process.commit([(A, &batch(&[(b"k", b"x")]))]), stopped);
    drop((store, process));
    assert_eq!(open(place.path()).replica(A).get(b"k").unwrap(), Some(b"v".to_vec()));
}

#[test]
fn a_second_opener_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let _process = open(place.path());
    assert!(RocksStore::open(place.path(), &StoreOptions::default()).is_err());
}

#[test]
fn memory_stays_under_its_cap() {
    let place = tempfile::tempdir().unwrap();
    let process = open(place.path());
    let mut store = process.replica(A);
    let value = vec![0x5a; 100_000];
    for round in 0..400_u32 {
        let mut writes = WriteBatch::default();
        writes.put(round.to_be_bytes(), [&value[..], &round.to_be_bytes()].concat());
        store.apply(&writes, false).unwrap();
        store.get(&(round / 2).to_be_bytes()).unwrap().unwrap();
    }
    let used = process.memory_use();
    assert!(used.write_buffer_bytes <= 8 << 20, "{used:?}");
    assert!(used.cache_bytes <= 20 << 20, "{used:?}");
}

/// Fills a small file system named by `CROSSTIE_SMALL_DISK` (some 40 MB, for example a tmpfs): the store stops
/// with words, and after space is freed everything confirmed is there.
#[test]
#[ignore = "needs a small file system of its own"]
fn a_full_disk_stops_the_store_and_loses_nothing_confirmed() {
    let place = std::path::PathBuf::from(std::env::var("CROSSTIE_SMALL_DISK").unwrap());
    let filler = place.join("filler");
    std::fs::write(&filler, vec![1; 8 << 20]).unwrap();
    let process = open(&place.join("store"));
    let mut store = process.replica(A);
    let mut chance = 1_u64;
    let mut confirmed = 0_u64;
    let fault = loop {
        // Incompressible, so that the disk fills.
        let value: Vec<u8> = std::iter::repeat_with(|| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            chance.to_be_bytes()[0]
        })
        .take(50_000)
        .collect();
        match store.apply(&batch(&[(&confirmed.to_be_bytes(), &value)]), true) {
            Ok(()) => confirmed += 1,
            Err(fault) => break fault,
        }
    };
    eprintln!("{confirmed} batches, then: {fault}");
    assert!(store.get(b"").is_err() && store.apply(&WriteBatch::default(), true).is_err());
    drop((store, process));
    std::fs::remove_file(filler).unwrap();
    let mut store = open(&place.join("store")).replica(A);
    let found = store.scan(b"", b"\xff", usize::MAX).unwrap();
    assert!(found.len() as u64 >= confirmed, "{} of {confirmed}", found.len());
    store.apply(&batch(&[(b"again", b"")]), true).unwrap();
}
