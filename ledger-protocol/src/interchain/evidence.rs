//! Evidence: two proven facts of one chain that cannot both be honest.

use super::advance::{HistoryPath, LeafPath};
use super::outbox::MessageList;
use crate::chain::{FinalityCertificate, Header, ValidatorSet};
use crate::identifiers::ChainId;
use borsh::{BorshDeserialize, BorshSerialize};

/// A header certified by a set that the evidence shows.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccusedHeader {
    /// The header.
    pub header: Header,
    /// The certificate over it.
    pub certificate: FinalityCertificate,
    /// The set behind the header's validators hash.
    pub validators: ValidatorSet,
}

/// A message proven under a certified header.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccusedMessage {
    /// The certified header.
    pub head: AccusedHeader,
    /// Its leaf for the relay.
    pub leaf: LeafPath,
    /// The complete list under that leaf.
    pub messages: MessageList,
    /// The place of the message in the list.
    pub index: u32,
}

/// Proof that a chain broke its promise.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Evidence {
    /// Two certificates of one (chain, height) over different headers.
    Equivocation {
        /// The accused chain.
        chain: ChainId,
        /// One header.
        first: AccusedHeader,
        /// The other.
        second: AccusedHeader,
    } = 1,
    /// A certified header whose history holds another hash where the trusted header stands.
    Fork {
        /// The accused chain.
        chain: ChainId,
        /// The certified header above the trusted height.
        header: AccusedHeader,
        /// The hash that its history holds at the trusted height.
        other_hash: crate::identifiers::Hash,
        /// That hash in the header's history.
        path: HistoryPath,
    } = 2,
    /// Two different Votes for one (id, h0, chain).
    DoubleVote {
        /// The accused chain.
        chain: ChainId,
        /// One vote.
        first: AccusedMessage,
        /// The other.
        second: AccusedMessage,
    } = 3,
    /// An Outcome that contradicts the Decision or the voted root, as the relay's own record shows.
    ContradictingOutcome {
        /// The accused chain.
        chain: ChainId,
        /// The outcome.
        outcome: AccusedMessage,
    } = 4,
}

impl Evidence {
    /// The accused chain.
    pub fn chain(&self) -> &ChainId {
        match self {
            Self::Equivocation { chain, .. }
            | Self::Fork { chain, .. }
            | Self::DoubleVote { chain, .. }
            | Self::ContradictingOutcome { chain, .. } => chain,
        }
    }
}
