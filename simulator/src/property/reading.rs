//! What a block changed in ledger 0, read from the store of the replica that published it.

use super::Observation;
use chain_engine::ChainReader;
use chain_state::{BlockState, Place};
use ledger_protocol::chain::{Header, Input};
use ledger_protocol::interchain::{Motion, OutboxLeaf};
use ledger_protocol::proposal::Submit;
use ledger_protocol::system::ProposalRecord;
use ledger_protocol::transaction::{Change, ChangeKind, Operation};
use ledger_protocol::{Height, LedgerId, ProposalId};
use std::collections::BTreeSet;

/// Every change of a block.
pub(crate) fn changes(observation: &Observation<'_>, height: Height) -> Vec<Change> {
    let reader = ChainReader::new(observation.store, observation.chain.suite);
    reader.changes(height).ok().flatten().unwrap_or_default()
}

/// The keys of an account of ledger 0 that a block set, with the records that stand there now.
pub(crate) fn records<T: borsh::BorshDeserialize>(
    observation: &Observation<'_>,
    height: Height,
    account: &str,
) -> Vec<(Change, T)> {
    let Some(state) = state(observation, height) else { return Vec::new() };
    let mut changes = changes(observation, height);
    changes.retain(|change| {
        change.ledger == LedgerId::SYSTEM && change.account.as_str() == account && change.kind == ChangeKind::Set
    });
    let record = |change: Change| {
        let place = Place::new(change.ledger, &change.account, &change.key);
        Some((change, state.record(&place).ok().flatten()?))
    };
    changes.into_iter().filter_map(record).collect()
}

/// The state after a block.
pub(crate) fn state<'o>(observation: &Observation<'o>, height: Height) -> Option<BlockState<'o>> {
    BlockState::open(observation.store, observation.chain.suite, height).ok()
}

/// The header at a height.
pub(super) fn header(observation: &Observation<'_>, height: Height) -> Option<Header> {
    ChainReader::new(observation.store, observation.chain.suite).header(height).ok().flatten()
}

/// The outbox leaves of the block at a height.
pub(super) fn outbox(observation: &Observation<'_>, height: Height) -> Vec<OutboxLeaf> {
    ChainReader::new(observation.store, observation.chain.suite).outbox(height).ok().flatten().unwrap_or_default()
}

/// The inputs of a block.
pub(crate) fn inputs(observation: &Observation<'_>, height: Height) -> Vec<Input> {
    let reader = ChainReader::new(observation.store, observation.chain.suite);
    reader.block(height).ok().flatten().map_or_else(Vec::new, |block| block.inputs.into_vec())
}

/// Every proposal that a block orders.
pub(crate) fn submits(observation: &Observation<'_>, height: Height) -> Vec<Submit> {
    let mut submits = Vec::new();
    for input in inputs(observation, height) {
        let Input::Transaction(transaction) = input else { continue };
        for operation in transaction.body.operations.iter() {
            if let Operation::SubmitProposal(submit) = &operation.operation {
                submits.push(submit.clone());
            }
        }
    }
    submits
}

/// The records of all proposals that a relay has open after a block.
pub(super) fn proposals(observation: &Observation<'_>, height: Height) -> Vec<ProposalRecord> {
    let Some(state) = state(observation, height) else { return Vec::new() };
    let chains = relay::registry::peers(&state).unwrap_or_default();
    let of_chain = |chain| relay::coordinator::open_of_chain(&state, &chain).unwrap_or_default();
    let ids: BTreeSet<ProposalId> = chains.into_iter().flat_map(of_chain).collect();
    ids.iter().filter_map(|id| relay::coordinator::find(&state, id).ok().flatten()).collect()
}

/// Every motion that is proposed in these inputs.
pub(super) fn motions(inputs: &[Input]) -> impl Iterator<Item = &Motion> {
    let transactions = inputs.iter().filter_map(|input| match input {
        Input::Transaction(transaction) => Some(transaction),
        _ => None,
    });
    transactions.flat_map(|transaction| transaction.body.operations.iter()).filter_map(|one| match &one.operation {
        Operation::ProposeMotion(proposal) => Some(&proposal.motion),
        _ => None,
    })
}
