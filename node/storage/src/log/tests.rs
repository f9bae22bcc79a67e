//! The log keeps what was synced, invents nothing, and refuses to go on after a fault or over a hole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod damage;
mod faults;
mod files;
mod removal;

use super::memory_disk::MemoryDisk;
use super::{ConsensusLog, LogEntry, LogFault, LogOptions, Recovered};
use crate::ReplicaPrefix;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

const A: ReplicaPrefix = ReplicaPrefix::new(1);
const B: ReplicaPrefix = ReplicaPrefix::new(2);

/// An entry whose payload is recognisable and of varied length.
fn entry(replica: ReplicaPrefix, height: u64, number: u64) -> LogEntry {
    let length = usize::try_from(number * 7 % 41).unwrap();
    let mut payload = number.to_le_bytes().to_vec();
    payload.extend(std::iter::repeat_n(0xc7, length));
    LogEntry { replica, height, kind: u8::try_from(number % 3).unwrap(), payload }
}

fn small_segments() -> LogOptions {
    LogOptions { segment_bytes: 400, ..LogOptions::default() }
}

fn open(disk: &MemoryDisk) -> Result<(ConsensusLog, Recovered), LogFault> {
    open_with(disk, LogOptions::default())
}

fn open_with(disk: &MemoryDisk, options: LogOptions) -> Result<(ConsensusLog, Recovered), LogFault> {
    ConsensusLog::open_on(Box::new(disk.clone()), options, &BTreeMap::new())
}

fn entries(recovered: &Recovered, replica: ReplicaPrefix) -> Vec<LogEntry> {
    recovered.entries.get(&replica).cloned().unwrap_or_default()
}

/// Ends a log as a killed process does: nothing more is written.
fn kill(log: ConsensusLog) {
    log.lock().fault = Some(LogFault::Stopped { cause: "killed".to_owned() });
}

#[test]
fn entries_come_back_in_order_and_apart() {
    let disk = MemoryDisk::default();
    let (log, recovered) = open_with(&disk, small_segments()).unwrap();
    assert_eq!(recovered, Recovered::default());
    let all: Vec<LogEntry> = (0..60).map(|number| entry(if number % 3 == 0 { B } else { A }, number, number)).collect();
    let positions: Vec<_> = all.iter().map(|entry| log.append(entry).unwrap()).collect();
    assert!(positions.is_sorted());
    assert!(!log.is_durable(positions[59]));
    log.barrier().unwrap();
    assert!(positions.iter().all(|&position| log.is_durable(position)));
    log.close().unwrap();

    let (log, recovered) = open_with(&disk, small_segments()).unwrap();
    for replica in [A, B] {
        let expected: Vec<_> = all.iter().filter(|entry| entry.replica == replica).cloned().collect();
        assert_eq!(entries(&recovered, replica), expected);
    }
    assert_eq!(recovered.truncated_bytes, 0);
    log.append(&entry(A, 60, 60)).unwrap();
    drop(log);
    assert_eq!(entries(&open(&disk).unwrap().1, A).last(), Some(&entry(A, 60, 60)));
}

#[test]
fn committed_entries_are_not_returned() {
    let disk = MemoryDisk::default();
    let (log, _) = open(&disk).unwrap();
    for height in 1..=5 {
        log.append(&entry(A, height, height)).unwrap();
        log.append(&entry(B, height, height)).unwrap();
    }
    log.mark_committed(A, 3).unwrap();
    drop(log);
    let in_store = BTreeMap::from([(A, 4), (B, 0)]);
    let (_, recovered) = ConsensusLog::open_on(Box::new(disk), LogOptions::default(), &in_store).unwrap();
    assert_eq!(entries(&recovered, A), [entry(A, 5, 5)]);
    assert_eq!(entries(&recovered, B).len(), 5);
    assert_eq!(recovered.committed, BTreeMap::from([(A, 3)]));
}

#[test]
fn a_store_that_lost_a_commit_is_noticed() {
    let disk = MemoryDisk::default();
    let (log, _) = open_with(&disk, small_segments()).unwrap();
    log.append(&entry(A, 7, 7)).unwrap();
    log.mark_committed(A, 7).unwrap();
    // The mark is carried into every new segment.
    for number in 0..40 {
        log.append(&entry(B, 1, number)).unwrap();
    }
    drop(log);
    let fault = ConsensusLog::open_on(Box::new(disk), small_segments(), &BTreeMap::from([(A, 6)])).unwrap_err();
    assert_eq!(fault, LogFault::StoreBehind { replica: A, height_in_log: 7, height_in_store: 6 });
}

#[test]
fn refusals_do_not_stop_the_log() {
    let options = LogOptions { entry_bytes: 10, ..LogOptions::default() };
    let (log, _) = open_with(&MemoryDisk::default(), options).unwrap();
    let mut odd = entry(A, 1, 0);
    odd.kind = 0xf0;
    assert!(matches!(log.append(&odd), Err(LogFault::Refused(_))));
    odd.kind = 0;
    odd.payload = vec![0; 11];
    assert!(matches!(log.append(&odd), Err(LogFault::Refused(_))));
    odd.payload.pop();
    log.append(&odd).unwrap();
    log.barrier().unwrap();
}

#[test]
fn an_entry_appended_during_a_sync_is_not_called_durable() {
    let disk = MemoryDisk::default();
    let log = Arc::new(open(&disk).unwrap().0);
    let early = log.append(&entry(A, 1, 1)).unwrap();
    let late = Arc::new(OnceLock::new());
    let (appender, position) = (log.clone(), late.clone());
    disk.during_next_sync(move || position.set(appender.append(&entry(A, 1, 2)).unwrap()).unwrap());
    log.barrier().unwrap();
    let late = *late.get().unwrap();
    assert!(log.is_durable(early) && !log.is_durable(late));
    log.barrier().unwrap();
    assert!(log.is_durable(late));
}
