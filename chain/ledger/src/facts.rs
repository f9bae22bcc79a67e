//! What the ledger rules may know of the block beside the state.

use chain_state::BlockFacts;
use ledger_protocol::chain::Parameters;
use ledger_protocol::{Height, TimestampMs};

/// The facts of the block being executed that decide operations. Parameters are those in force for this block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerFacts<'f> {
    /// The block's height.
    pub height: Height,
    /// The block's time; the only time an operation knows.
    pub timestamp_ms: TimestampMs,
    /// Parameters in force for this block.
    pub parameters: &'f Parameters,
}

impl LedgerFacts<'_> {
    /// Most fuel of one leg: a quarter of a block's, because messages own a quarter of a block.
    pub const fn leg_fuel_limit(&self) -> u64 {
        self.parameters.max_block_fuel / 4
    }

    /// Most changes of one leg: a quarter of a block's, so that a COMMIT always finds room (S2).
    pub const fn leg_change_limit(&self) -> u32 {
        self.parameters.max_block_changes / 4
    }
}

impl<'f> From<&'f BlockFacts> for LedgerFacts<'f> {
    fn from(facts: &'f BlockFacts) -> Self {
        Self { height: facts.height, timestamp_ms: facts.timestamp_ms, parameters: &facts.parameters }
    }
}
