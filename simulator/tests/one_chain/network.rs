//! Bad networks: loss, duplicates, reordering, partitions.

use crate::toy::{heavy, transaction, world};
use ledger_protocol::Height;
use simulator::{NetworkConfig, Seed, Tail, WorldConfig, seeds};

#[test]
fn twenty_seeds_of_a_lossy_network() {
    for seed in seeds(20) {
        let (mut world, chain, _) = world(seed, WorldConfig::lossy("twenty_seeds_of_a_lossy_network"), 4);
        let id = world.chain_id(chain);
        let mut accepted = Vec::new();
        for number in 0..20 {
            accepted.push(world.submit(chain, transaction(id, number)));
            world.run_for(100).unwrap_or_else(|failure| panic!("{failure}"));
        }
        let target = world.best_height(chain).saturating_add(5);
        world.run_until(|world| world.least_height(chain) >= Some(target), 120_000).unwrap_or_else(|it| panic!("{it}"));
        assert!(world.final_inputs(chain) > 0, "seed {seed}: nothing became final");
    }
}

#[test]
fn a_partition_without_a_quorum_on_either_side_heals() {
    for seed in seeds(5) {
        let config = WorldConfig::smooth("a_partition_without_a_quorum_on_either_side_heals");
        let (mut world, chain, processes) = world(seed, config, 4);
        let id = world.chain_id(chain);
        world.submit(chain, transaction(id, 0));
        world
            .run_until(|world| world.least_height(chain) >= Some(Height(2)), 30_000)
            .unwrap_or_else(|it| panic!("{it}"));
        world.partition(&processes[..2], &processes[2..]);
        world.run_for(500).unwrap_or_else(|failure| panic!("{failure}"));
        let before = world.best_height(chain);
        world.submit_to(processes[0], chain, transaction(id, 1));
        world.submit_to(processes[3], chain, transaction(id, 2));
        world.run_for(20_000).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(world.best_height(chain) <= before.saturating_add(1), "no side has a quorum");
        world.heal();
        world.run_until(|world| world.final_inputs(chain) == 3, 60_000).unwrap_or_else(|it| panic!("{it}"));
    }
}

#[test]
fn a_cut_off_validator_catches_up_when_it_is_back() {
    for seed in seeds(5) {
        let config = WorldConfig::smooth("a_cut_off_validator_catches_up_when_it_is_back");
        let (mut world, chain, processes) = world(seed, config, 4);
        let id = world.chain_id(chain);
        world
            .run_until(|world| world.least_height(chain) >= Some(Height(1)), 30_000)
            .unwrap_or_else(|it| panic!("{it}"));
        world.partition(&processes[..1], &processes[1..]);
        for number in 0..50 {
            world.submit_to(processes[1], chain, transaction(id, number));
            world.run_for(100).unwrap_or_else(|failure| panic!("{failure}"));
        }
        let height = world.best_height(chain);
        assert!(world.height(processes[0], chain) < Some(height));
        world.heal();
        world
            .run_until(|world| world.height(processes[0], chain) >= Some(height), 20_000)
            .unwrap_or_else(|it| panic!("{it}"));
    }
}

#[test]
fn a_wiped_validator_catches_up_while_the_others_go_on() {
    for seed in seeds(5) {
        let config = WorldConfig::smooth("a_wiped_validator_catches_up_while_the_others_go_on");
        let (mut world, chain, processes) = world(seed, config, 4);
        let id = world.chain_id(chain);
        let mut number = 0;
        let mut load = |world: &mut simulator::World, blocks: u64| {
            for _ in 0..blocks {
                number += 1;
                world.submit_to(processes[0], chain, transaction(id, number));
                world.run_for(110).unwrap_or_else(|failure| panic!("{failure}"));
            }
        };
        load(&mut world, 30);
        world.wipe(processes[2]);
        load(&mut world, 30);
        world.restart(processes[2]);
        load(&mut world, 30);
        let height = world.best_height(chain);
        assert!(height >= Height(40), "the others stopped at {height}");
        world
            .run_until(|world| world.height(processes[2], chain) >= Some(height), 10_000)
            .unwrap_or_else(|it| panic!("{it}"));
        world.crash(processes[1], Tail::Lost);
        load(&mut world, 5);
        let target = world.best_height(chain).saturating_add(2);
        // Three of four are needed now: the wiped one votes again.
        load(&mut world, 10);
        world.run_until(|world| world.best_height(chain) >= target, 60_000).unwrap_or_else(|it| panic!("{it}"));
    }
}

/// Where a link carries 40 KiB per second, transactions of 48 KiB need 1.2 s from whoever has them to anybody else, in
/// blocks or before; on links without a bound they are final sooner.
#[test]
fn a_big_block_takes_as_long_as_its_links_need() {
    const KIB: u64 = 48;
    const KIB_PER_S: u32 = 40;
    let took = |kib_per_s: Option<u32>| {
        let network = NetworkConfig { kib_per_s, ..NetworkConfig::smooth() };
        let config = WorldConfig { network, ..WorldConfig::smooth("a_big_block_takes_as_long_as_its_links_need") };
        let (mut world, chain, processes) = world(Seed(1), config, 4);
        world.run_until(|world| world.least_height(chain) >= Some(Height(1)), 30_000).unwrap();
        let (id, began_ms) = (world.chain_id(chain), world.now_ms());
        for number in 0..KIB {
            world.submit_to(processes[0], chain, heavy(id, number, 1_024));
        }
        world.run_until(|world| world.final_inputs(chain) == KIB, 120_000).unwrap_or_else(|it| panic!("{it}"));
        world.now_ms() - began_ms
    };
    let least_ms = KIB * 1_000 / u64::from(KIB_PER_S);
    let (fast, slow) = (took(None), took(Some(KIB_PER_S)));
    assert!(fast < least_ms && slow >= least_ms, "{fast} ms, {slow} ms");
}
