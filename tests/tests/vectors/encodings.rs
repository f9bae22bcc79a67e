//! Vectors of the encoding rules, tags, codes, keys, trees and the state tree.

use super::test_chain::{State, key, place, plain, state_proof};
use super::{bytes, check, hex, vector};
use ledger_protocol::codec::{Bounded, BoundedBytes, SortedVec, Tag, Text, decode, encode};
use ledger_protocol::merkle::{LeafHash, Tree, empty_root};
use ledger_protocol::proof::state::{EMPTY_STATE_ROOT, StateProof, state_leaf_hash, state_value_hash};
use ledger_protocol::transaction::{Choice, StateContent, StateValue, state_tree_key};
use ledger_protocol::{Address, Code, Hash, Suite, Version};
use serde_json::{Value, json};

const SUITES: [Suite; 2] = [Suite::Standard, Suite::Guomi];

#[test]
fn codec() {
    let address = |byte| Address { suite: Suite::Standard, hash: Hash([byte; 32]) };
    let refused = |name: &str, words: &str, bytes: &[u8], refused: bool| {
        assert!(refused, "{name}");
        vector(name, words, &[("refused", super::bytes(bytes))])
    };
    let unsorted = [encode(&2u32), encode(&address(2)), encode(&address(1))].concat();
    let twice = [encode(&2u32), encode(&address(1)), encode(&address(1))].concat();
    let control = encode(&"a\u{7}".to_string());
    let not_utf8 = [encode(&1u32), vec![0xff]].concat();
    let long = encode(&vec![0u8; 5]);
    let set = |bytes: &[u8]| decode::<SortedVec<Address, 4>>(bytes, 1_000).is_err();
    check(
        "codec.json",
        "Encoding rules: borsh with bounds, order and explicit codes. `refused` must not decode.",
        vec![
            vector("u8", "one byte", &[("hex", hex(&0xabu8))]),
            vector("u16", "two bytes, little endian", &[("hex", hex(&0x0102u16))]),
            vector("u32", "four bytes, little endian", &[("hex", hex(&0x0102_0304u32))]),
            vector("u64", "eight bytes, little endian", &[("hex", hex(&0x0102_0304_0506_0708u64))]),
            vector("i64", "eight bytes, two's complement, little endian: -2", &[("hex", hex(&-2i64))]),
            vector("bool", "one byte, 0 or 1: true", &[("hex", hex(&true))]),
            vector(
                "bytes",
                "u32 length, bytes: 0a0b0c",
                &[("hex", hex(&BoundedBytes::<4>::new(vec![10, 11, 12]).unwrap()))],
            ),
            vector("text", "u32 length in bytes, UTF-8: 账本", &[("hex", hex(&Text::<64>::new("账本").unwrap()))]),
            vector(
                "list",
                "u32 count, elements: u16 1, 2",
                &[("hex", hex(&Bounded::<u16, 4>::new(vec![1, 2]).unwrap()))],
            ),
            vector("choice none", "one byte 0", &[("hex", hex(&Choice::<u8>::None))]),
            vector("choice some", "one byte 1, value", &[("hex", hex(&Choice::Some(7u8)))]),
            vector(
                "set",
                "as a list, strictly ascending by key",
                &[("hex", hex(&SortedVec::<Address, 4>::new(vec![address(1), address(2)]).unwrap()))],
            ),
            refused("set out of order", "elements descend", &unsorted, set(&unsorted)),
            refused("set with a duplicate", "one element twice", &twice, set(&twice)),
            refused("surplus byte", "a u16 with a third byte", &[1, 2, 3], decode::<u16>(&[1, 2, 3], 10).is_err()),
            refused("text with a control character", "U+0007", &control, decode::<Text<64>>(&control, 64).is_err()),
            refused("text that is not UTF-8", "0xff", &not_utf8, decode::<Text<64>>(&not_utf8, 64).is_err()),
            refused("above its bound", "5 bytes of at most 4", &long, decode::<BoundedBytes<4>>(&long, 64).is_err()),
            refused("unknown suite", "suite byte 3", &[3], decode::<Suite>(&[3], 64).is_err()),
            refused("bool of 2", "neither 0 nor 1", &[2], decode::<bool>(&[2], 64).is_err()),
        ],
    );
}

#[test]
fn tags() {
    let vectors = Tag::ALL
        .iter()
        .map(|tag| {
            let text = std::str::from_utf8(tag.bytes()).unwrap().trim_end_matches('\0');
            vector(text, "the tag's bytes, closing zero included", &[("hex", bytes(tag.bytes()))])
        })
        .collect();
    check("tags.json", "Domain tags: the first bytes of everything that is hashed or signed.", vectors);
}

#[test]
fn codes() {
    let vectors = Code::ALL
        .iter()
        .map(|(code, label, words)| vector(label, words, &[("code", json!(code.0)), ("hex", hex(code))]))
        .collect();
    check("codes.json", "Outcome codes.", vectors);
}

#[test]
fn keys_and_addresses() {
    let mut vectors = Vec::new();
    for suite in SUITES {
        let secret = key(suite, 42, 0);
        let message = b"crosstie golden vector";
        vectors.push(vector(
            &format!("{suite} key"),
            "secret, public key, address, a signature over `message`",
            &[
                ("suite", json!(suite.to_string())),
                ("secret", bytes(*secret.to_bytes())),
                ("public_key", bytes(secret.public_key().as_bytes())),
                ("public_key_borsh", hex(&secret.public_key())),
                ("public_key_text", json!(secret.public_key().to_string())),
                ("address_borsh", hex(&secret.address())),
                ("address_text", json!(secret.address().to_string())),
                ("message", bytes(message)),
                ("signature", bytes(secret.sign(message).0)),
            ],
        ));
    }
    check(
        "keys.json",
        "Keys, addresses and signatures. Signing is deterministic here; verifiers must not rely on it.",
        vectors,
    );
}

#[test]
fn merkle() {
    let mut vectors = Vec::new();
    for suite in SUITES {
        let leaves: Vec<Vec<u8>> = (0..7u8).map(|leaf| vec![leaf; usize::from(leaf)]).collect();
        vectors.push(vector(
            &format!("{suite} leaf"),
            "H(0x00 || data)",
            &[("data", bytes(&leaves[3])), ("hash", hex(&LeafHash::of(suite, &leaves[3]).hash()))],
        ));
        vectors.push(vector(
            &format!("{suite} empty"),
            "root of no leaves: H('')",
            &[("root", hex(&empty_root(suite)))],
        ));
        for size in 1..=7usize {
            let tree = Tree::new(suite, &leaves[..size]);
            let paths: Vec<Value> = (0..size).map(|index| hex(&tree.path(index as u64).unwrap())).collect();
            let consistency: Vec<Value> =
                (1..=size).map(|first| hex(&tree.consistency(first as u64).unwrap())).collect();
            vectors.push(vector(
                &format!("{suite} tree of {size}"),
                "leaf i is i bytes of value i; paths by index; consistency from 1..size",
                &[
                    ("root", hex(&tree.root())),
                    ("paths", Value::Array(paths)),
                    ("consistency", Value::Array(consistency)),
                ],
            ));
        }
    }
    check("merkle.json", "RFC 9162 trees. A path is borsh: u32 count, hashes of 32 bytes.", vectors);
}

#[test]
fn state_tree() {
    let mut vectors = Vec::new();
    for suite in SUITES {
        let mut state = State::new();
        for number in 0..5u8 {
            let value = StateValue { version: Version(number.into()), content: plain(&[number; 3]) };
            state.insert(place(1, "accounts", &[number]), value);
        }
        let deleted = StateValue { version: Version(9), content: StateContent::Tombstone };
        state.insert(place(1, "accounts", b"gone"), deleted);
        let counter = StateValue { version: Version(2), content: StateContent::Counter { value: -1, min: -5, max: 5 } };
        state.insert(place(1, "accounts", b"count"), counter);
        for (at, value) in &state {
            let key_hash = state_tree_key(suite, &at.account, &at.key);
            let value_hash = state_value_hash(suite, value);
            let proof = state_proof(suite, &state, at);
            vectors.push(vector(
                &format!("{suite} present {}", hex::encode(&*at.key)),
                "account `accounts`",
                &[
                    ("key", bytes(&*at.key)),
                    ("key_hash", hex(&key_hash)),
                    ("value", hex(value)),
                    ("value_hash", hex(&value_hash)),
                    ("change_value_hash", hex(&value.value_hash(suite))),
                    ("leaf", hex(&state_leaf_hash(suite, &key_hash, &value_hash))),
                    ("root", hex(&root(suite, &state, at))),
                    ("proof", hex(&proof)),
                ],
            ));
        }
        for absent in [&b"nobody"[..], b"x", b"y", b"z"] {
            let at = place(1, "accounts", absent);
            let proof = state_proof(suite, &state, &at);
            let known = place(1, "accounts", b"gone");
            let root = root(suite, &state, &known);
            assert!(proof.verify(suite, &at.account, &at.key, &root).is_ok());
            vectors.push(vector(
                &format!("{suite} absent {}", hex::encode(absent)),
                "a key that is not in the tree",
                &[
                    ("key", bytes(absent)),
                    ("key_hash", hex(&state_tree_key(suite, &at.account, &at.key))),
                    ("root", hex(&root)),
                    ("proof", hex(&proof)),
                ],
            ));
        }
        vectors.push(vector(&format!("{suite} empty"), "root of an empty tree", &[("root", hex(&EMPTY_STATE_ROOT))]));
    }
    check("state.json", "State trees: key hash, value, leaf, root and proofs of presence and absence.", vectors);
}

/// The root that the proof of a present key leads to.
fn root(suite: Suite, state: &State, at: &ledger_protocol::proof::KeyPlace) -> Hash {
    let proof = state_proof(suite, state, at);
    let StateProof::Present { .. } = &proof else { panic!() };
    match proof.verify(suite, &at.account, &at.key, &Hash([1; 32])) {
        Err(ledger_protocol::proof::state::ProofError::RootMismatch { computed, .. }) => computed,
        other => panic!("{other:?}"),
    }
}
