//! Scenario files: what a tester writes, in TOML, to say which chains run, what is asked of them and what goes wrong.
//!
//! A scenario and a seed fix a run. Everything has a default but the length; unknown keys are errors, so that a typing
//! mistake does not silently test nothing. `docs/simulation.md` lists every key.
//! Bounds: [`MAX_SUBCHAINS`] subchains of at most [`MAX_VALIDATORS`] validators, [`MAX_LENGTH_MS`] of virtual time.
//! Errors: [`ScenarioError`] names the place and what to write instead.

mod actor;
mod checked;
mod expect;
mod fault;
mod rows;
mod schedule;
mod signatures;
mod workload;

pub use actor::{ActorKind, ActorPlan, Fraction, bad_seats, tolerated};
pub use checked::PROPERTIES;
pub(crate) use expect::is_step;
pub use expect::{Committed, EXPECTATIONS, Expect};
pub use fault::{FaultKind, FaultPlan, Target};
pub use rows::Row;
pub use schedule::{Schedule, Strike};
pub use signatures::Signatures;
pub use workload::{Arrival, HOT, LocalKind, Workload, WorkloadKind};

use crate::fixture::{NetworkPlan, SubchainPlan};
use crate::network::NetworkConfig;
use crate::world::WorldConfig;
use ledger_protocol::Suite;
use serde::Deserialize;

/// Most subchains.
pub const MAX_SUBCHAINS: usize = 256;
/// Most validators of a chain.
pub const MAX_VALIDATORS: usize = 16;
/// Most of a counter's value.
const MAX_BALANCE: i64 = 1_000_000_000;
/// Most that a link may be said to carry: a GiB per second.
pub const MAX_KIB_PER_S: u64 = 1_048_576;
/// Longest run, in virtual milliseconds: a day.
pub const MAX_LENGTH_MS: u64 = 86_400_000;

/// Why a scenario cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// It is no TOML, or a key is unknown, missing or of the wrong type; the text names line and column.
    #[error("{0}")]
    Form(String),
    /// A value is out of its bounds.
    #[error("{key}: {problem}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong with it and what is allowed.
        problem: String,
    },
}

impl ScenarioError {
    pub(crate) fn value(key: &str, problem: impl Into<String>) -> Self {
        Self::Value { key: key.to_owned(), problem: problem.into() }
    }
}

/// How far apart processes are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Latency {
    /// One room: 1 to 12 ms everywhere.
    #[default]
    Lan,
    /// One region: 2 to 5 ms within a chain, 8 to 25 ms between chains.
    Region,
    /// Three continents: the validators of every chain are spread over them; 1 to 12 ms on one, 40 to 130 ms between.
    ThreeContinents,
}

/// The chains and the links between them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSection {
    /// The relay's suite: `standard` or `guomi`.
    pub relay_suite: SuiteName,
    /// Validators of every chain.
    pub validators: usize,
    /// How many subchains, named `chain-0`, `chain-1`, …; a CSV workload adds its own instead.
    pub subchains: usize,
    /// How many of the subchains, from the last one on, use the `guomi` suite.
    pub guomi_subchains: usize,
    /// How far apart.
    pub latency: Latency,
    /// Messages lost, in thousandths.
    pub loss_per_mille: u32,
    /// Messages delivered twice, in thousandths.
    pub duplicate_per_mille: u32,
    /// Messages that others overtake, in thousandths.
    pub reorder_per_mille: u32,
    /// Messages that arrive with a changed byte, in thousandths.
    pub corrupt_per_mille: u32,
    /// How many KiB per second every link carries each way; absent: as many as anybody sends.
    pub kib_per_s: Option<u32>,
    /// Whether messages are lost, doubled, overtaken and damaged only once the work has begun.
    pub calm_start: bool,
    /// Clocks differ by at most so much, either way.
    pub skew_ms: u64,
    /// A barrier of a disk takes at most so long.
    pub sync_ms: u64,
}

impl Default for NetworkSection {
    fn default() -> Self {
        Self {
            relay_suite: SuiteName::Standard,
            validators: 4,
            subchains: 2,
            guomi_subchains: 0,
            latency: Latency::Lan,
            loss_per_mille: 0,
            duplicate_per_mille: 0,
            reorder_per_mille: 0,
            corrupt_per_mille: 0,
            kib_per_s: None,
            calm_start: false,
            skew_ms: 0,
            sync_ms: 2,
        }
    }
}

/// A suite, as scenario files name it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuiteName {
    /// Ed25519 and SHA-256.
    #[default]
    Standard,
    /// SM2 and SM3.
    Guomi,
}

impl From<SuiteName> for Suite {
    fn from(name: SuiteName) -> Self {
        match name {
            SuiteName::Standard => Self::Standard,
            SuiteName::Guomi => Self::Guomi,
        }
    }
}

/// A scenario as its file says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One sentence for reports.
    #[serde(default)]
    pub about: String,
    /// Virtual time during which work arrives and faults strike.
    pub length_ms: u64,
    /// Virtual time after it, without faults, within which every ordered proposal must be over.
    #[serde(default = "default_settle_ms")]
    pub settle_ms: u64,
    /// Which signatures are made and verified.
    #[serde(default)]
    pub signatures: Signatures,
    /// The chains.
    #[serde(default)]
    pub network: NetworkSection,
    /// What is asked of them.
    #[serde(default)]
    pub workload: Workload,
    /// What goes wrong.
    #[serde(default, rename = "fault")]
    pub faults: Vec<FaultPlan>,
    /// Who misbehaves.
    #[serde(default, rename = "actor")]
    pub actors: Vec<ActorPlan>,
    /// When validators change.
    #[serde(default, rename = "handoff")]
    pub handoffs: Vec<HandoffPlan>,
    /// What every trial of it comes to.
    #[serde(default)]
    pub expect: Expect,
    /// The properties that are checked; absent: all.
    #[serde(default)]
    pub properties: Option<Vec<String>>,
}

/// A chain's longest-serving validator makes room for a new one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandoffPlan {
    /// From the start of the work.
    pub at_ms: u64,
    /// `relay`, or a subchain's name.
    pub chain: String,
}

/// Most names that an error tells.
const MAX_NAMES_TOLD: usize = 8;

/// Plans with their names in errors: `fault 1`, `fault 2`, …
fn numbered<'a, T>(kind: &'a str, plans: &'a [T]) -> impl Iterator<Item = (String, &'a T)> {
    plans.iter().enumerate().map(move |(number, plan)| (format!("{kind} {}", number + 1), plan))
}

/// Refuses what would never happen.
fn before_the_end(key: &str, at_ms: u64, length_ms: u64) -> Result<(), ScenarioError> {
    if at_ms < length_ms {
        return Ok(());
    }
    Err(ScenarioError::value(key, format!("{at_ms} is not before the end: write a time below length_ms, {length_ms}")))
}

const fn default_settle_ms() -> u64 {
    240_000
}

impl Scenario {
    /// Reads a scenario file's text.
    ///
    /// # Errors
    /// [`ScenarioError`].
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self =
            toml::from_str(text).map_err(|error| ScenarioError::Form(error.to_string().trim().to_owned()))?;
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let within = |key: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(ScenarioError::value(key, format!("{value} is not between {least} and {most}")))
        };
        self.signatures.check()?;
        within("length_ms", self.length_ms, 1, MAX_LENGTH_MS)?;
        within("settle_ms", self.settle_ms, 1_000, MAX_LENGTH_MS)?;
        within("network.validators", self.network.validators as u64, 1, MAX_VALIDATORS as u64)?;
        within("network.subchains", self.network.subchains as u64, 0, MAX_SUBCHAINS as u64)?;
        within("network.guomi_subchains", self.network.guomi_subchains as u64, 0, self.network.subchains as u64)?;
        let shares = [
            ("network.loss_per_mille", self.network.loss_per_mille),
            ("network.duplicate_per_mille", self.network.duplicate_per_mille),
            ("network.reorder_per_mille", self.network.reorder_per_mille),
            ("network.corrupt_per_mille", self.network.corrupt_per_mille),
        ];
        for (key, share) in shares {
            within(key, share.into(), 0, 500)?;
        }
        if let Some(kib_per_s) = self.network.kib_per_s {
            within("network.kib_per_s", kib_per_s.into(), 1, MAX_KIB_PER_S)?;
        }
        within("network.skew_ms", self.network.skew_ms, 0, 60_000)?;
        within("network.sync_ms", self.network.sync_ms, 0, 10_000)?;
        self.workload.check(self.network.subchains)?;
        self.expect.check()?;
        self.properties.as_deref().map_or(Ok(()), checked::check)?;
        for (name, fault) in numbered("fault", &self.faults) {
            fault.check(&name)?;
            fault.check_settling(&name, self.settle_ms)?;
            before_the_end(&format!("{name}.at_ms"), fault.at_ms, self.length_ms)?;
        }
        actor::check(&self.actors, &self.network)?;
        actor::check_settling(&self.actors, self.settle_ms)?;
        for (name, actor) in numbered("actor", &self.actors) {
            before_the_end(&format!("{name}.from_ms"), actor.from_ms, self.length_ms)?;
        }
        for (name, handoff) in numbered("handoff", &self.handoffs) {
            before_the_end(&format!("{name}.at_ms"), handoff.at_ms, self.length_ms)?;
        }
        if self.workload.kind == WorkloadKind::Csv {
            // Its rows name the chains: they are checked when they are read.
            if self.network.guomi_subchains > 0 {
                let problem = "the subchains of a CSV workload use the standard suite; leave this key out";
                return Err(ScenarioError::value("network.guomi_subchains", problem));
            }
            return self.check_thieves();
        }
        let chains: Vec<String> = (0..self.network.subchains).map(|number| format!("chain-{number}")).collect();
        self.check_names(&chains)?;
        self.check_thieves()
    }

    /// Keys can be stolen that somebody has given up: in a hand-off, or when a chain that lost blocks is healed.
    fn check_thieves(&self) -> Result<(), ScenarioError> {
        let restores = |fault: &FaultPlan, chain: &str| match &fault.target {
            Target::WholeSubchain(name) => name == chain,
            Target::AnyWholeSubchain => true,
            _ => false,
        };
        let heals = |fault: &FaultPlan, chain: &str| fault.kind == FaultKind::RestoreBackup && restores(fault, chain);
        let gives_up = |chain: &str| {
            self.handoffs.iter().any(|handoff| handoff.chain == chain)
                || self.faults.iter().any(|fault| heals(fault, chain))
        };
        for (name, actor) in numbered("actor", &self.actors) {
            if let (ActorKind::KeyThief, Some(chain)) = (actor.kind, &actor.chain)
                && !gives_up(chain)
            {
                let problem = format!("{chain} gives up no keys that could be stolen: write a [[handoff]] of it, too");
                return Err(ScenarioError::value(&format!("{name}.chain"), problem));
            }
        }
        Ok(())
    }

    /// Reads the rows of a CSV workload and checks that every chain that the scenario names is one of their parties.
    ///
    /// # Errors
    /// [`ScenarioError`] with the line, or with the key that names no chain.
    pub fn rows(&self, text: &str) -> Result<Vec<Row>, ScenarioError> {
        let rows = self.workload.rows(text)?;
        self.check_names(&Workload::parties(&rows))?;
        Ok(rows)
    }

    /// Checks that faults, actors, hand-offs and expectations name the relay or one of these subchains.
    ///
    /// # Errors
    /// [`ScenarioError`] with the names that there are.
    pub fn check_names(&self, chains: &[String]) -> Result<(), ScenarioError> {
        let known = |key: String, chain: &str, or_relay: bool| {
            if (or_relay && chain == RELAY) || chains.iter().any(|known| known == chain) {
                return Ok(());
            }
            let first: Vec<&str> =
                or_relay.then_some(RELAY).into_iter().chain(chains.iter().map(String::as_str)).collect();
            let more = if first.len() > MAX_NAMES_TOLD { ", …" } else { "" };
            let names: Vec<&str> = first.into_iter().take(MAX_NAMES_TOLD).collect();
            let instead = if names.is_empty() {
                "there are no subchains".into()
            } else {
                format!("write one of {}{more}", names.join(", "))
            };
            Err(ScenarioError::value(&key, format!("there is no chain {chain}; {instead}")))
        };
        for (name, fault) in numbered("fault", &self.faults) {
            match &fault.target {
                Target::Subchain(chain) | Target::WholeSubchain(chain) => {
                    known(format!("{name}.target"), chain, false)?
                }
                Target::AnyWholeSubchain if chains.is_empty() => {
                    return Err(ScenarioError::value(&format!("{name}.target"), "there are no subchains; write relay"));
                }
                _ => {}
            }
        }
        for (name, actor) in numbered("actor", &self.actors) {
            if let Some(chain) = &actor.chain {
                known(format!("{name}.chain"), chain, true)?;
            }
        }
        for (name, handoff) in numbered("handoff", &self.handoffs) {
            known(format!("{name}.chain"), &handoff.chain, true)?;
        }
        for chain in self.expect.frozen.iter().flatten() {
            known("expect.frozen".to_owned(), chain, false)?;
        }
        Ok(())
    }

    /// How a world for it behaves.
    pub fn world(&self, name: &str) -> WorldConfig {
        let network = &self.network;
        WorldConfig {
            network: NetworkConfig {
                latency_ms: match network.latency {
                    Latency::Lan | Latency::ThreeContinents => (1, 12),
                    Latency::Region => (8, 25),
                },
                loss_per_mille: network.loss_per_mille,
                duplicate_per_mille: network.duplicate_per_mille,
                reorder_per_mille: network.reorder_per_mille,
                corrupt_per_mille: network.corrupt_per_mille,
                straggler_ms: 350,
                kib_per_s: network.kib_per_s,
            },
            sync_ms: (0, network.sync_ms),
            skew_ms: network.skew_ms,
            is_test: false,
            ..WorldConfig::smooth(name)
        }
    }

    /// The chains for it; `rows` are the parties that a CSV workload names.
    pub fn plan(&self, parties: &[String]) -> NetworkPlan {
        let mut subchains: Vec<SubchainPlan> = if parties.is_empty() {
            let first_guomi = self.network.subchains - self.network.guomi_subchains;
            let suite = |number| if number < first_guomi { Suite::Standard } else { Suite::Guomi };
            (0..self.network.subchains)
                .map(|number| SubchainPlan::new(&format!("chain-{number}"), suite(number)))
                .collect()
        } else {
            parties.iter().map(|name| SubchainPlan::new(name, Suite::Standard)).collect()
        };
        for plan in &mut subchains {
            plan.validators = self.network.validators;
            plan.counters = vec![(BALANCE.to_owned(), 0, MAX_BALANCE, self.workload.opening_balance)];
            if self.workload.local_kind == LocalKind::Transfers {
                plan.counters.push((TILL.to_owned(), 0, MAX_BALANCE, self.workload.opening_balance));
            }
        }
        NetworkPlan {
            relay_suite: self.network.relay_suite.into(),
            relay_validators: self.network.validators,
            ..NetworkPlan::new(subchains)
        }
    }
}

/// The counter that every party has and that transfers move amounts between.
pub const BALANCE: &str = "balance";

/// The counter that local transfers move amounts from and to.
pub const TILL: &str = "till";
/// How a scenario names the relay.
pub const RELAY: &str = "relay";

#[cfg(test)]
mod tests;
