//! Delivery (R9): what one chain consumes of another comes in order, nothing twice and nothing skipped.
//!
//! It reads the lists of the ordered Advances and never the receiver's own counter, but for what a receiver that went back
//! to a backup had consumed by then. A re-anchor takes a counter back to where its motion's proof says.

use super::{Fact, Observation, Property, reading};
use crate::failure::Contradiction;
use crate::world::ChainIndex;
use ledger_protocol::chain::Input;
use ledger_protocol::interchain::{Motion, OutboxLeaf};
use ledger_protocol::{ChainId, Height};
use std::collections::BTreeMap;

/// Every message stands in one block of its receiver, in the order of its sequence.
#[derive(Debug, Default)]
pub struct Delivery {
    next: BTreeMap<(ChainIndex, ChainId), u64>,
    /// How often a receiver had re-anchored a source.
    reanchored: BTreeMap<(ChainIndex, ChainId), u32>,
}

impl Delivery {
    /// A receiver went back: its last leaves say what it had consumed by then.
    fn restored(&mut self, observation: &Observation<'_>, kept: Height) {
        let index = observation.index;
        self.next.retain(|(receiver, _), _| *receiver != index);
        self.reanchored.retain(|(receiver, _), _| *receiver != index);
        for leaf in reading::outbox(observation, kept) {
            self.next.insert((index, leaf.peer), leaf.received.0);
            self.reanchored.insert((index, leaf.peer), leaf.reanchored);
        }
    }

    /// R9: a re-anchor that was carried out takes the counter to a boundary of the kept history, if that is less.
    fn reanchored(&mut self, index: ChainIndex, inputs: &[Input], outbox: &[OutboxLeaf]) {
        for leaf in outbox {
            let before = self.reanchored.insert((index, leaf.peer), leaf.reanchored).unwrap_or(0);
            if leaf.reanchored == before {
                continue;
            }
            for reanchor in reading::motions(inputs).filter_map(|motion| match motion {
                Motion::Reanchor(it) if it.chain == leaf.peer => Some(it),
                _ => None,
            }) {
                let boundary = reanchor.leaf.leaf.next_sequence().map_or(u64::MAX, |next| next.0);
                let next = self.next.entry((index, leaf.peer)).or_default();
                *next = boundary.min(*next);
            }
        }
    }
}

impl Property for Delivery {
    fn name(&self) -> &'static str {
        "every message once and in order"
    }

    fn report(&self) -> String {
        format!("{} messages on {} lanes", self.next.values().sum::<u64>(), self.next.len())
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        if let Fact::Restored(restoration) = observation.fact {
            self.restored(observation, restoration.kept);
        }
        let Fact::Published { block, is_first: true } = observation.fact else { return Ok(()) };
        if observation.blame.is_bad_chain(observation.index) {
            return Ok(());
        }
        let (index, height) = (observation.index, block.header.height);
        let inputs = reading::inputs(observation)?;
        for input in inputs {
            let Input::Advance(advance) = input else { continue };
            let next = self.next.entry((index, advance.source)).or_default();
            for message in advance.blocks.iter().flat_map(|delivered| delivered.messages().iter()) {
                if message.sequence.0 != *next {
                    return Err(Contradiction::new(
                        format!("R9: chain {} has consumed {next} messages of this lane", index.0),
                        format!("at height {height} it consumes number {}", message.sequence),
                    ));
                }
                *next += 1;
            }
        }
        // A frozen chain's Advances are not taken: the motion that brings it back stands behind all of them.
        self.reanchored(index, inputs, &block.outbox);
        Ok(())
    }
}
