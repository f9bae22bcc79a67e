//! Suites: a chain's hash and signature algorithms, chosen at genesis and used for everything on that chain.
//!
//! `standard` = Ed25519 (verified by ZIP-215) with SHA-256; `guomi` = SM2 (id `1234567812345678`) with SM3.

mod hashing;
mod keys;
#[cfg(feature = "stand-in-signatures")]
pub mod stand_in;
mod text;
mod verify;

pub use hashing::{Digester, hash_object};
pub use keys::{KeyError, SecretKey};
pub use text::TextFormError;
pub use verify::{BatchItem, SignatureError, VerifiedSignature, Verifier};

use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;

/// A chain's algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Suite {
    /// Ed25519 and SHA-256.
    Standard = 1,
    /// SM2 and SM3.
    Guomi = 2,
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "standard",
            Self::Guomi => "guomi",
        })
    }
}

/// A public key in its only accepted encoding; the variant names its suite.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum PublicKey {
    /// 32 bytes, RFC 8032.
    Ed25519([u8; 32]) = 1,
    /// 33 bytes, SEC1 compressed point on the SM2 curve.
    Sm2([u8; 33]) = 2,
}

impl PublicKey {
    /// The suite this key belongs to.
    pub const fn suite(&self) -> Suite {
        match self {
            Self::Ed25519(_) => Suite::Standard,
            Self::Sm2(_) => Suite::Guomi,
        }
    }

    /// The encoded key, without the suite byte.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(bytes) => bytes,
            Self::Sm2(bytes) => bytes,
        }
    }
}

/// A signature of 64 bytes: Ed25519 R‖S, or SM2 r‖s (DER exists only at the edge).
///
/// Two signatures of one key over one message may differ; nothing depends on their being equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests;
