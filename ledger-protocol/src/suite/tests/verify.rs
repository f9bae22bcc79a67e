//! Verification: tampering, ZIP-215, and batches that agree with single verification.

use super::keys::SMALL_ORDER;
use super::*;
use proptest::prelude::*;

#[test]
fn every_flipped_bit_of_signature_key_or_message_is_refused() {
    for suite in SUITES {
        let key = secret(suite, 5);
        let (message, signature) = (b"a signed message".to_vec(), key.sign(b"a signed message"));
        assert!(key.public_key().verify(&message, &signature).is_ok());
        for bit in 0..512 {
            let mut changed = signature;
            changed.0[bit / 8] ^= 1 << (bit % 8);
            assert!(key.public_key().verify(&message, &changed).is_err(), "{suite} signature bit {bit}");
        }
        for bit in 0..message.len() * 8 {
            let mut changed = message.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.public_key().verify(&changed, &signature), Err(SignatureError::Mismatch));
        }
        for bit in 0..key.public_key().as_bytes().len() * 8 {
            let changed = match key.public_key() {
                PublicKey::Ed25519(mut raw) => {
                    raw[bit / 8] ^= 1 << (bit % 8);
                    PublicKey::Ed25519(raw)
                }
                PublicKey::Sm2(mut raw) => {
                    raw[bit / 8] ^= 1 << (bit % 8);
                    PublicKey::Sm2(raw)
                }
            };
            assert!(changed.verify(&message, &signature).is_err(), "{suite} key bit {bit}");
        }
    }
}

#[test]
fn sm2_scalars_outside_their_range_are_malformed() {
    let key = secret(Suite::Guomi, 6).public_key();
    let order: [u8; 32] = bytes("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123");
    let good = secret(Suite::Guomi, 6).sign(b"m");
    for part in 0..2 {
        for scalar in [[0u8; 32], order, [0xff; 32]] {
            let mut changed = good;
            changed.0[part * 32..][..32].copy_from_slice(&scalar);
            assert_eq!(key.verify(b"m", &changed), Err(SignatureError::Malformed));
        }
    }
}

#[test]
fn an_ed25519_scalar_at_or_above_the_group_order_is_refused() {
    // s + l would be a second signature for the same message.
    let key = secret(Suite::Standard, 6);
    let mut changed = key.sign(b"m");
    let order: [u8; 32] = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0u16;
    for (byte, add) in changed.0[32..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry as u8;
        carry >>= 8;
    }
    assert_eq!(key.public_key().verify(b"m", &changed), Err(SignatureError::Mismatch));
}

#[test]
fn one_signature_fits_every_message_under_the_identity_which_is_why_it_is_not_registrable() {
    let identity = PublicKey::Ed25519(bytes(SMALL_ORDER[0]));
    let mut signature = Signature([0; 64]);
    signature.0[0] = 1;
    for message in [&b"pay a"[..], b"pay b", b""] {
        assert!(identity.verify(message, &signature).is_ok());
    }
    assert_eq!(identity.check_registrable(), Err(KeyError::SmallOrder));
}

#[test]
fn zip_215_edge_cases_are_answered_alike_alone_and_in_a_batch() {
    // R and key of small order in all 14 × 14 encodings with s = 0: ZIP-215 accepts every one.
    let signatures: Vec<(PublicKey, Signature)> = SMALL_ORDER
        .iter()
        .flat_map(|key| SMALL_ORDER.iter().map(move |r| (key, r)))
        .map(|(key, r)| {
            let mut signature = Signature([0; 64]);
            signature.0[..32].copy_from_slice(&bytes::<32>(r));
            (PublicKey::Ed25519(bytes(key)), signature)
        })
        .collect();
    let items: Vec<BatchItem<'_>> = signatures
        .iter()
        .map(|(public_key, signature)| BatchItem { public_key, message: b"Zcash", signature })
        .collect();
    assert!(Verifier.verify_batch(&items).iter().all(Result::is_ok));
    assert!(items.iter().all(|item| Verifier.verify(item.public_key, item.message, item.signature).is_ok()));
}

#[test]
fn an_empty_batch_has_no_answers() {
    assert!(Verifier.verify_batch(&[]).is_empty());
}

/// Signed items of both suites; those in `bad` are spoiled in one of several ways.
fn mixed(count: usize, signers: usize, bad: &[usize]) -> Vec<(PublicKey, Vec<u8>, Signature)> {
    (0..count)
        .map(|i| {
            // SM2 is slow to verify; one in eight is enough of it.
            let suite = if i % 8 == 3 { Suite::Guomi } else { Suite::Standard };
            let key = secret(suite, (i % signers) as u8 + 1);
            let mut message = vec![i as u8; i % 90];
            message.extend((i as u64).to_le_bytes());
            let (mut public, mut signature) = (key.public_key(), key.sign(&message));
            if bad.contains(&i) {
                match i % 5 {
                    0 => signature.0[40] ^= 1,
                    1 => message.push(0),
                    2 => public = secret(suite, 200).public_key(),
                    3 => signature.0 = [0xff; 64],
                    _ => {
                        public = match public {
                            PublicKey::Ed25519(_) => PublicKey::Ed25519({
                                let mut off = [0; 32];
                                off[0] = 2;
                                off
                            }),
                            PublicKey::Sm2(_) => PublicKey::Sm2([0xff; 33]),
                        }
                    }
                }
            }
            (public, message, signature)
        })
        .collect()
}

fn batch_equals_single(items: &[(PublicKey, Vec<u8>, Signature)], bad: &[usize]) {
    let items: Vec<BatchItem<'_>> =
        items.iter().map(|(public_key, message, signature)| BatchItem { public_key, message, signature }).collect();
    let batched = Verifier.verify_batch(&items);
    assert_eq!(batched.len(), items.len());
    for (i, (item, answer)) in items.iter().zip(batched).enumerate() {
        assert_eq!(answer, Verifier.verify(item.public_key, item.message, item.signature), "item {i}");
        assert_eq!(answer.is_err(), bad.contains(&i), "item {i}");
        if let Ok(verified) = answer {
            assert_eq!((verified.public_key(), verified.signature()), (item.public_key, item.signature));
        }
    }
}

#[test]
fn batches_of_every_small_size_name_exactly_their_bad_items() {
    for count in 1..=20 {
        batch_equals_single(&mixed(count, 3, &[]), &[]);
        for bad in 0..count {
            batch_equals_single(&mixed(count, 3, &[bad]), &[bad]);
        }
    }
}

#[test]
fn large_batches_name_exactly_their_bad_items() {
    let cases: [&[usize]; 6] = [&[], &[0], &[255], &[256, 299], &[0, 17, 33, 34, 100, 254, 298], &[298]];
    for bad in cases {
        batch_equals_single(&mixed(300, 10, bad), bad);
    }
    let all: Vec<usize> = (0..40).collect();
    batch_equals_single(&mixed(40, 40, &all), &all);
}

#[test]
fn errors_that_cancel_without_coefficients_are_found() {
    // s + 1 in one signature and s − 1 in the next cancel in a plain sum of both equations.
    let key = secret(Suite::Standard, 8);
    let one = |signature: &mut Signature, up: bool| {
        // The lowest byte is chosen not to carry.
        signature.0[32] = if up { signature.0[32] + 1 } else { signature.0[32] - 1 };
    };
    let usable: Vec<(Vec<u8>, Signature)> = (0u32..64)
        .map(|i| (i.to_le_bytes().to_vec(), key.sign(&i.to_le_bytes())))
        .filter(|(_, signature)| (1..=254).contains(&signature.0[32]))
        .take(2)
        .collect();
    let (mut first, mut second) = (usable[0].1, usable[1].1);
    one(&mut first, true);
    one(&mut second, false);
    let public_key = &key.public_key();
    let items = [
        BatchItem { public_key, message: &usable[0].0, signature: &first },
        BatchItem { public_key, message: &usable[1].0, signature: &second },
    ];
    assert_eq!(Verifier.verify_batch(&items), vec![Err(SignatureError::Mismatch); 2]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_batch_answers_what_single_verification_answers(
        count in 1usize..60, signers in 1usize..12, bad in proptest::collection::btree_set(0usize..60, 0..6)
    ) {
        let bad: Vec<usize> = bad.into_iter().filter(|place| *place < count).collect();
        batch_equals_single(&mixed(count, signers, &bad), &bad);
    }

    #[test]
    fn what_is_signed_is_verified(message in proptest::collection::vec(any::<u8>(), 0..400), seed in any::<[u8; 32]>()) {
        for suite in SUITES {
            let key = SecretKey::from_seed(suite, seed);
            prop_assert!(key.public_key().verify(&message, &key.sign(&message)).is_ok());
        }
    }
}
