//! Bug classes over real couriers, by their numbers in `docs/bug-classes-protocol.md`.

use crate::proposals::{STANDARD, network, ok, settle, transfer};
use chain_engine::ChainReader;
use ledger_protocol::system::ProposalState;
use ledger_protocol::{Sequence, Suite};
use simulator::fixture::{LegDraft, Member, Network, NetworkPlan, SubchainPlan};
use simulator::property::Clients;
use simulator::{Random, Tail, World, WorldConfig, seeds};

fn total(world: &World, network: &Network) -> i64 {
    [0, 1].into_iter().map(|position| network.counter(world, position, "balance").unwrap()).sum()
}

/// Couriers die and come back in the middle of everything, at random, while links lose, double and reorder. They have
/// no memory to be wrong: every message arrives once, in order, and nobody clears anything.
#[test]
fn bug_c20_couriers_that_forget_everything_again_and_again_lose_and_double_nothing() {
    for seed in seeds(2) {
        let name = "bug_c20_couriers_that_forget_everything_again_and_again_lose_and_double_nothing";
        let (mut world, mut network) = network(seed, WorldConfig::lossy(name), STANDARD);
        let mut random = Random::new(seed, 20);
        let mut ids = Vec::new();
        for number in 0..12 {
            ids.push(network.propose(&mut world, &transfer(number, 10), 400));
            for _ in 0..3 {
                world.silence_couriers(true);
                ok(world.run_for(random.within((1, 150))));
                world.silence_couriers(false);
                ok(world.run_for(random.within((1, 400))));
            }
        }
        ok(world.run_for(30_000));
        let ordered: Vec<_> = ids.into_iter().filter(|id| network.proposal(&world, id).is_some()).collect();
        assert!(!ordered.is_empty(), "seed {seed}");
        settle(&mut world, &network, &ordered, 240_000);
        let committed = ordered
            .iter()
            .filter(|id| network.proposal(&world, id).is_some_and(|it| it.state == ProposalState::Committed))
            .count();
        assert_eq!(total(&world, &network), 2_000, "seed {seed}");
        let moved = 10 * i64::try_from(committed).unwrap();
        assert_eq!(network.counter(&world, 0, "balance"), Some(1_000 - moved), "seed {seed}: once each");
    }
}

/// Nobody carries anything for a long time, replicas restart and are rebuilt from others meanwhile. What was not
/// acknowledged can still be proven by every one of them, and is delivered.
#[test]
fn bug_c21_what_is_not_acknowledged_can_be_proven_for_ever_by_every_replica() {
    for seed in seeds(2) {
        let name = "bug_c21_what_is_not_acknowledged_can_be_proven_for_ever_by_every_replica";
        let (mut world, mut network) = network(seed, WorldConfig::smooth(name), STANDARD);
        let amber = Member::Subchain(0);
        let ids: Vec<_> = (0..3).map(|number| network.propose(&mut world, &transfer(number, 10), 1_900)).collect();
        let locked = |world: &World| ids.iter().all(|id| network.leg_record(world, 0, id).is_some());
        ok(world.run_until(locked, 30_000));
        // Votes that are under way are lost with their links.
        world.silence_couriers(true);
        let (chain, relays) = (network.subchains[0].processes.clone(), network.relay_processes.clone());
        world.partition(&chain, &relays);
        world.heal();
        // Local work buries them under other blocks.
        for number in 0..40 {
            let set = ledger_protocol::transaction::Operation::SetKey(ledger_protocol::transaction::SetKey {
                account: ledger_protocol::codec::Text::new("records").unwrap(),
                key: ledger_protocol::codec::BoundedBytes::new(format!("local {number}").into_bytes()).unwrap(),
                value: ledger_protocol::codec::BoundedBytes::new(b"x".to_vec()).unwrap(),
                expected: ledger_protocol::transaction::Expectation::Any,
            });
            network.local(&mut world, 0, vec![set]);
            ok(world.run_for(300));
        }
        world.wipe(chain[1]);
        ok(world.run_for(500));
        world.restart(chain[1]);
        world.crash(chain[2], Tail::Lost);
        ok(world.run_for(500));
        world.restart(chain[2]);
        ok(world.run_for(100_000));
        let received: Sequence = network
            .look(&world, Member::Relay, |state| chain_interchain::next_expected(state, &network.subchains[0].id).ok())
            .unwrap();
        let (index, id) = (network.index(amber), network.id(amber));
        for process in &chain {
            let reader = ChainReader::new(world.store(*process, index).unwrap(), id.suite);
            let tip = world.height(*process, index).unwrap();
            let heights = reader.undelivered(&network.relay_id, received, tip, 16).unwrap();
            assert!(!heights.is_empty(), "seed {seed}: the test needs undelivered Votes");
            for height in heights {
                assert!(tip.0 - height.0 > 30, "seed {seed}: {height} is not old at {tip}");
                assert!(!reader.messages(&network.relay_id, height).unwrap().is_empty());
                assert!(reader.outbox_leaf(&network.relay_id, height).unwrap().is_some());
                assert!(reader.history_path(height, tip).unwrap().is_some());
                assert!(reader.certified_header(tip).unwrap().is_some());
            }
        }
        world.silence_couriers(false);
        settle(&mut world, &network, &ids, 120_000);
        for id in &ids {
            assert_eq!(network.proposal(&world, id).unwrap().state, ProposalState::Committed, "seed {seed}");
        }
    }
}

/// Two businesses' deposits and payouts, a chain that stops at every point in between: what left one book is in the
/// other or back, never both.
#[test]
fn bug_c14_a_deposit_is_returned_or_paid_out_and_never_both() {
    for seed in seeds(1) {
        for stop_after_ms in [60, 180, 260, 340, 420, 560] {
            let config = WorldConfig::smooth("bug_c14_a_deposit_is_returned_or_paid_out_and_never_both");
            let (mut world, mut network) = network(seed, config, STANDARD);
            let draft = |amount| LegDraft { deltas: vec![("balance".into(), amount)], ..LegDraft::default() };
            let id = network.propose(&mut world, &[(0, draft(-400)), (1, draft(400))], 40);
            ok(world.run_for(stop_after_ms));
            for process in network.subchains[1].processes.clone() {
                world.crash(process, Tail::Half);
            }
            // Long past every deadline: the payer's chain has done nothing by its own clock.
            ok(world.run_for(40_000));
            let paid = network.counter(&world, 0, "balance").unwrap();
            let decided = network.proposal(&world, &id).and_then(|record| record.decision.as_option().copied());
            if paid != 1_000 {
                let is_commit = matches!(decided, Some(ledger_protocol::interchain::DecisionVerdict::Commit { .. }));
                assert!(is_commit, "stopped after {stop_after_ms} ms");
            }
            for process in network.subchains[1].processes.clone() {
                world.restart(process);
            }
            settle(&mut world, &network, &[id], 120_000);
            let both = [0, 1].map(|position| network.counter(&world, position, "balance").unwrap());
            assert!(both == [600, 1_400] || both == [1_000, 1_000], "stopped after {stop_after_ms} ms: {both:?}");
        }
    }
}

/// Chaos, seed 14266: a relay's disks are slow, and couriers ask its servers again and again. What a server tells is on its
/// disk: a subchain that followed a header which was only written there had trusted what nobody had published.
#[test]
fn nobody_is_told_of_a_block_before_it_is_durable() {
    for seed in seeds(2) {
        let mut world = World::new(seed, WorldConfig::smooth("nobody_is_told_of_a_block_before_it_is_durable"));
        world.add_property(Box::new(Clients::default()));
        let subchains = ["amber", "basalt"].map(|name| SubchainPlan::new(name, Suite::Standard));
        let mut network = Network::build(&mut world, &NetworkPlan::new(subchains.into()));
        ok(network.register(&mut world));
        for process in network.relay_processes.clone() {
            world.slow_disk(process, 300);
        }
        let ids: Vec<_> = (0..6)
            .map(|number| {
                let id = network.propose(&mut world, &transfer(number, 10), 400);
                world.silence_couriers(true);
                ok(world.run_for(10));
                world.silence_couriers(false);
                ok(world.run_for(1_500));
                id
            })
            .collect();
        settle(&mut world, &network, &ids, 120_000);
        assert!(ids.iter().all(|id| network.proposal(&world, id).unwrap().state == ProposalState::Committed));
    }
}
