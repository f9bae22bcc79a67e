//! Lanes to subchains after the relay itself was re-anchored (ADR 0013).
//!
//! The members say which interval of blocks was lost; from that block on nothing leaves to any chain, because each may
//! have counted messages that this branch never sent. A lane goes on once its chain's leaf follows a block of this
//! branch at or above the motion's: with the number that the chain expects, if it was given a new anchor, and with
//! everything that is still open, from the records.
//! Bounds: [`MAX_LOST_INTERVALS`](ledger_protocol::system::MAX_LOST_INTERVALS) intervals.

use super::peers;
use crate::coordinator::{self, RelayFacts, Released};
use borsh::{BorshDeserialize, BorshSerialize};
use chain_interchain::{OwnHeader, client, drop_queued, reanchors, renumber};
use chain_state::{BlockState, Place, StoreFault};
use ledger_protocol::codec::{Text, encode};
use ledger_protocol::interchain::OutboxLeaf;
use ledger_protocol::system::{LostInterval, LostIntervals, accounts, lost_intervals_key};
use ledger_protocol::{ChainId, Code, Height};

/// Working area: chain → [`Lane`].
const LANES: &str = "lanes";

/// Where the lane to a chain stands. A lane that was never touched by a re-anchor has no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Lane {
    /// How often the chain has said that it was given a new anchor.
    pub reanchored: u32,
    /// The same, when the numbers of this lane were last brought in line with what the chain expects.
    pub settled: u32,
    /// Height of the motion that holds the lane; 0 when nothing does.
    pub held_since: Height,
    /// Height on the chain from which its records are known to come from after its re-anchor.
    pub resumed_at_on_source: Height,
}

impl Lane {
    /// Whether nothing leaves.
    pub const fn is_held(&self) -> bool {
        self.held_since.0 > 0
    }
}

/// The lane to a chain.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn lane(state: &BlockState<'_>, chain: &ChainId) -> Result<Lane, StoreFault> {
    Ok(state.working_as(LANES, &encode(chain))?.unwrap_or_default())
}

/// Whether nothing leaves to a chain.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn is_held(state: &BlockState<'_>, chain: &ChainId) -> Result<bool, StoreFault> {
    Ok(lane(state, chain)?.is_held())
}

fn put(state: &mut BlockState<'_>, chain: &ChainId, lane: &Lane) -> Result<(), StoreFault> {
    state.put_working_as(LANES, &encode(chain), lane)
}

fn place() -> Place {
    Place::system(accounts::LOST, lost_intervals_key())
}

/// The intervals of this relay's blocks that were lost.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn intervals(state: &BlockState<'_>) -> Result<LostIntervals, StoreFault> {
    Ok(state.record(&place())?.unwrap_or_default())
}

/// The members say that an interval was lost: it is noted, and every lane is held.
pub(super) fn hold_all(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    (first_lost, last_lost): (Height, Height),
    reason: &Text<256>,
    released: &mut Released,
) -> Result<Result<(), Code>, StoreFault> {
    // A block of this branch above the interval is what subchains are re-anchored at; without one the motion is early.
    if first_lost == Height::ZERO || first_lost > last_lost || last_lost >= facts.height {
        return Ok(Err(Code::BAD_ARGUMENT));
    }
    let mut known = intervals(state)?.into_vec();
    if known.iter().any(|it| first_lost <= it.last_lost && it.first_lost <= last_lost) {
        return Ok(Err(Code::KNOWN));
    }
    known.push(LostInterval { first_lost, last_lost, decided_at: facts.height, reason: reason.clone() });
    let Ok(known) = LostIntervals::new(known) else { return Ok(Err(Code::LIMIT)) };
    state.put_record(&place(), &known)?;
    for chain in peers(state)? {
        let before = lane(state, &chain)?;
        put(state, &chain, &Lane { held_since: facts.height, ..before })?;
        drop_queued(state, &chain)?;
        coordinator::reject_all_of(state, facts, &chain, Code::CHAIN_NOT_ACTIVE, released)?;
    }
    Ok(Ok(()))
}

/// Learns from a chain's leaf which branch it follows; `standing` judges the leaf's `follows`. A held lane goes on when
/// the chain stands on this branch, at or above the block that holds it: nothing was sent since, so what the chain
/// expects now is what it will expect when the next list comes.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn learn(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    chain: &ChainId,
    leaf: &OutboxLeaf,
    standing: OwnHeader,
) -> Result<(), StoreFault> {
    let before = lane(state, chain)?;
    let reanchored = before.reanchored.max(leaf.reanchored);
    let follows_here = standing == OwnHeader::Own && leaf.follows.height_on_peer >= before.held_since;
    // Given a new anchor before the motion only, the chain may still take lists from between the two.
    let was_anchored_since = leaf.reanchored > before.reanchored;
    let never_left = leaf.reanchored == before.settled;
    if before.is_held() && follows_here && (was_anchored_since || never_left) {
        let resumed_at_on_source = client(state, chain)?.map_or(Height::ZERO, |client| client.height_on_source);
        let lane = Lane { reanchored, settled: leaf.reanchored, held_since: Height::ZERO, resumed_at_on_source };
        put(state, chain, &lane)?;
        #[cfg(feature = "planted-bugs")]
        let was_anchored_since = was_anchored_since && !planted::is(planted::Plant::LaneNotRenumbered);
        if was_anchored_since {
            renumber(state, chain, leaf.received)?;
        }
        coordinator::resend_open(state, facts, chain)?;
        // What was queued is dropped, and that may have been the list of a re-anchor of this chain: it is told again,
        // behind everything that makes its legs known. A chain that waits for none finds nothing new in it.
        if reanchors(state, chain)? > 0 {
            coordinator::tell_open_legs(state, facts, chain)?;
        }
        return Ok(());
    }
    if reanchored != before.reanchored {
        put(state, chain, &Lane { reanchored, ..before })?;
    }
    Ok(())
}
