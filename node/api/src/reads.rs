//! Views of state, history, blocks and proofs.

use serde::{Deserialize, Serialize};

/// Bytes as hex, with their text where they are printable UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// The bytes.
    pub hex: String,
    /// The same as text, if it is printable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Bytes {
    /// The view of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control));
        Self { hex: hex::encode(bytes), text: text.map(str::to_owned) }
    }
}

/// A key of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateEntryView {
    /// The key.
    pub key: Bytes,
    /// Its version.
    pub version: u64,
    /// `plain`, `sealed`, `counter` or `deleted`.
    pub kind: String,
    /// Its value, if it is plain or sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Bytes>,
    /// Its value, if it is a counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<i64>,
    /// Bounds, if it is a counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<(i64, i64)>,
    /// Undecided proposals that hold it; the value shown is the one before them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<String>,
    /// Height at whose end this holds.
    pub height: u64,
}

/// Keys of an account, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateListView {
    /// The keys.
    pub entries: Vec<StateEntryView>,
    /// Ask again with `after` = this hex key for more; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_after: Option<String>,
    /// Height at whose end this holds.
    pub height: u64,
}

/// One version of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntryView {
    /// The version.
    pub version: u64,
    /// Height of the block that made it.
    pub height: u64,
    /// `set`, `delete` or `prune`.
    pub kind: String,
    /// Hash of the value.
    pub value_hash: String,
}

/// Every version of a key, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryView {
    /// The versions.
    pub versions: Vec<HistoryEntryView>,
}

/// A block in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockView {
    /// Its height.
    pub height: u64,
    /// Hash of its header.
    pub header_hash: String,
    /// Block time.
    pub timestamp_ms: u64,
    /// Who built it.
    pub proposer: String,
    /// Inputs.
    pub inputs: u32,
    /// Changes.
    pub changes: u32,
    /// Ids of its inputs.
    pub ids: Vec<String>,
    /// Hex of the borsh header.
    pub header: String,
}

/// A checkpoint with its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointView {
    /// The chain.
    pub chain: String,
    /// The height.
    pub height: u64,
    /// Hash of the header.
    pub header_hash: String,
    /// Fingerprint to read aloud.
    pub fingerprint: String,
    /// Hex of the borsh checkpoint: the content of a checkpoint file.
    pub checkpoint: String,
}

/// An account of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Its name.
    pub account: String,
    /// Its declaration and state, as JSON in the terms of the protocol.
    pub details: serde_json::Value,
}

/// An identity of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityView {
    /// Its address.
    pub address: String,
    /// `normal`, `frozen` or `revoked`.
    pub state: String,
    /// Who answers for it.
    pub organisation: String,
    /// Its roles.
    pub roles: Vec<String>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// Topic.
    pub topic: String,
    /// Sequence within the topic.
    pub sequence: u64,
    /// What it says.
    pub payload: Bytes,
    /// Height of its block.
    pub height: u64,
}

/// A proof file and the checkpoint it verifies against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofReply {
    /// Hex of the proof file.
    pub proof: String,
    /// Hex of the borsh checkpoint.
    pub checkpoint: String,
}
