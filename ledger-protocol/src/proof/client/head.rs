//! Rule R7: which headers of a chain a client that trusts one of them accepts.

use super::error::ClientError;
use super::list::verify_in_history;
use crate::chain::{CertificateKind, FinalityCertificate, Header, Parameters, ValidatorSet};
use crate::identifiers::{ChainId, Hash, Height, TimestampMs};
use crate::interchain::{Handoff, HistoryPath};
use borsh::{BorshDeserialize, BorshSerialize};

/// What a client trusts of another chain.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TrustedHeader {
    /// The chain.
    pub chain: ChainId,
    /// Kind of its certificates.
    pub kind: CertificateKind,
    /// The trusted height.
    pub height: Height,
    /// Hash of the header there, by the chain's suite.
    pub header_hash: Hash,
    /// Its block time; 0 where only the hash was given (a genesis anchor, a checkpoint).
    pub timestamp_ms: TimestampMs,
    /// The set that certifies the next height.
    pub next_validators: ValidatorSet,
}

impl TrustedHeader {
    /// Trusts a header and the set behind its next validators hash; for registrations and tests.
    ///
    /// # Errors
    /// [`ClientError::NextSet`] for another set, [`ClientError::Validators`] for one that is not acceptable,
    /// [`ClientError::Version`].
    pub fn at(header: &Header, kind: CertificateKind, next_validators: ValidatorSet) -> Result<Self, ClientError> {
        check_version(header)?;
        let suite = header.chain.suite;
        let got = next_validators.hash(suite);
        if got != header.next_validators_hash {
            return Err(ClientError::NextSet { got, expected: header.next_validators_hash });
        }
        next_validators.check(suite)?;
        Ok(Self {
            chain: header.chain,
            kind,
            height: header.height,
            header_hash: header.hash(),
            timestamp_ms: header.timestamp_ms,
            next_validators,
        })
    }

    /// Hash of the set that certifies the next height.
    pub fn next_validators_hash(&self) -> Hash {
        self.next_validators.hash(self.chain.suite)
    }

    /// The same trust moved to a verified header that hands nothing off.
    pub(super) fn moved_to(&self, head: &VerifiedHeader) -> Self {
        Self {
            height: head.header.height,
            header_hash: head.hash,
            timestamp_ms: head.header.timestamp_ms,
            ..self.clone()
        }
    }
}

/// A header that a client may trust: certified by the trusted set, or in the history of one that is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct VerifiedHeader {
    header: Header,
    hash: Hash,
}

impl VerifiedHeader {
    /// The header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Its hash.
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Wraps a header whose standing the caller of this module has established.
    pub(super) fn vouched(header: Header) -> Self {
        let hash = header.hash();
        Self { header, hash }
    }
}

/// Refuses a version that this code does not speak: its header could mean something else.
pub(super) fn check_version(header: &Header) -> Result<(), ClientError> {
    if header.version != Parameters::PROTOCOL_VERSION {
        return Err(ClientError::Version { height: header.height, version: header.version });
    }
    Ok(())
}

pub(super) fn check_chain(got: &ChainId, expected: &ChainId) -> Result<(), ClientError> {
    if got != expected {
        return Err(ClientError::OtherChain { got: *got, expected: *expected });
    }
    Ok(())
}

/// The hash links of a header above the trusted one, without its certificate.
pub(super) fn check_above(
    trusted: &TrustedHeader,
    header: &Header,
    trusted_path: &HistoryPath,
) -> Result<(), ClientError> {
    check_chain(&header.chain, &trusted.chain)?;
    check_version(header)?;
    if header.height <= trusted.height {
        return Err(ClientError::NotAbove { got: header.height, trusted: trusted.height });
    }
    if header.timestamp_ms <= trusted.timestamp_ms {
        return Err(ClientError::Time { got: header.timestamp_ms, trusted: trusted.timestamp_ms });
    }
    let trusted_set = trusted.next_validators_hash();
    if header.validators_hash != trusted_set {
        return Err(ClientError::OtherSet { got: header.validators_hash, trusted: trusted_set });
    }
    check_history(header, trusted.height, &trusted.header_hash, trusted_path, "trusted header in the new one's history")
}

/// That `hash` stands at `height` in the history of `newer`.
pub(super) fn check_history(
    newer: &Header,
    height: Height,
    hash: &Hash,
    path: &HistoryPath,
    what: &'static str,
) -> Result<(), ClientError> {
    verify_in_history(newer, height, hash, path).map_err(ClientError::path(what))
}

/// The certificate by a set that the hash links have shown to be the right one.
pub(super) fn check_certificate(
    certificate: &FinalityCertificate,
    header: &Header,
    validators: &ValidatorSet,
    kind: CertificateKind,
) -> Result<(), ClientError> {
    #[cfg(feature = "planted-bugs")]
    if planted::is(planted::Plant::ForgedHeadAccepted) {
        return Ok(());
    }
    let _verified = certificate.verify(header, validators, kind)?;
    Ok(())
}

/// Verifies a header above the trusted one that hands nothing off (R7).
///
/// # Errors
/// [`ClientError`]; a hand-off header is refused as [`ClientError::IsHandoff`].
pub fn verify_new_head(
    trusted: &TrustedHeader,
    header: &Header,
    certificate: &FinalityCertificate,
    trusted_path: &HistoryPath,
) -> Result<VerifiedHeader, ClientError> {
    check_head_links(trusted, header, trusted_path)?;
    check_certificate(certificate, header, &trusted.next_validators, trusted.kind)?;
    Ok(VerifiedHeader::vouched(header.clone()))
}

/// The hash links of a head that hands nothing off.
pub(super) fn check_head_links(
    trusted: &TrustedHeader,
    header: &Header,
    trusted_path: &HistoryPath,
) -> Result<(), ClientError> {
    check_above(trusted, header, trusted_path)?;
    if header.is_handoff() {
        return Err(ClientError::IsHandoff(header.height));
    }
    Ok(())
}

/// Verifies a hand-off and returns the trust that follows it. Hand-offs cannot be skipped: the next one is certified
/// by the set that this one names.
///
/// # Errors
/// [`ClientError`].
pub fn verify_handoff(trusted: &TrustedHeader, handoff: &Handoff) -> Result<TrustedHeader, ClientError> {
    check_chain(&handoff.source, &trusted.chain)?;
    check_above(trusted, &handoff.header, &handoff.trusted_path)?;
    if !handoff.header.is_handoff() {
        return Err(ClientError::IsNoHandoff(handoff.header.height));
    }
    let next = TrustedHeader::at(&handoff.header, trusted.kind, handoff.next_validators.clone())?;
    check_certificate(&handoff.certificate, &handoff.header, &trusted.next_validators, trusted.kind)?;
    Ok(next)
}

/// Verifies that an older header stands in the history of a verified one.
///
/// # Errors
/// [`ClientError`].
pub fn verify_older(newer: &VerifiedHeader, older: &Header, path: &HistoryPath) -> Result<VerifiedHeader, ClientError> {
    check_older(newer.header(), older, path)
}

/// As [`verify_older`], below a header whose certificate is checked later.
pub(super) fn check_older(newer: &Header, older: &Header, path: &HistoryPath) -> Result<VerifiedHeader, ClientError> {
    check_chain(&older.chain, &newer.chain)?;
    check_version(older)?;
    let verified = VerifiedHeader::vouched(older.clone());
    check_history(newer, older.height, &verified.hash, path, "older header in the head's history")?;
    Ok(verified)
}
