//! `proof verify`, `bundle verify` and `show` on files that are not what they should be: exit 1, a reason, no panic.
#![allow(missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn crosstie(arguments: &[&str], directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crosstie"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the binary runs")
}

fn write(directory: &Path, name: &str, content: &[u8]) -> PathBuf {
    let file = directory.join(name);
    std::fs::write(&file, content).expect("a file");
    file
}

/// The encoding of a checkpoint of a standard chain at height 5: suite, chain, kind, height, two hashes.
fn checkpoint() -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend([7; 32]);
    bytes.push(1);
    bytes.extend(5u64.to_le_bytes());
    bytes.extend([8; 32]);
    bytes.extend([9; 32]);
    bytes
}

fn refused(output: &Output, what: &str) {
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{what}: {words}");
    assert!(!words.contains("panicked"), "{what}: {words}");
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert!(shown["error"]["what"].as_str().is_some_and(|reason| !reason.is_empty()), "{what} has a reason");
}

#[test]
fn garbage_proves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path();
    write(place, "good.checkpoint", &checkpoint());
    let mut marked = b"CTPROOF\0\x01\0".to_vec();
    marked.extend([0xff; 64]);
    let mut bundle = b"CTBUNDLE\x01\0".to_vec();
    bundle.extend([0u8; 300]);
    let contents: [(&str, Vec<u8>); 7] = [
        ("empty", Vec::new()),
        ("text", b"hello".to_vec()),
        ("mark", b"CTPROOF\0".to_vec()),
        ("version", b"CTPROOF\0\xff\xff".to_vec()),
        ("marked", marked),
        ("bundle", bundle),
        ("long", vec![b'C'; 9 << 20]),
    ];
    for (name, content) in &contents {
        write(place, name, content);
        for noun in ["proof", "bundle"] {
            let output = crosstie(&[noun, "verify", name, "--checkpoint", "good.checkpoint", "--json"], place);
            refused(&output, &format!("{noun} {name}"));
        }
    }
}

#[test]
fn a_wrong_checkpoint_file_proves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path();
    write(place, "proof", b"CTPROOF\0\x01\0");
    let mut long = checkpoint();
    long.push(0);
    for (name, content) in [("short", checkpoint()[..40].to_vec()), ("surplus", long), ("none", Vec::new())] {
        write(place, name, &content);
        let output = crosstie(&["proof", "verify", "proof", "--checkpoint", name, "--json"], place);
        refused(&output, name);
    }
}

#[test]
fn a_file_that_is_not_there_is_an_input_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path();
    write(place, "good.checkpoint", &checkpoint());
    let output = crosstie(&["bundle", "verify", "nowhere", "--checkpoint", "good.checkpoint"], place);
    assert_eq!(output.status.code(), Some(5));
}

#[test]
fn a_checkpoint_is_shown_with_a_fingerprint() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path();
    write(place, "binary", &checkpoint());
    write(place, "hex", hex::encode(checkpoint()).as_bytes());
    let of = |name| {
        let output = crosstie(&["checkpoint", "show", name, "--json"], place);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        shown["fingerprint"].as_str().expect("a fingerprint").to_owned()
    };
    assert_eq!(of("binary"), of("hex"));
    assert_eq!(of("binary").split(' ').count(), 10);
}
