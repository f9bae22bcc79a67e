//! Every scenario that ships, under several seeds: no property breaks, and what its file expects comes true.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]
// A test may say how far it went.
#![allow(clippy::print_stdout)]

use simulator::property::name_in;
use simulator::scenario::{EXPECTATIONS, Expect, PROPERTIES, Row, Scenario};
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
        scenario.rows(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
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
        let trial = trial::run_caught(name, &scenario, &rows, seed, None, None);
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
        assert!(!["never ordered", "refused"].iter().any(|end| trial.ends.contains_key(end)), "{:?}", trial.ends);
        let told = trial.properties.iter().find(|line| line.starts_with("A5 liveness after faults")).unwrap();
        assert!(told.ends_with("submitted again") && !told.ends_with(" 0 submitted again"), "{told}");
    }
}

/// Every scenario with proposals; what else it is there for, its file expects.
fn asks_something(trial: &Trial) {
    assert!(trial.submitted > 0 && !trial.chronicle.coverage.is_empty());
    for step in &trial.chronicle.coverage {
        assert!(Expect::knows_step(*step), "no scenario could expect {step:?}");
    }
}

macro_rules! scenarios {
    ($($test:ident: $name:literal, $seeds:literal;)*) => {
        $(#[test]
        fn $test() {
            run($name, $seeds, asks_something);
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
            run.extend(["at-rest", "chaos-byzantine", "quiet", "split-subchain"]);
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
    flights_day: "flights-day", 3;
    leader_crash_storm: "leader-crash-storm", 3;
    flapping_partition: "flapping-partition", 3;
    courier_outage: "courier-outage", 3;
    disk_full: "disk-full", 3;
    failing_disks: "failing-disks", 3;
    rolling_restart: "rolling-restart", 3;
    hot_account: "hot-account", 3;
    blackout: "blackout", 3;
    lost_disks: "lost-disks", 3;
    bad_clocks: "bad-clocks", 3;
    stopped_subchain: "stopped-subchain", 3;
    two_suites: "two-suites", 3;
    three_continents: "three-continents", 3;
    thin_links: "thin-links", 3;
    chaos: "chaos", 3;
    byzantine_validators: "byzantine-validators", 3;
    byzantine_subchain: "byzantine-subchain", 3;
    dishonest_couriers: "dishonest-couriers", 3;
    lock_grabbers: "lock-grabbers", 3;
    stolen_keys: "stolen-keys", 3;
    validator_hand_off: "validator-hand-off", 3;
    restored_subchain: "restored-subchain", 3;
    restored_relay: "restored-relay", 3;
    chaos_restored: "chaos-restored", 3;
}

#[test]
fn chaos_byzantine() {
    run("chaos-byzantine", 3, |trial| {
        asks_something(trial);
        assert!(trial.misdeeds.len() >= 8, "{:?}", trial.misdeeds);
    });
}

/// Seeds of the scenarios that take less than a second of CPU time.
const MANY: u64 = 100;

/// Under many seeds, in four parts.
macro_rules! in_four_parts {
    ($($name:literal, [$($test:ident: $part:literal),*];)*) => {
        $($(#[test]
        fn $test() {
            run_part($name, MANY, ($part, 4), asks_something);
        })*)*
    };
}

in_four_parts! {
    "quiet", [
        quiet_first_quarter: 0, quiet_second_quarter: 1, quiet_third_quarter: 2, quiet_fourth_quarter: 3
    ];
    "split-subchain", [
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
    assert_eq!(trial.ends.get("committing"), None);
}

#[test]
fn one_seed_gives_one_trace() {
    let (scenario, rows) = load("chaos");
    let hash = || trial::run("chaos", &scenario, &rows, Seed(7), None).trace_hash;
    assert_eq!(hash(), hash());
}

/// `quiet` with more keys, which come before its tables and after them.
fn quiet_with(before: &str, after: &str) -> Trial {
    let text = std::fs::read_to_string(folder().join("quiet.toml")).unwrap();
    let text = text.split("[expect]").next().unwrap();
    let scenario = Scenario::parse(&format!("{before}\n{text}\n{after}")).unwrap();
    trial::run("quiet", &scenario, &[], Seed(1), None)
}

#[test]
fn a_missed_expectation_breaks_the_trial_with_both_facts() {
    let missed = [
        ("committed = 21", "at least 21 proposals are committed", "of 20 proposals 20 are"),
        ("aborted_at_least = 1", "at least 1 proposals are aborted", "of 20 proposals 0 are"),
        ("frozen = [\"chain-1\"]", "the relay has frozen [\"chain-1\"]", "it has frozen []"),
        (
            "reaches = [\"leg on its subchain: none -> tombstone\"]",
            "the step \"leg on its subchain: none -> tombstone\" is taken",
            "leg on its subchain: none -> locked",
        ),
        ("misdeeds = [\"amnesiac\"]", "an actor does \"amnesiac\"", "they do {}"),
    ];
    for (expect, first, second) in missed {
        let failure = quiet_with("", &format!("[expect]\n{expect}")).failure.unwrap();
        assert_eq!(failure.property, EXPECTATIONS);
        assert!(failure.contradiction.first.contains(first), "{:?}", failure.contradiction);
        assert!(failure.contradiction.second.contains(second), "{:?}", failure.contradiction);
    }
    let none =
        Scenario::parse("length_ms = 1000\n[workload]\nproposals_per_s = 0\n[expect]\ncommitted = \"all\"").unwrap();
    let failure = trial::run("none", &none, &[], Seed(1), None).failure.unwrap();
    assert_eq!(failure.property, EXPECTATIONS, "nothing was asked");
    assert!(quiet_with("", "[expect]\ncommitted = 20\nfrozen = []").failure.is_none());
}

#[test]
fn properties_that_a_scenario_leaves_out_are_not_checked_and_named() {
    let seen = |trial: &Trial| -> Vec<String> {
        // The rules of the proposal protocol have a line each, and are one property.
        let lines = trial.properties.iter().filter(|line| !line.contains(": judged "));
        let names = lines.map(|line| name_in(line).to_owned());
        names.inspect(|name| assert!(PROPERTIES.contains(&name.as_str()), "a scenario cannot name {name}")).collect()
    };
    let all = quiet_with("", "");
    assert_eq!(seen(&all).len(), PROPERTIES.len(), "{:?}", all.properties);
    assert!(all.left_out.is_empty());
    let few = quiet_with("properties = [\"agreement\", \"conservation\"]", "");
    assert_eq!(seen(&few), ["agreement", "conservation"]);
    assert_eq!(few.left_out.len(), PROPERTIES.len() - 2);
    assert!(few.failure.is_none() && few.trace_hash == all.trace_hash, "watching changes nothing");
}

/// `hot_per_mille` did nothing to transfers, and nothing ever waited in the queue of the default workload.
#[test]
fn hot_transfers_wait_for_each_other() {
    let text = "length_ms = 6000\n[network]\nsubchains = 3\n[workload]\nproposals_per_s = 3\nhot_per_mille = 1000\n\
                [expect]\ncommitted = \"all\"\nreaches = [\"proposal: none -> queued\"]";
    let trial = trial::run("hot", &Scenario::parse(text).unwrap(), &[], Seed(1), None);
    assert!(trial.failure.is_none(), "{:?}", trial.failure);
}

#[test]
fn what_is_taken_back_or_waits_too_long_does_not_commit() {
    let text = "length_ms = 8000\n[network]\nsubchains = 3\n[workload]\nproposals_per_s = 4\nhot_per_mille = 700\n\
                read_per_mille = 400\nprefix_per_mille = 200\nshared_per_mille = 400\ncancel_per_mille = 300\n\
                valid_blocks = 12\n[expect]\ncommitted = 1\nrejected_at_least = 2\n\
                reaches = [\"proposal: queued -> rejected\", \"proposal: preparing -> aborting\"]";
    let trial = trial::run("taken back", &Scenario::parse(text).unwrap(), &[], Seed(1), None);
    assert!(trial.failure.is_none(), "{:?}", trial.failure);
}
