//! Which signatures a trial makes and verifies: real ones, or stand-ins that are faster and prove nothing to a stranger.
//!
//! Stand-ins are only in builds with the feature `stand-in-signatures`. Elsewhere, as in every binary that ships,
//! [`Signatures::check`] refuses them with the line that builds one that has them; nothing falls back silently.

use super::ScenarioError;
use serde::Deserialize;

/// The signatures of a trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signatures {
    /// Ed25519 and SM2, every one made and verified.
    #[default]
    Real,
    /// A digest of key and message in each one's place. A forged one fails, as a forged signature does.
    StandIn,
}

impl Signatures {
    /// As scenario files, arguments and reports name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::StandIn => "stand-in",
        }
    }

    /// What is named so.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Real, Self::StandIn].into_iter().find(|signatures| signatures.name() == name)
    }

    /// Whether this build can make them.
    ///
    /// # Errors
    /// [`ScenarioError::Value`] for stand-ins in a build without them.
    pub fn check(self) -> Result<(), ScenarioError> {
        if self == Self::Real || cfg!(feature = "stand-in-signatures") {
            return Ok(());
        }
        Err(ScenarioError::value(
            "signatures",
            "this binary has no stand-in signatures; take \"real\", or build one that has them, for simulations alone: \
             `cargo run --profile ci -p node-cli --features stand-in-signatures -- sim`",
        ))
    }

    /// Makes this thread use them until the answer is dropped.
    ///
    /// # Panics
    /// When [`Self::check`] refuses them: a trial never says of itself what is not so.
    pub(crate) fn choose(self) -> Guard {
        if let Err(error) = self.check() {
            panic!("{error}");
        }
        Guard::new(self)
    }
}

/// Holds the choice for this thread.
pub(crate) struct Guard {
    #[cfg(feature = "stand-in-signatures")]
    _in_use: ledger_protocol::suite::stand_in::InUse,
}

impl Guard {
    #[cfg(feature = "stand-in-signatures")]
    fn new(signatures: Signatures) -> Self {
        Self { _in_use: ledger_protocol::suite::stand_in::use_here(signatures == Signatures::StandIn) }
    }

    #[cfg(not(feature = "stand-in-signatures"))]
    const fn new(_: Signatures) -> Self {
        Self {}
    }
}
