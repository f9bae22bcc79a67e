//! The log on real files, and from many threads.

use super::*;
use std::io::Write;
use std::time::{Duration, Instant};

#[test]
fn eight_threads_lose_nothing() {
    for gather_ms in [0, 2] {
        let place = tempfile::tempdir().unwrap();
        let options =
            LogOptions { segment_bytes: 4096, gather: Duration::from_millis(gather_ms), ..LogOptions::default() };
        let (log, _) = ConsensusLog::open(place.path(), options.clone(), &BTreeMap::new()).unwrap();
        std::thread::scope(|scope| {
            for thread in 1..=8 {
                let log = &log;
                scope.spawn(move || {
                    for number in 0..40 {
                        let position = log.append(&entry(ReplicaPrefix::new(thread), 1, number)).unwrap();
                        log.barrier().unwrap();
                        assert!(log.is_durable(position));
                    }
                });
            }
        });
        let counts = log.barrier_counts();
        assert_eq!(counts.barriers, 320);
        assert!(counts.syncs < 320, "{counts:?}");
        kill(log);
        let (_, recovered) = ConsensusLog::open(place.path(), options, &BTreeMap::new()).unwrap();
        for thread in 1..=8 {
            let expected: Vec<_> = (0..40).map(|number| entry(ReplicaPrefix::new(thread), 1, number)).collect();
            assert_eq!(entries(&recovered, ReplicaPrefix::new(thread)), expected);
        }
    }
}

#[test]
fn real_files_survive_a_torn_tail_a_roll_and_a_removal() {
    let place = tempfile::tempdir().unwrap();
    let open = || ConsensusLog::open(place.path(), small_segments(), &BTreeMap::new());
    let (log, _) = open().unwrap();
    for height in 1..=30 {
        log.append(&entry(A, height, height)).unwrap();
    }
    log.barrier().unwrap();
    log.mark_committed(A, 20).unwrap();
    log.close().unwrap();
    let last = || std::fs::read_dir(place.path()).unwrap().map(|file| file.unwrap().path()).max().unwrap();
    std::fs::OpenOptions::new().append(true).open(last()).unwrap().write_all(b"torn by a power cut").unwrap();
    let (log, recovered) = open().unwrap();
    assert_eq!(recovered.truncated_bytes, 19);
    assert_eq!(entries(&recovered, A).last(), Some(&entry(A, 30, 30)));
    log.append(&entry(A, 31, 31)).unwrap();
    log.close().unwrap();

    // A roll that was cut short: the new segment has half a header.
    let (log, _) = open().unwrap();
    log.seal(&mut log.lock()).unwrap();
    kill(log);
    std::fs::write(last(), b"CTIE").unwrap();
    let (log, recovered) = open().unwrap();
    assert_eq!(entries(&recovered, A).last(), Some(&entry(A, 31, 31)));
    log.append(&entry(A, 32, 32)).unwrap();
    log.close().unwrap();
    assert_eq!(entries(&open().unwrap().1, A).last(), Some(&entry(A, 32, 32)));
}

/// Prints what append and barrier cost here; run with `--run-ignored only --no-capture`.
#[test]
#[ignore = "a measurement, not a check"]
fn cost_of_append_and_barrier() {
    for threads in [1_u16, 4, 8] {
        let place = tempfile::tempdir_in(".").unwrap();
        let (log, _) = ConsensusLog::open(place.path(), LogOptions::default(), &BTreeMap::new()).unwrap();
        let rounds = 200;
        let begin = Instant::now();
        let mut waits_us: Vec<u128> = std::thread::scope(|scope| {
            let run = |thread| {
                let log = &log;
                move || -> Vec<u128> {
                    let vote =
                        LogEntry { replica: ReplicaPrefix::new(thread), height: 1, kind: 1, payload: vec![7; 256] };
                    let round = |_| {
                        let begin = Instant::now();
                        log.append(&vote).unwrap();
                        log.barrier().unwrap();
                        begin.elapsed().as_micros()
                    };
                    (0..rounds).map(round).collect()
                }
            };
            let threads: Vec<_> = (1..=threads).map(|thread| scope.spawn(run(thread))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        waits_us.sort_unstable();
        let per_second = u128::from(threads) * rounds * 1000 / begin.elapsed().as_millis().max(1);
        let counts = log.barrier_counts();
        let (median, p90) = (waits_us[waits_us.len() / 2], waits_us[waits_us.len() * 9 / 10]);
        eprintln!("{threads} threads: median {median} us, p90 {p90} us, {per_second} barriers/s, {counts:?}");
    }
    let place = tempfile::tempdir_in(".").unwrap();
    let (log, _) = ConsensusLog::open(place.path(), LogOptions::default(), &BTreeMap::new()).unwrap();
    let vote = LogEntry { replica: A, height: 1, kind: 1, payload: vec![7; 256] };
    let begin = Instant::now();
    for _ in 0..200_000 {
        log.append(&vote).unwrap();
    }
    eprintln!("append without barrier: {} ns each", begin.elapsed().as_nanos() / 200_000);
}
