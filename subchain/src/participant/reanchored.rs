//! After a re-anchor of this chain: what the relay has open and this chain no longer knows is DISPUTED (§4, §7).
//!
//! The relay's messages of before the re-anchor come again, in order, ahead of the list that tells what is open. The
//! spec wants the list to act before any of them. Nothing has to come out of order for that: from the moment a leaf of
//! the relay says that there is a re-anchor whose list has not come yet, a Prepare or Decision about a leg without a
//! record gets a receipt and nothing else, which is what the record DISPUTED would have answered. What this chain does
//! know goes on by the table, as it does beside a DISPUTED record.
//!
//! Invariant: each open leg emits Outcome DISPUTED once, with its record. Bounds: 256 legs per message.

use super::record::{LegId, LegRecord};
use super::table::{Incoming, LegState};
use super::{Handled, ParticipantFacts, answer};
use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::interchain::{OutboxLeaf, OutcomeResult, Reanchored};
use ledger_protocol::{Code, Hash};

/// Working area with one row: [`Heard`].
const HEARD: &str = "legs-reanchors";

/// The relay's re-anchors of this chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Heard {
    /// How many there are, or must be, for all that is known here.
    announced: u32,
    /// Of how many the list of open legs has come.
    told: u32,
}

fn heard(state: &BlockState<'_>) -> Result<Heard, StoreFault> {
    Ok(state.working_as(HEARD, &[])?.unwrap_or_default())
}

fn announce(state: &mut BlockState<'_>, announced: u32) -> Result<(), StoreFault> {
    let before = heard(state)?;
    if announced > before.announced {
        state.put_working_as(HEARD, &[], &Heard { announced, ..before })?;
    }
    Ok(())
}

/// A leaf of the relay says how often it has re-anchored this chain.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn hear_of_reanchors(state: &mut BlockState<'_>, leaf: &OutboxLeaf) -> Result<(), StoreFault> {
    announce(state, leaf.reanchored)
}

/// The relay follows a branch that is not this one: before it follows this one it must re-anchor it, and what it says
/// until then was meant for the other.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn hear_of_branch(state: &mut BlockState<'_>, leaf: &OutboxLeaf) -> Result<(), StoreFault> {
    announce(state, leaf.reanchored.saturating_add(1))
}

/// This chain was given another header of its relay: what it heard of re-anchors came from the branch that was lost. The
/// leaves of the new one say how it is there.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub(crate) fn forget_branch(state: &mut BlockState<'_>) -> Result<(), StoreFault> {
    let before = heard(state)?;
    if before.announced == before.told {
        return Ok(());
    }
    state.put_working_as(HEARD, &[], &Heard { announced: before.told, ..before })
}

/// Whether the list of a re-anchor is still to come.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn is_catching_up(state: &BlockState<'_>) -> Result<bool, StoreFault> {
    let heard = heard(state)?;
    Ok(heard.told < heard.announced)
}

/// Whether a message about a voting leg is from before a re-anchor and meant for another branch, and so gets a receipt
/// only: everything about a leg without a record, and a COMMIT of one that this branch refused, because the other one
/// had voted YES. A NOTIFY leg has no vote that could have been forgotten: it runs once in these books.
pub(super) fn is_void(state: &BlockState<'_>, known: Option<LegState>, incoming: Incoming) -> Result<bool, StoreFault> {
    #[cfg(feature = "planted-bugs")]
    if planted::is(planted::Plant::ForgottenVoteGivenAgain) {
        return Ok(false);
    }
    let is_meant_for_another = match known {
        None => incoming != Incoming::Notify,
        Some(LegState::Refused) => incoming == Incoming::Commit,
        Some(_) => false,
    };
    Ok(is_meant_for_another && is_catching_up(state)?)
}

/// A page of the list: legs without a record become DISPUTED, once. A page that does not fit the block waits in order.
pub(super) fn on_reanchored(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    it: &Reanchored,
) -> Result<Handled, StoreFault> {
    if it.relay != facts.relay || it.chain != facts.chain {
        return Ok(Handled::Done(Code::UNEXPECTED));
    }
    if state.counts().0.saturating_add(it.open.len()) > facts.max_block_changes {
        return Ok(Handled::Postponed);
    }
    for open in &it.open {
        let leg = LegId { id: open.id, started_at_on_relay: open.started_at_on_relay };
        if leg.record(state)?.is_some() {
            continue;
        }
        let answered_by = answer::outcome(state, facts, &leg, OutcomeResult::Disputed)?;
        let record = LegRecord {
            state: LegState::Disputed,
            deadline_on_relay: open.deadline_on_relay,
            write_set_root: facts.chain.suite.foreign(Hash::ZERO),
            answered_by,
        };
        leg.put_record(state, &record)?;
        answer::note_prunable(state, &leg, answered_by)?;
    }
    if it.last {
        let before = heard(state)?;
        let (announced, told) = (before.announced.max(it.number), before.told.max(it.number));
        state.put_working_as(HEARD, &[], &Heard { announced, told })?;
    }
    Ok(Handled::Done(Code::OK))
}
