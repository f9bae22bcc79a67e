//! The end of a record (R2): it stays until every leg is closed by a proven Outcome and valid_until has passed; then
//! it leaves the state, still provable from the history log.

use super::RelayFacts;
use super::record::{self, is_closed};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::system::{ProposalRecord, ProposalState};
use ledger_protocol::{Height, ProposalId};

/// Working area: (valid_until, id) of finished proposals.
const FINISHED: &str = "proposals-finished";
/// Most records pruned in one block.
const MAX_PRUNED: usize = 1_024;

fn key(valid_until: Height, id: &ProposalId) -> Vec<u8> {
    let mut key = valid_until.0.to_be_bytes().to_vec();
    key.extend(encode(id));
    key
}

/// A finished proposal whose every leg is closed by proof waits for its valid_until. A NOTIFY leg of a committed
/// proposal counts here, though not for the proposal's state; of an aborted one it never hears anything.
pub(super) fn consider(
    state: &mut BlockState<'_>,
    _facts: &RelayFacts,
    record: &ProposalRecord,
) -> Result<(), StoreFault> {
    let done = match record.state {
        ProposalState::Rejected => true,
        ProposalState::Committed => record.legs.iter().all(is_closed),
        ProposalState::Aborted => record.legs.iter().filter(|leg| leg.mode.votes()).all(is_closed),
        _ => false,
    };
    if done { state.put_working(FINISHED, &key(record.valid_until, &record.id), &[]) } else { Ok(()) }
}

/// Due work: prunes what nobody can ask for any more.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn prune_finished(state: &mut BlockState<'_>, facts: &RelayFacts) -> Result<(), StoreFault> {
    for (entry, _) in state.scan_working(FINISHED, &[], None, MAX_PRUNED)? {
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
