//! One RocksDB for all replicas of a process.
//!
//! Keys are the replica's prefix and then its key, in one column family, so a hundred quiet chains cost no more
//! than one. The block cache and the write buffers share one cap. Every write goes through RocksDB's log without
//! a sync; a barrier syncs that log once for everyone who waits.
//! After a failed write or barrier the store answers nothing any more: a batch whose barrier failed is in memory
//! but perhaps never on disk, and nobody may see it.

mod replica;

pub use replica::{ReplicaReader, ReplicaStore};

use crate::group_commit::{BarrierCounts, GroupCommit};
use crate::prefix::ReplicaPrefix;
use chain_state::StoreFault;
use rocksdb::{BlockBasedOptions, Cache, DB, DBCompressionType, LogLevel, Options, WriteBufferManager, WriteOptions};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Sizes and times of the store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// One cap over block cache and write buffers; default 512 MiB, at least 8 MiB.
    pub memory_bytes: usize,
    /// How long a barrier waits for others to share its sync, at most 2 ms; default zero, which still shares
    /// one sync among all who arrive during the one before.
    pub gather: Duration,
    /// Files that RocksDB keeps open; default 512.
    pub open_files: u32,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { memory_bytes: 512 << 20, gather: Duration::ZERO, open_files: 512 }
    }
}

/// What the store holds in memory, for gauges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// Block cache, the share of the write buffers included.
    pub cache_bytes: usize,
    /// Write buffers.
    pub write_buffer_bytes: usize,
}

/// The store of a process. Cloning shares it; the database closes with the last clone.
#[derive(Debug, Clone)]
pub struct RocksStore(Arc<Shared>);

pub(crate) struct Shared {
    db: DB,
    unsynced: WriteOptions,
    barriers: GroupCommit<StoreFault>,
    fault: OnceLock<StoreFault>,
    cache: Cache,
    write_buffers: WriteBufferManager,
}

impl RocksStore {
    /// Opens the database in a directory of its own, creating it if absent.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O or damage.
    pub fn open(directory: &Path, options: &StoreOptions) -> Result<Self, StoreFault> {
        let memory_bytes = options.memory_bytes.max(8 << 20);
        let cache = Cache::new_lru_cache(memory_bytes);
        // Write buffers are charged to the cache: what they take, cached blocks give up.
        let write_buffers =
            WriteBufferManager::new_write_buffer_manager_with_cache(memory_bytes / 4, false, cache.clone());
        let database_options = database_options(options, memory_bytes, &cache, &write_buffers);
        let db = DB::open(&database_options, directory)
            .map_err(|error| StoreFault(format!("opening {}: {error}", directory.display())))?;
        let mut unsynced = WriteOptions::default();
        unsynced.set_sync(false);
        let barriers = GroupCommit::new(options.gather);
        Ok(Self(Arc::new(Shared { db, unsynced, barriers, fault: OnceLock::new(), cache, write_buffers })))
    }

    /// The keys of one replica.
    #[must_use]
    pub fn replica(&self, prefix: ReplicaPrefix) -> ReplicaStore {
        ReplicaStore::new(self.0.clone(), prefix)
    }

    /// Returns when every batch applied before this call, of every replica, is durable.
    ///
    /// # Errors
    /// [`StoreFault`]; the store then refuses everything.
    pub fn barrier(&self) -> Result<(), StoreFault> {
        self.0.barrier()
    }

    /// How many barriers were asked for and how many syncs they took.
    #[must_use]
    pub fn barrier_counts(&self) -> BarrierCounts {
        self.0.barriers.counts()
    }

    /// What the store holds in memory.
    #[must_use]
    pub fn memory_use(&self) -> MemoryUse {
        MemoryUse { cache_bytes: self.0.cache.get_usage(), write_buffer_bytes: self.0.write_buffers.get_usage() }
    }
}

impl Shared {
    fn check(&self) -> Result<(), StoreFault> {
        self.fault.get().map_or(Ok(()), |fault| Err(StoreFault(format!("stopped since: {}", fault.0))))
    }

    fn write(&self, batch: rocksdb::WriteBatch) -> Result<(), StoreFault> {
        self.check()?;
        self.db.write_opt(batch, &self.unsynced).map_err(|error| self.stop("writing a batch", &error))
    }

    fn barrier(&self) -> Result<(), StoreFault> {
        self.check()?;
        let sync = || self.db.flush_wal(true).map_err(|error| self.stop("syncing", &error));
        let lost_leader = StoreFault("a thread panicked while it synced the store".to_owned());
        self.barriers.barrier(sync, &lost_leader)
    }

    fn stop(&self, doing: &str, error: &rocksdb::Error) -> StoreFault {
        let fault = StoreFault(format!("{doing}: {error}; check disk and free space, then start the node again"));
        tracing::error!(%fault, "the store stops");
        self.fault.get_or_init(|| fault).clone()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RocksStore").field("path", &self.db.path()).finish_non_exhaustive()
    }
}

fn database_options(
    options: &StoreOptions,
    memory_bytes: usize,
    cache: &Cache,
    write_buffers: &WriteBufferManager,
) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_bloom_filter(10.0, false);
    // Index and filters count against the cap; those of the youngest level stay.
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_block_size(16 << 10);
    table.set_format_version(5);

    let mut database = Options::default();
    database.create_if_missing(true);
    database.set_block_based_table_factory(&table);
    database.set_write_buffer_manager(write_buffers);
    database.set_write_buffer_size((memory_bytes / 8).clamp(1 << 20, 64 << 20));
    // Most of what a chain writes is hashes, which no compression shortens, and nodes of state trees, which are gone
    // again after some hundred blocks. So young levels are not compressed, and are merged late and many at once: what
    // is deleted by then is never written again.
    database.set_compression_type(DBCompressionType::None);
    database.set_bottommost_compression_type(DBCompressionType::Lz4);
    database.set_level_zero_file_num_compaction_trigger(8);
    database.set_level_zero_slowdown_writes_trigger(32);
    database.set_level_zero_stop_writes_trigger(64);
    database.set_max_bytes_for_level_base(512 << 20);
    database.set_level_compaction_dynamic_level_bytes(false);
    database.set_max_open_files(i32::try_from(options.open_files).unwrap_or(i32::MAX));
    database.set_max_background_jobs(2);
    database.set_bytes_per_sync(1 << 20);
    database.set_max_total_wal_size((memory_bytes as u64 / 2).max(16 << 20));
    database.set_keep_log_file_num(4);
    database.set_max_log_file_size(4 << 20);
    database.set_log_level(LogLevel::Warn);
    database
}

#[cfg(test)]
mod tests;
