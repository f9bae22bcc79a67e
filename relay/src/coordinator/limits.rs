//! Limits per chain, service and proposer (§7 of the proposal protocol): what a proposal takes, and when it gives it
//! back.
//!
//! Two working entries carry all counts: one per chain and one per (chain, proposer), so an admission costs two rows a
//! leg however many limits there are. A leg in flight is counted from its start until it is closed by a proven Outcome
//! or NO (R6); a queued one while it is queued; a kept one until its record is pruned. What ends by time alone (windows,
//! back-offs, silence) stands in an index by height and is looked at when it is due.
//!
//! Bounds: a row is removed when it counts nothing and no time runs on it; rows exist only for registered chains, and
//! for proposers that such a chain's services admit.

mod back_off;
mod review;
mod silence;
mod usage;

pub use back_off::BackOff;
pub(super) use back_off::note_end;
pub use review::{BackOffView, back_offs, forgive, is_barred, review};
pub(super) use silence::{is_silent, note_timeout};
pub use usage::{ChainUse, Flight, Load, ProposerUse, Window};

use super::RelayFacts;
use super::admission::ledgers_of;
use crate::registry;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::encode;
use ledger_protocol::interchain::ChainLimits;
use ledger_protocol::proposal::{Leg, Submit};
use ledger_protocol::{Address, ChainId, Height};
use usage::Share;

/// Working area: chain → [`ChainUse`].
const CHAINS: &str = "limits-chain";
/// Working area: (chain, proposer) → [`ProposerUse`].
const PROPOSERS: &str = "limits-proposer";

/// Legs of a chain that are started and not closed.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn in_flight(state: &BlockState<'_>, chain: &ChainId) -> Result<u32, StoreFault> {
    Ok(chain_use(state, chain)?.flight.legs)
}

/// What proposals hold of a chain.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn chain_use(state: &BlockState<'_>, chain: &ChainId) -> Result<ChainUse, StoreFault> {
    Ok(state.working_as(CHAINS, &encode(chain))?.unwrap_or_default())
}

/// What one proposer's proposals hold of a chain.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn proposer_use(state: &BlockState<'_>, chain: &ChainId, proposer: &Address) -> Result<ProposerUse, StoreFault> {
    Ok(state.working_as(PROPOSERS, &encode(&(chain, proposer)))?.unwrap_or_default())
}

fn put_chain_use(state: &mut BlockState<'_>, chain: &ChainId, usage: &ChainUse) -> Result<(), StoreFault> {
    let key = encode(chain);
    if *usage == ChainUse::default() {
        state.remove_working(CHAINS, &key)
    } else {
        state.put_working_as(CHAINS, &key, usage)
    }
}

fn put_proposer_use(
    state: &mut BlockState<'_>,
    chain: &ChainId,
    proposer: &Address,
    usage: &ProposerUse,
) -> Result<(), StoreFault> {
    let key = encode(&(chain, proposer));
    if *usage == ProposerUse::default() {
        state.remove_working(PROPOSERS, &key)
    } else {
        state.put_working_as(PROPOSERS, &key, usage)
    }
}

fn limits_of(state: &BlockState<'_>, chain: &ChainId) -> Result<ChainLimits, StoreFault> {
    Ok(registry::chain(state, chain)?.map_or_else(ChainLimits::default, |record| record.limits))
}

/// Whether a leg is no larger than all that it could ever get. One that is would wait for nothing, and keep everybody
/// behind it from its keys.
pub(super) fn could_begin(submit: &Submit, leg: &Leg, limits: &ChainLimits) -> bool {
    let flight = Share::of(submit, leg).flight;
    flight.bytes <= limits.max_bytes.min(limits.max_bytes_per_proposer)
        && flight.key_blocks <= limits.max_key_blocks.min(limits.max_key_blocks_per_proposer)
}

/// Whether a leg may begin now; if not, it waits until others have given back what it needs, or a window has passed.
pub(super) fn has_room(
    state: &BlockState<'_>,
    facts: &RelayFacts,
    submit: &Submit,
    leg: &Leg,
    limits: &ChainLimits,
) -> Result<bool, StoreFault> {
    let of_chain = chain_use(state, &leg.chain)?;
    let of_proposer = proposer_use(state, &leg.chain, &submit.body.proposer)?;
    let begins = may_begin(facts, &of_chain, &of_proposer, limits);
    if !leg.mode.votes() || !begins {
        return Ok(begins);
    }
    let share = Share::of(submit, leg);
    let per_chain = Flight { legs: limits.max_in_flight, bytes: limits.max_bytes, key_blocks: limits.max_key_blocks };
    let per_proposer = Flight {
        legs: limits.max_in_flight_per_proposer,
        bytes: limits.max_bytes_per_proposer,
        key_blocks: limits.max_key_blocks_per_proposer,
    };
    Ok(of_chain.flight.plus(share.flight).is_within(per_chain)
        && of_proposer.flight.plus(share.flight).is_within(per_proposer)
        && ledgers_of(leg).iter().all(|ledger| of_chain.of_service(*ledger) < limits.max_in_flight_per_service))
}

/// Whether the windows of the chain and of the proposer have room.
fn may_begin(facts: &RelayFacts, of_chain: &ChainUse, of_proposer: &ProposerUse, limits: &ChainLimits) -> bool {
    of_chain.begun.count_at(facts.height) < limits.max_begun
        && of_proposer.begun.count_at(facts.height) < limits.max_begun_per_proposer
}

/// Whether a leg may be queued: its proposer's share of the queue, of the state and of the window is not used up.
pub(super) fn may_queue(
    state: &BlockState<'_>,
    facts: &RelayFacts,
    submit: &Submit,
    leg: &Leg,
    limits: &ChainLimits,
) -> Result<bool, StoreFault> {
    let share = Share::of(submit, leg);
    let usage = proposer_use(state, &leg.chain, &submit.body.proposer)?;
    let queued = Load { legs: limits.max_queued_per_proposer, bytes: limits.max_queued_bytes_per_proposer };
    let kept = Load { legs: limits.max_kept_per_proposer, bytes: limits.max_kept_bytes_per_proposer };
    let begins = may_begin(facts, &chain_use(state, &leg.chain)?, &usage, limits);
    Ok(begins && usage.queued.plus(share.load).is_within(queued) && usage.kept.plus(share.load).is_within(kept))
}

/// The height from which a proposer may propose to a chain again, if it must back off.
pub(super) fn backs_off_until(
    state: &BlockState<'_>,
    facts: &RelayFacts,
    chain: &ChainId,
    proposer: &Address,
) -> Result<Option<Height>, StoreFault> {
    let until = proposer_use(state, chain, proposer)?.back_off.until;
    Ok((until > facts.height).then_some(until))
}

/// A proposal is queued: it counts as such, and as kept from now on.
pub(super) fn enqueue(state: &mut BlockState<'_>, submit: &Submit) -> Result<(), StoreFault> {
    change_load(state, submit, |usage, load| {
        usage.queued = usage.queued.plus(load);
        usage.kept = usage.kept.plus(load);
    })
}

/// A queued proposal was rejected.
pub(super) fn leave_queue(state: &mut BlockState<'_>, submit: &Submit) -> Result<(), StoreFault> {
    change_load(state, submit, |usage, load| usage.queued = usage.queued.minus(load))
}

/// Changes what the proposer has queued and kept with the chain of each leg, by the load of that leg.
fn change_load(
    state: &mut BlockState<'_>,
    submit: &Submit,
    change: impl Fn(&mut ProposerUse, Load),
) -> Result<(), StoreFault> {
    let proposer = &submit.body.proposer;
    for leg in &submit.body.legs {
        let mut usage = proposer_use(state, &leg.chain, proposer)?;
        change(&mut usage, Share::of(submit, leg).load);
        put_proposer_use(state, &leg.chain, proposer, &usage)?;
    }
    Ok(())
}

/// A queued proposal starts: every leg leaves the queue and counts in the windows, the voting ones are in flight.
pub(super) fn begin(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    submit: &Submit,
    limits: &[ChainLimits],
) -> Result<(), StoreFault> {
    let proposer = &submit.body.proposer;
    for (leg, limits) in submit.body.legs.iter().zip(limits) {
        let window = limits.window_blocks;
        let share = Share::of(submit, leg);
        let mut usage = proposer_use(state, &leg.chain, proposer)?;
        usage.queued = usage.queued.minus(share.load);
        usage.begun.add(facts.height, window);
        let mut of_chain = chain_use(state, &leg.chain)?;
        of_chain.begun.add(facts.height, window);
        if leg.mode.votes() {
            usage.flight = usage.flight.plus(share.flight);
            of_chain.flight = of_chain.flight.plus(share.flight);
            of_chain.enter_services(&ledgers_of(leg))?;
        }
        review::watch_proposer(state, facts, &leg.chain, proposer, usage)?;
        review::watch_chain(state, facts, &leg.chain, of_chain)?;
    }
    Ok(())
}

/// A voting leg is closed by a proven Outcome or a proven NO (R6): what it held is free.
pub(super) fn close(state: &mut BlockState<'_>, submit: &Submit, leg: &Leg) -> Result<(), StoreFault> {
    let proposer = &submit.body.proposer;
    let flight = Share::of(submit, leg).flight;
    #[cfg(feature = "planted-bugs")]
    let flight = super::planted_bugs::released(flight);
    let mut usage = proposer_use(state, &leg.chain, proposer)?;
    usage.flight = usage.flight.minus(flight);
    put_proposer_use(state, &leg.chain, proposer, &usage)?;
    let mut of_chain = chain_use(state, &leg.chain)?;
    of_chain.flight = of_chain.flight.minus(flight);
    of_chain.leave_services(&ledgers_of(leg));
    put_chain_use(state, &leg.chain, &of_chain)
}

/// A proposal's record leaves the state (R2): nothing of it is kept.
pub(super) fn forget(state: &mut BlockState<'_>, submit: &Submit) -> Result<(), StoreFault> {
    change_load(state, submit, |usage, load| usage.kept = usage.kept.minus(load))
}

#[cfg(test)]
mod tests;
