//! The rules that are judged from records, each with its name and how often it was.

use crate::failure::Contradiction;
use std::collections::BTreeMap;

/// A promise or a rule of the proposal protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    A1,
    A2,
    A3,
    A4,
    A5,
    R1,
    R2,
    R3,
    S1,
    Ends,
    Notify,
    Lost,
}

impl Rule {
    const ALL: [Self; 12] = [
        Self::A1,
        Self::A2,
        Self::A3,
        Self::A4,
        Self::A5,
        Self::R1,
        Self::R2,
        Self::R3,
        Self::S1,
        Self::Ends,
        Self::Notify,
        Self::Lost,
    ];

    /// Its name in reports.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::A1 => "A1 every leg commits or none does",
            Self::A2 => "A2 only with every YES",
            Self::A3 => "A3 with every YES in time always",
            Self::A4 => "A4 nobody writes what a leg holds",
            Self::A5 => "A5 everything ends in time",
            Self::R1 => "R1 a vote at the deadline counts",
            Self::R2 => "R2 decided once",
            Self::R3 => "R3 no way back",
            Self::S1 => "S1 a leg waits for the decision",
            Self::Ends => "a leg ends once",
            Self::Notify => "a NOTIFY follows COMMIT",
            Self::Lost => "only what was lost is aborted as lost",
        }
    }

    /// This rule is broken by two facts.
    pub(super) fn against(self, first: impl Into<String>, second: impl Into<String>) -> Result<(), Contradiction> {
        Err(Contradiction::new(first, second).of(self.name()))
    }
}

/// How often each rule was judged.
#[derive(Debug, Default)]
pub(super) struct Rules(BTreeMap<Rule, u64>);

impl Rules {
    /// A rule is judged.
    pub(super) fn count(&mut self, rule: Rule) {
        *self.0.entry(rule).or_default() += 1;
    }

    /// A line per rule.
    pub(super) fn reports(&self) -> impl Iterator<Item = String> {
        let judged = |rule: Rule| self.0.get(&rule).copied().unwrap_or(0);
        Rule::ALL.into_iter().map(move |rule| format!("{}: judged {} times", rule.name(), judged(rule)))
    }
}
