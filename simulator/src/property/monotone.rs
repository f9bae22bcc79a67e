//! Monotone counters: heights, times, outbox numbers, inbox counters and followed heights never fall or skip.

use super::{Fact, Observation, Property};
use crate::failure::Contradiction;
use crate::world::{ChainIndex, ProcessId};
use ledger_protocol::interchain::OutboxLeaf;
use ledger_protocol::{ChainId, Hash, Height, TimestampMs};
use std::collections::BTreeMap;

/// Each replica publishes every height once and in order; each chain's numbers go one way.
#[derive(Debug, Default)]
pub struct Monotone {
    published: BTreeMap<(ProcessId, ChainIndex), Height>,
    headers: BTreeMap<ChainIndex, (Height, Hash, TimestampMs)>,
    leaves: BTreeMap<(ChainIndex, ChainId), OutboxLeaf>,
}

impl Property for Monotone {
    fn name(&self) -> &'static str {
        "monotone counters"
    }

    fn report(&self) -> String {
        format!("{} lanes, {} replicas", self.leaves.len(), self.published.len())
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        if observation.blame.is_bad_chain(observation.index) {
            return Ok(());
        }
        let here = (observation.process, observation.index);
        match &observation.fact {
            Fact::Opened { height, wiped } => {
                let before = self.published.get(&here).copied().unwrap_or(Height::ZERO);
                if *height < before && !wiped {
                    return Err(Contradiction::new(
                        format!("{} published height {before} of chain {}", here.0, here.1.0),
                        format!("after a restart its disk holds height {height} only"),
                    ));
                }
                // A block may be durable and not yet published when the process dies.
                self.published.insert(here, *height);
                Ok(())
            }
            Fact::Published { block, is_first } => {
                let height = block.header.height;
                let before = self.published.insert(here, height);
                if before.unwrap_or(Height::ZERO).next() != Some(height) {
                    return Err(Contradiction::new(
                        format!("{} published height {before:?} of chain {}", here.0, here.1.0),
                        format!("the next one it publishes is {height}"),
                    ));
                }
                if *is_first { self.first(observation, block) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
}

impl Monotone {
    fn first(
        &mut self,
        observation: &Observation<'_>,
        block: &chain_engine::PublishedBlock,
    ) -> Result<(), Contradiction> {
        let (header, index) = (&block.header, observation.index);
        let now = (header.height, block.header_hash, header.timestamp_ms);
        if let Some(before) = self.headers.insert(index, now)
            && (before.0.next() != Some(now.0) || before.1 != header.parent || before.2 >= now.2)
        {
            return Err(Contradiction::new(
                format!("chain {} stands at height {}, hash {}, time {}", index.0, before.0, before.1, before.2),
                format!("its next header is height {}, parent {}, time {}", now.0, header.parent, now.2),
            ));
        }
        for leaf in &block.outbox {
            let Some(before) = self.leaves.insert((index, leaf.peer), *leaf) else { continue };
            let falls = leaf.received < before.received
                || leaf.follows.height_on_peer < before.follows.height_on_peer
                || Some(leaf.first) != before.next_sequence();
            if falls {
                return Err(Contradiction::new(
                    format!("chain {}'s leaf for {:?} was {before:?}", index.0, leaf.peer.hash),
                    format!("at height {} it is {leaf:?}", header.height),
                ));
            }
        }
        Ok(())
    }
}
