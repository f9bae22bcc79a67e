//! What this chain waits for that only a newer header of its relay brings: pruning (S8) and the end of patience.

use super::notify::patience_ends;
use super::record::{LegId, PRUNABLE};
use super::{expired, known_relay_height};
use chain_interchain::acknowledged;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::{ChainId, Height, Sequence};

/// Most records looked at.
const MAX_LOOKED_AT: usize = 4;

/// What a courier needs to know to tell whether a header without messages is worth bringing (§8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waits {
    /// The lowest relay height whose passing ends a wait or lets a record be pruned.
    pub relay_height: Option<Height>,
    /// The lowest sequence of an own message whose acknowledgement lets a record be pruned.
    pub acknowledgement: Option<Sequence>,
}

/// What this chain waits for. Looks at the oldest records only: the others follow when those are gone.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn waits(state: &BlockState<'_>, relay: &ChainId) -> Result<Waits, StoreFault> {
    let known = known_relay_height(state, relay)?;
    let received = acknowledged(state, relay)?;
    let mut waits = Waits { relay_height: patience_ends(state, relay)?, acknowledgement: None };
    for (key, _) in state.scan_working(PRUNABLE, &[], None, MAX_LOOKED_AT)? {
        let sequence = <[u8; 8]>::try_from(key.as_slice()).map(u64::from_be_bytes).map(Sequence);
        let Ok(sequence) = sequence else { continue };
        if sequence >= received {
            waits.acknowledgement = Some(sequence);
            break;
        }
        let Some(leg) = state.working_as::<LegId>(PRUNABLE, &key)? else { continue };
        let Some(record) = leg.record(state)? else { continue };
        if !expired(record.deadline_on_relay, known) {
            let earlier = waits.relay_height.is_none_or(|height| record.deadline_on_relay < height);
            if earlier {
                waits.relay_height = Some(record.deadline_on_relay);
            }
        }
    }
    Ok(waits)
}
