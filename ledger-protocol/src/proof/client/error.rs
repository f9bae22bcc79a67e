//! Why a light client refuses a proof.

use crate::chain::{CertificateError, ValidatorSetError};
use crate::identifiers::{ChainId, Hash, Height, Sequence, TimestampMs};
use crate::merkle::MerkleError;

/// A proof that shows nothing. Says nothing about the honesty of the chain it names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// An object of one chain where another's is meant.
    #[error("an object of chain {got:?} where one of {expected:?} is needed")]
    OtherChain {
        /// Chain of the object.
        got: ChainId,
        /// Chain needed.
        expected: ChainId,
    },
    /// A header of a protocol version that this code does not speak.
    #[error("the header at {height} is of protocol version {version}, which is not known here")]
    Version {
        /// Its height.
        height: Height,
        /// Its version.
        version: u16,
    },
    /// The header is not above the trusted one: known already, or older.
    #[error("the header at {got} is not above the trusted height {trusted}")]
    NotAbove {
        /// Height of the header.
        got: Height,
        /// The trusted height.
        trusted: Height,
    },
    /// Block time does not rise.
    #[error("the header's time {got} is not above the trusted {trusted}")]
    Time {
        /// Time of the header.
        got: TimestampMs,
        /// Time of the trusted header.
        trusted: TimestampMs,
    },
    /// The header names another set than the trusted one for its height: a hand-off is missing in between.
    #[error("the header is certified by set {got}, the trusted set is {trusted}")]
    OtherSet {
        /// Set the header names.
        got: Hash,
        /// Set that is trusted for it.
        trusted: Hash,
    },
    /// The header names other validators for the next block: it moves a client only as a hand-off.
    #[error("the header at {0} is a hand-off and must come as one")]
    IsHandoff(Height),
    /// The header offered as a hand-off names the same validators for the next block.
    #[error("the header at {0} hands nothing off")]
    IsNoHandoff(Height),
    /// The set offered is not the one that the header names for the next block.
    #[error("the header names next validators {expected}, the set offered hashes to {got}")]
    NextSet {
        /// Hash of the set offered.
        got: Hash,
        /// Hash the header names.
        expected: Hash,
    },
    /// The set that a hand-off names is no validator set of the chain.
    #[error(transparent)]
    Validators(#[from] ValidatorSetError),
    /// A path does not lead where it must.
    #[error("{what}: {error}")]
    Path {
        /// Which path.
        what: &'static str,
        /// Why.
        error: MerkleError,
    },
    /// The certificate proves nothing.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// An outbox leaf that contradicts itself.
    #[error("the outbox leaf contradicts itself: {0}")]
    Leaf(&'static str),
    /// A list that is not the one under its leaf.
    #[error("the message list is not the one under its leaf: {0}")]
    List(&'static str),
    /// The header offered as known is not the trusted one.
    #[error("the header offered as known hashes to {got}, the trusted one to {trusted}")]
    NotTrusted {
        /// Hash offered.
        got: Hash,
        /// Hash trusted.
        trusted: Hash,
    },
    /// The lists do not continue the receiver's counter.
    #[error("the next message expected is {expected}, the list starts at {got}")]
    Gap {
        /// The receiver's counter.
        expected: Sequence,
        /// First sequence of the list.
        got: Sequence,
    },
    /// Blocks of an Advance that are not in order, or a head that is not last.
    #[error("the delivered blocks are not in order: {0}")]
    Order(&'static str),
    /// A block without messages does not belong into an Advance.
    #[error("a delivered block holds no message for the receiver")]
    EmptyBlock,
    /// Above 256 messages or 256 KiB.
    #[error("the lists hold {messages} messages of {bytes} bytes, above the limit")]
    TooMuch {
        /// Messages in all.
        messages: usize,
        /// Encoded message bytes in all.
        bytes: usize,
    },
    /// The head shows undelivered messages and the Advance carries none.
    #[error("the head shows messages up to {head}, the receiver waits for {expected} and no list is carried")]
    RunsAhead {
        /// The receiver's counter.
        expected: Sequence,
        /// The next sequence after the head.
        head: Sequence,
    },
    /// The head knows fewer messages than the receiver has.
    #[error("the head's next message is {head}, the receiver already waits for {expected}")]
    Behind {
        /// The receiver's counter after the Advance.
        expected: Sequence,
        /// The next sequence after the head.
        head: Sequence,
    },
    /// A known head without a list says nothing new.
    #[error("a known head without a list")]
    NothingNew,
    /// An Advance without a list, less than a full step after the trusted header.
    #[error("without a list, time {got} is not a full step of {step_ms} ms after the trusted {trusted}")]
    NoFullStep {
        /// Time of the head.
        got: TimestampMs,
        /// Time of the trusted header.
        trusted: TimestampMs,
        /// The step.
        step_ms: u64,
    },
    /// Evidence that shows no fault.
    #[error("the evidence shows no fault: {0}")]
    NoFault(&'static str),
    /// The trusted history names no validator set for a height.
    #[error("no validator set is known for height {0}")]
    NoSet(Height),
    /// A number left its range.
    #[error("a number left its range")]
    Range,
}

impl ClientError {
    /// Names the path that failed.
    pub(super) fn path(what: &'static str) -> impl FnOnce(MerkleError) -> Self {
        move |error| Self::Path { what, error }
    }
}
