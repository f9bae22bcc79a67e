//! Equivocation: two statements of one validator in one round that cannot both be honest, as they were signed.
//!
//! What both statements share stands once, so a pair of different chains, heights, rounds or steps cannot even be
//! written down, and nothing is left to compare but the two values. The lesser value stands first: a pair has one form.
//! An honest validator signs one prevote, one precommit and one proposal per round, a vote for nil being a vote, and
//! keeps that promise over crashes; so two different ones convict its key, whatever became of the blocks.
//! Bounds: [`MAX_EQUIVOCATION_BYTES`]. Errors: [`EquivocationError`], never a panic, for any bytes.

use super::certificate::CertificateKind;
use super::validators::ValidatorSet;
use super::votes::{VoteKind, block_proposal_sign_bytes, vote_sign_bytes};
use crate::identifiers::{Address, ChainId, Hash, Height, Round};
use crate::proof::ProofError;
use crate::proof::file::{with_mark, without_mark};
use crate::suite::{BatchItem, PublicKey, Signature, Verifier};
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;

/// The first bytes of a file that holds an equivocation.
pub const EQUIVOCATION_MARK: [u8; 8] = *b"CTEQUIV\0";
/// The format version that is written and read here.
pub const EQUIVOCATION_VERSION: u16 = 1;
/// No file that holds an equivocation is longer.
pub const MAX_EQUIVOCATION_BYTES: usize = 512;

/// What a vote is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum VoteChoice {
    /// No block.
    Nil = 1,
    /// The block with this header. Any 32 bytes: whoever signs for a hash has signed, whether it names a block or not.
    Block(Hash) = 2,
}

impl VoteChoice {
    /// The header's hash; `None` for nil.
    pub const fn header_hash(&self) -> Option<&Hash> {
        match self {
            Self::Nil => None,
            Self::Block(hash) => Some(hash),
        }
    }
}

impl From<Option<Hash>> for VoteChoice {
    fn from(header_hash: Option<Hash>) -> Self {
        header_hash.map_or(Self::Nil, Self::Block)
    }
}

/// What a proposal is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct ProposalChoice {
    /// The round in which a quorum prevoted for the block, as it is signed: 2³²−1 for none.
    pub valid_round: Round,
    /// The header's hash.
    pub header_hash: Hash,
}

/// A statement without what both of a pair share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Signed<T> {
    /// What the validator chose.
    pub choice: T,
    /// Its signature.
    pub signature: Signature,
}

/// Two statements of one step; the first choice is the lesser one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Contradiction {
    /// Two prevotes.
    Prevotes {
        /// The lesser.
        first: Signed<VoteChoice>,
        /// The greater.
        second: Signed<VoteChoice>,
    } = 1,
    /// Two precommits.
    Precommits {
        /// The lesser.
        first: Signed<VoteChoice>,
        /// The greater.
        second: Signed<VoteChoice>,
    } = 2,
    /// Two proposals of blocks.
    Proposals {
        /// The lesser.
        first: Signed<ProposalChoice>,
        /// The greater.
        second: Signed<ProposalChoice>,
    } = 3,
}

fn sorted<T: Ord>(one: Signed<T>, other: Signed<T>) -> (Signed<T>, Signed<T>) {
    if one.choice <= other.choice { (one, other) } else { (other, one) }
}

impl Contradiction {
    /// Two votes of one step, in order.
    pub fn of_votes(step: VoteKind, one: Signed<VoteChoice>, other: Signed<VoteChoice>) -> Self {
        let (first, second) = sorted(one, other);
        match step {
            VoteKind::Prevote => Self::Prevotes { first, second },
            VoteKind::Precommit => Self::Precommits { first, second },
        }
    }

    /// Two proposals, in order.
    pub fn of_proposals(one: Signed<ProposalChoice>, other: Signed<ProposalChoice>) -> Self {
        let (first, second) = sorted(one, other);
        Self::Proposals { first, second }
    }

    /// The step in which both were signed.
    pub const fn step(&self) -> AccusedStep {
        match self {
            Self::Prevotes { .. } => AccusedStep::Prevote,
            Self::Precommits { .. } => AccusedStep::Precommit,
            Self::Proposals { .. } => AccusedStep::Proposal,
        }
    }
}

/// In which step a validator contradicted itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccusedStep {
    /// It prevoted twice.
    Prevote,
    /// It precommitted twice.
    Precommit,
    /// It proposed twice.
    Proposal,
}

impl fmt::Display for AccusedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prevote => "prevote",
            Self::Precommit => "precommit",
            Self::Proposal => "proposal",
        })
    }
}

/// Proof that a validator signed two things in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Equivocation {
    /// The kind of certificate that the statements were made for; both signatures cover it.
    pub kind: CertificateKind,
    /// The chain.
    pub chain: ChainId,
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The accused validator's key.
    pub validator: PublicKey,
    /// What it signed.
    pub contradiction: Contradiction,
}

/// What an equivocation was verified to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct VerifiedEquivocation {
    /// The validator's address.
    pub validator: Address,
    /// Its place in the set.
    pub position: usize,
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The step.
    pub step: AccusedStep,
}

/// Why an equivocation proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EquivocationError {
    /// It is about another chain.
    #[error("the statements are about chain {got}, not {expected}")]
    Chain {
        /// The chain it names.
        got: ChainId,
        /// The chain in question.
        expected: ChainId,
    },
    /// The accused is not in the set of that height.
    #[error("the accused key {validator} was no validator at height {height}")]
    NotAValidator {
        /// The accused key's address.
        validator: Address,
        /// The height.
        height: Height,
    },
    /// Both say the same, or stand in the wrong order.
    #[error("the two statements are one, or the greater stands first")]
    NotTwo,
    /// A statement is not signed by the accused.
    #[error("the {0} statement does not bear the validator's signature")]
    Signature(&'static str),
}

impl Equivocation {
    /// The accused validator's address.
    pub fn address(&self) -> Address {
        self.validator.address()
    }

    /// Verifies it for a chain and the validators of its height: whoever trusts these knows that the validator signed
    /// both statements.
    ///
    /// # Errors
    /// [`EquivocationError`]; the signatures are looked at last.
    pub fn verify(
        &self,
        chain: &ChainId,
        validators: &ValidatorSet,
    ) -> Result<VerifiedEquivocation, EquivocationError> {
        if self.chain != *chain {
            return Err(EquivocationError::Chain { got: self.chain, expected: *chain });
        }
        let validator = self.address();
        let accused = validators.validators().iter().position(|member| member.public_key == self.validator);
        let position = accused.ok_or(EquivocationError::NotAValidator { validator, height: self.height })?;
        let step = self.verify_signatures()?;
        Ok(VerifiedEquivocation { validator, position, height: self.height, round: self.round, step })
    }

    /// Verifies that the two statements differ and that the key it names signed both. Whether that key is a
    /// validator's, [`Self::verify`] tells.
    ///
    /// # Errors
    /// [`EquivocationError::NotTwo`] or [`EquivocationError::Signature`].
    pub fn verify_signatures(&self) -> Result<AccusedStep, EquivocationError> {
        let (differ, (first, second)) = match &self.contradiction {
            Contradiction::Prevotes { first, second } | Contradiction::Precommits { first, second } => {
                (first.choice < second.choice, (first.signature, second.signature))
            }
            Contradiction::Proposals { first, second } => {
                (first.choice < second.choice, (first.signature, second.signature))
            }
        };
        let (first_bytes, second_bytes) = self.signed_bytes();
        // Different choices have different bytes; should that ever fail, one honest signature must not convict.
        if !differ || first_bytes == second_bytes {
            return Err(EquivocationError::NotTwo);
        }
        let items = [
            BatchItem { public_key: &self.validator, message: &first_bytes, signature: &first },
            BatchItem { public_key: &self.validator, message: &second_bytes, signature: &second },
        ];
        for (answer, which) in Verifier.verify_batch(&items).into_iter().zip(["first", "second"]) {
            let _verified = answer.map_err(|_| EquivocationError::Signature(which))?;
        }
        Ok(self.contradiction.step())
    }

    /// The bytes that the validator signed, of the first and of the second statement.
    pub fn signed_bytes(&self) -> (Vec<u8>, Vec<u8>) {
        let vote = |step: VoteKind, choice: &VoteChoice| {
            vote_sign_bytes(step, self.kind, &self.chain, self.height, self.round, choice.header_hash())
        };
        let proposal = |choice: &ProposalChoice| {
            let valid_round = Some(choice.valid_round);
            let hash = &choice.header_hash;
            block_proposal_sign_bytes(self.kind, &self.chain, self.height, self.round, valid_round, hash)
        };
        match &self.contradiction {
            Contradiction::Prevotes { first, second } => {
                (vote(VoteKind::Prevote, &first.choice), vote(VoteKind::Prevote, &second.choice))
            }
            Contradiction::Precommits { first, second } => {
                (vote(VoteKind::Precommit, &first.choice), vote(VoteKind::Precommit, &second.choice))
            }
            Contradiction::Proposals { first, second } => (proposal(&first.choice), proposal(&second.choice)),
        }
    }

    /// The file: mark, version, borsh, checksum.
    pub fn to_file(&self) -> Vec<u8> {
        with_mark(&EQUIVOCATION_MARK, EQUIVOCATION_VERSION, self)
    }

    /// Reads a file; nothing in it is verified yet.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn from_file(bytes: &[u8]) -> Result<Self, ProofError> {
        without_mark(&EQUIVOCATION_MARK, "CTEQUIV\\0", EQUIVOCATION_VERSION, bytes, MAX_EQUIVOCATION_BYTES)
    }
}

#[cfg(test)]
mod tests;
