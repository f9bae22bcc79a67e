//! Finality certificates: a quorum's precommits over one header, and the one quorum function.

use crate::codec::{Bounded, BoundedBytes};
use crate::identifiers::{ChainId, Hash, Height, Round};
use crate::suite::Signature;
use borsh::{BorshDeserialize, BorshSerialize};

use super::validators::MAX_VALIDATORS;

/// What a certificate's signatures promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum CertificateKind {
    /// Byzantine faults tolerated: more than two thirds signed.
    Bft = 1,
    /// Crash faults tolerated only: more than half signed.
    Cft = 2,
    /// A development chain: quorum as for `bft`; no registration outside a development network accepts it.
    Dev = 3,
}

/// The power that a certificate of `kind` needs of `total`: bft and dev ⌊2P/3⌋+1, cft ⌊P/2⌋+1.
///
/// Exact for every `total` up to 2³¹. Source: DESIGN §4; Buchman et al. 2018 ("The latest gossip on BFT
/// consensus") for bft.
pub const fn quorum(kind: CertificateKind, total: u64) -> u64 {
    match kind {
        CertificateKind::Bft | CertificateKind::Dev => (total / 3) * 2 + (total % 3) * 2 / 3 + 1,
        CertificateKind::Cft => total / 2 + 1,
    }
}

/// Which validators signed: bit `i % 8` of byte `i / 8` is validator `i` in set order; spare bits are zero.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignerBitmap(BoundedBytes<{ MAX_VALIDATORS / 8 }>);

impl SignerBitmap {
    /// A bitmap for a set of `validators` with these positions set.
    ///
    /// Positions at or above `validators` are ignored.
    pub fn new(validators: usize, signers: impl IntoIterator<Item = usize>) -> Self {
        let validators = validators.min(MAX_VALIDATORS);
        let mut bytes = vec![0u8; validators.div_ceil(8)];
        for signer in signers {
            if signer < validators
                && let Some(byte) = bytes.get_mut(signer / 8)
            {
                *byte |= 1 << (signer % 8);
            }
        }
        Self(BoundedBytes::new(bytes).unwrap_or_default())
    }

    /// Ascending positions of the set bits, or `None` when the bitmap does not have exactly the length of a set
    /// of `validators` or a spare bit is set.
    pub fn signers(&self, validators: usize) -> Option<Vec<usize>> {
        if self.0.len() != validators.div_ceil(8) {
            return None;
        }
        let mut signers = Vec::new();
        for (index, byte) in self.0.iter().enumerate() {
            for bit in 0..8 {
                if byte & (1 << bit) != 0 {
                    let position = index * 8 + bit;
                    if position >= validators {
                        return None;
                    }
                    signers.push(position);
                }
            }
        }
        Some(signers)
    }
}

/// A quorum's signatures over one header. Not unique for a header: never hash or compare it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct FinalityCertificate {
    /// What the signatures promise.
    pub kind: CertificateKind,
    /// The chain.
    pub chain: ChainId,
    /// The height.
    pub height: Height,
    /// The round in which this quorum formed; differs between nodes for one header.
    pub round: Round,
    /// The header certified.
    pub header_hash: Hash,
    /// Who signed.
    pub signers: SignerBitmap,
    /// One signature per set bit, in set order; every one is valid.
    pub signatures: Bounded<Signature, MAX_VALIDATORS>,
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The certificate is over another header, height or chain.
    #[error("the certificate is for {certified}, the header is {header}")]
    OtherHeader {
        /// What the certificate names.
        certified: Hash,
        /// What was to be proven.
        header: Hash,
    },
    /// Another kind than the chain's.
    #[error("a certificate of kind {got:?} where the chain's kind is {expected:?}")]
    Kind {
        /// Kind of the certificate.
        got: CertificateKind,
        /// Kind of the chain.
        expected: CertificateKind,
    },
    /// The validator set offered is not the one the header names.
    #[error("the header names validators {expected}, the set offered hashes to {got}")]
    Validators {
        /// Hash of the set offered.
        got: Hash,
        /// Hash the header names.
        expected: Hash,
    },
    /// Wrong bitmap length, a spare bit set, or not as many signatures as bits.
    #[error("the signer bitmap does not fit the validator set and the signatures")]
    Bitmap,
    /// One signature of the certificate is not valid.
    #[error("the signature of validator {index} is not valid")]
    Signature {
        /// Position in set order.
        index: usize,
    },
    /// Below the quorum.
    #[error("signed by power {signed} of {total}, {needed} is needed")]
    Power {
        /// Power that signed.
        signed: u64,
        /// Power of the set.
        total: u64,
        /// Power needed.
        needed: u64,
    },
    /// The round of the certificate is below the round in which the block was built.
    #[error("certificate round {certificate} is below header round {header}")]
    Round {
        /// Round of the certificate.
        certificate: Round,
        /// Round of the header.
        header: Round,
    },
}
