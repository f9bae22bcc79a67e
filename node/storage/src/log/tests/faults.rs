//! Every operation fails once: the log stops with words, and the next start loses nothing that was confirmed.

use super::*;
use crate::log::disk::LogDisk;
use crate::log::memory_disk::{Failure, Left};

/// What a run learned: the entries appended and how many of them were confirmed.
#[derive(Default)]
struct Outcome {
    appended: Vec<LogEntry>,
    confirmed: usize,
    fault: Option<LogFault>,
}

/// Appends, confirms, commits and removes over several segments, until the first fault.
fn run(disk: &MemoryDisk) -> Outcome {
    let mut outcome = Outcome::default();
    let log = match open_with(disk, small_segments()) {
        Ok((log, _)) => log,
        Err(fault) => return Outcome { fault: Some(fault), ..outcome },
    };
    let mut step = || {
        for number in 0..36 {
            let next = entry(if number % 4 == 0 { B } else { A }, 1 + number / 6, number);
            log.append(&next)?;
            outcome.appended.push(next);
            if number % 3 == 2 {
                log.barrier()?;
                outcome.confirmed = outcome.appended.len();
            }
            if number % 6 == 5 {
                // B stands still at first, so removed names stay behind; then it catches up.
                log.mark_committed(A, number / 6)?;
                if number > 20 {
                    log.mark_committed(B, number / 6)?;
                }
            }
        }
        Ok(())
    };
    outcome.fault = step().err();
    if outcome.fault.is_some() {
        let refused =
            |answer: Result<(), LogFault>| assert!(matches!(answer, Err(LogFault::Stopped { .. })), "{answer:?}");
        refused(log.append(&entry(A, 9, 9)).map(drop));
        refused(log.barrier());
        refused(log.mark_committed(A, 99));
        assert!(log.close().is_err());
    } else {
        match log.close() {
            Ok(()) => outcome.confirmed = outcome.appended.len(),
            Err(fault) => outcome.fault = Some(fault),
        }
    }
    outcome
}

fn check(disk: &MemoryDisk, outcome: &Outcome, what: &str) {
    let (log, recovered) =
        open_with(disk, small_segments()).unwrap_or_else(|fault| panic!("{what}: not recovered: {fault}"));
    for replica in [A, B] {
        let committed = recovered.committed.get(&replica).copied().unwrap_or(0);
        let living = |entries: &[LogEntry]| -> Vec<LogEntry> {
            entries.iter().filter(|entry| entry.replica == replica && entry.height > committed).cloned().collect()
        };
        let found = living(&entries(&recovered, replica));
        assert!(
            found.starts_with(&living(&outcome.appended[..outcome.confirmed])),
            "{what}: a confirmed entry is lost"
        );
        assert!(living(&outcome.appended).starts_with(&found), "{what}: an entry that nobody appended");
    }
    log.append(&entry(A, 50, 50)).unwrap();
    log.close().unwrap();
    assert_eq!(entries(&open(disk).unwrap().1, A).last(), Some(&entry(A, 50, 50)));
}

#[test]
fn bug_r09_every_operation_may_fail_or_find_the_disk_full() {
    let whole = MemoryDisk::default();
    let outcome = run(&whole);
    assert_eq!(outcome.fault, None);
    assert_eq!(outcome.confirmed, 36);
    let operations = whole.operations();
    assert!(operations > 60, "{operations}");
    for failure in [Failure::Io, Failure::Full, Failure::Short, Failure::Dies] {
        for nth in 0..operations {
            let disk = MemoryDisk::failing_at(nth, failure);
            let outcome = run(&disk);
            assert!(disk.has_failed());
            let fault = outcome.fault.as_ref().unwrap_or_else(|| panic!("{failure:?} at {nth} went unnoticed"));
            match failure {
                Failure::Io => assert!(matches!(fault, LogFault::Io { .. }), "{fault}"),
                _ => assert!(matches!(fault, LogFault::NoSpace { .. }), "{fault}"),
            }
            for left in [Left::Nothing, Left::All, Left::Some(1), Left::Some(2), Left::Some(3)] {
                let what = format!("{failure:?} at operation {nth}, power cut leaves {left:?}");
                check(&disk.after_power_cut(left), &outcome, &what);
            }
        }
    }
}

#[test]
fn a_fault_while_recovering_leaves_everything_for_the_next_start() {
    let source = MemoryDisk::default();
    let outcome = run(&source);
    for nth in 0..12 {
        for failure in [Failure::Full, Failure::Dies] {
            let disk = MemoryDisk::failing_at(nth, failure);
            for name in LogDisk::names(&source).unwrap() {
                disk.put(&name, &source.bytes(&name));
            }
            let opened = open_with(&disk, small_segments())
                .map(|(log, _)| log.append(&entry(B, 60, 60)).and_then(|_| log.close()));
            if disk.has_failed() {
                assert!(!matches!(opened, Ok(Ok(()))), "{failure:?} at {nth} went unnoticed");
            }
            for left in [Left::Nothing, Left::All] {
                let mut possible = Outcome { appended: outcome.appended.clone(), ..Outcome::default() };
                possible.confirmed = outcome.confirmed;
                possible.appended.push(entry(B, 60, 60));
                check(&disk.after_power_cut(left), &possible, &format!("{failure:?} at {nth}, {left:?}"));
            }
        }
    }
}
