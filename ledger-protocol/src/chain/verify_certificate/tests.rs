//! Tests of certificate verification: what holds, and every way in which it must not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::chain::{CountedRoot, SignerBitmap, Validator};
use crate::codec::{Bounded, Text, decode, encode};
use crate::identifiers::{Address, TimestampMs};
use crate::suite::{SecretKey, Signature, Suite};

const SUITES: [Suite; 2] = [Suite::Standard, Suite::Guomi];

struct Case {
    keys: Vec<SecretKey>,
    set: ValidatorSet,
    header: Header,
}

impl Case {
    fn new(suite: Suite, powers: &[u64]) -> Self {
        let mut keys: Vec<SecretKey> =
            (0..powers.len()).map(|number| SecretKey::from_seed(suite, [number as u8 + 1; 32])).collect();
        keys.sort_by_key(SecretKey::public_key);
        let validators = keys.iter().zip(powers).map(|(key, power)| Validator {
            public_key: key.public_key(),
            power: *power,
            organisation: Text::new("bank").unwrap(),
            network_key_hash: Hash([1; 32]),
        });
        let set = ValidatorSet::new(suite, validators.collect()).unwrap();
        let root = CountedRoot { root: Hash([2; 32]), count: 0 };
        let header = Header {
            version: 1,
            chain: ChainId { suite, hash: Hash([9; 32]) },
            height: Height(5),
            round: Round(1),
            timestamp_ms: TimestampMs(1_000),
            parent: Hash([3; 32]),
            proposer: Address { suite, hash: Hash([4; 32]) },
            transactions: root,
            receipts: Hash([2; 32]),
            changes: root,
            events: root,
            outbox: root,
            ledgers: root,
            history: Hash([5; 32]),
            validators_hash: set.hash(suite),
            next_validators_hash: set.hash(suite),
            parameters_hash: Hash([6; 32]),
            next_parameters_hash: Hash([6; 32]),
        };
        Self { keys, set, header }
    }

    fn certificate(&self, signers: &[usize]) -> FinalityCertificate {
        self.certificate_of(&self.header, Round(2), signers)
    }

    fn certificate_of(&self, header: &Header, round: Round, signers: &[usize]) -> FinalityCertificate {
        let (kind, chain, height, header_hash) = (CertificateKind::Bft, header.chain, header.height, header.hash());
        let message = vote_sign_bytes(VoteKind::Precommit, kind, &chain, height, round, Some(&header_hash));
        let signatures: Vec<Signature> = signers.iter().map(|signer| self.keys[*signer].sign(&message)).collect();
        let signers = SignerBitmap::new(self.set.len(), signers.iter().copied());
        let signatures = Bounded::new(signatures).unwrap();
        FinalityCertificate { kind, chain, height, round, header_hash, signers, signatures }
    }

    fn verify(&self, certificate: &FinalityCertificate) -> Result<VerifiedCertificate, CertificateError> {
        certificate.verify(&self.header, &self.set, CertificateKind::Bft)
    }
}

#[test]
fn a_quorum_of_valid_signatures_verifies() {
    for suite in SUITES {
        let case = Case::new(suite, &[1, 1, 1, 1]);
        for signers in [vec![0, 1, 2], vec![1, 2, 3], vec![0, 1, 2, 3]] {
            let verified = case.verify(&case.certificate(&signers)).unwrap();
            assert_eq!(verified.signed_power(), signers.len() as u64);
            assert_eq!((verified.height(), verified.round(), verified.total_power()), (Height(5), Round(2), 4));
            assert_eq!((*verified.header_hash(), *verified.chain()), (case.header.hash(), case.header.chain));
        }
    }
}

#[test]
fn below_the_quorum_it_does_not_verify() {
    let case = Case::new(Suite::Standard, &[1, 1, 1, 1]);
    let error = case.verify(&case.certificate(&[0, 3])).unwrap_err();
    assert_eq!(error, CertificateError::Power { signed: 2, total: 4, needed: 3 });
    let case = Case::new(Suite::Standard, &[1, 1, 1, 7]);
    assert!(case.verify(&case.certificate(&[0, 1, 2])).is_err());
    assert!(case.verify(&case.certificate(&[3])).is_ok());
    assert!(case.verify(&case.certificate(&[])).is_err());
}

#[test]
fn one_bad_signature_refuses_all() {
    for suite in SUITES {
        let case = Case::new(suite, &[1, 1, 1, 1]);
        for index in 0..4 {
            let mut certificate = case.certificate(&[0, 1, 2, 3]);
            let mut signatures = certificate.signatures.into_vec();
            signatures[index] = signatures[(index + 1) % 4];
            certificate.signatures = Bounded::new(signatures).unwrap();
            assert_eq!(case.verify(&certificate).unwrap_err(), CertificateError::Signature { index });
        }
    }
}

#[test]
fn prevotes_and_other_rounds_certify_nothing() {
    let case = Case::new(Suite::Standard, &[1]);
    let mut certificate = case.certificate(&[0]);
    let (kind, chain, round) = (certificate.kind, certificate.chain, certificate.round);
    let hash = certificate.header_hash;
    let prevote = vote_sign_bytes(VoteKind::Prevote, kind, &chain, Height(5), round, Some(&hash));
    certificate.signatures = Bounded::new(vec![case.keys[0].sign(&prevote)]).unwrap();
    assert_eq!(case.verify(&certificate).unwrap_err(), CertificateError::Signature { index: 0 });
    let mut certificate = case.certificate(&[0]);
    certificate.round = Round(3);
    assert_eq!(case.verify(&certificate).unwrap_err(), CertificateError::Signature { index: 0 });
}

#[test]
fn the_bitmap_fits_exactly() {
    let case = Case::new(Suite::Standard, &[1; 9]);
    let all: Vec<usize> = (0..9).collect();
    let good = case.certificate(&all);
    assert!(case.verify(&good).is_ok());
    let mut one_less = good.clone();
    one_less.signatures = Bounded::new(good.signatures[..8].to_vec()).unwrap();
    assert_eq!(case.verify(&one_less).unwrap_err(), CertificateError::Bitmap);
    let mut one_more = good.clone();
    one_more.signatures = Bounded::new([&good.signatures[..], &good.signatures[..1]].concat()).unwrap();
    assert_eq!(case.verify(&one_more).unwrap_err(), CertificateError::Bitmap);
    for bitmap in [vec![0xffu8], vec![0xff, 0x01, 0x00], vec![0xff, 0x03], vec![0xff, 0x81], vec![]] {
        let mut certificate = good.clone();
        certificate.signers = decode::<SignerBitmap>(&encode(&bitmap), 100).unwrap();
        assert_eq!(case.verify(&certificate).unwrap_err(), CertificateError::Bitmap, "{bitmap:?}");
    }
}

#[test]
fn another_subject_is_refused_before_any_signature() {
    let case = Case::new(Suite::Standard, &[1, 1, 1, 1]);
    let good = case.certificate(&[0, 1, 2]);
    let mut other_chain = good.clone();
    other_chain.chain.hash = Hash([8; 32]);
    let mut other_height = good.clone();
    other_height.height = Height(6);
    let mut other_hash = good.clone();
    other_hash.header_hash = Hash([8; 32]);
    for certificate in [other_chain, other_height, other_hash] {
        assert!(matches!(case.verify(&certificate), Err(CertificateError::OtherHeader { .. })));
    }
    for kind in [CertificateKind::Cft, CertificateKind::Dev] {
        let mut certificate = good.clone();
        certificate.kind = kind;
        let expected = CertificateKind::Bft;
        assert_eq!(case.verify(&certificate).unwrap_err(), CertificateError::Kind { got: kind, expected });
        let error = good.verify(&case.header, &case.set, kind).unwrap_err();
        assert_eq!(error, CertificateError::Kind { got: expected, expected: kind });
    }
}

#[test]
fn another_validator_set_is_refused() {
    let case = Case::new(Suite::Standard, &[1, 1, 1, 1]);
    let richer = Case::new(Suite::Standard, &[1, 1, 1, 2]);
    let error = case.certificate(&[0, 1, 2]).verify(&case.header, &richer.set, CertificateKind::Bft).unwrap_err();
    assert!(matches!(error, CertificateError::Validators { .. }));
}

#[test]
fn the_certificate_is_not_from_before_the_block() {
    let case = Case::new(Suite::Standard, &[1]);
    let early = case.certificate_of(&case.header, Round(0), &[0]);
    let error = case.verify(&early).unwrap_err();
    assert_eq!(error, CertificateError::Round { certificate: Round(0), header: Round(1) });
    assert!(case.verify(&case.certificate_of(&case.header, Round(1), &[0])).is_ok());
}

#[test]
fn header_zero_and_the_zero_hash_have_no_certificate() {
    let mut case = Case::new(Suite::Standard, &[1]);
    case.header.height = Height::ZERO;
    assert!(matches!(case.verify(&case.certificate(&[0])), Err(CertificateError::OtherHeader { .. })));
    let mut certificate = case.certificate(&[0]);
    certificate.height = Height(1);
    certificate.header_hash = Hash::ZERO;
    let (chain, kind) = (case.header.chain, CertificateKind::Bft);
    assert!(certificate.verify_hash(&chain, Height(1), &Hash::ZERO, &case.set, kind).is_err());
}
