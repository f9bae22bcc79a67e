//! What is open is said again to one chain, from the records: after the relay itself was re-anchored.
//!
//! A chain answers what it has heard before by a receipt (S4), so saying too much does no harm.

use super::record::{self, is_closed};
use super::send::{leg_calls, prepare, send};
use super::{RelayFacts, lost};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::ChainId;
use ledger_protocol::interchain::{Decision, DecisionVerdict, MessageContent};
use ledger_protocol::system::{LegPhase, ProposalState};

/// Sends the current message of every open leg of a chain, in the order of ids.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub(crate) fn resend_open(state: &mut BlockState<'_>, facts: &RelayFacts, chain: &ChainId) -> Result<(), StoreFault> {
    for id in record::open_of_chain(state, chain)? {
        let Some(record) = record::find(state, &id)? else { continue };
        if matches!(record.state, ProposalState::Queued | ProposalState::Rejected) {
            continue;
        }
        let submit = record::submit_of(state, &id)?;
        let legs = record.legs.iter().zip(&submit.body.legs).zip(&submit.authorisations).enumerate();
        for (index, ((status, leg), authorisations)) in legs {
            if leg.chain != *chain || is_closed(status) {
                continue;
            }
            let (started_at, deadline) = (record.started_at, record.deadline);
            let content = match record.decision.as_option() {
                None if leg.mode.votes() && status.phase == LegPhase::Waiting => {
                    let calls = leg_calls(&facts.relay, &submit);
                    prepare(&facts.relay, &id, (started_at, deadline), &submit, index, &calls)
                        .map(MessageContent::Prepare)
                }
                Some(verdict) if leg.mode.votes() => Some(MessageContent::Decision(Decision::Voting {
                    relay: facts.relay,
                    id,
                    started_at_on_relay: started_at,
                    deadline_on_relay: deadline,
                    verdict: *verdict,
                })),
                Some(DecisionVerdict::Commit { .. }) => Some(MessageContent::Decision(Decision::Notify {
                    relay: facts.relay,
                    id,
                    started_at_on_relay: started_at,
                    deadline_on_relay: deadline,
                    leg: Box::new(leg.clone()),
                    authorisations: authorisations.clone(),
                })),
                _ => None,
            };
            if let Some(content) = content {
                send(state, chain, &content)?;
            }
        }
    }
    lost::resend(state, facts, chain)
}
