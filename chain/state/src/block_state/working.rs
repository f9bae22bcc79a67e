//! Working entries of ledger 0: under the state root, without version or change, removed for good.

use super::BlockState;
use crate::place::{Place, constant_account};
use crate::store::{Entry, StoreFault};
use borsh::{BorshDeserialize, BorshSerialize};
use ledger_protocol::codec::{self, BoundedBytes};
use ledger_protocol::transaction::{StateContent, StateKey, StateValue};
use ledger_protocol::{LedgerId, Version};

/// Where a working entry stands: account `working:<area>` of ledger 0, apart from all records.
///
/// # Errors
/// [`StoreFault`] for a key above 256 bytes.
///
/// # Panics
/// When `area` is not part of an account name: it is a constant of the program.
pub fn working_place(area: &str, key: &[u8]) -> Result<Place, StoreFault> {
    let key = StateKey::new(key).map_err(|error| StoreFault(format!("a key of area {area}: {error}")))?;
    Ok(Place { ledger: LedgerId::SYSTEM, account: constant_account(&format!("working:{area}")), key })
}

impl BlockState<'_> {
    /// The bytes of a working entry.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O, a corrupt row or a key above 256 bytes.
    pub fn working(&self, area: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        self.inspect(&working_place(area, key)?, |value| value.map(|value| bytes(area, value).map(<[u8]>::to_vec)))?
            .transpose()
    }

    /// Sets a working entry.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O, a key above 256 bytes or a value above 512 KiB.
    pub fn put_working(&mut self, area: &str, key: &[u8], value: &[u8]) -> Result<(), StoreFault> {
        let place = working_place(area, key)?;
        let bytes =
            BoundedBytes::new(value).map_err(|error| StoreFault(format!("an entry of area {area}: {error}")))?;
        // Reading it first keeps the parent's entry in the cache, where `finish` compares.
        self.inspect(&place, |_| ())?;
        let value = StateValue { version: Version::ZERO, content: StateContent::Working(bytes) };
        self.top().entries.insert(place, Some(value));
        Ok(())
    }

    /// Removes a working entry; removing an absent one is no error.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O, a corrupt row or a key above 256 bytes.
    pub fn remove_working(&mut self, area: &str, key: &[u8]) -> Result<(), StoreFault> {
        let place = working_place(area, key)?;
        if self.inspect(&place, |value| value.is_some())? {
            self.top().entries.insert(place, None);
        }
        Ok(())
    }

    /// At most `limit` working entries whose key begins with `prefix` and is above `after`, ascending.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O, a corrupt row or a key above 256 bytes.
    pub fn scan_working(
        &self,
        area: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreFault> {
        let from = working_place(area, prefix)?;
        let after = after.map(|key| working_place(area, key)).transpose()?;
        let found = self.merged(&from, after.as_ref().map(|place| &place.key), limit)?;
        found.into_iter().map(|(key, value)| Ok((key.into_vec(), bytes(area, &value)?.to_vec()))).collect()
    }

    /// A decoded working entry.
    ///
    /// # Errors
    /// As [`Self::working`], and when the entry is no `T`.
    pub fn working_as<T: BorshDeserialize>(&self, area: &str, key: &[u8]) -> Result<Option<T>, StoreFault> {
        let decode = |value: &StateValue| crate::rows::decode(area, bytes(area, value)?);
        self.inspect(&working_place(area, key)?, |value| value.map(decode))?.transpose()
    }

    /// Sets a working entry to an encoded value.
    ///
    /// # Errors
    /// As [`Self::put_working`].
    pub fn put_working_as<T: BorshSerialize>(&mut self, area: &str, key: &[u8], value: &T) -> Result<(), StoreFault> {
        self.put_working(area, key, &codec::encode(value))
    }
}

fn bytes<'v>(area: &str, value: &'v StateValue) -> Result<&'v [u8], StoreFault> {
    match &value.content {
        StateContent::Working(bytes) => Ok(bytes),
        _ => Err(StoreFault(format!("an entry of area {area} is no working entry"))),
    }
}
