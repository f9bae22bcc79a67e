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

/// Whose traces are in the file of all builds.
const GOLDEN: Seed = Seed(1);

/// The line of `scripts/trace-hashes` for a trial.
fn line(name: &str, trial: &Trial) -> String {
    format!("{name} {} {} {}", trial.seed, trial.trace_hash, trial.events)
}

/// Runs a scenario under the first `count` seeds and looks at every trial.
fn run(name: &str, count: u64, look: impl Fn(&Trial)) {
    run_part(name, count, (0, 1), look);
}

/// Runs one of several equal parts of the seeds, so that the test runner can spread them over the cores.
fn run_part(name: &str, count: u64, (part, parts): (usize, usize), look: impl Fn(&Trial)) {
    let (scenario, rows) = load(name);
    let mut golden = None;
    for seed in seeds(count).into_iter().skip(part).step_by(parts) {
        let trial = trial::run(name, &scenario, &rows, seed, None);
        if let Some(failure) = &trial.failure {
            panic!("{failure}\nreplay: crosstie sim replay tests/scenarios/{name}.toml --seed {seed}");
        }
        println!("{name}, seed {seed}: {:?}, {} strikes, {} events", trial.ends, trial.strikes.len(), trial.events);
        println!("  {:?}, frozen {:?}", trial.misdeeds, trial.frozen);
        look(&trial);
        if seed == GOLDEN {
            golden = Some(line(name, &trial));
        }
    }
    // Last, so that a broken property is told first.
    if let Some(line) = golden {
        let file = std::fs::read_to_string(folder().join("trace-hashes.txt")).expect("the file of traces ships");
        assert!(
            file.lines().any(|known| known == line),
            "this is not the trace that other builds gave:\n  {line}\nIf it is meant to change: scripts/trace-hashes --write"
        );
    }
}

/// All validators of the relay lose their power again and again, and with it the pools that took proposals: their
/// clients submit them again, so that none is left without an order or a refusal.
#[test]
fn a_proposal_that_was_lost_with_its_pool_is_submitted_again() {
    let text = r#"
        length_ms = 12_000
        [network]
        subchains = 2
        [workload]
        proposals_per_s = 10
        [[fault]]
        kind = "power-cut"
        target = "whole-relay"
        every_ms = 1_500
        for_ms = 700
    "#;
    let scenario = Scenario::parse(text).unwrap();
    let name = "a_proposal_that_was_lost_with_its_pool_is_submitted_again";
    for seed in seeds(3) {
        let trial = trial::run(name, &scenario, &[], seed, None);
        assert!(trial.failure.is_none(), "{:?}", trial.failure);
        assert_eq!(ended(&trial, "never ordered") + ended(&trial, "refused"), 0, "{:?}", trial.ends);
        let told = trial.properties.iter().find(|line| line.starts_with("A5 liveness after faults")).unwrap();
        assert!(told.ends_with("submitted again") && !told.ends_with(" 0 submitted again"), "{told}");
    }
}

fn asks_something(trial: &Trial) {
    assert!(trial.submitted > 0 && !trial.chronicle.coverage.is_empty());
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

/// A step of a state table was taken, to this state.
fn came_to(trial: &Trial, place: &str, state: &str) {
    let steps = &trial.chronicle.coverage;
    assert!(steps.iter().any(|(at, _, to)| (*at, *to) == (place, state)), "no {place} is {state}: {steps:?}");
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
            run($name, $seeds, |trial| {
                asks_something(trial);
                let look: fn(&Trial) = $look;
                look(trial);
            });
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
            run.extend(["at-rest", "quiet", "split-subchain"]);
            run.sort_unstable();
            assert_eq!(ships, run);
            let file = std::fs::read_to_string(folder().join("trace-hashes.txt")).expect("the file of traces ships");
            let mut known: Vec<&str> = file.lines().filter_map(|line| line.split(' ').next()).collect();
            known.sort_unstable();
            assert_eq!(known, run, "run scripts/trace-hashes --write");
        }
    };
}

scenarios! {
    flights_day: "flights-day", 3, all_commit;
    leader_crash_storm: "leader-crash-storm", 3, some_commit;
    flapping_partition: "flapping-partition", 3, some_commit;
    courier_outage: "courier-outage", 3, |trial| {
        some_commit(trial);
        assert!(ended(trial, "aborted") > 0, "nothing waited too long: {:?}", trial.ends);
    };
    disk_full: "disk-full", 3, some_commit;
    failing_disks: "failing-disks", 3, some_commit;
    rolling_restart: "rolling-restart", 3, some_commit;
    hot_account: "hot-account", 3, all_commit;
    blackout: "blackout", 3, some_commit;
    lost_disks: "lost-disks", 3, some_commit;
    bad_clocks: "bad-clocks", 3, some_commit;
    stopped_subchain: "stopped-subchain", 3, |trial| {
        some_commit(trial);
        assert!(ended(trial, "aborted") > 0, "nobody named the stopped chain: {:?}", trial.ends);
    };
    two_suites: "two-suites", 3, all_commit;
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
    restored_subchain: "restored-subchain", 2, |trial| {
        some_commit(trial);
        came_to(trial, "leg on its subchain", "disputed");
    };
    restored_relay: "restored-relay", 2, |trial| {
        some_commit(trial);
        assert!(ended(trial, "lost") > 0, "nothing was lost: {:?}", trial.ends);
    };
    chaos_restored: "chaos-restored", 2, some_commit;
    chaos_byzantine: "chaos-byzantine", 3, |trial| {
        some_commit(trial);
        assert!(trial.misdeeds.len() >= 8, "{:?}", trial.misdeeds);
    };
}

/// Seeds of the scenarios that take less than a second of CPU time.
const MANY: u64 = 100;

/// Under many seeds, in four parts.
macro_rules! in_four_parts {
    ($($name:literal, $look:expr, [$($test:ident: $part:literal),*];)*) => {
        $($(#[test]
        fn $test() {
            run_part($name, MANY, ($part, 4), |trial| {
                asks_something(trial);
                let look: fn(&Trial) = $look;
                look(trial);
            });
        })*)*
    };
}

in_four_parts! {
    "quiet", all_commit, [
        quiet_first_quarter: 0, quiet_second_quarter: 1, quiet_third_quarter: 2, quiet_fourth_quarter: 3
    ];
    "split-subchain", |trial| {
        all_did(trial, &["bad-subchain: split"]);
        let honest: usize = trial.honest_ends.values().sum();
        assert!(honest > 0 && trial.honest_ends.get("committed") == Some(&honest), "{:?}", trial.honest_ends);
    }, [
        split_subchain_first_quarter: 0, split_subchain_second_quarter: 1,
        split_subchain_third_quarter: 2, split_subchain_fourth_quarter: 3
    ];
}

#[test]
fn at_rest() {
    run("at-rest", 3, |trial| {
        assert_eq!(trial.submitted, 0);
        // An hour of virtual time, a block every five seconds, some thirty events each for every validator.
        assert!(trial.virtual_ms >= 3_600_000 && trial.events < 130_000, "{} events", trial.events);
    });
}

/// A forged stand-in fails as a forged signature does: see the suite's own tests. Here: nothing else changes.
#[cfg(feature = "stand-in-signatures")]
#[test]
fn stand_in_signatures_break_nothing_and_the_trial_says_so() {
    let (mut scenario, rows) = load("chaos-byzantine");
    scenario.signatures = simulator::scenario::Signatures::StandIn;
    let trial = trial::run("chaos-byzantine", &scenario, &rows, Seed(1), None);
    assert!(trial.failure.is_none(), "{:?}", trial.failure);
    assert_eq!(trial.signatures.name(), "stand-in");
}

#[cfg(not(feature = "stand-in-signatures"))]
#[test]
fn a_build_without_stand_in_signatures_refuses_them_with_the_line_that_builds_one() {
    let text = std::fs::read_to_string(folder().join("quiet.toml")).unwrap();
    let error = Scenario::parse(&format!("signatures = \"stand-in\"\n{text}")).unwrap_err().to_string();
    assert!(error.contains("--features stand-in-signatures"), "{error}");
    assert!(Scenario::parse(&format!("signatures = \"real\"\n{text}")).is_ok());
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
