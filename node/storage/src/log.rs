//! The consensus log: one ordered, checksummed, append-only log for all replicas of a process.
//!
//! A durable entry implies that every earlier one is durable, whichever replica wrote it: that is what lets a
//! replica's vote, synced, carry the inputs it was derived from. Entries are buffered until a barrier; one
//! fdatasync serves every thread that waits. Entries at or below their replica's committed height are dead, and
//! a segment is removed when all its entries are.
//! Bounds: an entry is at most [`LogOptions::entry_bytes`]; the buffer holds at most a mebibyte and one entry.
//! After any I/O fault the log refuses everything ([`LogFault::Stopped`]).

mod disk;
mod fault;
mod frame;
mod recovery;
mod segments;

pub use fault::LogFault;

use crate::ReplicaPrefix;
use crate::group_commit::{BarrierCounts, GroupCommit};
use disk::{LogDisk, OsDisk};
use frame::{FRAME_HEADER_BYTES, FrameHeader, KIND_CLOSED, KIND_COMMITTED, KIND_SEALED};
use segments::Segments;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The greatest kind that a caller may use; the log keeps the rest for itself.
pub const MAX_ENTRY_KIND: u8 = 0xef;

/// Buffered bytes are handed to the operating system, without a sync, when they exceed this.
const BUFFER_BYTES: usize = 1 << 20;

/// One entry of one replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Whose it is.
    pub replica: ReplicaPrefix,
    /// The height it belongs to; the commit of this height makes it dead.
    pub height: u64,
    /// What it is, at most [`MAX_ENTRY_KIND`]; the log does not look into it.
    pub kind: u8,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// Where an entry ends in the log. Positions grow with every entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// Segment number.
    pub segment: u64,
    /// Offset behind the entry's last byte.
    pub offset: u64,
}

/// Sizes and times of the log.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// A segment is sealed before an entry would exceed this, unless it is the only one; default 64 MiB.
    pub segment_bytes: u64,
    /// The largest payload; default 32 MiB.
    pub entry_bytes: u32,
    /// How long a barrier waits for others to share its sync, at most 2 ms; default zero, which still shares
    /// one sync among all who arrive during the one before.
    pub gather: Duration,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, entry_bytes: 32 << 20, gather: Duration::ZERO }
    }
}

/// What a log held when it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Entries above their replica's committed height, in the order in which they were appended.
    pub entries: BTreeMap<ReplicaPrefix, Vec<LogEntry>>,
    /// The commits that the log was told of. The store is at least as far, or opening fails.
    pub committed: BTreeMap<ReplicaPrefix, u64>,
    /// Bytes of an unconfirmed tail that were cut off.
    pub truncated_bytes: u64,
}

/// The log of a process; shared by reference among all its threads.
pub struct ConsensusLog {
    options: LogOptions,
    disk: Box<dyn LogDisk>,
    state: Mutex<State>,
    barriers: GroupCommit<LogFault>,
}

struct State {
    segments: Segments,
    /// The end of the active segment that is not yet handed to its file.
    buffer: Vec<u8>,
    fault: Option<LogFault>,
}

impl ConsensusLog {
    /// Opens the log in `directory`, creating it if absent, and reads it back.
    ///
    /// `committed_in_store` is the committed height of every replica of this process as its store has it (0 for
    /// a new one): entries at or below are dead and not returned. Entries of a replica that is not named are all
    /// returned and kept.
    ///
    /// # Errors
    /// [`LogFault::Damaged`] if something durable is damaged or missing, [`LogFault::StoreBehind`] if the store
    /// has lost a commit, [`LogFault::Newer`], or I/O.
    pub fn open(
        directory: &Path,
        options: LogOptions,
        committed_in_store: &BTreeMap<ReplicaPrefix, u64>,
    ) -> Result<(Self, Recovered), LogFault> {
        let disk = OsDisk::open(directory).map_err(|error| {
            LogFault::from_io("opening the log's directory", &directory.display().to_string(), &error)
        })?;
        Self::open_on(Box::new(disk), options, committed_in_store)
    }

    fn open_on(
        disk: Box<dyn LogDisk>,
        options: LogOptions,
        committed_in_store: &BTreeMap<ReplicaPrefix, u64>,
    ) -> Result<(Self, Recovered), LogFault> {
        let (segments, recovered) = recovery::recover(disk.as_ref(), committed_in_store)?;
        let barriers = GroupCommit::new(options.gather);
        let state = Mutex::new(State { segments, buffer: Vec::new(), fault: None });
        let log = Self { options, disk, state, barriers };
        for (&replica, &height) in committed_in_store {
            log.mark_committed(replica, height)?;
        }
        Ok((log, recovered))
    }

    /// Appends an entry behind all others. It is durable after the next successful [`barrier`](Self::barrier).
    ///
    /// # Errors
    /// [`LogFault::Refused`] if its kind is reserved or its payload too long; otherwise the log is stopped.
    pub fn append(&self, entry: &LogEntry) -> Result<LogPosition, LogFault> {
        if entry.kind > MAX_ENTRY_KIND {
            return Err(LogFault::Refused(format!("kind {} is reserved", entry.kind)));
        }
        if entry.payload.len() > self.options.entry_bytes as usize {
            let (bytes, most) = (entry.payload.len(), self.options.entry_bytes);
            return Err(LogFault::Refused(format!("its payload has {bytes} bytes, at most {most} are allowed")));
        }
        let mut state = self.lock();
        self.guarded(&mut state, |state| {
            self.push(state, entry.kind, entry.replica, entry.height, &entry.payload)?;
            let active = &mut state.segments.active;
            segments::raise(&mut active.highest, entry.replica, entry.height);
            Ok(LogPosition { segment: active.number, offset: active.length })
        })
    }

    /// Returns when every entry appended before this call is durable.
    ///
    /// # Errors
    /// The log is stopped; the entries since the last barrier may or may not be durable.
    pub fn barrier(&self) -> Result<(), LogFault> {
        if let Some(fault) = &self.lock().fault {
            return Err(fault.afterwards());
        }
        let lost_leader = LogFault::Stopped { cause: "a thread panicked while it synced the log".to_owned() };
        self.barriers.barrier(|| self.sync_once(), &lost_leader)
    }

    /// Whether everything up to `position` is known to be durable.
    #[must_use]
    pub fn is_durable(&self, position: LogPosition) -> bool {
        let state = self.lock();
        let active = &state.segments.active;
        // A segment is synced before the next one begins.
        position.segment < active.number || (position.segment == active.number && position.offset <= active.durable)
    }

    /// Tells the log that a replica's commit of `height` is durable in the store: its entries up to there are
    /// dead, and segments in which nothing lives are removed. Lower heights than before change nothing.
    ///
    /// # Errors
    /// The log is stopped.
    pub fn mark_committed(&self, replica: ReplicaPrefix, height: u64) -> Result<(), LogFault> {
        let mut state = self.lock();
        if state.fault.is_none() && height <= state.segments.committed.get(&replica).copied().unwrap_or(0) {
            return Ok(());
        }
        self.guarded(&mut state, |state| {
            segments::raise(&mut state.segments.committed, replica, height);
            self.push(state, KIND_COMMITTED, replica, height, &[])?;
            let dead = state.segments.dead();
            if dead.is_empty() {
                return Ok(());
            }
            // The record of the commit outlives the entries that it made dead.
            self.flush(state)?;
            sync_active(state, "syncing the log before a removal")?;
            state.segments.remove(self.disk.as_ref(), dead)
        })
    }

    /// Makes everything durable and records that the log ended well, which lets the next start tell damage in
    /// the last entries from a torn tail. Dropping the log does the same but cannot report a fault.
    ///
    /// # Errors
    /// The log is stopped.
    pub fn close(self) -> Result<(), LogFault> {
        self.finish()
    }

    /// How many barriers were asked for and how many syncs they took.
    #[must_use]
    pub fn barrier_counts(&self) -> BarrierCounts {
        self.barriers.counts()
    }

    fn finish(&self) -> Result<(), LogFault> {
        self.barrier()?;
        let mut state = self.lock();
        self.guarded(&mut state, |state| {
            let replica = ReplicaPrefix::new(0);
            self.push(state, KIND_CLOSED, replica, 0, &[])?;
            self.flush(state)?;
            state.fault = Some(LogFault::Stopped { cause: "it was closed".to_owned() });
            Ok(())
        })
    }

    /// One sync of everything appended so far. Appends go on meanwhile, into the buffer.
    fn sync_once(&self) -> Result<(), LogFault> {
        let mut state = self.lock();
        self.guarded(&mut state, |state| self.flush(state))?;
        let active = &state.segments.active;
        let (file, number, length) = (active.file.clone(), active.number, active.length);
        if active.durable == length {
            return Ok(());
        }
        drop(state);
        let outcome = file.sync();
        let mut state = self.lock();
        self.guarded(&mut state, |state| {
            outcome.map_err(|error| LogFault::from_io("syncing the log", &segments::name(number), &error))?;
            let active = &mut state.segments.active;
            if active.number == number {
                active.durable = active.durable.max(length);
            }
            Ok(())
        })
    }

    fn push(
        &self,
        state: &mut State,
        kind: u8,
        replica: ReplicaPrefix,
        height: u64,
        payload: &[u8],
    ) -> Result<(), LogFault> {
        let frame_bytes = (FRAME_HEADER_BYTES + payload.len()) as u64;
        let is_empty = state.segments.active.length <= frame::SEGMENT_HEADER_BYTES as u64;
        if !is_empty && state.segments.active.length.saturating_add(frame_bytes) > self.options.segment_bytes {
            self.seal(state)?;
        }
        encode(state, kind, replica, height, payload);
        if state.buffer.len() > BUFFER_BYTES { self.flush(state) } else { Ok(()) }
    }

    /// Ends the active segment, durably, and begins the next with the commits known so far, so that removing
    /// old segments loses no knowledge of them.
    fn seal(&self, state: &mut State) -> Result<(), LogFault> {
        encode(state, KIND_SEALED, ReplicaPrefix::new(0), 0, &[]);
        self.flush(state)?;
        sync_active(state, "sealing a log segment")?;
        let old = state.segments.active.number;
        let new = segments::create(self.disk.as_ref(), old + 1)?;
        let sealed = std::mem::replace(&mut state.segments.active, new);
        state.segments.sealed.insert(old, Some(sealed.highest));
        for (replica, height) in state.segments.committed.clone() {
            encode(state, KIND_COMMITTED, replica, height, &[]);
        }
        Ok(())
    }

    fn flush(&self, state: &mut State) -> Result<(), LogFault> {
        if state.buffer.is_empty() {
            return Ok(());
        }
        let active = &state.segments.active;
        active
            .file
            .append(&state.buffer)
            .map_err(|error| LogFault::from_io("writing to the log", &segments::name(active.number), &error))?;
        state.buffer.clear();
        state.buffer.shrink_to(BUFFER_BYTES);
        Ok(())
    }

    /// Runs a step unless the log is stopped; a fault of the step stops it for good.
    fn guarded<T>(
        &self,
        state: &mut State,
        step: impl FnOnce(&mut State) -> Result<T, LogFault>,
    ) -> Result<T, LogFault> {
        if let Some(fault) = &state.fault {
            return Err(fault.afterwards());
        }
        step(state).inspect_err(|fault| {
            tracing::error!(%fault, "the consensus log stops");
            state.fault = Some(fault.clone());
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConsensusLog {
    fn drop(&mut self) {
        let stopped = self.lock().fault.is_some();
        if !stopped && let Err(fault) = self.finish() {
            tracing::error!(%fault, "the consensus log did not close cleanly; the next start recovers it");
        }
    }
}

impl fmt::Debug for ConsensusLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ConsensusLog").field("place", &self.disk.place()).finish_non_exhaustive()
    }
}

fn encode(state: &mut State, kind: u8, replica: ReplicaPrefix, height: u64, payload: &[u8]) {
    let active = &mut state.segments.active;
    let header = FrameHeader { kind, replica, height, durable: active.durable };
    frame::encode_frame(&mut state.buffer, active.salt, active.length, header, payload);
    active.length += (FRAME_HEADER_BYTES + payload.len()) as u64;
}

/// Syncs what was handed to the active file while the log is locked: for rare steps only.
fn sync_active(state: &mut State, doing: &'static str) -> Result<(), LogFault> {
    let active = &mut state.segments.active;
    active.file.sync().map_err(|error| LogFault::from_io(doing, &segments::name(active.number), &error))?;
    // The buffer was flushed before.
    active.durable = active.length;
    Ok(())
}

#[cfg(test)]
mod memory_disk;
#[cfg(test)]
mod tests;
