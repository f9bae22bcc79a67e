//! Proofs of a proposal's record on the relay, and of one version of any record of ledger 0.
//!
//! A record that is absent was never there, or is finished and pruned: the changes tree tells which.
//! Errors: [`ProofError`].

use super::ProofError;
use super::change::{KeyPlace, check_change};
use super::header::{HeaderProof, ProvenHeader};
use super::state::VerifiedState;
use super::value::{StateInclusion, change_of};
use crate::chain::{Checkpoint, Header};
use crate::codec::{Tag, decode};
use crate::identifiers::{AccountName, Height, LedgerId, ProposalId, Version};
use crate::merkle::InclusionPath;
use crate::suite::hash_object;
use crate::system::{ProposalRecord, accounts, proposal_key};
use crate::transaction::{ChangeKind, StateContent, StateKey, Value};
use borsh::{BorshDeserialize, BorshSerialize};

/// What the relay's ledger 0 holds of a proposal at the end of a block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RecordProof {
    /// The block's header, of the relay.
    pub header: HeaderProof,
    /// The proposal.
    pub id: ProposalId,
    /// The relay height at which it began; 0 for a queued or rejected one.
    pub started_at: Height,
    /// What ledger 0 holds at its key.
    pub inclusion: StateInclusion,
}

/// What stands at a proposal's key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum RecordState {
    /// The record.
    Present {
        /// Its version.
        version: Version,
        /// The record.
        record: Box<ProposalRecord>,
    },
    /// Nothing: never there, or finished and pruned.
    Absent,
}

/// A proposal's record at the end of a final block.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct VerifiedRecord {
    /// The block's header.
    pub header: ProvenHeader,
    /// The proposal.
    pub id: ProposalId,
    /// The relay height at which it began.
    pub started_at: Height,
    /// What is there.
    pub state: RecordState,
}

impl RecordProof {
    /// Verifies the proof from a checkpoint of the relay.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<VerifiedRecord, ProofError> {
        let claimed = self.header.claimed()?;
        if self.id.0.suite != claimed.chain.suite {
            return Err(ProofError::Mismatch("the proposal's id is of another suite than the relay"));
        }
        let key = proposal_key(&self.id, self.started_at);
        let account = account(accounts::PROPOSALS)?;
        let state = match self.inclusion.check_under(claimed, LedgerId::SYSTEM, &account, &key)? {
            VerifiedState::Absent => RecordState::Absent,
            VerifiedState::Present(value) => {
                let StateContent::Plain(bytes) = &value.content else {
                    return Err(ProofError::Mismatch("the key holds something else than a record"));
                };
                let record: ProposalRecord = decode(bytes, Value::LIMIT)?;
                if record.id != self.id || record.started_at != self.started_at {
                    return Err(ProofError::Mismatch("the record is another proposal's"));
                }
                RecordState::Present { version: value.version, record: Box::new(record) }
            }
        };
        let header = self.header.verify(checkpoint)?;
        Ok(VerifiedRecord { header, id: self.id, started_at: self.started_at, state })
    }
}

/// One version of a record of ledger 0. The change's leaf is made from the record itself.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RecordVersion {
    /// Index in its block's changes tree.
    pub index: u32,
    /// The version.
    pub version: Version,
    /// The encoded record.
    pub value: Value,
    /// Path of the change.
    pub path: InclusionPath,
}

impl RecordVersion {
    /// Checks under a header that this version of the record at (ledger 0, account, key) was written there, and
    /// decodes it.
    pub(super) fn check_under<T: BorshDeserialize>(
        &self,
        header: &Header,
        account_name: &'static str,
        key: &StateKey,
    ) -> Result<T, ProofError> {
        let content = StateContent::Plain(self.value.clone());
        let value_hash = hash_object(header.chain.suite, Tag::VALUE, &content);
        let place = KeyPlace { ledger: LedgerId::SYSTEM, account: account(account_name)?, key: key.clone() };
        let change = change_of(&place, self.version, ChangeKind::Set, value_hash);
        check_change(header, self.index, &change, &self.path)?;
        Ok(decode(&self.value, Value::LIMIT)?)
    }
}

fn account(name: &'static str) -> Result<AccountName, ProofError> {
    AccountName::new(name).map_err(|_| ProofError::Mismatch("no account name"))
}
