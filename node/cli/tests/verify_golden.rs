//! `proof verify` and `bundle verify` on every published proof file and bundle, in an empty directory, without a node:
//! exit 0 and what was proven; with a changed, a lost or a surplus byte, or from a foreign checkpoint, exit 1 and a
//! reason.
#![allow(missing_docs)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Golden {
    name: String,
    noun: &'static str,
    file: Vec<u8>,
    checkpoint: Vec<u8>,
}

fn golden(file: &str, noun: &'static str) -> Vec<Golden> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(file);
    let content: Value = serde_json::from_slice(&std::fs::read(path).expect("the vectors")).expect("JSON");
    let bytes = |value: &Value| hex::decode(value.as_str().expect("text")).expect("hexadecimal");
    let one = |vector: &Value| Golden {
        name: format!("{file}: {}", vector["name"].as_str().expect("a name")),
        noun,
        file: bytes(&vector["file"]),
        checkpoint: bytes(&vector["checkpoint"]),
    };
    content["vectors"].as_array().expect("a list").iter().map(one).collect()
}

fn verify(place: &Path, noun: &str, file: &[u8], checkpoint: &[u8], json: bool) -> Output {
    std::fs::write(place.join("file"), file).expect("a file");
    std::fs::write(place.join("checkpoint"), checkpoint).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstie"));
    command.args([noun, "verify", "file", "--checkpoint", "checkpoint"]).current_dir(place).env_clear();
    if json {
        command.arg("--json");
    }
    command.output().expect("the binary runs")
}

fn refused(output: &Output, what: &str) -> String {
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{what}: {words}");
    assert!(!words.contains("panicked"), "{what}: {words}");
    let shown: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let reason = shown["error"]["what"].as_str().unwrap_or_default().to_owned();
    assert!(!reason.is_empty(), "{what} has a reason");
    reason
}

fn walk(golden: &[Golden], foreign: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path();
    for (number, Golden { name, noun, file, checkpoint }) in golden.iter().enumerate() {
        let output = verify(place, noun, file, checkpoint, true);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let shown: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        assert_eq!(shown["verified"], true, "{name}");
        assert!(shown["kind"].as_str().is_some_and(|kind| !kind.is_empty()), "{name}");
        assert!(shown["statement"].as_array().is_some_and(|words| !words.is_empty()), "{name}");
        assert!(shown["facts"].is_object(), "{name}");
        // Another byte of each file; every bit of 200 others is flipped in the tests of the protocol.
        let at = (number * 7919 + 13) % file.len();
        let mut changed = file.clone();
        changed[at] ^= 1 << (number % 8);
        refused(&verify(place, noun, &changed, checkpoint, true), &format!("{name}, byte {at} changed"));
        refused(&verify(place, noun, file, foreign, true), &format!("{name}, foreign checkpoint"));
        if number % 6 == 0 {
            let words = verify(place, noun, file, checkpoint, false);
            assert_eq!(words.status.code(), Some(0), "{name}");
            let said = String::from_utf8_lossy(&words.stdout);
            assert!(said.contains("VERIFIED"), "{name}: {said}");
            let surplus = [&file[..], &[0]].concat();
            let reason = refused(&verify(place, noun, &surplus, checkpoint, true), &format!("{name}, surplus byte"));
            assert!(reason.contains("damaged"), "{name}: {reason}");
            refused(&verify(place, noun, &file[1..], checkpoint, true), &format!("{name}, first byte lost"));
            refused(
                &verify(place, noun, &file[..file.len() - 1], checkpoint, true),
                &format!("{name}, last byte lost"),
            );
            let mut wrong = checkpoint.clone();
            wrong[50] ^= 1;
            refused(&verify(place, noun, file, &wrong, true), &format!("{name}, wrong checkpoint"));
        }
    }
}

#[test]
fn every_published_proof_verifies_offline_and_no_damaged_one_does() {
    let foreign = &golden("bundles.json", "bundle")[0].checkpoint;
    walk(&golden("proofs-standard.json", "proof"), foreign);
    walk(&golden("proofs-guomi.json", "proof"), foreign);
}

#[test]
fn every_published_bundle_verifies_offline_and_no_damaged_one_does() {
    let foreign = &golden("proofs-standard.json", "proof")[0].checkpoint;
    walk(&golden("bundles.json", "bundle"), foreign);
}
