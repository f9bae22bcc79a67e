//! How a command ends: exit codes and failures that say what happened, where, and what to do next.
//!
//! The codes are part of the interface (`docs/cli.md`): a code never changes its meaning.

use serde::Serialize;
use std::fmt;
use std::path::Path;

/// Why a command did not do what was asked. The number is the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub(crate) enum Kind {
    /// The chain refused, or a proof does not verify.
    Refused = 1,
    /// The command line does not make sense.
    Usage = 2,
    /// Nothing of that name, id or height.
    NotFound = 3,
    /// No node that could answer can be reached.
    Unreachable = 4,
    /// A file that was given cannot be used.
    InputFile = 5,
    /// A node or this program failed.
    Internal = 6,
    /// It did not happen within the deadline; it may still happen.
    TimedOut = 7,
}

impl Kind {
    /// The process's exit code.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

/// What went wrong, where, and what to do next.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Failure {
    /// What class of failure.
    pub(crate) kind: Kind,
    /// What happened.
    pub(crate) what: String,
    /// File and line, or the address that was asked.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    /// The protocol's stable code, where one says why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u16>,
}

/// What every command returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure of a class with words.
    pub(crate) fn new(kind: Kind, what: impl fmt::Display) -> Self {
        Self { kind, what: what.to_string(), place: None, next: None, code: None }
    }

    /// The chain refused, or a proof does not verify.
    pub(crate) fn refused(what: impl fmt::Display) -> Self {
        Self::new(Kind::Refused, what)
    }

    /// The arguments contradict each other or the network.
    pub(crate) fn usage(what: impl fmt::Display) -> Self {
        Self::new(Kind::Usage, what)
    }

    /// Nothing of that name.
    pub(crate) fn not_found(what: impl fmt::Display) -> Self {
        Self::new(Kind::NotFound, what)
    }

    /// A file that was given.
    pub(crate) fn input(file: &Path, what: impl fmt::Display) -> Self {
        Self::new(Kind::InputFile, what).at(file.display())
    }

    /// A line of a file that was given.
    pub(crate) fn input_line(file: &Path, line: u64, what: impl fmt::Display) -> Self {
        Self::new(Kind::InputFile, what).at(format_args!("{}:{line}", file.display()))
    }

    /// Something here or in a node failed.
    pub(crate) fn internal(what: impl fmt::Display) -> Self {
        Self::new(Kind::Internal, what)
    }

    /// Not within the deadline.
    pub(crate) fn timed_out(what: impl fmt::Display) -> Self {
        Self::new(Kind::TimedOut, what)
    }

    /// Where it happened.
    #[must_use]
    pub(crate) fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(place.to_string());
        self
    }

    /// What to do next.
    #[must_use]
    pub(crate) fn next(mut self, next: impl fmt::Display) -> Self {
        self.next = Some(next.to_string());
        self
    }

    /// The protocol's code.
    #[must_use]
    pub(crate) const fn with_code(mut self, code: u16) -> Self {
        self.code = Some(code);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(place) = &self.place {
            write!(f, "\n  where: {place}")?;
        }
        if let Some(next) = &self.next {
            write!(f, "\n  next:  {next}")?;
        }
        Ok(())
    }
}

impl From<node_runtime::ConfigError> for Failure {
    fn from(error: node_runtime::ConfigError) -> Self {
        Self::new(Kind::InputFile, error.reason).at(error.file)
    }
}

impl From<node_keys::KeyStoreError> for Failure {
    fn from(error: node_keys::KeyStoreError) -> Self {
        use node_keys::KeyStoreError as E;
        let kind = match error {
            E::Missing { .. } => Kind::NotFound,
            E::Exists { .. } | E::EmptyPassphrase | E::PassphraseNeeded { .. } | E::NetworkKeySuite => Kind::Usage,
            E::NoRandomness { .. } => Kind::Internal,
            _ => Kind::InputFile,
        };
        let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        let next = match &error {
            E::Missing { .. } => Some("crosstie key list"),
            E::PassphraseNeeded { .. } => Some("give --passphrase-file FILE, or run the command on a terminal"),
            _ => None,
        };
        let failure = Self::new(kind, format!("{error}{cause}"));
        match next {
            Some(next) => failure.next(next),
            None => failure,
        }
    }
}
