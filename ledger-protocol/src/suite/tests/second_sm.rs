//! SM2 and SM3 against `libsm`, an implementation that shares no code with ours: what either signs, the other verifies,
//! under the standard's default user id, and both compute the same digests.

use super::*;
use libsm::sm2::signature::{SigCtx, Signature as TheirSignature};
use libsm::sm3::hash::Sm3Hash;
use proptest::prelude::*;

/// Our key pair in their types; the point comes from the compressed form in which our chains carry it.
fn theirs(context: &SigCtx, key: &SecretKey) -> (libsm::sm2::signature::Pubkey, libsm::sm2::signature::Seckey) {
    let point = context.load_pubkey(key.public_key().as_bytes()).unwrap();
    (point, context.load_seckey(key.to_bytes().as_slice()).unwrap())
}

/// What a message is signed as with a user id.
fn digest(context: &SigCtx, id: &str, key: &SecretKey, message: &[u8]) -> [u8; 32] {
    context.hash(id, &theirs(context, key).0, message).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    // One test, because `libsm` computes its tables anew in every process.
    #[test]
    fn sm2_signatures_verify_with_libsm_and_its_signatures_verify_here(
        number: u8, message: Vec<u8>, other: Vec<u8>, id in "[a-z@.]{1,20}",
    ) {
        let (context, key) = (SigCtx::new(), secret(Suite::Guomi, number));
        let (point, scalar) = theirs(&context, &key);
        // The same public key from the same scalar.
        let derived = context.serialize_pubkey(&context.pk_from_sk(&scalar).unwrap(), true).unwrap();
        prop_assert!(derived[..] == *key.public_key().as_bytes());
        // Ours, there: raw halves, and the form in which signatures leave a chain.
        let signature = key.sign(&message);
        let (r, s) = signature.0.split_at(32);
        let accepts = |message: &[u8], r: &[u8], s: &[u8]| {
            context.verify(message, &point, &TheirSignature::new(r, s)).unwrap_or(false)
        };
        prop_assert!(accepts(&message, r, s));
        prop_assert!(!accepts(&message, s, r));
        prop_assert_eq!(accepts(&other, r, s), other == message);
        let der = TheirSignature::der_decode(&signature.to_sm2_der().unwrap()).unwrap();
        prop_assert!(context.verify(&message, &point, &der).unwrap());
        // Theirs, here.
        let der = context.sign(&message, &scalar, &point).unwrap().der_encode();
        let signature = Signature::from_sm2_der(&der).unwrap();
        prop_assert!(key.public_key().verify(&message, &signature).is_ok());
        prop_assert_eq!(key.public_key().verify(&other, &signature).is_ok(), other == message);
        // The user id is part of what is signed: theirs under the standard's default fits, under another it does not.
        for (id, fits) in [("1234567812345678", true), (&id[..], false)] {
            let signed = context.sign_raw(&digest(&context, id, &key, &message), &scalar).unwrap();
            let signed = Signature::from_sm2_der(&signed.der_encode()).unwrap();
            prop_assert_eq!(key.public_key().verify(&message, &signed).is_ok(), fits, "{}", id);
        }
    }

    #[test]
    fn libsm_computes_the_same_digests(message in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(Sm3Hash::new(&message).get_hash(), Suite::Guomi.hash_parts(&[&message]).0);
    }
}
