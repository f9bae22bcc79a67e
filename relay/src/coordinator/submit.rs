//! Submit: a proposal is admitted to the queue, or refused by a receipt without a record.

use super::cancel;
use super::queue::{self, Released};
use super::{MAX_VALID_BLOCKS, RelayFacts, admission, record, send};
use crate::registry;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::Ordered;
use ledger_protocol::proposal::Submit;
use ledger_protocol::system::{ProposalRecord, ProposalState};
use ledger_protocol::transaction::Choice;
use ledger_protocol::{Code, Height};

/// Handles a Submit whose signatures were verified with its transaction. A refusal leaves nothing behind: the same
/// Submit may be tried again.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn submit(
    state: &mut BlockState<'_>,
    facts: &RelayFacts,
    submit: &Submit,
    released: &mut Released,
) -> Result<Code, StoreFault> {
    if submit.check_form().is_err() || submit.body.relay != facts.relay {
        return Ok(Code::PROPOSAL_MALFORMED);
    }
    let body = &submit.body;
    let furthest = facts.height.saturating_add(MAX_VALID_BLOCKS);
    if body.valid_until < facts.height || body.valid_until > furthest || body.t_prep == 0 {
        return Ok(Code::VALID_UNTIL);
    }
    if !send::messages_fit(&facts.relay, submit) {
        return Ok(Code::TOO_LARGE);
    }
    let id = body.id();
    if record::entry(state, &id)?.is_some() {
        return Ok(Code::PROPOSAL_EXISTS);
    }
    if cancel::was_cancelled_by(state, &id, &body.proposer)? {
        return Ok(Code::CANCELLED);
    }
    let approvers: Vec<_> = submit.approvals.iter().map(Ordered::key).collect();
    if !registry::approvals_satisfied(state, &approvers)? {
        return Ok(Code::APPROVAL_UNMET);
    }
    // A chain without room now makes it wait in the queue, like a taken scope.
    let limits = match admission::check(state, facts, submit)? {
        Ok(limits) => limits,
        Err(refusal) => return Ok(refusal.code),
    };
    if let Err(refusal) = admission::check_depth(state, facts, submit, &limits)? {
        return Ok(refusal.code);
    }
    let record = ProposalRecord {
        id,
        proposer: body.proposer,
        state: ProposalState::Queued,
        submitted_at: facts.height,
        started_at: Height::ZERO,
        deadline: Height::ZERO,
        valid_until: body.valid_until,
        decision: Choice::None,
        decided_at: Height::ZERO,
        legs: queue::waiting_legs(submit),
    };
    queue::enqueue(state, &id, submit, &record, released)?;
    Ok(Code::OK)
}
