//! Keys: published vectors, ranges, and what may be registered.

use super::*;
use proptest::prelude::*;
use sm2::elliptic_curve::sec1::ToSec1Point as _;

/// The encodings of the eight points of small order: the canonical ones first, then those that ZIP-215 also reads.
pub(super) const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

#[test]
fn ed25519_answers_the_vectors_of_rfc_8032() {
    let vectors = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (seed, public, message, signature) in vectors {
        let key = SecretKey::from_seed(Suite::Standard, bytes(seed));
        let message = hex::decode(message).unwrap();
        assert_eq!(key.public_key(), PublicKey::Ed25519(bytes(public)));
        assert_eq!(key.sign(&message), Signature(bytes(signature)));
        let verified = key.public_key().verify(&message, &key.sign(&message)).unwrap();
        assert_eq!(verified.address(), key.address());
    }
}

#[test]
fn sm2_answers_the_example_of_gb_t_32918_5() {
    let key =
        SecretKey::from_seed(Suite::Guomi, bytes("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"));
    let public: [u8; 33] = bytes("0309f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020");
    assert_eq!(key.public_key(), PublicKey::Sm2(public));
    let signature = Signature(bytes(
        "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa",
    ));
    assert!(key.public_key().verify(b"message digest", &signature).is_ok());
    assert!(key.public_key().verify(b"message digesu", &signature).is_err());
}

#[test]
fn signing_is_deterministic() {
    for suite in SUITES {
        assert_eq!(secret(suite, 7).sign(b"m"), secret(suite, 7).sign(b"m"));
        assert_ne!(secret(suite, 7).sign(b"m"), secret(suite, 7).sign(b"n"));
    }
}

#[test]
fn an_sm2_secret_outside_its_range_is_refused_and_a_seed_is_moved_into_it() {
    let order = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123";
    let below = |last: &str| -> [u8; 32] { bytes(&format!("{}{last}", &order[..62])) };
    for refused in [[0; 32], [0xff; 32], below("23"), below("22")] {
        assert_eq!(SecretKey::from_bytes(Suite::Guomi, &refused).err(), Some(KeyError::SecretOutOfRange));
        let moved = SecretKey::from_seed(Suite::Guomi, refused);
        assert!(moved.public_key().verify(b"m", &moved.sign(b"m")).is_ok());
        assert_ne!(*moved.to_bytes(), refused);
    }
    for accepted in [below("21"), {
        let mut one = [0; 32];
        one[31] = 1;
        one
    }] {
        let key = SecretKey::from_bytes(Suite::Guomi, &accepted).unwrap();
        assert_eq!(*key.to_bytes(), accepted);
        assert!(key.public_key().verify(b"m", &key.sign(b"m")).is_ok());
    }
}

#[test]
fn the_debug_form_of_a_secret_holds_no_secret() {
    for suite in SUITES {
        let key = secret(suite, 0xa5);
        let shown = format!("{key:?}");
        assert!(!shown.contains("a5a5") && !shown.contains("ctsecret") && !shown.contains("165, 165"));
        assert!(shown.contains(&key.public_key().to_string()));
    }
}

#[test]
fn addresses_depend_on_suite_and_key() {
    let same = [1u8; 32];
    let standard = SecretKey::from_seed(Suite::Standard, same).address();
    let guomi = SecretKey::from_seed(Suite::Guomi, same).address();
    assert_eq!((standard.suite, guomi.suite), (Suite::Standard, Suite::Guomi));
    assert_ne!(standard.hash, guomi.hash);
    let key = secret(Suite::Standard, 3).public_key();
    let expected = Suite::Standard.hash_parts(&[b"crosstie/address/v1\0", &[1], key.as_bytes()]);
    assert_eq!(key.address().hash, expected);
}

#[test]
fn usual_keys_are_registrable() {
    for suite in SUITES {
        for number in 0..20 {
            assert_eq!(secret(suite, number).public_key().check_registrable(), Ok(()));
        }
    }
}

#[test]
fn ed25519_keys_of_small_order_are_refused_in_every_encoding() {
    for (position, encoding) in SMALL_ORDER.iter().enumerate() {
        let expected = if position < 8 { KeyError::SmallOrder } else { KeyError::NotCanonical };
        assert_eq!(PublicKey::Ed25519(bytes(encoding)).check_registrable(), Err(expected), "{encoding}");
    }
}

#[test]
fn ed25519_keys_with_a_small_order_component_are_refused() {
    let PublicKey::Ed25519(good) = secret(Suite::Standard, 1).public_key() else { unreachable!() };
    let point = |encoding: &[u8; 32]| ed25519_dalek::VerifyingKey::from_bytes(encoding).unwrap().to_edwards();
    for encoding in &SMALL_ORDER[1..8] {
        let mixed = point(&good) + point(&bytes(encoding));
        let key = PublicKey::Ed25519(mixed.compress().to_bytes());
        assert_eq!(key.check_registrable(), Err(KeyError::SmallOrder));
    }
}

#[test]
fn bytes_that_are_no_point_are_refused() {
    // y = 2 is on no point of edwards25519.
    let mut off = [0; 32];
    off[0] = 2;
    assert_eq!(PublicKey::Ed25519(off).check_registrable(), Err(KeyError::NotOnCurve));
    let mut beyond_field = [0xff; 33];
    beyond_field[0] = 2;
    assert_eq!(PublicKey::Sm2(beyond_field).check_registrable(), Err(KeyError::NotOnCurve));
}

#[test]
fn sm2_keys_are_accepted_in_the_compressed_form_only() {
    let PublicKey::Sm2(good) = secret(Suite::Guomi, 1).public_key() else { unreachable!() };
    for tag in (0u8..=255).filter(|tag| !matches!(tag, 2 | 3)) {
        let mut other = good;
        other[0] = tag;
        let key = PublicKey::Sm2(other);
        assert_eq!(key.check_registrable(), Err(KeyError::NotCanonical), "tag {tag}");
        let refused = key.verify(b"m", &secret(Suite::Guomi, 1).sign(b"m"));
        assert_eq!(refused, Err(SignatureError::Key));
    }
    // x + p is the same field element where it fits into 32 bytes; only x < p is read.
    let p = "fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff";
    let mut at_field: [u8; 33] = bytes(&format!("02{p}"));
    assert_eq!(PublicKey::Sm2(at_field).check_registrable(), Err(KeyError::NotOnCurve));
    at_field[0] = 3;
    assert_eq!(PublicKey::Sm2(at_field).check_registrable(), Err(KeyError::NotOnCurve));
}

#[test]
fn about_half_of_all_x_coordinates_are_on_the_sm2_curve() {
    let mut accepted = 0;
    for number in 0u8..200 {
        let mut key = [0u8; 33];
        key[0] = 2;
        key[1..].copy_from_slice(&Suite::Guomi.hash_parts(&[&[number]]).0);
        match PublicKey::Sm2(key).check_registrable() {
            Ok(()) => {
                let point = sm2::PublicKey::from_sec1_bytes(&key).unwrap();
                assert_eq!(point.to_sec1_point(true).as_bytes(), key);
                accepted += 1;
            }
            Err(error) => assert_eq!(error, KeyError::NotOnCurve),
        }
    }
    assert!((60..140).contains(&accepted), "{accepted} of 200");
}

#[test]
fn der_of_an_sm2_signature_goes_there_and_back() {
    let key = secret(Suite::Guomi, 9);
    for number in 0u32..300 {
        let signature = key.sign(&number.to_le_bytes());
        let der = signature.to_sm2_der().unwrap();
        assert!(der.len() <= 72);
        assert_eq!(Signature::from_sm2_der(&der), Ok(signature));
        let mut longer = der.clone();
        longer.push(0);
        assert_eq!(Signature::from_sm2_der(&longer), Err(SignatureError::Malformed));
        assert_eq!(Signature::from_sm2_der(&der[..der.len() - 1]), Err(SignatureError::Malformed));
    }
    // r = 1 with a superfluous zero byte in front.
    assert!(Signature::from_sm2_der(&[0x30, 7, 2, 2, 0, 1, 2, 1, 1]).is_err());
    assert!(Signature::from_sm2_der(&[0x30, 6, 2, 1, 1, 2, 1, 1]).is_ok());
    assert!(Signature::from_sm2_der(&[0x30, 6, 2, 1, 0, 2, 1, 1]).is_err());
    assert!(Signature::from_sm2_der(&[0x30, 6, 2, 1, 0xff, 2, 1, 1]).is_err());
    assert_eq!(Signature([0; 64]).to_sm2_der(), Err(SignatureError::Malformed));
    assert_eq!(Signature([0xff; 64]).to_sm2_der(), Err(SignatureError::Malformed));
}

proptest! {
    #[test]
    fn any_bytes_as_der_or_key_are_answered_without_a_panic(
        der in proptest::collection::vec(any::<u8>(), 0..80), ed in any::<[u8; 32]>(), tail in any::<[u8; 32]>(), tag in 0u8..8
    ) {
        if let Ok(signature) = Signature::from_sm2_der(&der) {
            prop_assert_eq!(signature.to_sm2_der().unwrap(), der);
        }
        let mut sm2_key = [tag; 33];
        sm2_key[1..].copy_from_slice(&tail);
        for key in [PublicKey::Ed25519(ed), PublicKey::Sm2(sm2_key)] {
            if key.check_registrable().is_ok() {
                prop_assert!(key.verify(b"m", &Signature([3; 64])).is_err());
            }
        }
    }

    #[test]
    fn a_changed_der_is_refused_or_is_its_own_canonical_form(place in 0usize..72, value in any::<u8>(), message in any::<u64>()) {
        let mut der = secret(Suite::Guomi, 4).sign(&message.to_le_bytes()).to_sm2_der().unwrap();
        if let Some(slot) = der.get_mut(place) {
            *slot = value;
        }
        if let Ok(signature) = Signature::from_sm2_der(&der) {
            prop_assert_eq!(signature.to_sm2_der().unwrap(), der);
        }
    }

    #[test]
    fn a_secret_goes_through_its_bytes(seed in any::<[u8; 32]>()) {
        for suite in SUITES {
            let key = SecretKey::from_seed(suite, seed);
            let again = SecretKey::from_bytes(suite, &key.to_bytes()).unwrap();
            prop_assert_eq!(again.public_key(), key.public_key());
            prop_assert_eq!(key.suite(), suite);
            prop_assert_eq!(key.public_key().check_registrable(), Ok(()));
        }
    }
}
