//! The bundle: one binary file that proves one proposal end to end from one checkpoint of the relay.
//!
//! It holds the Submit with its inclusion, the proposal's record at its decision, and per leg who controls its chain,
//! its Vote and its Outcome, each under a certificate of the chain's own validators and under the client record with
//! which the relay trusted the block. It is complete or says what is missing ([`Completeness`]).
//!
//! Bounds: [`MAX_BUNDLE_BYTES`]; at most [`MAX_RELAY_BLOCKS`] relay blocks, 16 legs, two certificates per leg. Errors:
//! [`BundleError`], never a panic, for any bytes.

mod error;
mod legs;
mod verified;
mod verify;

pub use error::{BundleError, Part};
pub use verified::{Completeness, LegEnd, Missing, ShownMessage, VerifiedBundle, VerifiedLeg};

use super::file;
use super::header::{HeaderProof, OlderHeader};
use super::message::{ClientStanding, MessageProof};
use super::record::RecordVersion;
use super::transaction::InputInclusion;
use crate::chain::{Checkpoint, ValidatorSet};
use crate::codec::{Bounded, Ordered, SortedVec};
use crate::identifiers::Height;
use crate::proposal::MAX_LEGS;
use borsh::{BorshDeserialize, BorshSerialize};

/// Largest bundle.
pub const MAX_BUNDLE_BYTES: usize = 8 << 20;
/// Most relay blocks beside the newest: two for Submit and record, three for each of 16 legs.
pub const MAX_RELAY_BLOCKS: usize = 64;
/// The first bytes of a bundle file.
pub const BUNDLE_MARK: [u8; 8] = *b"CTBUNDLE";
/// The format version that is written and read here.
pub const BUNDLE_VERSION: u16 = 1;

impl Ordered for OlderHeader {
    type Key = Height;
    fn key(&self) -> Height {
        self.header.height
    }
}

/// Where the relay ordered the Submit.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Submission {
    /// The relay block.
    pub height_on_relay: Height,
    /// Which operation of the transaction is the Submit.
    pub operation: u16,
    /// The whole transaction and its receipt.
    pub inclusion: InputInclusion,
}

/// One version of a record of the relay's ledger 0, and the block that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RecordAt {
    /// The relay block.
    pub height_on_relay: Height,
    /// The record.
    pub record: RecordVersion,
}

/// A Vote or an Outcome.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MessageEvidence {
    /// The chain's client record with which the relay ordered the message.
    pub client: RecordAt,
    /// Where the certified header stands as seen from that record.
    pub standing: ClientStanding,
    /// The set that the certified header names; its certificate is checked against it.
    pub validators: ValidatorSet,
    /// The message under its certificate.
    pub proof: MessageProof,
}

/// The messages of one leg.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LegMessages {
    /// None is shown.
    Silent = 1,
    /// Its Vote.
    Voted {
        /// The Vote.
        vote: Box<MessageEvidence>,
    } = 2,
    /// Its Outcome.
    Ended {
        /// The Outcome.
        outcome: Box<MessageEvidence>,
    } = 3,
    /// Both.
    VotedAndEnded {
        /// The Vote.
        vote: Box<MessageEvidence>,
        /// The Outcome.
        outcome: Box<MessageEvidence>,
    } = 4,
}

/// What is shown of one leg.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LegEvidence {
    /// The chain's registry record: who controls it.
    pub control: RecordAt,
    /// Its messages.
    pub messages: LegMessages,
}

/// What became of the proposal.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Course {
    /// It was rejected before it started; Submit and record are all there is.
    Rejected = 1,
    /// It waits, or it was started: one entry per leg, in order.
    Legs(Bounded<LegEvidence, MAX_LEGS>) = 2,
}

/// Everything that proves one proposal.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Bundle {
    /// The newest relay header, tied to the checkpoint.
    pub head: HeaderProof,
    /// The other relay headers that are needed, in the history of the newest; each is used.
    pub blocks: SortedVec<OlderHeader, MAX_RELAY_BLOCKS>,
    /// The Submit.
    pub submission: Submission,
    /// The proposal's record: the version that the block of the decision wrote; before a decision, any.
    pub record: RecordAt,
    /// What became of it.
    pub course: Course,
}

impl Bundle {
    /// The file: mark, version, borsh, checksum, nothing after.
    pub fn to_file(&self) -> Vec<u8> {
        file::with_mark(&BUNDLE_MARK, BUNDLE_VERSION, self)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`BundleError::Part`] with [`Part::File`].
    pub fn from_file(bytes: &[u8]) -> Result<Self, BundleError> {
        file::without_mark(&BUNDLE_MARK, "CTBUNDLE", BUNDLE_VERSION, bytes, MAX_BUNDLE_BYTES)
            .map_err(BundleError::part(Part::File))
    }

    /// Verifies the whole bundle from a checkpoint of the relay, offline.
    ///
    /// Hash links come first, then the signatures: of the relay's validators, of each leg's chain, and of everybody
    /// who signed, approved or authorised the Submit.
    ///
    /// # Errors
    /// [`BundleError`] names the part that does not hold.
    pub fn verify(&self, checkpoint: &Checkpoint) -> Result<VerifiedBundle, BundleError> {
        verify::verify(self, checkpoint)
    }
}
