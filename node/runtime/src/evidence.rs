//! What convicts validators, one file each, beside a node's keys.
//!
//! It lies outside the data directory, because no peer can give it back: a node whose data is thrown away and made
//! again keeps it. A file is written beside its place, synced, renamed, and the directory synced; there is one per
//! chain, height and validator, and what is there already is left as it is.
//! Bounds: [`MAX_FILES`] files, [`MAX_FILES_PER_VALIDATOR`] of one validator. Writing may block on the disk.

use ledger_protocol::chain::{Equivocation, MAX_EQUIVOCATION_BYTES};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Name of the folder, inside a node's own directory.
pub const EVIDENCE: &str = "evidence";
/// Most files of one folder.
pub const MAX_FILES: usize = 1_024;
/// Most files about one validator of one chain: as many as its chain takes reports.
pub const MAX_FILES_PER_VALIDATOR: usize = chain_ledger::equivocations::MAX_REPORTS_PER_VALIDATOR;

const EXTENSION: &str = "equivocation";

/// A node's folder of evidence. It is made when there is something to keep.
#[derive(Debug, Clone)]
pub struct EvidenceFolder {
    path: PathBuf,
}

/// What became of an equivocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is on the disk now, in this file.
    New(PathBuf),
    /// It was there already.
    Known,
    /// There is no more room for it.
    Full,
}

/// A file of the folder.
#[derive(Debug, Clone)]
pub struct KeptFile {
    /// Where.
    pub file: PathBuf,
    /// What it holds, its signatures verified; words when it holds nothing of worth.
    pub content: Result<Equivocation, String>,
}

impl EvidenceFolder {
    /// The folder of a node with this directory.
    pub fn of_node(home: &Path) -> Self {
        Self { path: home.join(EVIDENCE) }
    }

    /// Keeps an equivocation that was verified; durable when this returns.
    ///
    /// # Errors
    /// I/O: then nothing is there under its name.
    pub fn keep(&self, equivocation: &Equivocation) -> io::Result<Kept> {
        let of_validator = prefix(equivocation);
        let name = format!("{of_validator}{}.{EXTENSION}", equivocation.height);
        let place = self.path.join(&name);
        if place.exists() {
            return Ok(Kept::Known);
        }
        let names = self.names()?;
        let same = names.iter().filter(|name| name.starts_with(&of_validator)).count();
        if names.len() >= MAX_FILES || same >= MAX_FILES_PER_VALIDATOR {
            return Ok(Kept::Full);
        }
        std::fs::create_dir_all(&self.path)?;
        let draft = self.path.join(format!("{name}.partial"));
        let mut file = File::create(&draft)?;
        file.write_all(&equivocation.to_file())?;
        file.sync_all()?;
        std::fs::rename(&draft, &place)?;
        File::open(&self.path)?.sync_all()?;
        Ok(Kept::New(place))
    }

    /// Every file, by name; none when there is no folder.
    ///
    /// # Errors
    /// I/O on the folder. A file that cannot be read is listed as such.
    pub fn list(&self) -> io::Result<Vec<KeptFile>> {
        let mut names = self.names()?;
        names.sort();
        names.truncate(MAX_FILES);
        let files = names.into_iter().map(|name| self.path.join(name));
        Ok(files.map(|file| KeptFile { content: read(&file), file }).collect())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if Path::new(&name).extension().is_some_and(|extension| extension == EXTENSION) {
                names.push(name);
            }
        }
        Ok(names)
    }
}

/// Chain and validator, shortened: a name is a place, the content says whose it is.
fn prefix(equivocation: &Equivocation) -> String {
    let short = |hash: &[u8; 32]| hex::encode(hash.first_chunk::<8>().copied().unwrap_or_default());
    let (chain, validator) = (&equivocation.chain.hash, equivocation.address().hash);
    format!("{}-{}-", short(chain.as_bytes()), short(validator.as_bytes()))
}

/// Reads a file and verifies the signatures in it. Whether its key is a validator's the chain says.
///
/// # Errors
/// Words: it cannot be read, is no such file, or proves nothing.
pub fn read(file: &Path) -> Result<Equivocation, String> {
    let limit = u64::try_from(MAX_EQUIVOCATION_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let opened = File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    opened.map_err(|error| format!("cannot be read: {error}"))?;
    let equivocation = Equivocation::from_file(&bytes).map_err(|error| error.to_string())?;
    equivocation.verify_signatures().map_err(|error| error.to_string())?;
    Ok(equivocation)
}

#[cfg(test)]
mod tests;
