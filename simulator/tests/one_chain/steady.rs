//! Chains that nothing happens to, or little: they go on, idle and under load, and one seed gives one trace.

use crate::toy::{transaction, world};
use ledger_protocol::{Hash, Height};
use simulator::{NetworkConfig, Seed, Tail, WorldConfig, seeds};

fn run(seed: Seed, config: WorldConfig, count: usize, transactions: u64) -> (Hash, u64) {
    let (mut world, chain, _) = world(seed, config, count);
    let id = world.chain_id(chain);
    for number in 0..transactions {
        world.submit(chain, transaction(id, number));
        world.run_for(20).unwrap_or_else(|failure| panic!("{failure}"));
    }
    world
        .run_until(|world| world.final_inputs(chain) == transactions, 60_000)
        .unwrap_or_else(|failure| panic!("{failure}"));
    world.check_at_rest().unwrap_or_else(|failure| panic!("{failure}"));
    (world.trace_hash(), world.events())
}

#[test]
fn one_validator_alone_makes_its_chain() {
    run(Seed(1), WorldConfig::smooth("one_validator_alone"), 1, 50);
}

#[test]
fn four_validators_agree_on_a_smooth_network() {
    for seed in seeds(5) {
        run(seed, WorldConfig::smooth("four_validators_agree_on_a_smooth_network"), 4, 50);
    }
}

#[test]
fn four_validators_agree_with_slow_disks_and_jobs_answered_out_of_order() {
    for seed in seeds(5) {
        let config = WorldConfig {
            network: NetworkConfig::smooth(),
            ..WorldConfig::lossy("four_validators_agree_with_slow_disks_and_jobs_answered_out_of_order")
        };
        run(seed, config, 4, 50);
    }
}

#[test]
fn one_seed_gives_one_trace() {
    for seed in seeds(3) {
        let config = || WorldConfig::lossy("one_seed_gives_one_trace");
        let (first, second) = (lossy_run(seed, config()), lossy_run(seed, config()));
        assert_eq!(first, second, "seed {seed} gives two traces");
        assert_ne!(first.0, lossy_run(Seed(seed.0 + 1_000), config()).0);
    }
}

fn lossy_run(seed: Seed, config: WorldConfig) -> (Hash, u64) {
    let (mut world, chain, processes) = world(seed, config, 4);
    let id = world.chain_id(chain);
    for number in 0..20 {
        world.submit(chain, transaction(id, number));
        world.run_for(50).unwrap();
    }
    world.crash(processes[1], Tail::Half);
    world.run_for(500).unwrap();
    world.restart(processes[1]);
    world.run_for(5_000).unwrap();
    (world.trace_hash(), world.events())
}

#[test]
fn a_dead_validator_stops_nothing() {
    for seed in seeds(4) {
        let (mut world, chain, processes) = world(seed, WorldConfig::smooth("a_dead_validator_stops_nothing"), 4);
        let id = world.chain_id(chain);
        world.run_until(|world| world.best_height(chain) >= Height(1), 20_000).unwrap_or_else(|it| panic!("{it}"));
        let dead = processes[usize::try_from(seed.0 % 4).unwrap()];
        world.crash(dead, Tail::Lost);
        for number in 0..40 {
            world.submit(chain, transaction(id, number));
            world.run_for(100).unwrap_or_else(|failure| panic!("{failure}"));
        }
        world.run_until(|world| world.final_inputs(chain) == 40, 60_000).unwrap_or_else(|it| panic!("{it}"));
    }
}

#[test]
fn an_idle_chain_beats_at_its_heartbeat_and_costs_little() {
    let (mut world, chain, _) = world(Seed(1), WorldConfig::smooth("an_idle_chain_beats_at_its_heartbeat"), 4);
    world.run_for(100_000).unwrap_or_else(|failure| panic!("{failure}"));
    let height = world.best_height(chain).0;
    assert!((18..=21).contains(&height), "100 s at a heartbeat of 5 s gave {height} blocks");
    assert!(world.events() < 20_000, "{} events for {height} idle blocks", world.events());
}
