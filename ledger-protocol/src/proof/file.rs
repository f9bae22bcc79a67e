//! Proof files: a mark, a format version, one proof in borsh, a checksum, nothing after. What a file proves it says
//! itself.
//!
//! The checksum finds damage, no forger: whoever changes a file on purpose computes it anew and meets the proof. It is
//! there because the question stands in the file: with a damaged key a proof of absence is a true proof that *another*
//! key is absent, and a reader who asked for the first one must not be told so.
//! Bounds: [`MAX_BUNDLE_BYTES`] for every file. Errors: [`FileError`], never a panic, for any bytes.

use super::ProofError;
use super::bundle::{BUNDLE_MARK, Bundle, BundleError, MAX_BUNDLE_BYTES, VerifiedBundle};
use super::change::{ChangeProof, UnchangedProof, VerifiedChange, VerifiedUnchanged};
use super::consistency::{ConsistencyProof, VerifiedConsistency};
use super::header::{HeaderProof, ProvenHeader};
use super::message::{AnchoredMessage, VerifiedMessage};
use super::record::{RecordProof, VerifiedRecord};
use super::transaction::{EventProof, TransactionProof, VerifiedEvent, VerifiedTransaction};
use super::value::{LedgerStateProof, ValueProof, VerifiedLedgerState, VerifiedValue};
use crate::chain::Checkpoint;
use crate::codec::{DecodeError, decode, encode};
use crate::suite::Suite;
use borsh::{BorshDeserialize, BorshSerialize};

/// The first bytes of a proof file.
pub const PROOF_MARK: [u8; 8] = *b"CTPROOF\0";
/// The format version that is written and read here.
pub const PROOF_VERSION: u16 = 1;
/// Bytes of the checksum at the end of proof files and bundles.
pub const CHECKSUM_BYTES: usize = 8;

macro_rules! proofs {
    ($($(#[$doc:meta])* $name:ident($proof:ty) -> $verified:ty = $code:literal, $starts:literal;)*) => {
        /// Every proof that a proof file can hold.
        #[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        pub enum AnyProof { $($(#[$doc])* $name(Box<$proof>) = $code,)* }

        /// What a proof file was verified to say.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[must_use]
        pub enum VerifiedFile {
            $($(#[$doc])* $name(Box<$verified>),)*
            /// One proposal, end to end.
            Bundle(Box<VerifiedBundle>),
        }

        impl AnyProof {
            /// Code, name and the header field at which each proof starts.
            pub const ALL: &'static [(u8, &'static str, &'static str)] = &[$(($code, stringify!($proof), $starts),)*];

            /// Verifies the proof from a checkpoint.
            ///
            /// # Errors
            /// [`ProofError`].
            pub fn verify(&self, checkpoint: &Checkpoint) -> Result<VerifiedFile, ProofError> {
                match self {
                    $(Self::$name(proof) => proof.verify(checkpoint).map(|value| VerifiedFile::$name(Box::new(value))),)*
                }
            }
        }
    };
}

proofs! {
    /// A header.
    Header(HeaderProof) -> ProvenHeader = 1, "history";
    /// A transaction or system input with its receipt.
    Transaction(TransactionProof) -> VerifiedTransaction = 2, "transactions, receipts";
    /// An event.
    Event(EventProof) -> VerifiedEvent = 3, "events";
    /// A change.
    Change(ChangeProof) -> VerifiedChange = 4, "changes";
    /// A key that did not change in a block.
    Unchanged(UnchangedProof) -> VerifiedUnchanged = 5, "changes";
    /// What stands at a key.
    LedgerState(LedgerStateProof) -> VerifiedLedgerState = 6, "ledgers";
    /// The value of a key over a span of heights.
    Value(ValueProof) -> VerifiedValue = 7, "changes, ledgers";
    /// A message.
    Message(AnchoredMessage) -> VerifiedMessage = 8, "outbox";
    /// A proposal's record.
    Record(RecordProof) -> VerifiedRecord = 9, "ledgers";
    /// Two checkpoints of one history, of which the reader trusts one.
    Consistency(NamedConsistency) -> VerifiedConsistency = 10, "history";
}

/// A consistency proof with the two checkpoints that it is about.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NamedConsistency {
    /// The older checkpoint.
    pub older: Checkpoint,
    /// The newer checkpoint.
    pub newer: Checkpoint,
    /// What ties them together.
    pub proof: ConsistencyProof,
}

impl NamedConsistency {
    /// Verifies the proof for a reader who trusts one of the two checkpoints.
    ///
    /// Who trusts the newer may now trust the older. Who trusts the older has learnt that the newer claims it, no more.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, trusted: &Checkpoint) -> Result<VerifiedConsistency, ProofError> {
        if *trusted != self.older && *trusted != self.newer {
            return Err(ProofError::Mismatch("neither of the two checkpoints of the file is the trusted one"));
        }
        self.proof.verify(&self.older, &self.newer)
    }
}

/// A file that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// A proof file.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

impl AnyProof {
    /// The file: mark, version, borsh, checksum, nothing after.
    pub fn to_file(&self) -> Vec<u8> {
        with_mark(&PROOF_MARK, PROOF_VERSION, self)
    }

    /// Reads a proof file.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn from_file(bytes: &[u8]) -> Result<Self, ProofError> {
        without_mark(&PROOF_MARK, "CTPROOF\\0 or CTBUNDLE", PROOF_VERSION, bytes, MAX_BUNDLE_BYTES)
    }
}

/// Verifies a proof file or a bundle from a checkpoint; the mark says which it is.
///
/// # Errors
/// [`FileError`].
pub fn verify_file(bytes: &[u8], checkpoint: &Checkpoint) -> Result<VerifiedFile, FileError> {
    if bytes.starts_with(&BUNDLE_MARK) {
        let verified = Bundle::from_file(bytes)?.verify(checkpoint)?;
        return Ok(VerifiedFile::Bundle(Box::new(verified)));
    }
    Ok(AnyProof::from_file(bytes)?.verify(checkpoint)?)
}

/// The checksum that stands behind `bytes`, which end before it: the beginning of their SHA-256, whatever the suite of
/// the chain.
pub fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = Suite::Standard.hash_parts(&[bytes]);
    digest.0.first_chunk().copied().unwrap_or_default()
}

/// Mark, version, borsh, checksum.
pub(crate) fn with_mark<T: BorshSerialize>(mark: &[u8; 8], version: u16, object: &T) -> Vec<u8> {
    let mut bytes = mark.to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(encode(object));
    bytes.extend(checksum(&bytes));
    bytes
}

/// Reads what [`with_mark`] wrote.
pub(crate) fn without_mark<T: BorshDeserialize>(
    mark: &[u8; 8],
    expected: &'static str,
    version: u16,
    bytes: &[u8],
    limit: usize,
) -> Result<T, ProofError> {
    if bytes.len() > limit {
        return Err(DecodeError::TooLong { got: bytes.len(), limit }.into());
    }
    let Some(rest) = bytes.strip_prefix(mark) else {
        let first = bytes.iter().take(mark.len()).copied().collect::<Vec<u8>>();
        return Err(ProofError::Mark { expected, found: hex::encode(first) });
    };
    let Some((found, rest)) = rest.split_first_chunk::<2>() else {
        return Err(DecodeError::Malformed("the file ends before its version".into()).into());
    };
    let found = u16::from_le_bytes(*found);
    if found != version {
        return Err(ProofError::FormatVersion { found, expected: version });
    }
    let (Some((object, stated)), Some((before, _))) =
        (rest.split_last_chunk::<CHECKSUM_BYTES>(), bytes.split_last_chunk::<CHECKSUM_BYTES>())
    else {
        return Err(DecodeError::Malformed("the file ends before its checksum".into()).into());
    };
    let computed = checksum(before);
    if computed != *stated {
        return Err(ProofError::Damaged { expected: hex::encode(stated), found: hex::encode(computed) });
    }
    Ok(decode(object, limit)?)
}
