//! A store as a process reads it from a disk that may answer with errors.
//!
//! Invariant: an error is never an absent key. Properties look at the stores themselves and meet no errors.

use chain_state::{MemoryStore, StoreFault, StoreReader};
use std::cell::Cell;

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
