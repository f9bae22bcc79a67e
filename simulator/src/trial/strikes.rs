//! Strikes at work: who they hit, what they change in the world, and how it is mended.

use crate::disk::Tail;
use crate::fixture::Network;
use crate::scenario::{FaultKind, Strike, Target};
use crate::world::{ChainIndex, ProcessId, World};
use std::collections::{BTreeMap, VecDeque};

/// How much longer a barrier of a slow disk takes.
const SLOWER_BY_MS: u64 = 250;
/// How far a clock jumps.
const JUMP_MS: i64 = 120_000;
/// How often a process with a full disk is started again.
const RETRY_MS: u64 = 1_000;

/// A strike that hit somebody, with whom and when, from the start of the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrikeSpan {
    /// The strike.
    pub strike: Strike,
    /// Who was hit.
    pub processes: Vec<ProcessId>,
}

/// The strikes of a trial.
#[derive(Debug)]
pub(super) struct Strikes {
    waiting: VecDeque<Strike>,
    /// Under way, with the time of their end.
    active: Vec<(u64, StrikeSpan)>,
    spans: Vec<StrikeSpan>,
    everybody: Vec<ProcessId>,
    retry_ms: u64,
}

impl Strikes {
    pub(super) fn new(world: &World, strikes: Vec<Strike>) -> Self {
        let everybody = world.processes().collect();
        Self { waiting: strikes.into(), active: Vec::new(), spans: Vec::new(), everybody, retry_ms: 0 }
    }

    /// The next time at which something begins or ends.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let begins = self.waiting.front().map(|strike| strike.at_ms);
        let ends = self.active.iter().map(|(end_ms, _)| *end_ms).min();
        let full = self.active.iter().any(|(_, span)| span.strike.kind == FaultKind::DiskFull);
        [begins, ends, full.then_some(self.retry_ms)].into_iter().flatten().min()
    }

    /// Ends what is over at this time and begins what is due.
    pub(super) fn advance(&mut self, world: &mut World, network: &Network, now_ms: u64) {
        let over: Vec<StrikeSpan>;
        (over, self.active) = {
            let (over, active): (Vec<_>, Vec<_>) = self.active.drain(..).partition(|(end_ms, _)| *end_ms <= now_ms);
            (over.into_iter().map(|(_, span)| span).collect(), active)
        };
        for span in over {
            self.end(world, &span);
        }
        if now_ms >= self.retry_ms {
            self.retry_ms = now_ms + RETRY_MS;
            for (_, span) in self.active.iter().filter(|(_, span)| span.strike.kind == FaultKind::DiskFull) {
                span.processes.iter().for_each(|process| world.restart(*process));
            }
        }
        while self.waiting.front().is_some_and(|strike| strike.at_ms <= now_ms) {
            let Some(strike) = self.waiting.pop_front() else { break };
            let processes = victims(world, network, &strike);
            let span = StrikeSpan { strike, processes };
            self.begin(world, &span);
            self.spans.push(span.clone());
            self.active.push((now_ms + span.strike.for_ms, span));
        }
    }

    /// Mends everything.
    pub(super) fn end_all(&mut self, world: &mut World, network: &Network) {
        self.waiting.clear();
        self.advance(world, network, u64::MAX / 2);
        world.heal();
        for process in self.everybody.clone() {
            world.restart(process);
        }
    }

    pub(super) fn into_spans(self) -> Vec<StrikeSpan> {
        self.spans
    }

    fn begin(&self, world: &mut World, span: &StrikeSpan) {
        for process in span.processes.iter().copied() {
            match span.strike.kind {
                FaultKind::Crash => world.crash(process, Tail::Kept),
                FaultKind::PowerCut => world.crash(process, Tail::Lost),
                FaultKind::TornTail => world.crash(process, Tail::Half),
                FaultKind::Wipe => world.wipe(process),
                FaultKind::DiskFull => world.fill_disk(process, true),
                FaultKind::SlowDisk => world.slow_disk(process, SLOWER_BY_MS),
                FaultKind::ClockJump => world.shift_clock(process, JUMP_MS),
                FaultKind::ClockStop => world.stop_clock(process, true),
                FaultKind::Partition | FaultKind::OneWayPartition | FaultKind::CourierOutage => {}
            }
        }
        self.cut(world, span);
    }

    fn cut(&self, world: &mut World, span: &StrikeSpan) {
        let others: Vec<ProcessId> =
            self.everybody.iter().copied().filter(|other| !span.processes.contains(other)).collect();
        match span.strike.kind {
            FaultKind::Partition => world.partition(&span.processes, &others),
            FaultKind::OneWayPartition => {
                for process in &span.processes {
                    others.iter().for_each(|other| world.mute(*process, *other));
                }
            }
            FaultKind::CourierOutage => world.silence_couriers(true),
            _ => {}
        }
    }

    fn end(&self, world: &mut World, span: &StrikeSpan) {
        let kind = span.strike.kind;
        // Another strike of the same kind may still hold a process.
        let still = |process: &ProcessId| {
            self.active.iter().any(|(_, other)| other.strike.kind == kind && other.processes.contains(process))
        };
        for process in span.processes.iter().copied() {
            match kind {
                FaultKind::Crash | FaultKind::PowerCut | FaultKind::TornTail | FaultKind::Wipe
                    if !self.is_down(process) =>
                {
                    world.restart(process);
                }
                FaultKind::DiskFull if !still(&process) => {
                    world.fill_disk(process, false);
                    world.restart(process);
                }
                FaultKind::SlowDisk if !still(&process) => world.slow_disk(process, 0),
                FaultKind::ClockJump => world.shift_clock(process, -JUMP_MS),
                FaultKind::ClockStop if !still(&process) => world.stop_clock(process, false),
                _ => {}
            }
        }
        match kind {
            FaultKind::Partition | FaultKind::OneWayPartition => {
                world.heal();
                // Healing mends all cuts: those that last are made again.
                self.active.iter().for_each(|(_, other)| self.cut(world, other));
            }
            FaultKind::CourierOutage => {
                let lasts = self.active.iter().any(|(_, other)| other.strike.kind == FaultKind::CourierOutage);
                world.silence_couriers(lasts);
            }
            _ => {}
        }
    }

    /// Whether a strike under way keeps a process down.
    fn is_down(&self, process: ProcessId) -> bool {
        let keeps_down =
            |kind| matches!(kind, FaultKind::Crash | FaultKind::PowerCut | FaultKind::TornTail | FaultKind::Wipe);
        self.active.iter().any(|(_, span)| keeps_down(span.strike.kind) && span.processes.contains(&process))
    }
}

/// Whom a strike hits, decided when it strikes.
fn victims(world: &World, network: &Network, strike: &Strike) -> Vec<ProcessId> {
    let pick = |from: &[ProcessId]| -> Vec<ProcessId> {
        let place = strike.draw.checked_rem(from.len() as u64).and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| from.get(place)).copied().into_iter().collect()
    };
    let named = |name: &String| network.subchains.iter().find(|subchain| subchain.name == *name);
    let chains: Vec<(ChainIndex, &[ProcessId])> = std::iter::once((network.relay, network.relay_processes.as_slice()))
        .chain(network.subchains.iter().map(|subchain| (subchain.index, subchain.processes.as_slice())))
        .collect();
    let drawn = |count: usize| usize::try_from((strike.draw >> 32).checked_rem(count as u64).unwrap_or(0)).unwrap_or(0);
    match &strike.target {
        Target::Everybody => world.processes().collect(),
        Target::Anyone => pick(&world.processes().collect::<Vec<_>>()),
        Target::Relay => pick(&network.relay_processes),
        Target::WholeRelay => network.relay_processes.clone(),
        Target::Subchain(name) => named(name).map_or_else(Vec::new, |subchain| pick(&subchain.processes)),
        Target::WholeSubchain(name) => named(name).map_or_else(Vec::new, |subchain| subchain.processes.clone()),
        Target::AnyWholeSubchain => {
            let subchain = network.subchains.get(drawn(network.subchains.len()));
            subchain.map_or_else(Vec::new, |subchain| subchain.processes.clone())
        }
        Target::Leader => {
            let chain = chains.get(drawn(chains.len()));
            chain.and_then(|(index, _)| world.next_leader(*index)).into_iter().collect()
        }
    }
}

/// How often each kind struck.
pub fn count_by_kind(spans: &[StrikeSpan]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for span in spans.iter().filter(|span| !span.processes.is_empty() || span.strike.kind == FaultKind::CourierOutage) {
        *counts.entry(span.strike.kind.name()).or_default() += 1;
    }
    counts
}
