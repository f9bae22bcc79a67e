//! Tests of the key store on a real directory.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::*;
use ledger_protocol::Suite;
use ledger_protocol::suite::SecretKey;
use std::error::Error as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

const PASSPHRASE: &[u8] = b"correct horse battery staple";

fn store() -> (tempfile::TempDir, KeyStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    (directory, store)
}

fn name(text: &str) -> KeyName {
    text.parse().unwrap()
}

/// A plain key, and its file's text after `change`, written back.
fn plain_key_with(change: impl FnOnce(String) -> String) -> (tempfile::TempDir, KeyStore, KeyName) {
    let (directory, store) = store();
    let key = name("alice");
    let entry = store.generate(&key, Purpose::Account, Suite::Standard, Protection::Plain).unwrap();
    let text = fs::read_to_string(&entry.file).unwrap();
    fs::write(&entry.file, change(text)).unwrap();
    (directory, store, key)
}

/// The error says `expected` and names the key's file.
fn check_error(error: &KeyStoreError, expected: &str) {
    let text = error.to_string();
    assert!(text.contains(expected), "{text}");
    assert!(text.contains(".key.json"), "{text}");
}

#[test]
fn keys_of_both_suites_and_protections_come_back_and_sign() {
    let (_directory, store) = store();
    let cases = [
        ("alice", Suite::Standard, Protection::Passphrase(PASSPHRASE), Some(PASSPHRASE)),
        ("bob", Suite::Guomi, Protection::Passphrase(PASSPHRASE), Some(PASSPHRASE)),
        ("carol", Suite::Standard, Protection::Plain, None),
        ("dave", Suite::Guomi, Protection::Plain, None),
    ];
    for (text, suite, protection, passphrase) in cases {
        let name = name(text);
        let made = store.generate(&name, Purpose::Validator, suite, protection).unwrap();
        assert_eq!(made.public_key.suite(), suite);
        assert_eq!(made.is_protected, passphrase.is_some());
        assert_eq!(store.entry(&name).unwrap(), made);
        let started = Instant::now();
        let signer = store.signer(&name, Purpose::Validator, passphrase).unwrap();
        println!("{text} ({suite}, protected: {}): opened in {:?}", made.is_protected, started.elapsed());
        assert_eq!(signer.public_key(), made.public_key);
        let signature = signer.sign(b"message").unwrap();
        assert_eq!(made.public_key.verify(b"message", &signature).unwrap().address(), made.address);
    }
    let listed: Vec<KeyName> = store.list().unwrap().into_iter().map(|entry| entry.unwrap().name).collect();
    assert_eq!(listed, cases.map(|(text, ..)| name(text)));
}

#[test]
fn an_imported_key_is_the_same_key() {
    let (_directory, store) = store();
    for suite in [Suite::Standard, Suite::Guomi] {
        let key = SecretKey::from_seed(suite, [7; 32]);
        let name = name(&suite.to_string());
        store.import(&name, Purpose::Account, &key, Protection::Plain).unwrap();
        let opened = store.secret_key(&name, Purpose::Account, None).unwrap();
        assert_eq!(*opened.to_bytes(), *key.to_bytes());
    }
}

#[test]
fn the_file_shows_the_public_part_and_whether_it_is_protected() {
    let (_directory, store) = store();
    let sealed =
        store.generate(&name("a"), Purpose::Account, Suite::Guomi, Protection::Passphrase(PASSPHRASE)).unwrap();
    let text = fs::read_to_string(&sealed.file).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["format"], "crosstie-key/1");
    assert_eq!(json["name"], "a");
    assert_eq!(json["purpose"], "account");
    assert_eq!(json["suite"], "guomi");
    assert_eq!(json["public_key"], sealed.public_key.to_string());
    assert_eq!(json["address"], sealed.address.to_string());
    assert_eq!(json["secret"]["protection"], "passphrase");
    assert_eq!(json["secret"]["key_derivation"], "argon2id");
    let secret = store.secret_key(&name("a"), Purpose::Account, Some(PASSPHRASE)).unwrap();
    assert!(!text.contains(&hex::encode(*secret.to_bytes())));
    let plain = store.generate(&name("b"), Purpose::Account, Suite::Guomi, Protection::Plain).unwrap();
    assert!(fs::read_to_string(&plain.file).unwrap().contains("NOT PROTECTED"));
}

#[test]
fn a_wrong_or_missing_passphrase_is_told_with_the_file() {
    let (_directory, store) = store();
    let key = name("alice");
    store.generate(&key, Purpose::Account, Suite::Standard, Protection::Passphrase(PASSPHRASE)).unwrap();
    let open = |passphrase| store.signer(&key, Purpose::Account, passphrase).unwrap_err();
    let wrong = open(Some(b"wrong"));
    assert!(matches!(wrong, KeyStoreError::WrongPassphrase { .. }));
    check_error(&wrong, "does not open");
    let missing = open(None);
    assert!(matches!(missing, KeyStoreError::PassphraseNeeded { .. }));
    check_error(&missing, "passphrase");
    let empty = store.generate(&name("bob"), Purpose::Account, Suite::Standard, Protection::Passphrase(b""));
    assert!(matches!(empty, Err(KeyStoreError::EmptyPassphrase)));
    assert!(matches!(store.entry(&name("bob")), Err(KeyStoreError::Missing { .. })));
}

#[test]
fn the_public_part_of_a_sealed_key_cannot_be_exchanged() {
    let (_directory, store) = store();
    let protection = Protection::Passphrase(PASSPHRASE);
    let mine = store.generate(&name("mine"), Purpose::Account, Suite::Standard, protection).unwrap();
    let text = fs::read_to_string(&mine.file).unwrap();
    fs::write(&mine.file, text.replace("\"account\"", "\"validator\"")).unwrap();
    let error = store.signer(&name("mine"), Purpose::Validator, Some(PASSPHRASE)).unwrap_err();
    assert!(matches!(error, KeyStoreError::WrongPassphrase { .. }), "{error}");
}

#[test]
fn every_truncated_file_is_refused_with_its_name_and_a_remedy() {
    let (_directory, store, key) = plain_key_with(|text| text);
    let file = store.file_of(&key);
    let whole = fs::read(&file).unwrap();
    // The closing newline may be missing.
    for length in 0..whole.len() - 1 {
        fs::write(&file, &whole[..length]).unwrap();
        let error = store.signer(&key, Purpose::Account, None).unwrap_err();
        assert!(matches!(error, KeyStoreError::Damaged { .. }), "{length}: {error}");
        check_error(&error, "restore it from a backup");
    }
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    store.signer(&key, Purpose::Account, None).unwrap();
}

#[test]
fn a_garbled_file_is_never_a_key() {
    let other = SecretKey::from_seed(Suite::Standard, [9; 32]);
    type Change = Box<dyn FnOnce(String) -> String>;
    let cases: Vec<(&str, Change)> = vec![
        ("no key file", Box::new(|_| "\u{0}\u{1}garbage".into())),
        ("unknown field", Box::new(|text| text.replacen('{', "{ \"surplus\": 1,", 1))),
        ("renamed by hand", Box::new(|text| text.replace("\"alice\"", "\"mallory\""))),
        ("is not known", Box::new(|text| text.replace("\"account\"", "\"everything\""))),
        ("belong together", Box::new(|text| text.replace("\"standard\"", "\"guomi\""))),
        ("public_key", Box::new(|text| text.replace("ctkey1", "ctkey2"))),
        ("32 bytes in hexadecimal", Box::new(|text| text.replace("\"secret\": \"", "\"secret\": \"zz"))),
        ("longer than", Box::new(|text| text + &" ".repeat(70_000))),
    ];
    for (expected, change) in cases {
        let (_directory, store, key) = plain_key_with(change);
        let error = store.signer(&key, Purpose::Account, None).unwrap_err();
        assert!(matches!(error, KeyStoreError::Damaged { .. }), "{error}");
        check_error(&error, expected);
        assert!(store.list().unwrap().len() == 1);
    }
    let (_directory, store, key) = plain_key_with(move |text| {
        let start = text.rfind("\"secret\": \"").unwrap() + "\"secret\": \"".len();
        text[..start].to_owned() + &hex::encode(*other.to_bytes()) + &text[start + 64..]
    });
    let error = store.signer(&key, Purpose::Account, None).unwrap_err();
    check_error(&error, "belongs to another public key");
    let (_directory, store, key) = plain_key_with(|text| text.replace("crosstie-key/1", "crosstie-key/2"));
    let error = store.signer(&key, Purpose::Account, None).unwrap_err();
    assert!(matches!(error, KeyStoreError::UnknownFormat { .. }), "{error}");
}

#[test]
fn a_file_cannot_ask_for_all_the_memory() {
    let (_directory, store) = store();
    let key = name("alice");
    let protection = Protection::Passphrase(PASSPHRASE);
    let entry = store.generate(&key, Purpose::Account, Suite::Standard, protection).unwrap();
    let text = fs::read_to_string(&entry.file).unwrap();
    fs::write(&entry.file, text.replace("\"memory_kib\": 65536", "\"memory_kib\": 4294967295")).unwrap();
    let error = store.signer(&key, Purpose::Account, Some(PASSPHRASE)).unwrap_err();
    check_error(&error, "expensive");
    fs::write(&entry.file, text.replace("\"memory_kib\": 65536", "\"memory_kib\": 0")).unwrap();
    let error = store.signer(&key, Purpose::Account, Some(PASSPHRASE)).unwrap_err();
    check_error(&error, "key derivation");
}

#[test]
fn files_are_for_their_owner_only() {
    let (_directory, store) = store();
    let key = name("alice");
    let entry = store.generate(&key, Purpose::Account, Suite::Standard, Protection::Plain).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&entry.file), 0o600);
    assert_eq!(mode(store.directory()), 0o700);
    fs::set_permissions(&entry.file, fs::Permissions::from_mode(0o640)).unwrap();
    let error = store.signer(&key, Purpose::Account, None).unwrap_err();
    assert!(matches!(error, KeyStoreError::OpenToOthers { mode: 0o640, .. }), "{error}");
    check_error(&error, "chmod 600");
}

#[test]
fn a_key_is_never_overwritten() {
    let (_directory, store) = store();
    let key = name("alice");
    let first = store.generate(&key, Purpose::Account, Suite::Standard, Protection::Plain).unwrap();
    let before = fs::read(&first.file).unwrap();
    let again = store.generate(&key, Purpose::Network, Suite::Standard, Protection::Plain).unwrap_err();
    assert!(matches!(again, KeyStoreError::Exists { .. }));
    check_error(&again, "never overwritten");
    assert_eq!(fs::read(&first.file).unwrap(), before);
}

#[test]
fn of_many_that_make_one_key_at_once_exactly_one_succeeds_and_nothing_is_left_over() {
    let (_directory, store) = store();
    let make = || store.generate(&name("alice"), Purpose::Account, Suite::Standard, Protection::Plain);
    let made: Vec<KeyEntry> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(make)).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap().ok()).collect()
    });
    assert_eq!(made.len(), 1);
    assert_eq!(store.entry(&name("alice")).unwrap(), made[0]);
    assert_eq!(fs::read_dir(store.directory()).unwrap().count(), 1);
}

#[test]
fn a_key_serves_its_purpose_only() {
    let (_directory, store) = store();
    let refused = store.generate(&name("n"), Purpose::Network, Suite::Guomi, Protection::Plain).unwrap_err();
    assert!(matches!(refused, KeyStoreError::NetworkKeySuite));
    let entry = store.generate(&name("n"), Purpose::Network, Suite::Standard, Protection::Plain).unwrap();
    let seed = store.network_seed(&name("n"), None).unwrap();
    assert_eq!(SecretKey::from_seed(Suite::Standard, *seed).public_key(), entry.public_key);
    let error = store.signer(&name("n"), Purpose::Validator, None).unwrap_err();
    check_error(&error, "a key for `network`, and one for `validator` is needed");
}

#[test]
fn names_cannot_leave_the_directory() {
    let long = "a".repeat(65);
    for bad in ["", "..", ".", "a/b", "/etc/passwd", "a\\b", "-a", "_a", "A", "a.b", "ä", "a b", "a\0", &long] {
        assert!(bad.parse::<KeyName>().is_err(), "{bad:?}");
    }
    for good in ["a", "0", "validator-1", "node_7", &"a".repeat(64)] {
        assert_eq!(good.parse::<KeyName>().unwrap().to_string(), good);
    }
    let (_directory, store) = store();
    let error = store.entry(&name("absent")).unwrap_err();
    assert!(matches!(error, KeyStoreError::Missing { .. }));
    check_error(&error, "there is no key `absent`");
}

#[test]
fn other_files_in_the_directory_are_passed_over_and_damaged_keys_listed_as_such() {
    let (_directory, store) = store();
    store.generate(&name("good"), Purpose::Account, Suite::Standard, Protection::Plain).unwrap();
    for other in ["README", ".alice.0011.tmp", "Upper.key.json", "bad.key.json"] {
        fs::write(store.directory().join(other), "{}").unwrap();
        fs::set_permissions(store.directory().join(other), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let listed = store.list().unwrap();
    assert_eq!(listed.len(), 2);
    assert!(matches!(listed[0], Err(KeyStoreError::Damaged { .. })));
    assert!(listed[1].is_ok());
}

#[test]
fn secrets_are_not_printed() {
    let (_directory, store) = store();
    let key = SecretKey::from_seed(Suite::Standard, [3; 32]);
    store.import(&name("a"), Purpose::Account, &key, Protection::Plain).unwrap();
    let signer = store.signer(&name("a"), Purpose::Account, None).unwrap();
    let printed = format!("{signer:?} {:?}", Protection::Passphrase(PASSPHRASE));
    assert!(!printed.contains(&hex::encode([3; 32])));
    assert!(!printed.contains("horse"));
}

#[test]
fn a_directory_that_cannot_be_made_is_told_with_its_cause() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = KeyStore::open(file.join("keys")).unwrap_err();
    assert!(matches!(error, KeyStoreError::Io { .. }));
    assert!(error.source().is_some());
}
