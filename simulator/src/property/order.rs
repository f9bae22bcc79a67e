//! Order in a block (R1, R9): what counts first stands first, and of every source its hand-offs, then at most one Advance
//! of whole lists within the bounds of the protocol.
//!
//! Judged from the inputs alone, by another hand than the engine's own check.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use ledger_protocol::chain::Input;
use ledger_protocol::codec::encode;
use ledger_protocol::interchain::{Advance, Head, MAX_LIST_BYTES, MAX_LIST_MESSAGES};
use ledger_protocol::transaction::Operation;
use ledger_protocol::{ChainId, Height};
use std::collections::BTreeMap;

/// The inputs of every block of every chain.
#[derive(Debug, Default)]
pub struct Order {
    blocks: u64,
    inputs: u64,
}

/// Where an input belongs: 1 Evidence and motions, 2 what other chains say, 3 what clients say (R1).
fn place_of(input: &Input) -> (u8, &'static str) {
    let Input::Transaction(transaction) = input else {
        return match input {
            Input::Evidence(_) => (1, "Evidence"),
            Input::Handoff(_) => (2, "a hand-off"),
            Input::Advance(_) | Input::Transaction(_) => (2, "an Advance"),
        };
    };
    let is_motion = |operation: &Operation| matches!(operation, Operation::ProposeMotion(_) | Operation::VoteMotion(_));
    let mut operations = transaction.body.operations.iter();
    if operations.all(|one| is_motion(&one.operation)) { (1, "a motion") } else { (3, "a transaction") }
}

/// R9: whole lists within the bounds; without a list only with a new head.
fn judge_advance(advance: &Advance) -> Result<(), Contradiction> {
    let lists = || advance.blocks.iter().flat_map(|block| block.messages().iter());
    let (count, bytes) = lists().fold((0, 0), |(count, bytes), message| (count + 1, bytes + encode(message).len()));
    if count > MAX_LIST_MESSAGES || bytes > MAX_LIST_BYTES {
        return Err(Contradiction::new(
            format!("R9: an Advance carries at most {MAX_LIST_MESSAGES} messages and {MAX_LIST_BYTES} bytes of them"),
            format!("one of {} carries {count} and {bytes}", advance.source),
        ));
    }
    if count == 0 && !matches!(advance.head, Head::New { .. }) {
        return Err(Contradiction::new(
            "R9: an Advance without a list brings a new head",
            format!("one of {} brings neither", advance.source),
        ));
    }
    Ok(())
}

fn judge(height: Height, inputs: &[Input]) -> Result<(), Contradiction> {
    let mut last = (0, "nothing");
    // Of every source: where its last input stands, and whether that was its Advance.
    let mut sources: BTreeMap<ChainId, (usize, bool)> = BTreeMap::new();
    for (index, input) in inputs.iter().enumerate() {
        let place = place_of(input);
        if place.0 < last.0 {
            return Err(Contradiction::new(
                format!("R1: {} counts before {}", place.1, last.1),
                format!("in the block at height {height} it is number {index}, behind it"),
            ));
        }
        last = place;
        let (source, is_advance) = match input {
            Input::Handoff(handoff) => (handoff.source, false),
            Input::Advance(advance) => {
                judge_advance(advance)?;
                (advance.source, true)
            }
            Input::Evidence(_) | Input::Transaction(_) => continue,
        };
        if let Some((before, had_advanced)) = sources.insert(source, (index, is_advance))
            && (had_advanced || before + 1 != index)
        {
            return Err(Contradiction::new(
                "R9: per source and block its hand-offs, then at most one Advance",
                format!("at height {height} {} of {source} is number {index}, after number {before}", place.1),
            ));
        }
    }
    Ok(())
}

impl Property for Order {
    fn name(&self) -> &'static str {
        "what counts first stands first"
    }

    fn report(&self) -> String {
        format!("{} inputs in {} blocks", self.inputs, self.blocks)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        let Fact::Published { block, is_first: true } = observation.fact else { return Ok(()) };
        if observation.blame.is_bad_chain(observation.index) {
            return Ok(());
        }
        let inputs = reading::inputs(observation)?;
        self.blocks += 1;
        self.inputs += inputs.len() as u64;
        judge(block.header.height, inputs)
    }
}

#[cfg(test)]
mod tests;
