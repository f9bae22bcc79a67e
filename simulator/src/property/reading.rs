//! What a published block holds, read from the store of the replica that published it.
//!
//! A block that somebody published can be read, row by row: what is missing or does not decode is a contradiction, and
//! never taken for nothing. Inputs and changes of a block are decoded once for all properties.

use super::{Fact, Observation};
use crate::failure::Contradiction;
use chain_engine::ChainReader;
use chain_state::{BlockState, Place, StoreFault};
use ledger_protocol::chain::{Header, Input};
use ledger_protocol::codec::decode;
use ledger_protocol::interchain::{Message, Motion, OutboxLeaf};
use ledger_protocol::proposal::Submit;
use ledger_protocol::system::{ProposalRecord, accounts};
use ledger_protocol::transaction::{Change, ChangeKind, Operation, StateKey};
use ledger_protocol::{ChainId, Height, LedgerId, ProposalId};
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use subchain::participant::{LegId, LegRecord};

/// What was read, or that it cannot be read.
pub(crate) type Read<T> = Result<T, Contradiction>;

/// Inputs and changes of the block that a fact is about, once somebody has asked for them.
#[derive(Debug, Default)]
pub struct Contents {
    inputs: OnceCell<Read<Vec<Input>>>,
    changes: OnceCell<Read<Vec<Change>>>,
}

/// What cannot be read.
fn unreadable(observation: &Observation<'_>, what: &str, height: Height, why: impl Display) -> Contradiction {
    Contradiction::new(
        format!("{} holds height {height} of chain {}", observation.process, observation.index.0),
        format!("its {what} cannot be read: {why}"),
    )
}

/// A row that must be there.
fn row<T>(observation: &Observation<'_>, what: &str, height: Height, row: Result<Option<T>, StoreFault>) -> Read<T> {
    match row {
        Ok(Some(row)) => Ok(row),
        Ok(None) => Err(unreadable(observation, what, height, "there is no such row")),
        Err(fault) => Err(unreadable(observation, what, height, fault)),
    }
}

fn reader<'o>(observation: &Observation<'o>) -> ChainReader<'o> {
    ChainReader::new(observation.store, observation.chain.suite)
}

/// The height of the block that was published, if that is what was observed.
fn published(observation: &Observation<'_>) -> Option<Height> {
    match observation.fact {
        Fact::Published { block, .. } => Some(block.header.height),
        _ => None,
    }
}

/// Every change of the block that was published.
pub(crate) fn changes<'o>(observation: &'o Observation<'_>) -> Read<&'o [Change]> {
    let read = || {
        let Some(height) = published(observation) else { return Ok(Vec::new()) };
        row(observation, "changes", height, reader(observation).changes(height))
    };
    observation.contents.changes.get_or_init(read).as_ref().map(Vec::as_slice).map_err(Clone::clone)
}

/// The inputs of the block that was published.
pub(crate) fn inputs<'o>(observation: &'o Observation<'_>) -> Read<&'o [Input]> {
    let read = || {
        let Some(height) = published(observation) else { return Ok(Vec::new()) };
        row(observation, "block", height, reader(observation).block(height)).map(|block| block.inputs.into_vec())
    };
    observation.contents.inputs.get_or_init(read).as_ref().map(Vec::as_slice).map_err(Clone::clone)
}

/// Changes of one account of ledger 0.
fn of_account<'o>(
    observation: &'o Observation<'_>,
    account: &'o str,
    kind: ChangeKind,
) -> Read<impl Iterator<Item = &'o Change>> {
    Ok(changes(observation)?.iter().filter(move |change| {
        change.ledger == LedgerId::SYSTEM && change.account.as_str() == account && change.kind == kind
    }))
}

/// The keys of an account of ledger 0 that the published block set, with the records that stand there now. A key that the
/// same block took out again has none.
pub(crate) fn records<T: borsh::BorshDeserialize>(
    observation: &Observation<'_>,
    account: &str,
) -> Read<Vec<(StateKey, T)>> {
    records_under(observation, account, |_| true)
}

/// The same of an account with records of several kinds: of the keys that are asked for.
pub(super) fn records_under<T: borsh::BorshDeserialize>(
    observation: &Observation<'_>,
    account: &str,
    is_asked: impl Fn(&StateKey) -> bool,
) -> Read<Vec<(StateKey, T)>> {
    let mut records = Vec::new();
    let Some(height) = published(observation) else { return Ok(records) };
    let keys = of_account(observation, account, ChangeKind::Set)?.map(|change| &change.key);
    let mut keys: Vec<&StateKey> = keys.filter(|key| is_asked(key)).collect();
    keys.dedup();
    if keys.is_empty() {
        return Ok(records);
    }
    let state = state(observation, height)?;
    for key in keys {
        let place = Place::system(account, key.clone());
        match state.record(&place) {
            Ok(record) => records.extend(record.map(|record| (key.clone(), record))),
            Err(fault) => return Err(unreadable(observation, account, height, fault)),
        }
    }
    Ok(records)
}

/// The leg, or the proposal, that a key of ledger 0 names.
pub(crate) fn leg_of_key(key: &StateKey) -> Option<LegId> {
    let (id, began) = decode::<(ProposalId, [u8; 8])>(key, 256).ok()?;
    Some(LegId { id, started_at_on_relay: Height(u64::from_be_bytes(began)) })
}

/// The legs whose records the published block of a subchain set, with the records that stand there now.
pub(crate) fn legs(observation: &Observation<'_>) -> Read<Vec<(LegId, LegRecord)>> {
    let records = records::<LegRecord>(observation, accounts::LEGS)?.into_iter();
    let leg = |(key, record)| {
        let height = published(observation).unwrap_or_default();
        let leg = leg_of_key(&key).ok_or_else(|| unreadable(observation, accounts::LEGS, height, "no key of a leg"))?;
        Ok((leg, record))
    };
    records.map(leg).collect()
}

/// The keys of an account of ledger 0 whose records the published block took out of the state.
pub(super) fn pruned(observation: &Observation<'_>, account: &str) -> Read<Vec<StateKey>> {
    Ok(of_account(observation, account, ChangeKind::Prune)?.map(|change| change.key.clone()).collect())
}

/// The state after a block.
pub(crate) fn state<'o>(observation: &Observation<'o>, height: Height) -> Read<BlockState<'o>> {
    let state = BlockState::open(observation.store, observation.chain.suite, height);
    state.map_err(|fault| unreadable(observation, "state", height, fault))
}

/// What was asked of a state.
pub(super) fn answer<T>(observation: &Observation<'_>, answer: Result<T, StoreFault>) -> Read<T> {
    answer.map_err(|fault| unreadable(observation, "state", published(observation).unwrap_or_default(), fault))
}

/// The header at a height.
pub(super) fn header(observation: &Observation<'_>, height: Height) -> Option<Header> {
    reader(observation).header(height).ok().flatten()
}

/// The outbox leaves of the block at a height; height 0 has none.
pub(super) fn outbox(observation: &Observation<'_>, height: Height) -> Vec<OutboxLeaf> {
    reader(observation).outbox(height).ok().flatten().unwrap_or_default()
}

/// The messages of a block to a peer.
pub(super) fn messages(observation: &Observation<'_>, peer: &ChainId, height: Height) -> Read<Vec<Message>> {
    let messages = reader(observation).messages(peer, height);
    messages.map(|list| list.into_vec()).map_err(|fault| unreadable(observation, "messages", height, fault))
}

/// Every proposal that the published block orders.
pub(crate) fn submits(observation: &Observation<'_>) -> Read<Vec<Submit>> {
    let mut submits = Vec::new();
    for input in inputs(observation)? {
        let Input::Transaction(transaction) = input else { continue };
        for operation in transaction.body.operations.iter() {
            if let Operation::SubmitProposal(submit) = &operation.operation {
                submits.push(submit.clone());
            }
        }
    }
    Ok(submits)
}

/// The records of all proposals that a relay has open after a block.
pub(super) fn proposals(observation: &Observation<'_>, height: Height) -> Read<Vec<ProposalRecord>> {
    let state = state(observation, height)?;
    let mut ids: BTreeSet<ProposalId> = BTreeSet::new();
    for chain in answer(observation, relay::registry::peers(&state))? {
        ids.extend(answer(observation, relay::coordinator::open_of_chain(&state, &chain))?);
    }
    let mut records = Vec::new();
    for id in &ids {
        records.extend(answer(observation, relay::coordinator::find(&state, id))?);
    }
    Ok(records)
}

/// The messages of every Advance among these inputs, in order.
pub(super) fn messages_in(inputs: &[Input]) -> impl Iterator<Item = &Message> {
    let advances = inputs.iter().filter_map(|input| match input {
        Input::Advance(advance) => Some(advance),
        _ => None,
    });
    advances.flat_map(|advance| advance.blocks.iter()).flat_map(|delivered| delivered.messages().iter())
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
