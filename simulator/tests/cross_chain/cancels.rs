//! Cancel before its Submit, before any Vote, between two Votes and too late.

use crate::proposals::{STANDARD, network, ok, settle, transfer};
use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::system::{LegPhase, ProposalState};
use ledger_protocol::{Code, ProposalId};
use simulator::fixture::{Member, Network};
use simulator::{Tail, World, WorldConfig, seeds};
use subchain::participant::table::LegState;

fn state(world: &World, network: &Network, id: &ProposalId) -> Option<ProposalState> {
    network.proposal(world, id).map(|record| record.state)
}

fn votes(world: &World, network: &Network, id: &ProposalId) -> usize {
    let record = network.proposal(world, id);
    let is_yes = |leg: &&ledger_protocol::system::LegStatus| matches!(leg.phase, LegPhase::VotedYes { .. });
    record.map_or(0, |record| record.legs.iter().filter(is_yes).count())
}

fn expect_cancelled(world: &mut World, network: &Network, id: ProposalId) {
    settle(world, network, &[id], 120_000);
    let record = network.proposal(world, &id).unwrap();
    assert_eq!(record.state, ProposalState::Aborted);
    assert!(matches!(record.decision.as_option(), Some(DecisionVerdict::Abort { code: Code::CANCELLED, .. })));
    for position in [0, 1] {
        assert_eq!(network.counter(world, position, "balance"), Some(1_000), "A1");
        assert_eq!(network.text(world, position, "transfer/1"), None, "A1");
    }
}

fn configs(name: &str) -> [WorldConfig; 2] {
    [WorldConfig::smooth(name), WorldConfig::lossy(name)]
}

#[test]
fn a_cancel_before_any_vote_aborts_and_late_prepares_lock_nothing() {
    for seed in seeds(2) {
        for config in configs("a_cancel_before_any_vote_aborts_and_late_prepares_lock_nothing") {
            let (mut world, mut network) = network(seed, config, STANDARD);
            world.silence_couriers(true);
            let valid_until = network.relay_height(&world).saturating_add(1_500);
            let (id, submit) = network.draft_until(&world, &transfer(1, 300), 1_900, valid_until);
            network.submit_everywhere(&mut world, Member::Relay, &submit);
            let preparing = |world: &World| state(world, &network, &id) == Some(ProposalState::Preparing);
            ok(world.run_until(preparing, 120_000));
            network.cancel(&mut world, id);
            ok(world.run_until(|world| state(world, &network, &id) == Some(ProposalState::Aborting), 120_000));
            world.silence_couriers(false);
            expect_cancelled(&mut world, &network, id);
        }
    }
}

#[test]
fn a_cancel_after_one_vote_releases_what_it_locked() {
    for seed in seeds(2) {
        for config in configs("a_cancel_after_one_vote_releases_what_it_locked") {
            let (mut world, mut network) = network(seed, config, STANDARD);
            for process in network.subchains[1].processes.clone() {
                world.crash(process, Tail::Lost);
            }
            let valid_until = network.relay_height(&world).saturating_add(1_500);
            let (id, submit) = network.draft_until(&world, &transfer(1, 300), 1_900, valid_until);
            network.submit_everywhere(&mut world, Member::Relay, &submit);
            ok(world.run_until(|world| votes(world, &network, &id) == 1, 120_000));
            assert_eq!(network.leg_record(&world, 0, &id).unwrap().state, LegState::Locked);
            network.cancel(&mut world, id);
            ok(world.run_until(|world| state(world, &network, &id) == Some(ProposalState::Aborting), 120_000));
            let released = |world: &World| network.leg_record(world, 0, &id).unwrap().state == LegState::Released;
            ok(world.run_until(released, 120_000));
            for process in network.subchains[1].processes.clone() {
                world.restart(process);
            }
            expect_cancelled(&mut world, &network, id);
        }
    }
}

#[test]
fn a_cancel_after_the_last_vote_is_too_late() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("a_cancel_after_the_last_vote_is_too_late");
        let (mut world, mut network) = network(seed, config, STANDARD);
        let id = network.propose(&mut world, &transfer(1, 300), 200);
        ok(world.run_until(|world| state(world, &network, &id) == Some(ProposalState::Committing), 30_000));
        network.cancel(&mut world, id);
        settle(&mut world, &network, &[id], 60_000);
        assert_eq!(state(&world, &network, &id), Some(ProposalState::Committed), "R3");
        assert_eq!(network.counter(&world, 0, "balance"), Some(700));
    }
}

#[test]
fn a_cancel_at_any_moment_ends_a_proposal_one_way() {
    for seed in seeds(3) {
        for config in configs("a_cancel_at_any_moment_ends_a_proposal_one_way") {
            let (mut world, mut network) = network(seed, config, STANDARD);
            let id = network.propose(&mut world, &transfer(1, 300), 1_000);
            ok(world.run_for(seed.0 * 197 % 1_100));
            network.cancel(&mut world, id);
            ok(world.run_for(60_000));
            if state(&world, &network, &id).is_none() {
                continue;
            }
            settle(&mut world, &network, &[id], 240_000);
            let moved = match state(&world, &network, &id) {
                Some(ProposalState::Committed) => 300,
                _ => 0,
            };
            assert_eq!(network.counter(&world, 0, "balance"), Some(1_000 - moved), "seed {seed}");
            assert_eq!(network.counter(&world, 1, "balance"), Some(1_000 + moved), "seed {seed}");
        }
    }
}

#[test]
fn a_cancel_before_its_submit_is_remembered() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("a_cancel_before_its_submit_is_remembered");
        let (mut world, mut network) = network(seed, config, STANDARD);
        let valid_until = network.relay_height(&world).saturating_add(1_500);
        let (id, submit) = network.draft_until(&world, &transfer(1, 300), 200, valid_until);
        network.cancel(&mut world, id);
        ok(world.run_for(2_000));
        network.submit_everywhere(&mut world, Member::Relay, &submit);
        ok(world.run_for(20_000));
        assert!(matches!(state(&world, &network, &id), None | Some(ProposalState::Rejected)), "seed {seed}");
        for position in [0, 1] {
            assert_eq!(network.counter(&world, position, "balance"), Some(1_000));
            assert!(network.leg_record(&world, position, &id).is_none());
        }
        let other = network.propose(&mut world, &transfer(2, 300), 200);
        settle(&mut world, &network, &[other], 60_000);
        assert_eq!(state(&world, &network, &other), Some(ProposalState::Committed));
    }
}
