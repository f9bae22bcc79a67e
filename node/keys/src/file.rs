//! The key file: its JSON form, and how it comes to disk.
//!
//! Writing: a temporary file beside it, created for this user only, is written and synced, then linked to its name (a
//! link fails where a rename would overwrite), and the directory is synced. A crash leaves no key or the whole key, and
//! perhaps a temporary file whose name starts with a dot.

use crate::error::KeyStoreError;
use crate::seal::Secret;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// The format this version writes and reads.
pub(crate) const FORMAT: &str = "crosstie-key/1";

/// The longest file that is read.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A key file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyFile {
    pub(crate) format: String,
    pub(crate) name: String,
    pub(crate) purpose: String,
    pub(crate) suite: String,
    pub(crate) public_key: String,
    pub(crate) address: String,
    pub(crate) secret: Secret,
}

/// The one field that every format has.
#[derive(Deserialize)]
struct FormatOnly {
    format: String,
}

/// What is authenticated beside the secret, as unambiguous bytes.
pub(crate) fn public_part(name: &str, purpose: &str, suite: &str, public_key: &str) -> Vec<u8> {
    [FORMAT, name, purpose, suite, public_key].join("\n").into_bytes()
}

impl KeyFile {
    /// Reads a key file that is for this user only.
    ///
    /// # Errors
    /// An absent file is an `Io` error of the kind `NotFound`.
    pub(crate) fn read(path: &Path) -> Result<KeyFile, KeyStoreError> {
        let io = |source| KeyStoreError::Io { doing: "read", file: path.to_owned(), source };
        let damaged = |reason: String| KeyStoreError::Damaged { file: path.to_owned(), reason };
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(damaged("it is no regular file".into()));
        }
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyStoreError::OpenToOthers { file: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(Vec::new());
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text).map_err(io)?;
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(damaged(format!("it is longer than {MAX_FILE_BYTES} bytes")));
        }
        let FormatOnly { format } =
            serde_json::from_slice(&text).map_err(|error| damaged(format!("it is no key file ({error})")))?;
        if format != FORMAT {
            return Err(KeyStoreError::UnknownFormat { file: path.to_owned(), format });
        }
        serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))
    }

    /// Writes the file under a name that must not exist. `unique` is part of the temporary name.
    pub(crate) fn write_new(&self, directory: &Path, path: &Path, unique: &str) -> Result<(), KeyStoreError> {
        let temporary = directory.join(format!(".{}.{unique}.tmp", self.name));
        let result = self.write_temporary(&temporary).and_then(|()| publish(&temporary, path));
        // The link holds the file now, or the attempt failed; either way this name is of no more use.
        let removed = std::fs::remove_file(&temporary);
        result?;
        removed.map_err(|source| KeyStoreError::Io { doing: "remove", file: temporary, source })?;
        let sync = || File::open(directory)?.sync_all();
        sync().map_err(|source| KeyStoreError::Io { doing: "sync", file: directory.to_owned(), source })
    }

    fn write_temporary(&self, temporary: &Path) -> Result<(), KeyStoreError> {
        let io = |source| KeyStoreError::Io { doing: "write", file: temporary.to_owned(), source };
        let mut text = Zeroizing::new(Vec::with_capacity(4096));
        serde_json::to_writer_pretty(&mut *text, self).map_err(|error| io(error.into()))?;
        text.push(b'\n');
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary).map_err(io)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(io)
    }
}

fn publish(temporary: &Path, path: &Path) -> Result<(), KeyStoreError> {
    std::fs::hard_link(temporary, path).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => KeyStoreError::Exists { file: path.to_owned() },
        _ => KeyStoreError::Io { doing: "create", file: path.to_owned(), source },
    })
}
