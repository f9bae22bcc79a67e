//! Every process of every chain is killed at once under load; what was final stays, nothing is doubled.

use super::reading::{Validator, best, level, validators};
use super::running::{Network, PATIENCE, Proposal, eventually, run};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SUBCHAINS: [&str; 2] = ["subchain-1", "subchain-2"];
/// Rows of the file that is loaded meanwhile.
const ROWS: usize = 20_000;
/// What every chain, and the relay, must have told before the kill.
const TOLD: usize = 8;

/// What clients did and were told.
#[derive(Default)]
struct Told {
    /// Chain and key of every write, and whether the client was told that it is final.
    writes: BTreeMap<(String, String), bool>,
    /// Every proposal, and whether its Submit was told to be final.
    proposals: Vec<(Proposal, bool)>,
}

impl Told {
    fn is_enough(&self) -> bool {
        let final_on = |chain: &str| self.writes.iter().filter(|((on, _), told)| on == chain && **told).count();
        SUBCHAINS.iter().all(|chain| final_on(chain) >= TOLD)
            && self.proposals.iter().filter(|(_, told)| *told).count() >= TOLD
    }
}

/// Writes keys one after the other until told to stop; every one is unique to this writer.
fn write(directory: &Path, chain: &str, writer: &str, told: &Mutex<Told>, stop: &AtomicBool) {
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let key = format!("{writer}-{number}");
        let (code, _) = run(directory, &["tx", "set", chain, "1", "book", &key, &key, "--wait-s", "20"]);
        told.lock().expect("no writer panics").writes.insert((chain.to_owned(), key), code == 0);
    }
}

/// Proposes over both subchains, one after the other, without waiting for what becomes of them.
fn propose(directory: &Path, writer: &str, told: &Mutex<Told>, stop: &AtomicBool) {
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("{writer}-{number}");
        let legs = SUBCHAINS.map(|chain| (chain, name.as_str(), name.as_str()));
        // Nobody answers once everything is killed; then the end is near.
        let Some(proposal) = Proposal::try_new(directory, &name, 300, &legs) else { continue };
        let code = run(directory, &["proposal", "submit", &proposal.file, "--wait-s", "20"]).0;
        told.lock().expect("no writer panics").proposals.push((proposal, code == 0));
    }
}

/// Stops the writers also when what they wait for fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A transaction in a file, so that the very same one can be sent again.
fn prepared(directory: &Path, chain: &str, key: &str) -> String {
    let file = directory.join(format!("{key}.transaction")).to_str().expect("a path in UTF-8").to_owned();
    assert_eq!(run(directory, &["tx", "set", chain, "1", "book", key, key, "--out", &file]).0, 0);
    file
}

fn is_over(view: &Value) -> bool {
    matches!(view["state"].as_str(), Some("committed" | "aborted" | "rejected"))
}

/// Waits for the end of a proposal at every validator of the relay, which must be the same; gives one's view.
fn end_of(relay: &[Validator], proposal: &Proposal) -> Value {
    let views: Vec<Value> = relay
        .iter()
        .map(|validator| {
            let what = format!("the end of {proposal:?} at {}", validator.node);
            eventually(&what, PATIENCE, || validator.proposal(&proposal.id).filter(is_over))
        })
        .collect();
    for view in &views {
        for field in ["state", "decision", "reason", "culprit", "decided_at", "legs"] {
            assert_eq!(view.get(field), views[0].get(field), "{field} of {proposal:?}");
        }
    }
    views.into_iter().next().unwrap_or_default()
}

/// Loads, kills everything, starts again and compares. `round` keeps keys of several rounds apart.
fn round(network: Network, round: usize) -> Network {
    let directory = network.directory.clone();
    let chains = SUBCHAINS.map(|chain| validators(&directory, chain));
    let relay = validators(&directory, "relay");
    let csv = directory.join(format!("rows-{round}.csv"));
    let rows: String = (0..ROWS).map(|row| format!("csv-{round}-{row},{row}\n")).collect();
    std::fs::write(&csv, format!("id,amount\n{rows}")).expect("a file");
    let csv = csv.to_str().expect("a path in UTF-8").to_owned();
    let load = ["load", csv.as_str(), "--chain", "subchain-2", "--account", "book", "--batch", "16"];
    let names: Vec<(&str, String)> =
        (0..4).map(|index| (SUBCHAINS[index % 2], format!("prepared-{round}-{index}"))).collect();
    let files: Vec<String> = names.iter().map(|(chain, key)| prepared(&directory, chain, key)).collect();

    let (told, stop) = (Mutex::new(Told::default()), AtomicBool::new(false));
    let (network, receipts, heights) = std::thread::scope(|scope| {
        let _stop = StopAtEnd(&stop);
        for (place, chain) in SUBCHAINS.into_iter().enumerate() {
            let (directory, told, stop) = (&directory, &told, &stop);
            for writer in 0..2 {
                let name = format!("tx-{round}-{place}-{writer}");
                scope.spawn(move || write(directory, chain, &name, told, stop));
            }
            scope.spawn(move || propose(directory, &format!("deal-{round}-{place}"), told, stop));
        }
        scope.spawn(|| {
            let (code, lines) = run(&directory, &load);
            eprintln!("the load that was under way: {code} {lines:?}");
        });
        eventually("enough is final", PATIENCE, || told.lock().expect("no writer panics").is_enough().then_some(()));
        // Two that are told to be final, two that were only accepted when the lights go out.
        let receipts: Vec<Value> =
            files[..2].iter().map(|file| network.ok(&["tx", "submit", file])["receipt"]["height"].clone()).collect();
        for file in &files[2..] {
            network.ok(&["tx", "submit", file, "--no-wait"]);
        }
        let heights = [best(&chains[0]), best(&chains[1]), best(&relay)];
        network.kill_all();
        stop.store(true, Ordering::Relaxed);
        // Clients that are still trying find the network again.
        (Network::up(&directory, &[]), receipts, heights)
    });
    let Told { writes, proposals } = told.into_inner().expect("no writer panics");
    let finals = writes.values().filter(|told| **told).count();
    eprintln!(
        "{finals} of {} writes and {} of {} proposals told final; heights at the kill {heights:?}",
        writes.len(),
        proposals.iter().filter(|(_, told)| *told).count(),
        proposals.len()
    );

    // The very same transactions and proposals again: nothing is done twice.
    for (place, file) in files.iter().enumerate() {
        let first = network.ok(&["tx", "submit", file, "--wait-s", "60"]);
        let second = network.ok(&["tx", "submit", file, "--wait-s", "60"]);
        assert_eq!(first["receipt"], second["receipt"]);
        if let Some(height) = receipts.get(place) {
            assert_eq!(&first["receipt"]["height"], height, "the receipt of before the kill");
        }
    }
    let (mut ends, mut again, mut caught): (BTreeMap<String, usize>, usize, usize) = Default::default();
    let mut committed = BTreeSet::new();
    for (proposal, told) in &proposals {
        let (code, lines) = proposal.submit(&directory);
        again += usize::from(code == 0);
        assert!(!(*told && code == 0), "{proposal:?} was known and is taken a second time: {lines:?}");
        let view = end_of(&relay, proposal);
        let end = view["state"].as_str().unwrap_or_default().to_owned();
        // The kill came between its Submit and its decision.
        caught += usize::from(
            view["submitted_at"].as_u64() <= Some(heights[2]) && view["decided_at"].as_u64() > Some(heights[2]),
        );
        if end == "committed" {
            committed.insert(proposal.id.clone());
        }
        *ends.entry(end).or_default() += 1;
    }
    eprintln!(
        "proposals ended {ends:?}; {caught} were open at the kill, {again} unknown and taken at the second attempt"
    );

    // The file again: every row is there once.
    let loaded = network.ok(&load);
    eprintln!("loaded again: {loaded}");
    assert_eq!((loaded["updated"].as_u64(), loaded["rows"].as_u64()), (Some(0), Some(ROWS as u64)));
    for validators in chains.iter().chain([&relay]) {
        level(validators, best(validators), PATIENCE);
    }

    // On every validator of every chain: all that was told final, at its first version, and every leg as decided.
    for (chain, validators) in SUBCHAINS.iter().zip(&chains) {
        for validator in validators {
            for ((_, key), told) in writes.iter().filter(|((on, _), _)| on == chain) {
                let versions = validator.versions(key);
                assert!(versions <= 1, "{key} is doubled on {}", validator.node);
                assert_eq!(validator.value(key).is_some(), versions == 1, "{key} on {}", validator.node);
                if *told {
                    assert_eq!(validator.value(key).as_ref(), Some(key), "final on {}", validator.node);
                }
            }
            for (_, key) in names.iter().filter(|(on, _)| on == chain) {
                assert_eq!(
                    (validator.value(key).as_ref(), validator.versions(key)),
                    (Some(key), 1),
                    "{}",
                    validator.node
                );
            }
            for (proposal, _) in &proposals {
                let (_, key, value) = proposal.legs.iter().find(|(on, ..)| on == chain).expect("a leg");
                let expected = committed.contains(&proposal.id).then_some(value);
                assert_eq!(validator.value(key).as_ref(), expected, "{proposal:?} on {}", validator.node);
                assert_eq!(
                    validator.versions(key),
                    usize::from(expected.is_some()),
                    "{proposal:?} on {}",
                    validator.node
                );
                assert_eq!(validator.pending(key), 0, "{proposal:?} on {}", validator.node);
            }
        }
    }
    for row in (0..ROWS).step_by(ROWS / 40) {
        for validator in &chains[1] {
            assert_eq!(validator.versions(&format!("csv-{round}-{row}")), 1, "row {row} on {}", validator.node);
        }
    }
    assert!(!committed.is_empty(), "some of them committed: {ends:?}");
    network
}

fn rounds(count: usize) {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("net");
    let arguments = ["--subchains", "2", "--validators", "4", "--suite", "mixed"];
    let mut network = Network::up(&directory, &arguments);
    for number in 0..count {
        network = round(network, number);
    }
    network.stop();
}

#[test]
fn process_all_killed_at_once_under_load_lose_nothing_final() {
    rounds(1);
}

/// For `scripts/soak`: the same, ten times on one network.
#[test]
#[ignore = "minutes: run by scripts/soak"]
fn process_all_killed_ten_times_lose_nothing_final() {
    rounds(10);
}

/// For `scripts/soak`: every validator of every chain in turn, killed and wiped, while clients write.
#[test]
#[ignore = "minutes: run by scripts/soak"]
fn process_every_validator_wiped_in_turn_holds_up_nobody() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("net");
    let arguments = ["--subchains", "2", "--validators", "4", "--suite", "mixed"];
    let mut network = Network::up(&directory, &arguments);
    let nodes: Vec<String> = network.pids.keys().cloned().collect();
    for (number, node) in nodes.iter().enumerate() {
        network.kill(node);
        if number % 2 == 0 {
            network.wipe(node);
        }
        for chain in SUBCHAINS {
            network.ok(&["tx", "set", chain, "1", "book", node, "written", "--wait-s", "100"]);
        }
        let legs = SUBCHAINS.map(|chain| (chain, format!("deal-{node}")));
        let legs: Vec<(&str, &str, &str)> = legs.iter().map(|(chain, key)| (*chain, key.as_str(), "1")).collect();
        Proposal::new(&directory, &format!("deal-{node}"), 300, &legs).commit(&directory);
        network.run_node(node);
        for chain in ["relay"].iter().chain(&SUBCHAINS) {
            let validators = validators(&directory, chain);
            level(&validators, best(&validators), Duration::from_secs(200));
        }
    }
    network.stop();
}
