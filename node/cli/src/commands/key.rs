//! `crosstie key`: keys that sign transactions, in DIR/keys.

use crate::args::{GlobalArgs, KeyCommand, SuiteArg};
use crate::exit::{Failure, Outcome};
use crate::keys::{Keys, Passphrase, ask, key_name, passphrase_of};
use crate::output::{Output, table};
use crate::text;
use ledger_protocol::Suite;
use ledger_protocol::suite::SecretKey;
use node_keys::{KeyEntry, Protection, Purpose};
use serde::Serialize;
use std::io::Read as _;
use std::path::Path;

/// Longest file that holds a secret.
const MAX_SECRET_BYTES: usize = 4_096;

#[derive(Serialize)]
struct KeyView {
    name: String,
    purpose: String,
    suite: String,
    public_key: String,
    address: String,
    is_protected: bool,
    file: String,
}

#[derive(Serialize)]
struct KeyList {
    keys: Vec<KeyView>,
    /// Files that cannot be read as a key, with the reason.
    unreadable: Vec<String>,
}

fn view(entry: &KeyEntry) -> KeyView {
    KeyView {
        name: entry.name.to_string(),
        purpose: entry.purpose.to_string(),
        suite: entry.public_key.suite().to_string(),
        public_key: entry.public_key.to_string(),
        address: entry.address.to_string(),
        is_protected: entry.is_protected,
        file: entry.file.display().to_string(),
    }
}

fn words(key: &KeyView) -> String {
    let protection = if key.is_protected { "under a passphrase" } else { "unencrypted: development only" };
    format!(
        "name        {}\nsuite       {}\npublic key  {}\naddress     {}\nsecret      {protection}\nfile        {}",
        key.name, key.suite, key.public_key, key.address, key.file
    )
}

pub(super) fn run(command: &KeyCommand, global: &GlobalArgs, output: &Output) -> Outcome {
    let keys = Keys::open(&global.directory(), None)?;
    match command {
        KeyCommand::New { name, suite, plain, passphrase_file } => {
            let name = key_name(name)?;
            let passphrase = protection(*plain, passphrase_file.as_deref())?;
            let suite = match suite {
                SuiteArg::Standard => Suite::Standard,
                SuiteArg::Guomi => Suite::Guomi,
            };
            let entry = keys.store().generate(&name, Purpose::Account, suite, sealed(passphrase.as_ref()))?;
            output.data(&view(&entry), words);
        }
        KeyCommand::Import { name, secret_file, plain, passphrase_file } => {
            let name = key_name(name)?;
            let secret = secret_of(secret_file)?;
            let passphrase = protection(*plain, passphrase_file.as_deref())?;
            let entry = keys.store().import(&name, Purpose::Account, &secret, sealed(passphrase.as_ref()))?;
            output.data(&view(&entry), words);
        }
        KeyCommand::Show { name } => output.data(&view(&keys.store().entry(&key_name(name)?)?), words),
        KeyCommand::List => {
            let mut list = KeyList { keys: Vec::new(), unreadable: Vec::new() };
            for entry in keys.store().list()? {
                match entry {
                    Ok(entry) => list.keys.push(view(&entry)),
                    Err(error) => list.unreadable.push(error.to_string()),
                }
            }
            for reason in &list.unreadable {
                output.warn(reason);
            }
            output.data(&list, |list| {
                let rows: Vec<Vec<String>> = list
                    .keys
                    .iter()
                    .map(|key| vec![key.name.clone(), key.suite.clone(), key.address.clone()])
                    .collect();
                table(&["NAME", "SUITE", "ADDRESS"], &rows)
            });
        }
    }
    Ok(())
}

/// The passphrase to seal a key under; none only if that was asked for.
fn protection(plain: bool, file: Option<&Path>) -> Outcome<Option<Passphrase>> {
    if plain {
        return Ok(None);
    }
    if let Some(file) = file {
        return passphrase_of(file).map(Some);
    }
    let none = || {
        Failure::usage("a key needs a passphrase, and there is no terminal to ask on")
            .next("give --passphrase-file FILE, or --plain for a development network")
    };
    let first = ask("New passphrase: ")?.ok_or_else(none)?;
    let second = ask("Once more: ")?.ok_or_else(none)?;
    if first != second {
        return Err(Failure::usage("the two passphrases differ").next("run the command again"));
    }
    Ok(Some(first))
}

fn sealed(passphrase: Option<&Passphrase>) -> Protection<'_> {
    passphrase.map_or(Protection::Plain, |passphrase| Protection::Passphrase(passphrase))
}

fn secret_of(file: &Path) -> Outcome<SecretKey> {
    let mut content = zeroize::Zeroizing::new(Vec::new());
    if file == Path::new("-") {
        let limit = u64::try_from(MAX_SECRET_BYTES).unwrap_or(u64::MAX);
        std::io::stdin()
            .lock()
            .take(limit)
            .read_to_end(&mut content)
            .map_err(|error| Failure::input(file, format_args!("stdin cannot be read: {error}")))?;
    } else {
        content.extend(text::read_bounded(file, MAX_SECRET_BYTES)?);
    }
    let secret = std::str::from_utf8(&content).map_err(|_| Failure::input_line(file, 1, "is not UTF-8 text"))?;
    SecretKey::from_text(secret.trim()).map_err(|error| {
        Failure::input_line(file, 1, error).next("the file must hold one ctsecret1… text and nothing else")
    })
}
