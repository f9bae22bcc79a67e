//! How a header is tied to a checkpoint: the common beginning of every proof that is checked offline.
//!
//! Three ways: the checkpoint's own header; a header below it, in its history; a header above it, certified by the
//! set that the checkpoint names, after zero or more hand-offs, or in the history of such a header.
//!
//! Invariant: every hash link is checked before the first signature. Bounds: at most [`MAX_PROOF_HANDOFFS`] hand-offs;
//! whoever is further behind takes a newer checkpoint. Errors: [`ProofError`].

use super::ProofError;
use super::client::{TrustedHeader, verify_handoff, verify_in_history, verify_new_head};
use crate::chain::{Checkpoint, FinalityCertificate, Header, Parameters, ValidatorSet};
use crate::codec::Bounded;
use crate::identifiers::{ChainId, Hash, Height, TimestampMs};
use crate::interchain::{Handoff, HistoryPath};
use borsh::{BorshDeserialize, BorshSerialize};

/// Most hand-offs between a checkpoint and a header.
pub const MAX_PROOF_HANDOFFS: usize = 256;

/// A header with its place in the history of a newer one.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OlderHeader {
    /// The header.
    pub header: Header,
    /// Its hash in the newer header's history; index = its height, size = the newer height.
    pub path: HistoryPath,
}

/// The newest header of a proof that goes above its checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum CertifiedHead {
    /// A header that hands nothing off.
    New {
        /// The header.
        header: Box<Header>,
        /// By the set that is trusted after the last hand-off.
        certificate: FinalityCertificate,
        /// The header trusted before (checkpoint or last hand-off) in the history of `header`.
        trusted_path: HistoryPath,
    } = 1,
    /// The last hand-off's header.
    Handoff = 2,
}

/// The header that a proof is about, as seen from its newest header.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Target {
    /// The newest header itself.
    Head = 1,
    /// A header in its history.
    Older(Box<OlderHeader>) = 2,
}

/// A header above its checkpoint, or in the history of one.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AboveCheckpoint {
    /// The set behind the checkpoint's next validators hash.
    pub validators: ValidatorSet,
    /// Every hand-off between the checkpoint and the head, oldest first.
    pub handoffs: Bounded<Handoff, MAX_PROOF_HANDOFFS>,
    /// The newest header.
    pub head: CertifiedHead,
    /// The header that is meant.
    pub target: Target,
}

/// How a header is tied to a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum HeaderProof {
    /// It is the checkpoint's header.
    Checkpoint {
        /// The header.
        header: Box<Header>,
    } = 1,
    /// It stands in the history of the checkpoint's header.
    Below {
        /// The checkpoint's header.
        checkpoint: Box<Header>,
        /// The header that is meant.
        older: Box<OlderHeader>,
    } = 2,
    /// It, or a header whose history holds it, is certified above the checkpoint.
    Above(Box<AboveCheckpoint>) = 3,
}

/// A header that follows from a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct ProvenHeader {
    header: Header,
    hash: Hash,
    handoffs: Vec<Height>,
}

impl ProvenHeader {
    /// The header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Its hash.
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Heights of the hand-offs that had to be trusted on the way from the checkpoint, oldest first.
    pub fn handoffs(&self) -> &[Height] {
        &self.handoffs
    }
}

impl OlderHeader {
    /// The header after checking that it stands in the history of `newer`, whose standing is the caller's affair.
    ///
    /// # Errors
    /// [`ProofError`].
    pub(super) fn check_under(&self, newer: &Header) -> Result<&Header, ProofError> {
        check_header(&self.header, &newer.chain)?;
        check_history(newer, self.header.height, &self.header.hash(), &self.path, "older header in the history")?;
        Ok(&self.header)
    }
}

impl HeaderProof {
    /// The header that this proof is about. Nothing is verified yet: the verifiers of larger proofs check their own
    /// hash links under it before they pay for signatures.
    pub(super) fn claimed(&self) -> Result<&Header, ProofError> {
        match self {
            Self::Checkpoint { header } => Ok(header),
            Self::Below { older, .. } => Ok(&older.header),
            Self::Above(above) => match &above.target {
                Target::Head => above.head_header(),
                Target::Older(older) => Ok(&older.header),
            },
        }
    }

    /// Verifies that the header follows from `checkpoint`.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<ProvenHeader, ProofError> {
        if checkpoint.header_hash.is_zero() || checkpoint.next_validators_hash.is_zero() {
            return Err(ProofError::Zero("a hash of the checkpoint"));
        }
        let header = match self {
            Self::Checkpoint { header } => check_is_checkpoint(header, checkpoint)?,
            Self::Below { checkpoint: own, older } => older.check_under(check_is_checkpoint(own, checkpoint)?)?,
            Self::Above(above) => above.verify(checkpoint)?,
        };
        let handoffs = match self {
            Self::Above(above) => above.handoffs.iter().map(|handoff| handoff.header.height).collect(),
            Self::Checkpoint { .. } | Self::Below { .. } => Vec::new(),
        };
        Ok(ProvenHeader { header: header.clone(), hash: header.hash(), handoffs })
    }
}

impl AboveCheckpoint {
    fn head_header(&self) -> Result<&Header, ProofError> {
        match &self.head {
            CertifiedHead::New { header, .. } => Ok(header),
            CertifiedHead::Handoff => self
                .handoffs
                .last()
                .map(|handoff| &handoff.header)
                .ok_or(ProofError::Mismatch("the proof ends at a hand-off but holds none")),
        }
    }

    fn verify(&self, checkpoint: &Checkpoint) -> Result<&Header, ProofError> {
        self.check_links(checkpoint)?;
        let mut trusted = TrustedHeader {
            chain: checkpoint.chain,
            kind: checkpoint.kind,
            height: checkpoint.height,
            header_hash: checkpoint.header_hash,
            timestamp_ms: TimestampMs::ZERO,
            next_validators: self.validators.clone(),
        };
        for handoff in &self.handoffs {
            trusted = verify_handoff(&trusted, handoff)?;
        }
        if let CertifiedHead::New { header, certificate, trusted_path } = &self.head {
            let _verified = verify_new_head(&trusted, header, certificate, trusted_path)?;
        }
        match &self.target {
            Target::Head => self.head_header(),
            Target::Older(older) => Ok(&older.header),
        }
    }

    /// Every hash link of the way, without a signature.
    fn check_links(&self, checkpoint: &Checkpoint) -> Result<(), ProofError> {
        let suite = checkpoint.chain.suite;
        let mut known = (checkpoint.height, checkpoint.header_hash);
        let mut set = checkpoint.next_validators_hash;
        check_hash("the checkpoint's next validators", &set, self.validators.hash(suite))?;
        let step = |header: &Header, path: &HistoryPath, known: (Height, Hash), set: &Hash| {
            check_header(header, &checkpoint.chain)?;
            if header.height <= known.0 {
                return Err(ProofError::NotAbove { found: header.height, trusted: known.0 });
            }
            check_hash("the validators that a header above the checkpoint names", set, header.validators_hash)?;
            check_history(header, known.0, &known.1, path, "trusted header in the history of a newer one")
        };
        for handoff in &self.handoffs {
            step(&handoff.header, &handoff.trusted_path, known, &set)?;
            let shown = handoff.next_validators.hash(suite);
            check_hash("the set that a hand-off names", &handoff.header.next_validators_hash, shown)?;
            known = (handoff.header.height, handoff.header.hash());
            set = shown;
        }
        if let CertifiedHead::New { header, trusted_path, .. } = &self.head {
            step(header, trusted_path, known, &set)?;
        }
        if let Target::Older(older) = &self.target {
            older.check_under(self.head_header()?)?;
        }
        Ok(())
    }
}

/// That a header is of `chain` and of a protocol version that is spoken here.
pub(super) fn check_header(header: &Header, chain: &ChainId) -> Result<(), ProofError> {
    if header.chain != *chain {
        return Err(ProofError::OtherChain { found: header.chain, expected: *chain });
    }
    if header.version != Parameters::PROTOCOL_VERSION {
        return Err(ProofError::ProtocolVersion {
            height: header.height,
            found: header.version,
            expected: Parameters::PROTOCOL_VERSION,
        });
    }
    Ok(())
}

/// That two hashes are equal and not the zero hash.
pub(super) fn check_hash(what: &'static str, expected: &Hash, found: Hash) -> Result<(), ProofError> {
    if expected.is_zero() {
        return Err(ProofError::Zero(what));
    }
    if found != *expected {
        return Err(ProofError::OtherHash { what, expected: *expected, found });
    }
    Ok(())
}

/// That `header` is the one a checkpoint names, in every field of the checkpoint.
pub(super) fn check_is_checkpoint<'a>(header: &'a Header, checkpoint: &Checkpoint) -> Result<&'a Header, ProofError> {
    check_header(header, &checkpoint.chain)?;
    if header.height != checkpoint.height {
        let (expected, found) = (checkpoint.height, header.height);
        return Err(ProofError::OtherHeight { what: "the checkpoint's header", expected, found });
    }
    check_hash("the checkpoint's header", &checkpoint.header_hash, header.hash())?;
    check_hash("the checkpoint's next validators", &checkpoint.next_validators_hash, header.next_validators_hash)?;
    Ok(header)
}

/// That `hash` stands at `height` in the history of `newer`.
pub(super) fn check_history(
    newer: &Header,
    height: Height,
    hash: &Hash,
    path: &HistoryPath,
    what: &'static str,
) -> Result<(), ProofError> {
    verify_in_history(newer, height, hash, path).map_err(ProofError::path(what))
}
