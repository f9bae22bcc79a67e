//! The scope queue (R6): conflicting scopes wait in relay order, first in first out per key; disjoint ones run side
//! by side.
//!
//! A proposal may start when nothing that arrived before it, queued or started, is incompatible with it at any of its
//! keys (`scopes`). So two proposals never start in another order than they came, per key. A NOTIFY leg holds nothing:
//! it waits at the locks of others.
//! Bounds: [`MAX_QUEUED`] proposals, and per key the chain's limit (BUSY).

use super::admission;
use super::due::due;
use super::limits;
use super::record::{self, Entry};
use super::scopes::{self, FreedScope};
use super::send::{leg_calls, prepare, send};
use super::{RelayFacts, decide};
use crate::registry;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::{Bounded, decode, encode};
use ledger_protocol::interchain::{ChainLimits, MessageContent};
use ledger_protocol::proposal::{Leg, Submit};
use ledger_protocol::system::{ProposalRecord, ProposalState};
use ledger_protocol::{ChainId, Code, Height, ProposalId};
use std::collections::BTreeSet;

/// Working area: arrival → id of queued proposals.
const QUEUE: &str = "queue";
/// Working area: (valid_until, id) of queued proposals.
const EXPIRY: &str = "queue-expiry";
/// Working area of the arrival counter.
const COUNTER: &str = "queue-counter";
/// Working area: arrival of queued proposals whose scopes are free and that wait for a full cap.
const CAPPED: &str = "queue-capped";
/// Most proposals queued at once; more are BUSY.
pub(super) const MAX_QUEUED: u64 = 8_192;
/// Most queued proposals that expire in one block; more follow in the next one.
const MAX_EXPIRED: usize = 8_192;

/// Keys that were freed in this block, and whether a cap was: whoever waits for them may start at its end.
#[derive(Debug, Clone, Default)]
pub struct Released {
    scopes: BTreeSet<FreedScope>,
    caps: bool,
    fresh: BTreeSet<u64>,
}

fn arrival_of(key: &[u8]) -> u64 {
    key.last_chunk::<8>().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes))
}

/// Puts an admitted proposal at the end of the queue.
pub(super) fn enqueue(
    state: &mut BlockState<'_>,
    id: &ProposalId,
    submit: &Submit,
    record: &ProposalRecord,
    released: &mut Released,
) -> Result<(), StoreFault> {
    let arrival = state.working_as::<u64>(COUNTER, b"next")?.unwrap_or(0);
    state.put_working_as(COUNTER, b"next", &arrival.saturating_add(1))?;
    set_queued(state, queued(state)?.saturating_add(1))?;
    record::put_entry(state, id, &Entry { arrival, started_at: Height::ZERO })?;
    record::put_submit(state, id, submit)?;
    limits::enqueue(state, submit)?;
    record::put(state, record)?;
    state.put_working_as(QUEUE, &arrival.to_be_bytes(), id)?;
    state.put_working(EXPIRY, &expiry_key(record.valid_until, id), &[])?;
    for leg in submit.body.legs.iter().filter(|leg| leg.mode.votes()) {
        scopes::put(state, id, leg, arrival)?;
    }
    released.fresh.insert(arrival);
    Ok(())
}

/// How many proposals are queued.
pub(super) fn queued(state: &BlockState<'_>) -> Result<u64, StoreFault> {
    Ok(state.working_as(COUNTER, b"queued")?.unwrap_or(0))
}

fn set_queued(state: &mut BlockState<'_>, count: u64) -> Result<(), StoreFault> {
    if count == 0 { state.remove_working(COUNTER, b"queued") } else { state.put_working_as(COUNTER, b"queued", &count) }
}

fn expiry_key(valid_until: Height, id: &ProposalId) -> Vec<u8> {
    let mut key = valid_until.0.to_be_bytes().to_vec();
    key.extend(encode(id));
    key
}

/// Whether something is queued.
pub(super) fn has_queued(state: &BlockState<'_>) -> Result<bool, StoreFault> {
    Ok(!state.scan_working(QUEUE, &[], None, 1)?.is_empty())
}

/// Frees a leg's scope and its share of the limits: when it is closed by a proven Outcome or a proven NO (R6).
pub(super) fn release_leg(
    state: &mut BlockState<'_>,
    id: &ProposalId,
    submit: &Submit,
    leg: &Leg,
    released: &mut Released,
) -> Result<(), StoreFault> {
    remove_scope(state, id, leg, released)?;
    if leg.mode.votes() {
        limits::close(state, submit, leg)?;
        released.caps = true;
    }
    Ok(())
}

pub(super) fn remove_scope(
    state: &mut BlockState<'_>,
    id: &ProposalId,
    leg: &Leg,
    released: &mut Released,
) -> Result<(), StoreFault> {
    let Some(entry) = record::entry(state, id)? else { return Ok(()) };
    scopes::remove(state, leg, entry.arrival, &mut released.scopes)
}

/// QUEUED ▶ REJECTED: nothing was held anywhere, the record stays at (id, 0) until valid_until has passed.
pub(super) fn reject(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    id: &ProposalId,
    code: Code,
    culprit: ChainId,
    released: &mut Released,
) -> Result<(), StoreFault> {
    let Some(record) = record::find(state, id)? else { return Ok(()) };
    let submit = record::submit_of(state, id)?;
    dequeue(state, id, record.valid_until)?;
    limits::leave_queue(state, &submit)?;
    for leg in &submit.body.legs {
        remove_scope(state, id, leg, released)?;
    }
    decide::finish_rejected(state, facts, record, code, culprit)
}

fn dequeue(state: &mut BlockState<'_>, id: &ProposalId, valid_until: Height) -> Result<(), StoreFault> {
    if let Some(entry) = record::entry(state, id)? {
        state.remove_working(QUEUE, &entry.arrival.to_be_bytes())?;
        state.remove_working(CAPPED, &entry.arrival.to_be_bytes())?;
        set_queued(state, queued(state)?.saturating_sub(1))?;
    }
    state.remove_working(EXPIRY, &expiry_key(valid_until, id))
}

/// Due work: queued proposals whose validity has passed are REJECTED at valid_until + 1.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn expire_queued(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    released: &mut Released,
) -> Result<(), StoreFault> {
    for key in due(state, EXPIRY, facts.height, MAX_EXPIRED)? {
        let valid_until = key.first_chunk::<8>().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes));
        if valid_until >= facts.height.0 {
            break;
        }
        let Some(id) = key.get(8..).and_then(|bytes| decode::<ProposalId>(bytes, 64).ok()) else { continue };
        reject(state, facts, &id, Code::PROPOSAL_EXPIRED, facts.relay, released)?;
    }
    Ok(())
}

/// A named chain is no longer Active: everything of it that is still queued is REJECTED.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn reject_all_of(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    chain: &ChainId,
    code: Code,
    released: &mut Released,
) -> Result<(), StoreFault> {
    for id in record::open_of_chain(state, chain)? {
        if record::find(state, &id)?.is_some_and(|record| record.state == ProposalState::Queued) {
            reject(state, facts, &id, code, *chain, released)?;
        }
    }
    Ok(())
}

/// Queued proposals that name a chain which became STALE or LAGGING are REJECTED, not only looked at when they could
/// start.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn reject_unfit(state: &mut BlockState<'_>, facts: &RelayFacts, released: &mut Released) -> Result<(), StoreFault> {
    if !has_queued(state)? {
        return Ok(());
    }
    for chain in registry::peers(state)? {
        let Some(view) = admission::chain_view(state, &chain, facts.timestamp_ms)? else { continue };
        #[cfg(feature = "planted-bugs")]
        let view = super::planted_bugs::in_good_standing(view);
        if view.record.lagging {
            reject_all_of(state, facts, &chain, Code::CHAIN_NOT_ACTIVE, released)?;
        } else if view.is_stale {
            reject_all_of(state, facts, &chain, Code::CHAIN_STALE, released)?;
        }
    }
    Ok(())
}

/// Section 5 of a block: proposals whose scopes are free start, in order of arrival. Returns how many started.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn start_ready(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    released: &mut Released,
) -> Result<usize, StoreFault> {
    let mut started = 0;
    // A rejection frees scopes too, so candidates are taken until none is left.
    while !released.fresh.is_empty() || !released.scopes.is_empty() || released.caps {
        let mut candidates = std::mem::take(&mut released.fresh);
        for freed in std::mem::take(&mut released.scopes) {
            scopes::waiting_for(state, &freed, &mut candidates)?;
        }
        if std::mem::take(&mut released.caps) {
            let limit = usize::try_from(MAX_QUEUED).unwrap_or(usize::MAX);
            for (key, _) in state.scan_working(CAPPED, &[], None, limit)? {
                candidates.insert(arrival_of(&key));
            }
        }
        for arrival in candidates {
            let Some(id) = state.working_as::<ProposalId>(QUEUE, &arrival.to_be_bytes())? else { continue };
            if try_start(state, facts, &id, arrival, released)? {
                started += 1;
            }
        }
    }
    Ok(started)
}

/// A limit may have room again without anything being released: whoever waits for one is looked at again.
pub(super) fn caps_changed(released: &mut Released) {
    released.caps = true;
}

fn try_start(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    id: &ProposalId,
    arrival: u64,
    released: &mut Released,
) -> Result<bool, StoreFault> {
    let submit = record::submit_of(state, id)?;
    for leg in submit.body.legs.iter().filter(|leg| leg.mode.votes()) {
        for scope in &leg.scope {
            let is_blocked = scopes::is_blocked(state, &leg.chain, scope, arrival)?;
            #[cfg(feature = "planted-bugs")]
            let is_blocked = is_blocked && !planted::is(planted::Plant::ScopeConflictMissed);
            if is_blocked {
                return Ok(false);
            }
        }
    }
    // R5 is checked again on leaving QUEUED. Without room it waits; anything else rejects, a back-off too: what waited
    // for its end would keep everybody behind it from its keys.
    let limits = match admission::check(state, facts, &submit)? {
        Ok(limits) => limits,
        Err(refusal) => {
            let culprit = refusal.chain.unwrap_or(facts.relay);
            reject(state, facts, id, refusal.code, culprit, released)?;
            return Ok(false);
        }
    };
    if !admission::has_room(state, facts, &submit, &limits)? {
        state.put_working(CAPPED, &arrival.to_be_bytes(), &[])?;
        return Ok(false);
    }
    start(state, facts, id, &submit, arrival, &limits)?;
    Ok(true)
}

/// QUEUED ▶ PREPARING(h0, deadline): the record moves to (id, h0), one Prepare goes to each READ or WRITE leg.
fn start(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    id: &ProposalId,
    submit: &Submit,
    arrival: u64,
    limits: &[ChainLimits],
) -> Result<(), StoreFault> {
    let Some(queued) = record::find(state, id)? else { return Ok(()) };
    dequeue(state, id, queued.valid_until)?;
    state.prune(&record::place(id, Height::ZERO))?;
    let started_at = facts.height;
    let deadline = started_at.saturating_add(u64::from(submit.body.t_prep));
    record::put_entry(state, id, &Entry { arrival, started_at })?;
    record::put(state, &ProposalRecord { state: ProposalState::Preparing, started_at, deadline, ..queued })?;
    decide::note_deadline(state, id, deadline)?;
    limits::begin(state, facts, submit, limits)?;
    let legs = leg_calls(&facts.relay, submit);
    for (index, leg) in submit.body.legs.iter().enumerate().filter(|(_, leg)| leg.mode.votes()) {
        #[cfg(feature = "planted-bugs")]
        if super::planted_bugs::is_overtaken(submit, index) {
            continue;
        }
        if let Some(prepare) = prepare(&facts.relay, id, (started_at, deadline), submit, index, &legs) {
            send(state, &leg.chain, &MessageContent::Prepare(prepare))?;
        }
    }
    Ok(())
}

/// The phases that a record starts with.
pub(super) fn waiting_legs(
    submit: &Submit,
) -> Bounded<ledger_protocol::system::LegStatus, { ledger_protocol::proposal::MAX_LEGS }> {
    let legs = submit
        .body
        .legs
        .iter()
        .map(|leg| ledger_protocol::system::LegStatus {
            chain: leg.chain,
            mode: leg.mode,
            phase: ledger_protocol::system::LegPhase::Waiting,
        })
        .collect::<Vec<_>>();
    Bounded::new(legs).unwrap_or_default()
}
