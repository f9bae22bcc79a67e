//! Strikes that overlap, and whom they hit when validators have changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::fixture::{NetworkPlan, SubchainPlan};
use crate::random::Seed;
use crate::world::WorldConfig;
use ledger_protocol::{Height, Suite};

fn strike(number: usize, kind: FaultKind, target: Target, at_ms: u64, for_ms: u64) -> Strike {
    Strike { number, kind, target, draw: 7, at_ms, for_ms, backup_ms: None }
}

/// A network with these strikes under way.
struct Stage {
    world: World,
    network: Network,
    strikes: Strikes,
    healing: Healing,
}

impl Stage {
    fn new(strikes: Vec<Strike>) -> Self {
        let mut world = World::new(Seed(1), WorldConfig::smooth("strikes"));
        let network = Network::build(&mut world, &NetworkPlan::new(vec![SubchainPlan::new("amber", Suite::Standard)]));
        world.run_for(100).unwrap();
        let strikes = Strikes::new(&world, strikes);
        Self { world, network, strikes, healing: Healing::default() }
    }

    /// Runs to this time, from the start of the strikes.
    fn run_to(&mut self, to_ms: u64) {
        loop {
            let now_ms = self.world.now_ms() - 100;
            self.strikes.advance(&mut self.world, &self.network, &mut self.healing, now_ms);
            let until_ms = self.strikes.next_ms().unwrap_or(to_ms).clamp(now_ms + 1, to_ms.max(now_ms + 1));
            if now_ms >= to_ms {
                return;
            }
            self.world.run_for(until_ms - now_ms).unwrap_or_else(|failure| panic!("{failure}"));
        }
    }

    fn are_up(&self, processes: &[ProcessId]) -> bool {
        assert!(processes.windows(2).all(|two| self.world.is_up(two[0]) == self.world.is_up(two[1])), "some are up");
        processes.iter().all(|process| self.world.is_up(*process))
    }
}

#[test]
fn whoever_a_strike_keeps_down_is_not_started_by_the_end_of_another() {
    let mut stage = Stage::new(vec![
        strike(0, FaultKind::Crash, Target::WholeRelay, 10_000, 5_000),
        strike(1, FaultKind::PowerCut, Target::WholeRelay, 12_000, 5_000),
        // Begins when the one before it ends.
        strike(2, FaultKind::Crash, Target::WholeRelay, 17_000, 5_000),
    ]);
    let relay = stage.network.relay_processes.clone();
    for (at_ms, up) in
        [(9_000, true), (11_000, false), (16_000, false), (18_000, false), (21_900, false), (23_000, true)]
    {
        stage.run_to(at_ms);
        assert_eq!(stage.are_up(&relay), up, "at {at_ms} ms");
    }
}

#[test]
fn whoever_a_strike_keeps_down_is_not_started_because_its_disk_may_have_room_again() {
    for kind in [FaultKind::DiskFull, FaultKind::DiskError] {
        let mut stage = Stage::new(vec![
            strike(0, FaultKind::Crash, Target::WholeRelay, 1_000, 9_000),
            strike(1, kind, Target::WholeRelay, 2_000, 3_000),
        ]);
        let relay = stage.network.relay_processes.clone();
        for (at_ms, up) in [(900, true), (4_500, false), (6_000, false), (9_900, false), (11_000, true)] {
            stage.run_to(at_ms);
            assert_eq!(stage.are_up(&relay), up, "{kind:?} at {at_ms} ms");
        }
    }
}

/// One of amber's validators makes room for a new one. The set is that of the chain's newest block:
/// until it is theirs, strikes hit those who vote.
#[test]
fn strikes_hit_those_who_are_validators_when_they_strike() {
    let mut stage = Stage::new(Vec::new());
    let Stage { world, network, .. } = &mut stage;
    network.register(world).unwrap_or_else(|failure| panic!("{failure}"));
    let amber = Member::Subchain(0);
    let first = network.subchains[0].processes.clone();
    let targets = [
        Target::WholeSubchain("amber".into()),
        Target::AnyWholeSubchain,
        Target::Subchain("amber".into()),
        Target::Anyone,
        Target::Leader,
    ];
    let hit = |world: &World, network: &Network, target: &Target| {
        (0..64)
            .flat_map(|draw| {
                let strike = Strike { draw: draw | draw << 32, ..strike(0, FaultKind::Crash, target.clone(), 0, 1) };
                victims(world, network, &strike)
            })
            .collect::<std::collections::BTreeSet<_>>()
    };
    let index = network.index(amber);
    network.rotate(world, amber);
    assert!(!targets.iter().any(|target| hit(world, network, target).last() > first.last()), "it does not vote yet");
    world.run_until(|world| network.last_handoff(world, amber) > Height::ZERO, 120_000).unwrap();
    let height = world.best_height(index);
    world.run_until(|world| world.least_height(index) > Some(height), 120_000).unwrap();
    let gone = first[0];
    for target in &targets {
        let hit = hit(world, network, target);
        assert!(!hit.contains(&gone), "{target:?} hits {gone}, which made room");
        assert!(hit.iter().any(|process| *process > first[3]), "{target:?} never hits the new validator");
    }
}

/// Who joins while a validator is cut off is cut off from it like all others.
#[test]
fn a_partition_cuts_those_who_join_while_it_lasts() {
    let partition = Strike { draw: 0, ..strike(0, FaultKind::Partition, Target::Relay, 1_000, 60_000) };
    let mut stage = Stage::new(vec![partition]);
    stage.run_to(2_000);
    let cut_off = stage.network.relay_processes[0];
    let seats = stage.network.enlist(&mut stage.world, Member::Relay, "late", 2);
    stage.strikes.admit(&mut stage.world);
    stage.run_to(4_000);
    for (newcomer, _) in seats {
        assert!(!stage.world.are_linked(cut_off, newcomer), "{newcomer} reaches who is cut off");
        assert!(stage.world.are_linked(stage.network.relay_processes[1], newcomer));
    }
    stage.run_to(62_000);
    let newcomer = ProcessId(stage.world.processes().count() - 1);
    assert!(stage.world.are_linked(cut_off, newcomer), "the partition is over");
}

/// What the governors of a chain decided while it was healthy lasts as well as what is decided to heal it.
#[test]
fn a_backup_from_before_a_chain_was_given_a_new_anchor_is_void() {
    for is_anchored in [false, true] {
        let mut restore = strike(0, FaultKind::RestoreBackup, Target::WholeSubchain("amber".into()), 10_000, 1_000);
        restore.backup_ms = Some((8_000, 1_000));
        let mut stage = Stage::new(vec![restore]);
        let amber = Member::Subchain(0);
        let index = stage.network.index(amber);
        stage.run_to(3_000);
        stage.network.tick(&mut stage.world);
        stage.run_to(5_000);
        assert!(stage.network.relay_height(&stage.world) > Height::ZERO);
        if is_anchored {
            let relay = stage.network.id(Member::Relay);
            stage.network.set_relay_anchor(&mut stage.world, 0);
            stage.run_to(9_000);
            let count = |state: &chain_state::BlockState<'_>| chain_interchain::reanchors(state, &relay).ok();
            assert_eq!(stage.network.look(&stage.world, amber, count), Some(1));
        }
        stage.run_to(11_500);
        assert_eq!(stage.world.lost_branches(index).is_empty(), is_anchored);
        assert_eq!(stage.healing.is_open(amber), !is_anchored);
    }
}
