//! A timeout counts against the silent chain too: legs without a vote at their deadline are counted, and a chain with
//! more of them in a window than its limit is LAGGING until the window has passed.
//!
//! A leg that had less time than anybody is advised to give, or whose call may never have been opened, is not held
//! against the chain: a proposer could make any chain look silent by it.

use super::{chain_use, limits_of, review};
use crate::coordinator::{RelayFacts, record};
use crate::registry;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::ChainId;
use ledger_protocol::proposal::Call;
use ledger_protocol::system::{LegPhase, ProposalRecord};

/// The shortest t_prep whose timeout counts, in relay blocks: the least that a proposer is advised to give (§5).
pub(super) const FAIR_T_PREP_BLOCKS: u64 = 20;

/// A proposal's deadline has passed.
pub(in crate::coordinator) fn note_timeout(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    record: &ProposalRecord,
) -> Result<(), StoreFault> {
    if record.deadline.0.saturating_sub(record.started_at.0) < FAIR_T_PREP_BLOCKS {
        return Ok(());
    }
    let submit = record::submit_of(state, &record.id)?;
    for status in record.legs.iter().filter(|leg| leg.mode.votes() && leg.phase == LegPhase::Waiting) {
        let is_open = submit.body.legs.find(&status.chain).is_some_and(|leg| matches!(leg.call, Call::Plain(_)));
        if is_open {
            note_silent_leg(state, facts, &status.chain)?;
        }
    }
    Ok(())
}

fn note_silent_leg(state: &mut BlockState<'_>, facts: &RelayFacts, chain: &ChainId) -> Result<(), StoreFault> {
    let limits = limits_of(state, chain)?;
    let mut usage = chain_use(state, chain)?;
    usage.silent.add(facts.height, limits.window_blocks);
    if usage.silent.count > limits.max_silent && usage.silent_until <= facts.height {
        usage.silent_until = usage.silent.ends;
        registry::set_lagging(state, chain, true)?;
    }
    review::watch_chain(state, facts, chain, usage)
}

/// Whether silence keeps a chain out of new proposals.
pub(in crate::coordinator) fn is_silent(state: &BlockState<'_>, chain: &ChainId) -> Result<bool, StoreFault> {
    Ok(chain_use(state, chain)?.silent_until.0 > 0)
}
