//! Crashes, losses and dead couriers while proposals are under way: A1 to A5 hold, and everything ends.

use crate::proposals::{STANDARD, network, ok, settle, transfer};
use simulator::fixture::Network;
use simulator::{Fault, NetworkConfig, ProcessId, Random, Tail, World, WorldConfig, seeds};

fn total(world: &World, network: &Network) -> i64 {
    [0, 1].into_iter().map(|position| network.counter(world, position, "balance").unwrap()).sum()
}

#[test]
fn proposals_over_a_lossy_network() {
    for seed in seeds(3) {
        let (mut world, mut network) = network(seed, WorldConfig::lossy("proposals_over_a_lossy_network"), STANDARD);
        let mut ids = Vec::new();
        for number in 0..10 {
            ids.push(network.propose(&mut world, &transfer(number, 10), 200));
            ok(world.run_for(200));
        }
        // A Submit may be lost with the pool that took it; what was ordered ends.
        ok(world.run_for(60_000));
        let ordered: Vec<_> = ids.into_iter().filter(|id| network.proposal(&world, id).is_some()).collect();
        assert!(!ordered.is_empty(), "seed {seed}: no Submit was ordered");
        settle(&mut world, &network, &ordered, 240_000);
        assert_eq!(total(&world, &network), 2_000, "seed {seed}");
    }
}

#[test]
fn one_seed_gives_one_trace_of_a_whole_network() {
    for seed in seeds(2) {
        let run = || {
            let config = WorldConfig::lossy("one_seed_gives_one_trace_of_a_whole_network");
            let (mut world, mut network) = network(seed, config, STANDARD);
            network.propose(&mut world, &transfer(1, 10), 200);
            ok(world.run_for(1_500));
            world.crash(network.subchains[0].processes[1], Tail::Half);
            ok(world.run_for(300));
            world.restart(network.subchains[0].processes[1]);
            ok(world.run_for(5_000));
            (world.trace_hash(), world.events())
        };
        assert_eq!(run(), run(), "seed {seed} gives two traces");
    }
}

#[test]
fn validators_of_every_chain_crash_while_proposals_run() {
    for seed in seeds(4) {
        let config = WorldConfig::smooth("validators_of_every_chain_crash_while_proposals_run");
        let (mut world, mut network) = network(seed, config, STANDARD);
        let mut random = Random::new(seed, 99);
        let everybody: Vec<ProcessId> = network
            .relay_processes
            .iter()
            .chain(network.subchains.iter().flat_map(|subchain| &subchain.processes))
            .copied()
            .collect();
        let mut at_effect = world.effects();
        for _ in 0..30 {
            at_effect += 50 + random.below(800);
            let victim = everybody[usize::try_from(random.below(everybody.len() as u64)).unwrap()];
            let tail = [Tail::Lost, Tail::Half, Tail::Kept][usize::try_from(random.below(3)).unwrap()];
            let restart_after_ms = Some(random.within((20, 3_000)));
            world.plan(Fault { at_effect, processes: vec![victim], tail, restart_after_ms, wipe: false });
        }
        let mut ids = Vec::new();
        for number in 0..15 {
            ids.push(network.propose(&mut world, &transfer(number, 10), 100));
            ok(world.run_for(400));
        }
        ok(world.run_for(30_000));
        let ordered: Vec<_> = ids.into_iter().filter(|id| network.proposal(&world, id).is_some()).collect();
        assert!(!ordered.is_empty(), "seed {seed}: no Submit was ordered");
        settle(&mut world, &network, &ordered, 120_000);
        assert_eq!(total(&world, &network), 2_000, "seed {seed}");
    }
}

#[test]
fn a_whole_chain_loses_its_power_in_every_phase_of_a_proposal() {
    for seed in seeds(2) {
        let config = || WorldConfig::smooth("a_whole_chain_loses_its_power_in_every_phase_of_a_proposal");
        for chain in 0..3usize {
            for phase in 0..6u64 {
                let (mut world, mut network) = network(seed, config(), STANDARD);
                let id = network.propose(&mut world, &transfer(1, 300), 100);
                let processes = match chain {
                    0 => network.relay_processes.clone(),
                    other => network.subchains[other - 1].processes.clone(),
                };
                let tail = [Tail::Lost, Tail::Half, Tail::Kept][usize::try_from(phase % 3).unwrap()];
                ok(world.run_for(100 + phase * 150));
                for process in &processes {
                    world.crash(*process, tail);
                }
                ok(world.run_for(1_000));
                for process in &processes {
                    world.restart(*process);
                }
                ok(world.run_for(10_000));
                if network.proposal(&world, &id).is_some() {
                    settle(&mut world, &network, &[id], 120_000);
                }
                assert_eq!(total(&world, &network), 2_000, "seed {seed}, chain {chain}, phase {phase}");
            }
        }
    }
}

#[test]
fn all_couriers_dead_and_back() {
    for seed in seeds(2) {
        let (mut world, mut network) = network(seed, WorldConfig::smooth("all_couriers_dead_and_back"), STANDARD);
        let id = network.propose(&mut world, &transfer(1, 300), 500);
        ok(world.run_for(250));
        world.silence_couriers(true);
        ok(world.run_for(20_000));
        assert!(!network.is_over(&world, &id), "nobody carries anything");
        world.silence_couriers(false);
        settle(&mut world, &network, &[id], 60_000);
        assert_eq!(total(&world, &network), 2_000);
    }
}

/// Bytes are damaged on the way of couriers as on that of replicas: where every message between the chains has a wrong
/// bit, no vote arrives, nothing wrong is believed, and all goes on when the links are good again.
#[test]
fn damaged_courier_messages_bring_nothing_and_harm_nothing() {
    for seed in seeds(2) {
        let name = "damaged_courier_messages_bring_nothing_and_harm_nothing";
        let (mut world, mut network) = network(seed, WorldConfig::smooth(name), STANDARD);
        let smooth = world.network_config();
        let spoil = |world: &mut World, network: &Network, corrupt_per_mille| {
            for subchain in network.subchains.iter().flat_map(|subchain| &subchain.processes) {
                for relay in &network.relay_processes {
                    let config = NetworkConfig { corrupt_per_mille, ..smooth };
                    world.set_link(*subchain, *relay, config);
                    world.set_link(*relay, *subchain, config);
                }
            }
        };
        spoil(&mut world, &network, 1_000);
        let id = network.propose(&mut world, &transfer(1, 300), 1_900);
        ok(world.run_for(20_000));
        assert!(!network.is_over(&world, &id), "seed {seed}: a vote arrived undamaged");
        spoil(&mut world, &network, 0);
        settle(&mut world, &network, &[id], 120_000);
        assert_eq!(total(&world, &network), 2_000, "seed {seed}");
    }
}

#[test]
fn a_stopped_subchain_delays_nobody_else() {
    use ledger_protocol::Suite;
    use simulator::fixture::{LegDraft, NetworkPlan, SubchainPlan};
    for seed in seeds(2) {
        let mut world = World::new(seed, WorldConfig::smooth("a_stopped_subchain_delays_nobody_else"));
        let names = ["amber", "basalt", "chalk", "dolomite"];
        let plan = NetworkPlan::new(names.iter().map(|name| SubchainPlan::new(name, Suite::Standard)).collect());
        let mut network = Network::build(&mut world, &plan);
        ok(network.register(&mut world));
        for process in network.subchains[3].processes.clone() {
            world.crash(process, Tail::Lost);
        }
        let add = |amount| LegDraft { deltas: vec![("balance".into(), amount)], ..LegDraft::default() };
        let mut hurt = Vec::new();
        let mut whole = Vec::new();
        for number in 0..10usize {
            hurt.push(network.propose(&mut world, &[(number % 3, add(-1)), (3, add(1))], 30));
            whole.push(network.propose(&mut world, &[(number % 3, add(-1)), ((number + 1) % 3, add(1))], 30));
        }
        ok(world.run_until(|world| whole.iter().all(|id| network.is_over(world, id)), 20_000));
        for id in &whole {
            let record = network.proposal(&world, id).unwrap();
            assert_eq!(record.state, ledger_protocol::system::ProposalState::Committed, "A6");
            assert!(record.decided_at.0 - record.started_at.0 <= 8, "A6: {record:?}");
        }
        for process in network.subchains[3].processes.clone() {
            world.restart(process);
        }
        hurt.extend(whole);
        settle(&mut world, &network, &hurt, 120_000);
    }
}
