//! Proof that two checkpoints of one chain belong to one history.
//!
//! The older header stands in the newer one's history log, and the older log is the beginning of the newer one.
//! Errors: [`ProofError`].

use super::ProofError;
use super::header::{check_history, check_is_checkpoint};
use crate::chain::{Checkpoint, Header};
use crate::identifiers::Height;
use crate::interchain::HistoryPath;
use crate::merkle::{ConsistencyPath, MerkleError, empty_root, verify_consistency};
use borsh::{BorshDeserialize, BorshSerialize};

/// What shows that two checkpoints belong to one history.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ConsistencyProof {
    /// The header of the older checkpoint.
    pub older: Box<Header>,
    /// The header of the newer checkpoint.
    pub newer: Box<Header>,
    /// The older header in the newer one's history.
    pub path: HistoryPath,
    /// From the older history log to the newer one; empty from height 0, whose log is empty.
    pub consistency: ConsistencyPath,
}

/// Two checkpoints of one history: whoever trusts the newer may trust the older.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct VerifiedConsistency {
    /// The older checkpoint.
    pub older: Checkpoint,
    /// The newer checkpoint.
    pub newer: Checkpoint,
}

impl ConsistencyProof {
    /// Verifies that `older` belongs to the history of `newer`.
    ///
    /// It follows that an honest newer checkpoint implies the older one, not the other way round.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, older: &Checkpoint, newer: &Checkpoint) -> Result<VerifiedConsistency, ProofError> {
        if older.chain != newer.chain {
            return Err(ProofError::OtherChain { found: newer.chain, expected: older.chain });
        }
        if older.kind != newer.kind {
            return Err(ProofError::Mismatch("the two checkpoints name different kinds of certificates"));
        }
        if newer.height <= older.height {
            return Err(ProofError::NotAbove { found: newer.height, trusted: older.height });
        }
        let first = check_is_checkpoint(&self.older, older)?;
        let second = check_is_checkpoint(&self.newer, newer)?;
        check_history(second, first.height, &older.header_hash, &self.path, "older checkpoint in the newer history")?;
        let suite = older.chain.suite;
        if first.height == Height::ZERO {
            let (got, expected) = (self.consistency.0.len(), 0);
            if got != expected || first.history != empty_root(suite) {
                let error = MerkleError::PathLength { got, expected };
                return Err(ProofError::Path { what: "older log in the newer log", error });
            }
        } else {
            let _extension =
                verify_consistency(suite, first.height.0, &first.history, second.height.0, &self.consistency)
                    .and_then(|recomputed| recomputed.expect_root(&second.history))
                    .map_err(ProofError::path("older log in the newer log"))?;
        }
        Ok(VerifiedConsistency { older: *older, newer: *newer })
    }
}
