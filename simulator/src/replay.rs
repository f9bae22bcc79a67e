//! A chain's log on a fresh state machine: every block of it executed again, every header compared.
//!
//! What an auditor with the bodies would do. Nothing of the run is used but the genesis and the blocks, in order.

use crate::failure::Contradiction;
use crate::fixture::header_zero;
use chain_engine::assemble::{BlockInputs, Executed, facts_on};
use chain_engine::rows::Tip;
use chain_state::{MemoryStore, StateMachine, StoreWriter};
use ledger_protocol::chain::{Block, Genesis, Header};
use ledger_protocol::merkle::{Frontier, LeafHash};
use ledger_protocol::{Hash, Suite};

/// Executes a chain's blocks from its genesis on; returns how many there were and the last header's hash.
///
/// # Errors
/// [`Contradiction`] at the first header that is not what the execution gives, byte for byte.
pub fn replay(
    genesis: &Genesis,
    machine: &dyn StateMachine,
    blocks: impl IntoIterator<Item = Block>,
) -> Result<(u64, Hash), Contradiction> {
    let broken = |what: String| Contradiction::new("the chain's log executes on a fresh state machine", what);
    let start = machine.genesis(genesis).map_err(|refusal| broken(format!("its genesis does not: {refusal}")))?;
    let header = header_zero(genesis, machine).map_err(|refusal| broken(format!("its genesis does not: {refusal}")))?;
    let mut store = MemoryStore::default();
    store.apply(&start.delta.batch, false).map_err(|fault| broken(fault.0))?;
    let header_hash = header.hash();
    let mut tip = Tip {
        header,
        header_hash,
        frontier: Frontier::new(genesis.suite),
        next_validators: genesis.validators.clone(),
        next_parameters: genesis.parameters.clone(),
        has_due_work: false,
        recent: Vec::new(),
        proposer_order: Vec::new(),
    };
    append(&mut tip.frontier, genesis.suite, &header_hash)?;
    let mut count = 0;
    for block in blocks {
        let recorded = block.header.clone();
        let Some((_, inputs)) = BlockInputs::of_block(block) else {
            return Err(broken(format!("block {} does not hold the inputs that its header names", recorded.height)));
        };
        let facts = facts_on(&tip, genesis.chain_id(), recorded.timestamp_ms, recorded.proposer);
        let execution = machine
            .execute(&store, &facts, inputs.inputs())
            .map_err(|error| broken(format!("block {} does not: {error}", recorded.height)))?;
        let executed = Executed::new(&tip, &facts, recorded.round, &inputs, execution);
        compare(&recorded, &executed.header)?;
        store.apply(&executed.execution.delta.batch, false).map_err(|fault| broken(fault.0))?;
        append(&mut tip.frontier, genesis.suite, &executed.header_hash)?;
        tip = Tip {
            header: executed.header,
            header_hash: executed.header_hash,
            next_validators: executed.execution.next_validators,
            next_parameters: executed.execution.next_parameters,
            ..tip
        };
        count += 1;
    }
    Ok((count, tip.header_hash))
}

fn compare(recorded: &Header, executed: &Header) -> Result<(), Contradiction> {
    if recorded == executed {
        return Ok(());
    }
    Err(Contradiction::new(format!("the log's header is {recorded:?}"), format!("its execution gives {executed:?}")))
}

fn append(frontier: &mut Frontier, suite: Suite, header_hash: &Hash) -> Result<(), Contradiction> {
    let appended = frontier.append(LeafHash::of(suite, header_hash.as_bytes()));
    appended.map(|_| ()).map_err(|error| Contradiction::new("the history log takes every header", error.to_string()))
}
