//! What every run is checked for: nothing leaves before it is durable, nothing is said twice, one chain.

use super::node::{Place, Says};
use super::{World, chain};
use crate::bft::context::{BftContext, CoreInput, Member};
use crate::bft::encoding::Message;
use ledger_protocol::chain::{CertificateKind, FinalityCertificate};
use ledger_protocol::{Address, Hash, Height};

impl World {
    /// Everything of ours that leaves, also inside certificates, is durable and said once.
    pub(super) fn check_published(&mut self, node: usize, bytes: &[u8]) {
        let address = self.nodes[node].address;
        let message = Message::decode(bytes).expect("a message decodes");
        let height = message.height().0;
        let mut own = Vec::new();
        match &message {
            Message::Polka(certificate) => {
                if certificate.polka_signatures.iter().any(|entry| entry.address == Member(address)) {
                    let round = certificate.round.as_u32().unwrap();
                    own.push(((node, height, round, 1), (Some(certificate.value_id.0), None)));
                }
            }
            Message::Round(certificate) => {
                for vote in certificate.votes(&BftContext) {
                    own.extend(said(node, &address, &CoreInput::Vote(vote)));
                }
            }
            Message::Vote(_) | Message::Proposal(_) => own.extend(said(node, &address, &message.into_input())),
        }
        for (place, says) in own {
            if !self.nodes[node].signed_durably.contains(&(place, says)) {
                self.fault(format!("published before it was durable: {place:?} {says:?}"));
            }
            self.signed.entry(place).or_default().insert(says);
        }
    }

    pub(super) fn check_commit(&mut self, node: usize, height: Height, hash: Hash, certificate: &FinalityCertificate) {
        self.outcome.commits += 1;
        self.outcome.max_round = self.outcome.max_round.max(certificate.round.0);
        if self.nodes[node].disk.height() + 1 != height.0 {
            self.fault(format!("validator {node} commits height {height} out of order"));
        }
        if self.nodes[node].disk.body(&hash).is_none() {
            self.fault(format!("validator {node} commits height {height} without its block"));
        }
        if *self.chain.entry(height.0).or_insert(hash) != hash {
            self.fault(format!("fork at height {height}"));
        }
        let chain = chain(self.scenario.suite);
        if let Err(error) = certificate.verify_hash(&chain, height, &hash, &self.set, CertificateKind::Bft) {
            self.fault(format!("certificate of height {height}: {error}"));
        }
        let signers = certificate.signers.signers(self.set.len()).unwrap_or_default();
        let own = ((node, height.0, certificate.round.0, 2), (Some(hash), None));
        if signers.contains(&node) && !self.nodes[node].signed_durably.contains(&own) {
            self.fault(format!("validator {node}'s certificate of height {height} is ahead of its log"));
        }
    }
}

/// What an own vote or proposal says, and where.
pub(super) fn said(node: usize, address: &Address, input: &CoreInput) -> Option<(Place, Says)> {
    match input {
        CoreInput::Vote(vote) if vote.message.validator == Member(*address) => {
            let vote = &vote.message;
            let kind = vote.step as u8 + 1;
            Some(((node, vote.height.0, vote.round.as_u32()?, kind), (vote.header_hash(), None)))
        }
        CoreInput::Proposal(proposal) if proposal.message.proposer == Member(*address) => {
            let proposal = &proposal.message;
            let says = (Some(proposal.value.0), proposal.valid_round.as_u32());
            Some(((node, proposal.height.0, proposal.round.as_u32()?, 3), says))
        }
        _ => None,
    }
}
