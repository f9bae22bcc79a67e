//! Why the consensus log cannot go on.

use crate::ReplicaPrefix;
use std::io;

/// A fault of the log. All but [`LogFault::Refused`] are fatal for every replica of the process: the host stops
/// them cleanly, and a restart recovers what is durable. Nothing is retried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogFault {
    /// The device is full.
    #[error(
        "no space left while {doing} ({file}): free disk space, then start the node again; nothing that was confirmed is lost"
    )]
    NoSpace {
        /// What the log was doing.
        doing: &'static str,
        /// The file or directory.
        file: String,
    },
    /// The device or file system failed.
    #[error("I/O error while {doing} ({file}): {message}; check the disk, then start the node again")]
    Io {
        /// What the log was doing.
        doing: &'static str,
        /// The file or directory.
        file: String,
        /// The words of the operating system.
        message: String,
    },
    /// Entries that were durable are damaged or gone. What this node signed is then unknown, so it must not vote.
    #[error(
        "the consensus log is damaged in {file} at byte {offset}: {reason}; keep the files for examination, do not \
         delete them to go on: this node could contradict its own votes. Restore the directory, or rejoin with a new validator key"
    )]
    Damaged {
        /// The segment.
        file: String,
        /// Where the damage begins.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A segment was written by a newer version.
    #[error("{file} has log version {found}, this program knows up to {known}: use the newer program")]
    Newer {
        /// The segment.
        file: String,
        /// Its version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The log knows of a commit that the store has lost, so the store was rolled back or restored from a copy.
    #[error(
        "replica {replica}: the log recorded the commit of height {height_in_log}, the store is at {height_in_store}; the \
         store was replaced by an older copy. Restore the newer one, or rejoin with a new validator key"
    )]
    StoreBehind {
        /// The replica.
        replica: ReplicaPrefix,
        /// The height in the log.
        height_in_log: u64,
        /// The height in the store.
        height_in_store: u64,
    },
    /// An earlier fault stopped the log.
    #[error("the consensus log is stopped since: {cause}")]
    Stopped {
        /// The first fault.
        cause: String,
    },
    /// The entry itself is not acceptable; the log goes on.
    #[error("entry refused: {0}")]
    Refused(String),
}

impl LogFault {
    /// The fault of an I/O error.
    pub(super) fn from_io(doing: &'static str, file: &str, error: &io::Error) -> Self {
        let file = file.to_owned();
        let full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        );
        if full { Self::NoSpace { doing, file } } else { Self::Io { doing, file, message: error.to_string() } }
    }

    /// What is answered to everyone after this fault.
    pub(super) fn afterwards(&self) -> Self {
        match self {
            Self::Stopped { .. } => self.clone(),
            first => Self::Stopped { cause: first.to_string() },
        }
    }
}
