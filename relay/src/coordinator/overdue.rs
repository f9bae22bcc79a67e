//! Outcomes that do not come: after T_out a chain is LAGGING until none is overdue. Never a change of state.

use super::due::due;
use super::{RelayFacts, T_OUT_BLOCKS, limits};
use crate::registry;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::{ChainId, Height, ProposalId};

/// Working area: (last height in time, id, chain) of every Outcome expected and not overdue.
const EXPECTED: &str = "outcomes-expected";
/// Working area: (chain, id) of every Outcome overdue.
const OVERDUE: &str = "outcomes-overdue";
/// Most Outcomes that become overdue in one block; more follow in the next one.
const MAX_MARKED: usize = 4_096;

fn expected_key(decided_at: Height, id: &ProposalId, chain: &ChainId) -> Vec<u8> {
    let mut key = decided_at.saturating_add(T_OUT_BLOCKS).0.to_be_bytes().to_vec();
    key.extend(encode(&(id, chain)));
    key
}

/// A Decision was announced to a leg.
pub(super) fn expect_outcome(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    id: &ProposalId,
    chain: &ChainId,
) -> Result<(), StoreFault> {
    state.put_working(EXPECTED, &expected_key(facts.height, id, chain), &[])
}

/// A leg is closed.
pub(super) fn outcome_came(
    state: &mut BlockState<'_>,
    id: &ProposalId,
    chain: &ChainId,
    decided_at: Height,
) -> Result<(), StoreFault> {
    state.remove_working(EXPECTED, &expected_key(decided_at, id, chain))?;
    let key = encode(&(chain, id));
    if state.working(OVERDUE, &key)?.is_some() {
        state.remove_working(OVERDUE, &key)?;
        settle_lagging(state, chain)?;
    }
    Ok(())
}

/// A chain is LAGGING as long as an Outcome is overdue or its silence is held against it.
pub(super) fn settle_lagging(state: &mut BlockState<'_>, chain: &ChainId) -> Result<(), StoreFault> {
    let none_overdue = state.scan_working(OVERDUE, &encode(chain), None, 1)?.is_empty();
    if none_overdue && !limits::is_silent(state, chain)? {
        registry::set_lagging(state, chain, false)?;
    }
    Ok(())
}

/// Due work: chains whose Outcomes are overdue become LAGGING.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn mark_overdue(state: &mut BlockState<'_>, facts: &RelayFacts) -> Result<(), StoreFault> {
    for key in due(state, EXPECTED, facts.height, MAX_MARKED)? {
        let Some((last, rest)) = key.split_first_chunk::<8>() else { continue };
        if u64::from_be_bytes(*last) >= facts.height.0 {
            break;
        }
        state.remove_working(EXPECTED, &key)?;
        let Ok((id, chain)) = decode::<(ProposalId, ChainId)>(rest, 256) else { continue };
        state.put_working(OVERDUE, &encode(&(chain, id)), &[])?;
        registry::set_lagging(state, &chain, true)?;
    }
    Ok(())
}
