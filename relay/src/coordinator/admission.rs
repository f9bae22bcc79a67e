//! Admission (R5): judged when a Submit is ordered, and again when it leaves the queue.

use super::{RelayFacts, STALE_FLOOR_MS, STALE_HEARTBEATS, limits, queue, scopes};
use crate::registry;
use chain_interchain::client;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::chain::ControlledBy;
use ledger_protocol::codec::decode;
use ledger_protocol::interchain::{ChainLimits, ServiceAccess};
use ledger_protocol::proposal::{Call, Leg, MAX_LEG_BYTES, Submit};
use ledger_protocol::system::{ChainRecord, ChainStatus};
use ledger_protocol::transaction::Operations;
use ledger_protocol::{Address, ChainId, Code, LedgerId, TimestampMs};
use std::collections::BTreeSet;

/// Why a proposal may not start, with the chain it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AdmissionRefusal {
    /// Stable code.
    pub code: Code,
    /// The chain in question, if one is.
    pub chain: Option<ChainId>,
}

/// A chain as admission sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainView {
    /// Its registry record.
    pub record: ChainRecord,
    /// Whether its newest certified header is older than T_stale.
    pub is_stale: bool,
}

/// The registry record of a chain with its freshness at block time.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn chain_view(
    state: &BlockState<'_>,
    chain: &ChainId,
    now_ms: TimestampMs,
) -> Result<Option<ChainView>, StoreFault> {
    let Some(record) = registry::chain(state, chain)? else { return Ok(None) };
    let newest = client(state, chain)?.map_or(0, |client| client.timestamp_ms_on_source.0);
    let patience_ms = STALE_HEARTBEATS.saturating_mul(u64::from(record.heartbeat_ms)).max(STALE_FLOOR_MS);
    let is_stale = now_ms.0 > newest.saturating_add(patience_ms);
    Ok(Some(ChainView { record, is_stale }))
}

/// Every rule of R5 that can change between Submit and start, but for limits that have room again by themselves. Gives
/// the limits of each leg's chain, in the order of legs.
pub(super) fn check(
    state: &BlockState<'_>,
    facts: &RelayFacts,
    submit: &Submit,
) -> Result<Result<Vec<ChainLimits>, AdmissionRefusal>, StoreFault> {
    let mut views = Vec::new();
    for leg in &submit.body.legs {
        let refuse = |code| Ok(Err(AdmissionRefusal { code, chain: Some(leg.chain) }));
        let Some(view) = chain_view(state, &leg.chain, facts.timestamp_ms)? else {
            return refuse(Code::CHAIN_UNKNOWN);
        };
        // A held lane takes the chain out of new proposals, like a pause.
        let is_held = registry::is_held(state, &leg.chain)?;
        #[cfg(feature = "planted-bugs")]
        let view = super::planted_bugs::in_good_standing(view);
        if view.record.status != ChainStatus::Active || view.record.lagging || is_held {
            return refuse(Code::CHAIN_NOT_ACTIVE);
        }
        if view.is_stale {
            return refuse(Code::CHAIN_STALE);
        }
        if submit.body.t_prep > view.record.max_t_prep {
            return refuse(Code::BAD_ARGUMENT);
        }
        if !limits::could_begin(submit, leg, &view.record.limits) {
            return refuse(Code::LIMIT);
        }
        views.push((leg, view));
    }
    for (leg, view) in &views {
        if let Err(code) = check_services(state, &submit.body.proposer, leg, view, &views)? {
            return Ok(Err(AdmissionRefusal { code, chain: Some(leg.chain) }));
        }
        if limits::backs_off_until(state, facts, &leg.chain, &submit.body.proposer)?.is_some() {
            return Ok(Err(AdmissionRefusal { code: Code::BACK_OFF, chain: Some(leg.chain) }));
        }
    }
    Ok(Ok(views.into_iter().map(|(_, view)| view.record.limits).collect()))
}

/// Whether every leg may begin now. If not, the proposal waits: others will give back what it needs.
pub(super) fn has_room(
    state: &BlockState<'_>,
    facts: &RelayFacts,
    submit: &Submit,
    limits: &[ChainLimits],
) -> Result<bool, StoreFault> {
    for (leg, limits) in submit.body.legs.iter().zip(limits) {
        if !limits::has_room(state, facts, submit, leg, limits)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The leg's services are allowed (default deny) and the counterparty's policy is satisfied.
fn check_services(
    state: &BlockState<'_>,
    proposer: &Address,
    leg: &Leg,
    view: &ChainView,
    views: &[(&Leg, ChainView)],
) -> Result<Result<(), Code>, StoreFault> {
    for ledger in ledgers_of(leg) {
        let Some(service) = view.record.services.iter().find(|service| service.ledger == ledger) else {
            return Ok(Err(Code::SERVICE_DENIED));
        };
        let allowed = match &service.access {
            ServiceAccess::Nobody => false,
            ServiceAccess::Members => registry::is_member(state, proposer)?,
            ServiceAccess::Proposers(list) => list.find(proposer).is_some(),
        };
        if !allowed {
            return Ok(Err(Code::SERVICE_DENIED));
        }
        let shared_everywhere = views
            .iter()
            .filter(|(other, _)| other.chain != leg.chain && other.mode.votes())
            .all(|(_, other)| matches!(other.record.controlled_by, ControlledBy::Shared { .. }));
        if service.demands_shared_control && !shared_everywhere {
            return Ok(Err(Code::CONTROL_UNMET));
        }
    }
    Ok(Ok(()))
}

/// The ledgers that a leg addresses: its scope covers every key that it reads or writes, its call may publish events
/// on others. A leg without either can touch nothing, but it still names the chain's first business ledger.
pub(super) fn ledgers_of(leg: &Leg) -> BTreeSet<LedgerId> {
    let mut ledgers: BTreeSet<LedgerId> = leg.scope.iter().map(|entry| entry.key.ledger).collect();
    if let Call::Plain(bytes) = &leg.call
        && let Ok(operations) = decode::<Operations>(bytes, MAX_LEG_BYTES)
    {
        ledgers.extend(operations.iter().map(|operation| operation.ledger));
    }
    if ledgers.is_empty() {
        ledgers.insert(LedgerId(1));
    }
    ledgers
}

/// Whether some key's queue is full (BUSY), or the proposer's share of the queue and of the state used up (LIMIT).
/// Judged at Submit only.
pub(super) fn check_depth(
    state: &BlockState<'_>,
    facts: &RelayFacts,
    submit: &Submit,
    limits: &[ChainLimits],
) -> Result<Result<(), AdmissionRefusal>, StoreFault> {
    if queue::queued(state)? >= queue::MAX_QUEUED {
        return Ok(Err(AdmissionRefusal { code: Code::BUSY, chain: None }));
    }
    for (leg, limits) in submit.body.legs.iter().zip(limits) {
        if !limits::may_queue(state, facts, submit, leg, limits)? {
            return Ok(Err(AdmissionRefusal { code: Code::LIMIT, chain: Some(leg.chain) }));
        }
        if !leg.mode.votes() {
            continue;
        }
        let limit = usize::try_from(limits.max_queue_per_key).unwrap_or(usize::MAX);
        for entry in &leg.scope {
            if scopes::depth(state, &leg.chain, entry, limit.saturating_add(1))? > limit {
                return Ok(Err(AdmissionRefusal { code: Code::BUSY, chain: Some(leg.chain) }));
            }
        }
    }
    Ok(Ok(()))
}
