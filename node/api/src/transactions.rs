//! Submitting transactions and asking for them.

use serde::{Deserialize, Serialize};

/// A transaction to submit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitRequest {
    /// Hex of the borsh bytes.
    pub hex: String,
}

/// The pool has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitReply {
    /// The transaction's id, hex.
    pub id: String,
}

/// How far a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionState {
    /// Not in a block of this replica; it may wait in some pool, or nobody has it.
    Unknown,
    /// In a certified block: never lost.
    Final,
}

/// A transaction as a node knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionView {
    /// Its id, hex.
    pub id: String,
    /// How far it is.
    pub state: TransactionState,
    /// Its receipt once final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptView>,
}

/// A receipt in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptView {
    /// Height of its block.
    pub height: u64,
    /// Index in the block.
    pub index: u32,
    /// Stable code; 0 is success.
    pub code: u16,
    /// The code's label.
    pub label: String,
    /// What the code means.
    pub meaning: String,
    /// Fuel used.
    pub fuel: u64,
    /// Changes made.
    pub changes: u32,
    /// Events published.
    pub events: u32,
}
