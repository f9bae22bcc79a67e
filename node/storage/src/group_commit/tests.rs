//! A waiter is never released by a sync that started before it wrote, and a failure reaches everyone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::GroupCommit;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

const LOST: &str = "the leader panicked";

#[test]
fn a_released_waiter_is_always_covered() {
    for gather_ms in [0, 1] {
        let group = GroupCommit::<&str>::new(Duration::from_millis(gather_ms));
        let written = AtomicU64::new(0);
        let durable = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let mine = written.fetch_add(1, SeqCst) + 1;
                        let sync = || {
                            let covered = written.load(SeqCst);
                            std::thread::sleep(Duration::from_micros(50));
                            durable.fetch_max(covered, SeqCst);
                            Ok(())
                        };
                        group.barrier(sync, &LOST).unwrap();
                        assert!(durable.load(SeqCst) >= mine, "released before its write was durable");
                    }
                });
            }
        });
        let counts = group.counts();
        assert_eq!(counts.barriers, 800);
        assert!(counts.syncs < 700, "8 threads share syncs, but took {} for 800 barriers", counts.syncs);
    }
}

#[test]
fn a_failed_sync_fails_present_and_future_waiters() {
    let group = GroupCommit::<&str>::new(Duration::ZERO);
    let failures = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let sync = || {
                    std::thread::sleep(Duration::from_millis(5));
                    Err("disk gone")
                };
                if group.barrier(sync, &LOST) == Err("disk gone") {
                    failures.fetch_add(1, SeqCst);
                }
            });
        }
    });
    assert_eq!(failures.load(SeqCst), 4);
    assert_eq!(group.barrier(|| Ok(()), &LOST), Err("disk gone"));
}

#[test]
fn a_panicking_leader_leaves_nobody_waiting() {
    let group = GroupCommit::<&str>::new(Duration::ZERO);
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| group.barrier(|| panic!("as the test wants"), &LOST));
        assert!(leader.join().is_err());
    });
    assert_eq!(group.barrier(|| Ok(()), &LOST), Err(LOST));
}
