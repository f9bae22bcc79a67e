//! Back-off: a proposer whose proposals keep holding keys of a chain in vain must wait, twice as long each time (ADR 0014).
//!
//! What counts is an abort that a proposer can bring about to hold keys: a timeout, its own Cancel after the start, a
//! conflict. A NO for business reasons does not, however often. A COMMIT with the chain forgets everything.

use super::usage::Window;
use super::{limits_of, proposer_use, review};
use crate::coordinator::RelayFacts;
use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::system::ProposalRecord;
use ledger_protocol::{Code, Height};

/// Relay blocks of the first back-off: about four seconds at 200 ms.
pub(super) const FIRST_BLOCKS: u64 = 20;
/// Relay blocks of the longest: about 17 minutes. As long after its end the next one begins at the first step again.
pub(super) const LONGEST_BLOCKS: u64 = FIRST_BLOCKS << STEPS;
const STEPS: u8 = 8;

/// What a proposer's aborts on a chain have led to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BackOff {
    /// Proposals that held keys in vain.
    pub vain: Window,
    /// Back-offs so far; each doubles the next.
    pub level: u8,
    /// The first height at which it may propose again.
    pub until: Height,
    /// The height at which the level is forgotten.
    pub forgotten_at: Height,
}

impl BackOff {
    /// One more held keys in vain. While it backs off, what it had begun before counts no further: a crowd that times
    /// out in one block is one step, not many.
    pub(super) fn count(&mut self, height: Height, max_vain: u32, window_blocks: u32) {
        if height < self.until {
            return;
        }
        self.vain.add(height, window_blocks);
        if self.vain.count < max_vain {
            return;
        }
        let blocks = FIRST_BLOCKS.checked_shl(u32::from(self.level.min(STEPS))).unwrap_or(LONGEST_BLOCKS);
        self.until = height.saturating_add(blocks);
        self.forgotten_at = self.until.saturating_add(LONGEST_BLOCKS);
        self.level = self.level.saturating_add(1).min(STEPS);
        self.vain = Window::default();
    }

    /// Forgets what has passed.
    pub(super) fn tidy(&mut self, height: Height) {
        self.vain.tidy(height);
        if height >= self.until {
            self.until = Height::ZERO;
        }
        if height >= self.forgotten_at {
            (self.level, self.forgotten_at) = (0, Height::ZERO);
        }
    }
}

/// Whether an abort of this code has held keys in vain by its proposer's doing.
const fn is_vain(code: Code) -> bool {
    matches!(code, Code::TIMEOUT | Code::CANCELLED | Code::CONFLICT)
}

/// A proposal that had started is decided: its proposer's standing with every chain whose keys it held follows.
pub(in crate::coordinator) fn note_end(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    record: &ProposalRecord,
    verdict: &DecisionVerdict,
) -> Result<(), StoreFault> {
    for leg in record.legs.iter().filter(|leg| leg.mode.votes()) {
        let mut usage = proposer_use(state, &leg.chain, &record.proposer)?;
        match verdict {
            DecisionVerdict::Commit { .. } if usage.back_off != BackOff::default() => {
                review::lift(state, facts, &leg.chain, &record.proposer, usage)?;
            }
            DecisionVerdict::Abort { code, .. } if is_vain(*code) => {
                let limits = limits_of(state, &leg.chain)?;
                usage.back_off.count(facts.height, limits.max_vain, limits.window_blocks);
                review::watch_proposer(state, facts, &leg.chain, &record.proposer, usage)?;
            }
            _ => {}
        }
    }
    Ok(())
}
