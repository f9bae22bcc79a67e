//! Where proposals stand in ledger 0, and how they are found.
//!
//! The record of a queued or rejected proposal stands at (id, 0), of a started one at (id, h0). Beside it are working
//! entries: the Submit itself, and an index from id to h0.

use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::{BlockState, Place, StoreFault};
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::proposal::Submit;
use ledger_protocol::system::{LegPhase, LegStatus, ProposalRecord, accounts, proposal_key};
use ledger_protocol::{ChainId, Height, ProposalId};

/// Working area: id → [`Entry`].
const INDEX: &str = "proposals-index";
/// Working area: id → the Submit as it was ordered.
const SUBMITS: &str = "proposals-submits";
/// Working area: (chain, id) of every proposal that names the chain and is not finished.
const BY_CHAIN: &str = "proposals-by-chain";

/// How a proposal is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Entry {
    /// Its place in the queue's order of arrival.
    pub(super) arrival: u64,
    /// h0; 0 before it started.
    pub(super) started_at: Height,
}

pub(super) fn entry(state: &BlockState<'_>, id: &ProposalId) -> Result<Option<Entry>, StoreFault> {
    state.working_as(INDEX, &encode(id))
}

pub(super) fn put_entry(state: &mut BlockState<'_>, id: &ProposalId, entry: &Entry) -> Result<(), StoreFault> {
    state.put_working_as(INDEX, &encode(id), entry)
}

pub(super) fn place(id: &ProposalId, started_at: Height) -> Place {
    Place::system(accounts::PROPOSALS, proposal_key(id, started_at))
}

/// The record of a proposal, if the state still holds it.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn find(state: &BlockState<'_>, id: &ProposalId) -> Result<Option<ProposalRecord>, StoreFault> {
    match entry(state, id)? {
        Some(entry) => state.record(&place(id, entry.started_at)),
        None => Ok(None),
    }
}

pub(super) fn put(state: &mut BlockState<'_>, record: &ProposalRecord) -> Result<(), StoreFault> {
    state.put_record(&place(&record.id, record.started_at), record).map(|_| ())
}

pub(super) fn submit_of(state: &BlockState<'_>, id: &ProposalId) -> Result<Submit, StoreFault> {
    state
        .working_as(SUBMITS, &encode(id))?
        .ok_or_else(|| StoreFault(format!("proposal {id} is open but its Submit is not in the store")))
}

pub(super) fn put_submit(state: &mut BlockState<'_>, id: &ProposalId, submit: &Submit) -> Result<(), StoreFault> {
    for leg in &submit.body.legs {
        state.put_working(BY_CHAIN, &by_chain_key(&leg.chain, id), &[])?;
    }
    state.put_working_as(SUBMITS, &encode(id), submit)
}

/// Forgets everything but the record.
pub(super) fn forget(state: &mut BlockState<'_>, id: &ProposalId) -> Result<(), StoreFault> {
    let submit = submit_of(state, id)?;
    super::limits::forget(state, &submit)?;
    for leg in &submit.body.legs {
        state.remove_working(BY_CHAIN, &by_chain_key(&leg.chain, id))?;
    }
    state.remove_working(SUBMITS, &encode(id))?;
    state.remove_working(INDEX, &encode(id))
}

fn by_chain_key(chain: &ChainId, id: &ProposalId) -> Vec<u8> {
    encode(&(chain, id))
}

/// Most open proposals of one chain that one block handles.
const MAX_OPEN: usize = 100_000;

/// Every proposal that names a chain and is not finished.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn open_of_chain(state: &BlockState<'_>, chain: &ChainId) -> Result<Vec<ProposalId>, StoreFault> {
    let prefix = encode(chain);
    let mut open = Vec::new();
    for (key, _) in state.scan_working(BY_CHAIN, &prefix, None, MAX_OPEN)? {
        let id = key.get(prefix.len()..).and_then(|bytes| decode::<ProposalId>(bytes, 64).ok());
        open.extend(id);
    }
    Ok(open)
}

/// Whether a leg needs nothing more: closed by a proven Outcome or NO, or by a dispute or breach.
pub(super) const fn is_closed(leg: &LegStatus) -> bool {
    match leg.phase {
        LegPhase::Waiting | LegPhase::VotedYes { .. } => false,
        LegPhase::ClosedByOutcome { .. }
        | LegPhase::ClosedByNo { .. }
        | LegPhase::Disputed
        | LegPhase::Broken
        | LegPhase::Noted { .. } => true,
    }
}

/// The record with one leg's phase replaced.
pub(super) fn with_phase(mut record: ProposalRecord, chain: &ChainId, phase: LegPhase) -> ProposalRecord {
    let legs = record
        .legs
        .into_vec()
        .into_iter()
        .map(|leg| if leg.chain == *chain { LegStatus { phase, ..leg } } else { leg })
        .collect::<Vec<_>>();
    record.legs = ledger_protocol::codec::Bounded::new(legs).unwrap_or_default();
    record
}

/// Whether some proposal is QUEUED, PREPARING or not yet closed: then the height must go on ticking.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn has_open_proposals(state: &BlockState<'_>) -> Result<bool, StoreFault> {
    Ok(super::decide::has_open_deadlines(state)? || super::queue::has_queued(state)?)
}
