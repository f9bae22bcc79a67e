//! What a scenario expects of each of its trials, beside the properties: how many proposals end how, who is frozen, which
//! steps of the state tables are taken, what actors do.
//!
//! An expectation that no trial could miss is an error. Errors: [`ScenarioError`] with what to write instead.

use super::{ActorKind, ScenarioError};
use serde::Deserialize;

/// As which property a missed expectation is reported.
pub const EXPECTATIONS: &str = "expectations of the scenario";

/// How many proposals commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "write \"all\" or the least number")]
pub enum Committed {
    /// So many or more.
    AtLeast(usize),
    /// `all`: every one that names no bad chain.
    Named(String),
}

/// What is expected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// How many proposals commit.
    pub committed: Option<Committed>,
    /// So many or more abort.
    pub aborted_at_least: Option<usize>,
    /// So many or more are rejected.
    pub rejected_at_least: Option<usize>,
    /// So many or more are lost with blocks of the relay.
    pub lost_at_least: Option<usize>,
    /// These subchains are frozen at the end, and no others.
    pub frozen: Option<Vec<String>>,
    /// Steps of the state tables, as reports list them; `any` stands for every state before.
    pub reaches: Vec<String>,
    /// What actors do, as reports list it: a kind, or kind and way.
    pub misdeeds: Vec<String>,
}

/// The state tables with the states that reports name.
const TABLES: [(&str, &[&str]); 3] = [
    ("proposal", &["none", "queued", "preparing", "committing", "aborting", "committed", "aborted", "rejected"]),
    (
        "leg on the relay",
        &["none", "waiting", "voted yes", "closed by outcome", "closed by no", "disputed", "broken", "noted"],
    ),
    (
        "leg on its subchain",
        &["none", "locked", "refused", "tombstone", "released", "applied", "disputed", "noted", "waiting", "lost"],
    ),
];
/// Any state before a step.
const ANY: &str = "any";

/// A step by its name: table, from, to.
fn parts(step: &str) -> Option<(&str, &str, &str)> {
    let (table, states) = step.split_once(": ")?;
    let (from, to) = states.split_once(" -> ")?;
    Some((table, from, to))
}

/// Whether two steps are the same, `any` standing for every state before.
pub(crate) fn is_step(asked: &str, taken: (&str, &str, &str)) -> bool {
    parts(asked).is_some_and(|(table, from, to)| (table, to) == (taken.0, taken.2) && (from == ANY || from == taken.1))
}

/// Why this is no step of a state table.
fn problem_of_step(step: &str) -> Option<String> {
    let Some((table, from, to)) = parts(step) else {
        return Some(format!("{step:?} is no step; write \"TABLE: FROM -> TO\", as `sim explore` prints it"));
    };
    let Some((_, states)) = TABLES.into_iter().find(|(name, _)| *name == table) else {
        return Some(format!("there is no table {table:?}; there are {:?}", TABLES.map(|(name, _)| name)));
    };
    let unknown = [from, to].into_iter().enumerate().find(|(place, state)| {
        let is_any = *place == 0 && *state == ANY;
        !is_any && !states.contains(state)
    });
    unknown.map(|(_, state)| format!("a {table} is never {state:?}; its states are {states:?}, and {ANY:?} before"))
}

/// Everything that actors are reported to do.
fn known_misdeeds() -> Vec<String> {
    let of_kind = |kind: ActorKind| -> Vec<String> {
        let split = if kind == ActorKind::BadSubchain { &["split"][..] } else { &[] };
        let ways: Vec<String> = kind.ways().iter().chain(split).map(|way| format!("{}: {way}", kind.name())).collect();
        if ways.is_empty() { vec![kind.name().to_owned()] } else { ways }
    };
    ActorKind::ALL.into_iter().flat_map(of_kind).collect()
}

impl Expect {
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        let wrong = |key: &str, problem: String| Err(ScenarioError::value(&format!("expect.{key}"), problem));
        if let Some(Committed::Named(word)) = &self.committed
            && word != "all"
        {
            return wrong("committed", format!("{word:?} is no number; write \"all\" or the least number"));
        }
        let committed = match self.committed {
            Some(Committed::AtLeast(least)) => Some(least),
            _ => None,
        };
        let counts = [
            ("committed", committed),
            ("aborted_at_least", self.aborted_at_least),
            ("rejected_at_least", self.rejected_at_least),
            ("lost_at_least", self.lost_at_least),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, least)| *least == Some(0)) {
            return wrong(key, "0 is always reached; write at least 1, or leave the key out".into());
        }
        if let Some(problem) = self.reaches.iter().find_map(|step| problem_of_step(step)) {
            return wrong("reaches", problem);
        }
        let known = known_misdeeds();
        match self.misdeeds.iter().find(|deed| !known.contains(deed)) {
            Some(deed) => wrong("misdeeds", format!("no actor does {deed:?}; they do {known:?}")),
            None => Ok(()),
        }
    }

    /// Whether a step that a trial took has a name that could be expected.
    pub fn knows_step(step: (&str, &str, &str)) -> bool {
        let (table, from, to) = step;
        problem_of_step(&format!("{table}: {from} -> {to}")).is_none()
    }
}
