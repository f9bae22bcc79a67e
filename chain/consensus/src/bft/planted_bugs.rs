//! Mistakes that take more than a line; the simulator must find them (docs/adr/0011).

use super::BftConsensus;
use super::context::{BlockHash, Member, SignedVote, Vote};
use super::encoding::Message;
use super::verify::Signatures;
use arc_malachitebft_core_consensus::Params;
use arc_malachitebft_core_types::{NilOrVal, ThresholdParam, ThresholdParams, VoteType};
use ledger_protocol::Address;
use ledger_protocol::chain::ValidatorSet;
use ledger_protocol::suite::Verifier;
use planted::Plant;

impl BftConsensus {
    /// The core prevotes nil when a lock forbids the round's block: here it prevotes the block.
    pub(super) fn without_lock_rule(&mut self, vote: Vote) -> Vote {
        if !planted::is(Plant::LockRuleDropped) || vote.step != VoteType::Prevote || vote.value != NilOrVal::Nil {
            return vote;
        }
        let round = vote.round.as_u32().unwrap_or(0);
        let Some(work) = &self.work else { return vote };
        let mut valid = work.judged.iter().filter(|(_, of, is_valid)| *of == round && *is_valid);
        match valid.next() {
            Some((hash, _, _)) => Vote { value: NilOrVal::Val(BlockHash(*hash)), ..vote },
            None => vote,
        }
    }
}

/// The core's own count of votes, by the same wrong quorum as every verifier's.
pub(super) fn thresholds<A>(params: Params<A>) -> Params<A>
where
    A: arc_malachitebft_core_types::Context,
{
    if !planted::is(Plant::QuorumOffByOne) {
        return params;
    }
    let threshold_params = ThresholdParams { quorum: ThresholdParam::F_PLUS_ONE, ..ThresholdParams::default() };
    Params { threshold_params, ..params }
}

/// What a quorum is, to a verifier.
pub(super) fn needed(needed: u64, total: u64) -> u64 {
    if planted::is(Plant::QuorumOffByOne) { total / 3 + 1 } else { needed }
}

/// A second vote of a validator that voted otherwise, in the name of one that has not voted.
pub(super) fn counted_twice(
    message: Message,
    validators: &ValidatorSet,
    me: &Address,
    signatures: &mut Signatures,
) -> Message {
    let Message::Vote(signed) = &message else { return message };
    let (vote, signature) = (&signed.message, signed.signature);
    let known = signatures.verified.get(&Signatures::place(vote));
    let is_second = known.is_some_and(|(hash, _)| *hash != vote.header_hash());
    if !planted::is(Plant::EquivocationCountedTwice) || !is_second {
        return message;
    }
    let mut keys = validators.validators().iter().map(|validator| &validator.public_key);
    let Some(key) = keys.find(|key| key.address() == vote.validator.0) else { return message };
    if Verifier.verify(key, &signatures.vote_bytes(vote), &signature).is_err() {
        return message;
    }
    let names = validators.validators().iter().map(|validator| validator.public_key.address());
    let names = names.filter(|name| name != me);
    let mut votes = names.map(|name| Vote { validator: Member(name), ..vote.clone() });
    let Some(other) = votes.find(|other| !signatures.verified.contains_key(&Signatures::place(other))) else {
        return message;
    };
    signatures.remember(&other, &signature);
    Message::Vote(SignedVote::new(other, signature))
}
