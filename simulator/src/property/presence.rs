//! Presence: what is final can be asked for. Every honest replica finds each input of a block by its id, at its place,
//! with the receipt that was first published, right after it published the block itself and once more at rest.
//!
//! Blocks above the height that a restored chain kept are asked no more. Bounded by the run: a hash per final input.

use super::{Fact, Observation, Property};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use chain_engine::ChainReader;
use chain_engine::rows::InputPlace;
use ledger_protocol::codec::encode;
use ledger_protocol::transaction::Receipt;
use ledger_protocol::{Hash, Height, Suite};
use std::collections::BTreeMap;

/// The final inputs of all chains with digests of their receipts.
#[derive(Debug, Default)]
pub struct Presence {
    blocks: BTreeMap<(ChainIndex, Height), Vec<(Hash, Hash)>>,
    asked: u64,
    asked_at_rest: u64,
}

type Verdict = Result<(), Contradiction>;

fn digest(receipt: &Receipt) -> Hash {
    Suite::Standard.hash_parts(&[&encode(receipt)])
}

impl Presence {
    /// Asks one replica for every input of one block.
    fn ask(&mut self, observation: &Observation<'_>, height: Height) -> Verdict {
        let Some(inputs) = self.blocks.get(&(observation.index, height)) else { return Ok(()) };
        let reader = ChainReader::new(observation.store, observation.chain.suite);
        let receipts = reader.receipts(height).ok().flatten().unwrap_or_default();
        self.asked += inputs.len() as u64;
        for (index, (input, receipt)) in (0u32..).zip(inputs) {
            let (index_of_chain, process) = (observation.index.0, observation.process);
            let promised =
                || format!("input {input} is final at height {height} of chain {index_of_chain}, leaf {index}");
            let place = reader.input_place(input).ok().flatten();
            if place != Some(InputPlace { height, index }) {
                return Err(Contradiction::new(promised(), format!("{process} finds it at {place:?}")));
            }
            let found = receipts.get(index as usize);
            if found.map(digest) != Some(*receipt) {
                let first = format!("{}, with a receipt of digest {receipt}", promised());
                return Err(Contradiction::new(first, format!("the receipt of {process} there is {found:?}")));
            }
        }
        Ok(())
    }
}

impl Property for Presence {
    fn name(&self) -> &'static str {
        "what is final can be asked for"
    }

    fn report(&self) -> String {
        format!("{} inputs found, {} of them at rest", self.asked, self.asked_at_rest)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Verdict {
        let index = observation.index;
        if observation.blame.is_bad_seat(observation.process, index) && !matches!(observation.fact, Fact::Restored(_)) {
            return Ok(());
        }
        match observation.fact {
            Fact::Restored(restoration) => {
                self.blocks.retain(|(chain, height), _| *chain != index || *height <= restoration.kept);
                Ok(())
            }
            Fact::Published { block, .. } => {
                let height = block.header.height;
                let receipts = block.inputs.iter().copied().zip(block.receipts.iter().map(digest));
                self.blocks.entry((index, height)).or_insert_with(|| receipts.collect());
                self.ask(observation, height)
            }
            Fact::AtRest { height } => {
                let before = self.asked;
                let heights: Vec<Height> = self
                    .blocks
                    .range((index, Height::ZERO)..=(index, *height))
                    .map(|((_, height), _)| *height)
                    .collect();
                heights.into_iter().try_for_each(|height| self.ask(observation, height))?;
                self.asked_at_rest += self.asked - before;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
