//! Verification of votes, proposals and the core's certificates, for real, with a memory of what was verified.
//!
//! A certificate counts only if every signature in it is valid, nobody signs twice, and the power reaches the
//! threshold that its kind needs. Votes that were verified one by one are not verified again inside a certificate;
//! the memory is bounded and forgetting costs time only.

#![expect(clippy::result_large_err, reason = "the error is the core's, and the core wants it so")]

use super::context::{
    BftContext, CommitCertificate, CoreValidatorSet, Member, PolkaCertificate, Proposal, RoundCertificate, Vote,
    our_round,
};
use arc_malachitebft_core_types as core_types;
use core_types::{Context, NilOrVal, RoundCertificateType, VoteType};
use ledger_protocol::chain::{CertificateKind, block_proposal_sign_bytes, quorum, vote_sign_bytes};
use ledger_protocol::suite::{BatchItem, Verifier};
use ledger_protocol::{Address, ChainId, Hash, Height, PublicKey, Round, Signature};
use std::collections::{BTreeMap, BTreeSet};

/// Votes remembered as verified: both steps of 32 rounds of the largest set.
const REMEMBERED_VOTES: usize = 16_384;

type CoreCertificateError = core_types::CertificateError<BftContext>;

/// What a vote is remembered by; its hash and signature are compared.
pub(super) type VotePlace = (u64, u32, VoteType, Address);

/// Verifies for one chain.
#[derive(Debug)]
pub(super) struct Signatures {
    chain: ChainId,
    kind: CertificateKind,
    pub(super) verified: BTreeMap<VotePlace, (Option<Hash>, Signature)>,
}

impl Signatures {
    pub(super) fn new(chain: ChainId, kind: CertificateKind) -> Self {
        Self { chain, kind, verified: BTreeMap::new() }
    }

    /// Forgets everything below a height.
    pub(super) fn begin(&mut self, height: Height) {
        self.verified.retain(|(of, _, _, _), _| *of >= height.0);
    }

    /// The bytes that a vote's signer signs.
    pub(super) fn vote_bytes(&self, vote: &Vote) -> Vec<u8> {
        let round = our_round(vote.round).unwrap_or(Round(u32::MAX));
        let hash = vote.header_hash();
        vote_sign_bytes(vote.kind(), self.kind, &self.chain, Height(vote.height.0), round, hash.as_ref())
    }

    /// The bytes that a proposal's signer signs.
    pub(super) fn proposal_bytes(&self, proposal: &Proposal) -> Vec<u8> {
        let round = our_round(proposal.round).unwrap_or(Round(u32::MAX));
        let valid_round = our_round(proposal.valid_round);
        let height = Height(proposal.height.0);
        block_proposal_sign_bytes(self.kind, &self.chain, height, round, valid_round, &proposal.value.0)
    }

    /// Whether `signature` is the vote's, by this key.
    pub(super) fn vote(&mut self, vote: &Vote, public_key: &PublicKey, signature: &Signature) -> bool {
        if self.remembers(vote, signature) {
            return true;
        }
        let valid = Verifier.verify(public_key, &self.vote_bytes(vote), signature).is_ok();
        #[cfg(feature = "planted-bugs")]
        let valid = valid || planted::is(planted::Plant::VoteSignatureUnchecked);
        if valid {
            self.remember(vote, signature);
        }
        valid
    }

    /// Whether `signature` is the proposal's, by this key.
    pub(super) fn proposal(&self, proposal: &Proposal, public_key: &PublicKey, signature: &Signature) -> bool {
        Verifier.verify(public_key, &self.proposal_bytes(proposal), signature).is_ok()
    }

    /// A quorum's prevotes for one block.
    pub(super) fn polka(
        &mut self,
        certificate: &PolkaCertificate,
        set: &CoreValidatorSet,
    ) -> Result<(), CoreCertificateError> {
        let votes = certificate.votes(&BftContext).map(|vote| (vote.message, vote.signature)).collect();
        let signed = self.all(votes, set)?;
        self.reaches(signed, set, quorum(self.kind, set.total_power()))
    }

    /// A quorum's precommits for one block.
    pub(super) fn commit(
        &mut self,
        certificate: &CommitCertificate,
        set: &CoreValidatorSet,
    ) -> Result<(), CoreCertificateError> {
        let votes = certificate.commit_signatures.iter().map(|entry| {
            let value = NilOrVal::Val(certificate.value_id);
            let vote = BftContext.new_precommit(certificate.height, certificate.round, value, entry.address);
            (vote, entry.signature)
        });
        let signed = self.all(votes.collect(), set)?;
        self.reaches(signed, set, quorum(self.kind, set.total_power()))
    }

    /// The votes that justify entering a round: a quorum's precommits of the round before, or votes of more than a
    /// third in the round itself.
    pub(super) fn round(
        &mut self,
        certificate: &RoundCertificate,
        set: &CoreValidatorSet,
    ) -> Result<(), CoreCertificateError> {
        let needed = match certificate.cert_type {
            RoundCertificateType::Precommit => {
                let stray = certificate.round_signatures.iter().find(|entry| entry.vote_type != VoteType::Precommit);
                if let Some(entry) = stray {
                    return Err(CoreCertificateError::InvalidVoteType(entry.address));
                }
                quorum(self.kind, set.total_power())
            }
            RoundCertificateType::Skip => set.total_power() / 3 + 1,
        };
        let votes = certificate.votes(&BftContext).map(|vote| (vote.message, vote.signature)).collect();
        let signed = self.all(votes, set)?;
        self.reaches(signed, set, needed)
    }

    fn reaches(&self, signed: u64, set: &CoreValidatorSet, needed: u64) -> Result<(), CoreCertificateError> {
        #[cfg(feature = "planted-bugs")]
        let needed = super::planted_bugs::needed(needed, set.total_power());
        if signed >= needed {
            return Ok(());
        }
        Err(CoreCertificateError::NotEnoughVotingPower { signed, total: set.total_power(), expected: needed })
    }

    /// The power behind votes that are all of the set, all valid, and by different validators.
    fn all(&mut self, votes: Vec<(Vote, Signature)>, set: &CoreValidatorSet) -> Result<u64, CoreCertificateError> {
        let mut signers = BTreeSet::new();
        let mut signed = 0u64;
        for (vote, _) in &votes {
            let Member(address) = vote.validator;
            let power = set.power(&address).ok_or(CoreCertificateError::UnknownValidator(vote.validator))?;
            if !signers.insert(address) {
                return Err(CoreCertificateError::DuplicateVote(vote.validator));
            }
            signed = signed.saturating_add(power);
        }
        let open: Vec<(Vote, Signature, Vec<u8>)> = votes
            .into_iter()
            .filter(|(vote, signature)| !self.remembers(vote, signature))
            .map(|(vote, signature)| {
                let bytes = self.vote_bytes(&vote);
                (vote, signature, bytes)
            })
            .collect();
        let items: Vec<BatchItem<'_>> = open
            .iter()
            .filter_map(|(vote, signature, bytes)| {
                let public_key = set.public_key(&vote.validator.0)?;
                Some(BatchItem { public_key, message: bytes, signature })
            })
            .collect();
        let answers = Verifier.verify_batch(&items);
        if answers.iter().any(Result::is_err) {
            return Err(CoreCertificateError::VerificationError(None));
        }
        for (vote, signature, _) in &open {
            self.remember(vote, signature);
        }
        Ok(signed)
    }

    pub(super) fn place(vote: &Vote) -> VotePlace {
        (vote.height.0, vote.round.as_u32().unwrap_or(u32::MAX), vote.step, vote.validator.0)
    }

    fn remembers(&self, vote: &Vote, signature: &Signature) -> bool {
        self.verified.get(&Self::place(vote)) == Some(&(vote.header_hash(), *signature))
    }

    pub(super) fn remember(&mut self, vote: &Vote, signature: &Signature) {
        if self.verified.len() >= REMEMBERED_VOTES {
            self.verified.clear();
        }
        self.verified.insert(Self::place(vote), (vote.header_hash(), *signature));
    }
}
