//! Verifies the certificates that come by block sync.
//!
//! Every hash link is checked before the first signature: chain, kind, height, header hash, validators hash, rounds,
//! bitmap, power; then every signature, none left out.

use ledger_protocol::chain::{
    CertificateError, CertificateKind, FinalityCertificate, Header, ValidatorSet, VoteKind, quorum, vote_sign_bytes,
};
use ledger_protocol::suite::{BatchItem, Verifier};

/// A header that a quorum of the given set certified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct VerifiedHeader<'a>(&'a Header);

impl<'a> VerifiedHeader<'a> {
    /// The header.
    pub const fn header(&self) -> &'a Header {
        self.0
    }
}

/// Verifies that `certificate` certifies `header` by `validators`.
///
/// # Errors
/// [`CertificateError`] names the first check that failed.
pub fn verify_certificate<'a>(
    header: &'a Header,
    certificate: &FinalityCertificate,
    kind: CertificateKind,
    validators: &ValidatorSet,
) -> Result<VerifiedHeader<'a>, CertificateError> {
    let suite = header.chain.suite;
    let header_hash = header.hash();
    if certificate.chain != header.chain
        || certificate.height != header.height
        || certificate.header_hash != header_hash
        || header_hash.is_zero()
    {
        return Err(CertificateError::OtherHeader { certified: certificate.header_hash, header: header_hash });
    }
    if certificate.kind != kind {
        return Err(CertificateError::Kind { got: certificate.kind, expected: kind });
    }
    let got = validators.hash(suite);
    if got != header.validators_hash {
        return Err(CertificateError::Validators { got, expected: header.validators_hash });
    }
    if certificate.round < header.round {
        return Err(CertificateError::Round { certificate: certificate.round, header: header.round });
    }
    let signers = certificate.signers.signers(validators.len()).ok_or(CertificateError::Bitmap)?;
    if signers.len() != certificate.signatures.len() {
        return Err(CertificateError::Bitmap);
    }
    let keys: Vec<_> = signers.iter().filter_map(|index| validators.validators().get(*index)).collect();
    let signed = keys.iter().map(|validator| validator.power).sum();
    let total = validators.total_power();
    let needed = quorum(kind, total);
    if signed < needed {
        return Err(CertificateError::Power { signed, total, needed });
    }
    let message =
        vote_sign_bytes(VoteKind::Precommit, kind, &header.chain, header.height, certificate.round, Some(&header_hash));
    let items: Vec<BatchItem<'_>> = keys
        .iter()
        .zip(&certificate.signatures)
        .map(|(validator, signature)| BatchItem { public_key: &validator.public_key, message: &message, signature })
        .collect();
    for (index, verdict) in signers.iter().zip(Verifier.verify_batch(&items)) {
        if verdict.is_err() {
            return Err(CertificateError::Signature { index: *index });
        }
    }
    Ok(VerifiedHeader(header))
}
