//! The suite's hash function and the hash of tagged objects.

use super::Suite;
use crate::codec::{Tag, encode};
use crate::identifiers::{Hash, SuiteHash};
use borsh::BorshSerialize;
use sha2::Digest;

/// An incremental hash of one suite.
#[derive(Clone, Debug)]
pub enum Digester {
    /// SHA-256.
    Standard(sha2::Sha256),
    /// SM3.
    Guomi(sm3::Sm3),
}

impl Digester {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Standard(digest) => digest.update(bytes),
            Self::Guomi(digest) => digest.update(bytes),
        }
    }

    /// The digest of everything added.
    pub fn finish(self) -> Hash {
        match self {
            Self::Standard(digest) => Hash(digest.finalize().into()),
            Self::Guomi(digest) => Hash(digest.finalize().into()),
        }
    }
}

impl Suite {
    /// A fresh incremental hash.
    pub fn digester(self) -> Digester {
        match self {
            Self::Standard => Digester::Standard(sha2::Sha256::new()),
            Self::Guomi => Digester::Guomi(sm3::Sm3::new()),
        }
    }

    /// The digest of the concatenation of `parts`, without a tag: for tree nodes, which follow their standards.
    pub fn hash_parts(self, parts: &[&[u8]]) -> Hash {
        let mut digest = self.digester();
        for part in parts {
            digest.update(part);
        }
        digest.finish()
    }

    /// The digest of `tag ‖ parts`.
    pub fn hash_tagged(self, tag: Tag, parts: &[&[u8]]) -> Hash {
        let mut digest = self.digester();
        digest.update(tag.bytes());
        for part in parts {
            digest.update(part);
        }
        digest.finish()
    }

    /// This digest with its suite beside it.
    pub const fn foreign(self, hash: Hash) -> SuiteHash {
        SuiteHash { suite: self, hash }
    }
}

/// `H(tag ‖ borsh(object))` by `suite`.
pub fn hash_object<T: BorshSerialize + ?Sized>(suite: Suite, tag: Tag, object: &T) -> Hash {
    suite.hash_tagged(tag, &[&encode(object)])
}
