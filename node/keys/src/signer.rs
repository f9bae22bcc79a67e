//! The signer port: what signs for a validator or an account, wherever its key is.

use ledger_protocol::suite::SecretKey;
use ledger_protocol::{PublicKey, Signature};
use std::fmt;

/// Signs with one key. Calls may block; two signatures over one message may differ.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The key's public half.
    fn public_key(&self) -> PublicKey;

    /// Signs `message`, which already starts with its domain tag.
    ///
    /// # Errors
    /// [`SignerFault`]: nothing was signed, and the caller may try again later.
    fn sign(&self, message: &[u8]) -> Result<Signature, SignerFault>;
}

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignerFault {
    /// The device or service that holds the key does not answer.
    #[error("the signer does not answer: {reason}")]
    Unavailable {
        /// What it said.
        reason: String,
    },
    /// The device or service refuses to sign.
    #[error("the signer refuses: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
}

/// A signer that holds a key of a [`KeyStore`](crate::KeyStore) in memory. It never fails.
#[derive(Clone)]
pub struct FileSigner {
    key: SecretKey,
    public_key: PublicKey,
}

impl FileSigner {
    /// A signer with this key.
    pub fn new(key: SecretKey) -> FileSigner {
        FileSigner { public_key: key.public_key(), key }
    }
}

impl Signer for FileSigner {
    fn public_key(&self) -> PublicKey {
        self.public_key
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerFault> {
        Ok(self.key.sign(message))
    }
}

impl fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileSigner({:?})", self.public_key)
    }
}
