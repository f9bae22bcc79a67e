//! The simulated network: when, and whether, a message between two processes arrives.
//!
//! Per (sender, receiver, lane, chain) messages arrive in order, as on one stream, unless reordering is configured.
//! A cut is directed: A may reach B while B does not reach A. Where a link carries only so much, its messages follow each
//! other whole, in the order in which they were sent, whatever their stream.
//! Bound: a message that would wait longer than [`MAX_WAIT_MS`] for its turn is lost, as from a queue that is full.

use crate::random::Random;
use crate::world::{ChainIndex, ProcessId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How a link behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Shortest and longest delay.
    pub latency_ms: (u64, u64),
    /// Messages lost, in thousandths.
    pub loss_per_mille: u32,
    /// Messages delivered twice, in thousandths.
    pub duplicate_per_mille: u32,
    /// Messages that others overtake, in thousandths.
    pub reorder_per_mille: u32,
    /// Messages that arrive with one byte changed, in thousandths. A real transport notices and drops the link; here
    /// they arrive, so that every decoder and verifier meets them.
    pub corrupt_per_mille: u32,
    /// Extra delay, at most, of a duplicate or an overtaken message.
    pub straggler_ms: u64,
    /// So many KiB per second, at least 1; `None` for as many as anybody sends.
    pub kib_per_s: Option<u32>,
}

/// The longest time that messages wait for those before them on their link.
const MAX_WAIT_MS: u64 = 30_000;

impl NetworkConfig {
    /// A local network: 1 to 12 ms, nothing lost.
    pub const fn smooth() -> Self {
        Self {
            latency_ms: (1, 12),
            loss_per_mille: 0,
            duplicate_per_mille: 0,
            reorder_per_mille: 0,
            corrupt_per_mille: 0,
            straggler_ms: 0,
            kib_per_s: None,
        }
    }

    /// A bad network: 1 to 40 ms, 12 % lost, 5 % twice, 10 % out of order, stragglers up to 350 ms.
    pub const fn lossy() -> Self {
        Self {
            latency_ms: (1, 40),
            loss_per_mille: 120,
            duplicate_per_mille: 50,
            reorder_per_mille: 100,
            corrupt_per_mille: 0,
            straggler_ms: 350,
            kib_per_s: None,
        }
    }
}

/// The stream that a message travels on.
pub(crate) type Stream = (ProcessId, ProcessId, u8, ChainIndex);

/// The network of a world.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) config: NetworkConfig,
    pairs: BTreeMap<(ProcessId, ProcessId), NetworkConfig>,
    cut: BTreeSet<(ProcessId, ProcessId)>,
    last: BTreeMap<Stream, u64>,
    /// The virtual microsecond at which a link that carries only so much is done with what was sent on it.
    busy_until_us: BTreeMap<(ProcessId, ProcessId), u64>,
}

impl Network {
    pub(crate) fn new(config: NetworkConfig) -> Self {
        Self {
            config,
            pairs: BTreeMap::new(),
            cut: BTreeSet::new(),
            last: BTreeMap::new(),
            busy_until_us: BTreeMap::new(),
        }
    }

    pub(crate) fn set_pair(&mut self, from: ProcessId, to: ProcessId, config: NetworkConfig) {
        self.pairs.insert((from, to), config);
    }

    pub(crate) fn pair(&self, from: ProcessId, to: ProcessId) -> NetworkConfig {
        self.pairs.get(&(from, to)).copied().unwrap_or(self.config)
    }

    pub(crate) fn cut(&mut self, from: ProcessId, to: ProcessId) {
        self.cut.insert((from, to));
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
    }

    pub(crate) fn reaches(&self, from: ProcessId, to: ProcessId) -> bool {
        !self.cut.contains(&(from, to))
    }

    /// The message as it arrives: as it was sent, or with one byte changed.
    pub(crate) fn carried(&self, random: &mut Random, stream: Stream, bytes: &Arc<[u8]>) -> Arc<[u8]> {
        let (from, to, ..) = stream;
        let config = self.pairs.get(&(from, to)).unwrap_or(&self.config);
        if !random.chance(config.corrupt_per_mille) {
            return Arc::clone(bytes);
        }
        let mut changed = bytes.to_vec();
        let place = usize::try_from(random.below(changed.len() as u64)).unwrap_or(0);
        if let Some(byte) = changed.get_mut(place) {
            *byte ^= 1 << random.below(8);
        }
        changed.into()
    }

    /// A link went down: what was under way there is lost, and the next message follows nothing.
    pub(crate) fn forget_link(&mut self, one: ProcessId, other: ProcessId) {
        for (from, to) in [(one, other), (other, one)] {
            self.busy_until_us.remove(&(from, to));
            let streams = (from, to, 0, ChainIndex(0))..=(from, to, u8::MAX, ChainIndex(usize::MAX));
            self.last.extract_if(streams, |_, _| true).for_each(drop);
        }
    }

    /// When the last byte of a message sent now has left; `None` when too much waits before it.
    fn leaves_ms(&mut self, now_ms: u64, pair: (ProcessId, ProcessId), kib_per_s: u32, bytes: usize) -> Option<u64> {
        let busy_until_us = self.busy_until_us.entry(pair).or_default();
        let begins_us = (*busy_until_us).max(now_ms * 1_000);
        if begins_us - now_ms * 1_000 > MAX_WAIT_MS * 1_000 {
            return None;
        }
        let per_s = u64::from(kib_per_s.max(1)) * 1_024;
        // A message has at most some megabytes: far from the end of the range.
        *busy_until_us = begins_us + (bytes as u64).saturating_mul(1_000_000).div_ceil(per_s);
        Some(busy_until_us.div_ceil(1_000))
    }

    /// The times at which a message of so many bytes sent now arrives: none, one or two.
    pub(crate) fn arrivals(&mut self, random: &mut Random, now_ms: u64, stream: Stream, bytes: usize) -> Vec<u64> {
        let (from, to, ..) = stream;
        let config = self.pair(from, to);
        if !self.reaches(from, to) {
            return Vec::new();
        }
        // What is lost, is lost behind the narrow part.
        let leaves_ms = match config.kib_per_s {
            Some(kib_per_s) => self.leaves_ms(now_ms, (from, to), kib_per_s, bytes),
            None => Some(now_ms),
        };
        let is_lost = random.chance(config.loss_per_mille);
        let Some(leaves_ms) = leaves_ms.filter(|_| !is_lost) else { return Vec::new() };
        let direct = leaves_ms + random.within(config.latency_ms);
        let mut arrivals = Vec::new();
        if random.chance(config.reorder_per_mille) {
            arrivals.push(direct + random.below(config.straggler_ms + 1));
        } else {
            let last = self.last.entry(stream).or_default();
            *last = direct.max(*last);
            arrivals.push(*last);
        }
        if random.chance(config.duplicate_per_mille) {
            arrivals.push(direct + random.below(config.straggler_ms + 1));
        }
        arrivals
    }
}

#[cfg(test)]
mod tests;
