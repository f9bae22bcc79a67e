//! Pace (R4): deadlines pass by themselves. As long as a proposal has begun and is not decided, the relay knows that its
//! next block has work, and each of its replicas begins that block's height at the chain's pace, not at its heartbeat.
//!
//! A replica is asked by virtual time between its own block and its next height, which is at most the chain's least time
//! between two blocks; so only while its clock runs and is not set, and only when it has signed since it came up: before
//! that it may wait for the others' word. Bounded by the run: a height per block with an open deadline.

use super::open_legs::{RelayBlock, kept_records, relay_block};
use super::{Fact, Observation, Property};
use crate::failure::Contradiction;
use crate::world::{ChainIndex, ProcessId};
use chain_engine::ChainReader;
use ledger_protocol::system::{ProposalRecord, ProposalState};
use ledger_protocol::{Height, ProposalId};
use std::collections::{BTreeMap, BTreeSet};

/// A replica of the relay.
#[derive(Debug, Default)]
struct Replica {
    has_signed: bool,
    clock_stopped: bool,
    /// Its newest block with when it published it, unless its clock has moved since.
    published: Option<(Height, u64)>,
}

/// The pace of a relay.
#[derive(Debug)]
pub struct Pace {
    relay: ChainIndex,
    /// Begun and undecided, with their deadlines.
    open: BTreeMap<ProposalId, Height>,
    /// Blocks after which a deadline was open.
    heights: BTreeSet<Height>,
    /// The relay's least time between two blocks.
    pace_ms: u64,
    replicas: BTreeMap<ProcessId, Replica>,
    blocks: u64,
    begun: u64,
}

type Verdict = Result<(), Contradiction>;

impl Pace {
    /// Watches a relay.
    pub const fn new(relay: ChainIndex) -> Self {
        Self {
            relay,
            open: BTreeMap::new(),
            heights: BTreeSet::new(),
            pace_ms: u64::MAX,
            replicas: BTreeMap::new(),
            blocks: 0,
            begun: 0,
        }
    }

    fn take(&mut self, records: impl IntoIterator<Item = ProposalRecord>) {
        for record in records {
            match record.state {
                ProposalState::Preparing => self.open.insert(record.id, record.deadline),
                _ => self.open.remove(&record.id),
            };
        }
    }

    /// A block, and whether the relay knows that the next one has work.
    fn block(&mut self, height: Height, knows_of_work: bool) -> Verdict {
        let Some((id, deadline)) = self.open.first_key_value() else { return Ok(()) };
        self.heights.insert(height);
        self.blocks += 1;
        if knows_of_work {
            return Ok(());
        }
        Err(Contradiction::new(
            format!("R4: {id} has begun and is not decided; its deadline is relay height {deadline}"),
            format!("after relay height {height} the relay says that its next block has nothing to do"),
        ))
    }

    /// A replica begins a height.
    fn begins(&mut self, process: ProcessId, height: Height, now_ms: u64) -> Verdict {
        let Some(replica) = self.replicas.get_mut(&process) else { return Ok(()) };
        let Some((before, at_ms)) = replica.published.take() else { return Ok(()) };
        if before.saturating_add(1) != height || !replica.has_signed || !self.heights.contains(&before) {
            return Ok(());
        }
        self.begun += 1;
        let waited_ms = now_ms.saturating_sub(at_ms);
        if waited_ms <= self.pace_ms {
            return Ok(());
        }
        Err(Contradiction::new(
            format!("R4: after relay height {before} a deadline was open, so the next block has work"),
            format!("{process} waited {waited_ms} ms before it began it; its pace is {} ms", self.pace_ms),
        ))
    }
}

impl Property for Pace {
    fn name(&self) -> &'static str {
        "R4 a relay with an open deadline keeps its pace"
    }

    fn report(&self) -> String {
        format!("{} blocks with open deadlines, {} heights begun after one", self.blocks, self.begun)
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Verdict {
        let (process, now_ms) = (observation.process, observation.now_ms);
        if observation.index != self.relay {
            return Ok(());
        }
        if let Some(kept) = kept_records(observation, self.relay)? {
            self.open.clear();
            self.take(kept);
        }
        if let Some(RelayBlock { height, records, .. }) = relay_block(observation, self.relay)? {
            self.take(records);
            let tip = ChainReader::new(observation.store, observation.chain.suite).tip().ok().flatten();
            // A store that is ahead of this block tells of a later one: that is asked when it is published.
            if let Some(tip) = tip.filter(|tip| tip.header.height == height) {
                self.pace_ms = tip.next_parameters.min_block_interval_ms.into();
                self.block(height, tip.has_due_work)?;
            }
        }
        if observation.blame.is_bad_seat(process, observation.index) {
            return Ok(());
        }
        let replica = self.replicas.entry(process).or_default();
        match observation.fact {
            Fact::Published { block, .. } => {
                replica.published = (!replica.clock_stopped).then_some((block.header.height, now_ms));
            }
            Fact::HeightBegun { height } => return self.begins(process, *height, now_ms),
            Fact::SignatureLeft(_) => replica.has_signed = true,
            Fact::ClockMoved { stopped } => {
                replica.clock_stopped = *stopped;
                replica.published = None;
            }
            Fact::Opened { .. } => {
                replica.has_signed = false;
                replica.published = None;
            }
            Fact::Restored(restoration) => self.heights.retain(|height| *height <= restoration.kept),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
