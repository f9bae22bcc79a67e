//! What can go wrong with a key store. Every message names the file and says what to do.

use crate::name::KeyName;
use crate::store::Purpose;
use std::path::PathBuf;

/// A key store's fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// There is a key of this name already.
    #[error("{} exists; key files are never overwritten: choose another name, or move the file away", file.display())]
    Exists {
        /// The key's file.
        file: PathBuf,
    },
    /// There is no key of this name.
    #[error("there is no key `{name}`: {} does not exist; list the keys to see their names", file.display())]
    Missing {
        /// The name asked for.
        name: KeyName,
        /// Where its file would be.
        file: PathBuf,
    },
    /// The file cannot be read as a key.
    #[error("{} is damaged: {reason}; restore it from a backup", file.display())]
    Damaged {
        /// The key's file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file was written by a newer version.
    #[error("{} has the format `{format}`, which this version does not know; use a newer version", file.display())]
    UnknownFormat {
        /// The key's file.
        file: PathBuf,
        /// What it says.
        format: String,
    },
    /// The key is sealed and no passphrase was given.
    #[error("{} is protected by a passphrase; give it", file.display())]
    PassphraseNeeded {
        /// The key's file.
        file: PathBuf,
    },
    /// The passphrase does not open the key.
    #[error("the passphrase does not open {}; try again, and if you are sure of it, the file was changed: restore it from a backup", file.display())]
    WrongPassphrase {
        /// The key's file.
        file: PathBuf,
    },
    /// A key cannot be sealed under an empty passphrase.
    #[error("the passphrase is empty; give one, or choose a plain key file for a development network")]
    EmptyPassphrase,
    /// Other users may read or write the file.
    #[error("{} may be used by others (mode {mode:03o}); run: chmod 600 {}", file.display(), file.display())]
    OpenToOthers {
        /// The key's file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key was made for something else.
    #[error("{} holds a key for `{actual}`, and one for `{expected}` is needed; name another key", file.display())]
    WrongPurpose {
        /// The key's file.
        file: PathBuf,
        /// What the key is to be used for.
        expected: Purpose,
        /// What it was made for.
        actual: Purpose,
    },
    /// A network key is an Ed25519 key.
    #[error("a network key belongs to the suite `standard`, whatever the chain's suite is")]
    NetworkKeySuite,
    /// The system refused.
    #[error("cannot {doing} {}", file.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file or directory.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The system gives no randomness.
    #[error("the system gives no random bytes: {reason}")]
    NoRandomness {
        /// What the system said.
        reason: String,
    },
}
