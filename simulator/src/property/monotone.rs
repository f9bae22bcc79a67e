//! Monotone counters: heights, times, outbox numbers, inbox counters and followed heights never fall or skip, but for the
//! one time that a lane is brought in line after one of its chains lost blocks.

use super::{Fact, Observation, Property, Restoration, reading};
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
    /// How often a chain went back to a backup.
    restored: BTreeMap<ChainId, u32>,
    /// At which heights of a chain a lane's numbers were excused for that.
    excused: BTreeMap<(ChainIndex, ChainId, Excuse), Vec<Height>>,
    places: BTreeMap<ChainId, ChainIndex>,
}

/// Why a number may fall or skip, once for every time that a chain lost blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Excuse {
    /// The peer lost blocks and was re-anchored in this block: what was received and followed of it may be less.
    PeerReanchored,
    /// This chain lost blocks: the number goes on with what the peer expects.
    Renumbered,
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
        self.places.insert(observation.chain, observation.index);
        match &observation.fact {
            Fact::Opened { height, wiped } => {
                let before = self.published.get(&here).copied().unwrap_or(Height::ZERO);
                if *height < before && !wiped {
                    return Err(Contradiction::new(
                        format!("{} published height {before} of chain {}", here.0, here.1.0),
                        format!("after a restart its disk holds height {height} only"),
                    ));
                }
                // A block may be durable and not yet published by this replica when its process dies.
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
            Fact::Restored(restoration) => {
                self.restored(observation, restoration);
                Ok(())
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
            let falls = leaf.received < before.received || leaf.follows.height_on_peer < before.follows.height_on_peer;
            let skips = Some(leaf.first) != before.next_sequence();
            let is_reanchored = leaf.reanchored > before.reanchored;
            // What a bad chain says it expects is not written down.
            let is_bad_peer = observation.blame.is_bad(&leaf.peer);
            let falls = falls
                && !(is_reanchored
                    && self.excuse((index, header.height), leaf.peer, leaf.peer, Excuse::PeerReanchored));
            let skips = skips
                && !((is_bad_peer || self.is_expected_by_peer(observation.chain, leaf))
                    && self.excuse((index, header.height), leaf.peer, observation.chain, Excuse::Renumbered));
            if falls || skips {
                return Err(Contradiction::new(
                    format!("chain {}'s leaf for {:?} was {before:?}", index.0, leaf.peer.hash),
                    format!("at height {} it is {leaf:?}", header.height),
                ));
            }
        }
        Ok(())
    }
}

impl Monotone {
    /// The numbers are those of the kept blocks.
    fn restored(&mut self, observation: &Observation<'_>, restoration: &Restoration) {
        let index = observation.index;
        *self.restored.entry(observation.chain).or_default() += 1;
        for (process, height) in &restoration.heights {
            self.published.insert((*process, index), *height);
        }
        // What it excused on the branch that is lost, it excuses again.
        for (_, heights) in self.excused.iter_mut().filter(|((chain, _, _), _)| *chain == index) {
            heights.retain(|height| *height <= restoration.kept);
        }
        self.headers.remove(&index);
        if let Some(header) = reading::header(observation, restoration.kept).filter(|it| it.height > Height::ZERO) {
            self.headers.insert(index, (header.height, header.hash(), header.timestamp_ms));
        }
        self.leaves.retain(|(chain, _), _| *chain != index);
        for leaf in reading::outbox(observation, restoration.kept) {
            self.leaves.insert((index, leaf.peer), leaf);
        }
    }

    /// Whether a leaf's number is the one that the peer has said it expects.
    fn is_expected_by_peer(&self, chain: ChainId, leaf: &OutboxLeaf) -> bool {
        let of_peer = self.places.get(&leaf.peer).and_then(|index| self.leaves.get(&(*index, chain)));
        of_peer.is_some_and(|of_peer| of_peer.received == leaf.first)
    }

    /// Takes an excuse, if there is one left: a chain has one for every time that the other, or it, lost blocks.
    fn excuse(&mut self, (index, height): (ChainIndex, Height), peer: ChainId, loser: ChainId, excuse: Excuse) -> bool {
        let losses = self.restored.get(&loser).copied().unwrap_or(0);
        let used = self.excused.entry((index, peer, excuse)).or_default();
        let is_left = (used.len() as u64) < u64::from(losses);
        if is_left {
            used.push(height);
        }
        is_left
    }
}
