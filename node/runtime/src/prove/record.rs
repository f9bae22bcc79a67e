//! Proofs of a proposal's record in the relay's ledger 0: present with its state, or finished and pruned.

use super::{Proven, Prover};
use ledger_protocol::proof::{AnyProof, RecordProof};
use ledger_protocol::{Height, ProposalId};

impl Prover<'_> {
    /// Proves what the relay's ledger 0 holds of a proposal, at the checkpoint if that state is still kept and the
    /// proposal was known by then, otherwise at the newest block.
    ///
    /// # Errors
    /// [`super::ProveError`].
    pub fn record(&self, id: ProposalId) -> Proven<AnyProof> {
        let (place, started_at, versions) = self.proposal_place(&id)?;
        let known_at = versions.first().map_or(Height::ZERO, |made| made.height);
        let (shown_at, inclusion) = self.newest_state(&place, known_at)?;
        let header = self.header_proof(shown_at)?;
        Ok(AnyProof::Record(Box::new(RecordProof { header, id, started_at, inclusion })))
    }
}
