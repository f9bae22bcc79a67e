//! At most once: no input stands in two blocks of a chain.

use super::{Fact, Observation, Property};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::{Hash, Height};
use std::collections::BTreeMap;

/// Every id, and the hash of every system input, is final at most once.
#[derive(Debug, Default)]
pub struct AtMostOnce {
    places: BTreeMap<(ChainIndex, Hash), Height>,
}

impl Property for AtMostOnce {
    fn name(&self) -> &'static str {
        "at most once"
    }

    fn report(&self) -> String {
        format!("{} inputs final once", self.places.len())
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        if observation.blame.is_bad_chain(observation.index) {
            return Ok(());
        }
        let Fact::Published { block, is_first: true } = &observation.fact else { return Ok(()) };
        let height = block.header.height;
        for input in &block.inputs {
            if let Some(before) = self.places.insert((observation.index, *input), height) {
                return Err(Contradiction::new(
                    format!("input {input} is final at height {before} of chain {}", observation.index.0),
                    format!("it is final at height {height} too"),
                ));
            }
        }
        if block.inputs.len() != block.receipts.len() {
            return Err(Contradiction::new(
                format!("height {height} of chain {} holds {} inputs", observation.index.0, block.inputs.len()),
                format!("it holds {} receipts", block.receipts.len()),
            ));
        }
        Ok(())
    }
}
