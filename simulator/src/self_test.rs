//! The self-test: mistakes are planted into the code under test, one at a time, and fresh seeds must find each of them.
//!
//! A property that no mistake breaks proves nothing. Every mistake has the scenarios in which it can show; they run in
//! turn, a new seed each, until a property breaks or the bound of CPU time is used up. With nothing planted the same
//! scenarios must break nothing.
//!
//! Bounds: [`MAX_CPU`] of this thread per mistake. A failing assertion of the code under test counts as a find, named
//! [`ASSERTION`].

mod grounds;

pub use grounds::{GROUNDS, grounds_of};
pub use planted::Plant;

pub use crate::assertion::ASSERTION;

use crate::random::Seed;
use crate::scenario::{Scenario, Signatures};
use crate::trial::{self, Trial};
use cpu_time::ThreadTime;
use planted::plant;
use std::time::Duration;

/// A mistake that is not found within this is missed.
pub const MAX_CPU: Duration = Duration::from_mins(10);

/// What broke in one trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The property.
    pub property: String,
    /// The two facts that contradict each other.
    pub facts: (String, String),
    /// The scenario.
    pub scenario: &'static str,
    /// Its seed.
    pub seed: Seed,
    /// Events until then; `None` after an assertion that failed outside of them.
    pub events: Option<u64>,
}

/// What became of the hunt for one mistake.
#[derive(Debug, Clone)]
pub struct Hunt {
    /// The mistake.
    pub plant: Plant,
    /// What found it; `None` if nothing did.
    pub found: Option<Broken>,
    /// Trials in all.
    pub trials: u64,
    /// CPU time in all.
    pub cpu: Duration,
}

/// Hunts one mistake from a seed on, on this thread.
///
/// # Panics
/// When a scenario of the self-test cannot be read.
pub fn hunt(plant_it: Plant, signatures: Signatures, first_seed: u64, max_cpu: Duration) -> Hunt {
    let started = ThreadTime::now();
    let _planted = plant(plant_it);
    let grounds = grounds_of(plant_it);
    let mut trials = 0;
    loop {
        for name in grounds {
            let seed = Seed(first_seed + trials / grounds.len() as u64);
            trials += 1;
            let found = try_one(name, signatures, seed);
            let cpu = started.elapsed();
            if found.is_some() || cpu >= max_cpu {
                return Hunt { plant: plant_it, found, trials, cpu };
            }
        }
    }
}

/// Runs a scenario with nothing planted but what this thread has, and says what broke.
///
/// # Panics
/// When there is no such scenario.
pub fn try_one(name: &'static str, signatures: Signatures, seed: Seed) -> Option<Broken> {
    let scenario = Scenario { signatures, ..scenario(name) };
    let Trial { failure, events, .. } = trial::run_caught(name, &scenario, &[], seed, None, None);
    failure.map(|failure| Broken {
        property: failure.property.to_owned(),
        facts: (failure.contradiction.first, failure.contradiction.second),
        scenario: name,
        seed,
        events: (events > 0).then_some(events),
    })
}

fn scenario(name: &str) -> Scenario {
    let Some((_, text)) = GROUNDS.iter().find(|(ground, _)| *ground == name) else { panic!("no scenario {name}") };
    match Scenario::parse(text) {
        Ok(scenario) => scenario,
        Err(error) => panic!("scenario {name} of the self-test: {error}"),
    }
}
