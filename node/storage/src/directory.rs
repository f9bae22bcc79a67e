//! The data directory of one process: its format file, its lock, and who owns which key prefix.
//!
//! ```text
//! FORMAT   format version, replicas with prefix and chain id (TOML)
//! LOCK     held while a process uses the directory; names its pid
//! store/   RocksDB         log/   consensus log
//! ```
//! The format file is replaced whole: written beside, synced, renamed, and the directory synced. A prefix is
//! given once and never again, because its keys and log entries may still be there.

mod format;

use crate::log::{ConsensusLog, LogFault, LogOptions, Recovered};
use crate::prefix::ReplicaPrefix;
use crate::rocks::{RocksStore, StoreOptions};
use chain_state::StoreFault;
use format::Format;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The format that this program writes and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

const FORMAT_FILE: &str = "FORMAT";
const FORMAT_DRAFT: &str = "FORMAT.new";
const LOCK_FILE: &str = "LOCK";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another process uses it.
    #[error("{path} is in use by {holder}: stop that node first, or give this one another data directory")]
    Locked {
        /// The directory.
        path: PathBuf,
        /// "process PID", as far as known.
        holder: String,
    },
    /// A newer program wrote it.
    #[error(
        "{path} has format {found}, this program knows up to {FORMAT_VERSION}: start it with the newer program (written \
         by {written_by}), or restore a copy made before the upgrade"
    )]
    Newer {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The program that wrote it.
        written_by: String,
    },
    /// Files are there, but no format file.
    #[error("{path} holds other files (such as {example}) and is no data directory: name an empty or a new one")]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// One of the files.
        example: String,
    },
    /// The format file cannot be understood.
    #[error("{path} cannot be read: {reason}; restore it from a copy, it says which keys belong to which chain")]
    Malformed {
        /// The format file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A replica's name is not acceptable.
    #[error("replica name {name:?} is not acceptable: use 1 to 64 of a-z, 0-9, '-', '_' and '.'")]
    Name {
        /// The name.
        name: String,
    },
    /// A replica's data belongs to another chain.
    #[error(
        "replica {name} in {path} holds the books of chain {recorded}, not of {wanted}: correct the configuration, or use \
         another replica name or data directory"
    )]
    OtherChain {
        /// The directory.
        path: PathBuf,
        /// The replica.
        name: String,
        /// The chain whose data is there.
        recorded: String,
        /// The chain that was asked for.
        wanted: String,
    },
    /// All prefixes are given out.
    #[error("{path} has given out all 65,534 replica prefixes: use another data directory for further replicas")]
    Full {
        /// The directory.
        path: PathBuf,
    },
    /// The file system failed.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

/// A process that holds a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its process id; `None` in the moment between its taking the lock and writing it down.
    pub pid: Option<u32>,
}

/// Who holds a data directory; `None` for one that is free or not there. Nothing is made or changed.
///
/// # Errors
/// [`DirectoryError::Io`].
pub fn holder(path: &Path) -> Result<Option<Holder>, DirectoryError> {
    let lock_path = path.join(LOCK_FILE);
    let mut file = match File::open(&lock_path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io_error("opening", &lock_path)(source)),
    };
    match file.try_lock_shared() {
        // Given back when the file is closed, which is at once.
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(Holder { pid: pid_in(&mut file) })),
        Err(TryLockError::Error(source)) => Err(io_error("locking", &lock_path)(source)),
    }
}

fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// A data directory, locked by this process until dropped.
///
/// Keep it for as long as the store and the log that were opened from it.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    format: Mutex<Format>,
    /// The lock lives as long as this handle, also through a crash: the system frees it with the process.
    _lock: File,
}

impl DataDirectory {
    /// Opens a data directory, creating it if it is absent or empty.
    ///
    /// # Errors
    /// [`DirectoryError`], each with words on what to do.
    pub fn open(path: &Path) -> Result<Self, DirectoryError> {
        create_directory(path)?;
        // Looked at before the lock file is made: a wrong path stays as it was.
        refuse_foreign(path)?;
        let lock = lock(path)?;
        refuse_foreign(path)?;
        let format_path = path.join(FORMAT_FILE);
        let format = match std::fs::read_to_string(&format_path) {
            Ok(text) => Format::parse(path, &format_path, &text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let format = Format::new();
                write_format(path, &format)?;
                format
            }
            Err(source) => return Err(io_error("reading", &format_path)(source)),
        };
        Ok(Self { path: path.to_owned(), format: Mutex::new(format), _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The prefix of a replica; a new name gets a new prefix, recorded durably before this returns.
    ///
    /// # Errors
    /// A name that is not acceptable, no prefix left, or I/O.
    pub fn prefix_of(&self, name: &str) -> Result<ReplicaPrefix, DirectoryError> {
        let mut format = self.lock_format();
        if let Some(prefix) = format.prefix_of(name) {
            return Ok(prefix);
        }
        if !is_name(name) {
            return Err(DirectoryError::Name { name: name.to_owned() });
        }
        let mut next = format.clone();
        let prefix = next.add(name).ok_or_else(|| DirectoryError::Full { path: self.path.clone() })?;
        write_format(&self.path, &next)?;
        *format = next;
        Ok(prefix)
    }

    /// The prefix of a replica, after recording that it holds the books of `chain` (its id in text). From then
    /// on the name refuses every other chain.
    ///
    /// # Errors
    /// As [`prefix_of`](Self::prefix_of), and [`DirectoryError::OtherChain`].
    pub fn bind(&self, name: &str, chain: &str) -> Result<ReplicaPrefix, DirectoryError> {
        let prefix = self.prefix_of(name)?;
        let mut format = self.lock_format();
        match format.chain_of(name) {
            Some(recorded) if recorded == chain => {}
            Some(recorded) => {
                return Err(DirectoryError::OtherChain {
                    path: self.path.clone(),
                    name: name.to_owned(),
                    recorded: recorded.to_owned(),
                    wanted: chain.to_owned(),
                });
            }
            None => {
                let mut next = format.clone();
                next.bind(name, chain);
                write_format(&self.path, &next)?;
                *format = next;
            }
        }
        Ok(prefix)
    }

    /// Every replica recorded here: name, prefix, and chain id if it was bound to one.
    #[must_use]
    pub fn replicas(&self) -> Vec<(String, ReplicaPrefix, Option<String>)> {
        self.lock_format().replicas()
    }

    /// Opens the store of this directory. Call it once.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O or damage.
    pub fn open_store(&self, options: &StoreOptions) -> Result<RocksStore, StoreFault> {
        RocksStore::open(&self.path.join("store"), options)
    }

    /// Opens the log of this directory; see [`ConsensusLog::open`]. Call it once, after the store has told the
    /// committed heights.
    ///
    /// # Errors
    /// [`LogFault`].
    pub fn open_log(
        &self,
        options: LogOptions,
        committed_in_store: &BTreeMap<ReplicaPrefix, u64>,
    ) -> Result<(ConsensusLog, Recovered), LogFault> {
        ConsensusLog::open(&self.path.join("log"), options, committed_in_store)
    }

    fn lock_format(&self) -> MutexGuard<'_, Format> {
        self.format.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
}

fn create_directory(path: &Path) -> Result<(), DirectoryError> {
    if path.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(path).map_err(io_error("creating", path))?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_directory(parent),
        None => Ok(()),
    }
}

/// Refuses a directory that holds files but no format file.
fn refuse_foreign(path: &Path) -> Result<(), DirectoryError> {
    let mut example = None;
    for entry in std::fs::read_dir(path).map_err(io_error("listing", path))? {
        let name = entry.map_err(io_error("listing", path))?.file_name().to_string_lossy().into_owned();
        match name.as_str() {
            FORMAT_FILE => return Ok(()),
            FORMAT_DRAFT | LOCK_FILE => {}
            _ => example = Some(name),
        }
    }
    example.map_or(Ok(()), |example| Err(DirectoryError::Foreign { path: path.to_owned(), example }))
}

fn lock(path: &Path) -> Result<File, DirectoryError> {
    let lock_path = path.join(LOCK_FILE);
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&lock_path)
        .map_err(io_error("opening", &lock_path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            // The holder may be between locking and writing its pid; then its words are just missing.
            let holder = pid_in(&mut file).map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
            return Err(DirectoryError::Locked { path: path.to_owned(), holder });
        }
        Err(TryLockError::Error(source)) => return Err(io_error("locking", &lock_path)(source)),
    }
    file.set_len(0)
        .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()))
        .map_err(io_error("writing", &lock_path))?;
    Ok(file)
}

fn write_format(path: &Path, format: &Format) -> Result<(), DirectoryError> {
    let draft = path.join(FORMAT_DRAFT);
    let write = || {
        let mut file = File::create(&draft)?;
        file.write_all(format.to_text().as_bytes())?;
        file.sync_all()
    };
    write().map_err(io_error("writing", &draft))?;
    std::fs::rename(&draft, path.join(FORMAT_FILE)).map_err(io_error("renaming", &draft))?;
    sync_directory(path)
}

fn sync_directory(path: &Path) -> Result<(), DirectoryError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(io_error("syncing", path))
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    move |source| DirectoryError::Io { doing, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
