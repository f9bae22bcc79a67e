//! Advances and hand-offs: how one chain's headers and messages reach another, with their proofs.
//!
//! Everything here is checked again inside the receiver's state machine (rules R7 and R9).

use super::outbox::{MessageList, OutboxLeaf};
use crate::chain::{FinalityCertificate, Header, ValidatorSet};
use crate::codec::Bounded;
use crate::identifiers::ChainId;
use crate::merkle::InclusionPath;
use borsh::{BorshDeserialize, BorshSerialize};

/// The RFC 9162 path of an older header hash in a newer header's history root; index = older height, size =
/// newer height.
pub type HistoryPath = InclusionPath;

/// An outbox leaf with its place and path under a header's outbox root.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LeafPath {
    /// The leaf.
    pub leaf: OutboxLeaf,
    /// Its index; the size is the header's outbox count.
    pub index: u32,
    /// The path.
    pub path: InclusionPath,
}

/// The header up to which an Advance delivers.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Head {
    /// A header above the trusted one.
    New {
        /// The header.
        header: Header,
        /// By the set that the receiver trusts for it.
        certificate: FinalityCertificate,
        /// The receiver's trusted header in the history of `header`.
        trusted_path: HistoryPath,
    } = 1,
    /// The receiver's trusted header itself; never without a list.
    Known {
        /// The header.
        header: Header,
    } = 2,
}

impl Head {
    /// The header.
    pub fn header(&self) -> &Header {
        match self {
            Self::New { header, .. } | Self::Known { header } => header,
        }
    }
}

/// One block of the source with its complete list for the receiver.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum DeliveredBlock {
    /// A block below the head.
    Older {
        /// Its header.
        header: Header,
        /// Its hash in the head's history.
        history_path: HistoryPath,
        /// Its leaf for the receiver.
        leaf: LeafPath,
        /// The complete list under that leaf.
        messages: MessageList,
    } = 1,
    /// The head itself; its leaf stands in the Advance.
    Head {
        /// The complete list under the head's leaf.
        messages: MessageList,
    } = 2,
}

impl DeliveredBlock {
    /// The messages.
    pub fn messages(&self) -> &MessageList {
        match self {
            Self::Older { messages, .. } | Self::Head { messages } => messages,
        }
    }
}

/// Headers and messages of one source for one receiver.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Advance {
    /// The source.
    pub source: ChainId,
    /// Up to where.
    pub head: Head,
    /// The head's outbox leaf for the receiver.
    pub leaf: LeafPath,
    /// Oldest first, whole blocks, no gap; at most 256 messages and 256 KiB in all.
    pub blocks: Bounded<DeliveredBlock, 256>,
}

/// One validator-set change of a source; cannot be skipped, headers between two of them can.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Handoff {
    /// The source.
    pub source: ChainId,
    /// The header whose next validators hash differs from its validators hash.
    pub header: Header,
    /// By the trusted set.
    pub certificate: FinalityCertificate,
    /// The receiver's trusted header in the history of `header`.
    pub trusted_path: HistoryPath,
    /// The set behind the header's next validators hash.
    pub next_validators: ValidatorSet,
}
