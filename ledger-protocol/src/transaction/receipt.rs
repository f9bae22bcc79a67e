//! The outcome of one input of a block.

use crate::codec::Bounded;
use crate::codes::Code;
use crate::identifiers::Hash;
use borsh::{BorshDeserialize, BorshSerialize};

/// A range of leaves of one of the block's trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct IndexRange {
    /// First leaf.
    pub first: u32,
    /// How many.
    pub count: u32,
}

/// A leaf of the receipts tree: one per input, same index as the input's leaf in the transactions tree.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Receipt {
    /// The transaction's id, or the hash of the system input.
    pub input: Hash,
    /// For a transaction its one code; for a system input one code per message it carried (or one in all).
    pub codes: Bounded<Code, 1024>,
    /// Fuel used.
    pub fuel: u64,
    /// Number of changes this input made. The changes tree is sorted by key, so this is a count, not a range.
    pub changes: u32,
    /// Its events in the events tree.
    pub events: IndexRange,
    /// `H(tag ‖ what the operations answered)`.
    pub result_hash: Hash,
}
