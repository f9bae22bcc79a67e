//! A data directory keeps its prefixes, has one user at a time, and refuses what it does not understand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{DataDirectory, DirectoryError};

#[test]
fn prefixes_stay_over_restarts() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("deep").join("data");
    let directory = DataDirectory::open(&path).unwrap();
    let retail = directory.prefix_of("retail").unwrap();
    let relay = directory.bind("relay", "ct1relay").unwrap();
    assert_ne!(retail, relay);
    assert_eq!(directory.prefix_of("retail").unwrap(), retail);
    drop(directory);

    let directory = DataDirectory::open(&path).unwrap();
    assert_eq!(directory.prefix_of("relay").unwrap(), relay);
    assert_eq!(directory.bind("retail", "ct1retail").unwrap(), retail);
    let third = directory.prefix_of("third").unwrap();
    assert!(third > relay);
    let expected = [
        ("retail".to_owned(), retail, Some("ct1retail".to_owned())),
        ("relay".to_owned(), relay, Some("ct1relay".to_owned())),
        ("third".to_owned(), third, None),
    ];
    assert_eq!(directory.replicas(), expected);
}

#[test]
fn a_replica_never_opens_another_chains_books() {
    let place = tempfile::tempdir().unwrap();
    let directory = DataDirectory::open(place.path()).unwrap();
    directory.bind("retail", "ct1retail").unwrap();
    let error = directory.bind("retail", "ct1other").unwrap_err();
    assert!(matches!(error, DirectoryError::OtherChain { .. }), "{error}");
    assert!(matches!(directory.prefix_of("Not a name"), Err(DirectoryError::Name { .. })));
}

#[test]
fn a_second_opener_is_refused_with_the_pid() {
    let place = tempfile::tempdir().unwrap();
    let directory = DataDirectory::open(place.path()).unwrap();
    let error = DataDirectory::open(place.path()).unwrap_err();
    assert!(matches!(error, DirectoryError::Locked { .. }), "{error}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    drop(directory);
    DataDirectory::open(place.path()).unwrap();
}

#[test]
fn the_holder_of_a_directory_is_known_and_nothing_is_made_by_asking() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("data");
    assert_eq!(super::holder(&path).unwrap(), None);
    assert!(!path.exists());
    let directory = DataDirectory::open(&path).unwrap();
    assert_eq!(super::holder(&path).unwrap(), Some(super::Holder { pid: Some(std::process::id()) }));
    drop(directory);
    assert_eq!(super::holder(&path).unwrap(), None);
    DataDirectory::open(&path).unwrap();
}

#[test]
fn a_newer_format_is_refused_with_words() {
    let place = tempfile::tempdir().unwrap();
    drop(DataDirectory::open(place.path()).unwrap());
    let newer = "format = 2\nwritten_by = \"crosstie 9.1\"\n[unknown]\nthings = [1, 2]\n";
    std::fs::write(place.path().join("FORMAT"), newer).unwrap();
    let error = DataDirectory::open(place.path()).unwrap_err();
    assert!(matches!(error, DirectoryError::Newer { found: 2, .. }), "{error}");
    assert!(error.to_string().contains("crosstie 9.1"), "{error}");
}

#[test]
fn damaged_tables_are_refused() {
    let head = "format = 1\nwritten_by = \"x\"\n";
    let replica = |name: &str, prefix: u16| format!("[[replica]]\nname = \"{name}\"\nprefix = {prefix}\n");
    for (text, words) in [
        (String::new(), "no format version"),
        ("format = 0\n".to_owned(), "no format version"),
        (head.to_owned(), "next_prefix"),
        (format!("{head}next_prefix = 2\nsurplus = 1\n"), "surplus"),
        (format!("{head}next_prefix = 3\n{}{}", replica("a", 1), replica("a", 2)), "twice"),
        (format!("{head}next_prefix = 3\n{}{}", replica("a", 1), replica("b", 1)), "two replicas"),
        (format!("{head}next_prefix = 1\n{}", replica("a", 1)), "next one"),
    ] {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("FORMAT"), &text).unwrap();
        let error = DataDirectory::open(place.path()).unwrap_err();
        assert!(matches!(error, DirectoryError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error} for {text}");
    }
}

#[test]
fn a_foreign_directory_is_left_untouched() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("letter.txt"), "dear").unwrap();
    assert!(matches!(DataDirectory::open(place.path()), Err(DirectoryError::Foreign { .. })));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn a_creation_that_was_cut_short_is_finished() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("LOCK"), "4711").unwrap();
    std::fs::write(place.path().join("FORMAT.new"), "form").unwrap();
    let directory = DataDirectory::open(place.path()).unwrap();
    assert_eq!(directory.prefix_of("retail").unwrap().bytes(), [0, 1]);
}
