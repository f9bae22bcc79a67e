//! Proofs of a change, and that a key did not change in a block.
//!
//! The changes tree is strictly ascending by (ledger, account, key, version), so two neighbouring leaves, the first
//! or the last leaf, or a count of 0 show that a key is not among them. Errors: [`ProofError`].

use super::ProofError;
use super::header::{HeaderProof, ProvenHeader};
use super::transaction::check_leaf;
use crate::chain::{Checkpoint, Header};
use crate::identifiers::{AccountName, LedgerId};
use crate::merkle::InclusionPath;
use crate::transaction::{Change, StateKey};
use borsh::{BorshDeserialize, BorshSerialize};

/// Where a value stands: a key of an account of a ledger. Ordered as the changes tree is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct KeyPlace {
    /// The ledger.
    pub ledger: LedgerId,
    /// The account.
    pub account: AccountName,
    /// The key.
    pub key: StateKey,
}

impl KeyPlace {
    /// Where a change happened.
    pub fn of(change: &Change) -> Self {
        Self { ledger: change.ledger, account: change.account.clone(), key: change.key.clone() }
    }
}

/// A change with its place and path in the changes tree of a header.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChangeInclusion {
    /// Its index.
    pub index: u32,
    /// The change.
    pub change: Change,
    /// Its path.
    pub path: InclusionPath,
}

impl ChangeInclusion {
    /// Checks the change under a header whose standing is the caller's affair.
    pub(super) fn check_under(&self, header: &Header) -> Result<(), ProofError> {
        check_change(header, self.index, &self.change, &self.path)
    }
}

/// Checks that a change stands at `index` of the changes tree of `header`.
pub(super) fn check_change(
    header: &Header,
    index: u32,
    change: &Change,
    path: &InclusionPath,
) -> Result<(), ProofError> {
    check_leaf(header, &header.changes, index, change, path, "change in the changes")
}

/// That a change was made in a final block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChangeProof {
    /// The block's header.
    pub header: HeaderProof,
    /// The change.
    pub inclusion: ChangeInclusion,
}

/// A change that is final.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct VerifiedChange {
    /// The block's header.
    pub header: ProvenHeader,
    /// The change.
    pub change: Change,
}

impl ChangeProof {
    /// Verifies the proof from a checkpoint of the chain.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<VerifiedChange, ProofError> {
        self.inclusion.check_under(self.header.claimed()?)?;
        let header = self.header.verify(checkpoint)?;
        Ok(VerifiedChange { header, change: self.inclusion.change.clone() })
    }
}

/// What shows that a key is not among the changes of a block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum UnchangedForm {
    /// The block has no change at all.
    Empty = 1,
    /// The first change is of a later key.
    BeforeFirst {
        /// The change at index 0.
        first: Change,
        /// Its path.
        path: InclusionPath,
    } = 2,
    /// The last change is of an earlier key.
    AfterLast {
        /// The change at the last index.
        last: Change,
        /// Its path.
        path: InclusionPath,
    } = 3,
    /// Two neighbouring changes are of an earlier and of a later key.
    Between {
        /// The earlier one.
        left: ChangeInclusion,
        /// The change at the next index.
        right: Change,
        /// Its path.
        right_path: InclusionPath,
    } = 4,
}

/// That a key did not change in a final block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct UnchangedProof {
    /// The block's header.
    pub header: HeaderProof,
    /// The key.
    pub place: KeyPlace,
    /// What shows it.
    pub form: UnchangedForm,
}

/// A key that no change of a final block names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct VerifiedUnchanged {
    /// The block's header.
    pub header: ProvenHeader,
    /// The key.
    pub place: KeyPlace,
}

impl UnchangedProof {
    /// Verifies the proof from a checkpoint of the chain.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<VerifiedUnchanged, ProofError> {
        self.form.check_under(self.header.claimed()?, &self.place)?;
        let header = self.header.verify(checkpoint)?;
        Ok(VerifiedUnchanged { header, place: self.place.clone() })
    }
}

impl UnchangedForm {
    fn check_under(&self, header: &Header, place: &KeyPlace) -> Result<(), ProofError> {
        let above = |change: &Change| {
            if KeyPlace::of(change) > *place {
                Ok(())
            } else {
                Err(ProofError::Mismatch("the change shown after the key is not of a later key"))
            }
        };
        let below = |change: &Change| {
            if KeyPlace::of(change) < *place {
                Ok(())
            } else {
                Err(ProofError::Mismatch("the change shown before the key is not of an earlier key"))
            }
        };
        match self {
            Self::Empty => {
                let empty = crate::merkle::empty_root(header.chain.suite);
                if header.changes.count != 0 || header.changes.root != empty {
                    return Err(ProofError::Mismatch("the block is said to have no change, its header says otherwise"));
                }
                Ok(())
            }
            Self::BeforeFirst { first, path } => {
                above(first)?;
                check_change(header, 0, first, path)
            }
            Self::AfterLast { last, path } => {
                below(last)?;
                let index = header.changes.count.checked_sub(1);
                check_change(header, index.ok_or(ProofError::Mismatch("the block has no last change"))?, last, path)
            }
            Self::Between { left, right, right_path } => {
                below(&left.change)?;
                above(right)?;
                left.check_under(header)?;
                let next = left.index.checked_add(1);
                check_change(header, next.ok_or(ProofError::Mismatch("no index after the last"))?, right, right_path)
            }
        }
    }
}
