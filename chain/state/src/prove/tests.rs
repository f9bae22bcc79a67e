#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
//! Proofs from a store with history: which versions are served, what is removed, ICS-23.

use super::*;
use crate::block_state::StateDelta;
use crate::testing::{BOOKS, Chain, account, key, place, plain};
use crate::tree::{NodeView, Position};
use ::ics23::{HostFunctionsManager, verify_membership, verify_non_membership};
use ledger_protocol::proof::state::VerifiedState;
use std::collections::{BTreeMap, BTreeSet};

type History = BTreeMap<u64, (Hash, BTreeMap<u8, StateValue>)>;

/// Some blocks over 24 keys with writes, deletes and working entries that come and go.
fn run(chain: &mut Chain, blocks: u64) -> History {
    let mut history = History::new();
    let mut contents = BTreeMap::new();
    for block in 0..blocks {
        let mut random = (block + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let delta: StateDelta = chain.block(|state| {
            for _ in 0..1 + block % 4 {
                random = random.rotate_left(17).wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
                let number = (random >> 40) as u8 % 24;
                if random & 7 == 0 {
                    state.delete(&place([number])).unwrap();
                } else {
                    state.put(&place([number]), plain(block.to_be_bytes())).unwrap();
                }
                contents.insert(number, state.value(&place([number])).unwrap().unwrap());
            }
            if block % 5 == 4 {
                state.remove_working("queue", b"x").unwrap();
            } else {
                state.put_working("queue", b"x", &block.to_be_bytes()).unwrap();
            }
        });
        let leaf = &delta.ledgers[1];
        history.insert(leaf.state_version, (leaf.state_root, contents.clone()));
    }
    history
}

/// Names of all nodes that the trees of these versions use.
fn reachable(store: &dyn StoreReader, ledger: LedgerId, versions: impl Iterator<Item = u64>) -> BTreeSet<Vec<u8>> {
    let nodes = Nodes { reader: store, ledger };
    let mut names = BTreeSet::new();
    let mut waiting: Vec<Position> = versions.map(Position::root).collect();
    while let Some(position) = waiting.pop() {
        if !names.insert(position.name()) {
            continue;
        }
        if let NodeView::Inner(children) = nodes.view(&position).unwrap() {
            for (nibble, child) in (0u8..).zip(children.iter()) {
                waiting.extend(child.map(|child| position.child(nibble, child.version)));
            }
        }
    }
    names
}

#[test]
fn exactly_the_last_256_versions_are_served_and_of_older_ones_only_values_are_kept() {
    for suite in [Suite::Standard, Suite::Guomi] {
        let mut chain = Chain::new(suite);
        let history = run(&mut chain, 700);
        let latest = head(&chain.store, BOOKS).unwrap().unwrap().state_version;
        assert_eq!(latest, 700);
        for (version, (root, contents)) in &history {
            let is_served = latest - version < 256;
            for number in (0..30u8).step_by(if is_served { 1 } else { 7 }) {
                let proof = state_proof(&chain.store, suite, BOOKS, &account("books"), &key([number]), *version);
                let Some(proof) = proof.unwrap() else {
                    assert!(!is_served, "version {version} of {latest} is not served");
                    continue;
                };
                assert!(is_served, "version {version} of {latest} is served");
                let verified = proof.verify(suite, &account("books"), &key([number]), root).unwrap();
                let expected = contents.get(&number).cloned();
                assert_eq!(verified, expected.map_or(VerifiedState::Absent, VerifiedState::Present));
            }
        }
        let beyond = state_proof(&chain.store, suite, BOOKS, &account("books"), &key([0]), latest + 1).unwrap();
        assert_eq!(beyond, None);

        for ledger in [LedgerId::SYSTEM, BOOKS] {
            let latest = head(&chain.store, ledger).unwrap().unwrap().state_version;
            // Every stored node is used by a served version, and the other way round.
            let used = reachable(&chain.store, ledger, latest - 255..=latest);
            let stored = chain.rows(&[b"tn".as_slice(), &ledger.0.to_be_bytes()].concat());
            assert_eq!(stored, used.len(), "ledger {ledger}");
            let lists = chain.rows(&[b"tx".as_slice(), &ledger.0.to_be_bytes()].concat());
            assert!(lists <= 255, "{lists} lists of stale nodes");
        }
        // A working entry that was replaced goes with the last version that shows it; values with a version stay, and
        // are found under every version that showed them.
        assert!(chain.rows(&[b"to".as_slice(), &0u32.to_be_bytes()].concat()) <= 255);
        for (version, (_, contents)) in &history {
            for (number, value) in contents {
                let found = value_in_version(&chain.store, suite, &place([*number]), *version).unwrap();
                assert_eq!(found.as_ref(), Some(value), "key {number} in version {version}");
            }
        }
    }
}

#[test]
fn versions_from_0_are_served_while_they_are_young() {
    let mut chain = Chain::new(Suite::Standard);
    let served = |chain: &Chain, version| {
        state_proof(&chain.store, Suite::Standard, BOOKS, &account("books"), &key([1]), version).unwrap()
    };
    let empty = head(&chain.store, BOOKS).unwrap().unwrap().state_root;
    run(&mut chain, 255);
    let absent = served(&chain, 0).unwrap().verify(Suite::Standard, &account("books"), &key([1]), &empty);
    assert_eq!(absent, Ok(VerifiedState::Absent));
    run(&mut chain, 1);
    assert_eq!(served(&chain, 0), None);
    assert!(served(&chain, 1).is_some());
    let unknown = state_proof(&chain.store, Suite::Standard, LedgerId(9), &account("a"), &key([1]), 0).unwrap();
    assert_eq!(unknown, None);
}

#[test]
fn a_large_block_is_forgotten_in_bounded_parts_and_wholly() {
    let mut chain = Chain::new(Suite::Standard);
    for _ in 0..2 {
        chain.block(|state| {
            for number in 0..12_000u32 {
                state.put(&place(number.to_be_bytes()), plain("v")).unwrap();
            }
        });
    }
    let mut largest = 0;
    for block in 0..300u64 {
        let delta = chain.block(|state| {
            state.put(&place("small"), plain(block.to_be_bytes())).unwrap();
        });
        largest = largest.max(delta.batch.len());
    }
    assert!(largest > 5_000, "the large block's {largest} rows were removed");
    assert!(largest < 10_000, "{largest} rows in the batch of a small block");
    let latest = head(&chain.store, BOOKS).unwrap().unwrap().state_version;
    assert_eq!(chain.rows(b"tn"), reachable(&chain.store, BOOKS, latest - 255..=latest).len());
}

#[test]
fn every_version_of_the_keys_under_a_prefix_is_listed_pruned_ones_too() {
    let mut chain = Chain::new(Suite::Standard);
    let record = |name: &str| Place::system("proposals", key(name));
    for (name, prunes) in [("aa1", false), ("aa2", false), ("ab1", false), ("aa1", true), ("aa22", false)] {
        chain.block(|state| match prunes {
            true => state.prune(&record(name)).unwrap(),
            false => state.put_record(&record(name), &7u8).map(drop).unwrap(),
        });
    }
    let list = |length, prefix: &str, limit| {
        let name = account("proposals");
        let made = versions_under(&chain.store, LedgerId::SYSTEM, &name, length, prefix.as_bytes(), limit).unwrap();
        made.into_iter().map(|it| (it.key.to_vec(), it.version.0, it.height.0, it.index)).collect::<Vec<_>>()
    };
    let expected = vec![(b"aa1".to_vec(), 0, 1, 0), (b"aa1".to_vec(), 1, 4, 0), (b"aa2".to_vec(), 0, 2, 0)];
    assert_eq!(list(3, "aa", 10), expected);
    assert_eq!(list(3, "aa", 1), expected[..1]);
    assert_eq!(list(4, "aa", 10), [(b"aa22".to_vec(), 0, 5, 0)]);
    assert_eq!(list(3, "b", 10), []);
}

#[test]
fn the_latest_value_includes_tombstones() {
    let mut chain = Chain::new(Suite::Standard);
    chain.block(|state| {
        state.put(&place("a"), plain("1")).unwrap();
        state.delete(&place("a")).unwrap();
    });
    let value = latest(&chain.store, BOOKS, &account("books"), &key("a")).unwrap().unwrap();
    assert_eq!(value.content, ledger_protocol::transaction::StateContent::Tombstone);
    assert_eq!(latest(&chain.store, BOOKS, &account("books"), &key("b")).unwrap(), None);
}

#[test]
fn ics23_verifies_presence_and_absence_in_every_served_version() {
    let mut chain = Chain::new(Suite::Standard);
    let history = run(&mut chain, 300);
    let spec = jmt::ics23_spec();
    let mut kinds = [0u32; 2];
    for (version, (root, contents)) in history.iter().rev().take(256).step_by(5) {
        for number in 0..40u8 {
            let tree_key = tree_key_bytes(&place([number]));
            let proof = ics23_proof(&chain.store, BOOKS, &account("books"), &key([number]), *version);
            let proof = proof.unwrap().unwrap();
            let root = root.as_bytes().to_vec();
            if let Some(value) = contents.get(&number) {
                let value = encode(value);
                assert!(verify_membership::<HostFunctionsManager>(&proof, &spec, &root, &tree_key, &value));
                let other = [&value[..], b"x"].concat();
                assert!(!verify_membership::<HostFunctionsManager>(&proof, &spec, &root, &tree_key, &other));
                kinds[0] += 1;
            } else {
                assert!(verify_non_membership::<HostFunctionsManager>(&proof, &spec, &root, &tree_key));
                assert!(!verify_non_membership::<HostFunctionsManager>(&proof, &spec, &[1; 32].to_vec(), &tree_key));
                kinds[1] += 1;
            }
        }
    }
    assert!(kinds.iter().all(|count| *count > 500), "{kinds:?}");
    let old = ics23_proof(&chain.store, BOOKS, &account("books"), &key([1]), 3).unwrap();
    assert_eq!(old, None);
    let empty = ics23_proof(&chain.store, LedgerId(2), &account("books"), &key([1]), 0).unwrap();
    assert_eq!(empty, None);
}

#[test]
// A figure for people: measured with a clock, asserted by none.
#[allow(clippy::disallowed_types, clippy::disallowed_methods, clippy::print_stdout)]
fn size_and_cost_of_a_proof() {
    use std::time::Instant;
    for suite in [Suite::Standard, Suite::Guomi] {
        let mut chain = Chain::new(suite);
        let delta = chain.block(|state| {
            for number in 0..50_000u32 {
                state.put(&place(number.to_be_bytes()), plain([7; 64])).unwrap();
            }
        });
        let root = delta.ledgers[1].state_root;
        let started = Instant::now();
        let proofs: Vec<_> = (0..1_000u32)
            .map(|number| {
                let key = key((number * 50).to_be_bytes());
                (state_proof(&chain.store, suite, BOOKS, &account("books"), &key, 1).unwrap().unwrap(), key)
            })
            .collect();
        let made = started.elapsed();
        let started = Instant::now();
        for (proof, key) in &proofs {
            assert!(matches!(proof.verify(suite, &account("books"), key, &root), Ok(VerifiedState::Present(_))));
        }
        let bytes: usize = proofs.iter().map(|(proof, _)| encode(proof).len()).sum();
        println!(
            "{suite}: a proof among 50,000 keys has {} bytes, is made in {:.1} µs and verified in {:.1} µs",
            bytes / 1_000,
            made.as_micros() as f64 / 1_000.0,
            started.elapsed().as_micros() as f64 / 1_000.0
        );
    }
}
