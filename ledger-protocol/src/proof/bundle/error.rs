//! Why a bundle is refused, and which part of it is to blame.

use crate::identifiers::{ChainId, Height};
use crate::proof::ProofError;
use crate::proposal::ProposalError;
use std::fmt;

/// A part of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The file around it.
    File,
    /// The newest relay header.
    Head,
    /// Another relay header.
    Block(Height),
    /// The Submit.
    Submission,
    /// The proposal's record.
    Record,
    /// The registry record of a leg's chain.
    Control(ChainId),
    /// The Vote of a leg's chain.
    Vote(ChainId),
    /// The Outcome of a leg's chain.
    Outcome(ChainId),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("bundle file"),
            Self::Head => f.write_str("newest relay header"),
            Self::Block(height) => write!(f, "relay block {height}"),
            Self::Submission => f.write_str("submission"),
            Self::Record => f.write_str("proposal record"),
            Self::Control(chain) => write!(f, "registry record of {chain}"),
            Self::Vote(chain) => write!(f, "vote of {chain}"),
            Self::Outcome(chain) => write!(f, "outcome of {chain}"),
        }
    }
}

/// A bundle that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// A part does not verify.
    #[error("{part}: {error}")]
    Part {
        /// Which.
        part: Part,
        /// Why.
        error: Box<ProofError>,
    },
    /// A relay block that a part names is not in the bundle.
    #[error("{part}: relay block {height} is needed and not in the bundle")]
    NoBlock {
        /// The part that needs it.
        part: Part,
        /// Its height.
        height: Height,
    },
    /// A relay block that no part names.
    #[error("relay block {0} is in the bundle and belongs to nothing")]
    SurplusBlock(Height),
    /// The Submit breaks a rule of its form.
    #[error("submission: {0}")]
    Form(#[from] ProposalError),
    /// A signature of the Submit's transaction, an approval or an authorisation does not fit.
    #[error("submission: signature {index} of {count} does not fit its key and text")]
    Signature {
        /// Its place: signers first, then approvals, then authorisations.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// Parts that cannot both be true.
    #[error("{part}: expected {expected}, found {found}")]
    Contradiction {
        /// The part that does not fit the others.
        part: Part,
        /// What the other parts say.
        expected: String,
        /// What this part says.
        found: String,
    },
}

impl BundleError {
    /// Names the part that failed.
    pub(super) fn part(part: Part) -> impl FnOnce(ProofError) -> Self {
        move |error| Self::Part { part, error: Box::new(error) }
    }
}

/// Refuses two values that must be equal and are not.
pub(super) fn same<T: PartialEq + fmt::Debug>(
    part: Part,
    what: &str,
    expected: &T,
    found: &T,
) -> Result<(), BundleError> {
    if expected == found {
        return Ok(());
    }
    contradiction(part, format!("{what} {expected:?}"), format!("{found:?}"))
}

/// Refuses parts that cannot both be true.
pub(super) fn contradiction<T>(
    part: Part,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> Result<T, BundleError> {
    Err(BundleError::Contradiction { part, expected: expected.into(), found: found.into() })
}
