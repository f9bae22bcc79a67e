//! At most once: no input stands in two blocks of a chain, and no transaction in blocks of two. What stood in blocks that
//! a chain has lost with its disks may come again.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::chain::Input;
use ledger_protocol::{Hash, Height, TransactionId};
use std::collections::BTreeMap;

/// Every id, and the hash of every system input, is final at most once. One hand-off may reach several chains; a
/// transaction is for one.
#[derive(Debug, Default)]
pub struct AtMostOnce {
    places: BTreeMap<(ChainIndex, Hash), Height>,
    transactions: BTreeMap<TransactionId, (ChainIndex, Height)>,
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
        if let Fact::Restored(restoration) = observation.fact {
            let is_kept = |chain: ChainIndex, height: Height| chain != observation.index || height <= restoration.kept;
            self.places.retain(|(chain, _), height| is_kept(*chain, *height));
            self.transactions.retain(|_, (chain, height)| is_kept(*chain, *height));
        }
        let Fact::Published { block, is_first: true } = &observation.fact else { return Ok(()) };
        let (here, height) = (observation.index, block.header.height);
        for input in &block.inputs {
            if let Some(before) = self.places.insert((here, *input), height) {
                return Err(Contradiction::new(
                    format!("input {input} is final at height {before} of chain {}", here.0),
                    format!("it is final at height {height} too"),
                ));
            }
        }
        for input in reading::inputs(observation)? {
            let Input::Transaction(transaction) = input else { continue };
            let id = transaction.id();
            if let Some((chain, before)) = self.transactions.insert(id, (here, height)) {
                return Err(Contradiction::new(
                    format!("transaction {id} is final at height {before} of chain {}", chain.0),
                    format!("it is final at height {height} of chain {} too", here.0),
                ));
            }
        }
        if block.inputs.len() != block.receipts.len() {
            return Err(Contradiction::new(
                format!("height {height} of chain {} holds {} inputs", here.0, block.inputs.len()),
                format!("it holds {} receipts", block.receipts.len()),
            ));
        }
        Ok(())
    }
}
