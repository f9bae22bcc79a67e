//! A torn tail is cut without loss; a hole before something durable is an error.

use super::*;
use crate::log::disk::LogDisk;
use crate::log::frame::SEGMENT_HEADER_BYTES;
use crate::log::memory_disk::{Chance, Left};
use crate::log::{frame, segments};

/// One segment: `synced` entries confirmed one by one, then `loose` without a barrier. Returns the bytes and
/// where each entry ends.
fn segment(synced: u64, loose: u64) -> (Vec<u8>, Vec<u64>) {
    let disk = MemoryDisk::default();
    let (log, _) = open(&disk).unwrap();
    let mut ends = Vec::new();
    for number in 0..synced + loose {
        ends.push(log.append(&entry(A, 1, number)).unwrap().offset);
        if number < synced {
            log.barrier().unwrap();
        }
    }
    // Only hands the bytes over, as a full buffer would.
    log.flush(&mut log.lock()).unwrap();
    kill(log);
    (disk.bytes(&segments::name(1)), ends)
}

fn reopen(bytes: &[u8]) -> Result<(ConsensusLog, Recovered), LogFault> {
    let disk = MemoryDisk::default();
    disk.put(&segments::name(1), bytes);
    open(&disk)
}

#[test]
fn bug_r09_cut_at_every_byte_keeps_every_whole_entry() {
    let (bytes, ends) = segment(8, 8);
    for length in 0..=bytes.len() {
        let disk = MemoryDisk::default();
        disk.put(&segments::name(1), &bytes[..length]);
        let (log, recovered) = open(&disk).unwrap_or_else(|fault| panic!("cut at {length}: {fault}"));
        let whole = ends.iter().filter(|&&end| end <= length as u64).count() as u64;
        let expected: Vec<_> = (0..whole).map(|number| entry(A, 1, number)).collect();
        assert_eq!(entries(&recovered, A), expected, "cut at {length}");
        // And it can be continued.
        log.append(&entry(A, 2, 99)).unwrap();
        log.barrier().unwrap();
        kill(log);
        let (_, recovered) = open(&disk.after_power_cut(Left::Nothing)).unwrap();
        assert_eq!(entries(&recovered, A).len() as u64, whole + 1);
        assert_eq!(entries(&recovered, A).last(), Some(&entry(A, 2, 99)));
    }
}

#[test]
fn a_flipped_bit_in_front_of_something_confirmed_is_an_error() {
    let (bytes, ends) = segment(8, 1);
    let confirmed = usize::try_from(ends[7]).unwrap();
    for at in 0..confirmed {
        for bit in [0, 3, 7] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let fault = reopen(&damaged).map(|(log, _)| drop(log)).unwrap_err();
            assert!(matches!(fault, LogFault::Damaged { .. } | LogFault::Newer { .. }), "byte {at}: {fault}");
        }
    }
}

#[test]
fn after_a_clean_close_every_flipped_bit_is_noticed() {
    let disk = MemoryDisk::default();
    let (log, _) = open(&disk).unwrap();
    for number in 0..6 {
        log.append(&entry(A, 1, number)).unwrap();
    }
    log.close().unwrap();
    let bytes = disk.bytes(&segments::name(1));
    let closing_frame = bytes.len() - frame::FRAME_HEADER_BYTES;
    for at in 0..closing_frame {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(reopen(&damaged).is_err(), "byte {at}");
    }
    // The closing frame itself is a tail like any other.
    for at in closing_frame..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert_eq!(entries(&reopen(&damaged).unwrap().1, A).len(), 6, "byte {at}");
    }
}

#[test]
fn an_unconfirmed_tail_written_out_of_order_is_no_damage() {
    let (bytes, ends) = segment(4, 6);
    let confirmed = usize::try_from(ends[3]).unwrap();
    for at in confirmed..bytes.len() {
        let mut torn = bytes.clone();
        let end = (at + 16).min(torn.len());
        torn[at..end].fill(0);
        let (_, recovered) = reopen(&torn).unwrap_or_else(|fault| panic!("zeros at {at}: {fault}"));
        let whole = ends.iter().filter(|&&end| end <= at as u64).count();
        let found = entries(&recovered, A);
        // Zeros may stand where zeros stood: then one more entry is still whole.
        assert!(found.len() == whole || torn == bytes, "zeros at {at}: {} of {whole}", found.len());
        let expected: Vec<_> = (0..found.len() as u64).map(|number| entry(A, 1, number)).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_frame_inside_a_payload_is_not_taken_for_one() {
    let (foreign, _) = segment(6, 1);
    let disk = MemoryDisk::default();
    let (log, _) = open(&disk).unwrap();
    log.append(&entry(A, 1, 0)).unwrap();
    log.barrier().unwrap();
    // Someone else's valid frames as payload, then a torn tail in front of them.
    log.append(&LogEntry { replica: B, height: 1, kind: 0, payload: foreign[SEGMENT_HEADER_BYTES..].to_vec() })
        .unwrap();
    log.flush(&mut log.lock()).unwrap();
    kill(log);
    let mut bytes = disk.bytes(&segments::name(1));
    let first = SEGMENT_HEADER_BYTES + frame::FRAME_HEADER_BYTES + entry(A, 1, 0).payload.len();
    bytes[first] ^= 1;
    let (_, recovered) = reopen(&bytes).unwrap();
    assert_eq!(entries(&recovered, A), [entry(A, 1, 0)]);
    assert_eq!(entries(&recovered, B), []);
}

#[test]
fn damage_in_a_sealed_segment_or_a_missing_one_is_an_error() {
    let make = || {
        let disk = MemoryDisk::default();
        let (log, _) = open_with(&disk, small_segments()).unwrap();
        for number in 0..40 {
            log.append(&entry(A, 1, number)).unwrap();
        }
        log.close().unwrap();
        disk
    };
    let reference = make();
    let mut names = LogDisk::names(&reference).unwrap();
    assert!(names.len() >= 5, "{names:?}");
    names.pop();
    for (index, name) in names.iter().enumerate() {
        let bytes = reference.bytes(name);
        for at in 0..bytes.len() {
            let disk = reference.after_power_cut(Left::All);
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            disk.put(name, &damaged);
            assert!(open(&disk).is_err(), "{name} byte {at}");
            disk.put(name, &bytes[..at]);
            assert!(open(&disk).is_err(), "{name} cut at {at}");
        }
        if index > 0 {
            let disk = reference.after_power_cut(Left::All);
            LogDisk::remove(&disk, name).unwrap();
            let fault = open(&disk).unwrap_err();
            assert!(fault.to_string().contains("missing"), "{fault}");
        }
    }
}

#[test]
fn a_newer_segment_is_refused_by_name() {
    let mut header = frame::SegmentHeader { number: 1, salt: 5 }.encode();
    header[8] = 9;
    let checksum = crc32fast::hash(&header[..28]).to_le_bytes();
    header[28..].copy_from_slice(&checksum);
    assert!(matches!(reopen(&header).unwrap_err(), LogFault::Newer { found: 9, known: 1, .. }));
}

/// Random histories, power cuts with every page by chance, many lives: what was confirmed stays, in order,
/// and what comes back was appended.
#[test]
fn power_cuts_lose_only_what_was_not_confirmed() {
    for seed in 0..400 {
        let mut chance = Chance::new(seed);
        let mut disk = MemoryDisk::default();
        let mut expected: Vec<LogEntry> = Vec::new();
        let mut number = 0;
        for life in 0..6 {
            let (log, recovered) =
                open_with(&disk, small_segments()).unwrap_or_else(|fault| panic!("seed {seed} life {life}: {fault}"));
            let found = entries(&recovered, A);
            assert!(found.starts_with(&expected), "seed {seed} life {life}: a confirmed entry is lost");
            let surplus = &found[expected.len()..];
            assert!(
                surplus
                    .iter()
                    .all(|entry| *entry
                        == super::entry(A, 1, u64::from_le_bytes(entry.payload[..8].try_into().unwrap()))),
                "seed {seed} life {life}: an entry that nobody appended"
            );
            expected = found;
            let mut appended = expected.clone();
            for _ in 0..chance.below(30) {
                match chance.below(6) {
                    0 => {
                        log.barrier().unwrap();
                        expected = appended.clone();
                    }
                    1 => log.flush(&mut log.lock()).unwrap(),
                    _ => {
                        let next = entry(A, 1, number);
                        number += 1;
                        log.append(&next).unwrap();
                        appended.push(next);
                    }
                }
            }
            if chance.below(4) == 0 {
                log.close().unwrap();
                expected = appended;
            } else {
                kill(log);
            }
            let left = match chance.below(4) {
                0 => Left::Nothing,
                1 => Left::All,
                _ => Left::Some(chance.next()),
            };
            disk = disk.after_power_cut(left);
        }
    }
}
