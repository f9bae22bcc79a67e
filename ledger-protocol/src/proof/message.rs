//! Proofs of a message that a chain sent.
//!
//! Beneath a header: its outbox leaf for the receiver, and the message in the tree under that leaf. The header is tied
//! either to a checkpoint of the sending chain ([`AnchoredMessage`]) or, in a bundle, to what the relay trusted of that
//! chain ([`MessageProof`] with a [`ClientRecord`]). Errors: [`ProofError`].

use super::ProofError;
use super::client::verify_leaf;
use super::header::{HeaderProof, OlderHeader, ProvenHeader, check_hash, check_header, check_history};
use crate::chain::{Checkpoint, FinalityCertificate, Header, ValidatorSet};
use crate::codec::{Tag, encode};
use crate::identifiers::SuiteHash;
use crate::interchain::{HistoryPath, LeafPath, Message};
use crate::merkle::{InclusionPath, LeafHash, verify_inclusion};
use crate::suite::hash_object;
use crate::system::ClientRecord;
use borsh::{BorshDeserialize, BorshSerialize};

/// A message with its place beneath a header's outbox root.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MessageInclusion {
    /// The outbox leaf for the message's receiver.
    pub leaf: LeafPath,
    /// The message.
    pub message: Message,
    /// Its path in the messages tree; index = its sequence − the leaf's first, size = the leaf's count.
    pub path: InclusionPath,
}

impl MessageInclusion {
    /// Checks the message under a header whose standing is the caller's affair.
    pub(super) fn check_under(&self, header: &Header) -> Result<(), ProofError> {
        let suite = header.chain.suite;
        if self.message.source != header.chain {
            return Err(ProofError::OtherChain { found: self.message.source, expected: header.chain });
        }
        let leaf = verify_leaf(header, &self.leaf, &self.message.destination)?;
        let index = self.message.sequence.0.checked_sub(leaf.first.0);
        let index = index.ok_or(ProofError::Mismatch("the message is older than the list under the leaf"))?;
        let _leaf =
            verify_inclusion(suite, LeafHash::of(suite, &encode(&self.message)), index, leaf.count.into(), &self.path)
                .and_then(|recomputed| recomputed.expect_root(&leaf.messages_root))
                .map_err(ProofError::path("message in the list"))?;
        Ok(())
    }
}

/// A message of a chain, tied to a checkpoint of that chain.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AnchoredMessage {
    /// The sending block's header.
    pub header: HeaderProof,
    /// The message.
    pub inclusion: MessageInclusion,
}

/// A message that is final.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct VerifiedMessage {
    /// The sending block's header.
    pub header: ProvenHeader,
    /// The message.
    pub message: Message,
}

impl AnchoredMessage {
    /// Verifies the proof from a checkpoint of the sending chain.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<VerifiedMessage, ProofError> {
        self.inclusion.check_under(self.header.claimed()?)?;
        let header = self.header.verify(checkpoint)?;
        Ok(VerifiedMessage { header, message: self.inclusion.message.clone() })
    }
}

/// A message beneath a certified header of its chain.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum MessageProof {
    /// The sending block itself is certified.
    Direct {
        /// The sending block's header.
        header: Box<Header>,
        /// Over that header.
        certificate: FinalityCertificate,
        /// The message.
        inclusion: MessageInclusion,
    } = 1,
    /// The sending block stands in the history of a certified one.
    Historic {
        /// The certified header.
        certified: Box<Header>,
        /// Over that header.
        certificate: FinalityCertificate,
        /// The sending block's header.
        older: Box<OlderHeader>,
        /// The message.
        inclusion: MessageInclusion,
    } = 2,
}

/// Where the certified header of a [`MessageProof`] stands as seen from the receiver's client record.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ClientStanding {
    /// It is the header that the record trusts.
    Trusted = 1,
    /// It stands in the history of the header that the record trusts.
    InHistory {
        /// The trusted header.
        trusted: Box<Header>,
        /// The certified header's hash in its history.
        path: HistoryPath,
    } = 2,
}

/// A message that a chain sent, as another chain's client record vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct VouchedMessage<'a> {
    /// The sending block's header.
    pub header: &'a Header,
    /// The message.
    pub message: &'a Message,
}

impl MessageProof {
    /// The certified header and its certificate.
    pub const fn certified(&self) -> (&Header, &FinalityCertificate) {
        match self {
            Self::Direct { header, certificate, .. } => (header, certificate),
            Self::Historic { certified, certificate, .. } => (certified, certificate),
        }
    }

    /// Every hash link from the client record down to the message; the certificate comes later.
    pub(super) fn check_links(
        &self,
        record: &ClientRecord,
        standing: &ClientStanding,
    ) -> Result<VouchedMessage<'_>, ProofError> {
        let (certified, _) = self.certified();
        check_header(certified, &record.chain)?;
        if record.header_hash_on_source.suite != record.chain.suite {
            return Err(ProofError::Mismatch("the client record holds a hash of another suite than its chain's"));
        }
        let trusted_hash = &record.header_hash_on_source.hash;
        match standing {
            ClientStanding::Trusted => check_hash("the header that the relay trusted", trusted_hash, certified.hash())?,
            ClientStanding::InHistory { trusted, path } => {
                check_header(trusted, &record.chain)?;
                check_hash("the header that the relay trusted", trusted_hash, trusted.hash())?;
                let (height, hash) = (certified.height, certified.hash());
                check_history(trusted, height, &hash, path, "certified header in the trusted history")?;
            }
        }
        let (header, inclusion) = match self {
            Self::Direct { header, inclusion, .. } => (&**header, inclusion),
            Self::Historic { certified, older, inclusion, .. } => (older.check_under(certified)?, inclusion),
        };
        inclusion.check_under(header)?;
        Ok(VouchedMessage { header, message: &inclusion.message })
    }

    /// Verifies that the chain of `record` sent the message, final under the set that the certified header names, in a
    /// block that the holder of `record` trusted. The record is the caller's to vouch for.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(
        &self,
        record: &ClientRecord,
        standing: &ClientStanding,
        validators: &ValidatorSet,
    ) -> Result<VouchedMessage<'_>, ProofError> {
        let vouched = self.check_links(record, standing)?;
        let (certified, certificate) = self.certified();
        let _certificate = certificate.verify(certified, validators, record.kind)?;
        Ok(vouched)
    }
}

/// The hash of a whole message by its source's suite: what a proposal's record notes of a Vote or an Outcome.
pub fn message_hash(message: &Message) -> SuiteHash {
    let suite = message.source.suite;
    suite.foreign(hash_object(suite, Tag::VOTE, message))
}
