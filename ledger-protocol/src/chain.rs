//! What every chain shows of itself: genesis, headers, validators, parameters, certificates, checkpoints.

mod block;
mod certificate;
mod checkpoint;
mod equivocation;
mod genesis;
mod header;
mod parameters;
mod validators;
mod verify_certificate;
mod votes;

pub use block::{Block, CertifiedHeader, Input, InputLeaf, MAX_BLOCK_INPUTS, Section};
pub use certificate::{CertificateError, CertificateKind, FinalityCertificate, SignerBitmap, quorum};
pub use checkpoint::Checkpoint;
pub use equivocation::{
    AccusedStep, Contradiction, EQUIVOCATION_MARK, EQUIVOCATION_VERSION, Equivocation, EquivocationError,
    MAX_EQUIVOCATION_BYTES, ProposalChoice, Signed, VerifiedEquivocation, VoteChoice,
};
pub use genesis::{ChainRole, ControlledBy, Genesis, Grant, LedgerGenesis, RelayAnchor};
pub use header::{CountedRoot, Header, LedgerLeaf};
pub use parameters::{Parameters, ParametersError};
pub use validators::{MAX_TOTAL_POWER, MAX_VALIDATORS, Validator, ValidatorSet, ValidatorSetError};
pub use verify_certificate::VerifiedCertificate;
pub use votes::{VoteKind, block_proposal_sign_bytes, vote_sign_bytes};
