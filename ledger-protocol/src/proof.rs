//! Proof objects and their strict verifiers. A verifier returns the value it verified.

pub mod bundle;
pub mod client;
pub mod state;

mod change;
mod consistency;
mod error;
pub(crate) mod file;
mod header;
mod message;
mod record;
mod transaction;
mod value;

pub use bundle::{Bundle, BundleError, VerifiedBundle};
pub use change::{
    ChangeInclusion, ChangeProof, KeyPlace, UnchangedForm, UnchangedProof, VerifiedChange, VerifiedUnchanged,
};
pub use consistency::{ConsistencyProof, VerifiedConsistency};
pub use error::ProofError;
pub use file::{
    AnyProof, CHECKSUM_BYTES, FileError, NamedConsistency, PROOF_MARK, PROOF_VERSION, VerifiedFile, checksum,
    verify_file,
};
pub use header::{AboveCheckpoint, CertifiedHead, HeaderProof, MAX_PROOF_HANDOFFS, OlderHeader, ProvenHeader, Target};
pub use message::{
    AnchoredMessage, ClientStanding, MessageInclusion, MessageProof, VerifiedMessage, VouchedMessage, message_hash,
};
pub use record::{RecordProof, RecordState, RecordVersion, VerifiedRecord};
pub use transaction::{EventProof, InputInclusion, ShownInput, TransactionProof, VerifiedEvent, VerifiedTransaction};
pub use value::{
    ChangedIn, LaterChange, LedgerStateProof, Standing, StateInclusion, ValueForm, ValueProof, VerifiedLedgerState,
    VerifiedValue, Written, WrittenChange,
};
