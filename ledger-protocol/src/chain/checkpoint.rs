//! A checkpoint: what an auditor trusts, and nothing else.

use crate::codec::Tag;
use crate::identifiers::{ChainId, Hash, Height};
use crate::suite::hash_object;
use borsh::{BorshDeserialize, BorshSerialize};

use super::certificate::CertificateKind;
use super::header::Header;

/// Chain, suite (in the chain id), height, header hash and who certifies the next height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Checkpoint {
    /// The chain.
    pub chain: ChainId,
    /// Kind of the chain's certificates.
    pub kind: CertificateKind,
    /// The trusted height.
    pub height: Height,
    /// Hash of the header there.
    pub header_hash: Hash,
    /// Hash of the validator set that certifies the next height.
    pub next_validators_hash: Hash,
}

impl Checkpoint {
    /// The checkpoint at a header.
    pub fn at(header: &Header, kind: CertificateKind) -> Self {
        Self {
            chain: header.chain,
            kind,
            height: header.height,
            header_hash: header.hash(),
            next_validators_hash: header.next_validators_hash,
        }
    }

    /// A fingerprint to read aloud: `H(tag ‖ checkpoint)` by the chain's suite; the first 20 bytes suffice.
    pub fn fingerprint(&self) -> Hash {
        hash_object(self.chain.suite, Tag::CHECKPOINT, self)
    }
}
