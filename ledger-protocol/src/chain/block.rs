//! A block: its header and its inputs, in the order of its sections.

use super::certificate::FinalityCertificate;
use super::header::Header;
use crate::codec::{Bounded, Tag};
use crate::identifiers::{Hash, TransactionId};
use crate::interchain::{Advance, Evidence, Handoff};
use crate::suite::{Suite, hash_object};
use crate::transaction::Transaction;
use borsh::{BorshDeserialize, BorshSerialize};

/// The sections of a block that hold inputs, in their order. Due work (section 1) and the block's end
/// (section 5) follow from the state and have no inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Evidence and transactions of motions.
    Governance,
    /// Hand-offs and Advances, by source: a source's hand-offs first, then at most one Advance.
    Interchain,
    /// Ordinary transactions.
    Transactions,
}

/// One input of a block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Input {
    /// Proof that a chain broke its promise. Unsigned: it carries its proof.
    Evidence(Box<Evidence>) = 1,
    /// A validator-set change of another chain. Unsigned: it carries its proof.
    Handoff(Box<Handoff>) = 2,
    /// Headers and messages of another chain. Unsigned: it carries its proof.
    Advance(Box<Advance>) = 3,
    /// A signed transaction.
    Transaction(Box<Transaction>) = 4,
}

/// A leaf of the transactions tree.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum InputLeaf {
    /// A transaction: its id and the hash of its signatures.
    Signed {
        /// The id.
        id: TransactionId,
        /// `H(tag ‖ signatures)`.
        signatures_hash: Hash,
    } = 1,
    /// A system input: its hash.
    System {
        /// `H(tag ‖ input)`.
        hash: Hash,
    } = 2,
}

impl Input {
    /// The input's leaf in the transactions tree of a chain of `suite`.
    pub fn leaf(&self, suite: Suite) -> InputLeaf {
        match self {
            Self::Transaction(transaction) => {
                InputLeaf::Signed { id: transaction.id(), signatures_hash: transaction.signatures_hash() }
            }
            _ => InputLeaf::System { hash: self.hash(suite) },
        }
    }

    /// The transaction's id, or `H(tag ‖ input)` for a system input: what the receipt names.
    pub fn hash(&self, suite: Suite) -> Hash {
        match self {
            Self::Transaction(transaction) => transaction.id().0,
            _ => hash_object(suite, Tag::SYSTEM_INPUT, self),
        }
    }
}

/// Most inputs that a block can hold whatever its parameters say.
pub const MAX_BLOCK_INPUTS: usize = 100_000;

/// A block as it travels between validators and rests in the store.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// The inputs, in section order.
    pub inputs: Bounded<Input, MAX_BLOCK_INPUTS>,
}

/// A header with its finality certificate and the set that signed it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CertifiedHeader {
    /// The header.
    pub header: Header,
    /// The certificate over it.
    pub certificate: FinalityCertificate,
}
