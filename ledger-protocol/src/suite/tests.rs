//! Tests of the suites: hash vectors, keys, text forms, verification, and the `openssl` tool as a second opinion.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod keys;
mod openssl;
mod second_sm;
mod text;
mod verify;

use super::*;

const SUITES: [Suite; 2] = [Suite::Standard, Suite::Guomi];

fn secret(suite: Suite, number: u8) -> SecretKey {
    SecretKey::from_seed(suite, [number; 32])
}

fn bytes<const N: usize>(hexadecimal: &str) -> [u8; N] {
    hex::decode(hexadecimal).unwrap().try_into().unwrap()
}

#[test]
fn sm3_answers_the_examples_of_gb_t_32905() {
    let digest = |data: &[u8]| Suite::Guomi.hash_parts(&[data]).to_string();
    assert_eq!(digest(b"abc"), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
    assert_eq!(digest(&b"abcd".repeat(16)), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
}

#[test]
fn sha256_answers_the_examples_of_fips_180() {
    let digest = |data: &[u8]| Suite::Standard.hash_parts(&[data]).to_string();
    assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(digest(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[test]
fn parts_are_hashed_as_their_concatenation() {
    for suite in SUITES {
        assert_eq!(suite.hash_parts(&[b"ab", b"", b"c"]), suite.hash_parts(&[b"abc"]));
    }
}
