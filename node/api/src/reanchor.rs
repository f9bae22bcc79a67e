//! What a re-anchor of a chain is made of: what the relay trusts of it, and what the chain itself shows.

use serde::{Deserialize, Serialize};

/// What the relay trusts of a chain, and the headers that it was shown on the way there, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustView {
    /// The chain's id.
    pub chain: String,
    /// Hex of the borsh `TrustedHeader`.
    pub trusted: String,
    /// History root of the trusted header, where a header was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<String>,
    /// Height of the chain's last registration or re-anchor header.
    pub anchor_height: u64,
    /// Its hash.
    pub anchor_hash: String,
    /// The next message expected from the chain.
    pub next_expected: u64,
    /// The trusted header and those before it, each with what it shows of older ones; none when the trusted header is
    /// the anchor.
    pub heads: Vec<ShownHeadView>,
    /// What to give as `before` for the older ones; absent when the last head stands on the anchor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
}

/// A header that moved the relay's trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownHeadView {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub header_hash: String,
    /// Hex of the borsh path of the head before it, which is the next of the list or the anchor, in its history.
    pub previous_path: String,
    /// Headers below it whose messages came with it, ascending, with their paths in its history.
    pub older: Vec<ShownHeaderView>,
}

/// A header shown in the history of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownHeaderView {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub header_hash: String,
    /// Hex of the borsh path.
    pub path: String,
}

/// What a chain shows to be re-anchored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReanchorView {
    /// Hex of a borsh `Reanchor` that lacks the common header's path in the trusted one, and the reason.
    pub motion: String,
}

/// A header that another chain can be told to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorView {
    /// Hex of the borsh checkpoint.
    pub checkpoint: String,
    /// Hex of the borsh validator set that certifies the next height.
    pub next_validators: String,
}

/// What a subchain follows of its relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowsView {
    /// The relay's id.
    pub relay: String,
    /// Height of the relay's header that it trusts.
    pub height: u64,
    /// Its hash.
    pub header_hash: String,
    /// The highest relay height that it ever accepted; never falls, also after a re-anchor.
    pub highest_height: u64,
    /// The next message that it expects.
    pub next_expected: u64,
    /// How often its governance gave it another block of the relay to follow.
    pub reanchored: u32,
    /// Whether a contradiction of the relay keeps it from taking part in proposals.
    #[serde(default)]
    pub suspended: bool,
    /// Height of the relay's block that its governance named last; of its genesis, if none since.
    #[serde(default)]
    pub named_height: u64,
    /// The hash of that block's header.
    #[serde(default)]
    pub named_header_hash: String,
    /// Legs that hold locks until the relay's decision arrives, at most 1,000 of them.
    #[serde(default)]
    pub locked: Vec<LockedLegView>,
}

/// A leg that holds locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedLegView {
    /// Its proposal.
    pub proposal: String,
    /// Relay height at which it began.
    pub started_at: u64,
    /// Last relay height at which its vote counts.
    pub deadline: u64,
}
