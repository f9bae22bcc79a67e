//! What a verified bundle says.

use crate::chain::ControlledBy;
use crate::codes::Code;
use crate::identifiers::{ChainId, Height, ProposalId, Sequence, TimestampMs, TransactionId};
use crate::interchain::{DecisionVerdict, OutcomeResult, Verdict};
use crate::proposal::{LegMode, ProposalBody};
use crate::system::{ChainStatus, ProposalRecord};

/// A proposal, proven end to end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct VerifiedBundle {
    /// The proposal.
    pub id: ProposalId,
    /// What was proposed, approved and authorised.
    pub body: ProposalBody,
    /// The transaction that carried it.
    pub transaction: TransactionId,
    /// The relay block that ordered it.
    pub submitted_at: Height,
    /// Its block time.
    pub submitted_at_ms: TimestampMs,
    /// The proposal's record, as the block of the decision wrote it (before a decision, as the bundle shows it).
    pub record: ProposalRecord,
    /// The relay block that wrote this version of the record.
    pub recorded_at: Height,
    /// Its block time.
    pub recorded_at_ms: TimestampMs,
    /// The decision, if the record holds one.
    pub decision: Option<DecisionVerdict>,
    /// Per leg, in order; empty for a rejected proposal.
    pub legs: Vec<VerifiedLeg>,
    /// Whether everything is shown.
    pub completeness: Completeness,
    /// Relay hand-offs that had to be trusted between the checkpoint and the newest relay header.
    pub trusted_handoffs: Vec<Height>,
    /// Signatures of signers, approvers and authorisers that were verified.
    pub signatures: usize,
}

/// One leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedLeg {
    /// Its chain.
    pub chain: ChainId,
    /// What it does there.
    pub mode: LegMode,
    /// Who controls the chain, as the relay's registry says.
    pub controlled_by: ControlledBy,
    /// The chain's standing when the registry record was written.
    pub chain_status: ChainStatus,
    /// The relay block that wrote this version of the registry record.
    pub control_recorded_at: Height,
    /// Its Vote, if shown.
    pub vote: Option<ShownMessage<Verdict>>,
    /// Its Outcome, if shown.
    pub outcome: Option<ShownMessage<OutcomeResult>>,
    /// How it ended.
    pub end: LegEnd,
}

/// A message of a leg's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownMessage<T> {
    /// What it says.
    pub content: T,
    /// Its number from the chain to the relay.
    pub sequence: Sequence,
    /// The block of the chain that sent it.
    pub height_on_source: Height,
    /// Its block time.
    pub timestamp_ms_on_source: TimestampMs,
    /// The relay block that wrote the client record under which it was ordered.
    pub trusted_at: Height,
    /// Its block time.
    pub trusted_at_ms: TimestampMs,
}

/// How a leg ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegEnd {
    /// Nothing shown closes it.
    Open,
    /// Its writes are in the books.
    Applied,
    /// Its writes were dropped, its locks freed.
    Released,
    /// Nothing was ever held there.
    Refused,
    /// It voted NO.
    RefusedByNo {
        /// Why.
        code: Code,
    },
    /// After a re-anchor the chain no longer knew the proposal.
    Disputed,
    /// A NOTIFY leg that ran once.
    Noted {
        /// How it went.
        code: Code,
    },
    /// Its Outcome contradicts the decision or its own vote: the chain broke its promise, and this proves it.
    Broken,
}

impl LegEnd {
    /// Whether nothing more is awaited of the leg.
    pub const fn is_closed(self) -> bool {
        !matches!(self, Self::Open)
    }
}

/// Whether a bundle shows everything that it can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// Rejected; or each voting leg is closed by its Outcome or its NO and, for COMMIT, has its YES.
    Complete,
    /// Something is missing; what is shown holds all the same.
    Partial(Vec<Missing>),
}

/// What a partial bundle lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The record shows no decision.
    Decision,
    /// The YES of a voting leg of a committed proposal.
    Vote(ChainId),
    /// The Outcome or NO that closes a voting leg.
    End(ChainId),
}
