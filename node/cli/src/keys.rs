//! Keys of the network's directory, opened for signing.
//!
//! A passphrase comes from a file or, on a terminal, from the keyboard; never from the command line.

use crate::exit::{Failure, Outcome};
use crate::text;
use ledger_protocol::Address;
use ledger_protocol::suite::SecretKey;
use node_keys::{KeyName, KeyStore, Purpose};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Longest passphrase file.
const MAX_PASSPHRASE_BYTES: usize = 4_096;

/// The account keys of a network directory.
#[derive(Debug)]
pub(crate) struct Keys {
    store: KeyStore,
    passphrase_file: Option<PathBuf>,
}

impl Keys {
    /// Opens DIR/keys.
    pub(crate) fn open(directory: &Path, passphrase_file: Option<&Path>) -> Outcome<Self> {
        let store = KeyStore::open(directory.join("keys"))?;
        Ok(Self { store, passphrase_file: passphrase_file.map(Path::to_owned) })
    }

    /// The store.
    pub(crate) const fn store(&self) -> &KeyStore {
        &self.store
    }

    /// Name of the account key with this address, if it is here.
    pub(crate) fn named(&self, address: &Address) -> Outcome<Option<KeyName>> {
        let entries = self.store.list()?.into_iter().filter_map(Result::ok);
        let mut found = entries.filter(|entry| entry.purpose == Purpose::Account && entry.address == *address);
        Ok(found.next().map(|entry| entry.name))
    }

    /// Opens an account key.
    pub(crate) fn account(&self, name: &str) -> Outcome<SecretKey> {
        let name = key_name(name)?;
        let entry = self.store.entry(&name)?;
        if !entry.is_protected {
            return Ok(self.store.secret_key(&name, Purpose::Account, None)?);
        }
        let passphrase = match &self.passphrase_file {
            Some(file) => Some(passphrase_of(file)?),
            None => ask(&format!("Passphrase of {name}: "))?,
        };
        Ok(self.store.secret_key(&name, Purpose::Account, passphrase.as_deref().map(Vec::as_slice))?)
    }
}

/// A key's name.
pub(crate) fn key_name(name: &str) -> Outcome<KeyName> {
    text::parse("key name", name)
}

/// A secret that is wiped when it is dropped.
pub(crate) type Passphrase = zeroize::Zeroizing<Vec<u8>>;

/// The first line of a file.
pub(crate) fn passphrase_of(file: &Path) -> Outcome<Passphrase> {
    let content = zeroize::Zeroizing::new(text::read_bounded(file, MAX_PASSPHRASE_BYTES)?);
    let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(Failure::input_line(file, 1, "the passphrase is empty").next("put it on the file's first line"));
    }
    Ok(zeroize::Zeroizing::new(line.to_vec()))
}

/// Asks on the terminal without echo; nothing when there is no terminal.
pub(crate) fn ask(prompt: &str) -> Outcome<Option<Passphrase>> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Ok(None);
    }
    let failed = |error: rustix::io::Errno| Failure::internal(format_args!("the terminal does not answer: {error}"));
    let before = tcgetattr(&stdin).map_err(failed)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    let mut stderr = std::io::stderr();
    // A prompt that cannot be shown must not keep anybody from typing.
    write!(stderr, "{prompt}").and_then(|()| stderr.flush()).ok();
    tcsetattr(&stdin, OptionalActions::Flush, &silent).map_err(failed)?;
    let mut line = zeroize::Zeroizing::new(Vec::new());
    let limit = u64::try_from(MAX_PASSPHRASE_BYTES).unwrap_or(u64::MAX);
    let read = stdin.lock().take(limit).read_until(b'\n', &mut line);
    tcsetattr(&stdin, OptionalActions::Flush, &before).map_err(failed)?;
    writeln!(stderr).ok();
    read.map_err(|error| Failure::internal(format_args!("the terminal does not answer: {error}")))?;
    while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        line.pop();
    }
    Ok(Some(line))
}
