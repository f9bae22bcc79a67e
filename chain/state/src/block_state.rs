//! The state during the execution of one block.

use crate::store::WriteBatch;
use ledger_protocol::chain::LedgerLeaf;
use ledger_protocol::transaction::{Change, EventRecord};

/// What a block's execution wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateDelta {
    /// Rows of the store: latest values, tree nodes, stale nodes removed.
    pub batch: WriteBatch,
    /// Leaves of the changes tree, strictly ascending.
    pub changes: Vec<Change>,
    /// Leaves of the events tree, in order of execution.
    pub events: Vec<EventRecord>,
    /// One leaf per ledger, ascending.
    pub ledgers: Vec<LedgerLeaf>,
}
