//! Why a proof object is refused: what was expected, and what was found.

use super::client::ClientError;
use super::state;
use crate::chain::CertificateError;
use crate::codec::DecodeError;
use crate::identifiers::{ChainId, Hash, Height};
use crate::merkle::MerkleError;

/// A proof that shows nothing. It accuses nobody: a proof may be damaged on its way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Bytes that are not the canonical encoding of a proof.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The file begins with other bytes than a proof file or a bundle.
    #[error("the file does not begin with a mark of this format: expected {expected}, found 0x{found}")]
    Mark {
        /// The marks that are read here.
        expected: &'static str,
        /// The file's first bytes, in hexadecimal.
        found: String,
    },
    /// A format version that this program does not read.
    #[error("the file is of format version {found}, this program reads version {expected}")]
    FormatVersion {
        /// Version of the file.
        found: u16,
        /// Version read here.
        expected: u16,
    },
    /// Bytes were changed, lost or added since the file was written.
    #[error("the file is damaged: its checksum says {expected}, its bytes give {found}")]
    Damaged {
        /// The checksum that the file ends with, in hexadecimal.
        expected: String,
        /// The checksum of its bytes, in hexadecimal.
        found: String,
    },
    /// An object of one chain where another's is meant.
    #[error("an object of chain {found} where one of {expected} is expected")]
    OtherChain {
        /// Chain of the object.
        found: ChainId,
        /// Chain expected.
        expected: ChainId,
    },
    /// A header of a protocol version that this code does not speak.
    #[error("the header at {height} is of protocol version {found}, this program speaks {expected}")]
    ProtocolVersion {
        /// Its height.
        height: Height,
        /// Its version.
        found: u16,
        /// Version spoken here.
        expected: u16,
    },
    /// A hash, a root or a set is another one than the trusted.
    #[error("{what}: expected {expected}, found {found}")]
    OtherHash {
        /// What is hashed.
        what: &'static str,
        /// What is trusted.
        expected: Hash,
        /// What was computed.
        found: Hash,
    },
    /// A height is not the one that belongs here.
    #[error("{what}: expected height {expected}, found {found}")]
    OtherHeight {
        /// Which height.
        what: &'static str,
        /// Height expected.
        expected: Height,
        /// Height found.
        found: Height,
    },
    /// A header above the checkpoint is expected.
    #[error("the header at {found} is not above the trusted height {trusted}")]
    NotAbove {
        /// Height of the header.
        found: Height,
        /// Height that is trusted.
        trusted: Height,
    },
    /// The zero hash stands where a hash is needed.
    #[error("{0} is the zero hash, which stands for nothing and is never trusted")]
    Zero(&'static str),
    /// A path does not lead where it must.
    #[error("{what}: {error}")]
    Path {
        /// Which path.
        what: &'static str,
        /// Why.
        error: MerkleError,
    },
    /// A state proof does not lead where it must.
    #[error("{what}: {error}")]
    State {
        /// Which proof.
        what: &'static str,
        /// Why.
        error: state::ProofError,
    },
    /// Headers, hand-offs, outbox leaves or lists that a light client refuses.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A certificate that proves nothing.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The parts of the proof do not belong together.
    #[error("{0}")]
    Mismatch(&'static str),
}

impl ProofError {
    /// Names the path that failed.
    pub(super) fn path(what: &'static str) -> impl FnOnce(MerkleError) -> Self {
        move |error| Self::Path { what, error }
    }
}
