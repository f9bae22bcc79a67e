//! The two bytes that tell one replica's keys and log entries from another's.

use std::fmt;

/// The key prefix of a replica, given out by the data directory and never given out again.
///
/// 0 belongs to the process itself and is never a replica's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaPrefix(u16);

impl ReplicaPrefix {
    /// A prefix from its number. Outside of tests it comes from [`DataDirectory::prefix_of`].
    ///
    /// [`DataDirectory::prefix_of`]: crate::DataDirectory::prefix_of
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The bytes before every key; big-endian, so that keys are ordered by prefix number.
    #[must_use]
    pub const fn bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for ReplicaPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04x}", self.0)
    }
}
