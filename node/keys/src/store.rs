//! The key store: a directory of key files.

use crate::error::KeyStoreError;
use crate::file::{FORMAT, KeyFile, public_part};
use crate::name::KeyName;
use crate::seal::{Protection, SealError, Secret, random};
use crate::signer::FileSigner;
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{Address, PublicKey, Suite};
use std::fmt;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// How key files' names end.
const EXTENSION: &str = ".key.json";

/// What a key is for. A key made for one thing is not used for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Signs transactions, proposals and motions.
    Account,
    /// Signs consensus votes and blocks.
    Validator,
    /// Authenticates a node's connections; always Ed25519.
    Network,
}

impl Purpose {
    const ALL: [Purpose; 3] = [Purpose::Account, Purpose::Validator, Purpose::Network];

    const fn text(self) -> &'static str {
        match self {
            Purpose::Account => "account",
            Purpose::Validator => "validator",
            Purpose::Network => "network",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// The public part of a stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// Its name in the store.
    pub name: KeyName,
    /// What it is for.
    pub purpose: Purpose,
    /// The public key, which names its suite.
    pub public_key: PublicKey,
    /// The public key's address.
    pub address: Address,
    /// Whether the secret is sealed under a passphrase; a plain one is for development networks only.
    pub is_protected: bool,
    /// Its file.
    pub file: PathBuf,
}

/// A directory of key files.
#[derive(Debug, Clone)]
pub struct KeyStore {
    directory: PathBuf,
}

impl KeyStore {
    /// Opens the store in `directory`, which is made, for this user only, if it does not exist.
    ///
    /// # Errors
    /// The directory cannot be made, or is none.
    pub fn open(directory: impl Into<PathBuf>) -> Result<KeyStore, KeyStoreError> {
        let directory = directory.into();
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        made.map_err(|source| KeyStoreError::Io { doing: "create", file: directory.clone(), source })?;
        Ok(KeyStore { directory })
    }

    /// The store's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the file of a key is or would be.
    pub fn file_of(&self, name: &KeyName) -> PathBuf {
        self.directory.join(format!("{name}{EXTENSION}"))
    }

    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    /// As [`Self::import`].
    pub fn generate(
        &self,
        name: &KeyName,
        purpose: Purpose,
        suite: Suite,
        protection: Protection<'_>,
    ) -> Result<KeyEntry, KeyStoreError> {
        let file = self.file_of(name);
        let seed = random::<32>().map_err(|error| named(&file, error))?;
        self.import(name, purpose, &SecretKey::from_seed(suite, *seed), protection)
    }

    /// Stores a key.
    ///
    /// # Errors
    /// The name is taken, the passphrase is empty, a network key is not Ed25519, or the system refuses.
    pub fn import(
        &self,
        name: &KeyName,
        purpose: Purpose,
        key: &SecretKey,
        protection: Protection<'_>,
    ) -> Result<KeyEntry, KeyStoreError> {
        if purpose == Purpose::Network && key.suite() != Suite::Standard {
            return Err(KeyStoreError::NetworkKeySuite);
        }
        let path = self.file_of(name);
        // Spares the derivation; what decides is the link when the file is published.
        if path.symlink_metadata().is_ok() {
            return Err(KeyStoreError::Exists { file: path });
        }
        let public_key = key.public_key();
        let (suite, public_text) = (key.suite().to_string(), public_key.to_string());
        let authenticated = public_part(name.as_str(), purpose.text(), &suite, &public_text);
        let secret = Secret::new(&key.to_bytes(), protection, &authenticated).map_err(|error| named(&path, error))?;
        let is_protected = secret.is_protected();
        let address = public_key.address();
        let file = KeyFile {
            format: FORMAT.to_owned(),
            name: name.to_string(),
            purpose: purpose.text().to_owned(),
            suite,
            public_key: public_text,
            address: address.to_string(),
            secret,
        };
        let unique = random::<8>().map_err(|error| named(&path, error))?;
        file.write_new(&self.directory, &path, &hex::encode(unique.as_slice()))?;
        Ok(KeyEntry { name: name.clone(), purpose, public_key, address, is_protected, file: path })
    }

    /// The store's keys by name, without their secrets. A file that cannot be read as a key is an error in its place.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn list(&self) -> Result<Vec<Result<KeyEntry, KeyStoreError>>, KeyStoreError> {
        let io = |source| KeyStoreError::Io { doing: "read", file: self.directory.clone(), source };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(io)? {
            let file_name = entry.map_err(io)?.file_name();
            // Whatever has another name is no key: temporary files, notes.
            let name = file_name.to_str().and_then(|text| text.strip_suffix(EXTENSION)?.parse::<KeyName>().ok());
            names.extend(name);
        }
        names.sort();
        Ok(names.iter().map(|name| self.entry(name)).collect())
    }

    /// The public part of a key. It is what the file says; only opening the secret proves it.
    ///
    /// # Errors
    /// There is no such key, or its file is damaged or open to others.
    pub fn entry(&self, name: &KeyName) -> Result<KeyEntry, KeyStoreError> {
        self.read(name).map(|(entry, _)| entry)
    }

    /// Opens a key for signing. `passphrase` is needed if the key is protected.
    ///
    /// # Errors
    /// As [`Self::entry`]; the passphrase is missing or wrong; or the key is for something other than `purpose`.
    pub fn signer(
        &self,
        name: &KeyName,
        purpose: Purpose,
        passphrase: Option<&[u8]>,
    ) -> Result<FileSigner, KeyStoreError> {
        self.secret_key(name, purpose, passphrase).map(FileSigner::new)
    }

    /// The seed of a node's network key (Ed25519, RFC 8032).
    ///
    /// # Errors
    /// As [`Self::signer`].
    pub fn network_seed(
        &self,
        name: &KeyName,
        passphrase: Option<&[u8]>,
    ) -> Result<Zeroizing<[u8; 32]>, KeyStoreError> {
        self.secret_key(name, Purpose::Network, passphrase).map(|key| key.to_bytes())
    }

    /// Opens a key's secret, for export or for a signer of another kind.
    ///
    /// # Errors
    /// As [`Self::signer`].
    pub fn secret_key(
        &self,
        name: &KeyName,
        purpose: Purpose,
        passphrase: Option<&[u8]>,
    ) -> Result<SecretKey, KeyStoreError> {
        let (entry, file) = self.read(name)?;
        if entry.purpose != purpose {
            return Err(KeyStoreError::WrongPurpose { file: entry.file, expected: purpose, actual: entry.purpose });
        }
        let authenticated = public_part(&file.name, &file.purpose, &file.suite, &file.public_key);
        let opened = file.secret.open(passphrase, &authenticated).map_err(|error| named(&entry.file, error))?;
        let key = SecretKey::from_bytes(entry.public_key.suite(), &opened)
            .map_err(|error| damaged(&entry.file, error.to_string()))?;
        if key.public_key() != entry.public_key {
            return Err(damaged(&entry.file, "its secret belongs to another public key".into()));
        }
        Ok(key)
    }

    fn read(&self, name: &KeyName) -> Result<(KeyEntry, KeyFile), KeyStoreError> {
        let path = self.file_of(name);
        let file = KeyFile::read(&path).map_err(|error| match error {
            KeyStoreError::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
                KeyStoreError::Missing { name: name.clone(), file: path.clone() }
            }
            other => other,
        })?;
        if file.name != name.as_str() {
            let reason = format!("it holds the key `{}` and was renamed by hand", printable(&file.name));
            return Err(damaged(&path, reason));
        }
        let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.text() == file.purpose);
        let purpose = purpose
            .ok_or_else(|| damaged(&path, format!("the purpose `{}` is not known", printable(&file.purpose))))?;
        let public_key: PublicKey =
            file.public_key.parse().map_err(|error| damaged(&path, format!("`public_key`: {error}")))?;
        let address = public_key.address();
        if file.suite != public_key.suite().to_string() || file.address != address.to_string() {
            return Err(damaged(&path, "its suite, public key and address do not belong together".into()));
        }
        let entry = KeyEntry {
            name: name.clone(),
            purpose,
            public_key,
            address,
            is_protected: file.secret.is_protected(),
            file: path,
        };
        Ok((entry, file))
    }
}

fn damaged(file: &Path, reason: String) -> KeyStoreError {
    KeyStoreError::Damaged { file: file.to_owned(), reason }
}

fn named(file: &Path, error: SealError) -> KeyStoreError {
    let file = file.to_owned();
    match error {
        SealError::NoRandomness(reason) => KeyStoreError::NoRandomness { reason },
        SealError::EmptyPassphrase => KeyStoreError::EmptyPassphrase,
        SealError::PassphraseNeeded => KeyStoreError::PassphraseNeeded { file },
        SealError::WrongPassphrase => KeyStoreError::WrongPassphrase { file },
        SealError::Damaged(reason) => KeyStoreError::Damaged { file, reason },
    }
}

/// The start of a text from a file, safe to print.
fn printable(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_default).collect()
}
