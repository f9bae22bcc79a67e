//! The simulator finds every planted mistake, and none where none is planted.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
// A test may say how far it went.
#![allow(clippy::print_stdout)]

use simulator::scenario::Signatures;
use simulator::seeds;
use simulator::self_test::{GROUNDS, MAX_CPU, Plant, grounds_of, hunt, try_one};

/// Hunts a part of the mistakes, so that the test runner can spread them over the cores.
fn hunt_every(part: usize, parts: usize) {
    let mut missed = Vec::new();
    for plant in Plant::ALL.iter().copied().skip(part).step_by(parts) {
        let hunt = hunt(plant, Signatures::Real, 1, MAX_CPU);
        let cpu_s = hunt.cpu.as_secs_f64();
        match hunt.found {
            Some(broken) => println!(
                "{}: {:?} in {}, seed {}, {:?} events, {} trials, {cpu_s:.1} s\n  {}\n  {}",
                plant.name(),
                broken.property,
                broken.scenario,
                broken.seed,
                broken.events,
                hunt.trials,
                broken.facts.0,
                broken.facts.1
            ),
            None => missed.push(plant.name()),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn every_mistake_is_found_first_half() {
    hunt_every(0, 2);
}

#[test]
fn every_mistake_is_found_second_half() {
    hunt_every(1, 2);
}

#[test]
fn nothing_is_found_where_nothing_is_planted() {
    for (name, _) in GROUNDS {
        for seed in seeds(3) {
            let broken = try_one(name, Signatures::Real, seed);
            assert!(broken.is_none(), "{name}, seed {seed}: {broken:?}");
            println!("{name}, seed {seed}: clean");
        }
    }
}

#[test]
fn every_scenario_hunts_a_mistake_and_every_mistake_has_a_scenario() {
    for (name, _) in GROUNDS {
        assert!(Plant::ALL.iter().any(|plant| grounds_of(*plant).contains(name)), "{name} hunts nothing");
    }
    for ground in Plant::ALL.iter().flat_map(|plant| grounds_of(*plant)) {
        assert!(GROUNDS.iter().any(|(name, _)| name == ground), "{ground} is no scenario");
    }
}
