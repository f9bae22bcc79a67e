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
