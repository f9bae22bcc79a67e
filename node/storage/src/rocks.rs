//! One RocksDB for all replicas of a process.
//!
//! Keys are the replica's prefix and then its key, in one column family, so a hundred quiet chains cost no more
//! than one. The block cache and the write buffers share one cap.
//! What is to be durable goes into RocksDB's log with a sync before it goes into memory, so nobody reads it before a
//! power cut would leave it; [`RocksStore::commit`] does that once for the blocks of many replicas.
//! After a failed write the store answers nothing any more: RocksDB may have the batch on disk or not.

mod replica;

pub use replica::{ReplicaReader, ReplicaStore};

use crate::prefix::ReplicaPrefix;
use chain_state::{StoreFault, WriteBatch};
use rocksdb::{BlockBasedOptions, Cache, DB, DBCompressionType, LogLevel, Options, WriteBufferManager, WriteOptions};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Sizes and times of the store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// One cap over block cache and write buffers; default 512 MiB, at least 8 MiB.
    pub memory_bytes: usize,
    /// Files that RocksDB keeps open; default 512.
    pub open_files: u32,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { memory_bytes: 512 << 20, open_files: 512 }
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
    synced: WriteOptions,
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
        let (mut unsynced, mut synced) = (WriteOptions::default(), WriteOptions::default());
        unsynced.set_sync(false);
        synced.set_sync(true);
        Ok(Self(Arc::new(Shared { db, unsynced, synced, fault: OnceLock::new(), cache, write_buffers })))
    }

    /// The keys of one replica.
    #[must_use]
    pub fn replica(&self, prefix: ReplicaPrefix) -> ReplicaStore {
        ReplicaStore::new(self.0.clone(), prefix)
    }

    /// Applies batches of several replicas: all of them or none, with one sync. They are durable when this returns, and
    /// nobody sees anything of them before they are.
    ///
    /// # Errors
    /// [`StoreFault`]; the store then refuses everything.
    pub fn commit<'b>(
        &self,
        batches: impl IntoIterator<Item = (ReplicaPrefix, &'b WriteBatch)>,
    ) -> Result<(), StoreFault> {
        let mut writes = rocksdb::WriteBatch::default();
        for (prefix, batch) in batches {
            replica::collect(&mut writes, prefix, batch);
        }
        self.0.write(writes, true)
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

    /// With `durable`, the batch and everything before it is on the disk before anybody sees it. Writers who wait for the
    /// disk at the same time share a sync.
    fn write(&self, batch: rocksdb::WriteBatch, durable: bool) -> Result<(), StoreFault> {
        self.check()?;
        let options = if durable { &self.synced } else { &self.unsynced };
        self.db.write_opt(batch, options).map_err(|error| self.stop("writing a batch", &error))
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
