//! Store port, overlay, versioned key-value, counters, locks, state tree and the StateMachine port.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod access;
pub mod block_state;
pub mod locks;
pub mod machine;
pub mod place;
pub mod prove;
mod rows;
pub mod staged;
pub mod store;
#[cfg(test)]
mod testing;
mod tree;

pub use access::{Access, AccessError, Accessor};
pub use block_state::{BlockState, LedgerHead, PROVABLE_VERSIONS, StateDelta};
pub use locks::{Holder, LockRefusal};
pub use machine::{Admission, BlockFacts, ExecuteError, Execution, GenesisState, OutboxEntry, Refusal, StateMachine};
pub use place::Place;
pub use staged::{StagedEvent, StagedWrite, StagedWrites};
pub use store::{Entry, MemoryStore, StoreFault, StoreReader, StoreWriter, WriteBatch};
