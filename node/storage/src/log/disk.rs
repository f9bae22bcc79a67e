//! What the log needs of a file system, small enough that a test can replace it by one that fails.
//!
//! Names are plain file names within the log's directory. A created, renamed or removed name is durable after
//! [`LogDisk::sync_names`]; the bytes of a file after [`LogFile::sync`].

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that is only appended to.
pub(crate) trait LogFile: Send + Sync {
    /// Appends all bytes; on an error any part of them may have been written.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when all appended bytes are durable.
    fn sync(&self) -> io::Result<()>;
}

/// The directory of the log.
pub(crate) trait LogDisk: Send + Sync {
    /// Where it is, for messages.
    fn place(&self) -> String;
    /// All file names.
    fn names(&self) -> io::Result<Vec<String>>;
    /// A file's bytes.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// A new empty file; an existing one is emptied.
    fn create(&self, name: &str) -> io::Result<Arc<dyn LogFile>>;
    /// An existing file, durably cut to `length` bytes, to append to.
    fn cut(&self, name: &str, length: u64) -> io::Result<Arc<dyn LogFile>>;
    /// Renames a file.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_names(&self) -> io::Result<()>;
}

/// A directory of the operating system.
#[derive(Debug)]
pub(crate) struct OsDisk(PathBuf);

impl OsDisk {
    /// Opens a directory, creating it if absent.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            std::fs::create_dir_all(path)?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(Self(path.to_owned()))
    }
}

struct OsFile(File);

impl LogFile for OsFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl LogDisk for OsDisk {
    fn place(&self) -> String {
        self.0.display().to_string()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.0.join(name))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        // Emptied by `set_len`: append mode and truncation exclude each other at opening.
        let file = OpenOptions::new().create(true).append(true).open(self.0.join(name))?;
        file.set_len(0)?;
        Ok(Arc::new(OsFile(file)))
    }

    fn cut(&self, name: &str, length: u64) -> io::Result<Arc<dyn LogFile>> {
        let file = OpenOptions::new().append(true).open(self.0.join(name))?;
        file.set_len(length)?;
        file.sync_all()?;
        Ok(Arc::new(OsFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.0.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}
