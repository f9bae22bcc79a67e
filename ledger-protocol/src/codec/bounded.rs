//! Lists, byte strings and texts with a length bound that is checked before memory is taken.

use super::invalid;
use borsh::io::{Read, Result, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;
use std::ops::Deref;

/// A list of at most `N` elements. Encoded as borsh's `Vec<T>`: `u32` count, then the elements.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bounded<T, const N: usize>(Vec<T>);

/// More elements than the type holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{got} elements where at most {limit} are allowed")]
pub struct TooMany {
    /// Elements offered.
    pub got: usize,
    /// Elements allowed.
    pub limit: usize,
}

impl<T, const N: usize> Bounded<T, N> {
    /// The bound.
    pub const LIMIT: usize = N;

    /// Takes a list of at most `N` elements.
    ///
    /// # Errors
    /// [`TooMany`] above the bound.
    pub fn new(items: Vec<T>) -> std::result::Result<Self, TooMany> {
        if items.len() > N { Err(TooMany { got: items.len(), limit: N }) } else { Ok(Self(items)) }
    }

    /// The empty list.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// The elements, given up.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const N: usize> Default for Bounded<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const N: usize> Deref for Bounded<T, N> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: fmt::Debug, const N: usize> fmt::Debug for Bounded<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T, const N: usize> TryFrom<Vec<T>> for Bounded<T, N> {
    type Error = TooMany;
    fn try_from(items: Vec<T>) -> std::result::Result<Self, TooMany> {
        Self::new(items)
    }
}

impl<'a, T, const N: usize> IntoIterator for &'a Bounded<T, N> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T, const N: usize> IntoIterator for Bounded<T, N> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: BorshSerialize, const N: usize> BorshSerialize for Bounded<T, N> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

impl<T: BorshDeserialize, const N: usize> BorshDeserialize for Bounded<T, N> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let count = u32::deserialize_reader(reader)? as usize;
        if count > N {
            return Err(invalid(format!("a list of {count} where at most {N} are allowed")));
        }
        // Memory grows with what is really there: a large count before few bytes takes nothing.
        let mut items = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            items.push(T::deserialize_reader(reader)?);
        }
        Ok(Self(items))
    }
}

/// A byte string of at most `N` bytes. Encoded as borsh's `Vec<u8>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct BoundedBytes<const N: usize>(Vec<u8>);

impl<const N: usize> BoundedBytes<N> {
    /// The bound in bytes.
    pub const LIMIT: usize = N;

    /// Takes at most `N` bytes.
    ///
    /// # Errors
    /// [`TooMany`] above the bound.
    pub fn new(bytes: impl Into<Vec<u8>>) -> std::result::Result<Self, TooMany> {
        let bytes = bytes.into();
        if bytes.len() > N { Err(TooMany { got: bytes.len(), limit: N }) } else { Ok(Self(bytes)) }
    }

    /// The bytes, given up.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl<const N: usize> Deref for BoundedBytes<N> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for BoundedBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(&self.0))
    }
}

impl<const N: usize> TryFrom<Vec<u8>> for BoundedBytes<N> {
    type Error = TooMany;
    fn try_from(bytes: Vec<u8>) -> std::result::Result<Self, TooMany> {
        Self::new(bytes)
    }
}

impl<const N: usize> BorshSerialize for BoundedBytes<N> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

impl<const N: usize> BorshDeserialize for BoundedBytes<N> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let count = u32::deserialize_reader(reader)? as usize;
        if count > N {
            return Err(invalid(format!("{count} bytes where at most {N} are allowed")));
        }
        let mut bytes = Vec::with_capacity(count.min(4096));
        let mut chunk = [0u8; 4096];
        let mut left = count;
        while left > 0 {
            let take = left.min(chunk.len());
            let (part, _) = chunk.split_at_mut(take);
            reader.read_exact(part)?;
            bytes.extend_from_slice(part);
            left -= take;
        }
        Ok(Self(bytes))
    }
}

/// A UTF-8 text of at most `N` bytes without control characters. Encoded as borsh's `String`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Text<const N: usize>(String);

/// A text that the protocol does not accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Too many bytes.
    #[error("{got} bytes of text where at most {limit} are allowed")]
    TooLong {
        /// Bytes offered.
        got: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A control character would make two different texts look alike.
    #[error("a text must not hold control characters")]
    Control,
}

impl<const N: usize> Text<N> {
    /// Takes a text of at most `N` bytes.
    ///
    /// # Errors
    /// [`TextError`] above the bound or with a control character.
    pub fn new(text: impl Into<String>) -> std::result::Result<Self, TextError> {
        let text = text.into();
        if text.len() > N {
            return Err(TextError::TooLong { got: text.len(), limit: N });
        }
        if text.chars().any(char::is_control) {
            return Err(TextError::Control);
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const N: usize> BorshSerialize for Text<N> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

impl<const N: usize> BorshDeserialize for Text<N> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let bytes = BoundedBytes::<N>::deserialize_reader(reader)?;
        let text = String::from_utf8(bytes.0).map_err(|_| invalid("a text that is not UTF-8"))?;
        Self::new(text).map_err(|error| invalid(error.to_string()))
    }
}
