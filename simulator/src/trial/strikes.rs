//! Strikes at work: who they hit, what they change in the world, and how it is mended.
//!
//! Whom several strikes keep down is down until the last of them ends, whatever else would start it.

use super::healing::Healing;
use crate::disk::Tail;
use crate::fixture::Member;
use crate::fixture::Network;
use crate::scenario::{FaultKind, Strike, Target};
use crate::world::{BackupId, ChainIndex, ProcessId, World};
use std::collections::{BTreeMap, VecDeque};

/// How much longer a barrier of a slow disk takes.
const SLOWER_BY_MS: u64 = 250;
/// How far a clock jumps.
const JUMP_MS: i64 = 120_000;
/// How often a process with a full or failing disk is started again.
const RETRY_MS: u64 = 1_000;
/// A failing disk answers fewer reads than this before the first error: some hundred are made for a block.
const MAX_READS_LEFT: u64 = 4_096;

/// Whether a process that such a strike stopped is started again while it lasts.
const fn stops_again(kind: FaultKind) -> bool {
    matches!(kind, FaultKind::DiskFull | FaultKind::DiskError)
}

/// Whether those whom such a strike hits are down as long as it lasts.
const fn keeps_down(kind: FaultKind) -> bool {
    use FaultKind::{Crash, PowerCut, RestoreBackup, TornTail, Wipe};
    matches!(kind, Crash | PowerCut | TornTail | Wipe | RestoreBackup)
}

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
    /// How many processes there were when cuts were made last.
    known: usize,
    retry_ms: u64,
    /// Strikes for which a backup is to be taken, with the time, and the backups that were.
    to_back_up: VecDeque<(u64, Strike)>,
    backups: BTreeMap<usize, Backup>,
}

/// A backup that was taken for a strike.
#[derive(Debug)]
struct Backup {
    id: BackupId,
    anchored: Anchored,
}

/// How often the relay had re-anchored a subchain, and that chain its relay; nothing about the relay.
type Anchored = Option<(u32, u32)>;

impl Strikes {
    pub(super) fn new(world: &World, strikes: Vec<Strike>) -> Self {
        let to_back_up = strikes.iter().filter_map(|strike| {
            let (age_ms, _) = strike.backup_ms?;
            Some((strike.at_ms.saturating_sub(age_ms), strike.clone()))
        });
        let mut to_back_up: Vec<(u64, Strike)> = to_back_up.collect();
        to_back_up.sort_by_key(|(at_ms, strike)| (*at_ms, strike.number));
        Self {
            waiting: strikes.into(),
            active: Vec::new(),
            spans: Vec::new(),
            known: world.processes().count(),
            retry_ms: 0,
            to_back_up: to_back_up.into(),
            backups: BTreeMap::new(),
        }
    }

    /// The next time at which something begins or ends.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let begins = self.waiting.front().map(|strike| strike.at_ms);
        let ends = self.active.iter().map(|(end_ms, _)| *end_ms).min();
        let stops = self.active.iter().any(|(_, span)| stops_again(span.strike.kind));
        let backup = self.to_back_up.front().map(|(at_ms, _)| *at_ms);
        [begins, ends, stops.then_some(self.retry_ms), backup].into_iter().flatten().min()
    }

    /// Ends what is over at this time and begins what is due.
    pub(super) fn advance(&mut self, world: &mut World, network: &Network, healing: &mut Healing, now_ms: u64) {
        self.back_up(world, network, healing, now_ms);
        let over: Vec<StrikeSpan>;
        (over, self.active) = {
            let (over, active): (Vec<_>, Vec<_>) = self.active.drain(..).partition(|(end_ms, _)| *end_ms <= now_ms);
            (over.into_iter().map(|(_, span)| span).collect(), active)
        };
        for span in over {
            self.end(world, &span);
            if let Some((_, healed_after_ms)) = span.strike.backup_ms
                && let Some(member) = restored(network, &span.strike)
            {
                healing.come_back(member, world.now_ms() + healed_after_ms);
            }
        }
        if now_ms >= self.retry_ms {
            self.retry_ms = now_ms + RETRY_MS;
            for (_, span) in self.active.iter().filter(|(_, span)| stops_again(span.strike.kind)) {
                span.processes.iter().for_each(|process| world.restart(*process));
            }
        }
        while self.waiting.front().is_some_and(|strike| strike.at_ms <= now_ms) {
            let Some(strike) = self.waiting.pop_front() else { break };
            let processes = victims(world, network, &strike);
            let span = StrikeSpan { strike, processes };
            if let Some((_, healed_after_ms)) = span.strike.backup_ms {
                let Some(backup) = self.backups.remove(&span.strike.number) else { continue };
                let Some(member) = restored(network, &span.strike) else { continue };
                if backup.anchored != anchored(world, network, member) || !world.restore_backup(backup.id) {
                    continue;
                }
                let due_ms = world.now_ms() + span.strike.for_ms + healed_after_ms;
                healing.open(member, due_ms, span.strike.draw);
            }
            self.begin(world, &span);
            self.spans.push(span.clone());
            self.active.push((now_ms + span.strike.for_ms, span));
        }
    }

    /// Mends everything.
    pub(super) fn end_all(&mut self, world: &mut World, network: &Network, healing: &mut Healing) {
        self.waiting.clear();
        self.to_back_up.clear();
        self.advance(world, network, healing, u64::MAX / 2);
        world.heal();
        world.processes().for_each(|process| world.restart(process));
    }

    /// Processes may have joined: a cut that lasts is one from them, too.
    pub(super) fn admit(&mut self, world: &mut World) {
        let known = world.processes().count();
        if std::mem::replace(&mut self.known, known) < known {
            self.active.iter().for_each(|(_, span)| self.cut(world, span));
        }
    }

    pub(super) fn into_spans(self) -> Vec<StrikeSpan> {
        self.spans
    }

    /// Takes the backups that are due. None of a chain that is being healed: what is decided about it then must last. So
    /// must a re-anchor of a chain that has lost nothing itself: a backup from before it is void.
    fn back_up(&mut self, world: &mut World, network: &Network, healing: &Healing, now_ms: u64) {
        while let Some((_, strike)) = self.to_back_up.pop_front_if(|(at_ms, _)| *at_ms <= now_ms) {
            let Some(member) = restored(network, &strike) else { continue };
            if !healing.is_open(member) {
                let anchored = anchored(world, network, member);
                let id = world.back_up(network.index(member));
                self.backups.insert(strike.number, Backup { id, anchored });
            }
        }
    }

    fn begin(&self, world: &mut World, span: &StrikeSpan) {
        for process in span.processes.iter().copied() {
            match span.strike.kind {
                FaultKind::Crash => world.crash(process, Tail::Kept),
                FaultKind::PowerCut => world.crash(process, Tail::Lost),
                FaultKind::TornTail => world.crash(process, Tail::Half),
                FaultKind::Wipe => world.wipe(process),
                FaultKind::DiskFull => world.fill_disk(process, true),
                FaultKind::DiskError => world.fail_reads(process, Some(span.strike.draw % MAX_READS_LEFT)),
                FaultKind::SlowDisk => world.slow_disk(process, SLOWER_BY_MS),
                FaultKind::ClockJump => world.shift_clock(process, JUMP_MS),
                FaultKind::ClockStop => world.stop_clock(process, true),
                FaultKind::Partition
                | FaultKind::OneWayPartition
                | FaultKind::CourierOutage
                | FaultKind::RestoreBackup => {}
            }
            if keeps_down(span.strike.kind) {
                world.hold_down(process);
            }
        }
        self.cut(world, span);
    }

    fn cut(&self, world: &mut World, span: &StrikeSpan) {
        let others: Vec<ProcessId> = world.processes().filter(|other| !span.processes.contains(other)).collect();
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
                _ if keeps_down(kind) => world.let_up(process),
                FaultKind::DiskFull if !still(&process) => {
                    world.fill_disk(process, false);
                    world.restart(process);
                }
                FaultKind::DiskError if !still(&process) => {
                    world.fail_reads(process, None);
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
}

fn drawn(strike: &Strike, count: usize) -> usize {
    usize::try_from((strike.draw >> 32).checked_rem(count as u64).unwrap_or(0)).unwrap_or(0)
}

/// Which chain a restoration restores: the seed alone decides, before it strikes.
fn restored(network: &Network, strike: &Strike) -> Option<Member> {
    match &strike.target {
        Target::WholeRelay => Some(Member::Relay),
        Target::WholeSubchain(name) => {
            network.subchains.iter().position(|subchain| subchain.name == *name).map(Member::Subchain)
        }
        Target::AnyWholeSubchain => {
            let count = network.subchains.len();
            (count > 0).then(|| Member::Subchain(drawn(strike, count)))
        }
        _ => None,
    }
}

/// How often a subchain and its relay have given each other new anchors by now.
fn anchored(world: &World, network: &Network, member: Member) -> Anchored {
    let Member::Subchain(_) = member else { return None };
    let count = |at: Member, of: Member| {
        let of = network.id(of);
        network.look(world, at, |state| chain_interchain::reanchors(state, &of).ok()).unwrap_or(0)
    };
    Some((count(Member::Relay, member), count(member, Member::Relay)))
}

/// Whom a strike hits, decided when it strikes.
fn victims(world: &World, network: &Network, strike: &Strike) -> Vec<ProcessId> {
    let pick = |from: &[ProcessId]| -> Vec<ProcessId> {
        let place = strike.draw.checked_rem(from.len() as u64).and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| from.get(place)).copied().into_iter().collect()
    };
    let named = |name: &String| network.subchains.iter().find(|subchain| subchain.name == *name);
    let chains: Vec<ChainIndex> =
        std::iter::once(network.relay).chain(network.subchains.iter().map(|subchain| subchain.index)).collect();
    // Whoever made room for another one is no validator any more.
    let of = |chain: ChainIndex| world.validators(chain);
    let drawn = |count: usize| drawn(strike, count);
    if let Some(member) = strike.backup_ms.and_then(|_| restored(network, strike)) {
        return world.seats(network.index(member));
    }
    match &strike.target {
        Target::Everybody => world.processes().collect(),
        Target::Anyone => pick(&chains.into_iter().flat_map(of).collect::<Vec<_>>()),
        Target::Relay => pick(&of(network.relay)),
        Target::WholeRelay => of(network.relay),
        Target::Subchain(name) => named(name).map_or_else(Vec::new, |subchain| pick(&of(subchain.index))),
        Target::WholeSubchain(name) => named(name).map_or_else(Vec::new, |subchain| of(subchain.index)),
        Target::AnyWholeSubchain => {
            let subchain = network.subchains.get(drawn(network.subchains.len()));
            subchain.map_or_else(Vec::new, |subchain| of(subchain.index))
        }
        Target::Leader => {
            let chain = chains.get(drawn(chains.len()));
            chain.and_then(|index| world.next_leader(*index)).into_iter().collect()
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

#[cfg(test)]
mod tests;
