//! Pruning (S8): a record leaves the state when nobody can ask for it any more.

use super::record::{LegId, PRUNABLE};
use super::{expired, known_relay_height};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::{ChainId, Sequence};

/// Most records pruned in one block.
const MAX_PRUNED: usize = 512;

/// Prunes records whose deadline the known relay height has reached and whose last message the relay has
/// received. `acknowledged` is the relay's `received`, taken only from a leaf whose `follows` is a header of
/// this very chain.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn prune_acknowledged(
    state: &mut BlockState<'_>,
    relay: &ChainId,
    acknowledged: Sequence,
) -> Result<(), StoreFault> {
    let known = known_relay_height(state, relay)?;
    for (key, _) in state.scan_working(PRUNABLE, &[], None, MAX_PRUNED)? {
        let sequence = <[u8; 8]>::try_from(key.as_slice()).map(u64::from_be_bytes).unwrap_or(u64::MAX);
        if sequence >= acknowledged.0 {
            break;
        }
        let Some(leg) = state.working_as::<LegId>(PRUNABLE, &key)? else { continue };
        let Some(record) = leg.record(state)? else { continue };
        if expired(record.deadline_on_relay, known) {
            state.prune(&leg.place())?;
            state.remove_working(PRUNABLE, &key)?;
        }
    }
    Ok(())
}
