//! Which properties a scenario asks for: all, unless it names some.
//!
//! What nothing could go on without is always checked. Errors: [`ScenarioError`] with the names that there are.

use super::{Scenario, ScenarioError};

/// What a scenario can leave out, by the names that reports use.
pub const PROPERTIES: [&str; 30] = [
    "agreement",
    "one signature per height, round and type",
    "every certificate verifies",
    "at most once",
    "monotone counters",
    "what counts first stands first",
    "A1 to A5 of the proposal protocol",
    "every message once and in order",
    "clients trust what their chains published",
    "locks and reservations are those of undecided legs",
    "conflicting scopes wait for each other",
    "what is in flight is what open legs hold",
    "decisions follow the ordered votes",
    "what begins was admitted",
    "only proven forks freeze",
    "one vote and one outcome per leg",
    "what was voted is what is written",
    "A4 a query names what is undecided",
    "R4 a relay with an open deadline keeps its pace",
    "known relay heights never fall",
    "records stay until nobody can ask",
    "what is final can be asked for",
    "conservation",
    "A6 who is seen to fork is frozen",
    "A5 liveness after faults",
    "every chain goes on",
    "every replica catches up",
    "accepted work is final or told dropped",
    "liveness after restorations",
    "the relay's log gives its headers again",
];
/// What is checked whatever a scenario says.
const ALWAYS: [&str; 6] = [
    "the chains start",
    "no replica halts",
    "no courier fails",
    "time passes",
    crate::assertion::ASSERTION,
    super::EXPECTATIONS,
];

/// Checks the names that a scenario lists.
pub(super) fn check(names: &[String]) -> Result<(), ScenarioError> {
    let wrong = |problem: String| Err(ScenarioError::value("properties", problem));
    if names.is_empty() {
        return wrong("name at least one, or leave the key out for all".into());
    }
    let known: Vec<&str> = PROPERTIES.into_iter().chain(ALWAYS).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => wrong(format!("there is no property {name:?}; there are {known:?}")),
        None => Ok(()),
    }
}

impl Scenario {
    /// Whether it asks for this property.
    pub fn checks(&self, name: &str) -> bool {
        let is_named = |names: &Vec<String>| names.iter().any(|known| known == name);
        !PROPERTIES.contains(&name) || self.properties.as_ref().is_none_or(is_named)
    }

    /// What it does not ask for.
    pub fn left_out(&self) -> Vec<&'static str> {
        PROPERTIES.into_iter().filter(|name| !self.checks(name)).collect()
    }
}
