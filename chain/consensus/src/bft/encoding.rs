//! The two encodings of consensus messages: what travels between validators, and what the log holds.
//!
//! Both are borsh with explicit discriminants and bounded lists. Decoding never panics; a message that does not
//! decode to exactly one value, is longer than [`MAX_MESSAGE_BYTES`], or names a round from [`MAX_ROUND`] on is no
//! message. A log entry is one of the five inputs that the core asks to be logged, or says that this validator fell silent,
//! or that the next entry is a vote of its own that others showed it; anything else is a bug.

use super::context::{
    BftContext, BlockHash, CoreInput, MAX_ROUND, Member, PolkaCertificate, Proposal, RoundCertificate, SignedProposal,
    SignedVote, Vote, core_round, core_round_or_nil, our_round,
};
use arc_malachitebft_core_consensus::ProposedValue;
use arc_malachitebft_core_types as core_types;
use borsh::{BorshDeserialize, BorshSerialize};
use core_types::{NilOrVal, RoundCertificateType, Timeout, TimeoutKind, Validity, ValueOrigin, VoteType};
use ledger_protocol::chain::MAX_VALIDATORS;
use ledger_protocol::codec::{Bounded, decode, encode};
use ledger_protocol::{Address, Hash, Height, Round, Signature};

/// The longest message: a round certificate in which every validator of the largest set signs.
pub(super) const MAX_MESSAGE_BYTES: usize = 64 * 1024;

#[derive(Clone, Copy, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
enum Step {
    Prevote = 1,
    Precommit = 2,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct VoteRecord {
    step: Step,
    height: Height,
    round: Round,
    header_hash: Option<Hash>,
    validator: Address,
    signature: Signature,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct ProposalRecord {
    height: Height,
    round: Round,
    valid_round: Option<Round>,
    header_hash: Hash,
    proposer: Address,
    signature: Signature,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct PolkaRecord {
    height: Height,
    round: Round,
    header_hash: Hash,
    signatures: Bounded<(Address, Signature), MAX_VALIDATORS>,
}

#[derive(BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
enum RoundReason {
    Skip = 1,
    Precommit = 2,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct RoundVote {
    step: Step,
    header_hash: Option<Hash>,
    validator: Address,
    signature: Signature,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct RoundRecord {
    height: Height,
    round: Round,
    reason: RoundReason,
    votes: Bounded<RoundVote, MAX_VALIDATORS>,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct VerdictRecord {
    height: Height,
    round: Round,
    valid_round: Option<Round>,
    header_hash: Hash,
    proposer: Address,
    valid: bool,
}

#[derive(BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
enum TimedStep {
    Propose = 1,
    Prevote = 2,
    Precommit = 3,
}

#[derive(BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
enum MessageRecord {
    Vote(VoteRecord) = 1,
    Proposal(ProposalRecord) = 2,
    Polka(PolkaRecord) = 3,
    Round(RoundRecord) = 4,
}

#[derive(BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
enum EntryRecord {
    Vote(VoteRecord) = 1,
    Proposal(ProposalRecord) = 2,
    Polka(PolkaRecord) = 3,
    Verdict(VerdictRecord) = 4,
    Timeout { step: TimedStep, round: Round } = 5,
    Silence = 6,
    Shown = 7,
}

/// What one validator sends to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Vote(SignedVote),
    Proposal(SignedProposal),
    Polka(PolkaCertificate),
    Round(RoundCertificate),
}

impl Message {
    pub(super) fn height(&self) -> Height {
        Height(match self {
            Self::Vote(vote) => vote.message.height.0,
            Self::Proposal(proposal) => proposal.message.height.0,
            Self::Polka(certificate) => certificate.height.0,
            Self::Round(certificate) => certificate.height.0,
        })
    }

    pub(super) fn into_input(self) -> CoreInput {
        match self {
            Self::Vote(vote) => CoreInput::Vote(vote),
            Self::Proposal(proposal) => CoreInput::Proposal(proposal),
            Self::Polka(certificate) => CoreInput::PolkaCertificate(certificate),
            Self::Round(certificate) => CoreInput::RoundCertificate(certificate),
        }
    }

    /// The bytes to send; `None` for a message without a round, which the core never makes.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let record = match self {
            Self::Vote(vote) => MessageRecord::Vote(vote_record(vote)?),
            Self::Proposal(proposal) => MessageRecord::Proposal(proposal_record(proposal)?),
            Self::Polka(certificate) => MessageRecord::Polka(polka_record(certificate)?),
            Self::Round(certificate) => MessageRecord::Round(round_record(certificate)?),
        };
        Some(encode(&record))
    }

    /// The message in `bytes`; `None` for anything that is not exactly one message.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        match decode::<MessageRecord>(bytes, MAX_MESSAGE_BYTES).ok()? {
            MessageRecord::Vote(record) => Some(Self::Vote(vote(record)?)),
            MessageRecord::Proposal(record) => Some(Self::Proposal(proposal(record)?)),
            MessageRecord::Polka(record) => Some(Self::Polka(polka(record)?)),
            MessageRecord::Round(record) => Some(Self::Round(round_certificate(record)?)),
        }
    }
}

/// The log entry of an input; `None` for inputs that never stand in a log.
pub(super) fn encode_entry(input: &CoreInput) -> Option<Vec<u8>> {
    let record = match input {
        CoreInput::Vote(vote) => EntryRecord::Vote(vote_record(vote)?),
        CoreInput::Proposal(proposal) => EntryRecord::Proposal(proposal_record(proposal)?),
        CoreInput::PolkaCertificate(certificate) => EntryRecord::Polka(polka_record(certificate)?),
        CoreInput::ProposedValue(value, _) => EntryRecord::Verdict(VerdictRecord {
            height: Height(value.height.0),
            round: our_round(value.round)?,
            valid_round: our_round(value.valid_round),
            header_hash: value.value.0,
            proposer: value.proposer.0,
            valid: value.validity.is_valid(),
        }),
        CoreInput::TimeoutElapsed(timeout) => {
            let step = match timeout.kind {
                TimeoutKind::Propose => TimedStep::Propose,
                TimeoutKind::Prevote => TimedStep::Prevote,
                TimeoutKind::Precommit => TimedStep::Precommit,
                TimeoutKind::Rebroadcast | TimeoutKind::FinalizeHeight(_) => return None,
            };
            EntryRecord::Timeout { step, round: our_round(timeout.round)? }
        }
        CoreInput::StartHeight(..)
        | CoreInput::RoundCertificate(_)
        | CoreInput::Propose(_)
        | CoreInput::SyncValueResponse(_) => return None,
    };
    Some(encode(&record))
}

/// The log entry that says: at this height nothing more is signed.
pub(super) fn silence() -> Vec<u8> {
    encode(&EntryRecord::Silence)
}

/// The log entry that says: the next one is a vote of our own that we did not know of.
pub(super) fn shown() -> Vec<u8> {
    encode(&EntryRecord::Shown)
}

/// The input of a log entry of `height`; `None` if it is none.
pub(super) fn decode_entry(height: Height, bytes: &[u8]) -> Option<CoreInput> {
    let input = match decode::<EntryRecord>(bytes, MAX_MESSAGE_BYTES).ok()? {
        EntryRecord::Vote(record) if record.height == height => CoreInput::Vote(vote(record)?),
        EntryRecord::Proposal(record) if record.height == height => CoreInput::Proposal(proposal(record)?),
        EntryRecord::Polka(record) if record.height == height => CoreInput::PolkaCertificate(polka(record)?),
        EntryRecord::Verdict(record) if record.height == height => {
            CoreInput::ProposedValue(verdict(record)?, ValueOrigin::Consensus)
        }
        EntryRecord::Timeout { step, round } => {
            let kind = match step {
                TimedStep::Propose => TimeoutKind::Propose,
                TimedStep::Prevote => TimeoutKind::Prevote,
                TimedStep::Precommit => TimeoutKind::Precommit,
            };
            CoreInput::TimeoutElapsed(Timeout::new(core_round(known(round)?), kind))
        }
        _ => return None,
    };
    Some(input)
}

fn known(round: Round) -> Option<Round> {
    (round.0 < MAX_ROUND).then_some(round)
}

fn known_or_nil(round: Option<Round>) -> Option<core_types::Round> {
    match round {
        None => Some(core_types::Round::Nil),
        Some(round) => Some(core_round_or_nil(Some(known(round)?))),
    }
}

fn step(step: VoteType) -> Step {
    match step {
        VoteType::Prevote => Step::Prevote,
        VoteType::Precommit => Step::Precommit,
    }
}

fn vote_type(step: Step) -> VoteType {
    match step {
        Step::Prevote => VoteType::Prevote,
        Step::Precommit => VoteType::Precommit,
    }
}

fn hash(value: &NilOrVal<BlockHash>) -> Option<Hash> {
    match value {
        NilOrVal::Nil => None,
        NilOrVal::Val(BlockHash(hash)) => Some(*hash),
    }
}

fn value(hash: Option<Hash>) -> NilOrVal<BlockHash> {
    hash.map_or(NilOrVal::Nil, |hash| NilOrVal::Val(BlockHash(hash)))
}

fn vote_record(vote: &SignedVote) -> Option<VoteRecord> {
    Some(VoteRecord {
        step: step(vote.message.step),
        height: Height(vote.message.height.0),
        round: our_round(vote.message.round)?,
        header_hash: hash(&vote.message.value),
        validator: vote.message.validator.0,
        signature: vote.signature,
    })
}

fn vote(record: VoteRecord) -> Option<SignedVote> {
    let vote = Vote {
        step: vote_type(record.step),
        height: record.height.into(),
        round: core_round(known(record.round)?),
        value: value(record.header_hash),
        validator: Member(record.validator),
    };
    Some(SignedVote::new(vote, record.signature))
}

fn proposal_record(proposal: &SignedProposal) -> Option<ProposalRecord> {
    Some(ProposalRecord {
        height: Height(proposal.message.height.0),
        round: our_round(proposal.message.round)?,
        valid_round: our_round(proposal.message.valid_round),
        header_hash: proposal.message.value.0,
        proposer: proposal.message.proposer.0,
        signature: proposal.signature,
    })
}

fn proposal(record: ProposalRecord) -> Option<SignedProposal> {
    let proposal = Proposal {
        height: record.height.into(),
        round: core_round(known(record.round)?),
        value: BlockHash(record.header_hash),
        valid_round: known_or_nil(record.valid_round)?,
        proposer: Member(record.proposer),
    };
    Some(SignedProposal::new(proposal, record.signature))
}

fn polka_record(certificate: &PolkaCertificate) -> Option<PolkaRecord> {
    let signatures = certificate.polka_signatures.iter().map(|entry| (entry.address.0, entry.signature));
    Some(PolkaRecord {
        height: Height(certificate.height.0),
        round: our_round(certificate.round)?,
        header_hash: certificate.value_id.0,
        signatures: Bounded::new(signatures.collect()).ok()?,
    })
}

fn polka(record: PolkaRecord) -> Option<PolkaCertificate> {
    let signatures = record.signatures.into_vec().into_iter();
    Some(PolkaCertificate {
        height: record.height.into(),
        round: core_round(known(record.round)?),
        value_id: BlockHash(record.header_hash),
        polka_signatures: signatures
            .map(|(address, signature)| core_types::PolkaSignature::new(Member(address), signature))
            .collect(),
    })
}

fn round_record(certificate: &RoundCertificate) -> Option<RoundRecord> {
    let votes = certificate.round_signatures.iter().map(|entry| RoundVote {
        step: step(entry.vote_type),
        header_hash: hash(&entry.value_id),
        validator: entry.address.0,
        signature: entry.signature,
    });
    Some(RoundRecord {
        height: Height(certificate.height.0),
        round: our_round(certificate.round)?,
        reason: match certificate.cert_type {
            RoundCertificateType::Skip => RoundReason::Skip,
            RoundCertificateType::Precommit => RoundReason::Precommit,
        },
        votes: Bounded::new(votes.collect()).ok()?,
    })
}

fn round_certificate(record: RoundRecord) -> Option<RoundCertificate> {
    let votes = record.votes.into_vec().into_iter();
    Some(RoundCertificate {
        height: record.height.into(),
        round: core_round(known(record.round)?),
        cert_type: match record.reason {
            RoundReason::Skip => RoundCertificateType::Skip,
            RoundReason::Precommit => RoundCertificateType::Precommit,
        },
        round_signatures: votes
            .map(|entry| {
                let (kind, value) = (vote_type(entry.step), value(entry.header_hash));
                core_types::RoundSignature::new(kind, value, Member(entry.validator), entry.signature)
            })
            .collect(),
    })
}

fn verdict(record: VerdictRecord) -> Option<ProposedValue<BftContext>> {
    Some(ProposedValue {
        height: record.height.into(),
        round: core_round(known(record.round)?),
        valid_round: known_or_nil(record.valid_round)?,
        proposer: Member(record.proposer),
        value: BlockHash(record.header_hash),
        validity: Validity::from_bool(record.valid),
    })
}
