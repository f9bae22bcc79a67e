//! What a world's blocks say about throughput and latency: seen by a property that contradicts nothing.

use super::plan::Timing;
use crate::failure::Contradiction;
use crate::property::{Fact, Observation, Property, reading};
use crate::world::{ChainIndex, EPOCH_MS};
use chain_engine::PublishedBlock;
use ledger_protocol::chain::Input;
use ledger_protocol::codec::encode;
use ledger_protocol::system::{ProposalRecord, ProposalState, accounts};
use ledger_protocol::{ChainId, Height, ProposalId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A block of which replicas have published something.
#[derive(Debug, Clone, Default)]
pub(super) struct BlockSeen {
    /// The time in its header.
    pub built_ms: u64,
    /// When replicas published it.
    pub published_ms: Vec<u64>,
    /// To whom it has a list.
    pub lists_to: Vec<ChainId>,
    /// Proposals submitted in it.
    pub proposals: u64,
    /// Their bytes.
    pub proposal_bytes: u64,
    /// Advances in it.
    pub advances: u64,
    /// Messages in their lists.
    pub messages: u64,
    /// Their bytes.
    pub advance_bytes: u64,
    /// Changes.
    pub changes: u64,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Proposals that ended since this was emptied, and when.
    pub ended: Vec<(ProposalId, u64)>,
    /// Proposals that stand in a block since this was emptied.
    pub ordered: usize,
    /// In how many milliseconds so far the relay made its blocks.
    pub relay_worked_ms: u64,
    /// Proposals that ended otherwise than committed, and transactions that failed.
    pub in_vain: usize,
    /// Transactions of subchains that became final since this was emptied.
    pub locals: BTreeMap<ChainIndex, u64>,
    /// Blocks, if they are kept.
    pub blocks: BTreeMap<(ChainIndex, Height), BlockSeen>,
    /// Whether blocks are kept: they are decoded once more for it.
    pub keeps_blocks: bool,
}

/// The property.
pub(super) struct Watch {
    pub relay: ChainIndex,
    pub seen: Rc<RefCell<Seen>>,
}

impl Watch {
    fn keep(&self, observation: &Observation<'_>, block: &PublishedBlock, is_first: bool) {
        let mut seen = self.seen.borrow_mut();
        if !seen.keeps_blocks {
            return;
        }
        let here = seen.blocks.entry((observation.index, block.header.height)).or_default();
        here.published_ms.push(observation.now_ms);
        if !is_first {
            return;
        }
        here.built_ms = block.header.timestamp_ms.0.saturating_sub(EPOCH_MS);
        here.changes = u64::from(block.header.changes.count);
        here.lists_to = block.outbox.iter().filter(|leaf| leaf.count > 0).map(|leaf| leaf.peer).collect();
        for input in reading::inputs(observation).unwrap_or_default() {
            let bytes = encode(&input).len() as u64;
            match &input {
                Input::Transaction(_) if observation.index == self.relay => {
                    here.proposals += 1;
                    here.proposal_bytes += bytes;
                }
                Input::Advance(advance) => {
                    here.advances += 1;
                    here.messages += advance.blocks.iter().map(|block| block.messages().len() as u64).sum::<u64>();
                    here.advance_bytes += bytes;
                }
                Input::Transaction(_) | Input::Evidence(_) | Input::Handoff(_) => {}
            }
        }
    }

    fn note_ends(&self, observation: &Observation<'_>, block: &PublishedBlock) {
        let mut seen = self.seen.borrow_mut();
        if observation.index != self.relay {
            // System inputs burn no fuel.
            let transactions = || block.receipts.iter().filter(|receipt| receipt.fuel > 0);
            *seen.locals.entry(observation.index).or_default() += transactions().count() as u64;
            seen.in_vain += transactions().filter(|it| !it.codes.iter().all(|code| code.is_ok())).count();
            return;
        }
        let records = reading::records::<ProposalRecord>(observation, accounts::PROPOSALS).unwrap_or_default();
        seen.relay_worked_ms += observation.now_ms - block.header.timestamp_ms.0.saturating_sub(EPOCH_MS);
        for (_, record) in records {
            seen.ordered += usize::from(record.submitted_at == block.header.height);
            if !record.state.is_terminal() {
                continue;
            }
            seen.in_vain += usize::from(record.state != ProposalState::Committed);
            seen.ended.push((record.id, observation.now_ms));
        }
    }
}

impl Property for Watch {
    fn name(&self) -> &'static str {
        "throughput is watched"
    }

    fn only_watches(&self) -> bool {
        true
    }

    fn report(&self) -> String {
        String::new()
    }

    fn observe(&mut self, observation: &Observation<'_>) -> Result<(), Contradiction> {
        if let Fact::Published { block, is_first } = observation.fact {
            self.keep(observation, block, *is_first);
            if *is_first {
                self.note_ends(observation, block);
            }
        }
        Ok(())
    }
}

fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    (count > 0.0).then(|| sum / count)
}

/// An admission that was asked for: when, on which process, of how many messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admitted {
    pub at_ms: u64,
    pub process: usize,
    pub chain: ChainIndex,
    pub messages: u64,
    pub proposals: u64,
}

/// How long after `since_ms` the processes of a chain had what they asked to admit, on average, and how much of it after
/// the first; none when less than `wanted` processes had it within a second.
fn delay_ms(
    admitted: &[Admitted],
    since_ms: u64,
    wanted: usize,
    is_it: impl Fn(&Admitted) -> bool,
) -> Option<(f64, f64)> {
    let mut first = BTreeMap::new();
    let later = admitted.partition_point(|one| one.at_ms < since_ms);
    for one in admitted.iter().skip(later).take_while(|one| one.at_ms <= since_ms + 1_000).filter(|one| is_it(one)) {
        first.entry(one.process).or_insert(one.at_ms);
    }
    let mean = mean(first.values().map(|at_ms| (at_ms - since_ms) as f64))?;
    let least = (first.values().min()? - since_ms) as f64;
    (first.len() >= wanted).then_some((mean, mean - least))
}

/// What a network was seen to take.
pub(super) struct Sightings<'a> {
    pub relay: ChainIndex,
    pub ids: BTreeMap<ChainId, ChainIndex>,
    pub blocks: &'a BTreeMap<(ChainIndex, Height), BlockSeen>,
    pub admitted: &'a [Admitted],
    pub submitted_ms: &'a [u64],
    pub validators: usize,
    /// Until then at most one proposal was under way at a time.
    pub calm_until_ms: u64,
}

impl Sightings<'_> {
    /// Timing and sizes; none when there was too little to see.
    pub(super) fn timing(&self) -> Option<Timing> {
        let built = |block: &&BlockSeen| block.published_ms.len() >= self.validators;
        let times = self.blocks.values().filter(built).map(|block| {
            let published = mean(block.published_ms.iter().map(|at_ms| *at_ms as f64)).unwrap_or_default();
            published - block.built_ms as f64
        });
        let submits = self.submitted_ms.iter().filter_map(|at_ms| {
            let is_it = |one: &Admitted| one.chain == self.relay && one.proposals > 0;
            delay_ms(self.admitted, *at_ms, self.validators, is_it)
        });
        let submits: Vec<(f64, f64)> = submits.collect();
        let (to_relay, to_subchain) = (self.courier_ms(true), self.courier_ms(false));
        let gossip = [&submits, &to_relay, &to_subchain].into_iter().flatten().map(|(_, gossip)| *gossip);
        let delay = |of: &[(f64, f64)]| mean(of.iter().map(|(delay, _)| *delay));
        let (proposal_bytes, advance_bytes, message_bytes) = self.sizes()?;
        let (proposal_changes, message_changes) = self.changes();
        Some(Timing {
            votes_ms: mean(times)?,
            to_relay_ms: delay(&to_relay)?,
            to_subchain_ms: delay(&to_subchain)?,
            submit_ms: delay(&submits)?,
            gossip_ms: mean(gossip)?,
            proposal_bytes,
            advance_bytes,
            message_bytes,
            proposal_changes,
            message_changes,
        })
    }

    /// Of every list that left a chain in calm: from the mean publication to the mean admission.
    fn courier_ms(&self, to_relay: bool) -> Vec<(f64, f64)> {
        let mut delays = Vec::new();
        for ((chain, _), block) in self.blocks {
            if (*chain == self.relay) == to_relay || block.built_ms > self.calm_until_ms {
                continue;
            }
            let Some(first) = block.published_ms.iter().min() else { continue };
            let published = mean(block.published_ms.iter().map(|at_ms| *at_ms as f64)).unwrap_or_default();
            for to in block.lists_to.iter().filter_map(|to| self.ids.get(to)) {
                let is_it = |one: &Admitted| one.chain == *to && one.messages > 0;
                let delay = delay_ms(self.admitted, *first, self.validators, is_it);
                delays.extend(delay.map(|(delay, gossip)| (delay + *first as f64 - published, gossip)));
            }
        }
        delays
    }

    fn of_relay(&self) -> impl Iterator<Item = &BlockSeen> {
        self.blocks.iter().filter(|((chain, _), _)| *chain == self.relay).map(|(_, block)| block)
    }

    fn sizes(&self) -> Option<(f64, f64, f64)> {
        let with_proposals = self.of_relay().filter(|block| block.proposals > 0);
        let proposal = mean(with_proposals.map(|block| block.proposal_bytes as f64 / block.proposals as f64))?;
        let parts = |block: &BlockSeen| [block.advances as f64, block.messages as f64, 0.0, 0.0];
        let readings: Vec<_> = self.of_relay().map(|block| (parts(block), block.advance_bytes as f64)).collect();
        let [advance, message, ..] = super::meter::least_squares(&readings);
        Some((proposal, advance, message))
    }

    fn changes(&self) -> (f64, f64) {
        let parts = |block: &BlockSeen| [1.0, block.proposals as f64, block.messages as f64, 0.0];
        let readings: Vec<_> = self.of_relay().map(|block| (parts(block), block.changes as f64)).collect();
        let [_, proposal, message, _] = super::meter::least_squares(&readings);
        (proposal, message)
    }
}
