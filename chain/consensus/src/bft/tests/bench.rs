//! One instance on a bench: it is told things by hand, and what it says is looked at.

use super::super::BftConsensus;
use super::super::context::{
    BlockHash, Member, PolkaCertificate, Proposal, RoundCertificate, SignedProposal, SignedVote, Vote, core_round,
};
use super::super::encoding::Message;
use super::world::{Key, chain, config, validators};
use crate::port::{BarrierId, Consensus, Effect, Event, Halt, HeightSettings};
use arc_malachitebft_core_types::{
    NilOrVal, PolkaSignature, Round as CoreRound, RoundCertificateType, RoundSignature, VoteType,
};
use ledger_protocol::chain::{
    CertificateKind, FinalityCertificate, SignerBitmap, ValidatorSet, VoteKind, block_proposal_sign_bytes,
    vote_sign_bytes,
};
use ledger_protocol::codec::Bounded;
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{Address, Hash, Height, Round, Suite, TimestampMs};

pub(super) const H: Height = Height(1);

/// Four validators; ours is number 3, and the order is 0, 1, 2, 3 unless said otherwise.
pub(super) struct Bench {
    pub(super) keys: Vec<SecretKey>,
    pub(super) set: ValidatorSet,
    pub(super) instance: BftConsensus,
}

impl Bench {
    pub(super) fn new(count: usize) -> Self {
        let (keys, set) = validators(Suite::Standard, &vec![1; count]);
        let key = Key(keys[count - 1].clone());
        let instance = BftConsensus::new(config(Suite::Standard), Box::new(key)).unwrap();
        Self { keys, set, instance }
    }

    pub(super) fn address(&self, number: usize) -> Address {
        self.keys[number].address()
    }

    pub(super) fn start(&mut self, height: Height, order: &[u16], replay: Vec<Vec<u8>>) -> Result<Vec<Effect>, Halt> {
        self.start_as(height, order, replay, true)
    }

    pub(super) fn start_as(
        &mut self,
        height: Height,
        order: &[u16],
        replay: Vec<Vec<u8>>,
        signs: bool,
    ) -> Result<Vec<Effect>, Halt> {
        let (validators, proposer_order) = (self.set.clone(), order.to_vec());
        let settings = HeightSettings { height, validators, proposer_order, signs, forgot: false };
        self.on(Event::Start { settings, replay })
    }

    /// Begins a height as a validator that has lost its disk.
    pub(super) fn start_after_loss(&mut self, height: Height, order: &[u16]) -> Vec<Effect> {
        let (validators, proposer_order) = (self.set.clone(), order.to_vec());
        let settings = HeightSettings { height, validators, proposer_order, signs: true, forgot: true };
        self.on(Event::Start { settings, replay: Vec::new() }).unwrap()
    }

    pub(super) fn started(count: usize, order: &[u16]) -> Self {
        let mut bench = Self::new(count);
        bench.start(H, order, Vec::new()).unwrap();
        bench
    }

    pub(super) fn on(&mut self, event: Event) -> Result<Vec<Effect>, Halt> {
        let mut effects = Vec::new();
        self.instance.on(TimestampMs(0), event, &mut effects)?;
        Ok(effects)
    }

    /// Tells an event, and every barrier that follows from it as durable.
    pub(super) fn on_durably(&mut self, event: Event) -> Result<Vec<Effect>, Halt> {
        let mut effects = self.on(event)?;
        while let Some(id) = barrier(&effects) {
            let more = self.on(Event::Persisted(id))?;
            effects.retain(|effect| *effect != Effect::Barrier(id));
            effects.extend(more);
        }
        Ok(effects)
    }

    pub(super) fn vote(&self, by: usize, step: VoteType, height: Height, round: u32, value: Option<Hash>) -> Event {
        let kind = if step == VoteType::Prevote { VoteKind::Prevote } else { VoteKind::Precommit };
        let (chain, bft) = (chain(Suite::Standard), CertificateKind::Bft);
        let bytes = vote_sign_bytes(kind, bft, &chain, height, Round(round), value.as_ref());
        let vote = Vote {
            step,
            height: height.into(),
            round: core_round(Round(round)),
            value: value.map_or(NilOrVal::Nil, |hash| NilOrVal::Val(BlockHash(hash))),
            validator: Member(self.address(by)),
        };
        let vote = SignedVote::new(vote, self.keys[by].sign(&bytes));
        Event::Message { bytes: Message::Vote(vote).encode().unwrap() }
    }

    /// What shows that a round was left: nil prevotes of it.
    pub(super) fn left_round(&self, round: u32, by: &[usize]) -> Event {
        let (chain, bft) = (chain(Suite::Standard), CertificateKind::Bft);
        let bytes = vote_sign_bytes(VoteKind::Prevote, bft, &chain, H, Round(round), None);
        let signature = |by: &usize| {
            let signed = self.keys[*by].sign(&bytes);
            RoundSignature::new(VoteType::Prevote, NilOrVal::Nil, Member(self.address(*by)), signed)
        };
        let certificate = RoundCertificate {
            height: H.into(),
            round: core_round(Round(round)),
            cert_type: RoundCertificateType::Skip,
            round_signatures: by.iter().map(signature).collect(),
        };
        Event::Message { bytes: Message::Round(certificate).encode().unwrap() }
    }

    /// What shows that a quorum prevoted a block.
    pub(super) fn polka(&self, round: u32, value: Hash, by: &[usize]) -> Event {
        let (chain, bft) = (chain(Suite::Standard), CertificateKind::Bft);
        let bytes = vote_sign_bytes(VoteKind::Prevote, bft, &chain, H, Round(round), Some(&value));
        let signature = |by: &usize| PolkaSignature::new(Member(self.address(*by)), self.keys[*by].sign(&bytes));
        let certificate = PolkaCertificate {
            height: H.into(),
            round: core_round(Round(round)),
            value_id: BlockHash(value),
            polka_signatures: by.iter().map(signature).collect(),
        };
        Event::Message { bytes: Message::Polka(certificate).encode().unwrap() }
    }

    pub(super) fn proposal(&self, by: usize, round: u32, value: Hash) -> Event {
        let (chain, bft) = (chain(Suite::Standard), CertificateKind::Bft);
        let bytes = block_proposal_sign_bytes(bft, &chain, H, Round(round), None, &value);
        let proposal = Proposal {
            height: H.into(),
            round: core_round(Round(round)),
            value: BlockHash(value),
            valid_round: CoreRound::Nil,
            proposer: Member(self.address(by)),
        };
        let proposal = SignedProposal::new(proposal, self.keys[by].sign(&bytes));
        Event::Message { bytes: Message::Proposal(proposal).encode().unwrap() }
    }

    pub(super) fn judged(&self, by: usize, round: u32, header_hash: Hash, valid: bool) -> Event {
        let proposer = self.address(by);
        Event::Judged { height: H, round: Round(round), valid_round: None, proposer, header_hash, valid }
    }

    pub(super) fn certificate(&self, signers: &[usize], height: Height, hash: Hash) -> FinalityCertificate {
        let (kind, chain, round) = (CertificateKind::Bft, chain(Suite::Standard), Round(0));
        let bytes = vote_sign_bytes(VoteKind::Precommit, kind, &chain, height, round, Some(&hash));
        let signatures = signers.iter().map(|signer| self.keys[*signer].sign(&bytes)).collect();
        let signers = SignerBitmap::new(self.set.len(), signers.iter().copied());
        let signatures = Bounded::new(signatures).unwrap();
        FinalityCertificate { kind, chain, height, round, header_hash: hash, signers, signatures }
    }
}

pub(super) fn barrier(effects: &[Effect]) -> Option<BarrierId> {
    effects.iter().find_map(|effect| match effect {
        Effect::Barrier(id) => Some(*id),
        _ => None,
    })
}

pub(super) fn appended(effects: &[Effect]) -> Vec<Vec<u8>> {
    let entries = effects.iter().filter_map(|effect| match effect {
        Effect::Append { entry, .. } => Some(entry.clone()),
        _ => None,
    });
    entries.collect()
}

pub(super) fn sent(effects: &[Effect]) -> Vec<Message> {
    let messages = effects.iter().filter_map(|effect| match effect {
        Effect::Broadcast { bytes } => Message::decode(bytes),
        _ => None,
    });
    messages.collect()
}

pub(super) fn sent_votes(effects: &[Effect]) -> Vec<(VoteType, Option<Hash>)> {
    let votes = sent(effects).into_iter().filter_map(|message| match message {
        Message::Vote(vote) => Some((vote.message.step, vote.message.header_hash())),
        _ => None,
    });
    votes.collect()
}

pub(super) fn a_hash(number: u8) -> Hash {
    Hash([number; 32])
}
