//! The parameters of a chain: one struct with the protocol version and every limit.

use crate::codec::Tag;
use crate::identifiers::Hash;
use crate::suite::{Suite, hash_object};
use borsh::{BorshDeserialize, BorshSerialize};

/// Every limit of a chain. Changes are decided on chain and take effect at least
/// [`Parameters::MIN_CHANGE_DELAY_BLOCKS`] later.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Parameters {
    /// Protocol version; a node that lacks it stops before that height.
    pub protocol_version: u16,
    /// Largest block body, in bytes; at least 2 MiB so that one full outbox list always fits.
    pub max_block_bytes: u32,
    /// Most inputs of one block.
    pub max_block_transactions: u32,
    /// Most fuel of one block.
    pub max_block_fuel: u64,
    /// Most changes of one block.
    pub max_block_changes: u32,
    /// Longest key, in bytes.
    pub max_key_bytes: u32,
    /// Longest value, in bytes.
    pub max_value_bytes: u32,
    /// Longest leg of a proposal, in bytes.
    pub max_leg_bytes: u32,
    /// A window transaction is valid for at most this many blocks.
    pub replay_window_blocks: u32,
    /// Pace while there is work, in milliseconds.
    pub min_block_interval_ms: u32,
    /// Pace without work, in milliseconds.
    pub heartbeat_ms: u32,
    /// A fresh block's time may differ from the voter's clock by this much, in milliseconds.
    pub max_clock_drift_ms: u32,
    /// Blocks between two state snapshots.
    pub snapshot_interval_blocks: u32,
    /// Most messages that wait in an inbox lane for room before the destination refuses more.
    pub max_waiting_messages: u32,
    /// Price of one unit of fuel; 0.
    pub fuel_price: u64,
}

/// A parameter outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parameter {name} is {got}, it must be from {least} to {most}")]
pub struct ParametersError {
    /// Field name.
    pub name: &'static str,
    /// Value offered.
    pub got: u64,
    /// Smallest value allowed.
    pub least: u64,
    /// Largest value allowed.
    pub most: u64,
}

impl Parameters {
    /// The protocol version this code speaks.
    pub const PROTOCOL_VERSION: u16 = 1;
    /// A parameter change takes effect at least this many blocks after it is decided.
    pub const MIN_CHANGE_DELAY_BLOCKS: u64 = 100;
    /// The longest replay window.
    pub const MAX_REPLAY_WINDOW_BLOCKS: u32 = 10_000;

    /// The defaults of a subchain (pace 100 ms).
    pub const fn subchain() -> Self {
        Self {
            protocol_version: Self::PROTOCOL_VERSION,
            max_block_bytes: 4 << 20,
            max_block_transactions: 5_000,
            max_block_fuel: 100_000_000,
            max_block_changes: 40_000,
            max_key_bytes: 256,
            max_value_bytes: 64 << 10,
            max_leg_bytes: 64 << 10,
            replay_window_blocks: 2_000,
            min_block_interval_ms: 100,
            heartbeat_ms: 5_000,
            max_clock_drift_ms: 2_000,
            snapshot_interval_blocks: 10_000,
            max_waiting_messages: 4_096,
            fuel_price: 0,
        }
    }

    /// The defaults of a relay chain (pace 200 ms).
    pub const fn relay() -> Self {
        Self { min_block_interval_ms: 200, ..Self::subchain() }
    }

    /// The hash under `parameters_hash`.
    pub fn hash(&self, suite: Suite) -> Hash {
        hash_object(suite, Tag::PARAMETERS, self)
    }

    /// Checks every field's range.
    ///
    /// # Errors
    /// [`ParametersError`] names the first field outside its range.
    pub fn check(&self) -> Result<(), ParametersError> {
        let within = |name, got: u64, least: u64, most: u64| {
            if (least..=most).contains(&got) { Ok(()) } else { Err(ParametersError { name, got, least, most }) }
        };
        let version = u64::from(Self::PROTOCOL_VERSION);
        within("protocol_version", self.protocol_version.into(), version, version)?;
        within("max_block_bytes", self.max_block_bytes.into(), 2 << 20, 64 << 20)?;
        within("max_block_transactions", self.max_block_transactions.into(), 1, 100_000)?;
        within("max_block_fuel", self.max_block_fuel, 1, u64::MAX)?;
        within("max_block_changes", self.max_block_changes.into(), 64, 1_000_000)?;
        within("max_key_bytes", self.max_key_bytes.into(), 1, 256)?;
        within("max_value_bytes", self.max_value_bytes.into(), 1, 64 << 10)?;
        within("max_leg_bytes", self.max_leg_bytes.into(), 1, 64 << 10)?;
        within("replay_window_blocks", self.replay_window_blocks.into(), 1, Self::MAX_REPLAY_WINDOW_BLOCKS.into())?;
        within("min_block_interval_ms", self.min_block_interval_ms.into(), 1, 60_000)?;
        within("heartbeat_ms", self.heartbeat_ms.into(), self.min_block_interval_ms.into(), 3_600_000)?;
        within("max_clock_drift_ms", self.max_clock_drift_ms.into(), 1, 60_000)?;
        within("snapshot_interval_blocks", self.snapshot_interval_blocks.into(), 100, 1_000_000)?;
        within("max_waiting_messages", self.max_waiting_messages.into(), 256, 65_536)?;
        within("fuel_price", self.fuel_price, 0, 0)
    }
}
