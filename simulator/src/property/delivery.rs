//! Delivery (R9): what one chain consumes of another comes in order, nothing twice and nothing skipped.
//!
//! It reads the lists of the ordered Advances and never the receiver's own counter. A re-anchor may take a counter
//! back: this property is for runs without one.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::ChainId;
use ledger_protocol::chain::Input;
use std::collections::BTreeMap;

/// Every message stands in one block of its receiver, in the order of its sequence.
#[derive(Debug, Default)]
pub struct Delivery {
    next: BTreeMap<(ChainIndex, ChainId), u64>,
}

impl Property for Delivery {
    fn name(&self) -> &'static str {
        "every message once and in order"
    }

    fn report(&self) -> String {
        format!("{} messages on {} lanes", self.next.values().sum::<u64>(), self.next.len())
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        let Fact::Published { block, is_first: true } = observation.fact else { return Ok(()) };
        if observation.blame.is_bad_chain(observation.index) {
            return Ok(());
        }
        let height = block.header.height;
        for input in reading::inputs(observation, height) {
            let Input::Advance(advance) = input else { continue };
            let next = self.next.entry((observation.index, advance.source)).or_default();
            for message in advance.blocks.iter().flat_map(|delivered| delivered.messages().iter()) {
                if message.sequence.0 != *next {
                    return Err(Contradiction::new(
                        format!("R9: chain {} has consumed {next} messages of this lane", observation.index.0),
                        format!("at height {height} it consumes number {}", message.sequence),
                    ));
                }
                *next += 1;
            }
        }
        Ok(())
    }
}
