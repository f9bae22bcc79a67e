//! How a header is tied to the checkpoint.

use super::{Proven, Prover, gap, not_provable};
use ledger_protocol::Height;
use ledger_protocol::chain::{FinalityCertificate, Header, ValidatorSet};
use ledger_protocol::codec::Bounded;
use ledger_protocol::interchain::{Handoff, HistoryPath};
use ledger_protocol::proof::{AboveCheckpoint, CertifiedHead, HeaderProof, MAX_PROOF_HANDOFFS, OlderHeader, Target};

impl Prover<'_> {
    /// Ties the header of a height to the checkpoint.
    pub(super) fn header_proof(&self, height: Height) -> Proven<HeaderProof> {
        let trusted = self.checkpoint.height;
        let header = Box::new(self.header(height)?);
        if height == trusted {
            return Ok(HeaderProof::Checkpoint { header });
        }
        if height < trusted {
            let checkpoint = Box::new(self.header(trusted)?);
            return Ok(HeaderProof::Below { checkpoint, older: Box::new(self.older(height, trusted)?) });
        }
        let (handoffs, last) = self.handoffs(height)?;
        let head = if header.is_handoff() {
            CertifiedHead::Handoff
        } else {
            let certificate = self.certificate(height)?;
            CertifiedHead::New { header, certificate, trusted_path: self.history_path(last, height)? }
        };
        let validators = self.next_validators(&self.header(trusted)?)?;
        Ok(HeaderProof::Above(Box::new(AboveCheckpoint { validators, handoffs, head, target: Target::Head })))
    }

    /// Every hand-off above the checkpoint up to a height, and the height of the last one or of the checkpoint.
    fn handoffs(&self, height: Height) -> Proven<(Bounded<Handoff, MAX_PROOF_HANDOFFS>, Height)> {
        let mut last = self.checkpoint.height;
        let heights = self.blocks.handoffs(last, height, MAX_PROOF_HANDOFFS.saturating_add(1))?;
        let mut handoffs = Vec::new();
        for at in heights {
            let header = self.header(at)?;
            handoffs.push(Handoff {
                source: self.chain(),
                certificate: self.certificate(at)?,
                trusted_path: self.history_path(last, at)?,
                next_validators: self.next_validators(&header)?,
                header,
            });
            last = at;
        }
        match Bounded::new(handoffs) {
            Ok(handoffs) => Ok((handoffs, last)),
            Err(_) => not_provable(format!(
                "more than {MAX_PROOF_HANDOFFS} validator hand-offs lie between checkpoint {} and block {height}; ask \
                 for a checkpoint nearer to it",
                self.checkpoint.height
            )),
        }
    }

    /// A header with its place in the history of a newer one.
    pub(super) fn older(&self, older: Height, newer: Height) -> Proven<OlderHeader> {
        Ok(OlderHeader { header: self.header(older)?, path: self.history_path(older, newer)? })
    }

    pub(super) fn history_path(&self, older: Height, newer: Height) -> Proven<HistoryPath> {
        let path = self.blocks.history_path(older, newer)?;
        path.ok_or_else(|| gap(format!("the history has no path from block {older} to block {newer}")))
    }

    pub(super) fn certificate(&self, height: Height) -> Proven<FinalityCertificate> {
        let certificate = self.blocks.certificate(height)?;
        certificate.ok_or_else(|| gap(format!("block {height} has no certificate")))
    }

    pub(super) fn next_validators(&self, header: &Header) -> Proven<ValidatorSet> {
        let set = self.blocks.validators(&header.next_validators_hash)?;
        set.ok_or_else(|| gap(format!("the validators that block {} names are not stored", header.height)))
    }
}
