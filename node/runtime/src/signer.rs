//! A validator's key behind the consensus port.

use chain_consensus::VoteSigner;
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{PublicKey, Signature};

/// Signs votes with a key held in memory. The secret is wiped when it is dropped.
#[derive(Debug)]
pub(crate) struct KeyVoteSigner(SecretKey);

impl KeyVoteSigner {
    /// Takes the key.
    pub(crate) fn new(key: SecretKey) -> Self {
        Self(key)
    }
}

impl VoteSigner for KeyVoteSigner {
    fn public_key(&self) -> PublicKey {
        self.0.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, String> {
        Ok(self.0.sign(message))
    }
}
