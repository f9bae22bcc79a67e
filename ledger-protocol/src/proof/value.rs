//! Proofs of what a ledger's state holds, and of the value of a key at the end of a height.
//!
//! The value of a key at the end of height H has four forms: (a) change n at ≤ H and change n + 1 at > H; (b) change n
//! at ≤ H and a state proof at ≥ H that shows version n; (c) never written: change 0 at > H or, for keys that are
//! never pruned, a state absence proof at ≥ H; (d) deleted: (a) or (b) where n is a delete. A proof does not name H:
//! it verifies to the whole span of heights for which it holds, so nothing in it is left to a claim.
//! Errors: [`ProofError`].

use super::ProofError;
use super::change::{KeyPlace, check_change};
use super::header::{HeaderProof, OlderHeader, ProvenHeader};
use super::state::{StateProof, VerifiedState};
use super::transaction::check_leaf;
use crate::chain::{Checkpoint, Header, LedgerLeaf};
use crate::codec::Tag;
use crate::identifiers::{AccountName, Hash, Height, LedgerId, Version};
use crate::merkle::InclusionPath;
use crate::suite::{Suite, hash_object};
use crate::transaction::{Change, ChangeKind, StateContent, StateKey, StateValue};
use borsh::{BorshDeserialize, BorshSerialize};

/// What stands at a key of a ledger's state under one header.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StateInclusion {
    /// The ledger's leaf.
    pub ledger: LedgerLeaf,
    /// Its index in the ledgers tree.
    pub index: u32,
    /// Its path.
    pub path: InclusionPath,
    /// What the ledger's state tree holds.
    pub state: StateProof,
}

impl StateInclusion {
    /// Checks the state under a header whose standing is the caller's affair.
    pub(super) fn check_under(
        &self,
        header: &Header,
        ledger: LedgerId,
        account: &AccountName,
        key: &StateKey,
    ) -> Result<VerifiedState, ProofError> {
        if self.ledger.ledger != ledger {
            return Err(ProofError::Mismatch("the state is another ledger's"));
        }
        check_leaf(header, &header.ledgers, self.index, &self.ledger, &self.path, "ledger in the ledgers")?;
        self.state
            .verify(header.chain.suite, account, key, &self.ledger.state_root)
            .map_err(|error| ProofError::State { what: "key in the ledger's state", error })
    }
}

/// What stands at a key at the end of a final block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LedgerStateProof {
    /// The block's header.
    pub header: HeaderProof,
    /// The key.
    pub place: KeyPlace,
    /// What stands there.
    pub inclusion: StateInclusion,
}

/// What stands at a key at the end of a final block.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct VerifiedLedgerState {
    /// The block's header.
    pub header: ProvenHeader,
    /// The key.
    pub place: KeyPlace,
    /// The ledger's leaf.
    pub ledger: LedgerLeaf,
    /// What stands at the key.
    pub state: VerifiedState,
}

impl LedgerStateProof {
    /// Verifies the proof from a checkpoint of the chain.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<VerifiedLedgerState, ProofError> {
        let KeyPlace { ledger, account, key } = &self.place;
        let state = self.inclusion.check_under(self.header.claimed()?, *ledger, account, key)?;
        let header = self.header.verify(checkpoint)?;
        Ok(VerifiedLedgerState { header, place: self.place.clone(), ledger: self.inclusion.ledger.clone(), state })
    }
}

/// What a change wrote.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Written {
    /// This content.
    Set(StateContent) = 1,
    /// Nothing: the key was deleted.
    Deleted = 2,
}

/// Change n, whose content is shown.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct WrittenChange {
    /// Its index in its block's changes tree.
    pub index: u32,
    /// Its version.
    pub version: Version,
    /// What it wrote.
    pub written: Written,
    /// Its path.
    pub path: InclusionPath,
}

/// A later change, of which only the leaf matters.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LaterChange {
    /// Its index in its block's changes tree.
    pub index: u32,
    /// What happened.
    pub kind: ChangeKind,
    /// `H(tag ‖ value)`; zero for delete and prune.
    pub value_hash: Hash,
    /// Its path.
    pub path: InclusionPath,
}

impl LaterChange {
    fn check_under(&self, header: &Header, place: &KeyPlace, version: Version) -> Result<(), ProofError> {
        let change = change_of(place, version, self.kind, self.value_hash);
        check_change(header, self.index, &change, &self.path)
    }
}

/// In which block change n of form (b) was made.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ChangedIn {
    /// In the block whose state is shown.
    Same = 1,
    /// In an older one.
    Older(Box<OlderHeader>) = 2,
}

/// The form of a value proof. Form (d) is the first or the second with a delete.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ValueForm {
    /// (a) Change n in an older block, change n + 1 in this one.
    Replaced {
        /// The block of change n.
        older: Box<OlderHeader>,
        /// Change n.
        written: WrittenChange,
        /// Change n + 1, in the block of the proof's header.
        next: LaterChange,
    } = 1,
    /// (b) Change n in this or an older block, and this block's state showing version n.
    Current {
        /// The block of change n.
        changed_in: ChangedIn,
        /// Index of change n.
        index: u32,
        /// Path of change n.
        path: InclusionPath,
        /// The state, with version n and its content.
        state: StateInclusion,
    } = 2,
    /// (c) Change 0 is in this block.
    WrittenLater {
        /// Change 0.
        first: LaterChange,
    } = 3,
    /// (c) This block's state does not hold the key. Not for ledger 0, whose keys may be pruned.
    Absent {
        /// The state.
        state: StateInclusion,
    } = 4,
}

/// The value of a key over a span of heights.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ValueProof {
    /// The newest block of the proof.
    pub header: HeaderProof,
    /// The key.
    pub place: KeyPlace,
    /// What shows its value.
    pub form: ValueForm,
}

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// This content.
    Held {
        /// Its version.
        version: Version,
        /// The content.
        content: StateContent,
    },
    /// Nothing: it was deleted.
    Deleted {
        /// The version of the delete.
        version: Version,
    },
    /// Nothing: it was never written.
    NeverWritten,
}

/// The value of a key at the end of every height from `from` through `through`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct VerifiedValue {
    /// The newest block of the proof.
    pub header: ProvenHeader,
    /// The key.
    pub place: KeyPlace,
    /// What it holds.
    pub standing: Standing,
    /// First height at whose end it holds this.
    pub from: Height,
    /// Last height for which the proof shows it.
    pub through: Height,
}

impl VerifiedValue {
    /// What the key held at the end of `height`; `None` where this proof says nothing.
    pub fn at(&self, height: Height) -> Option<&Standing> {
        (self.from..=self.through).contains(&height).then_some(&self.standing)
    }
}

impl ValueProof {
    /// Verifies the proof from a checkpoint of the chain.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<VerifiedValue, ProofError> {
        let (standing, from, through) = self.form.check_under(self.header.claimed()?, &self.place)?;
        let header = self.header.verify(checkpoint)?;
        Ok(VerifiedValue { header, place: self.place.clone(), standing, from, through })
    }
}

impl ValueForm {
    fn check_under(&self, header: &Header, place: &KeyPlace) -> Result<(Standing, Height, Height), ProofError> {
        let before = || header.height.previous().ok_or(ProofError::Mismatch("there is no height before 0"));
        match self {
            Self::Replaced { older, written, next } => {
                let older = older.check_under(header)?;
                let version = written.version;
                let following = version.next().ok_or(ProofError::Mismatch("no version follows the last"))?;
                let standing = written.check_under(older, place)?;
                next.check_under(header, place, following)?;
                Ok((standing, older.height, before()?))
            }
            Self::Current { changed_in, index, path, state } => {
                let changed = match changed_in {
                    ChangedIn::Same => header,
                    ChangedIn::Older(older) => older.check_under(header)?,
                };
                let verified = state.check_under(header, place.ledger, &place.account, &place.key)?;
                let VerifiedState::Present(value) = verified else {
                    return Err(ProofError::Mismatch("the state shown does not hold the key"));
                };
                let (change, standing) = change_behind(place, value, header.chain.suite)?;
                check_change(changed, *index, &change, path)?;
                Ok((standing, changed.height, header.height))
            }
            Self::WrittenLater { first } => {
                if first.kind == ChangeKind::Prune {
                    return Err(ProofError::Mismatch("the first change of a key is never a prune"));
                }
                first.check_under(header, place, Version::ZERO)?;
                Ok((Standing::NeverWritten, Height::ZERO, before()?))
            }
            Self::Absent { state } => {
                if place.ledger == LedgerId::SYSTEM {
                    return Err(ProofError::Mismatch("absence in ledger 0 may be a pruned record; show its changes"));
                }
                let verified = state.check_under(header, place.ledger, &place.account, &place.key)?;
                if verified != VerifiedState::Absent {
                    return Err(ProofError::Mismatch("the state shown holds the key"));
                }
                Ok((Standing::NeverWritten, Height::ZERO, header.height))
            }
        }
    }
}

impl WrittenChange {
    fn check_under(&self, header: &Header, place: &KeyPlace) -> Result<Standing, ProofError> {
        let version = self.version;
        let (kind, value_hash, standing) = match &self.written {
            Written::Set(StateContent::Tombstone | StateContent::Working(_)) => {
                return Err(ProofError::Mismatch("no change writes a tombstone or a working entry"));
            }
            Written::Set(content) => {
                let hash = hash_object(header.chain.suite, Tag::VALUE, content);
                (ChangeKind::Set, hash, Standing::Held { version, content: content.clone() })
            }
            Written::Deleted => (ChangeKind::Delete, Hash::ZERO, Standing::Deleted { version }),
        };
        check_change(header, self.index, &change_of(place, version, kind, value_hash), &self.path)?;
        Ok(standing)
    }
}

pub(super) fn change_of(place: &KeyPlace, version: Version, kind: ChangeKind, value_hash: Hash) -> Change {
    let KeyPlace { ledger, account, key } = place.clone();
    Change { ledger, account, key, version, kind, value_hash }
}

/// The change that put `value` where the state shows it.
fn change_behind(place: &KeyPlace, value: StateValue, suite: Suite) -> Result<(Change, Standing), ProofError> {
    let value_hash = value.value_hash(suite);
    let version = value.version;
    let (kind, standing) = match value.content {
        StateContent::Working(_) => return Err(ProofError::Mismatch("a working entry has no version and no change")),
        StateContent::Tombstone => (ChangeKind::Delete, Standing::Deleted { version }),
        content => (ChangeKind::Set, Standing::Held { version, content }),
    };
    Ok((change_of(place, version, kind, value_hash), standing))
}
