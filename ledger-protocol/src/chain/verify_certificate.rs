//! Strict verification of finality certificates.
//!
//! Order of checks: what is certified (kind, chain, height, hash, round), then the validator set's hash, then the
//! bitmap, then the power, and the signatures last, because they are the only expensive part. Every signature must be
//! valid: one bad signature refuses a certificate whose others would reach the quorum.
//!
//! The validator set is trusted for what its hash says: that its keys are registrable was checked when it came into
//! force (genesis, validator change, hand-off), not here again for every block.

use super::certificate::{CertificateError, CertificateKind, FinalityCertificate, quorum};
use super::header::Header;
use super::validators::ValidatorSet;
use super::votes::{VoteKind, vote_sign_bytes};
use crate::identifiers::{ChainId, Hash, Height, Round};
use crate::suite::{BatchItem, Verifier};

/// What a verified certificate proves: a quorum of the named set promised finality for this header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct VerifiedCertificate {
    kind: CertificateKind,
    chain: ChainId,
    height: Height,
    round: Round,
    header_hash: Hash,
    signed_power: u64,
    total_power: u64,
}

impl VerifiedCertificate {
    /// What the signatures promise.
    pub const fn kind(&self) -> CertificateKind {
        self.kind
    }

    /// The chain.
    pub const fn chain(&self) -> &ChainId {
        &self.chain
    }

    /// The height.
    pub const fn height(&self) -> Height {
        self.height
    }

    /// The round in which this quorum formed; another certificate of the same header may name another.
    pub const fn round(&self) -> Round {
        self.round
    }

    /// The header that is final.
    pub const fn header_hash(&self) -> &Hash {
        &self.header_hash
    }

    /// The power that signed.
    pub const fn signed_power(&self) -> u64 {
        self.signed_power
    }

    /// The power of the whole set.
    pub const fn total_power(&self) -> u64 {
        self.total_power
    }
}

impl FinalityCertificate {
    /// Verifies that this certificate, of a chain of `kind`, makes `header` final by `validators`.
    ///
    /// # Errors
    /// [`CertificateError`] names the first thing that does not hold.
    pub fn verify(
        &self,
        header: &Header,
        validators: &ValidatorSet,
        kind: CertificateKind,
    ) -> Result<VerifiedCertificate, CertificateError> {
        self.check_subject(&header.chain, header.height, &header.hash(), kind)?;
        if self.round < header.round {
            return Err(CertificateError::Round { certificate: self.round, header: header.round });
        }
        let got = validators.hash(header.chain.suite);
        if got != header.validators_hash {
            return Err(CertificateError::Validators { got, expected: header.validators_hash });
        }
        self.check_signatures(validators)
    }

    /// Verifies a certificate for a header that the caller has checked already: that its hash is `header_hash`, that
    /// it names `validators`, and that its round is not above the certificate's.
    ///
    /// # Errors
    /// [`CertificateError`] names the first thing that does not hold.
    pub fn verify_hash(
        &self,
        chain: &ChainId,
        height: Height,
        header_hash: &Hash,
        validators: &ValidatorSet,
        kind: CertificateKind,
    ) -> Result<VerifiedCertificate, CertificateError> {
        self.check_subject(chain, height, header_hash, kind)?;
        self.check_signatures(validators)
    }

    fn check_subject(
        &self,
        chain: &ChainId,
        height: Height,
        header_hash: &Hash,
        kind: CertificateKind,
    ) -> Result<(), CertificateError> {
        if self.kind != kind {
            return Err(CertificateError::Kind { got: self.kind, expected: kind });
        }
        // Header 0 has no certificate, and the zero hash is no header's.
        let certifiable = height > Height::ZERO && !header_hash.is_zero();
        if !certifiable || self.chain != *chain || self.height != height || self.header_hash != *header_hash {
            return Err(CertificateError::OtherHeader { certified: self.header_hash, header: *header_hash });
        }
        Ok(())
    }

    fn check_signatures(&self, validators: &ValidatorSet) -> Result<VerifiedCertificate, CertificateError> {
        let signers = self.signers.signers(validators.len()).ok_or(CertificateError::Bitmap)?;
        if signers.len() != self.signatures.len() {
            return Err(CertificateError::Bitmap);
        }
        let message = vote_sign_bytes(
            VoteKind::Precommit,
            self.kind,
            &self.chain,
            self.height,
            self.round,
            Some(&self.header_hash),
        );
        let mut signed_power = 0u64;
        let mut items = Vec::with_capacity(signers.len());
        for (position, signature) in signers.iter().zip(self.signatures.iter()) {
            let validator = validators.validators().get(*position).ok_or(CertificateError::Bitmap)?;
            signed_power = signed_power.saturating_add(validator.power);
            items.push(BatchItem { public_key: &validator.public_key, message: &message, signature });
        }
        let total_power = validators.total_power();
        let needed = quorum(self.kind, total_power);
        #[cfg(feature = "planted-bugs")]
        let needed = if planted::is(planted::Plant::QuorumOffByOne) { total_power / 3 + 1 } else { needed };
        if signed_power < needed {
            return Err(CertificateError::Power { signed: signed_power, total: total_power, needed });
        }
        for (position, answer) in signers.iter().zip(Verifier.verify_batch(&items)) {
            if answer.is_err() {
                return Err(CertificateError::Signature { index: *position });
            }
        }
        Ok(VerifiedCertificate {
            kind: self.kind,
            chain: self.chain,
            height: self.height,
            round: self.round,
            header_hash: self.header_hash,
            signed_power,
            total_power,
        })
    }
}

#[cfg(test)]
mod tests;
