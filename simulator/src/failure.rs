//! What a run reports when a property does not hold: the property, the two facts that contradict each other, the
//! recent past, and the line that replays it where the world knows one.

use crate::random::Seed;
use crate::trace::TraceLine;
use std::fmt;

/// Two facts that cannot both be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// What was seen first, or what is promised.
    pub first: String,
    /// What contradicts it.
    pub second: String,
    /// The rule that is broken, where a property watches several.
    pub rule: Option<&'static str>,
}

impl Contradiction {
    /// Two facts.
    pub fn new(first: impl Into<String>, second: impl Into<String>) -> Self {
        Self { first: first.into(), second: second.into(), rule: None }
    }

    /// The same of one rule of several.
    #[must_use]
    pub const fn of(mut self, rule: &'static str) -> Self {
        self.rule = Some(rule);
        self
    }
}

/// A property does not hold in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which one.
    pub property: &'static str,
    /// Why.
    pub contradiction: Contradiction,
    /// The test or scenario.
    pub scenario: String,
    /// The run's seed.
    pub seed: Seed,
    /// Virtual time.
    pub at_ms: u64,
    /// Effects carried out until then.
    pub effects: u64,
    /// The last events and effects.
    pub recent: Vec<TraceLine>,
    /// The line that runs it again, where the scenario is a test; whoever reads scenario files knows theirs.
    pub replay: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { property, contradiction, scenario, seed, at_ms, effects, .. } = self;
        writeln!(f, "property {property} does not hold in {scenario}, seed {seed}, at {at_ms} ms, effect {effects}")?;
        writeln!(f, "  one fact:   {}", contradiction.first)?;
        write!(f, "  the other:  {}", contradiction.second)?;
        for line in &self.recent {
            write!(f, "\n  {line}")?;
        }
        self.replay.as_ref().map_or(Ok(()), |replay| write!(f, "\nreplay: {replay}"))
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use crate::{Contradiction, Seed, World, WorldConfig};

    #[test]
    fn only_a_test_of_this_crate_is_told_to_run_again_as_one() {
        let failure = |config| World::new(Seed(7), config).contradicted("p", Contradiction::new("a", "b")).to_string();
        let of_test = failure(WorldConfig::smooth("some_test"));
        assert!(of_test.contains("CROSSTIE_SEED=7") && of_test.ends_with("-E 'test(some_test)'"), "{of_test}");
        let of_file = failure(WorldConfig { is_test: false, ..WorldConfig::smooth("chaos") });
        assert!(of_file.contains("in chaos, seed 7, at 0 ms") && !of_file.contains("nextest"), "{of_file}");
    }
}
