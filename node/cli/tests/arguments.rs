//! The command line's outer form: help, usage errors, exit codes, and JSON on stdout only.
#![allow(missing_docs)]

use std::process::{Command, Output};

fn crosstie(arguments: &[&str]) -> Output {
    let directory = std::env::temp_dir();
    Command::new(env!("CARGO_BIN_EXE_crosstie"))
        .args(arguments)
        .env_remove("CROSSTIE_DIR")
        .current_dir(directory)
        .output()
        .expect("the binary runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("the process ended by itself")
}

#[test]
fn every_command_has_help() {
    let nouns = [
        "up",
        "status",
        "doctor",
        "bench",
        "get",
        "list",
        "history",
        "load",
        "node run",
        "demo flights",
        "key new",
        "key list",
        "key show",
        "key import",
        "tx set",
        "tx add",
        "tx delete",
        "tx declare-account",
        "tx declare-counter",
        "tx register-identity",
        "tx submit",
        "tx show",
        "proof get transaction",
        "proof get value",
        "proof get record",
        "proof get header",
        "proof get event",
        "proof get change",
        "proof get unchanged",
        "proof get message",
        "proof get consistency",
        "proof get leg",
        "proof verify",
        "proposal new",
        "proposal dry-run",
        "proposal submit",
        "proposal cancel",
        "proposal status",
        "proposal list",
        "proposal watch",
        "proposal report-locked",
        "bundle get",
        "bundle show",
        "bundle verify",
        "checkpoint get",
        "checkpoint show",
        "chain create",
        "chain register",
        "chain activate",
        "chain list",
        "chain status",
        "chain follow-relay",
        "motion propose",
        "motion propose re-anchor",
        "motion propose reanchor-relay",
        "motion vote",
        "motion list",
    ];
    for noun in nouns {
        let mut arguments: Vec<&str> = noun.split(' ').collect();
        arguments.push("--help");
        let output = crosstie(&arguments);
        assert_eq!(code(&output), 0, "{noun}");
        let text = String::from_utf8(output.stdout).expect("help is text");
        assert!(text.contains("--json"), "{noun} takes --json");
    }
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for arguments in
        [&["nonsense"][..], &["tx", "set", "a"], &["up", "--validators", "0"], &["get", "a", "x", "b", "c"]]
    {
        let output = crosstie(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}: words belong on stderr");
    }
}

#[test]
fn without_a_network_the_failure_names_file_and_remedy() {
    let directory = tempfile::tempdir().expect("a directory");
    let dir = directory.path().to_str().expect("a path in UTF-8");
    let output = crosstie(&["status", "--dir", dir, "--json"]);
    assert_eq!(code(&output), 5);
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(shown["exit_code"], 5);
    assert!(shown["error"]["where"].as_str().expect("a place").contains("network.json"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("crosstie up"));
}

#[test]
fn keys_are_made_listed_and_imported_without_a_network() {
    let directory = tempfile::tempdir().expect("a directory");
    let dir = directory.path().to_str().expect("a path in UTF-8");
    let made = crosstie(&["key", "new", "alice", "--plain", "--suite", "guomi", "--dir", dir, "--json"]);
    assert_eq!(code(&made), 0, "{}", String::from_utf8_lossy(&made.stderr));
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
    assert_eq!(made["suite"], "guomi");
    let listed = crosstie(&["key", "list", "--dir", dir, "--json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(listed["keys"][0]["address"], made["address"]);
    // The name is taken, the name is no name, nobody can be asked for a passphrase.
    assert_eq!(code(&crosstie(&["key", "new", "alice", "--plain", "--dir", dir])), 2);
    assert_eq!(code(&crosstie(&["key", "new", "No/Name", "--plain", "--dir", dir])), 2);
    assert_eq!(code(&crosstie(&["key", "show", "bob", "--dir", dir])), 3);
    let secret = directory.path().join("secret");
    std::fs::write(&secret, "not a secret\n").expect("a file");
    let secret = secret.to_str().expect("a path in UTF-8");
    let refused = crosstie(&["key", "import", "bob", "--secret-file", secret, "--plain", "--dir", dir, "--json"]);
    assert_eq!(code(&refused), 5);
    assert!(!String::from_utf8_lossy(&refused.stderr).contains("not a secret"), "a secret is never shown");
}

#[test]
fn doctor_checks_a_machine_without_a_network() {
    let directory = tempfile::tempdir().expect("a directory");
    let dir = directory.path().to_str().expect("a path in UTF-8");
    let output = crosstie(&["doctor", "--dir", dir, "--json"]);
    let report: serde_json::Value =
        serde_json::from_slice(output.stdout.split(|byte| *byte == b'\n').next().expect("a line")).expect("JSON");
    let names: Vec<&str> =
        report["checks"].as_array().expect("checks").iter().filter_map(|it| it["check"].as_str()).collect();
    for name in ["disk space", "fsync", "open files", "loopback", "clock"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}
