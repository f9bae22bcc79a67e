//! Store port, overlay, versioned key-value, counters, locks, state tree and the StateMachine port.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod block_state;
pub mod machine;
pub mod store;

pub use block_state::StateDelta;
pub use machine::{
    Admission, BlockFacts, ExecuteError, Execution, GenesisState, OutboxEntry, Refusal, StateMachine,
};
pub use store::{MemoryStore, StoreFault, StoreReader, StoreWriter, WriteBatch};
