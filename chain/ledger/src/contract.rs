//! The ContractVm port. No engine stands behind it yet: contract operations are absent, not stubbed.
//!
//! Operation codes `0x0500`–`0x05ff` are reserved for contracts. The protocol knows no such operation, so a
//! transaction that holds one does not decode and is refused with the code by name before it enters a pool.

use chain_state::{Access, StoreFault};
use ledger_protocol::codec::{BoundedBytes, Text};
use ledger_protocol::{Address, Code, Height};
use std::ops::RangeInclusive;

/// Operation codes reserved for contracts.
pub const RESERVED_OPERATION_CODES: RangeInclusive<u16> = 0x0500..=0x05ff;

/// One call of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractCall<'c> {
    /// The canonical module.
    pub module: &'c [u8],
    /// The exported function.
    pub function: Text<64>,
    /// Its encoded arguments.
    pub arguments: BoundedBytes<{ 64 << 10 }>,
    /// With whose identities it runs.
    pub authors: &'c [Address],
    /// The block's height: it binds the engine's version.
    pub height: Height,
    /// Most fuel it may use.
    pub fuel_limit: u64,
}

/// What a call did. State changes and events went through the access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractRun {
    /// The function's encoded answer, or the code with which it refused.
    pub answer: Result<BoundedBytes<{ 64 << 10 }>, Code>,
    /// Fuel used.
    pub fuel: u64,
}

/// Runs contracts, deterministically, with no access to the state but the one handed over.
pub trait ContractVm: Send + Sync {
    /// Runs one call.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O; a trap or exhausted fuel is a [`ContractRun`] with its code.
    fn run(&self, access: &mut Access<'_, '_>, call: &ContractCall<'_>) -> Result<ContractRun, StoreFault>;
}
