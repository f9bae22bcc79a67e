//! The files of the log: one that grows, sealed ones before it, and names left by removed ones.
//!
//! A sealed segment is removed when every entry in it is dead. The oldest is deleted; one in the middle is
//! emptied and renamed, so that the numbers stay without gaps and a lost file is told from a removed one.
//! Each step of a removal is durable before the next, so a power cut never leaves a gap.
//! A replica that stands still keeps alive only the segments that hold its own entries.

use super::LogFault;
use super::disk::{LogDisk, LogFile};
use super::frame::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::ReplicaPrefix;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// The segment that is appended to.
pub(super) struct Active {
    pub(super) number: u64,
    pub(super) salt: u64,
    pub(super) file: Arc<dyn LogFile>,
    /// Bytes, including those still in the buffer.
    pub(super) length: u64,
    /// Bytes known to be durable.
    pub(super) durable: u64,
    /// Highest height per replica with an entry here.
    pub(super) highest: BTreeMap<ReplicaPrefix, u64>,
}

/// All segments.
pub(super) struct Segments {
    pub(super) active: Active,
    /// Highest height per replica of every sealed segment; `None` if only its name is left.
    pub(super) sealed: BTreeMap<u64, Option<BTreeMap<ReplicaPrefix, u64>>>,
    /// Committed height per replica.
    pub(super) committed: BTreeMap<ReplicaPrefix, u64>,
}

impl Segments {
    pub(super) fn new(active: Active) -> Self {
        Self { active, sealed: BTreeMap::new(), committed: BTreeMap::new() }
    }

    /// Sealed segments whose bytes are still there although nothing in them lives.
    pub(super) fn dead(&self) -> Vec<u64> {
        let is_dead = |highest: &BTreeMap<ReplicaPrefix, u64>| {
            highest.iter().all(|(replica, height)| self.committed.get(replica).is_some_and(|done| height <= done))
        };
        let dead = self.sealed.iter().filter(|(_, highest)| highest.as_ref().is_some_and(is_dead));
        dead.map(|(&number, _)| number).collect()
    }

    /// Removes dead segments, and the names left of earlier ones that are the oldest now.
    pub(super) fn remove(&mut self, disk: &dyn LogDisk, dead: Vec<u64>) -> Result<(), LogFault> {
        for number in dead {
            if self.sealed.first_key_value().is_some_and(|(&oldest, _)| oldest == number) {
                delete(disk, &name(number))?;
                self.sealed.remove(&number);
            } else {
                empty(disk, number)?;
                self.sealed.insert(number, None);
            }
        }
        while let Some((&oldest, None)) = self.sealed.first_key_value() {
            delete(disk, &dead_name(oldest))?;
            self.sealed.remove(&oldest);
        }
        Ok(())
    }
}

/// Makes a new segment whose header and name are durable.
pub(super) fn create(disk: &dyn LogDisk, number: u64) -> Result<Active, LogFault> {
    let name = name(number);
    // Unpredictable to whoever chooses payload bytes; need not be secret from anyone else.
    let salt = RandomState::new().hash_one(number);
    let make = || {
        let file = disk.create(&name)?;
        file.append(&SegmentHeader { number, salt }.encode())?;
        file.sync()?;
        disk.sync_names()?;
        Ok(file)
    };
    let file = make().map_err(|error| LogFault::from_io("creating a log segment", &name, &error))?;
    let length = SEGMENT_HEADER_BYTES as u64;
    Ok(Active { number, salt, file, length, durable: length, highest: BTreeMap::new() })
}

/// File name of a segment.
pub(super) fn name(number: u64) -> String {
    format!("{number:012}.log")
}

/// File name that stays of a removed segment while older ones live.
pub(super) fn dead_name(number: u64) -> String {
    format!("{number:012}.dead")
}

/// The number of a segment's file and whether it is removed.
pub(super) fn parse_name(name: &str) -> Option<(u64, bool)> {
    let (digits, ending) = name.split_once('.')?;
    let number = digits.parse().ok()?;
    let dead = ending == "dead";
    let own = if dead { dead_name(number) } else { self::name(number) };
    (own == name).then_some((number, dead))
}

/// Raises a replica's height; never lowers it.
pub(super) fn raise(heights: &mut BTreeMap<ReplicaPrefix, u64>, replica: ReplicaPrefix, height: u64) {
    let known = heights.entry(replica).or_insert(height);
    *known = height.max(*known);
}

fn delete(disk: &dyn LogDisk, name: &str) -> Result<(), LogFault> {
    disk.remove(name)
        .and_then(|()| disk.sync_names())
        .map_err(|error| LogFault::from_io("removing a log segment", name, &error))
}

fn empty(disk: &dyn LogDisk, number: u64) -> Result<(), LogFault> {
    let (name, dead) = (name(number), dead_name(number));
    disk.rename(&name, &dead)
        .and_then(|()| disk.sync_names())
        .and_then(|()| disk.cut(&dead, 0).map(drop))
        .map_err(|error| LogFault::from_io("emptying a log segment", &name, &error))
}
