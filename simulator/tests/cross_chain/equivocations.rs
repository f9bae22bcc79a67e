//! A validator that is two: the honest ones end up with what convicts it, and the chain's ledger 0 takes it.

use crate::proposals::ok;
use chain_ledger::equivocations::record;
use ledger_protocol::chain::Equivocation;
use ledger_protocol::transaction::{AddToCounter, LedgerOperation, Operation, StateKey};
use ledger_protocol::{AccountName, LedgerId, Suite};
use simulator::fixture::{FixtureKind, Member, Network, NetworkPlan, SubchainPlan, sign_transaction};
use simulator::{ProcessId, Tail, World, WorldConfig, seeds};

const AMBER: Member = Member::Subchain(0);

/// Every process of amber gets work of its own, so that two that must not know of each other build different blocks.
fn keep_busy(world: &mut World, network: &mut Network) {
    let index = network.index(AMBER);
    for process in world.seats(index) {
        let (account, key) =
            (AccountName::new(FixtureKind::Money.account()).unwrap(), StateKey::new(b"balance".to_vec()).unwrap());
        let deposit = AddToCounter { account, key, amount: 1 };
        let input = network.draft_local(world, 0, vec![Operation::AddToCounter(deposit)]);
        world.submit_to(process, index, input);
    }
    ok(world.run_for(150));
}

fn evidence_of(world: &World, network: &Network, honest: &[ProcessId]) -> Vec<Equivocation> {
    honest.iter().flat_map(|process| world.evidence(*process, network.index(AMBER))).copied().collect()
}

#[test]
fn what_convicts_a_twin_verifies_and_is_recorded_by_its_chain() {
    for seed in seeds(3) {
        let suite = if seed.0 % 3 == 0 { Suite::Guomi } else { Suite::Standard };
        let name = "what_convicts_a_twin_verifies_and_is_recorded_by_its_chain";
        let config = WorldConfig { halts_fail: false, ..WorldConfig::smooth(name) };
        let mut world = World::new(seed, config);
        let mut network = Network::build(&mut world, &NetworkPlan::new(vec![SubchainPlan::new("amber", suite)]));
        let index = network.index(AMBER);
        let (processes, keys) = (network.subchains[0].processes.clone(), network.subchains[0].keys.clone());
        let twin = world.add_twin(processes[0]);
        world.add_seat(twin, index, Some(keys[0].clone()));
        let honest = &processes[1..];
        for _ in 0..400 {
            keep_busy(&mut world, &mut network);
            if !evidence_of(&world, &network, honest).is_empty() {
                break;
            }
        }
        // The honest ones die with all they have not synced, and are still convinced of nothing wrong.
        for process in honest {
            world.crash(*process, Tail::Lost);
        }
        ok(world.run_for(50));
        for process in honest {
            world.restart(*process);
        }
        let reached = world.best_height(index).saturating_add(3);
        for _ in 0..200 {
            keep_busy(&mut world, &mut network);
            if honest.iter().all(|process| world.height(*process, index) >= Some(reached)) {
                break;
            }
        }
        let validators = world.genesis(index).validators.clone();
        let evidence = evidence_of(&world, &network, honest);
        assert!(!evidence.is_empty(), "seed {seed}: nobody noticed");
        for one in &evidence {
            let verified = one.verify(&network.id(AMBER), &validators).unwrap();
            assert_eq!(verified.validator, keys[0].address(), "seed {seed}: an honest validator is convicted");
        }

        let report = evidence[0];
        let operation = LedgerOperation { ledger: LedgerId::SYSTEM, operation: Operation::ReportEquivocation(report) };
        let valid_until = world.best_height(index).saturating_add(1_000);
        let clerk = network.subchains[0].clerk.clone();
        let input = sign_transaction(network.id(AMBER), &[&clerk], valid_until, 7, vec![operation]);
        network.submit_everywhere(&mut world, AMBER, &input);
        let kept = |world: &World| {
            network.look(world, AMBER, |state| record(state, &keys[0].address(), report.height).unwrap())
        };
        ok(world.run_until(|world| kept(world).is_some(), 60_000));
        let record = kept(&world).unwrap();
        assert_eq!((record.equivocation, record.reporter), (report, clerk.address()));
        assert!(record.reported_at > report.height);
        ok(world.check_at_rest());
    }
}
