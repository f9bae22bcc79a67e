//! NOTIFY legs over couriers: told once after COMMIT, never after ABORT, and passed by others while they wait at a lock.

use crate::proposals::{STANDARD, network, ok, settle};
use ledger_protocol::Suite;
use ledger_protocol::system::{LegPhase, ProposalState};
use ledger_protocol::{Code, ProposalId};
use simulator::fixture::{LegDraft, Network, NetworkPlan, SubchainPlan};
use simulator::{Random, Tail, World, WorldConfig, seeds};

fn add(amount: i64) -> LegDraft {
    LegDraft { deltas: vec![("balance".into(), amount)], ..LegDraft::default() }
}

fn told(amount: i64) -> LegDraft {
    LegDraft { notify: true, ..add(amount) }
}

fn noted(world: &World, network: &Network, id: &ProposalId, position: usize) -> Option<Code> {
    let chain = network.subchains[position].id;
    let record = network.proposal(world, id)?;
    record.legs.iter().find(|leg| leg.chain == chain).and_then(|leg| match leg.phase {
        LegPhase::Noted { code } => Some(code),
        _ => None,
    })
}

#[test]
fn a_notify_is_told_once_after_commit_over_a_lossy_network() {
    for seed in seeds(3) {
        let config = WorldConfig::lossy("a_notify_is_told_once_after_commit_over_a_lossy_network");
        let (mut world, mut network) = network(seed, config, STANDARD);
        let mut ids = Vec::new();
        for _ in 0..6 {
            ids.push(network.propose(&mut world, &[(0, add(-10)), (1, told(10))], 300));
            ok(world.run_for(300));
        }
        ok(world.run_for(60_000));
        let ordered: Vec<_> = ids.into_iter().filter(|id| network.proposal(&world, id).is_some()).collect();
        assert!(!ordered.is_empty());
        let all_noted = |world: &World| {
            ordered.iter().all(|id| {
                network.proposal(world, id).is_none_or(|record| {
                    record.state != ProposalState::Committed || noted(world, &network, id, 1) == Some(Code::OK)
                })
            })
        };
        settle(&mut world, &network, &ordered, 240_000);
        ok(world.run_until(all_noted, 120_000));
        let committed = ordered
            .iter()
            .filter(|id| network.proposal(&world, id).is_some_and(|it| it.state == ProposalState::Committed))
            .count();
        let moved = 10 * i64::try_from(committed).unwrap();
        assert!(moved > 0);
        assert_eq!(network.counter(&world, 0, "balance"), Some(1_000 - moved), "seed {seed}");
        assert_eq!(network.counter(&world, 1, "balance"), Some(1_000 + moved), "seed {seed}: told once each");
    }
}

#[test]
fn a_notify_is_never_told_after_abort() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("a_notify_is_never_told_after_abort");
        let (mut world, mut network) = network(seed, config, STANDARD);
        let id = network.propose(&mut world, &[(0, add(-1_001)), (1, told(10))], 200);
        settle(&mut world, &network, &[id], 60_000);
        assert_eq!(network.proposal(&world, &id).unwrap().state, ProposalState::Aborted);
        ok(world.run_for(60_000));
        assert_eq!(network.counter(&world, 1, "balance"), Some(1_000));
        assert_eq!(noted(&world, &network, &id, 1), None);
    }
}

#[test]
fn crashes_and_dead_couriers_do_not_tell_a_notify_twice() {
    for seed in seeds(3) {
        let config = WorldConfig::smooth("crashes_and_dead_couriers_do_not_tell_a_notify_twice");
        let (mut world, mut network) = network(seed, config, STANDARD);
        let mut random = Random::new(seed, 41);
        let id = network.propose(&mut world, &[(0, add(-10)), (1, told(10))], 300);
        for _ in 0..8 {
            ok(world.run_for(random.within((20, 250))));
            let chain = &network.subchains[usize::try_from(random.below(2)).unwrap()];
            let victim = chain.processes[usize::try_from(random.below(4)).unwrap()];
            world.crash(victim, Tail::Half);
            world.silence_couriers(random.chance(500));
            ok(world.run_for(random.within((20, 400))));
            world.restart(victim);
            world.silence_couriers(false);
        }
        settle(&mut world, &network, &[id], 120_000);
        ok(world.run_until(|world| noted(world, &network, &id, 1) == Some(Code::OK), 120_000));
        ok(world.run_for(30_000));
        assert_eq!(network.counter(&world, 0, "balance"), Some(990), "seed {seed}");
        assert_eq!(network.counter(&world, 1, "balance"), Some(1_010), "seed {seed}");
    }
}

#[test]
fn a_notify_at_a_lock_waits_aside_while_others_pass() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("a_notify_at_a_lock_waits_aside_while_others_pass");
        let mut world = World::new(seed, config);
        let names = ["amber", "basalt", "chalk"];
        let plan = NetworkPlan::new(names.iter().map(|name| SubchainPlan::new(name, Suite::Standard)).collect());
        let mut network = Network::build(&mut world, &plan);
        ok(network.register(&mut world));
        let write = |key: &str, value: &str, notify| LegDraft {
            writes: vec![(key.into(), value.into())],
            notify,
            ..LegDraft::default()
        };
        // Chalk is stopped: basalt's key stays locked by the first.
        for process in network.subchains[2].processes.clone() {
            world.crash(process, Tail::Lost);
        }
        let holder =
            network.propose(&mut world, &[(1, write("ship", "first", false)), (2, write("ship", "first", false))], 90);
        let locked = |world: &World| network.leg_record(world, 1, &holder).is_some();
        ok(world.run_until(locked, 30_000));
        let told =
            network.propose(&mut world, &[(0, write("order", "1", false)), (1, write("ship", "told", true))], 200);
        ok(world.run_until(|world| network.is_over(world, &told), 30_000));
        ok(world.run_for(2_000));
        assert_eq!(noted(&world, &network, &told, 1), None, "it waits");
        assert_eq!(network.text(&world, 1, "ship"), None, "A4");
        // R9: what comes later in the lane passes it.
        let passing =
            network.propose(&mut world, &[(0, write("order", "2", false)), (1, write("boat", "passing", false))], 60);
        ok(world.run_until(|world| network.is_over(world, &passing), 20_000));
        assert_eq!(network.proposal(&world, &passing).unwrap().state, ProposalState::Committed);
        for process in network.subchains[2].processes.clone() {
            world.restart(process);
        }
        settle(&mut world, &network, &[holder, told, passing], 120_000);
        ok(world.run_until(|world| noted(world, &network, &told, 1) == Some(Code::OK), 60_000));
        assert_eq!(network.text(&world, 1, "ship").as_deref(), Some("told"), "seed {seed}: last, after the holder");
    }
}
