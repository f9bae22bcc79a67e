//! Bundles: everything that proves one proposal, in one file, from the relay's archive alone.
//!
//! What the archive cannot show is left out, and the bundle then says that it is partial; what cannot be left out
//! (the Submit, the record, who controls a chain) is an error.

use super::{Proven, Prover, gap, not_found, not_provable};
use chain_engine::rows::InputPlace;
use chain_state::Place;
use ledger_protocol::chain::Input;
use ledger_protocol::codec::{Bounded, SortedVec};
use ledger_protocol::proof::Bundle;
use ledger_protocol::proof::bundle::{
    Course, LegEvidence, LegMessages, MAX_BUNDLE_BYTES, MAX_RELAY_BLOCKS, MessageEvidence, Submission,
};
use ledger_protocol::system::{ChainRecord, LegStatus, ProposalState, accounts, chain_key};
use ledger_protocol::transaction::Operation;
use ledger_protocol::{Height, ProposalId};
use std::collections::BTreeSet;

impl Prover<'_> {
    /// Everything that proves a proposal.
    ///
    /// # Errors
    /// [`super::ProveError`].
    pub fn bundle(&self, id: ProposalId) -> Proven<Bundle> {
        let history = self.proposal_history(&id)?;
        let submission = self.submission(&id, history.newest.submitted_at)?;
        let found = self.deliveries(&id, &history)?;
        let voted: Vec<LegStatus> = history
            .newest
            .legs
            .iter()
            .zip(&found)
            .map(|(leg, messages)| LegStatus { phase: messages.voted_phase(), ..*leg })
            .collect();
        let (record, shown) = self.decided_version(&history, &voted)?;
        let mut heights = BTreeSet::from([submission.height_on_relay, record.height_on_relay]);
        let course = if shown.state == ProposalState::Rejected {
            Course::Rejected
        } else {
            let mut legs = Vec::new();
            for (leg, messages) in shown.legs.iter().zip(&found) {
                let place = Place::system(accounts::CHAINS, chain_key(&leg.chain));
                let control = self.record_at::<ChainRecord>(&place, record.height_on_relay)?;
                let Some((_, control, _)) = control else {
                    return Err(gap(format!("the relay has no registry record of {}", leg.chain)));
                };
                heights.insert(control.height_on_relay);
                let (vote, outcome) = self.leg_evidence(messages)?;
                heights.extend(vote.iter().chain(&outcome).map(|shown| shown.client.height_on_relay));
                legs.push(LegEvidence { control, messages: leg_messages(vote, outcome) });
            }
            Course::Legs(Bounded::new(legs).map_err(|_| gap("a proposal with too many legs"))?)
        };
        let (head, blocks) = self.relay_blocks(heights)?;
        let bundle = Bundle { head: self.header_proof(head)?, blocks, submission, record, course };
        match bundle.to_file().len() {
            length if length > MAX_BUNDLE_BYTES => {
                not_provable(format!("the bundle would have {length} bytes, more than {MAX_BUNDLE_BYTES}"))
            }
            _ => Ok(bundle),
        }
    }

    /// The Submit in the block that ordered it.
    fn submission(&self, id: &ProposalId, height: Height) -> Proven<Submission> {
        for (index, input) in (0u32..).zip(self.inputs(height)?) {
            let Input::Transaction(transaction) = input else { continue };
            let is_it = |operation: &Operation| match operation {
                Operation::SubmitProposal(submit) => submit.body.id() == *id,
                _ => false,
            };
            let Some(operation) = transaction.body.operations.iter().position(|operation| is_it(&operation.operation))
            else {
                continue;
            };
            let inclusion = self.input(&InputPlace { height, index })?;
            // The same Submit may have been refused before it, in the same block.
            if !inclusion.receipt.codes.iter().all(|code| code.is_ok()) {
                continue;
            }
            let operation = u16::try_from(operation).map_err(|_| gap("a transaction has too many operations"))?;
            return Ok(Submission { height_on_relay: height, operation, inclusion });
        }
        not_found(format!("block {height} of the relay does not hold the Submit of proposal {id}"))
    }

    /// The newest relay block of a bundle, which is the checkpoint if that is not below, and the others under it.
    fn relay_blocks(
        &self,
        mut heights: BTreeSet<Height>,
    ) -> Proven<(Height, SortedVec<ledger_protocol::proof::OlderHeader, MAX_RELAY_BLOCKS>)> {
        let newest = heights.last().copied().unwrap_or_default();
        let head = newest.max(self.checkpoint.height);
        heights.remove(&head);
        let older: Proven<Vec<_>> = heights.into_iter().map(|height| self.older(height, head)).collect();
        let blocks = SortedVec::new(older?).map_err(|error| gap(format!("the relay blocks of a bundle: {error}")))?;
        Ok((head, blocks))
    }
}

fn leg_messages(vote: Option<MessageEvidence>, outcome: Option<MessageEvidence>) -> LegMessages {
    match (vote.map(Box::new), outcome.map(Box::new)) {
        (None, None) => LegMessages::Silent,
        (Some(vote), None) => LegMessages::Voted { vote },
        (None, Some(outcome)) => LegMessages::Ended { outcome },
        (Some(vote), Some(outcome)) => LegMessages::VotedAndEnded { vote, outcome },
    }
}
