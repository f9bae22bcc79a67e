//! A store as a process reads it from its disk: for a job of the replica with everything that was committed, for couriers
//! and their servers with what is durable; and from a disk that may answer with errors.
//!
//! Invariant: an error is never an absent key. Properties look at the stores themselves and meet no errors.

use super::Unsynced;
use chain_state::{MemoryStore, StoreFault, StoreReader};
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};

type Entry = (Vec<u8>, Vec<u8>);

/// What a failing disk says; a halt for this reason is the disk's doing, and no other is.
pub(crate) const READ_ERROR: &str = "the disk answers a read with an error";

/// How many more reads a failing disk answers.
#[derive(Debug, Clone)]
pub(crate) struct ReadsLeft(Cell<u64>);

impl ReadsLeft {
    /// So many are answered, and then none.
    pub(crate) const fn new(answers: u64) -> Self {
        Self(Cell::new(answers))
    }

    fn take(&self) -> Result<(), StoreFault> {
        let left = self.0.get().checked_sub(1).ok_or_else(|| StoreFault(READ_ERROR.into()))?;
        self.0.set(left);
        Ok(())
    }
}

/// The store of one replica, as one read sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DiskReader<'d> {
    store: &'d MemoryStore,
    /// What this read must not see of the store yet, oldest first.
    hidden: Option<&'d VecDeque<Unsynced>>,
    left: Option<&'d ReadsLeft>,
}

impl<'d> DiskReader<'d> {
    pub(super) const fn new(
        store: &'d MemoryStore,
        hidden: Option<&'d VecDeque<Unsynced>>,
        left: Option<&'d ReadsLeft>,
    ) -> Self {
        Self { store, hidden, left }
    }

    fn ask(&self) -> Result<&'d MemoryStore, StoreFault> {
        self.left.map_or(Ok(()), ReadsLeft::take)?;
        Ok(self.store)
    }

    /// What stood under the keys of a range that hidden batches change: the oldest batch that changes a key knows.
    fn before(&self, start: &[u8], end: &[u8]) -> BTreeMap<&'d [u8], Option<&'d [u8]>> {
        let mut before = BTreeMap::new();
        for batch in self.hidden.into_iter().flatten() {
            for (key, value) in batch.undo.iter().filter(|(key, _)| start <= *key && *key < end) {
                before.entry(key).or_insert(value);
            }
        }
        before
    }
}

impl StoreReader for DiskReader<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        let store = self.ask()?;
        match self.hidden.into_iter().flatten().find_map(|batch| batch.undo.get(key)) {
            Some(before) => Ok(before.map(<[u8]>::to_vec)),
            None => store.get(key),
        }
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>, StoreFault> {
        let store = self.ask()?;
        let before = self.before(start, end);
        if before.is_empty() {
            return store.scan(start, end, limit);
        }
        // Of so many at least `limit` are left when the changed ones are taken out, so nothing behind them is missed.
        let mut entries = store.scan(start, end, limit.saturating_add(before.len()))?;
        entries.retain(|(key, _)| !before.contains_key(key.as_slice()));
        let stood = before.into_iter().filter_map(|(key, value)| Some((key.to_vec(), value?.to_vec())));
        entries.extend(stood);
        entries.sort_unstable();
        entries.truncate(limit);
        Ok(entries)
    }

    fn last(&self, start: &[u8], end: &[u8]) -> Result<Option<Entry>, StoreFault> {
        let store = self.ask()?;
        let before = self.before(start, end);
        let mut last = store.last(start, end)?;
        while let Some((key, _)) = last.as_ref().filter(|(key, _)| before.contains_key(key.as_slice())) {
            last = store.last(start, key)?;
        }
        let stood = before.into_iter().rev().find_map(|(key, value)| Some((key.to_vec(), value?.to_vec())));
        Ok(last.max(stood))
    }
}

#[cfg(test)]
mod tests;
