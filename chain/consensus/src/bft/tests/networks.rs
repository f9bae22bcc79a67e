//! Whole networks without crashes: sizes, suites, the dead, loss, late joiners, and one trace per seed.

use super::world::{Outcome, Scenario, run};
use ledger_protocol::Suite;

#[track_caller]
fn clean(scenario: &Scenario) -> Outcome {
    let outcome = run(scenario);
    assert_eq!(outcome.faults, [""; 0], "{scenario:?}");
    outcome
}

#[test]
fn one_validator_alone_commits() {
    let outcome = clean(&Scenario { powers: vec![1], target: 20, ..Scenario::smooth(1) });
    assert_eq!((outcome.commits, outcome.max_round), (20, 0));
}

#[test]
fn four_validators_commit_in_round_zero() {
    let outcome = clean(&Scenario { target: 20, ..Scenario::smooth(1) });
    assert_eq!(outcome.max_round, 0);
    assert_eq!(outcome.dropped, 0);
    assert!(10 * outcome.barriers < 36 * outcome.commits, "{} barriers for {}", outcome.barriers, outcome.commits);
}

#[test]
fn guomi_chains_commit_too() {
    clean(&Scenario { suite: Suite::Guomi, target: 20, ..Scenario::smooth(1) });
}

#[test]
fn one_dead_of_four_does_not_stop_the_others() {
    for dead in 0..4 {
        let outcome = clean(&Scenario { dead: vec![dead], target: 20, ..Scenario::smooth(3) });
        assert_eq!(outcome.max_round, 1, "the proposer order moves the dead one back after its first absence");
    }
}

#[test]
fn two_dead_of_four_stop_the_others_without_harm() {
    let outcome = run(&Scenario { dead: vec![1, 2], cap_ms: 5_000, ..Scenario::smooth(3) });
    assert_eq!(outcome.commits, 0);
    assert!(outcome.faults.iter().all(|fault| fault.contains("stuck")), "{:?}", outcome.faults);
}

#[test]
fn power_counts_and_not_heads() {
    clean(&Scenario { powers: vec![1, 1, 1, 7], dead: vec![0, 1, 2], target: 10, ..Scenario::smooth(5) });
    let outcome = run(&Scenario { powers: vec![1, 1, 1, 7], dead: vec![3], cap_ms: 3_000, ..Scenario::smooth(5) });
    assert_eq!(outcome.commits, 0);
    clean(&Scenario { powers: vec![5, 1, 4, 2, 3, 2, 4], dead: vec![2], target: 10, ..Scenario::lossy(5) });
}

#[test]
fn lost_messages_and_late_blocks_cost_time_only() {
    let mut rounds = 0;
    let mut reproposals = 0;
    for seed in 1..=20 {
        let outcome = clean(&Scenario { target: 10, ..Scenario::lossy(seed) });
        rounds = rounds.max(outcome.max_round);
        reproposals += outcome.reproposals;
    }
    assert!(rounds >= 2 && reproposals > 0, "the history is too tame: round {rounds}, {reproposals} re-proposals");
}

#[test]
fn rounds_far_beyond_the_tenth_still_end() {
    for seed in 1..=4 {
        clean(&Scenario { loss_percent: 45, target: 3, cap_ms: 600_000, ..Scenario::lossy(seed) });
    }
}

#[test]
fn a_late_validator_joins_by_certified_blocks() {
    let outcome = clean(&Scenario { late: Some((3, 1_500)), target: 30, ..Scenario::smooth(2) });
    assert!(outcome.synced >= 10, "{}", outcome.synced);
}

#[test]
fn who_finds_every_block_untimely_still_follows() {
    let outcome = clean(&Scenario { refuses: Some(2), target: 20, ..Scenario::smooth(6) });
    assert!(outcome.synced >= 10, "{}", outcome.synced);
}

#[test]
fn seven_and_ten_validators_commit() {
    for count in [7, 10] {
        clean(&Scenario { powers: vec![1; count], dead: vec![0, 1], target: 6, ..Scenario::lossy(count as u64) });
    }
}

#[test]
fn one_seed_has_one_trace() {
    for scenario in [Scenario::smooth(7), Scenario::lossy(7)] {
        let first = run(&scenario);
        assert_eq!(first, run(&scenario));
        let other = run(&Scenario { seed: 8, ..scenario });
        assert_ne!(first.trace, other.trace);
    }
}
