//! A store in memory: what the simulator and the tests run on.

use super::{StoreFault, StoreReader, StoreWriter, WriteBatch};
use std::collections::BTreeMap;
use std::ops::Bound;

/// An ordered map behind the Store port. Every batch is durable at once; the simulator models loss above it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryStore(BTreeMap<Vec<u8>, Vec<u8>>);

impl MemoryStore {
    /// Every entry, ascending.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// Applies a batch; what is left in it is the batch that undoes it.
    pub fn exchange(&mut self, batch: &mut WriteBatch) {
        for (key, value) in batch.iter_mut() {
            *value = match value.take() {
                None => self.0.remove(key),
                Some(new) => match self.0.get_mut(key) {
                    Some(stored) => Some(std::mem::replace(stored, new)),
                    None => self.0.insert(key.to_vec(), new),
                },
            };
        }
    }
}

impl StoreReader for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreFault> {
        if start >= end {
            return Ok(Vec::new());
        }
        let range = self.0.range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)));
        Ok(range.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn last(&self, start: &[u8], end: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreFault> {
        if start >= end {
            return Ok(None);
        }
        let mut range = self.0.range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)));
        Ok(range.next_back().map(|(key, value)| (key.clone(), value.clone())))
    }
}

impl StoreWriter for MemoryStore {
    fn apply(&mut self, batch: &WriteBatch, _barrier: bool) -> Result<(), StoreFault> {
        for (key, value) in batch.iter() {
            match value {
                Some(value) => self.0.insert(key.to_vec(), value.to_vec()),
                None => self.0.remove(key),
            };
        }
        Ok(())
    }
}
