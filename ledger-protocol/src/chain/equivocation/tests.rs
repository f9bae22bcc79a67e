//! What convicts a validator, and everything that must not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::chain::Validator;
use crate::codec::{Text, decode, encode};
use crate::suite::{SecretKey, Suite};
use proptest::prelude::*;

const SUITES: [Suite; 2] = [Suite::Standard, Suite::Guomi];
const PLACE: (Height, Round) = (Height(7), Round(2));

fn chain(suite: Suite) -> ChainId {
    ChainId { suite, hash: Hash([9; 32]) }
}

fn secret(suite: Suite, seed: u8) -> SecretKey {
    SecretKey::from_seed(suite, [seed; 32])
}

fn set(suite: Suite, seeds: &[u8]) -> ValidatorSet {
    let validators = seeds.iter().map(|seed| Validator {
        public_key: secret(suite, *seed).public_key(),
        power: 1,
        organisation: Text::new("bank").unwrap(),
        network_key_hash: Hash([1; 32]),
    });
    ValidatorSet::new(suite, validators.collect()).unwrap()
}

fn vote(key: &SecretKey, step: VoteKind, choice: VoteChoice) -> Signed<VoteChoice> {
    let chain = chain(key.public_key().suite());
    let (height, round) = PLACE;
    let bytes = vote_sign_bytes(step, CertificateKind::Bft, &chain, height, round, choice.header_hash());
    Signed { choice, signature: key.sign(&bytes) }
}

fn proposal(key: &SecretKey, valid_round: Option<Round>, header_hash: Hash) -> Signed<ProposalChoice> {
    let chain = chain(key.public_key().suite());
    let (height, round) = PLACE;
    let bytes = block_proposal_sign_bytes(CertificateKind::Bft, &chain, height, round, valid_round, &header_hash);
    let choice = ProposalChoice { valid_round: valid_round.unwrap_or(Round(u32::MAX)), header_hash };
    Signed { choice, signature: key.sign(&bytes) }
}

fn accuse(key: &SecretKey, contradiction: Contradiction) -> Equivocation {
    let validator = key.public_key();
    let (height, round) = PLACE;
    Equivocation {
        kind: CertificateKind::Bft,
        chain: chain(validator.suite()),
        height,
        round,
        validator,
        contradiction,
    }
}

/// One of every kind by validator 1.
fn samples(suite: Suite) -> Vec<Equivocation> {
    let key = secret(suite, 1);
    let block = |byte| VoteChoice::Block(Hash([byte; 32]));
    let votes = |step, one, other| Contradiction::of_votes(step, vote(&key, step, one), vote(&key, step, other));
    [
        votes(VoteKind::Prevote, block(1), block(2)),
        votes(VoteKind::Prevote, block(1), VoteChoice::Nil),
        votes(VoteKind::Precommit, block(3), block(2)),
        votes(VoteKind::Precommit, VoteChoice::Nil, block(2)),
        // Signed for 32 zeros is signed.
        votes(VoteKind::Precommit, VoteChoice::Nil, block(0)),
        Contradiction::of_proposals(proposal(&key, None, Hash([5; 32])), proposal(&key, None, Hash([4; 32]))),
        Contradiction::of_proposals(proposal(&key, Some(Round(1)), Hash([5; 32])), proposal(&key, None, Hash([5; 32]))),
    ]
    .map(|contradiction| accuse(&key, contradiction))
    .to_vec()
}

#[test]
fn every_kind_of_contradiction_verifies_and_says_who() {
    for suite in SUITES {
        let validators = set(suite, &[1, 2, 3, 4]);
        for sample in samples(suite) {
            let verified = sample.verify(&chain(suite), &validators).unwrap();
            assert_eq!(verified.validator, secret(suite, 1).address());
            assert_eq!(validators.validators()[verified.position].public_key, sample.validator);
            assert_eq!((verified.height, verified.round), PLACE);
            assert_eq!(verified.step, sample.contradiction.step());
            let bytes = encode(&sample);
            assert_eq!(decode::<Equivocation>(&bytes, MAX_EQUIVOCATION_BYTES).unwrap(), sample);
            let file = sample.to_file();
            assert!(file.len() <= MAX_EQUIVOCATION_BYTES);
            assert_eq!(Equivocation::from_file(&file).unwrap(), sample);
        }
    }
}

#[test]
fn the_order_in_which_statements_were_heard_leaves_no_trace() {
    let key = secret(Suite::Standard, 1);
    let [one, other] = [VoteChoice::Nil, VoteChoice::Block(Hash([1; 32]))].map(|it| vote(&key, VoteKind::Prevote, it));
    let pair = |one, other| Contradiction::of_votes(VoteKind::Prevote, one, other);
    assert_eq!(pair(one, other), pair(other, one));
    let [one, other] = [1, 2].map(|byte| proposal(&key, None, Hash([byte; 32])));
    assert_eq!(Contradiction::of_proposals(one, other), Contradiction::of_proposals(other, one));
}

#[test]
fn another_chain_or_set_is_not_convinced() {
    for suite in SUITES {
        let sample = samples(suite)[0];
        let other = ChainId { suite, hash: Hash([8; 32]) };
        let refused = sample.verify(&other, &set(suite, &[1, 2])).unwrap_err();
        assert_eq!(refused, EquivocationError::Chain { got: chain(suite), expected: other });
        let refused = sample.verify(&chain(suite), &set(suite, &[2, 3])).unwrap_err();
        assert_eq!(refused, EquivocationError::NotAValidator { validator: sample.address(), height: PLACE.0 });
        // The same statements said of another chain bear no signature for it.
        let moved = Equivocation { chain: other, ..sample };
        assert_eq!(moved.verify(&other, &set(suite, &[1])).unwrap_err(), EquivocationError::Signature("first"));
    }
}

#[test]
fn one_statement_does_not_convict_however_often_it_was_signed() {
    for suite in SUITES {
        let key = secret(suite, 1);
        let validators = set(suite, &[1]);
        let choice = VoteChoice::Block(Hash([1; 32]));
        let vote = |step| vote(&key, step, choice);
        let once = proposal(&key, None, Hash([1; 32]));
        let mut all = [VoteKind::Prevote, VoteKind::Precommit]
            .map(|step| accuse(&key, Contradiction::of_votes(step, vote(step), vote(step))))
            .to_vec();
        all.push(accuse(&key, Contradiction::of_proposals(once, once)));
        // A prevote and a precommit of one round differ in step, and both are honest.
        let mixed = Contradiction::of_votes(VoteKind::Prevote, vote(VoteKind::Prevote), vote(VoteKind::Precommit));
        all.push(accuse(&key, mixed));
        for accusation in all {
            assert_eq!(accusation.verify(&chain(suite), &validators).unwrap_err(), EquivocationError::NotTwo);
        }
    }
}

#[test]
fn honest_messages_of_neighbouring_places_do_not_convict() {
    for suite in SUITES {
        let key = secret(suite, 1);
        let validators = set(suite, &[1]);
        let hashes = [Hash([1; 32]), Hash([2; 32])];
        let sign = |step, height, round, hash: Hash| {
            let bytes = vote_sign_bytes(step, CertificateKind::Bft, &chain(suite), height, round, Some(&hash));
            Signed { choice: VoteChoice::Block(hash), signature: key.sign(&bytes) }
        };
        let here = sign(VoteKind::Precommit, PLACE.0, PLACE.1, hashes[0]);
        for other in [
            sign(VoteKind::Precommit, PLACE.0, Round(3), hashes[1]),
            sign(VoteKind::Precommit, Height(8), PLACE.1, hashes[1]),
            sign(VoteKind::Prevote, PLACE.0, PLACE.1, hashes[1]),
        ] {
            let accusation = accuse(&key, Contradiction::of_votes(VoteKind::Precommit, here, other));
            let refused = accusation.verify(&chain(suite), &validators).unwrap_err();
            assert_eq!(refused, EquivocationError::Signature("second"));
        }
        // Two validators may well disagree.
        let foreign = vote(&secret(suite, 2), VoteKind::Precommit, VoteChoice::Block(hashes[1]));
        let accusation = accuse(&key, Contradiction::of_votes(VoteKind::Precommit, here, foreign));
        assert_eq!(accusation.verify_signatures().unwrap_err(), EquivocationError::Signature("second"));
        // A valid round is signed as a number: "none" and the number that stands for it are one statement.
        let none = proposal(&key, None, hashes[0]);
        let number = proposal(&key, Some(Round(u32::MAX)), hashes[0]);
        let accusation = accuse(&key, Contradiction::of_proposals(none, number));
        assert_eq!(accusation.verify(&chain(suite), &validators).unwrap_err(), EquivocationError::NotTwo);
    }
}

#[test]
fn the_greater_statement_must_not_stand_first() {
    for sample in samples(Suite::Standard) {
        let contradiction = match sample.contradiction {
            Contradiction::Prevotes { first, second } => Contradiction::Prevotes { first: second, second: first },
            Contradiction::Precommits { first, second } => Contradiction::Precommits { first: second, second: first },
            Contradiction::Proposals { first, second } => Contradiction::Proposals { first: second, second: first },
        };
        let swapped = Equivocation { contradiction, ..sample };
        assert_eq!(swapped.verify_signatures().unwrap_err(), EquivocationError::NotTwo);
    }
}

#[test]
fn no_flipped_bit_and_no_cut_goes_unnoticed() {
    for suite in SUITES {
        let validators = set(suite, &[1, 2]);
        // SM2 verification is slow: one sample of each shape will do.
        for sample in if suite == Suite::Standard { samples(suite) } else { vec![samples(suite)[1], samples(suite)[6]] }
        {
            let bytes = encode(&sample);
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                let Ok(read) = decode::<Equivocation>(&damaged, MAX_EQUIVOCATION_BYTES) else { continue };
                assert!(read.verify(&chain(suite), &validators).is_err(), "{suite}: bit {bit}");
            }
            let file = sample.to_file();
            for length in 0..file.len() {
                assert!(Equivocation::from_file(&file[..length]).is_err());
            }
            for byte in 0..file.len() {
                let mut damaged = file.clone();
                damaged[byte] ^= 0x10;
                assert!(Equivocation::from_file(&damaged).is_err(), "byte {byte}");
            }
            let mut longer = file.clone();
            longer.push(0);
            assert!(Equivocation::from_file(&longer).is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a validator signs, it is convicted by exactly the pairs that differ.
    #[test]
    fn exactly_two_different_statements_of_one_place_convict(
        step in prop_oneof![Just(VoteKind::Prevote), Just(VoteKind::Precommit)],
        choices in prop::array::uniform2(prop::option::of(0u8..3)),
        rounds in prop::array::uniform2(prop::option::of(0u32..3)),
    ) {
        let key = secret(Suite::Standard, 1);
        let validators = set(Suite::Standard, &[1, 2]);
        let of = |byte: u8| Hash([byte; 32]);
        let [one, other] = choices.map(|byte| vote(&key, step, byte.map(of).into()));
        let verified = accuse(&key, Contradiction::of_votes(step, one, other)).verify(&chain(Suite::Standard), &validators);
        prop_assert_eq!(verified.is_ok(), choices[0] != choices[1]);
        let proposals = [0, 1].map(|at| (rounds[at], of(choices[at].unwrap_or(7))));
        let [one, other] = proposals.map(|(round, hash)| proposal(&key, round.map(Round), hash));
        let verified = accuse(&key, Contradiction::of_proposals(one, other)).verify(&chain(Suite::Standard), &validators);
        prop_assert_eq!(verified.is_ok(), proposals[0] != proposals[1]);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut file = EQUIVOCATION_MARK.to_vec();
        file.extend(&bytes);
        prop_assert!(Equivocation::from_file(&file).is_err());
        if let Ok(read) = decode::<Equivocation>(&bytes, MAX_EQUIVOCATION_BYTES) {
            prop_assert!(read.verify_signatures().is_err());
        }
    }
}
