//! Golden vectors: the bytes of every format, compared with `tests/vectors/*.json` byte for byte.
//!
//! `CROSSTIE_WRITE_VECTORS=1` writes them anew; a change of a published vector is a change of the protocol.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod operations;
#[path = "../../../ledger-protocol/tests/proofs/samples.rs"]
mod samples;
#[path = "../../../ledger-protocol/tests/proofs/scenario.rs"]
mod scenario;
#[path = "../../../ledger-protocol/tests/proofs/test_chain.rs"]
mod test_chain;

mod chains;
mod encodings;
mod proofs;
mod specification;

use serde_json::{Value, json};
use std::path::PathBuf;

/// One vector: a name, words for people, and fields.
fn vector(name: &str, words: &str, fields: &[(&str, Value)]) -> Value {
    let mut object = serde_json::Map::new();
    object.insert("name".into(), json!(name));
    object.insert("words".into(), json!(words));
    for (field, value) in fields {
        object.insert((*field).into(), value.clone());
    }
    Value::Object(object)
}

fn hex<T: borsh::BorshSerialize>(value: &T) -> Value {
    json!(hex::encode(ledger_protocol::codec::encode(value)))
}

fn bytes(bytes: impl AsRef<[u8]>) -> Value {
    json!(hex::encode(bytes))
}

/// Compares a file of vectors, or writes it.
fn check(file: &str, about: &str, vectors: Vec<Value>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file);
    let mut text = serde_json::to_string_pretty(&json!({ "about": about, "vectors": vectors })).unwrap();
    text.push('\n');
    if std::env::var_os("CROSSTIE_WRITE_VECTORS").is_some_and(|value| value == "1") {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let stored = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run with CROSSTIE_WRITE_VECTORS=1 to write it", path.display()));
    if let Some((line, (old, new))) = stored.lines().zip(text.lines()).enumerate().find(|(_, (old, new))| old != new) {
        let cut = |text: &str| text.chars().take(160).collect::<String>();
        panic!("{file}, line {}: stored {}\n now {}", line + 1, cut(old), cut(new));
    }
    assert_eq!(stored.len(), text.len(), "{file}: another number of lines");
}
