//! A store as a process reads it from a disk that may answer with errors.
//!
//! Invariant: an error is never an absent key. Properties look at the stores themselves and meet no errors.

use chain_state::{MemoryStore, StoreFault, StoreReader};
use std::cell::Cell;

/// How many more reads a failing disk answers.
#[derive(Debug, Clone)]
pub(crate) struct ReadsLeft {
    answers: Cell<u64>,
    has_failed: Cell<bool>,
}

impl ReadsLeft {
    /// So many are answered, and then none.
    pub(crate) const fn new(answers: u64) -> Self {
        Self { answers: Cell::new(answers), has_failed: Cell::new(false) }
    }

    /// Whether a read was answered with an error.
    pub(crate) const fn has_failed(&self) -> bool {
        self.has_failed.get()
    }

    fn take(&self) -> Result<(), StoreFault> {
        match self.answers.get().checked_sub(1) {
            Some(left) => {
                self.answers.set(left);
                Ok(())
            }
            None => {
                self.has_failed.set(true);
                Err(StoreFault("the disk answers a read with an error".into()))
            }
        }
    }
}

/// The store of one replica on such a disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DiskReader<'d> {
    store: &'d MemoryStore,
    left: Option<&'d ReadsLeft>,
}

impl<'d> DiskReader<'d> {
    pub(super) const fn new(store: &'d MemoryStore, left: Option<&'d ReadsLeft>) -> Self {
        Self { store, left }
    }

    fn ask(&self) -> Result<&'d MemoryStore, StoreFault> {
        self.left.map_or(Ok(()), ReadsLeft::take)?;
        Ok(self.store)
    }
}

impl StoreReader for DiskReader<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        self.ask()?.get(key)
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreFault> {
        self.ask()?.scan(start, end, limit)
    }

    fn last(&self, start: &[u8], end: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreFault> {
        self.ask()?.last(start, end)
    }
}
