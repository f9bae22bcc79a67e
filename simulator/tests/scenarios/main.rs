//! Every scenario that ships, under several seeds: no property breaks, and every one does what it is there for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]
// A test may say how far it went.
#![allow(clippy::print_stdout)]

use simulator::scenario::{Row, Scenario};
use simulator::trial::{self, Trial};
use simulator::{Seed, seeds};
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/scenarios"))
}

fn load(name: &str) -> (Scenario, Vec<Row>) {
    let text = std::fs::read_to_string(folder().join(format!("{name}.toml"))).expect("the scenario ships");
    let scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let rows = scenario.workload.file.as_ref().map_or_else(Vec::new, |file| {
        let text = std::fs::read_to_string(folder().join(file)).expect("its data ships");
        scenario.workload.rows(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    });
    (scenario, rows)
}

/// Runs a scenario under the first `count` seeds and looks at every trial.
fn run(name: &str, count: u64, look: impl Fn(&Trial)) {
    let (scenario, rows) = load(name);
    for seed in seeds(count) {
        let trial = trial::run(name, &scenario, &rows, seed, None);
        if let Some(failure) = &trial.failure {
            panic!("{failure}\nreplay: crosstie sim replay tests/scenarios/{name}.toml --seed {seed}");
        }
        println!("{name}, seed {seed}: {:?}, {} strikes, {} events", trial.ends, trial.strikes.len(), trial.events);
        println!("  {:?}, frozen {:?}", trial.misdeeds, trial.frozen);
        assert!(trial.submitted > 0 && !trial.chronicle.coverage.is_empty());
        look(&trial);
    }
}

fn ended(trial: &Trial, end: &str) -> usize {
    trial.ends.get(end).copied().unwrap_or(0)
}

fn all_commit(trial: &Trial) {
    assert_eq!(ended(trial, "committed"), trial.submitted, "{:?}", trial.ends);
}

fn some_commit(trial: &Trial) {
    assert!(ended(trial, "committed") > 0, "{:?}", trial.ends);
}

/// Every actor did this.
fn all_did(trial: &Trial, deeds: &[&str]) {
    for deed in deeds {
        assert!(trial.misdeeds.contains_key(*deed), "nobody did {deed}: {:?}", trial.misdeeds);
    }
}

macro_rules! scenarios {
    ($($test:ident: $name:literal, $seeds:literal, $look:expr;)*) => {
        $(#[test]
        fn $test() {
            run($name, $seeds, $look);
        })*

        #[test]
        fn every_scenario_that_ships_is_run_here() {
            let mut ships: Vec<String> = std::fs::read_dir(folder())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
                .collect();
            ships.sort();
            let mut run = vec![$($name),*];
            run.sort_unstable();
            assert_eq!(ships, run);
        }
    };
}

scenarios! {
    quiet: "quiet", 3, all_commit;
    flights_day: "flights-day", 1, all_commit;
    leader_crash_storm: "leader-crash-storm", 3, some_commit;
    flapping_partition: "flapping-partition", 3, some_commit;
    courier_outage: "courier-outage", 3, |trial| {
        some_commit(trial);
        assert!(ended(trial, "aborted") > 0, "nothing waited too long: {:?}", trial.ends);
    };
    disk_full: "disk-full", 3, some_commit;
    rolling_restart: "rolling-restart", 3, some_commit;
    hot_account: "hot-account", 3, all_commit;
    blackout: "blackout", 3, some_commit;
    lost_disks: "lost-disks", 3, some_commit;
    bad_clocks: "bad-clocks", 3, some_commit;
    stopped_subchain: "stopped-subchain", 3, |trial| {
        some_commit(trial);
        assert!(ended(trial, "aborted") > 0, "nobody named the stopped chain: {:?}", trial.ends);
    };
    two_suites: "two-suites", 1, all_commit;
    three_continents: "three-continents", 3, some_commit;
    chaos: "chaos", 3, some_commit;
    byzantine_validators: "byzantine-validators", 3, |trial| {
        some_commit(trial);
        all_did(trial, &["equivocating-proposer", "double-voter: conflicting", "double-voter: in-others-names"]);
        all_did(trial, &["withholder: votes", "amnesiac", "garbage-sender: random", "replayer: other-chains"]);
    };
    byzantine_subchain: "byzantine-subchain", 3, |trial| {
        all_did(trial, &["bad-subchain: fork", "bad-subchain: contradict", "bad-subchain: never-apply"]);
        assert!(trial.frozen.iter().any(|name| name == "chain-3"), "forked and not frozen: {:?}", trial.frozen);
        assert!(trial.frozen.iter().any(|name| name == "chain-4"), "contradicted and not frozen: {:?}", trial.frozen);
        assert!(!["chain-0", "chain-1", "chain-2"].iter().any(|name| trial.frozen.iter().any(|it| it == name)));
        // A6: who is not named is not hurt.
        let honest: usize = trial.honest_ends.values().sum();
        assert!(honest > 0 && trial.honest_ends.get("committed") == Some(&honest), "{:?}", trial.honest_ends);
    };
    split_subchain: "split-subchain", 3, |trial| {
        all_did(trial, &["bad-subchain: split"]);
        let honest: usize = trial.honest_ends.values().sum();
        assert!(honest > 0 && trial.honest_ends.get("committed") == Some(&honest), "{:?}", trial.honest_ends);
    };
    dishonest_couriers: "dishonest-couriers", 3, |trial| {
        some_commit(trial);
        for way in ["reorder", "skip", "cut", "minimal", "forge", "withhold"] {
            all_did(trial, &[&format!("dishonest-courier: {way}")]);
        }
    };
    lock_grabbers: "lock-grabbers", 3, |trial| {
        some_commit(trial);
        all_did(trial, &["lock-grabber: time-out", "lock-grabber: cancel"]);
        assert!(ended(trial, "aborted") > 0, "nothing was grabbed: {:?}", trial.ends);
    };
    validator_hand_off: "validator-hand-off", 3, some_commit;
    chaos_byzantine: "chaos-byzantine", 3, |trial| {
        some_commit(trial);
        assert!(trial.misdeeds.len() >= 8, "{:?}", trial.misdeeds);
    };
}

/// A Submit that waited in a pool until all the others were over was not waited for.
#[test]
fn a_proposal_that_is_ordered_last_of_all_is_waited_for_too() {
    let (scenario, rows) = load("flapping-partition");
    let trial = trial::run("flapping-partition", &scenario, &rows, Seed(7), None);
    assert!(trial.failure.is_none(), "{:?}", trial.failure);
    assert_eq!(ended(&trial, "committing"), 0);
}

#[test]
fn one_seed_gives_one_trace() {
    let (scenario, rows) = load("chaos");
    let hash = || trial::run("chaos", &scenario, &rows, Seed(7), None).trace_hash;
    assert_eq!(hash(), hash());
}
