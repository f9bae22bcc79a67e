//! What a run reports when a property does not hold: the property, the two facts that contradict each other, the
//! recent past, and the line that replays it.

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
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "property {} does not hold at {} ms, effect {}", self.property, self.at_ms, self.effects)?;
        writeln!(f, "  one fact:   {}", self.contradiction.first)?;
        writeln!(f, "  the other:  {}", self.contradiction.second)?;
        for line in &self.recent {
            writeln!(f, "  {line}")?;
        }
        write!(
            f,
            "replay: CROSSTIE_SEED={} cargo nextest run --cargo-profile ci -p simulator -E 'test({})'",
            self.seed, self.scenario
        )
    }
}

impl std::error::Error for Failure {}
