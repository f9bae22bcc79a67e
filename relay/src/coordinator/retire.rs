//! The end of a record (R2): it stays until every leg is closed by a proven Outcome, or its chain is retired, and
//! valid_until has passed; then it leaves the state, still provable from the history log.

use super::due::due;
use super::queue::{self, Released};
use super::record::{self, is_closed};
use super::{RelayFacts, overdue};
use crate::registry;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::system::{LegStatus, ProposalRecord, ProposalState};
use ledger_protocol::{ChainId, Height, ProposalId};

/// Working area: (valid_until, id) of finished proposals.
const FINISHED: &str = "proposals-finished";
/// Most records pruned in one block.
const MAX_PRUNED: usize = 1_024;

fn key(valid_until: Height, id: &ProposalId) -> Vec<u8> {
    let mut key = valid_until.0.to_be_bytes().to_vec();
    key.extend(encode(id));
    key
}

/// Whether a leg can still be heard of. A NOTIFY leg hears nothing of a proposal that did not commit.
const fn is_awaited(record: &ProposalRecord, leg: &LegStatus) -> bool {
    if is_closed(leg) {
        return false;
    }
    match record.state {
        ProposalState::Rejected => false,
        ProposalState::Aborting | ProposalState::Aborted => leg.mode.votes(),
        _ => true,
    }
}

/// A finished proposal whose every leg is closed by proof waits for its valid_until. A NOTIFY leg of a committed
/// proposal counts here, though not for the proposal's state; a retired chain's leg does not: nobody will close it.
pub(super) fn consider(
    state: &mut BlockState<'_>,
    _facts: &RelayFacts,
    record: &ProposalRecord,
) -> Result<(), StoreFault> {
    if !record.state.is_terminal() {
        return Ok(());
    }
    for leg in record.legs.iter().filter(|leg| is_awaited(record, leg)) {
        if !registry::is_retired(state, &leg.chain)? {
            return Ok(());
        }
    }
    let kept_until = record.valid_until;
    #[cfg(feature = "planted-bugs")]
    let kept_until = super::planted_bugs::kept_until(kept_until);
    state.put_working(FINISHED, &key(kept_until, &record.id), &[])
}

/// Whether a chain has a leg that is not closed: then it may not retire.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn has_open_legs(state: &BlockState<'_>, chain: &ChainId) -> Result<bool, StoreFault> {
    for id in record::open_of_chain(state, chain)? {
        let Some(record) = record::find(state, &id)? else { continue };
        if record.legs.iter().any(|leg| leg.chain == *chain && is_awaited(&record, leg)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A chain has retired: what its legs hold here is given up, since nobody will ever close them by proof.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn close_legs_of_retired(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    chain: &ChainId,
    released: &mut Released,
) -> Result<(), StoreFault> {
    for id in record::open_of_chain(state, chain)? {
        let Some(record) = record::find(state, &id)? else { continue };
        let is_open = record.legs.iter().any(|leg| leg.chain == *chain && is_awaited(&record, leg));
        if is_open && record.started_at > Height::ZERO {
            let submit = record::submit_of(state, &id)?;
            overdue::outcome_came(state, &id, chain, record.decided_at)?;
            if let Some(leg) = submit.body.legs.find(chain) {
                queue::release_leg(state, &id, &submit, leg, released)?;
            }
        }
        consider(state, facts, &record)?;
    }
    Ok(())
}

/// Due work: prunes what nobody can ask for any more.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn prune_finished(state: &mut BlockState<'_>, facts: &RelayFacts) -> Result<(), StoreFault> {
    for entry in due(state, FINISHED, facts.height, MAX_PRUNED)? {
        let Some((valid_until, id)) = entry.split_first_chunk::<8>() else { continue };
        if u64::from_be_bytes(*valid_until) >= facts.height.0 {
            break;
        }
        state.remove_working(FINISHED, &entry)?;
        let Ok(id) = decode::<ProposalId>(id, 64) else { continue };
        if let Some(record) = record::find(state, &id)? {
            state.prune(&record::place(&id, record.started_at))?;
            record::forget(state, &id)?;
        }
    }
    Ok(())
}
