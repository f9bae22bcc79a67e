//! Strikes that overlap.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::fixture::{NetworkPlan, SubchainPlan};
use crate::random::Seed;
use crate::world::WorldConfig;
use ledger_protocol::Suite;

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
