//! The format file: version and prefix table.

use super::{DirectoryError, FORMAT_VERSION};
use crate::prefix::ReplicaPrefix;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

const HEADER: &str = "# Crosstie data directory. Which keys belong to which chain is written here: do not edit.\n";

/// Prefixes are 1 to this; 0 is the process's own, and 0xffff stays free so that every prefix has a next one.
const LAST_PREFIX: u16 = 0xfffe;

/// The content of the format file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Format {
    format: u32,
    written_by: String,
    /// The next prefix to give out; always above every one given.
    next_prefix: u16,
    #[serde(default, rename = "replica")]
    replicas: Vec<Replica>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replica {
    name: String,
    prefix: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chain: Option<String>,
}

impl Format {
    pub(super) fn new() -> Self {
        Self { format: FORMAT_VERSION, written_by: this_program(), next_prefix: 1, replicas: Vec::new() }
    }

    /// Reads the file; the version is judged first, because only it is sure to be understood.
    pub(super) fn parse(directory: &Path, file: &Path, text: &str) -> Result<Self, DirectoryError> {
        let malformed = |reason: String| DirectoryError::Malformed { path: file.to_owned(), reason };
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| malformed(error.to_string()))?;
        let version = table.get("format").and_then(toml::Value::as_integer);
        let version = version.and_then(|version| u32::try_from(version).ok());
        let version =
            version.filter(|&version| version > 0).ok_or_else(|| malformed("no format version".to_owned()))?;
        if version > FORMAT_VERSION {
            let written_by = table.get("written_by").and_then(toml::Value::as_str).unwrap_or("an unknown program");
            let (path, written_by) = (directory.to_owned(), written_by.to_owned());
            return Err(DirectoryError::Newer { path, found: version, written_by });
        }
        let format: Self = table.try_into().map_err(|error: toml::de::Error| malformed(error.to_string()))?;
        format.check().map_err(|reason| malformed(reason.to_owned()))?;
        Ok(format)
    }

    /// Two replicas under one prefix would write into each other's books.
    fn check(&self) -> Result<(), &'static str> {
        let names: BTreeSet<_> = self.replicas.iter().map(|replica| &replica.name).collect();
        let prefixes: BTreeSet<_> = self.replicas.iter().map(|replica| replica.prefix).collect();
        if names.len() != self.replicas.len() {
            return Err("a replica name appears twice");
        }
        if prefixes.len() != self.replicas.len() {
            return Err("a prefix is given to two replicas");
        }
        if self.next_prefix == 0 || prefixes.contains(&0) || prefixes.iter().any(|&prefix| prefix >= self.next_prefix) {
            return Err("a prefix is not between 0 and the next one to give out");
        }
        Ok(())
    }

    pub(super) fn to_text(&self) -> String {
        // Every field is a number, a string or a list of such: serialisation has no way to fail.
        let body = toml::to_string(self).expect("a format table is always representable");
        format!("{HEADER}{body}")
    }

    pub(super) fn prefix_of(&self, name: &str) -> Option<ReplicaPrefix> {
        self.find(name).map(|replica| ReplicaPrefix::new(replica.prefix))
    }

    pub(super) fn chain_of(&self, name: &str) -> Option<&str> {
        self.find(name).and_then(|replica| replica.chain.as_deref())
    }

    /// Gives a new name its prefix; `None` if none is left.
    pub(super) fn add(&mut self, name: &str) -> Option<ReplicaPrefix> {
        let prefix = self.next_prefix;
        if prefix > LAST_PREFIX {
            return None;
        }
        self.next_prefix += 1;
        self.written_by = this_program();
        self.replicas.push(Replica { name: name.to_owned(), prefix, chain: None });
        Some(ReplicaPrefix::new(prefix))
    }

    pub(super) fn bind(&mut self, name: &str, chain: &str) {
        self.written_by = this_program();
        if let Some(replica) = self.replicas.iter_mut().find(|replica| replica.name == name) {
            replica.chain = Some(chain.to_owned());
        }
    }

    pub(super) fn replicas(&self) -> Vec<(String, ReplicaPrefix, Option<String>)> {
        let row = |replica: &Replica| (replica.name.clone(), ReplicaPrefix::new(replica.prefix), replica.chain.clone());
        self.replicas.iter().map(row).collect()
    }

    fn find(&self, name: &str) -> Option<&Replica> {
        self.replicas.iter().find(|replica| replica.name == name)
    }
}

fn this_program() -> String {
    concat!("crosstie ", env!("CARGO_PKG_VERSION")).to_owned()
}
