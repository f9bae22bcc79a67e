//! The Store port: an ordered key-value store with atomic batches.
//!
//! Every implementation passes the conformance suite in `tests/`. Keys are ordered as byte strings.

mod batch;
mod memory;
#[cfg(test)]
mod tests;

pub use batch::WriteBatch;
pub use memory::MemoryStore;

/// The store could not answer: I/O. The host retries a bounded number of times or stops cleanly; it never
/// goes on as if the key were absent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct StoreFault(pub String);

/// A key with its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Read access to an ordered key-value store.
///
/// Reads see exactly the batches applied before; a reader handed to one execution never sees a later batch.
pub trait StoreReader {
    /// The value of a key.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault>;

    /// At most `limit` entries with `start ≤ key < end`, ascending.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O.
    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>, StoreFault>;

    /// The last (greatest) entry with `start ≤ key < end`.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O.
    fn last(&self, start: &[u8], end: &[u8]) -> Result<Option<Entry>, StoreFault>;

    /// Told once by an execution, when its rules are done and its changes and trees begin. A host may measure there;
    /// nothing depends on it.
    fn rules_done(&self) {}
}

/// Write access: a batch is applied whole or not at all.
pub trait StoreWriter: StoreReader {
    /// Applies a batch atomically. With `barrier`, it and everything before it is durable when this returns, and no reader
    /// sees anything of it before it is.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O; then nothing of the batch is visible.
    fn apply(&mut self, batch: &WriteBatch, barrier: bool) -> Result<(), StoreFault>;
}

impl<T: StoreReader + ?Sized> StoreReader for &T {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        (**self).get(key)
    }
    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<Entry>, StoreFault> {
        (**self).scan(start, end, limit)
    }
    fn last(&self, start: &[u8], end: &[u8]) -> Result<Option<Entry>, StoreFault> {
        (**self).last(start, end)
    }
    fn rules_done(&self) {
        (**self).rules_done();
    }
}
