//! In-flight caps per chain, and per proposer on a chain.

use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::encode;
use ledger_protocol::{Address, ChainId};

const PER_CHAIN: &str = "in-flight-chain";
const PER_PROPOSER: &str = "in-flight-proposer";

/// Legs of a chain that are started and not closed.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn in_flight(state: &BlockState<'_>, chain: &ChainId) -> Result<u32, StoreFault> {
    of_chain(state, chain)
}

/// The same, for admission.
pub(super) fn of_chain(state: &BlockState<'_>, chain: &ChainId) -> Result<u32, StoreFault> {
    Ok(state.working_as(PER_CHAIN, &encode(chain))?.unwrap_or(0))
}

/// The same, of one proposer.
pub(super) fn of_proposer(state: &BlockState<'_>, chain: &ChainId, proposer: &Address) -> Result<u32, StoreFault> {
    Ok(state.working_as(PER_PROPOSER, &encode(&(chain, proposer)))?.unwrap_or(0))
}

/// A leg starts.
pub(super) fn take(state: &mut BlockState<'_>, chain: &ChainId, proposer: &Address) -> Result<(), StoreFault> {
    add(state, PER_CHAIN, &encode(chain), 1)?;
    add(state, PER_PROPOSER, &encode(&(chain, proposer)), 1)
}

/// A leg is closed by a proven Outcome or a proven NO.
pub(super) fn give_back(state: &mut BlockState<'_>, chain: &ChainId, proposer: &Address) -> Result<(), StoreFault> {
    add(state, PER_CHAIN, &encode(chain), -1)?;
    add(state, PER_PROPOSER, &encode(&(chain, proposer)), -1)
}

fn add(state: &mut BlockState<'_>, area: &str, key: &[u8], amount: i32) -> Result<(), StoreFault> {
    let count = state.working_as::<u32>(area, key)?.unwrap_or(0).saturating_add_signed(amount);
    if count == 0 { state.remove_working(area, key) } else { state.put_working_as(area, key, &count) }
}
