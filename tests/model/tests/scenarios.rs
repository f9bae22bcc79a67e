//! Small scenarios in full: the protocol as specified breaks no promise, each careless reading breaks one.
#![allow(clippy::unwrap_used, missing_docs)]

/// Scenarios of at most some hundred thousand states. The others, up to millions, are searched by the program
/// `proposal-model` without a filter.
const SMALL: [&str; 32] = [
    "fix-1a", "fix-1b", "fix-2", "fix-8", "fix-9", "fix-11", "fix-12", "fix-12c", "fix-13", "fix-15", "fix-18",
    "fix-19", "fix-20", "fix-21", "lit-1", "lit-2", "lit-4", "lit-9", "lit-10", "lit-11c", "mut-11", "lit-12",
    "lit-13", "lit-15", "lit-17", "lit-18", "lit-19", "lit-20", "lit-21", "lit-22", "ok-1", "ok-4",
];

fn small() -> Vec<proposal_model::Cfg> {
    let is_small = |name: &str| SMALL.iter().any(|number| name.split(' ').next() == Some(number));
    let found: Vec<_> = proposal_model::all().into_iter().filter(|scenario| is_small(scenario.name)).collect();
    assert_eq!(found.len(), SMALL.len());
    found
}

#[test]
fn the_protocol_as_specified_breaks_no_promise_and_careless_readings_do() {
    for scenario in small() {
        let report = proposal_model::run(scenario);
        assert!(!report.is_capped, "{}", report.name);
        assert_eq!(report.violations.is_empty(), report.keeps_promises(), "{report:#?}");
    }
}

#[test]
fn the_default_participant_remembers_nothing_that_it_pruned() {
    for scenario in proposal_model::all() {
        let is_careless = scenario.name.starts_with("lit-") || scenario.name.starts_with("mut-");
        assert_eq!(scenario.no_ghost, !is_careless, "{}", scenario.name);
    }
}
