//! Proposals and registered chains as the relay knows them.

use super::chains::ChainStatusView;
use crate::limits::{LimitsView, UsageView};
use serde::{Deserialize, Serialize};

/// One line of a list of proposals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalSummary {
    /// Its id.
    pub id: String,
    /// `queued`, `preparing`, `committing`, `aborting`, `committed`, `aborted` or `rejected`.
    pub state: String,
    /// Relay height of its Submit.
    pub submitted_at: u64,
    /// Relay height of its decision; 0 before.
    pub decided_at: u64,
}

/// A proposal in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalView {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: String,
    /// Who proposed.
    pub proposer: String,
    /// Relay height of its Submit.
    pub submitted_at: u64,
    /// Relay height at which it began; 0 while queued.
    pub started_at: u64,
    /// Last relay height at which a vote counts; 0 while queued.
    pub deadline: u64,
    /// Last relay height at which it may leave the queue.
    pub valid_until: u64,
    /// Relay height of the decision; 0 before.
    pub decided_at: u64,
    /// Blocks and milliseconds left to the deadline, while it is undecided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<(u64, u64)>,
    /// `commit` or `abort`, once decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// Label of the reason, for an abort or a rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The chain that caused an abort.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub culprit: Option<String>,
    /// Its legs.
    pub legs: Vec<LegView>,
    /// Who must act next, in words.
    pub waiting_for: String,
    /// The command that helps, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A leg in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegView {
    /// Its chain's id.
    pub chain: String,
    /// Its chain's name in the registry.
    pub name: String,
    /// `write`, `read` or `notify`.
    pub mode: String,
    /// `waiting`, `voted-yes`, `closed`, `refused`, `disputed`, `broken` or `noted`.
    pub phase: String,
    /// Label of a code, where one says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Who controls the chain: `single organisation` or `shared (at most N per mille)`.
    pub controlled_by: String,
}

/// A registered chain in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryEntryView {
    /// Its id.
    pub chain: String,
    /// Its name.
    pub name: String,
    /// Its standing.
    pub standing: ChainStatusView,
    /// Kind of its certificates: `bft`, `cft` or `dev`.
    pub kind: String,
    /// Who controls it.
    pub controlled_by: String,
    /// Height of its newest header that the relay trusts.
    pub height_on_source: u64,
    /// Legs in flight.
    pub in_flight: u32,
    /// Its limits.
    #[serde(default)]
    pub limits: LimitsView,
    /// What is used of them.
    #[serde(default)]
    pub usage: UsageView,
    /// How often the relay gave it a new anchor.
    #[serde(default)]
    pub reanchored: u32,
    /// Relay height of the motion that holds its lane, after the relay itself was re-anchored; 0 when nothing does.
    #[serde(default)]
    pub held_since: u64,
    /// Who must act next, in words; empty when it takes part and nobody must.
    #[serde(default)]
    pub waiting_for: String,
    /// The command that helps, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
