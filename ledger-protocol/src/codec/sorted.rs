//! A list that is strictly ascending by a key, so that a set has exactly one encoding.

use super::bounded::{Bounded, TooMany};
use super::invalid;
use borsh::io::{Read, Result, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;
use std::ops::Deref;

/// What a [`SortedVec`] is sorted by.
pub trait Ordered {
    /// The sort key; two elements of one list never share it.
    type Key: Ord;
    /// The element's sort key.
    fn key(&self) -> Self::Key;
}

/// At most `N` elements, strictly ascending by [`Ordered::key`].
#[derive(Clone, PartialEq, Eq)]
pub struct SortedVec<T, const N: usize>(Bounded<T, N>);

/// Why a list is not a set of this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSorted {
    /// Above the bound.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Element `index` does not come strictly after its predecessor.
    #[error("element {index} is not strictly above the one before it")]
    Order {
        /// Position of the offending element.
        index: usize,
    },
}

impl<T: Ordered, const N: usize> SortedVec<T, N> {
    /// Takes a list that is already strictly ascending.
    ///
    /// # Errors
    /// [`NotSorted`] above the bound, out of order, or with a duplicate key.
    pub fn new(items: Vec<T>) -> std::result::Result<Self, NotSorted> {
        let items = Bounded::new(items)?;
        for (index, pair) in items.windows(2).enumerate() {
            if let [before, after] = pair
                && before.key() >= after.key()
            {
                return Err(NotSorted::Order { index: index + 1 });
            }
        }
        Ok(Self(items))
    }

    /// Sorts a list; duplicates stay an error.
    ///
    /// # Errors
    /// [`NotSorted`] above the bound or with a duplicate key.
    pub fn from_unsorted(mut items: Vec<T>) -> std::result::Result<Self, NotSorted> {
        items.sort_by_key(Ordered::key);
        Self::new(items)
    }

    /// The element with this key.
    pub fn find(&self, key: &T::Key) -> Option<&T> {
        let index = self.0.binary_search_by(|item| item.key().cmp(key)).ok()?;
        self.0.get(index)
    }

    /// The position of this key.
    pub fn position(&self, key: &T::Key) -> Option<usize> {
        self.0.binary_search_by(|item| item.key().cmp(key)).ok()
    }

    /// The elements, given up.
    pub fn into_vec(self) -> Vec<T> {
        self.0.into_vec()
    }
}

impl<T, const N: usize> Default for SortedVec<T, N> {
    fn default() -> Self {
        Self(Bounded::default())
    }
}

impl<T, const N: usize> Deref for SortedVec<T, N> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: fmt::Debug, const N: usize> fmt::Debug for SortedVec<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'a, T, const N: usize> IntoIterator for &'a SortedVec<T, N> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: BorshSerialize, const N: usize> BorshSerialize for SortedVec<T, N> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

impl<T: BorshDeserialize + Ordered, const N: usize> BorshDeserialize for SortedVec<T, N> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let items = Bounded::<T, N>::deserialize_reader(reader)?;
        Self::new(items.into_vec()).map_err(|error| invalid(error.to_string()))
    }
}
