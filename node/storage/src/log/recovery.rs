//! Reading the log back at start.
//!
//! Accepted: a torn tail of the last segment (cut off), a last segment whose header was never finished (made
//! anew), a removal of dead segments that was interrupted (finished). Everything else, above all a hole before
//! something durable, is [`LogFault::Damaged`]: then nobody knows what this node has signed.

use super::disk::LogDisk;
use super::frame::{self, BadHeader, Frame, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::segments::{self, Active, Segments};
use super::{LogEntry, LogFault, Recovered};
use crate::ReplicaPrefix;
use std::collections::BTreeMap;

/// Reads every segment; returns what lives, and the segments ready to append to.
pub(super) fn recover(
    disk: &dyn LogDisk,
    committed_in_store: &BTreeMap<ReplicaPrefix, u64>,
) -> Result<(Segments, Recovered), LogFault> {
    let names = disk.names().map_err(|error| LogFault::from_io("listing the log", &disk.place(), &error))?;
    let found = inventory(disk, names)?;
    let mut recovered = Recovered::default();
    let Some((&last, &last_is_dead)) = found.last_key_value() else {
        let active = segments::create(disk, 1)?;
        return Ok((Segments::new(active), recovered));
    };
    if last_is_dead {
        return Err(damaged(disk, last, 0, "the newest segment is marked as removed"));
    }
    let mut sealed = BTreeMap::new();
    for (&number, &dead) in found.range(..last) {
        if dead {
            // Cut again: the power may have failed between renaming and cutting.
            let name = segments::dead_name(number);
            disk.cut(&name, 0).map_err(|error| LogFault::from_io("emptying a removed segment", &name, &error))?;
            sealed.insert(number, None);
            continue;
        }
        let bytes = read(disk, number)?;
        let header = header_of(disk, number, &bytes)?
            .ok_or_else(|| damaged(disk, number, 0, "its header is damaged although newer segments exist"))?;
        let scan = scan(&bytes, header.salt, committed_in_store, &mut recovered);
        if let Some(reason) = scan.bad {
            return Err(damaged(disk, number, scan.end as u64, &format!("{reason}, although newer segments exist")));
        }
        if !scan.sealed {
            return Err(damaged(disk, number, scan.end as u64, "its end is missing, although newer segments exist"));
        }
        sealed.insert(number, Some(scan.highest));
    }
    let active = recover_last(disk, last, committed_in_store, &mut recovered)?;
    for (&replica, &height_in_store) in committed_in_store {
        let height_in_log = recovered.committed.get(&replica).copied().unwrap_or(0);
        if height_in_store < height_in_log {
            return Err(LogFault::StoreBehind { replica, height_in_log, height_in_store });
        }
    }
    let mut segments = Segments::new(active);
    segments.sealed = sealed;
    segments.committed = recovered.committed.clone();
    Ok((segments, recovered))
}

fn recover_last(
    disk: &dyn LogDisk,
    number: u64,
    committed_in_store: &BTreeMap<ReplicaPrefix, u64>,
    recovered: &mut Recovered,
) -> Result<Active, LogFault> {
    let bytes = read(disk, number)?;
    let Some(header) = header_of(disk, number, &bytes)? else {
        // The header is durable before the first frame is written, so more than a header means damage.
        if bytes.len() > SEGMENT_HEADER_BYTES {
            return Err(damaged(disk, number, 0, "its header is damaged although frames follow"));
        }
        recovered.truncated_bytes += bytes.len() as u64;
        return segments::create(disk, number);
    };
    let scan = scan(&bytes, header.salt, committed_in_store, recovered);
    if let Some(reason) = scan.bad {
        if let Some(proof) = frame::proof_of_damage(&bytes, header.salt, scan.end) {
            let reason = format!("{reason}, although the frame at byte {proof} says that this place was durable");
            return Err(damaged(disk, number, scan.end as u64, &reason));
        }
        let torn = (bytes.len() - scan.end) as u64;
        tracing::warn!(
            segment = number,
            offset = scan.end,
            bytes = torn,
            "cut the unconfirmed tail of the consensus log"
        );
        recovered.truncated_bytes += torn;
    }
    let name = segments::name(number);
    let length = scan.end as u64;
    // Cutting syncs: what was read may have been in the page cache alone, and replay derives messages from it.
    let file = disk
        .cut(&name, length)
        .and_then(|file| disk.sync_names().map(|()| file))
        .map_err(|error| LogFault::from_io("cutting the tail of the log", &name, &error))?;
    Ok(Active { number, salt: header.salt, file, length, durable: length, highest: scan.highest })
}

/// Segment numbers without gaps; `true` marks one that is removed but leaves its name, because older ones live.
fn inventory(disk: &dyn LogDisk, names: Vec<String>) -> Result<BTreeMap<u64, bool>, LogFault> {
    let mut found = BTreeMap::new();
    for name in names {
        match segments::parse_name(&name) {
            Some((number, dead)) => {
                if found.insert(number, dead).is_some() {
                    return Err(damaged(disk, number, 0, "the segment exists both alive and removed"));
                }
            }
            None => tracing::warn!(file = name, "not a log segment, left alone"),
        }
    }
    let mut expected = None;
    for &number in found.keys() {
        if expected.is_some_and(|expected| expected != number) {
            return Err(damaged(disk, number - 1, 0, "this segment is missing although older and newer ones exist"));
        }
        expected = number.checked_add(1);
    }
    Ok(found)
}

fn read(disk: &dyn LogDisk, number: u64) -> Result<Vec<u8>, LogFault> {
    let name = segments::name(number);
    disk.read(&name).map_err(|error| LogFault::from_io("reading a log segment", &name, &error))
}

/// The header; `None` if it is not valid, which only the caller can judge.
fn header_of(disk: &dyn LogDisk, number: u64, bytes: &[u8]) -> Result<Option<SegmentHeader>, LogFault> {
    match SegmentHeader::decode(bytes) {
        Ok(header) if header.number == number => Ok(Some(header)),
        Ok(_) => Err(damaged(disk, number, 0, "its header carries another segment's number")),
        Err(BadHeader::Newer(found)) => {
            Err(LogFault::Newer { file: segments::name(number), found, known: frame::SEGMENT_VERSION })
        }
        Err(BadHeader::Invalid) => Ok(None),
    }
}

struct Scan {
    /// Offset behind the last valid frame.
    end: usize,
    /// What is wrong at `end`; `None` if the segment ends there.
    bad: Option<&'static str>,
    /// Whether the last frame seals the segment.
    sealed: bool,
    highest: BTreeMap<ReplicaPrefix, u64>,
}

fn scan(bytes: &[u8], salt: u64, committed_in_store: &BTreeMap<ReplicaPrefix, u64>, recovered: &mut Recovered) -> Scan {
    let mut scan = Scan { end: SEGMENT_HEADER_BYTES, bad: None, sealed: false, highest: BTreeMap::new() };
    while scan.end < bytes.len() {
        let Frame { header, payload, end } = match frame::decode_frame(bytes, salt, scan.end) {
            Ok(frame) => frame,
            Err(reason) => {
                scan.bad = Some(reason);
                break;
            }
        };
        scan.end = end;
        scan.sealed = header.kind == frame::KIND_SEALED;
        match header.kind {
            frame::KIND_COMMITTED => segments::raise(&mut recovered.committed, header.replica, header.height),
            frame::KIND_CLOSED | frame::KIND_SEALED => {}
            kind => {
                segments::raise(&mut scan.highest, header.replica, header.height);
                if committed_in_store.get(&header.replica).is_none_or(|&committed| header.height > committed) {
                    recovered.entries.entry(header.replica).or_default().push(LogEntry {
                        replica: header.replica,
                        height: header.height,
                        kind,
                        payload: payload.to_vec(),
                    });
                }
            }
        }
    }
    scan
}

fn damaged(disk: &dyn LogDisk, number: u64, offset: u64, reason: &str) -> LogFault {
    let file = format!("{}/{}", disk.place(), segments::name(number));
    LogFault::Damaged { file, offset, reason: reason.to_owned() }
}
