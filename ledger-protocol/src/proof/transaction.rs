//! Proofs of a transaction with its receipt, and of an event.
//!
//! A receipt stands at the same index of its tree as the input at its own, and names it; both trees have the count
//! that the header gives. Errors: [`ProofError`].

use super::ProofError;
use super::header::{HeaderProof, ProvenHeader};
use crate::chain::{Checkpoint, CountedRoot, Header, Input, InputLeaf};
use crate::codec::encode;
use crate::merkle::{InclusionPath, LeafHash, verify_inclusion};
use crate::transaction::{EventRecord, Receipt};
use borsh::{BorshDeserialize, BorshSerialize};

/// How much of an input a proof shows.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ShownInput {
    /// Its leaf alone: the id and the hash of the signatures, or the hash of a system input.
    Leaf(InputLeaf) = 1,
    /// The whole input.
    Whole(Box<Input>) = 2,
}

impl ShownInput {
    /// The leaf under a header; a transaction shown whole must be one of the header's chain.
    fn leaf_under(&self, header: &Header) -> Result<InputLeaf, ProofError> {
        match self {
            Self::Leaf(leaf) => Ok(leaf.clone()),
            Self::Whole(input) => {
                if let Input::Transaction(transaction) = &**input
                    && transaction.body.chain != header.chain
                {
                    return Err(ProofError::OtherChain { found: transaction.body.chain, expected: header.chain });
                }
                Ok(input.leaf(header.chain.suite))
            }
        }
    }
}

/// An input and its receipt under one header.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct InputInclusion {
    /// Index of both leaves.
    pub index: u32,
    /// The input.
    pub input: ShownInput,
    /// Its path in the transactions tree.
    pub input_path: InclusionPath,
    /// What came of it.
    pub receipt: Receipt,
    /// The receipt's path in the receipts tree.
    pub receipt_path: InclusionPath,
}

impl InputInclusion {
    /// Checks both leaves under a header whose standing is the caller's affair.
    pub(super) fn check_under(&self, header: &Header) -> Result<InputLeaf, ProofError> {
        let leaf = self.input.leaf_under(header)?;
        let names = match &leaf {
            InputLeaf::Signed { id, .. } => id.0,
            InputLeaf::System { hash } => *hash,
        };
        if self.receipt.input != names {
            let (expected, found) = (names, self.receipt.input);
            return Err(ProofError::OtherHash { what: "the input that the receipt names", expected, found });
        }
        let receipts = CountedRoot { root: header.receipts, count: header.transactions.count };
        check_leaf(header, &header.transactions, self.index, &leaf, &self.input_path, "input in the transactions")?;
        check_leaf(header, &receipts, self.index, &self.receipt, &self.receipt_path, "receipt in the receipts")?;
        Ok(leaf)
    }
}

/// That an input is in a final block, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TransactionProof {
    /// The block's header.
    pub header: HeaderProof,
    /// The input and its receipt.
    pub inclusion: InputInclusion,
}

/// An input that is final.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct VerifiedTransaction {
    /// The block's header.
    pub header: ProvenHeader,
    /// Its place in the block.
    pub index: u32,
    /// Its leaf: for a transaction the id and the hash of its signatures.
    pub leaf: InputLeaf,
    /// As much of it as the proof showed.
    pub input: ShownInput,
    /// Its receipt.
    pub receipt: Receipt,
}

impl TransactionProof {
    /// Verifies the proof from a checkpoint of the chain.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<VerifiedTransaction, ProofError> {
        let leaf = self.inclusion.check_under(self.header.claimed()?)?;
        let header = self.header.verify(checkpoint)?;
        Ok(VerifiedTransaction {
            header,
            index: self.inclusion.index,
            leaf,
            input: self.inclusion.input.clone(),
            receipt: self.inclusion.receipt.clone(),
        })
    }
}

/// That an event was published in a final block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EventProof {
    /// The block's header.
    pub header: HeaderProof,
    /// Its place in the events tree.
    pub index: u32,
    /// The event.
    pub event: EventRecord,
    /// Its path.
    pub path: InclusionPath,
}

/// An event that is final.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct VerifiedEvent {
    /// The block's header.
    pub header: ProvenHeader,
    /// Its place in the block.
    pub index: u32,
    /// The event.
    pub event: EventRecord,
}

impl EventProof {
    /// Verifies the proof from a checkpoint of the chain.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<VerifiedEvent, ProofError> {
        let claimed = self.header.claimed()?;
        check_leaf(claimed, &claimed.events, self.index, &self.event, &self.path, "event in the events")?;
        let header = self.header.verify(checkpoint)?;
        Ok(VerifiedEvent { header, index: self.index, event: self.event.clone() })
    }
}

/// That the encoding of `leaf` stands at `index` of one of the trees of a header.
pub(super) fn check_leaf<T: BorshSerialize>(
    header: &Header,
    tree: &CountedRoot,
    index: u32,
    leaf: &T,
    path: &InclusionPath,
    what: &'static str,
) -> Result<(), ProofError> {
    let suite = header.chain.suite;
    let leaf = LeafHash::of(suite, &encode(leaf));
    let _leaf = verify_inclusion(suite, leaf, index.into(), tree.count.into(), path)
        .and_then(|recomputed| recomputed.expect_root(&tree.root))
        .map_err(ProofError::path(what))?;
    Ok(())
}
