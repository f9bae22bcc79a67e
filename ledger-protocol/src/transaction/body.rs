//! A transaction: who signs what for which chain, and until when.

use super::operation::LedgerOperation;
use crate::codec::{Bounded, Ordered, SortedVec, Tag, encode};
use crate::identifiers::{Address, ChainId, Hash, Height, Sequence, TransactionId};
use crate::suite::{PublicKey, Signature, hash_object};
use borsh::{BorshDeserialize, BorshSerialize};

/// Most signers of one transaction.
pub const MAX_SIGNERS: usize = 32;
/// Most operations of one transaction.
pub const MAX_OPERATIONS: usize = 256;

/// How a transaction is kept from being executed twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Replay {
    /// Valid at height h iff `h ≤ valid_until ≤ h + replay_window_blocks`; the id is remembered that long.
    Window {
        /// Last height at which the transaction may be in a block.
        valid_until: Height,
        /// Tells two otherwise equal bodies apart.
        nonce: u64,
    } = 1,
    /// For what people sign over days: the counter of the first signer in ledger 0 must be exactly this.
    Sequence {
        /// The expected counter.
        expected: Sequence,
    } = 2,
}

/// In which capacity an address signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum SignerRole {
    /// For itself: counts for permissions and signing policies.
    Author = 1,
    /// As the gateway that passed the transaction on: gives no right.
    Gateway = 2,
}

/// An address that must sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Signer {
    /// Who.
    pub address: Address,
    /// In which capacity.
    pub role: SignerRole,
}

impl Ordered for Signer {
    type Key = Address;
    fn key(&self) -> Address {
        self.address
    }
}

/// What is signed and hashed into the transaction's id.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TransactionBody {
    /// The chain this is for.
    pub chain: ChainId,
    /// Replay protection.
    pub replay: Replay,
    /// Everybody who must sign, sorted and unique; at least one author.
    pub signers: SortedVec<Signer, MAX_SIGNERS>,
    /// Most fuel the operations may use.
    pub fuel_limit: u64,
    /// What to do, in order, all or nothing.
    pub operations: Bounded<LedgerOperation, MAX_OPERATIONS>,
}

impl TransactionBody {
    /// `H(tag ‖ body)` by the chain's suite.
    pub fn id(&self) -> TransactionId {
        TransactionId(hash_object(self.chain.suite, Tag::TRANSACTION, self))
    }
}

/// A public key and its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignerSignature {
    /// The key; its address is a listed signer's.
    pub public_key: PublicKey,
    /// Over `tag ‖ id`.
    pub signature: Signature,
}

impl Ordered for SignerSignature {
    type Key = Address;
    fn key(&self) -> Address {
        self.public_key.address()
    }
}

/// A body with exactly one signature per listed signer, in the same order.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Transaction {
    /// What is signed.
    pub body: TransactionBody,
    /// Signatures, ascending by address: as many as signers, each of a listed address.
    pub signatures: SortedVec<SignerSignature, MAX_SIGNERS>,
}

/// A transaction whose form alone forbids it in a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// Nobody signs for itself.
    #[error("a transaction needs at least one author among its signers")]
    NoAuthor,
    /// Nothing to do.
    #[error("a transaction needs at least one operation")]
    NoOperation,
    /// Missing, extra or misplaced signature.
    #[error("the signatures are not exactly one per listed signer, in order: listed {listed}, given {given}")]
    SignersMismatch {
        /// Listed signers.
        listed: usize,
        /// Signatures given.
        given: usize,
    },
}

impl Transaction {
    /// The id of the body.
    pub fn id(&self) -> TransactionId {
        self.body.id()
    }

    /// `H(tag ‖ signatures)`: beside the id in the transactions leaf.
    pub fn signatures_hash(&self) -> Hash {
        hash_object(self.body.chain.suite, Tag::TRANSACTION_SIGNATURES, &self.signatures)
    }

    /// What every signer signs: `tag ‖ id`.
    pub fn sign_bytes(id: &TransactionId) -> Vec<u8> {
        let mut bytes = Tag::TRANSACTION_SIGNATURE.bytes().to_vec();
        bytes.extend(encode(id));
        bytes
    }

    /// Checks the form: an author, an operation, exactly one signature place per listed signer.
    ///
    /// The signatures themselves are verified apart (see [`crate::suite::Verifier`]), once per node.
    ///
    /// # Errors
    /// [`TransactionError`] names the first violation.
    pub fn check_form(&self) -> Result<(), TransactionError> {
        if !self.body.signers.iter().any(|signer| signer.role == SignerRole::Author) {
            return Err(TransactionError::NoAuthor);
        }
        if self.body.operations.is_empty() {
            return Err(TransactionError::NoOperation);
        }
        let matches = self.signatures.len() == self.body.signers.len()
            && self.body.signers.iter().zip(&self.signatures).all(|(signer, given)| signer.address == given.key());
        if !matches {
            return Err(TransactionError::SignersMismatch {
                listed: self.body.signers.len(),
                given: self.signatures.len(),
            });
        }
        Ok(())
    }
}
