//! Operations that propose a motion on the relay and vote for it.

use crate::build::on;
use crate::exit::Outcome;
use crate::text;
use ledger_protocol::interchain::Motion;
use ledger_protocol::transaction::{LedgerOperation, MotionProposal, MotionVote, Operation};
use ledger_protocol::{Hash, Height, LedgerId, Suite};

/// Relay blocks during which a motion takes votes, unless said otherwise.
pub(crate) const DEFAULT_MOTION_BLOCKS: u64 = 50_000;

/// A motion to be opened.
#[derive(Debug, Clone)]
pub(crate) struct MotionPlan {
    /// What to decide.
    pub(crate) motion: Motion,
    /// Why, for people.
    pub(crate) reason: String,
    /// Relay blocks during which votes count.
    pub(crate) valid_for_blocks: u64,
    /// Whether the signers vote for it at once.
    pub(crate) vote: bool,
}

impl MotionPlan {
    /// Decides this at once, by the signers.
    pub(crate) fn of(motion: Motion, reason: &str) -> Self {
        Self { motion, reason: reason.to_owned(), valid_for_blocks: DEFAULT_MOTION_BLOCKS, vote: true }
    }

    /// The motion's id and the operations that open it, at a height of a relay of this suite.
    pub(crate) fn operations(self, suite: Suite, height_on_relay: u64) -> Outcome<(Hash, Vec<LedgerOperation>)> {
        let proposal = MotionProposal {
            motion: self.motion,
            reason: text::words("the reason", &self.reason)?,
            valid_until: Height(height_on_relay.saturating_add(self.valid_for_blocks)),
            nonce: text::random_u64()?,
        };
        let id = chain_ledger::motions::motion_id(suite, &proposal);
        let mut operations = vec![on(LedgerId::SYSTEM.0, Operation::ProposeMotion(proposal))];
        if self.vote {
            operations.push(on(LedgerId::SYSTEM.0, Operation::VoteMotion(MotionVote { motion: id, approve: true })));
        }
        Ok((id, operations))
    }
}
