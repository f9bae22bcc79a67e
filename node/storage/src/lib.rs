//! The disk of a node: its data directory, RocksDB behind the Store port, and the consensus log.
//!
//! One process has one [`DataDirectory`], in it one [`RocksStore`] and one [`ConsensusLog`]; the replicas it
//! hosts share both and are told apart by a [`ReplicaPrefix`]. Everything here is synchronous and may block on
//! the disk for milliseconds: an async host calls it from threads that may block.
//! A barrier of the log, and a commit to the store, returns only when what was written before it is durable; one fsync
//! serves every replica that waits.
//! Memory is bounded by [`StoreOptions::memory_bytes`] plus the log's write buffer.
//! After a failed write or barrier the store or the log refuses everything: the host stops its replicas cleanly
//! and a restart recovers from what is durable; going on after a failed fsync could sign what was never written.

mod directory;
mod group_commit;
mod log;
mod prefix;
mod rocks;

pub use directory::{DataDirectory, DirectoryError, FORMAT_VERSION, Holder, holder};
pub use group_commit::BarrierCounts;
pub use log::{ConsensusLog, LogEntry, LogFault, LogOptions, LogPosition, MAX_ENTRY_KIND, Recovered};
pub use prefix::ReplicaPrefix;
pub use rocks::{MemoryUse, ReplicaReader, ReplicaStore, RocksStore, StoreOptions};
