//! Text forms: one text per value, and words that help for everything else.

use super::*;
use crate::identifiers::{Address, ChainId, Hash, ProposalId, SuiteHash, TransactionId};
use bech32::{Bech32, Bech32m, Hrp};
use proptest::prelude::*;
use std::fmt::{Debug, Display};
use std::str::FromStr;

fn goes_through_text<T: Display + Debug + FromStr<Err = TextFormError> + PartialEq>(
    value: &T,
    prefix: &str,
    length: usize,
) {
    let text = value.to_string();
    assert!(
        text.starts_with(&format!("{prefix}1")) && text.len() == length && length <= 90,
        "{text} has {}",
        text.len()
    );
    assert_eq!(format!("{value:?}"), text);
    assert_eq!(text.parse::<T>().unwrap(), *value);
    assert_eq!(text.to_uppercase().parse::<T>().unwrap(), *value);
    // One character of another case, a space, a lost character, two swapped ones: refused.
    let mut mixed = text.clone().into_bytes();
    mixed[0] = b'C';
    assert!(String::from_utf8(mixed).unwrap().parse::<T>().is_err());
    assert!(format!(" {text}").parse::<T>().is_err() && format!("{text}\n").parse::<T>().is_err());
    for place in 0..text.len() {
        let mut changed = text.clone();
        changed.remove(place);
        assert!(changed.parse::<T>().is_err());
        for other in ['q', 'p', '1', 'é'] {
            let mut changed = text.clone();
            changed.replace_range(place..=place, &other.to_string());
            assert!(changed == text || changed.parse::<T>().is_err());
        }
        // The weakness of bech32 that bech32m removes: q inserted before a final p.
        let mut changed = text.clone();
        changed.insert(place, 'q');
        assert!(changed.parse::<T>().is_err());
    }
}

#[test]
fn every_text_form_has_its_prefix_and_length() {
    for suite in SUITES {
        for byte in [0u8, 1, 0x5a, 0xff] {
            let hash = Hash([byte; 32]);
            goes_through_text(&ChainId { suite, hash }, "ctchain", 67);
            goes_through_text(&Address { suite, hash }, "ctaddr", 66);
            goes_through_text(&ProposalId(SuiteHash { suite, hash }), "ctprop", 66);
        }
        let key = secret(suite, 1);
        goes_through_text(&key.public_key(), "ctkey", if suite == Suite::Standard { 65 } else { 67 });
        let text = key.to_text();
        assert!(text.starts_with("ctsecret1") && text.len() == 68);
        assert_eq!(SecretKey::from_text(&text).unwrap().public_key(), key.public_key());
    }
}

/// Made by a separate implementation of BIP-350.
#[test]
fn texts_are_pinned() {
    let counting = Hash(std::array::from_fn(|i| i as u8));
    let id = ChainId { suite: Suite::Standard, hash: Hash([0x11; 32]) };
    assert_eq!(id.to_string(), "ctchain1qyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zd453j2");
    let address = Address { suite: Suite::Guomi, hash: counting };
    assert_eq!(address.to_string(), "ctaddr1qgqqzqsrqszsvpcgpy9qkrqdpc83qygjzv2p29shrqv35xcur50p7gxtnmv");
    let proposal = ProposalId(SuiteHash { suite: Suite::Standard, hash: counting });
    assert_eq!(proposal.to_string(), "ctprop1qyqqzqsrqszsvpcgpy9qkrqdpc83qygjzv2p29shrqv35xcur50p7zkewce");
    let seed = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let key = SecretKey::from_seed(Suite::Standard, seed);
    assert_eq!(key.public_key().to_string(), "ctkey1q8t44xqps2cs4d74f0ld8jtyquaqactj70d2vge94upp568hqag35xc2hw4");
    assert_eq!(*key.to_text(), "ctsecret1qxwkrvvaal745c96s390fyhv9nzygjw9d9any6gewqa6cqcu4elkqwz2qu2");
    let seed = bytes("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8");
    let key = SecretKey::from_seed(Suite::Guomi, seed);
    assert_eq!(key.public_key().to_string(), "ctkey1qgpsn7wlxy09ggdp2rwh69s7f0zuvushn7k3svluqa4mprln2me4qgq6yye2z");
}

#[test]
fn errors_say_what_is_wrong() {
    let address = secret(Suite::Standard, 1).address();
    let prefix = address.to_string().parse::<ChainId>().unwrap_err();
    assert_eq!(prefix, TextFormError::Prefix { expected: "ctchain", got: "ctaddr".into() });
    assert_eq!(prefix.to_string(), "this is a ctaddr1… text where a ctchain1… text is expected");
    let hrp = Hrp::parse("ctaddr").unwrap();
    let encode = |payload: &[u8]| bech32::encode::<Bech32m>(hrp, payload).unwrap();
    let payload = |suite: u8, length: usize| {
        let mut payload = vec![7u8; length];
        payload[0] = suite;
        payload
    };
    let parse = |text: &str| text.parse::<Address>().unwrap_err();
    assert_eq!(parse(&bech32::encode::<Bech32>(hrp, &payload(1, 33)).unwrap()), TextFormError::OldChecksum);
    assert_eq!(parse(&encode(&payload(1, 32))), TextFormError::Length { got: 32, expected: 33 });
    assert_eq!(parse(&encode(&payload(1, 34))), TextFormError::Length { got: 34, expected: 33 });
    assert_eq!(parse(&encode(&[])), TextFormError::Length { got: 0, expected: 33 });
    assert_eq!(parse(&encode(&payload(3, 33))), TextFormError::Suite(3));
    assert_eq!(parse(&encode(&payload(0, 33))), TextFormError::Suite(0));
    assert_eq!(parse("ctaddr"), TextFormError::Shape { expected: "ctaddr" });
    assert_eq!(parse(""), TextFormError::Shape { expected: "ctaddr" });
    assert_eq!(parse(&"q".repeat(5_000_000)), TextFormError::Shape { expected: "ctaddr" });
    let mut broken = address.to_string();
    let last = broken.pop().unwrap();
    broken.push(if last == 'q' { 'p' } else { 'q' });
    assert_eq!(parse(&broken), TextFormError::Checksum);
    // An SM2 key has one byte more than an Ed25519 key.
    let mut key = vec![2u8];
    key.extend([3u8; 32]);
    let text = bech32::encode::<Bech32m>(Hrp::parse("ctkey").unwrap(), &key).unwrap();
    assert_eq!(text.parse::<PublicKey>(), Err(TextFormError::Length { got: 33, expected: 34 }));
}

#[test]
fn padding_that_is_not_zero_or_too_long_is_refused() {
    use bech32::primitives::iter::{ByteIterExt, Fe32IterExt};
    let hrp = Hrp::parse("ctaddr").unwrap();
    let mut payload = vec![1u8];
    payload.extend([0x22; 32]);
    let characters: Vec<bech32::Fe32> = payload.iter().copied().bytes_to_fes().collect();
    let write = |characters: Vec<bech32::Fe32>| -> String {
        characters.into_iter().with_checksum::<Bech32m>(&hrp).chars().collect()
    };
    let parse = |text: String| text.parse::<Address>();
    assert!(parse(write(characters.clone())).is_ok());
    // 264 bits in 53 characters leave one bit of padding.
    let mut set = characters.clone();
    let last = set.pop().unwrap().to_u8() | 1;
    set.push(bech32::Fe32::try_from(last).unwrap());
    assert_eq!(parse(write(set)), Err(TextFormError::NotCanonical));
    let mut longer = characters;
    longer.push(bech32::Fe32::Q);
    assert_eq!(parse(write(longer)), Err(TextFormError::NotCanonical));
}

#[test]
fn a_secret_out_of_range_is_refused_in_text_too() {
    let mut payload = vec![2u8];
    payload.extend([0u8; 32]);
    let text = bech32::encode::<Bech32m>(Hrp::parse("ctsecret").unwrap(), &payload).unwrap();
    assert_eq!(SecretKey::from_text(&text).err(), Some(TextFormError::Secret));
    assert!(text.parse::<PublicKey>().is_err());
}

#[test]
fn digests_are_64_hexadecimal_digits() {
    let hash = Hash([0xab; 32]);
    assert_eq!(hash.to_string().parse(), Ok(hash));
    assert_eq!(hash.to_string().to_uppercase().parse(), Ok(hash));
    assert_eq!(hash.to_string().parse(), Ok(TransactionId(hash)));
    for wrong in ["", "ab", &"ab".repeat(31), &"ab".repeat(33), &"zz".repeat(32), &format!("0x{}", "ab".repeat(31))] {
        assert_eq!(wrong.parse::<Hash>(), Err(TextFormError::Hexadecimal));
    }
}

proptest! {
    #[test]
    fn any_text_is_answered_without_a_panic(text in ".{0,100}") {
        let canonical = text.to_lowercase();
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(address.to_string(), &*canonical);
        }
        if let Ok(key) = text.parse::<PublicKey>() {
            prop_assert_eq!(key.to_string(), &*canonical);
        }
        if let Ok(hash) = text.parse::<Hash>() {
            prop_assert_eq!(hash.to_string(), &*canonical);
        }
        if let Ok(secret) = SecretKey::from_text(&text) {
            prop_assert_eq!(&*secret.to_text(), &canonical);
        }
    }

    #[test]
    fn every_digest_goes_through_text(raw in any::<[u8; 32]>()) {
        for suite in SUITES {
            let id = ChainId { suite, hash: Hash(raw) };
            prop_assert_eq!(id.to_string().parse::<ChainId>(), Ok(id));
        }
    }
}
