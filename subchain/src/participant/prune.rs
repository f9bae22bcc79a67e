//! Pruning (S8): a record leaves the state when nobody can ask for it any more.

use super::record::{LegId, PRUNABLE};
use super::{expired, known_relay_height};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::decode;
use ledger_protocol::{ChainId, Sequence};

/// Most records pruned in one block.
const MAX_PRUNED: usize = 512;
/// Rows read at once: most blocks have little to prune and must not pay for everything that waits.
const PAGE: usize = 16;
/// Records whose deadline is still ahead that are passed over before the rest is left for later blocks. They were
/// answered in about the order of their deadlines, and pruning later is always allowed.
const MAX_PASSED_OVER: usize = 8;

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
    #[cfg(feature = "planted-bugs")]
    let known = if planted::is(planted::Plant::LegPrunedEarly) { ledger_protocol::Height(u64::MAX) } else { known };
    let (mut pruned, mut passed_over) = (0, 0);
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = state.scan_working(PRUNABLE, &[], after.as_deref(), PAGE)?;
        let read = page.len();
        for (key, value) in page {
            let sequence = <[u8; 8]>::try_from(key.as_slice()).map(u64::from_be_bytes).unwrap_or(u64::MAX);
            if sequence >= acknowledged.0 || pruned >= MAX_PRUNED || passed_over >= MAX_PASSED_OVER {
                return Ok(());
            }
            let leg: LegId = decode(&value, value.len())
                .map_err(|error| StoreFault(format!("a leg that waits to be pruned: {error}")))?;
            match leg.record(state)? {
                Some(record) if expired(record.deadline_on_relay, known) => {
                    state.prune(&leg.place())?;
                    state.remove_working(PRUNABLE, &key)?;
                    pruned += 1;
                }
                _ => passed_over += 1,
            }
            after = Some(key);
        }
        if read < PAGE {
            return Ok(());
        }
    }
}
