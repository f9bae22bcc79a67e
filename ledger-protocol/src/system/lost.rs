//! What the relay keeps of intervals of its own blocks that were lost.
//!
//! Bounds: [`MAX_LOST_INTERVALS`] intervals, as many legs per proposal as a proposal may have.

use super::LegPhase;
use crate::codec::{Bounded, Text};
use crate::identifiers::{ChainId, Height, ProposalId};
use crate::interchain::DecisionVerdict;
use crate::proposal::MAX_LEGS;
use borsh::{BorshDeserialize, BorshSerialize};

/// Most lost intervals of one relay.
pub const MAX_LOST_INTERVALS: usize = 16;

/// An interval of relay blocks that were lost.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LostInterval {
    /// First height whose block was lost.
    pub first_lost: Height,
    /// Last height of the lost branch that anybody accepted.
    pub last_lost: Height,
    /// Height of the motion that said so.
    pub decided_at: Height,
    /// Why.
    pub reason: Text<256>,
}

/// Every lost interval, in the order of the motions.
pub type LostIntervals = Bounded<LostInterval, MAX_LOST_INTERVALS>;

/// How a proposal ends that began in a lost interval: nothing is known of it but what chains show of their own legs.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LostProposal {
    /// The proposal.
    pub id: ProposalId,
    /// Relay height at which it began, on the lost branch.
    pub started_at: Height,
    /// Always ABORT; written once.
    pub decision: DecisionVerdict,
    /// Relay height of the decision.
    pub decided_at: Height,
    /// The legs that were shown, ascending by chain; each with the phase `Waiting` until it is closed by proof.
    pub legs: Bounded<LostLeg, MAX_LEGS>,
}

/// A leg that a chain was shown to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LostLeg {
    /// The chain.
    pub chain: ChainId,
    /// The deadline that the chain noted.
    pub deadline: Height,
    /// How far it is.
    pub phase: LegPhase,
}
