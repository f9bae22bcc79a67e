//! A trial that always ends with an answer: where an assertion of the code under test fails, that is its broken property.
//!
//! One that fails while an event happens stops the world, and the trial tells all that it saw until then. One that fails
//! between two events, or while the chains are made, leaves nothing but its words, the scenario and the seed.

use super::{Chronicle, Trial, run_traced};
use crate::assertion::{self, ASSERTION};
use crate::failure::{Contradiction, Failure};
use crate::random::Seed;
use crate::scenario::{Row, Scenario};
use crate::trace::TraceSink;
use ledger_protocol::Hash;
use std::collections::BTreeMap;

/// Runs a trial as [`run`](super::run); a failing assertion is its failure, named [`ASSERTION`]. The sink gets every
/// event and effect as it happens.
pub fn run_caught(
    name: &str,
    scenario: &Scenario,
    rows: &[Row],
    seed: Seed,
    only: Option<&[usize]>,
    sink: Option<TraceSink>,
) -> Trial {
    let trial = assertion::catch(|| run_traced(name, scenario, rows, seed, only, sink));
    trial.unwrap_or_else(|contradiction| without_a_world(name, scenario, seed, contradiction))
}

/// What is left when an assertion failed outside of all events.
fn without_a_world(name: &str, scenario: &Scenario, seed: Seed, contradiction: Contradiction) -> Trial {
    let failure = Failure {
        property: ASSERTION,
        contradiction,
        scenario: name.to_owned(),
        seed,
        at_ms: 0,
        effects: 0,
        recent: Vec::new(),
        replay: None,
    };
    Trial {
        seed,
        signatures: scenario.signatures,
        trace_hash: Hash::ZERO,
        events: 0,
        effects: 0,
        virtual_ms: 0,
        chains: Vec::new(),
        work_began_ms: 0,
        submitted: 0,
        ends: BTreeMap::new(),
        strikes: Vec::new(),
        honest_ends: BTreeMap::new(),
        actors: Vec::new(),
        misdeeds: BTreeMap::new(),
        frozen: Vec::new(),
        chronicle: Chronicle::default(),
        properties: Vec::new(),
        left_out: scenario.left_out(),
        failure: Some(Box::new(failure)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::trace::TraceLine;

    const SCENARIO: &str = "about = \"\"\nlength_ms = 2000\n[workload]\nkind = \"transfers\"\n";

    /// A trial in which an assertion fails at the first line of the trace that is chosen.
    fn failing(chosen: fn(&TraceLine) -> bool) -> Trial {
        let scenario = Scenario::parse(SCENARIO).unwrap();
        let sink: TraceSink = Box::new(move |line| assert!(!chosen(line), "{} is asserted not to be", line.what));
        run_caught("failing", &scenario, &[], Seed(7), None, Some(sink))
    }

    #[test]
    fn an_assertion_that_fails_in_an_event_is_the_failure_of_a_trial_that_tells_what_it_saw() {
        let trial = failing(|line| line.what == "commits" && line.detail >= 3);
        let failure = trial.failure.unwrap();
        assert_eq!((failure.property, failure.scenario.as_str(), failure.seed), (ASSERTION, "failing", Seed(7)));
        assert!(failure.contradiction.second.starts_with("commits is asserted not to be ("), "{failure}");
        assert!(failure.at_ms > 0 && !failure.recent.is_empty(), "{failure}");
        assert!(trial.events > 0 && trial.chronicle.chains.values().any(|chain| !chain.blocks.is_empty()));
        assert!(trial.properties.iter().any(|line| line.starts_with("agreement: ")), "{:?}", trial.properties);
    }

    #[test]
    fn an_assertion_that_fails_between_events_is_the_failure_of_an_empty_trial() {
        // The faults end between two events: all cuts are healed.
        let trial = failing(|line| line.what == "healed");
        let failure = trial.failure.unwrap();
        assert_eq!((failure.property, failure.scenario.as_str(), failure.seed), (ASSERTION, "failing", Seed(7)));
        assert!(failure.contradiction.second.starts_with("healed is asserted not to be ("), "{failure}");
        assert_eq!(trial.events, 0);
    }
}
