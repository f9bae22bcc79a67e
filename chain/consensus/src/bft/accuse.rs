//! From what the core noticed to an accusation that anybody can verify.
//!
//! The core keeps up to three pairs of votes and three of proposals per validator and height, as they were signed, and
//! hands them over when the height ends: decided here, or overtaken by block sync. Of each validator one pair is told,
//! because one convicts. The log holds both messages of a pair, so replay finds it again.
//! Whoever is accused is convicted: a pair that does not verify, under the height's own set, is not told.

use super::context::{BftContext, BlockHash, Member, SignedProposal, SignedVote, core_round, our_round};
use super::routine::Machine;
use super::{BftConsensus, Work};
use crate::port::Effect;
use arc_malachitebft_core_consensus::MisbehaviorEvidence;
use arc_malachitebft_core_types::{Context as _, NilOrVal};
use ledger_protocol::chain::{Contradiction, Equivocation, FinalityCertificate, ProposalChoice, Signed, VoteChoice};
use ledger_protocol::{Address, Round};
use std::collections::BTreeMap;

/// A round and what was signed twice in it.
type Place = (Round, Contradiction);

fn of_votes(one: &SignedVote, other: &SignedVote) -> Option<Place> {
    let signed = |vote: &SignedVote| Signed::<VoteChoice> {
        choice: vote.message.header_hash().into(),
        signature: vote.signature,
    };
    let same_place = one.message.kind() == other.message.kind() && one.message.round == other.message.round;
    let round = our_round(one.message.round).filter(|_| same_place)?;
    Some((round, Contradiction::of_votes(one.message.kind(), signed(one), signed(other))))
}

fn of_proposals(one: &SignedProposal, other: &SignedProposal) -> Option<Place> {
    let signed = |proposal: &SignedProposal| Signed::<ProposalChoice> {
        choice: ProposalChoice {
            valid_round: our_round(proposal.message.valid_round).unwrap_or(Round(u32::MAX)),
            header_hash: proposal.message.value.0,
        },
        signature: proposal.signature,
    };
    let round = our_round(one.message.round).filter(|_| one.message.round == other.message.round)?;
    Some((round, Contradiction::of_proposals(signed(one), signed(other))))
}

impl BftConsensus {
    /// Tells of every validator that contradicted itself at the height that ends.
    pub(super) fn accuse(&mut self, evidence: &MisbehaviorEvidence<BftContext>, effects: &mut Vec<Effect>) {
        if evidence.is_empty() {
            return;
        }
        let votes = evidence.votes.iter().flat_map(|(member, pairs)| {
            pairs.iter().filter_map(|(one, other)| Some((member.0, of_votes(one, other)?)))
        });
        let proposals = evidence.proposals.iter().flat_map(|(member, pairs)| {
            pairs.iter().filter_map(|(one, other)| Some((member.0, of_proposals(one, other)?)))
        });
        let mut convicted: BTreeMap<Address, Equivocation> = BTreeMap::new();
        for (validator, place) in votes.chain(proposals) {
            if !convicted.contains_key(&validator)
                && let Some(equivocation) = self.convict(&validator, place)
            {
                convicted.insert(validator, equivocation);
            }
        }
        for equivocation in convicted.into_values() {
            self.emit(Effect::Equivocation(Box::new(equivocation)), effects);
        }
    }

    fn convict(&self, validator: &Address, (round, contradiction): Place) -> Option<Equivocation> {
        let Work { height, validators, set, .. } = self.work.as_ref()?;
        let (kind, chain) = (self.config.kind, self.config.chain);
        let validator = *set.public_key(validator)?;
        let equivocation = Equivocation { kind, chain, height: *height, round, validator, contradiction };
        equivocation.verify(&chain, validators).is_ok().then_some(equivocation)
    }

    /// What there is to notice at a height that the core does not end itself. The votes of its certificate, which was
    /// verified, may contradict votes that came from the same validators: whoever shows two sides two things is often
    /// seen only here.
    pub(super) fn accuse_overtaken(&mut self, certificate: &FinalityCertificate, effects: &mut Vec<Effect>) {
        let (Some(work), Machine::Idle(state)) = (&self.work, &mut self.machine) else { return };
        let signers = certificate.signers.signers(work.validators.len()).unwrap_or_default();
        for (position, signature) in signers.into_iter().zip(certificate.signatures.iter()) {
            let Some(signer) = work.validators.validators().get(position) else { continue };
            let value = NilOrVal::Val(BlockHash(certificate.header_hash));
            let (height, round) = (certificate.height.into(), core_round(certificate.round));
            let vote = BftContext.new_precommit(height, round, value, Member(signer.address()));
            // Compared with what the core holds, and kept with it if the two differ.
            let _pair = state.record_vote_evidence(SignedVote::new(vote, *signature));
        }
        let evidence = MisbehaviorEvidence {
            proposals: state.driver.take_proposal_evidence(),
            votes: state.driver.take_vote_evidence(),
        };
        self.accuse(&evidence, effects);
    }
}
