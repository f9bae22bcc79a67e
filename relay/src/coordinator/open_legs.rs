//! What a re-anchored subchain is told: its legs that are open here (§7 of the proposal protocol).
//!
//! Bounds: 256 legs per message; as many messages as the limits of the chain allow legs in flight.

use super::send::send;
use super::{RelayFacts, record};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::{Bounded, encode};
use ledger_protocol::interchain::{Decision, MAX_OPEN_LEGS, MessageContent, OpenLeg, Reanchored};
use ledger_protocol::system::{LegPhase, LegStatus, ProposalState};
use ledger_protocol::{ChainId, ProposalId};

/// Every voting leg of a chain that began and that no Outcome and no NO has closed, ascending by proposal. A leg that
/// counts as closed for its proposal's state only, because the chain was frozen, is among them.
fn open_legs(state: &BlockState<'_>, chain: &ChainId) -> Result<Vec<OpenLeg>, StoreFault> {
    let mut open = Vec::new();
    for id in record::open_of_chain(state, chain)? {
        let Some(record) = record::find(state, &id)? else { continue };
        if matches!(record.state, ProposalState::Queued | ProposalState::Rejected) {
            continue;
        }
        if record.legs.iter().any(|leg| leg.chain == *chain && leg.mode.votes() && !record::is_closed(leg)) {
            let (started_at_on_relay, deadline_on_relay) = (record.started_at, record.deadline);
            open.push(OpenLeg { id, started_at_on_relay, deadline_on_relay });
        }
    }
    Ok(open)
}

/// Working area: (chain, id) of every leg whose YES may be of a branch that was dropped.
const DROPPED_VOTES: &str = "votes-of-dropped";

fn vote_key(chain: &ChainId, id: &ProposalId) -> Vec<u8> {
    encode(&(chain, id))
}

/// Whether the YES of a leg that is not closed came before the chain's last re-anchor: then the branch that is kept may
/// have voted otherwise, which is no contradiction.
pub(super) fn is_of_dropped_branch(
    state: &BlockState<'_>,
    chain: &ChainId,
    id: &ProposalId,
) -> Result<bool, StoreFault> {
    Ok(state.working(DROPPED_VOTES, &vote_key(chain, id))?.is_some())
}

/// A leg is closed: its vote matters no more.
pub(super) fn forget_vote(state: &mut BlockState<'_>, chain: &ChainId, id: &ProposalId) -> Result<(), StoreFault> {
    if is_of_dropped_branch(state, chain, id)? {
        state.remove_working(DROPPED_VOTES, &vote_key(chain, id))?;
    }
    Ok(())
}

/// Says the Decision of every voting leg that a NO or an Outcome of the chain has closed. They may be the dropped
/// branch's, and the branch that is kept may hold the leg LOCKED: a NO is answered by no Decision, and a Decision that
/// was sent may have been lost with an interval of the relay.
fn tell_decisions(state: &mut BlockState<'_>, facts: &RelayFacts, chain: &ChainId) -> Result<(), StoreFault> {
    for id in record::open_of_chain(state, chain)? {
        let Some(record) = record::find(state, &id)? else { continue };
        let Some(verdict) = record.decision.as_option().copied() else { continue };
        let is_closed =
            |leg: &LegStatus| matches!(leg.phase, LegPhase::ClosedByNo { .. } | LegPhase::ClosedByOutcome { .. });
        if !record.legs.iter().any(|leg| leg.chain == *chain && leg.mode.votes() && is_closed(leg)) {
            continue;
        }
        let decision = Decision::Voting {
            relay: facts.relay,
            id,
            started_at_on_relay: record.started_at,
            deadline_on_relay: record.deadline,
            verdict,
        };
        send(state, chain, &MessageContent::Decision(decision))?;
    }
    Ok(())
}

/// Tells a chain that was just re-anchored what is open, behind everything sent to it before.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub(crate) fn tell_open_legs(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    chain: &ChainId,
) -> Result<(), StoreFault> {
    #[cfg(feature = "planted-bugs")]
    if planted::is(planted::Plant::OpenLegsNotTold) {
        return Ok(());
    }
    tell_decisions(state, facts, chain)?;
    let number = chain_interchain::reanchors(state, chain)?;
    let open = open_legs(state, chain)?;
    for leg in &open {
        state.put_working(DROPPED_VOTES, &vote_key(chain, &leg.id), &[])?;
    }
    let mut pages: Vec<&[OpenLeg]> = open.chunks(MAX_OPEN_LEGS).collect();
    if pages.is_empty() {
        // The chain waits for a last page, even an empty one.
        pages.push(&[]);
    }
    let last = pages.len().saturating_sub(1);
    for (index, page) in pages.into_iter().enumerate() {
        let open = Bounded::new(page.to_vec()).unwrap_or_default();
        let content = Reanchored { relay: facts.relay, chain: *chain, number, last: index == last, open };
        send(state, chain, &MessageContent::Reanchored(content))?;
    }
    Ok(())
}
