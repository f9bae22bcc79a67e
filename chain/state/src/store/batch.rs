//! A set of writes that is applied whole or not at all.

use std::collections::BTreeMap;

/// Puts and deletes, one per key; the last one of a key wins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteBatch(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl WriteBatch {
    /// Sets a key.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.0.insert(key.into(), Some(value.into()));
    }

    /// Removes a key; removing an absent key is no error.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        self.0.insert(key.into(), None);
    }

    /// What this batch says of a key: `None` nothing, `Some(None)` removed, `Some(Some(value))` set.
    pub fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.0.get(key).map(|value| value.as_deref())
    }

    /// The writes, ascending by key.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.0.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// The writes, ascending by key, to change what they set.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&[u8], &mut Option<Vec<u8>>)> {
        self.0.iter_mut().map(|(key, value)| (key.as_slice(), value))
    }

    /// Adds all writes of `other`, which win over earlier ones.
    pub fn extend(&mut self, other: WriteBatch) {
        self.0.extend(other.0);
    }

    /// Number of keys written.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
