//! The participant: a subchain's half of atomic proposals (§4 of the proposal protocol).
//!
//! Every proven message of the relay is one row of [`table::react`]; this module carries the reaction out.
//! Invariants: a vote is final (S1); applying runs nothing and cannot fail (S2); a record emits each answer once (S4);
//! the highest relay height ever known never falls (S5).

mod answer;
mod decide;
mod notify;
#[cfg(feature = "planted-bugs")]
mod planted_bugs;
mod prepare;
mod prune;
mod reanchored;
mod record;
mod standing;
pub mod table;
mod waits;

pub use notify::resume_waiting;
#[cfg(feature = "planted-bugs")]
pub(crate) use planted_bugs::release_by_own_clock;
pub use prepare::dry_run;
pub use prune::prune_acknowledged;
pub(crate) use reanchored::forget_branch;
pub use reanchored::{hear_of_branch, hear_of_reanchors, is_catching_up};
pub use record::{LegId, LegRecord};
pub(crate) use standing::alarm_acknowledgement;
pub use standing::{Standing, known_relay_height, resume_participation, standing};
pub use waits::{Waits, waits};

use chain_ledger::LedgerFacts;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::interchain::{Decision, DecisionVerdict, Message, MessageContent};
use ledger_protocol::{ChainId, Code, Height};
use table::{Incoming, Reaction, react};

/// What this chain knows of itself and its relay while it works on a block.
#[derive(Debug, Clone)]
pub struct ParticipantFacts<'f> {
    /// This chain.
    pub chain: ChainId,
    /// Its relay.
    pub relay: ChainId,
    /// Facts that executing a leg may see.
    pub ledger: &'f LedgerFacts<'f>,
    /// Most changes of one leg: a quarter of a block's.
    pub max_leg_changes: usize,
    /// Changes that the block may still make before Decisions are postponed.
    pub max_block_changes: usize,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// Consumed, with this receipt code.
    Done(Code),
    /// A NOTIFY meets a lock: it waits aside, later messages pass it.
    Aside,
    /// The block is full: it and everything after it in its lane wait in order.
    Postponed,
}

/// Handles one message of the relay, in order. Never fails: what cannot be understood gets a code.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn handle(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    message: &Message,
) -> Result<Handled, StoreFault> {
    if standing::is_suspended(state)? {
        // After a contradiction this chain takes no further part until its governance says so; what comes
        // meanwhile waits in order, because a Decision that were consumed now would leave its lock for ever.
        return Ok(Handled::Postponed);
    }
    let Some(content) = MessageContent::of(message) else {
        return Ok(Handled::Done(Code::UNDECODABLE));
    };
    match content {
        MessageContent::Prepare(prepare) => prepare::on_prepare(state, facts, &prepare).map(Handled::Done),
        MessageContent::Decision(decision) => on_decision(state, facts, message, &decision),
        MessageContent::Reanchored(it) => reanchored::on_reanchored(state, facts, &it),
        // Votes and Outcomes go to the relay; a subchain has no use for them.
        MessageContent::Vote(_) | MessageContent::Outcome(_) => Ok(Handled::Done(Code::UNEXPECTED)),
    }
}

fn on_decision(
    state: &mut BlockState<'_>,
    facts: &ParticipantFacts<'_>,
    message: &Message,
    decision: &Decision,
) -> Result<Handled, StoreFault> {
    let (relay, id, started_at_on_relay, deadline, incoming) = match decision {
        Decision::Voting { relay, id, started_at_on_relay, deadline_on_relay, verdict } => {
            let incoming = match verdict {
                DecisionVerdict::Commit { .. } => Incoming::Commit,
                DecisionVerdict::Abort { .. } => {
                    Incoming::Abort { deadline_ahead: *deadline_on_relay > known_relay_height(state, &facts.relay)? }
                }
            };
            (relay, id, started_at_on_relay, deadline_on_relay, incoming)
        }
        Decision::Notify { relay, id, started_at_on_relay, deadline_on_relay, .. } => {
            (relay, id, started_at_on_relay, deadline_on_relay, Incoming::Notify)
        }
    };
    if *relay != facts.relay {
        return Ok(Handled::Done(Code::UNEXPECTED));
    }
    let leg = LegId { id: *id, started_at_on_relay: *started_at_on_relay };
    let record = leg.record(state)?;
    #[cfg(feature = "planted-bugs")]
    if planted_bugs::forgets_early_abort(record.is_some(), incoming) {
        return decide::answer_refused(state, facts, &leg).map(Handled::Done);
    }
    let known = record.as_ref().map(|record| record.state);
    if reanchored::is_void(state, known, incoming)? {
        return Ok(Handled::Done(Code::DROPPED));
    }
    match react(known, incoming) {
        #[cfg(feature = "planted-bugs")]
        Reaction::Apply if planted_bugs::takes_commit_for_abort(&leg) => {
            decide::release(state, facts, &leg, *deadline).map(Handled::Done)
        }
        Reaction::Apply => decide::apply(state, facts, &leg, *deadline),
        Reaction::Release => decide::release(state, facts, &leg, *deadline).map(Handled::Done),
        Reaction::RememberAbort => decide::remember_abort(state, facts, &leg, *deadline).map(Handled::Done),
        Reaction::AnswerRefused => decide::answer_refused(state, facts, &leg).map(Handled::Done),
        Reaction::RunNotify => match decision {
            Decision::Notify { leg: call, authorisations, .. } => {
                let notify = notify::Notify { leg_id: leg, deadline_on_relay: *deadline, leg: call, authorisations };
                notify::run(state, facts, message, notify)
            }
            Decision::Voting { .. } => Ok(Handled::Done(Code::UNEXPECTED)),
        },
        Reaction::Receipt(code) => Ok(Handled::Done(code)),
        Reaction::Alarm => standing::alarm(state, Code::UNEXPECTED, message).map(Handled::Done),
        Reaction::Contradiction => standing::suspend(state, message).map(Handled::Done),
        // The table never answers a Decision with a run; reaching this would be a hole in it.
        Reaction::RunAndVote => Ok(Handled::Done(Code::UNEXPECTED)),
    }
}

/// Last relay height at which a NOTIFY that waits at a lock is still run: `T_out` relay blocks after it came.
pub const NOTIFY_PATIENCE_BLOCKS: u64 = 100;

/// Relay heights compare by number; a helper so that the unit is written once.
fn expired(deadline_on_relay: Height, known_on_relay: Height) -> bool {
    deadline_on_relay <= known_on_relay
}
