//! Tests of the encodings: what goes round, and garbage.

use super::super::context::{
    BlockHash, CoreHeight, CoreInput, MAX_ROUND, Member, PolkaCertificate, Proposal, RoundCertificate, SignedProposal,
    SignedVote, Vote, core_round, core_round_or_nil,
};
use super::super::encoding::{MAX_MESSAGE_BYTES, Message, decode_entry, encode_entry};
use arc_malachitebft_core_consensus::ProposedValue;
use arc_malachitebft_core_types as core_types;
use core_types::{NilOrVal, RoundCertificateType, Timeout, Validity, ValueOrigin, VoteType};
use ledger_protocol::chain::MAX_VALIDATORS;
use ledger_protocol::{Address, Hash, Height, Round, Signature, Suite};
use proptest::prelude::*;

fn address(number: u8) -> Address {
    Address { suite: Suite::Standard, hash: Hash([number; 32]) }
}

fn vote(step: VoteType, round: u32, value: Option<u8>) -> SignedVote {
    let value = value.map_or(NilOrVal::Nil, |number| NilOrVal::Val(BlockHash(Hash([number; 32]))));
    let round = core_round(Round(round));
    let vote = Vote { step, height: CoreHeight(3), round, value, validator: Member(address(1)) };
    SignedVote::new(vote, Signature([5; 64]))
}

fn proposal(valid_round: Option<Round>) -> SignedProposal {
    let proposal = Proposal {
        height: CoreHeight(3),
        round: core_round(Round(4)),
        value: BlockHash(Hash([2; 32])),
        valid_round: core_round_or_nil(valid_round),
        proposer: Member(address(2)),
    };
    SignedProposal::new(proposal, Signature([6; 64]))
}

fn polka(signers: usize) -> PolkaCertificate {
    let signatures = (0..signers)
        .map(|number| core_types::PolkaSignature::new(Member(address(number as u8)), Signature([number as u8; 64])));
    PolkaCertificate {
        height: CoreHeight(3),
        round: core_round(Round(1)),
        value_id: BlockHash(Hash([2; 32])),
        polka_signatures: signatures.collect(),
    }
}

fn round_certificate(signers: usize, cert_type: RoundCertificateType) -> RoundCertificate {
    let signatures = (0..signers).map(|number| {
        let (kind, value) = if number % 2 == 0 {
            (VoteType::Precommit, NilOrVal::Nil)
        } else {
            (VoteType::Prevote, NilOrVal::Val(BlockHash(Hash([3; 32]))))
        };
        core_types::RoundSignature::new(kind, value, Member(address(number as u8)), Signature([number as u8; 64]))
    });
    RoundCertificate {
        height: CoreHeight(3),
        round: core_round(Round(9)),
        cert_type,
        round_signatures: signatures.collect(),
    }
}

fn messages() -> Vec<Message> {
    vec![
        Message::Vote(vote(VoteType::Prevote, 0, None)),
        Message::Vote(vote(VoteType::Precommit, 7, Some(4))),
        Message::Proposal(proposal(None)),
        Message::Proposal(proposal(Some(Round(2)))),
        Message::Polka(polka(3)),
        Message::Round(round_certificate(4, RoundCertificateType::Skip)),
        Message::Round(round_certificate(0, RoundCertificateType::Precommit)),
    ]
}

#[test]
fn messages_go_round() {
    for message in messages() {
        let bytes = message.encode().unwrap();
        assert_eq!(Message::decode(&bytes).as_ref(), Some(&message));
        assert_eq!(Message::decode(&[bytes.as_slice(), &[0]].concat()), None, "a byte left over");
        for cut in 0..bytes.len() {
            assert_eq!(Message::decode(&bytes[..cut]), None, "cut at {cut}");
        }
    }
}

#[test]
fn the_largest_message_fits_and_a_larger_one_has_no_encoding() {
    let largest = Message::Round(round_certificate(MAX_VALIDATORS, RoundCertificateType::Skip)).encode().unwrap();
    assert!(largest.len() <= MAX_MESSAGE_BYTES, "{}", largest.len());
    assert!(Message::decode(&largest).is_some());
    assert_eq!(Message::Polka(polka(MAX_VALIDATORS + 1)).encode(), None);
    assert_eq!(Message::decode(&vec![3; MAX_MESSAGE_BYTES + 1]), None);
}

#[test]
fn rounds_beyond_all_reason_are_no_messages() {
    for round in [MAX_ROUND, u32::MAX] {
        let bytes = Message::Vote(vote(VoteType::Prevote, round, None)).encode().unwrap();
        assert_eq!(Message::decode(&bytes), None);
        let bytes = Message::Proposal(proposal(Some(Round(round)))).encode().unwrap();
        assert_eq!(Message::decode(&bytes), None);
    }
    let bytes = Message::Vote(vote(VoteType::Prevote, MAX_ROUND - 1, None)).encode().unwrap();
    assert!(Message::decode(&bytes).is_some());
}

#[test]
fn log_entries_go_round_at_their_height_only() {
    let verdict = |valid_round| ProposedValue {
        height: CoreHeight(3),
        round: core_round(Round(1)),
        valid_round: core_round_or_nil(valid_round),
        proposer: Member(address(4)),
        value: BlockHash(Hash([2; 32])),
        validity: Validity::Invalid,
    };
    let timeouts =
        [Timeout::propose, Timeout::prevote, Timeout::precommit].map(|timeout| timeout(core_round(Round(2))));
    let mut inputs = vec![
        CoreInput::Vote(vote(VoteType::Precommit, 0, Some(1))),
        CoreInput::Proposal(proposal(Some(Round(1)))),
        CoreInput::PolkaCertificate(polka(3)),
        CoreInput::ProposedValue(verdict(None), ValueOrigin::Consensus),
        CoreInput::ProposedValue(verdict(Some(Round(0))), ValueOrigin::Consensus),
    ];
    for input in &inputs {
        let entry = encode_entry(input).unwrap();
        assert_eq!(decode_entry(Height(4), &entry), None, "an entry of height 3 at height 4");
    }
    inputs.extend(timeouts.map(CoreInput::TimeoutElapsed));
    for input in inputs {
        let entry = encode_entry(&input).unwrap();
        assert_eq!(decode_entry(Height(3), &entry), Some(input));
        assert_eq!(decode_entry(Height(3), &entry[..entry.len() - 1]), None);
    }
    assert_eq!(encode_entry(&CoreInput::TimeoutElapsed(Timeout::rebroadcast(core_round(Round(0))))), None);
}

proptest! {
    #[test]
    fn garbage_is_no_message_or_reads_back(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Some(message) = Message::decode(&bytes) {
            prop_assert_eq!(message.encode().unwrap(), bytes);
        } else {
            prop_assert!(decode_entry(Height(3), &bytes).is_none_or(|input| encode_entry(&input) == Some(bytes)));
        }
    }

    #[test]
    fn a_damaged_message_is_none_or_reads_back(kind in 0usize..7, at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut bytes = messages()[kind].encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Some(message) = Message::decode(&bytes) {
            prop_assert_eq!(message.encode().unwrap(), bytes);
        }
    }
}
