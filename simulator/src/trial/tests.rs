//! What a trial waits for at its end, and what it does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;

fn trial(text: &str) -> Trial {
    let scenario = Scenario::parse(text).unwrap();
    run("settling", &scenario, &[], Seed(1), None)
}

/// A fork is seen in the last moments and shown to the relay long after all proposals are over.
#[test]
fn a_fork_that_is_reported_late_is_waited_for() {
    let trial = trial(
        r#"
        length_ms = 6_000
        [network]
        subchains = 3
        [workload]
        proposals_per_s = 2
        [[actor]]
        kind = "bad-subchain"
        chain = "chain-2"
        ways = ["fork"]
        from_ms = 4_000
        reported_after_ms = 60_000
        "#,
    );
    assert!(trial.failure.is_none(), "{:?}", trial.failure);
    assert_eq!(trial.frozen, ["chain-2"]);
}

/// The relay and a bad chain go back to their backups. The relay is healed without the bad chain, which nobody heals.
#[test]
fn nobody_waits_for_a_bad_chain_to_be_healed() {
    for target in ["{ whole-subchain = \"chain-2\" }", "\"whole-relay\""] {
        let trial = trial(&format!(
            r#"
            length_ms = 16_000
            [network]
            subchains = 3
            [workload]
            proposals_per_s = 2
            [[actor]]
            kind = "bad-subchain"
            chain = "chain-2"
            ways = ["never-apply"]
            from_ms = 1_000
            [[fault]]
            kind = "restore-backup"
            target = {target}
            at_ms = 8_000
            backup_age_ms = 3_000
            for_ms = 1_000
            "#
        ));
        assert!(trial.failure.is_none(), "{target}: {:?}", trial.failure);
        assert_eq!(trial.strikes.len(), 1, "{target}");
    }
}

/// A restoration that lasts until after the end of the faults: its people come after the processes are back, not when
/// it would have ended.
#[test]
fn people_come_when_the_processes_are_back() {
    let trial = trial(
        r#"
        length_ms = 10_000
        settle_ms = 100_000
        [network]
        subchains = 2
        [workload]
        proposals_per_s = 2
        [[fault]]
        kind = "restore-backup"
        target = { whole-subchain = "chain-1" }
        at_ms = 8_000
        backup_age_ms = 3_000
        for_ms = 1_000_000
        "#,
    );
    assert!(trial.failure.is_none(), "{:?}", trial.failure);
}

/// Too little time for everything: whoever is asked for is judged, whatever else is late.
#[test]
fn a_property_that_is_asked_for_is_judged_beside_others_that_are_late() {
    let late = |rest: &str| {
        let text = "length_ms = 2_000\nsettle_ms = 1_000\nproperties = [\"every chain goes on\"]\n[network]\n\
                    latency = \"three-continents\"\n[workload]\n";
        trial(&format!("{text}{rest}"))
    };
    for rest in ["proposals_per_s = 0", "proposals_per_s = 4"] {
        let trial = late(rest);
        let failure = trial.failure.expect("a probe takes longer than a second there");
        assert_eq!(failure.property, "every chain goes on", "{rest}");
        assert!(!trial.properties.iter().any(|line| line.contains("probes")), "{:?}", trial.properties);
    }
}

#[test]
fn what_nobody_asks_for_does_not_end_a_trial_and_not_keep_it_waiting() {
    let text = "length_ms = 2_000\nsettle_ms = 1_000\nproperties = [\"agreement\", \"conservation\"]\n[network]\n\
                latency = \"three-continents\"\n[workload]\nproposals_per_s = 4";
    let trial = trial(text);
    assert!(trial.failure.is_none(), "{:?}", trial.failure);
    let seen: Vec<&str> = trial.properties.iter().map(|line| property::name_in(line)).collect();
    assert_eq!(seen, ["agreement", "conservation"]);
    assert!(trial.virtual_ms < trial.work_began_ms + 20_000, "{} ms", trial.virtual_ms);
}

#[test]
fn a_network_that_is_too_bad_to_start_is_named() {
    let trial = trial("length_ms = 1_000\n[network]\nskew_ms = 60_000");
    let failure = trial.failure.expect("no clock is near another");
    assert_eq!(failure.property, STARTED);
    assert!(failure.contradiction.first.contains("network that is good enough"), "{:?}", failure.contradiction);
}
