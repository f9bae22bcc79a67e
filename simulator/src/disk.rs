//! A process's simulated disk: one ordered log and one store per replica, each with a synced part and a tail that a
//! crash may take.
//!
//! Invariants: the log keeps prefix semantics (what survives is a prefix of what was appended); a batch survives whole
//! or not at all, and only if all batches of its store before it do; what was reported durable survives every crash.

mod reading;

use crate::random::{Random, Seed};
use crate::world::ChainIndex;
use bridge_courier::Waits;
use chain_state::{MemoryStore, WriteBatch};
use ledger_protocol::Height;
pub(crate) use reading::{DiskReader, READ_ERROR, ReadsLeft};
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};

/// What a crash does to what was written and not yet synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// All of it is lost: the power went.
    Lost,
    /// The seed says how much of it is kept.
    Half,
    /// It is kept: only the process died.
    Kept,
}

#[derive(Debug, Clone)]
struct LogRecord {
    chain: ChainIndex,
    height: Height,
    position: u64,
    entry: Vec<u8>,
}

/// A batch that is in the store and not on the disk.
#[derive(Debug, Clone)]
pub(crate) struct Unsynced {
    number: u64,
    height: Height,
    undo: WriteBatch,
}

#[derive(Debug, Clone, Default)]
struct StoreDisk {
    store: MemoryStore,
    unsynced: VecDeque<Unsynced>,
    commits: u64,
    /// What the durable store was found to wait for, with the commits and the unsynced ones at that time.
    waits: Cell<Option<(u64, usize, Waits)>>,
}

/// A process's disk.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    log: VecDeque<LogRecord>,
    appended: u64,
    synced: u64,
    stores: BTreeMap<ChainIndex, StoreDisk>,
    /// The time at which the disk is done with everything asked of it so far.
    pub(crate) busy_until_ms: u64,
    /// Every barrier and commit takes so much longer.
    pub(crate) slower_by_ms: u64,
    /// Nothing can be written: whoever tries stops.
    pub(crate) is_full: bool,
    /// How long reads are answered; `None`: for ever.
    pub(crate) reads_left: Option<ReadsLeft>,
}

/// What a barrier or a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncPoint {
    log: u64,
    commit: Option<(ChainIndex, u64)>,
}

impl Disk {
    /// Appends to the log; no barrier.
    pub fn append(&mut self, chain: ChainIndex, height: Height, entry: Vec<u8>) {
        self.appended += 1;
        self.log.push_back(LogRecord { chain, height, position: self.appended, entry });
    }

    /// Everything appended so far.
    pub const fn barrier(&self) -> SyncPoint {
        SyncPoint { log: self.appended, commit: None }
    }

    /// Applies a batch to the store of a replica; the replica sees it at once, and others when its point is synced and it
    /// is durable.
    pub fn commit(&mut self, chain: ChainIndex, mut batch: WriteBatch, height: Height) -> SyncPoint {
        let disk = self.stores.entry(chain).or_default();
        disk.store.exchange(&mut batch);
        disk.commits += 1;
        disk.unsynced.push_back(Unsynced { number: disk.commits, height, undo: batch });
        SyncPoint { log: self.appended, commit: Some((chain, disk.commits)) }
    }

    /// The point is durable: log entries of a committed height are dead from now on.
    pub fn synced(&mut self, point: SyncPoint) {
        self.synced = self.synced.max(point.log);
        let Some((chain, number)) = point.commit else { return };
        let Some(disk) = self.stores.get_mut(&chain) else { return };
        let mut durable = None;
        while let Some(first) = disk.unsynced.front().filter(|first| first.number <= number) {
            durable = Some(first.height);
            disk.unsynced.pop_front();
        }
        if let Some(height) = durable {
            self.log.retain(|record| record.chain != chain || record.height > height);
        }
    }

    /// The process is gone, and with it what the tail says.
    pub fn crash(&mut self, tail: Tail, random: &mut Random) {
        let kept = |open: u64, random: &mut Random| match tail {
            Tail::Lost => 0,
            Tail::Half => random.below(open + 1),
            Tail::Kept => open,
        };
        let last = self.synced + kept(self.appended - self.synced, random);
        self.log.retain(|record| record.position <= last);
        self.appended = last;
        self.synced = last;
        for disk in self.stores.values_mut() {
            let open = disk.unsynced.len() as u64;
            let lost = open - kept(open, random);
            for _ in 0..lost {
                if let Some(mut batch) = disk.unsynced.pop_back() {
                    disk.store.exchange(&mut batch.undo);
                }
            }
            disk.unsynced.clear();
        }
        self.busy_until_ms = 0;
    }

    /// A replica's log is gone, and nothing else.
    pub fn forget_log(&mut self, chain: ChainIndex) {
        self.log.retain(|record| record.chain != chain);
    }

    /// Everything is gone.
    pub fn wipe(&mut self) {
        self.replace_by(Self::default());
    }

    /// What is durable now, as a copy of its own.
    pub fn durable(&self) -> Self {
        let mut copy = self.clone();
        // Everything that is not synced is left out: nothing is drawn.
        copy.crash(Tail::Lost, &mut Random::new(Seed(0), 0));
        copy
    }

    /// The contents become those of a copy; the disk itself is not another one.
    pub fn replace_by(&mut self, copy: Self) {
        let reads_left = self.reads_left.take();
        *self = Self { slower_by_ms: self.slower_by_ms, is_full: self.is_full, reads_left, ..copy };
    }

    /// A replica's store.
    pub fn store(&self, chain: ChainIndex) -> Option<&MemoryStore> {
        self.stores.get(&chain).map(|disk| &disk.store)
    }

    /// A store of this disk as a replica of its process reads it: with the errors that the disk gives.
    pub(crate) const fn reader<'d>(&'d self, store: &'d MemoryStore) -> DiskReader<'d> {
        DiskReader::new(store, None, self.reads_left.as_ref())
    }

    /// The same as everybody else reads it: what is durable of it.
    pub(crate) fn durable_reader(&self, chain: ChainIndex) -> Option<DiskReader<'_>> {
        let disk = self.stores.get(&chain)?;
        Some(DiskReader::new(&disk.store, Some(&disk.unsynced), self.reads_left.as_ref()))
    }

    /// What the durable store of a replica waits for. Couriers ask at every event, and it is read again only when the store
    /// has changed; a disk that gives errors is read each time, because its reads are counted.
    pub(crate) fn waits<E>(&self, chain: ChainIndex, read: impl FnOnce() -> Result<Waits, E>) -> Result<Waits, E> {
        let Some(disk) = self.stores.get(&chain).filter(|_| self.reads_left.is_none()) else { return read() };
        let (commits, unsynced) = (disk.commits, disk.unsynced.len());
        if let Some((_, _, waits)) = disk.waits.get().filter(|it| (it.0, it.1) == (commits, unsynced)) {
            return Ok(waits);
        }
        let waits = read()?;
        disk.waits.set(Some((commits, unsynced, waits)));
        Ok(waits)
    }

    /// A replica's living log entries, in order.
    pub fn log(&self, chain: ChainIndex) -> Vec<(Height, Vec<u8>)> {
        let own = self.log.iter().filter(|record| record.chain == chain);
        own.map(|record| (record.height, record.entry.clone())).collect()
    }

    /// Entries of the log, of all replicas.
    pub fn log_len(&self) -> usize {
        self.log.len()
    }
}
