//! The registry: which chains take part, on which terms, and what the members decide about them.

mod lanes;
mod motion;
mod reanchor;
mod registration;

pub use lanes::{Lane, intervals, is_held, lane, learn};
pub use motion::carry_out;
pub use registration::{controls, possession_sign_bytes};

use crate::coordinator::{self, RelayFacts, Released};
use chain_ledger::members;
use chain_state::{BlockState, Place, StoreFault};
use ledger_protocol::chain::{ControlledBy, ValidatorSet};
use ledger_protocol::system::{ChainRecord, ChainStatus, accounts, chain_key};
use ledger_protocol::{Address, ChainId, Sequence};

fn place(chain: &ChainId) -> Place {
    Place::system(accounts::CHAINS, chain_key(chain))
}

/// A chain's record.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn chain(state: &BlockState<'_>, chain: &ChainId) -> Result<Option<ChainRecord>, StoreFault> {
    state.record(&place(chain))
}

fn put(state: &mut BlockState<'_>, record: &ChainRecord) -> Result<(), StoreFault> {
    state.put_record(&place(&record.chain), record).map(|_| ())
}

/// Working area: the ids of all registered chains that are not retired.
const PEERS: &str = "peers";
/// Most chains of one relay.
pub const MAX_CHAINS: usize = 4_096;

/// Every registered chain that is not retired, ascending: those that get an outbox leaf in every block.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn peers(state: &BlockState<'_>) -> Result<Vec<ChainId>, StoreFault> {
    let mut peers = Vec::new();
    for (key, _) in state.scan_working(PEERS, &[], None, MAX_CHAINS)? {
        let id = ledger_protocol::codec::decode(&key, 64)
            .map_err(|error| StoreFault(format!("the list of chains is corrupt: {error}")))?;
        peers.push(id);
    }
    Ok(peers)
}

/// Whether an address is a member of the consortium.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn is_member(state: &BlockState<'_>, address: &Address) -> Result<bool, StoreFault> {
    Ok(members::members(state)?.is_some_and(|policy| policy.members.find(address).is_some()))
}

/// Whether these approvers satisfy the relay's policy for proposals. Default deny.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn approvals_satisfied(state: &BlockState<'_>, approvers: &[Address]) -> Result<bool, StoreFault> {
    Ok(members::approvals(state)?.is_some_and(|policy| policy.is_satisfied_by(approvers)))
}

/// Whether a chain is frozen, retired or unknown: its legs count as closed for a proposal's state.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn is_lost(state: &BlockState<'_>, id: &ChainId) -> Result<bool, StoreFault> {
    Ok(chain(state, id)?.is_none_or(|record| matches!(record.status, ChainStatus::Frozen | ChainStatus::Retired)))
}

/// Whether a chain has left for good.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn is_retired(state: &BlockState<'_>, id: &ChainId) -> Result<bool, StoreFault> {
    Ok(chain(state, id)?.is_some_and(|record| record.status == ChainStatus::Retired))
}

/// Whether Advances and hand-offs of a chain are accepted: in every state but Frozen and Retired (R9).
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn accepts_messages_of(state: &BlockState<'_>, id: &ChainId) -> Result<bool, StoreFault> {
    Ok(!is_lost(state, id)?)
}

/// Sets or clears LAGGING.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn set_lagging(state: &mut BlockState<'_>, id: &ChainId, lagging: bool) -> Result<(), StoreFault> {
    match chain(state, id)? {
        Some(record) if record.lagging != lagging => put(state, &ChainRecord { lagging, ..record }),
        _ => Ok(()),
    }
}

/// Marks a chain SUSPECT: old keys of it have signed twice (R8). It is not frozen.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn set_suspect(state: &mut BlockState<'_>, id: &ChainId, suspect: bool) -> Result<(), StoreFault> {
    match chain(state, id)? {
        Some(record) if record.suspect != suspect => put(state, &ChainRecord { suspect, ..record }),
        _ => Ok(()),
    }
}

/// A chain has other validators now: what it said at its registration about who controls it holds only as long as it
/// fits its set. A counterparty that demands shared control must not be answered by a claim that was true once.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub(crate) fn judge_control(
    state: &mut BlockState<'_>,
    id: &ChainId,
    validators: &ValidatorSet,
) -> Result<(), StoreFault> {
    match chain(state, id)? {
        Some(record) if !controls(validators, &record.controlled_by) => {
            put(state, &ChainRecord { controlled_by: ControlledBy::SingleOrganisation, ..record })
        }
        _ => Ok(()),
    }
}

/// Freezes a chain in this block: QUEUED are rejected, PREPARING abort, COMMITTING go on being served.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn freeze(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    id: &ChainId,
    released: &mut Released,
) -> Result<(), StoreFault> {
    set_status(state, facts, id, ChainStatus::Frozen, released)
}

/// Moves a chain to a status; a status in which it takes no part ends what it takes part in.
fn set_status(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    id: &ChainId,
    status: ChainStatus,
    released: &mut Released,
) -> Result<(), StoreFault> {
    let Some(record) = chain(state, id)? else { return Ok(()) };
    if record.status == status || record.status == ChainStatus::Retired {
        return Ok(());
    }
    put(state, &ChainRecord { status, ..record })?;
    if status == ChainStatus::Retired {
        state.remove_working(PEERS, &ledger_protocol::codec::encode(id))?;
    }
    if status != ChainStatus::Active {
        coordinator::abort_all_of(state, facts, id, released)?;
    }
    if status == ChainStatus::Retired {
        coordinator::close_legs_of_retired(state, facts, id, released)?;
        coordinator::give_up_lost_legs(state, facts, id)?;
    }
    Ok(())
}

/// Due work: a time-boxed pause ends by itself.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn end_pauses(state: &mut BlockState<'_>, facts: &RelayFacts, released: &mut Released) -> Result<(), StoreFault> {
    for id in peers(state)? {
        let Some(record) = chain(state, &id)? else { continue };
        match record.status {
            ChainStatus::Paused { until } if until < facts.height => {
                set_status(state, facts, &id, ChainStatus::Active, released)?;
            }
            ChainStatus::Retiring if is_quiet(state, &id)? => {
                set_status(state, facts, &id, ChainStatus::Retired, released)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether every leg of a chain is closed and it has received everything the relay sent: then it may retire.
fn is_quiet(state: &BlockState<'_>, id: &ChainId) -> Result<bool, StoreFault> {
    let sent: Sequence = chain_interchain::next_sequence(state, id)?;
    let received = chain_interchain::acknowledged(state, id)?;
    Ok(received == sent
        && !is_held(state, id)?
        && !coordinator::has_open_legs(state, id)?
        && !coordinator::has_open_lost_legs(state, id)?)
}
