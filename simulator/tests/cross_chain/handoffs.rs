//! A validator hand-off between Vote and Decision, on a subchain and on the relay: all validators are replaced, the old
//! ones go, and the proposal ends the same everywhere.

use crate::proposals::{ok, settle, three_chains as network, transfer};
use ledger_protocol::codec::{BoundedBytes, Text};
use ledger_protocol::system::{LegPhase, ProposalState};
use ledger_protocol::transaction::{AddToCounter, Operation};
use ledger_protocol::{Height, ProposalId};
use simulator::fixture::{FixtureKind, LegDraft, Member, Network, Seat};
use simulator::{Fault, ProcessId, Random, Seed, Tail, World, WorldConfig, seeds};
use subchain::participant::table::LegState;

const AMBER: Member = Member::Subchain(0);
const WITHIN_MS: u64 = 400_000;
/// Long enough for a hand-off of a chain at rest, over a bad network.
const T_PREP: u32 = 1_900;

fn old_validators(network: &Network, member: Member) -> Vec<ProcessId> {
    match member {
        Member::Relay => network.relay_processes.clone(),
        Member::Subchain(position) => network.subchains[position].processes.clone(),
    }
}

fn leg_phase(world: &World, network: &Network, id: &ProposalId, position: usize) -> Option<LegPhase> {
    let chain = network.subchains[position].id;
    let record = network.proposal(world, id)?;
    record.legs.iter().find(|leg| leg.chain == chain).map(|leg| leg.phase)
}

fn has_voted(world: &World, network: &Network, id: &ProposalId, position: usize) -> bool {
    matches!(leg_phase(world, network, id, position), Some(LegPhase::VotedYes { .. }))
}

/// Four new validators replace all of a chain's. The old ones stop for good once the new ones go on without them.
fn replace_validators(world: &mut World, network: &mut Network, member: Member, name: &str) -> (Height, Vec<Seat>) {
    let index = network.index(member);
    let seats = network.enlist(world, member, name, 4);
    let synced = world.best_height(index);
    let reached = |world: &World, height: Height| seats.iter().all(|seat| world.height(seat.0, index) >= Some(height));
    ok(world.run_until(|world| reached(world, synced), WITHIN_MS));
    let before = network.last_handoff(world, member);
    let effective_at = world.best_height(index).saturating_add(8);
    network.hand_over(world, member, &seats, effective_at);
    ok(world.run_until(|world| network.last_handoff(world, member) > before, WITHIN_MS));
    let handoff = network.last_handoff(world, member);
    assert_eq!(Some(handoff), effective_at.previous(), "the block before the first of the new set");
    // What the new set certified, nobody of the old one signed.
    ok(world.run_until(|world| reached(world, effective_at), WITHIN_MS));
    for process in old_validators(network, member) {
        world.crash(process, Tail::Lost);
    }
    (handoff, seats)
}

/// Crashes of single validators of every chain, the retired ones included, while everything runs.
fn crash_now_and_then(world: &mut World, network: &Network, count: u64) {
    let mut random = Random::new(Seed(count), 7);
    let mut everybody = network.relay_processes.clone();
    everybody.extend(network.subchains.iter().flat_map(|subchain| subchain.processes.clone()));
    let mut at_effect = world.effects();
    for _ in 0..count {
        at_effect += 200 + random.below(2_500);
        let victim = everybody[usize::try_from(random.below(everybody.len() as u64)).unwrap()];
        let restart_after_ms = Some(random.within((50, 3_000)));
        world.plan(Fault { at_effect, processes: vec![victim], tail: Tail::Half, restart_after_ms, wipe: false });
    }
}

fn check_end(world: &mut World, network: &mut Network, id: ProposalId) {
    settle(world, network, &[id], WITHIN_MS);
    assert_eq!(network.proposal(world, &id).unwrap().state, ProposalState::Committed);
    assert_eq!(network.counter(world, 0, "balance"), Some(700), "A1");
    assert_eq!(network.counter(world, 1, "balance"), Some(1_300), "A1");
    // The new set does what the old one did.
    let again = network.propose(world, &transfer(2, 100), 200);
    ok(world.run_until(|world| network.is_over(world, &again), WITHIN_MS));
    settle(world, network, &[again], WITHIN_MS);
    assert_eq!(network.proposal(world, &again).unwrap().state, ProposalState::Committed);
}

/// A6: who is not named is not delayed.
fn chalk_is_not_delayed(world: &mut World, network: &mut Network) {
    let alone = [(2, LegDraft { deltas: vec![("balance".into(), 1)], ..LegDraft::default() })];
    let id = network.propose(world, &alone, 50);
    ok(world.run_until(|world| network.is_over(world, &id), 20_000));
    let record = network.proposal(world, &id).unwrap();
    assert_eq!(record.state, ProposalState::Committed, "A6");
    assert!(record.decided_at.0 - record.started_at.0 <= 8, "A6: {record:?}");
}

/// The Vote of amber is proven on the relay, basalt is stopped: the Decision cannot come before the hand-off.
fn vote_proven_then_handed_over(seed: Seed, config: WorldConfig, member: Member, crashes: u64) {
    let is_smooth = config.network.loss_per_mille == 0;
    let (mut world, mut network) = network(seed, config);
    for process in network.subchains[1].processes.clone() {
        world.crash(process, Tail::Lost);
    }
    let id = network.propose(&mut world, &transfer(1, 300), T_PREP);
    ok(world.run_until(|world| has_voted(world, &network, &id, 0), WITHIN_MS));
    crash_now_and_then(&mut world, &network, crashes);
    let (handoff, _) = replace_validators(&mut world, &mut network, member, "new");
    let record = network.proposal(&world, &id).unwrap();
    assert_eq!(record.state, ProposalState::Preparing, "seed {seed}: no Decision before the hand-off");
    if is_smooth && crashes == 0 {
        chalk_is_not_delayed(&mut world, &mut network);
    }
    for process in network.subchains[1].processes.clone() {
        world.restart(process);
    }
    check_end(&mut world, &mut network, id);
    match member {
        Member::Relay => {
            for position in [0, 1] {
                let client = network.client(&world, Member::Subchain(position), member).unwrap();
                assert_eq!(client.last_handoff_height_on_source, handoff);
            }
        }
        Member::Subchain(_) => {
            let client = network.client(&world, Member::Relay, member).unwrap();
            assert_eq!(client.last_handoff_height_on_source, handoff);
        }
    }
}

#[test]
fn hand_off_of_a_subchain_between_vote_and_decision() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("hand_off_of_a_subchain_between_vote_and_decision");
        vote_proven_then_handed_over(seed, config, AMBER, 0);
    }
}

#[test]
fn hand_off_of_a_subchain_between_vote_and_decision_over_a_lossy_network() {
    for seed in seeds(1) {
        let config = WorldConfig::lossy("hand_off_of_a_subchain_between_vote_and_decision_over_a_lossy_network");
        vote_proven_then_handed_over(seed, config, AMBER, 0);
    }
}

#[test]
fn hand_off_of_a_subchain_between_vote_and_decision_with_crashes() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("hand_off_of_a_subchain_between_vote_and_decision_with_crashes");
        vote_proven_then_handed_over(seed, config, AMBER, 12);
    }
}

#[test]
fn hand_off_of_the_relay_between_vote_and_decision() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("hand_off_of_the_relay_between_vote_and_decision");
        vote_proven_then_handed_over(seed, config, Member::Relay, 0);
    }
}

#[test]
fn hand_off_of_the_relay_between_vote_and_decision_over_a_lossy_network() {
    for seed in seeds(1) {
        let config = WorldConfig::lossy("hand_off_of_the_relay_between_vote_and_decision_over_a_lossy_network");
        vote_proven_then_handed_over(seed, config, Member::Relay, 0);
    }
}

#[test]
fn hand_off_of_the_relay_between_vote_and_decision_with_crashes() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("hand_off_of_the_relay_between_vote_and_decision_with_crashes");
        vote_proven_then_handed_over(seed, config, Member::Relay, 12);
    }
}

/// The Vote is in a block of the old set and reaches the relay after the hand-off: by the history of a later head.
#[test]
fn a_vote_older_than_the_hand_off_is_delivered_after_it() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("a_vote_older_than_the_hand_off_is_delivered_after_it");
        let (mut world, mut network) = network(seed, config);
        let id = network.propose(&mut world, &transfer(1, 300), T_PREP);
        let locked =
            |world: &World| network.leg_record(world, 0, &id).is_some_and(|record| record.state == LegState::Locked);
        ok(world.run_until(locked, WITHIN_MS));
        // What is under way on a link that goes down is lost.
        world.silence_couriers(true);
        world.partition(&network.subchains[0].processes, &network.relay_processes);
        assert!(!has_voted(&world, &network, &id, 0));
        let (handoff, _) = replace_validators(&mut world, &mut network, AMBER, "new");
        assert!(!has_voted(&world, &network, &id, 0), "seed {seed}: nobody carries anything");
        world.heal();
        world.silence_couriers(false);
        check_end(&mut world, &mut network, id);
        let client = network.client(&world, Member::Relay, AMBER).unwrap();
        assert_eq!(client.last_handoff_height_on_source, handoff);
    }
}

/// The old set of the relay decided; its Decision reaches the subchains after the hand-off.
#[test]
fn a_decision_older_than_the_relays_hand_off_is_delivered_after_it() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("a_decision_older_than_the_relays_hand_off_is_delivered_after_it");
        let (mut world, mut network) = network(seed, config);
        let id = network.propose(&mut world, &transfer(1, 300), T_PREP);
        let decided = |world: &World| {
            network.proposal(world, &id).is_some_and(|record| record.state == ProposalState::Committing)
        };
        ok(world.run_until(decided, WITHIN_MS));
        world.silence_couriers(true);
        for position in 0..3 {
            world.partition(&network.subchains[position].processes, &network.relay_processes);
        }
        let (handoff, _) = replace_validators(&mut world, &mut network, Member::Relay, "new");
        for position in [0, 1] {
            let leg = network.leg_record(&world, position, &id).unwrap();
            assert_eq!(leg.state, LegState::Locked, "seed {seed}: S1");
        }
        world.heal();
        world.silence_couriers(false);
        check_end(&mut world, &mut network, id);
        for position in [0, 1] {
            let client = network.client(&world, Member::Subchain(position), Member::Relay).unwrap();
            assert_eq!(client.last_handoff_height_on_source, handoff);
        }
    }
}

/// Both at once, and twice in a row: the couriers bring hand-offs in order, whatever else is pending.
#[test]
fn two_hand_offs_of_every_chain_within_one_proposal() {
    for seed in seeds(1) {
        let config = WorldConfig::smooth("two_hand_offs_of_every_chain_within_one_proposal");
        let (mut world, mut network) = network(seed, config);
        for process in network.subchains[1].processes.clone() {
            world.crash(process, Tail::Lost);
        }
        let id = network.propose(&mut world, &transfer(1, 300), T_PREP);
        ok(world.run_until(|world| has_voted(world, &network, &id, 0), WITHIN_MS));
        let mut last = Vec::new();
        for name in ["second", "third"] {
            for member in [AMBER, Member::Relay] {
                let (handoff, seats) = replace_validators(&mut world, &mut network, member, name);
                last.push((member, handoff));
                let processes = seats.into_iter().map(|(process, _)| process).collect();
                match member {
                    Member::Relay => network.relay_processes = processes,
                    Member::Subchain(position) => network.subchains[position].processes = processes,
                }
            }
        }
        for process in network.subchains[1].processes.clone() {
            world.restart(process);
        }
        check_end(&mut world, &mut network, id);
        let client = network.client(&world, Member::Relay, AMBER).unwrap();
        assert_eq!(client.last_handoff_height_on_source, last[2].1);
        let client = network.client(&world, Member::Subchain(1), Member::Relay).unwrap();
        assert_eq!(client.last_handoff_height_on_source, last[3].1);
    }
}

/// The deadline passes while the chain hands over: the new set hears ABORT and releases what the old one locked.
#[test]
fn a_hand_off_longer_than_the_deadline_releases_under_the_new_set() {
    for seed in seeds(1) {
        let config = WorldConfig::smooth("a_hand_off_longer_than_the_deadline_releases_under_the_new_set");
        let (mut world, mut network) = network(seed, config);
        for process in network.subchains[1].processes.clone() {
            world.crash(process, Tail::Lost);
        }
        let id = network.propose(&mut world, &transfer(1, 300), 100);
        ok(world.run_until(|world| has_voted(world, &network, &id, 0), WITHIN_MS));
        world.silence_couriers(true);
        replace_validators(&mut world, &mut network, AMBER, "new");
        let past = network.proposal(&world, &id).unwrap().deadline.saturating_add(2);
        ok(world.run_until(|world| network.relay_height(world) >= past, WITHIN_MS));
        assert_eq!(network.leg_record(&world, 0, &id).unwrap().state, LegState::Locked, "S1");
        world.silence_couriers(false);
        for process in network.subchains[1].processes.clone() {
            world.restart(process);
        }
        settle(&mut world, &network, &[id], WITHIN_MS);
        assert_eq!(network.proposal(&world, &id).unwrap().state, ProposalState::Aborted);
        assert_eq!(network.counter(&world, 0, "balance"), Some(1_000));
    }
}

/// A whole set retires while clients go on asking its members. What they accepted and had no block for any more is passed
/// on to the new set; nobody would ever propose it otherwise.
#[test]
fn what_waits_in_the_pools_of_a_retired_set_reaches_the_new_one() {
    for seed in seeds(3) {
        let name = "what_waits_in_the_pools_of_a_retired_set_reaches_the_new_one";
        let (mut world, mut network) = network(seed, WorldConfig::smooth(name));
        let index = network.index(AMBER);
        let seats = network.enlist(&mut world, AMBER, "successor", 4);
        ok(world.run_for(5_000));
        let effective_at = world.best_height(index).saturating_add(8);
        network.hand_over(&mut world, AMBER, &seats, effective_at);
        let old = old_validators(&network, AMBER);
        let account = Text::new(FixtureKind::Money.account()).unwrap();
        let deposit = AddToCounter { account, key: BoundedBytes::new(b"balance".to_vec()).unwrap(), amount: 1 };
        let mut asked = 0;
        while world.best_height(index) < effective_at {
            let input = network.draft_local(&world, 0, vec![Operation::AddToCounter(deposit.clone())]);
            world.submit_to(old[asked % old.len()], index, input);
            asked += 1;
            ok(world.run_for(20));
        }
        ok(world.run_for(20_000));
        assert_eq!(world.owed(), Vec::new(), "seed {seed}: of {asked} transactions");
        assert!(world.accepted_of_clients().0 > asked as u64, "seed {seed}: {:?}", world.accepted_of_clients());
    }
}
