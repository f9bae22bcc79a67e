//! One replica's keys in the store of its process.

use super::Shared;
use crate::prefix::ReplicaPrefix;
use chain_state::{StoreFault, StoreReader, StoreWriter, WriteBatch};
use rocksdb::{DBAccess, DBRawIteratorWithThreadMode, ReadOptions, Snapshot};
use std::fmt;
use std::sync::Arc;

/// The keys of one replica: the Store port. Clones share the data; one replica has one writer.
#[derive(Debug, Clone)]
pub struct ReplicaStore {
    shared: Arc<Shared>,
    prefix: ReplicaPrefix,
}

impl ReplicaStore {
    pub(super) fn new(shared: Arc<Shared>, prefix: ReplicaPrefix) -> Self {
        Self { shared, prefix }
    }

    /// Its prefix.
    #[must_use]
    pub fn prefix(&self) -> ReplicaPrefix {
        self.prefix
    }

    /// A reader that sees the store as it is now and no later batch. It holds back the removal of overwritten
    /// values while it lives: keep it for one execution or one query, not longer.
    #[must_use]
    pub fn reader(&self) -> ReplicaReader<'_> {
        ReplicaReader { snapshot: self.shared.db.snapshot(), shared: &self.shared, prefix: self.prefix }
    }

    fn key(&self, key: &[u8]) -> Vec<u8> {
        prefixed(self.prefix, key)
    }
}

impl StoreReader for ReplicaStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        self.shared.check()?;
        self.shared.db.get(self.key(key)).map_err(|error| read_fault(&error))
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreFault> {
        self.shared.check()?;
        if start >= end || limit == 0 {
            return Ok(Vec::new());
        }
        scan(self.shared.db.raw_iterator_opt(within(self.prefix, start, end)), limit)
    }

    fn last(&self, start: &[u8], end: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreFault> {
        self.shared.check()?;
        if start >= end {
            return Ok(None);
        }
        last(self.shared.db.raw_iterator_opt(within(self.prefix, start, end)))
    }
}

impl StoreWriter for ReplicaStore {
    fn apply(&mut self, batch: &WriteBatch, barrier: bool) -> Result<(), StoreFault> {
        let mut writes = rocksdb::WriteBatch::default();
        collect(&mut writes, self.prefix, batch);
        // An empty batch with a barrier still makes durable what was written before.
        self.shared.write(writes, barrier)
    }
}

/// Adds a replica's batch to what is written at once.
pub(super) fn collect(writes: &mut rocksdb::WriteBatch, prefix: ReplicaPrefix, batch: &WriteBatch) {
    for (key, value) in batch.iter() {
        match value {
            Some(value) => writes.put(prefixed(prefix, key), value),
            None => writes.delete(prefixed(prefix, key)),
        }
    }
}

/// One replica's keys as they were when the reader was made.
pub struct ReplicaReader<'a> {
    snapshot: Snapshot<'a>,
    shared: &'a Shared,
    prefix: ReplicaPrefix,
}

impl StoreReader for ReplicaReader<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        self.shared.check()?;
        self.snapshot.get(prefixed(self.prefix, key)).map_err(|error| read_fault(&error))
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreFault> {
        self.shared.check()?;
        if start >= end || limit == 0 {
            return Ok(Vec::new());
        }
        scan(self.snapshot.raw_iterator_opt(within(self.prefix, start, end)), limit)
    }

    fn last(&self, start: &[u8], end: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreFault> {
        self.shared.check()?;
        if start >= end {
            return Ok(None);
        }
        last(self.snapshot.raw_iterator_opt(within(self.prefix, start, end)))
    }
}

impl fmt::Debug for ReplicaReader<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ReplicaReader").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

fn prefixed(prefix: ReplicaPrefix, key: &[u8]) -> Vec<u8> {
    let prefix = prefix.bytes();
    let mut bytes = Vec::with_capacity(prefix.len() + key.len());
    bytes.extend_from_slice(&prefix);
    bytes.extend_from_slice(key);
    bytes
}

/// An iterator with these options sees nothing outside of `start ≤ key < end` of one replica.
fn within(prefix: ReplicaPrefix, start: &[u8], end: &[u8]) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(prefixed(prefix, start));
    options.set_iterate_upper_bound(prefixed(prefix, end));
    options
}

/// An iterator over the database or over a snapshot of it.
type RawIterator<'a, D> = DBRawIteratorWithThreadMode<'a, D>;
/// Key, without the replica's prefix, and value.
type Entry = (Vec<u8>, Vec<u8>);

fn scan<D: DBAccess>(mut iterator: RawIterator<'_, D>, limit: usize) -> Result<Vec<Entry>, StoreFault> {
    let mut entries = Vec::new();
    iterator.seek_to_first();
    while entries.len() < limit
        && let Some(entry) = current(&iterator)
    {
        entries.push(entry);
        if entries.len() < limit {
            iterator.next();
        }
    }
    // An iterator also ends when it fails.
    iterator.status().map_err(|error| read_fault(&error))?;
    Ok(entries)
}

fn last<D: DBAccess>(mut iterator: RawIterator<'_, D>) -> Result<Option<Entry>, StoreFault> {
    iterator.seek_to_last();
    let entry = current(&iterator);
    iterator.status().map_err(|error| read_fault(&error))?;
    Ok(entry)
}

/// The entry under the iterator.
fn current<D: DBAccess>(iterator: &RawIterator<'_, D>) -> Option<Entry> {
    let (key, value) = iterator.item()?;
    Some((key.get(2..)?.to_vec(), value.to_vec()))
}

fn read_fault(error: &rocksdb::Error) -> StoreFault {
    StoreFault(format!("reading: {error}"))
}
