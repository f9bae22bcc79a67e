//! Canonical encoding: borsh with bounded lengths, sorted collections, explicit codes and domain tags.
//!
//! Invariant: for every type of this crate `decode(encode(x)) == x` and `encode(decode(bytes)) == bytes`.
//! Errors: [`DecodeError`], never a panic, for any input bytes.

mod bounded;
mod coded;
mod sorted;
mod tag;

pub use bounded::{Bounded, BoundedBytes, Text};
pub use sorted::{Ordered, SortedVec};
pub use tag::Tag;

use borsh::{BorshDeserialize, BorshSerialize};

/// Bytes that are not the canonical encoding of the expected type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The input is longer than the caller's limit; nothing was decoded.
    #[error("input has {got} bytes, at most {limit} are accepted here")]
    TooLong {
        /// Bytes offered.
        got: usize,
        /// Bytes accepted.
        limit: usize,
    },
    /// The bytes do not decode: truncated, a bound exceeded, an unknown code, an unsorted list or bytes left over.
    #[error("not a canonical encoding: {0}")]
    Malformed(String),
}

/// The canonical bytes of a value.
///
/// Deterministic. Encoding into memory cannot fail for the types of this crate: every length is bounded far
/// below `u32::MAX`, the only limit borsh has.
pub fn encode<T: BorshSerialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    match value.serialize(&mut out) {
        Ok(()) => out,
        Err(error) => unreachable!("encoding into memory failed: {error}"),
    }
}

/// Decodes exactly one value from `bytes`; left-over bytes are an error.
///
/// # Errors
/// [`DecodeError::TooLong`] above `limit` bytes, [`DecodeError::Malformed`] for everything else.
pub fn decode<T: BorshDeserialize>(bytes: &[u8], limit: usize) -> Result<T, DecodeError> {
    if bytes.len() > limit {
        return Err(DecodeError::TooLong { got: bytes.len(), limit });
    }
    T::try_from_slice(bytes).map_err(|error| DecodeError::Malformed(error.to_string()))
}

pub(crate) fn invalid(what: impl Into<String>) -> borsh::io::Error {
    borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, what.into())
}

pub(crate) use coded::coded_enum;

#[cfg(test)]
mod tests;
