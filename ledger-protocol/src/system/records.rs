//! Records of ledger 0 that proofs show to people outside the chain.

use crate::chain::{CertificateKind, ControlledBy, Equivocation};
use crate::codec::{Bounded, Text};
use crate::codes::Code;
use crate::identifiers::{Address, ChainId, Hash, Height, ProposalId, SuiteHash, TimestampMs};
use crate::interchain::{ChainLimits, DecisionVerdict, ServicePolicy};
use crate::proposal::{LegMode, MAX_LEGS};
use crate::transaction::Choice;
use borsh::{BorshDeserialize, BorshSerialize};

/// What a chain trusts of another: rule R7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ClientRecord {
    /// The followed chain.
    pub chain: ChainId,
    /// Kind of its certificates.
    pub kind: CertificateKind,
    /// The trusted height.
    pub height_on_source: Height,
    /// Hash of the header there.
    pub header_hash_on_source: SuiteHash,
    /// Its block time.
    pub timestamp_ms_on_source: TimestampMs,
    /// Hash of the set that certifies the next height, by the source's suite.
    pub next_validators_hash_on_source: Hash,
    /// Height of the last registration, hand-off or re-anchor header.
    pub last_handoff_height_on_source: Height,
}

/// A chain's standing in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ChainStatus {
    /// Known, not yet admitted to proposals.
    Registered = 1,
    /// Takes part.
    Active = 2,
    /// Taken out of new proposals until a height.
    Paused {
        /// Until which relay height.
        until: Height,
    } = 3,
    /// Proven faulty, or frozen by motion.
    Frozen = 4,
    /// Leaving: no new proposals until every leg is closed and acknowledged.
    Retiring = 5,
    /// Gone.
    Retired = 6,
}

/// A chain's registry record.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChainRecord {
    /// The chain.
    pub chain: ChainId,
    /// Its name for people.
    pub name: Text<64>,
    /// Its standing.
    pub status: ChainStatus,
    /// Whether an outcome is overdue: no new proposals until none is.
    pub lagging: bool,
    /// Whether old keys are known to have signed twice; cleared by motion.
    pub suspect: bool,
    /// Kind of its certificates.
    pub kind: CertificateKind,
    /// Its heartbeat, in milliseconds.
    pub heartbeat_ms: u32,
    /// The longest t_prep it accepts, in relay blocks.
    pub max_t_prep: u32,
    /// Who controls it.
    pub controlled_by: ControlledBy,
    /// Its limits.
    pub limits: ChainLimits,
    /// Who may address its ledgers.
    pub services: Bounded<ServicePolicy, 64>,
}

/// The state of a proposal on the relay (§3 of the proposal protocol).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ProposalState {
    /// Waits for its scopes.
    Queued = 1,
    /// Prepares sent, votes awaited.
    Preparing = 2,
    /// Decided COMMIT, outcomes awaited.
    Committing = 3,
    /// Decided ABORT, outcomes awaited.
    Aborting = 4,
    /// Committed and closed everywhere.
    Committed = 5,
    /// Aborted and closed everywhere.
    Aborted = 6,
    /// Never started.
    Rejected = 7,
}

impl ProposalState {
    /// Whether nothing more happens to it.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Committed | Self::Aborted | Self::Rejected)
    }

    /// Its name in interfaces and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Preparing => "preparing",
            Self::Committing => "committing",
            Self::Aborting => "aborting",
            Self::Committed => "committed",
            Self::Aborted => "aborted",
            Self::Rejected => "rejected",
        }
    }
}

/// How far one leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LegPhase {
    /// Nothing proven yet.
    Waiting = 1,
    /// A proven YES.
    VotedYes {
        /// Hash of the whole vote message, by the chain's suite.
        message_hash: SuiteHash,
        /// The voted write-set root.
        write_set_root: SuiteHash,
    } = 2,
    /// Closed by a proven Outcome.
    ClosedByOutcome {
        /// Hash of the whole outcome message, by the chain's suite.
        message_hash: SuiteHash,
    } = 3,
    /// Closed by a proven NO.
    ClosedByNo {
        /// Hash of the whole vote message, by the chain's suite.
        message_hash: SuiteHash,
    } = 4,
    /// Closed by an Outcome DISPUTED after a re-anchor.
    Disputed = 5,
    /// Closed by an Outcome that contradicts the decision; the chain is frozen.
    Broken = 6,
    /// A NOTIFY leg that has run.
    Noted {
        /// How it went.
        code: Code,
    } = 7,
}

/// One leg in a proposal's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LegStatus {
    /// The leg's chain.
    pub chain: ChainId,
    /// Its mode.
    pub mode: LegMode,
    /// How far it is.
    pub phase: LegPhase,
}

/// A proposal's record on the relay.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProposalRecord {
    /// The proposal.
    pub id: ProposalId,
    /// Who proposed.
    pub proposer: Address,
    /// Its state.
    pub state: ProposalState,
    /// Relay height at which it was submitted.
    pub submitted_at: Height,
    /// Relay height at which it began; 0 while queued or when rejected.
    pub started_at: Height,
    /// Last height at which a vote counts; 0 while queued or when rejected.
    pub deadline: Height,
    /// Last height at which it may leave the queue.
    pub valid_until: Height,
    /// The decision; written once.
    pub decision: Choice<DecisionVerdict>,
    /// Relay height of the decision; 0 before.
    pub decided_at: Height,
    /// Its legs, in order.
    pub legs: Bounded<LegStatus, MAX_LEGS>,
}

/// A validator's contradiction, as it was reported and verified: who reads it can verify it again. It changes nothing
/// by itself; what follows from it is for the chain's governance to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EquivocationRecord {
    /// Height at which it was reported.
    pub reported_at: Height,
    /// Who reported it: the first author of the transaction.
    pub reporter: Address,
    /// The two statements.
    pub equivocation: Equivocation,
}
