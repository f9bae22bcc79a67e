//! The one atomic batch that a block leaves behind, and the tip after it.
//!
//! Block, header, certificate, receipts, leaves of every tree, outbox, history nodes, index, sets and parameters,
//! state: all of it or nothing.

use crate::assemble::{BlockInputs, Executed};
use crate::port::{PublishedBlock, ReplicaHalt};
use crate::rows::{self, InputPlace, RecentBlock, Tip};
use chain_consensus::{PROPOSER_MEMORY_HEIGHTS, RecentHeader, proposer_order};
use chain_state::{Execution, WriteBatch};
use ledger_protocol::chain::{FinalityCertificate, Genesis, Header, ValidatorSet};
use ledger_protocol::codec::encode;
use ledger_protocol::merkle::{CompletedNode, Frontier, LeafHash};
use ledger_protocol::{Hash, Height, Suite};
use std::sync::Arc;

/// A block on its way to the disk.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) batch: WriteBatch,
    pub(crate) tip: Arc<Tip>,
    pub(crate) published: Option<Arc<PublishedBlock>>,
}

/// Who proposes in which round of `height`; computed from the parent state alone.
fn order(height: Height, validators: &ValidatorSet, recent: &[RecentBlock]) -> Vec<u16> {
    let recent: Vec<RecentHeader> = recent
        .iter()
        .map(|block| RecentHeader { height: block.height, round: block.round, proposer: block.proposer })
        .collect();
    proposer_order(height, validators, &recent)
}

/// Appends a header to the history log; the leaf is the header's hash.
fn append_history(
    frontier: &mut Frontier,
    suite: Suite,
    header_hash: &Hash,
) -> Result<Vec<CompletedNode>, ReplicaHalt> {
    frontier
        .append(LeafHash::of(suite, header_hash.as_bytes()))
        .map_err(|_| ReplicaHalt::Invariant("the history log takes every header"))
}

fn put_common(batch: &mut WriteBatch, tip: &Tip, nodes: &[CompletedNode]) {
    let (header, height) = (&tip.header, tip.header.height);
    batch.put(rows::header(height), encode(header));
    for completed in nodes {
        batch.put(rows::history(completed.node), completed.hash.as_bytes().to_vec());
    }
    batch.put(rows::validators(&header.next_validators_hash), encode(&tip.next_validators));
    batch.put(rows::parameters(&header.next_parameters_hash), encode(&tip.next_parameters));
    if header.is_handoff() {
        batch.put(rows::handoff(height), Vec::new());
    }
    batch.put(rows::tip(), encode(tip));
}

/// The batch of header 0.
pub(crate) fn prepare_genesis(
    genesis: &Genesis,
    header: Header,
    delta: chain_state::StateDelta,
) -> Result<Prepared, ReplicaHalt> {
    let header_hash = header.hash();
    let mut frontier = Frontier::new(genesis.suite);
    let nodes = append_history(&mut frontier, genesis.suite, &header_hash)?;
    let tip = Tip {
        proposer_order: order(Height(1), &genesis.validators, &[]),
        header,
        header_hash,
        frontier,
        next_validators: genesis.validators.clone(),
        next_parameters: genesis.parameters.clone(),
        has_due_work: false,
        recent: Vec::new(),
    };
    let mut batch = delta.batch;
    put_common(&mut batch, &tip, &nodes);
    batch.put(rows::changes(Height::ZERO), encode(&delta.changes));
    batch.put(rows::events(Height::ZERO), encode(&delta.events));
    batch.put(rows::ledgers(Height::ZERO), encode(&delta.ledgers));
    Ok(Prepared { batch, tip: Arc::new(tip), published: None })
}

/// The batch of a decided block.
pub(crate) fn prepare_block(
    parent: &Tip,
    executed: Executed,
    inputs: &BlockInputs,
    block_bytes: &[u8],
    certificate: FinalityCertificate,
) -> Result<Prepared, ReplicaHalt> {
    let Executed { header, header_hash, execution } = executed;
    let Execution { receipts, delta, outbox, next_validators, next_parameters, has_due_work } = execution;
    let (suite, height) = (header.chain.suite, header.height);
    let mut batch = delta.batch;
    batch.put(rows::block(height), block_bytes.to_vec());
    batch.put(rows::certificate(height), encode(&certificate));
    batch.put(rows::receipts(height), encode(&receipts));
    batch.put(rows::changes(height), encode(&delta.changes));
    batch.put(rows::events(height), encode(&delta.events));
    batch.put(rows::ledgers(height), encode(&delta.ledgers));
    batch.put(rows::input_leaves(height), encode(&inputs.leaves().to_vec()));
    let hashes: Vec<Hash> = inputs.hashes().collect();
    for (index, hash) in (0u32..).zip(&hashes) {
        #[cfg(feature = "planted-bugs")]
        if planted::is(planted::Plant::FinalTransactionUnindexed)
            && hash.as_bytes().first().is_some_and(|byte| byte % 16 == 0)
        {
            continue;
        }
        batch.put(rows::input_place(hash), encode(&InputPlace { height, index }));
    }
    let leaves: Vec<_> = outbox.iter().map(|entry| entry.leaf).collect();
    batch.put(rows::outbox_leaves(height), encode(&leaves));
    for entry in outbox.iter().filter(|entry| !entry.messages.is_empty()) {
        batch.put(rows::messages(&entry.leaf.peer, height), encode(&entry.messages));
        batch.put(rows::outbox_first(&entry.leaf.peer, entry.leaf.first), encode(&height));
    }
    let mut frontier = parent.frontier.clone();
    let nodes = append_history(&mut frontier, suite, &header_hash)?;
    let mut recent = parent.recent.clone();
    recent.push(RecentBlock { height, round: header.round, proposer: header.proposer });
    #[cfg(feature = "planted-bugs")]
    if planted::is(planted::Plant::ProposerOrderByCertificate) {
        recent.last_mut().into_iter().for_each(|block| block.round = certificate.round);
    }
    if header.is_handoff() {
        // Headers under another set say nothing about the next one.
        recent.clear();
    }
    let kept = usize::try_from(PROPOSER_MEMORY_HEIGHTS).unwrap_or(usize::MAX);
    let surplus = recent.len().saturating_sub(kept);
    recent.drain(..surplus);
    let next = height.saturating_add(1);
    let tip = Tip {
        proposer_order: order(next, &next_validators, &recent),
        header: header.clone(),
        header_hash,
        frontier,
        next_validators,
        next_parameters,
        has_due_work,
        recent,
    };
    put_common(&mut batch, &tip, &nodes);
    let published = PublishedBlock {
        header_hash,
        header,
        certificate,
        inputs: hashes,
        receipts,
        events: delta.events,
        outbox: leaves,
    };
    Ok(Prepared { batch, tip: Arc::new(tip), published: Some(Arc::new(published)) })
}
