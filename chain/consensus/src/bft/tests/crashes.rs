//! Power cuts and dying processes at the points of a history: nothing is signed twice, nothing forks, nobody is stuck.
//!
//! The default tests enumerate every point of a short history. The ignored ones are the long sweeps
//! (`cargo nextest run --run-ignored only`); they print what they counted.
#![allow(clippy::print_stdout)]

use super::world::{Host, Outcome, Scenario, Tail, Who, run};

/// Runs a scenario once per crash point, on two threads, and adds up.
fn sweep(name: &str, scenario: &Scenario, step: usize, second_within: u64) -> Outcome {
    let points = run(&Scenario { plan: Vec::new(), ..scenario.clone() }).points;
    let one = |point: u64| {
        let mut plan = vec![point];
        if second_within > 0 {
            plan.push(point + 1 + point * 7_919 % second_within);
        }
        let planned = Scenario { plan, ..scenario.clone() };
        let outcome = run(&planned);
        assert_eq!(outcome.faults, [""; 0], "{name}: {planned:?}");
        outcome
    };
    let half = |first: u64| {
        let mut sum = Outcome::default();
        let mut runs = 0u64;
        for point in (first..=points).step_by(2 * step) {
            let outcome = one(point);
            runs += 1;
            sum.crashes += outcome.crashes;
            sum.restarts += outcome.restarts;
            sum.replayed += outcome.replayed;
            sum.commits += outcome.commits;
            sum.synced += outcome.synced;
            sum.signed += outcome.signed;
            sum.unseen += outcome.unseen;
            sum.reproposals += outcome.reproposals;
            sum.max_round = sum.max_round.max(outcome.max_round);
        }
        (runs, sum)
    };
    let ((runs_a, a), (runs_b, b)) = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1 + step as u64));
        let mine = half(1);
        (mine, other.join().unwrap())
    });
    let sum = Outcome {
        points,
        crashes: a.crashes + b.crashes,
        restarts: a.restarts + b.restarts,
        replayed: a.replayed + b.replayed,
        commits: a.commits + b.commits,
        synced: a.synced + b.synced,
        signed: a.signed + b.signed,
        unseen: a.unseen + b.unseen,
        reproposals: a.reproposals + b.reproposals,
        max_round: a.max_round.max(b.max_round),
        ..Outcome::default()
    };
    println!(
        "{name}: {points} points, {} runs, {} crashes, {} restarts, {} entries replayed, {} commits, {} signed places, \
         {} signatures lost unseen, {} blocks offered by sync, {} re-proposals, highest round {}",
        runs_a + runs_b,
        sum.crashes,
        sum.restarts,
        sum.replayed,
        sum.commits,
        sum.signed,
        sum.unseen,
        sum.synced,
        sum.reproposals,
        sum.max_round
    );
    assert!(sum.crashes >= runs_a + runs_b, "some runs never reached their point");
    sum
}

fn short() -> Scenario {
    Scenario { target: 2, ..Scenario::smooth(1) }
}

#[test]
fn one_validator_dies_at_every_point_of_a_short_history() {
    sweep("short/one/lost", &Scenario { who: Who::Executing, ..short() }, 1, 0);
}

#[test]
fn all_validators_die_at_every_point_of_a_short_history() {
    sweep("short/all/lost", &Scenario { who: Who::All, ..short() }, 1, 0);
}

#[test]
fn processes_die_and_then_the_power_fails() {
    let tails = vec![Tail::Kept, Tail::Lost];
    for who in [Who::Executing, Who::All] {
        sweep("short/kept then lost", &Scenario { who, tails: tails.clone(), ..short() }, 3, 60);
    }
}

#[test]
fn all_validators_die_twice_in_a_lossy_history() {
    for (seed, tail) in [(2, Tail::Lost), (3, Tail::Half), (4, Tail::Kept)] {
        let scenario = Scenario { who: Who::All, tails: vec![tail], target: 3, ..Scenario::lossy(seed) };
        sweep("lossy/all/twice", &scenario, 23, 60);
    }
}

/// The checks of this harness are worth something only if they see a host that breaks the rules.
#[test]
fn a_host_that_breaks_the_rules_is_seen() {
    for host in [Host::LyingDisk, Host::NoReplay] {
        let scenario = Scenario { who: Who::All, host, cap_ms: 10_000, ..Scenario::smooth(1) };
        let points = run(&scenario).points;
        let seen = (1..=points).step_by(25).filter(|point| {
            let outcome = run(&Scenario { plan: vec![*point], ..scenario.clone() });
            outcome.faults.iter().any(|fault| fault.contains("twice") || fault.contains("fork"))
        });
        let seen = seen.count();
        assert!(seen >= 5, "{host:?}: {seen}");
    }
}

#[test]
#[ignore = "minutes: run by scripts/soak"]
fn every_point_of_a_smooth_history() {
    for who in [Who::Executing, Who::All] {
        for tail in [Tail::Lost, Tail::Half, Tail::Kept] {
            let scenario = Scenario { who, tails: vec![tail], ..Scenario::smooth(1) };
            sweep(&format!("smooth/{who:?}/{tail:?}"), &scenario, 1, 0);
        }
    }
}

#[test]
#[ignore = "minutes: run by scripts/soak"]
fn points_of_lossy_histories() {
    for who in [Who::Executing, Who::All] {
        for (seed, tail) in [(2, Tail::Lost), (3, Tail::Half), (4, Tail::Kept)] {
            let scenario = Scenario { who, tails: vec![tail], ..Scenario::lossy(seed) };
            sweep(&format!("lossy/{who:?}/{tail:?}"), &scenario, 5, 0);
            let scenario = Scenario { tails: vec![tail, Tail::Lost], seed: seed + 10, ..scenario };
            sweep(&format!("lossy/{who:?}/{tail:?} then lost"), &scenario, 7, 60);
        }
    }
}

#[test]
#[ignore = "minutes: run by scripts/soak"]
fn crashes_while_a_late_validator_joins() {
    for who in [Who::Executing, Who::All] {
        let scenario = Scenario { who, late: Some((3, 400)), target: 10, ..Scenario::smooth(4) };
        sweep(&format!("join/{who:?}"), &scenario, 7, 60);
    }
}
