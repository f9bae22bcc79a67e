//! The simulated network: when, and whether, a message between two processes arrives.
//!
//! Per (sender, receiver, lane, chain) messages arrive in order, as on one stream, unless reordering is configured.
//! A cut is directed: A may reach B while B does not reach A.

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
}

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
}

impl Network {
    pub(crate) fn new(config: NetworkConfig) -> Self {
        Self { config, pairs: BTreeMap::new(), cut: BTreeSet::new(), last: BTreeMap::new() }
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

    /// The times at which a message sent now arrives: none, one or two.
    pub(crate) fn arrivals(&mut self, random: &mut Random, now_ms: u64, stream: Stream) -> Vec<u64> {
        let (from, to, ..) = stream;
        let config = self.pair(from, to);
        if !self.reaches(from, to) || random.chance(config.loss_per_mille) {
            return Vec::new();
        }
        let direct = now_ms + random.within(config.latency_ms);
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
