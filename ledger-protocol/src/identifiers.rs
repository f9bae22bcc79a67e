//! Newtypes for every id, height and count, so that two of them are never mixed up.
//!
//! No `From<u64>`: a bare number is turned into a height on purpose or not at all. Arithmetic is checked.

use crate::codec::Text;
use crate::suite::Suite;
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;

/// A 32-byte digest of the chain's own suite.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The zero hash. It stands for "none" in header 0 and is refused everywhere else.
    pub const ZERO: Hash = Hash([0; 32]);

    /// The digest's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this is [`Hash::ZERO`].
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub $inner);

        impl $name {
            /// Zero.
            pub const ZERO: $name = $name(0);

            /// The next one; `None` at the end of the range.
            pub fn next(self) -> Option<Self> {
                self.0.checked_add(1).map(Self)
            }

            /// The one before; `None` at zero.
            pub fn previous(self) -> Option<Self> {
                self.0.checked_sub(1).map(Self)
            }

            /// `count` further; `None` at the end of the range.
            pub fn checked_add(self, count: $inner) -> Option<Self> {
                self.0.checked_add(count).map(Self)
            }

            /// `count` further, or the end of the range.
            pub const fn saturating_add(self, count: $inner) -> Self {
                Self(self.0.saturating_add(count))
            }

            /// `count` back, or zero.
            pub const fn saturating_sub(self, count: $inner) -> Self {
                Self(self.0.saturating_sub(count))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A block's height; header 0 is derived from the genesis.
    Height(u64)
}
number! {
    /// A round of consensus within a height.
    Round(u32)
}
number! {
    /// A ledger of a chain; ledger 0 is the system ledger.
    LedgerId(u32)
}
number! {
    /// The version of one key: 0 is the first write, every later write or delete adds one, it never restarts.
    Version(u64)
}
number! {
    /// A place in a gapless numbering: messages of one (source, destination), events of one topic, one signer's transactions.
    Sequence(u64)
}
number! {
    /// Milliseconds since 1970-01-01 UTC.
    TimestampMs(u64)
}

impl LedgerId {
    /// The system ledger: only its own operations change it.
    pub const SYSTEM: LedgerId = LedgerId(0);
}

/// A digest together with the suite that made it: the only form in which a chain holds another chain's hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct SuiteHash {
    /// The suite of the chain that made the digest.
    pub suite: Suite,
    /// The digest.
    pub hash: Hash,
}

impl fmt::Debug for SuiteHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SuiteHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.suite, self.hash)
    }
}

/// A chain: the suite it uses for everything and the hash of its genesis. Text form: bech32m, `ctchain1…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct ChainId {
    /// The chain's suite.
    pub suite: Suite,
    /// `H(tag ‖ genesis)` by that suite.
    pub hash: Hash,
}

/// An identity: `H(tag ‖ suite ‖ public key)`. Text form: bech32m, `ctaddr1…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Address {
    /// The key's suite.
    pub suite: Suite,
    /// The digest, by the key's suite.
    pub hash: Hash,
}

/// A transaction's id: `H(tag ‖ body)` by the chain's suite; signatures stand outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct TransactionId(pub Hash);

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A proposal's id: `H(tag ‖ relay chain ‖ proposer ‖ nonce ‖ body)` by the relay's suite. Text form: bech32m, `ctprop1…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct ProposalId(pub SuiteHash);

/// The name of an account within a ledger, at most 64 bytes.
pub type AccountName = Text<64>;

/// The name of an organisation, at most 64 bytes.
pub type Organisation = Text<64>;

impl crate::codec::Ordered for Address {
    type Key = Address;
    fn key(&self) -> Address {
        *self
    }
}

impl crate::codec::Ordered for ChainId {
    type Key = ChainId;
    fn key(&self) -> ChainId {
        *self
    }
}
