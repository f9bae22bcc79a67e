//! Proposals between two subchains: commit, business abort, conflict, timeout.

use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::system::ProposalState;
use ledger_protocol::{Code, ProposalId, Suite};
use simulator::fixture::{LegDraft, Network, NetworkPlan, SubchainPlan};
use simulator::{Seed, Tail, World, WorldConfig, seeds};

pub(crate) fn ok<T>(result: Result<T, Box<simulator::Failure>>) -> T {
    result.unwrap_or_else(|failure| panic!("{failure}"))
}

pub(crate) fn network(seed: Seed, config: WorldConfig, suites: [Suite; 3]) -> (World, Network) {
    let mut world = World::new(seed, config);
    let [relay_suite, first, second] = suites;
    let plan = NetworkPlan {
        relay_suite,
        ..NetworkPlan::new(vec![SubchainPlan::new("amber", first), SubchainPlan::new("basalt", second)])
    };
    let mut network = Network::build(&mut world, &plan);
    ok(network.register(&mut world));
    (world, network)
}

/// Amber, basalt and chalk, registered and ready; the last one is there to see what others do to it.
pub(crate) fn three_chains(seed: Seed, config: WorldConfig) -> (World, Network) {
    let mut world = World::new(seed, config);
    let names = ["amber", "basalt", "chalk"];
    let plan = NetworkPlan::new(names.iter().map(|name| SubchainPlan::new(name, Suite::Standard)).collect());
    let mut network = Network::build(&mut world, &plan);
    ok(network.register(&mut world));
    (world, network)
}

pub(crate) const STANDARD: [Suite; 3] = [Suite::Standard; 3];

/// Moves an amount from one subchain's balance to the other's and notes it in both.
pub(crate) fn transfer(number: u64, amount: i64) -> Vec<(usize, LegDraft)> {
    let draft = |delta: i64| LegDraft {
        writes: vec![(format!("transfer/{number}"), format!("{delta}"))],
        deltas: vec![("balance".into(), delta)],
        ..LegDraft::default()
    };
    vec![(0, draft(-amount)), (1, draft(amount))]
}

pub(crate) fn settle(world: &mut World, network: &Network, ids: &[ProposalId], within_ms: u64) {
    ok(world.run_until(|world| ids.iter().all(|id| network.is_over(world, id)), within_ms));
    ok(world.run_for(2_000));
    ok(world.check_at_rest());
}

pub(crate) fn state_of(world: &World, network: &Network, id: &ProposalId) -> ProposalState {
    network.proposal(world, id).expect("the record is kept until valid_until").state
}

#[test]
fn one_proposal_over_two_subchains_commits() {
    for seed in seeds(3) {
        let config = WorldConfig::smooth("one_proposal_over_two_subchains_commits");
        let (mut world, mut network) = network(seed, config, STANDARD);
        let started_ms = world.now_ms();
        let id = network.propose(&mut world, &transfer(1, 300), 50);
        settle(&mut world, &network, &[id], 30_000);
        assert_eq!(state_of(&world, &network, &id), ProposalState::Committed);
        assert_eq!(network.counter(&world, 0, "balance"), Some(700));
        assert_eq!(network.counter(&world, 1, "balance"), Some(1_300));
        assert_eq!(network.text(&world, 0, "transfer/1").as_deref(), Some("-300"));
        assert!(world.now_ms() - started_ms < 4_000, "took {} ms", world.now_ms() - started_ms);
    }
}

#[test]
fn suites_mix_in_every_way() {
    for (number, mix) in [
        [Suite::Guomi, Suite::Standard, Suite::Guomi],
        [Suite::Standard, Suite::Guomi, Suite::Standard],
        [Suite::Guomi, Suite::Guomi, Suite::Guomi],
    ]
    .into_iter()
    .enumerate()
    {
        let config = WorldConfig::smooth("suites_mix_in_every_way");
        let (mut world, mut network) = network(Seed(number as u64 + 1), config, mix);
        let id = network.propose(&mut world, &transfer(1, 300), 50);
        settle(&mut world, &network, &[id], 30_000);
        assert_eq!(state_of(&world, &network, &id), ProposalState::Committed, "{mix:?}");
    }
}

#[test]
fn a_bound_on_one_side_aborts_both() {
    for seed in seeds(2) {
        let (mut world, mut network) = network(seed, WorldConfig::smooth("a_bound_on_one_side_aborts_both"), STANDARD);
        let id = network.propose(&mut world, &transfer(1, 1_001), 50);
        settle(&mut world, &network, &[id], 30_000);
        let record = network.proposal(&world, &id).unwrap();
        assert_eq!(record.state, ProposalState::Aborted);
        let verdict = *record.decision.as_option().unwrap();
        assert!(
            matches!(verdict, DecisionVerdict::Abort { code, culprit } if (code == Code::NO || code == Code::BOUND) && culprit == network.subchains[0].id),
            "{verdict:?}"
        );
        for position in [0, 1] {
            assert_eq!(network.counter(&world, position, "balance"), Some(1_000));
            assert_eq!(network.text(&world, position, "transfer/1"), None);
        }
        // Nothing is held: the same keys can be used again.
        let again = network.propose(&mut world, &transfer(1, 10), 50);
        settle(&mut world, &network, &[again], 30_000);
        assert_eq!(state_of(&world, &network, &again), ProposalState::Committed);
    }
}

#[test]
fn proposals_on_one_key_take_turns_and_deltas_run_side_by_side() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("proposals_on_one_key_take_turns_and_deltas_run_side_by_side");
        let (mut world, mut network) = network(seed, config, STANDARD);
        // Twenty on one exclusive key, twenty on counters alone.
        let mut ids = Vec::new();
        for number in 0..20u64 {
            let write = |value: &str| LegDraft { writes: vec![("shared".into(), value.into())], ..LegDraft::default() };
            let both = [(0, write(&format!("{number}"))), (1, write(&format!("{number}")))];
            ids.push(network.propose(&mut world, &both, 100));
            let add = |amount| LegDraft { deltas: vec![("balance".into(), amount)], ..LegDraft::default() };
            ids.push(network.propose(&mut world, &[(0, add(-5)), (1, add(5))], 100));
        }
        settle(&mut world, &network, &ids, 180_000);
        for id in &ids {
            assert_eq!(state_of(&world, &network, id), ProposalState::Committed);
        }
        assert_eq!(network.counter(&world, 0, "balance"), Some(900));
        assert_eq!(network.counter(&world, 1, "balance"), Some(1_100));
        assert_eq!(network.text(&world, 0, "shared"), network.text(&world, 1, "shared"));
    }
}

#[test]
fn a_subchain_without_a_quorum_times_out_and_ends_when_it_is_back() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("a_subchain_without_a_quorum_times_out_and_ends_when_it_is_back");
        let (mut world, mut network) = network(seed, config, STANDARD);
        let stopped = network.subchains[1].processes[..2].to_vec();
        for process in &stopped {
            world.crash(*process, Tail::Lost);
        }
        let id = network.propose(&mut world, &transfer(1, 300), 30);
        ok(world.run_until(
            |world| network.proposal(world, &id).is_some_and(|record| record.state == ProposalState::Aborting),
            30_000,
        ));
        let record = network.proposal(&world, &id).unwrap();
        let verdict = *record.decision.as_option().unwrap();
        assert!(matches!(verdict, DecisionVerdict::Abort { code: Code::TIMEOUT, .. }), "{verdict:?}");
        ok(world.run_for(5_000));
        assert_eq!(state_of(&world, &network, &id), ProposalState::Aborting, "the stopped chain has not answered");
        assert_eq!(network.counter(&world, 0, "balance"), Some(1_000));
        for process in stopped {
            world.restart(process);
        }
        settle(&mut world, &network, &[id], 60_000);
        assert_eq!(state_of(&world, &network, &id), ProposalState::Aborted);
        let again = network.propose(&mut world, &transfer(2, 300), 50);
        settle(&mut world, &network, &[again], 60_000);
        assert_eq!(state_of(&world, &network, &again), ProposalState::Committed);
    }
}

#[test]
fn records_are_pruned_on_both_sides_and_quiet_chains_stay_fresh() {
    let config = WorldConfig::smooth("records_are_pruned_on_both_sides_and_quiet_chains_stay_fresh");
    let (mut world, mut network) = network(Seed(1), config, STANDARD);
    let valid_until = network.relay_height(&world).saturating_add(20);
    let id = network.propose_until(&mut world, &transfer(1, 300), 10, valid_until);
    ok(world.run_until(|world| network.proposal(world, &id).is_some(), 10_000));
    // 20 relay heights at its heartbeat, then the acknowledgements.
    ok(world.run_until(|world| network.proposal(world, &id).is_none(), 300_000));
    ok(world.run_for(120_000));
    for subchain in &network.subchains {
        let store = world.best_store(subchain.index).unwrap();
        let state = chain_state::BlockState::open(store, subchain.id.suite, world.best_height(subchain.index)).unwrap();
        let waits = subchain::participant::waits(&state, &network.relay_id).unwrap();
        assert_eq!(waits, subchain::participant::Waits::default(), "{} still waits", subchain.name);
    }
    // Ten minutes later the chains are still fresh enough to take part.
    ok(world.run_for(600_000));
    let again = network.propose(&mut world, &transfer(2, 300), 50);
    settle(&mut world, &network, &[again], 60_000);
    assert_eq!(state_of(&world, &network, &again), ProposalState::Committed);
}
