//! Segments go when all their entries are dead, and not before.

use super::*;
use crate::log::disk::LogDisk;
use crate::log::memory_disk::{Failure, Left};

fn names(disk: &MemoryDisk, ending: &str) -> usize {
    disk.names().unwrap().iter().filter(|name| name.ends_with(ending)).count()
}

#[test]
fn a_busy_replica_does_not_pile_up_segments_behind_a_quiet_one() {
    let disk = MemoryDisk::default();
    let (log, _) = open_with(&disk, small_segments()).unwrap();
    log.append(&entry(B, 1, 0)).unwrap();
    for height in 1..200 {
        log.append(&entry(A, height, height)).unwrap();
        log.mark_committed(A, height).unwrap();
    }
    // The first holds the quiet replica's entry; of those between only the names are left.
    assert!(names(&disk, ".log") <= 2, "{:?}", disk.names());
    assert!(names(&disk, ".dead") > 10);
    drop(log);
    let (log, recovered) = open_with(&disk, small_segments()).unwrap();
    assert_eq!(entries(&recovered, B), [entry(B, 1, 0)]);
    log.mark_committed(B, 1).unwrap();
    assert_eq!((names(&disk, ".log"), names(&disk, ".dead")), (1, 0));
    log.append(&entry(A, 200, 200)).unwrap();
    drop(log);
    let (_, recovered) = open_with(&disk, small_segments()).unwrap();
    assert_eq!(entries(&recovered, A).last(), Some(&entry(A, 200, 200)));
    assert_eq!(recovered.committed, BTreeMap::from([(A, 199), (B, 1)]));
}

#[test]
fn an_entry_above_the_committed_height_keeps_its_segment() {
    let disk = MemoryDisk::default();
    let (log, _) = open_with(&disk, small_segments()).unwrap();
    log.append(&entry(A, 1, 0)).unwrap();
    log.append(&entry(A, 9, 1)).unwrap();
    for number in 2..30 {
        log.append(&entry(A, 2, number)).unwrap();
    }
    log.mark_committed(A, 8).unwrap();
    drop(log);
    let committed = BTreeMap::from([(A, 8)]);
    let (log, recovered) = ConsensusLog::open_on(Box::new(disk.clone()), small_segments(), &committed).unwrap();
    assert_eq!(entries(&recovered, A), [entry(A, 9, 1)]);
    log.mark_committed(A, 9).unwrap();
    assert_eq!(names(&disk, ".log"), 1);
}

#[test]
fn a_crash_anywhere_in_a_roll_or_a_removal_is_recovered() {
    let history = |disk: &MemoryDisk| -> Result<(), LogFault> {
        let (log, _) = open_with(disk, small_segments())?;
        log.append(&entry(B, 1, 0))?;
        for height in 1..40 {
            log.append(&entry(A, height, height))?;
            log.barrier()?;
            log.mark_committed(A, height - 1)?;
        }
        log.mark_committed(B, 1)?;
        log.close()
    };
    let whole = MemoryDisk::default();
    history(&whole).unwrap();
    for nth in 0..whole.operations() {
        let disk = MemoryDisk::failing_at(nth, Failure::Dies);
        history(&disk).unwrap_err();
        for left in [Left::Nothing, Left::All, Left::Some(nth as u64), Left::Some(nth as u64 + 7)] {
            let disk = disk.after_power_cut(left);
            let (log, _) = open_with(&disk, small_segments()).unwrap_or_else(|fault| panic!("{nth} {left:?}: {fault}"));
            log.append(&entry(A, 99, 99)).unwrap();
            log.close().unwrap();
            open_with(&disk, small_segments()).unwrap_or_else(|fault| panic!("{nth} {left:?} again: {fault}"));
        }
    }
}
