//! Freeze by evidence and the way back, and a pause: A1 to A5 hold throughout, and who is not named is not delayed.

use crate::proposals::{ok, settle, three_chains as network, transfer};
use chain_interchain::waiting_count;
use ledger_protocol::chain::Input;
use ledger_protocol::interchain::{DecisionVerdict, Motion};
use ledger_protocol::system::{ChainStatus, LegPhase, ProposalState};
use ledger_protocol::{Code, Height, ProposalId};
use simulator::fixture::{LegDraft, Member, Network, Seat};
use simulator::{Tail, World, WorldConfig, seeds};
use subchain::participant::table::LegState;

const AMBER: Member = Member::Subchain(0);
const WITHIN_MS: u64 = 300_000;

fn status(world: &World, network: &Network, position: usize) -> ChainStatus {
    network.chain_record(world, position).unwrap().status
}

fn state(world: &World, network: &Network, id: &ProposalId) -> ProposalState {
    network.proposal(world, id).unwrap().state
}

fn abort_code(world: &World, network: &Network, id: &ProposalId) -> Code {
    match network.proposal(world, id).unwrap().decision.as_option() {
        Some(DecisionVerdict::Abort { code, .. }) => *code,
        other => panic!("{other:?}"),
    }
}

fn phase(world: &World, network: &Network, id: &ProposalId, position: usize) -> LegPhase {
    let chain = network.subchains[position].id;
    network.proposal(world, id).unwrap().legs.iter().find(|leg| leg.chain == chain).unwrap().phase
}

fn is_closed(world: &World, network: &Network, id: &ProposalId, position: usize) -> bool {
    matches!(phase(world, network, id, position), LegPhase::ClosedByOutcome { .. } | LegPhase::ClosedByNo { .. })
}

/// Amber's keys sign a second header of its newest height, and somebody shows both to the relay.
fn accuse(world: &mut World, network: &Network) {
    let height = world.best_height(network.index(AMBER));
    let evidence = network.equivocation(world, 0, height, &network.subchains[0].keys).unwrap();
    network.submit_everywhere(world, Member::Relay, &Input::Evidence(Box::new(evidence)));
    ok(world.run_until(|world| status(world, network, 0) == ChainStatus::Frozen, 20_000));
}

/// Amber goes on with other keys, and the members trust its hand-off to them.
fn come_back(world: &mut World, network: &mut Network) -> Vec<Seat> {
    let amber = network.index(AMBER);
    let seats = network.enlist(world, AMBER, "amber again", 4);
    let height = world.best_height(amber);
    ok(world.run_until(|world| seats.iter().all(|seat| world.height(seat.0, amber) >= Some(height)), WITHIN_MS));
    let effective_at = world.best_height(amber).saturating_add(8);
    network.hand_over(world, AMBER, &seats, effective_at);
    ok(world.run_until(|world| seats.iter().all(|seat| world.height(seat.0, amber) >= Some(effective_at)), WITHIN_MS));
    for process in network.subchains[0].processes.clone() {
        world.crash(process, Tail::Lost);
    }
    let handoff = network.last_handoff(world, AMBER);
    assert_eq!(status(world, network, 0), ChainStatus::Frozen, "only a re-anchor brings a frozen chain back");
    let motion = network.reanchor(world, 0, handoff).unwrap();
    network.decide(world, vec![motion]);
    ok(world.run_until(|world| status(world, network, 0) == ChainStatus::Active, 30_000));
    let client = network.client(world, Member::Relay, AMBER).unwrap();
    assert!(client.last_handoff_height_on_source >= handoff);
    seats
}

fn commits_again(world: &mut World, network: &mut Network) {
    // Fresh, and not lagging any more.
    ok(world.run_until(|world| !network.chain_record(world, 0).unwrap().lagging, WITHIN_MS));
    let again = network.propose(world, &transfer(9, 10), 200);
    ok(world.run_until(|world| network.is_over(world, &again), WITHIN_MS));
    settle(world, network, &[again], WITHIN_MS);
    assert_eq!(state(world, network, &again), ProposalState::Committed);
}

/// A6: a proposal of others alone is decided as fast as ever.
fn others_are_not_delayed(world: &mut World, network: &mut Network) {
    let add = |amount| LegDraft { deltas: vec![("balance".into(), amount)], ..LegDraft::default() };
    let id = network.propose(world, &[(1, add(-1)), (2, add(1))], 50);
    ok(world.run_until(|world| network.is_over(world, &id), 20_000));
    let record = network.proposal(world, &id).unwrap();
    assert_eq!(record.state, ProposalState::Committed, "A6");
    assert!(record.decided_at.0 - record.started_at.0 <= 8, "A6: {record:?}");
}

#[test]
fn freeze_by_evidence_while_preparing_aborts_and_a_re_anchor_brings_the_chain_back() {
    for seed in seeds(2) {
        let config =
            WorldConfig::smooth("freeze_by_evidence_while_preparing_aborts_and_a_re_anchor_brings_the_chain_back");
        let (mut world, mut network) = network(seed, config);
        // Basalt is stopped: amber has voted, nothing is decided.
        for process in network.subchains[1].processes.clone() {
            world.crash(process, Tail::Lost);
        }
        let id = network.propose(&mut world, &transfer(1, 300), 1_900);
        ok(world.run_until(
            |world| {
                let record = network.proposal(world, &id);
                record.is_some_and(|it| it.legs.iter().any(|leg| matches!(leg.phase, LegPhase::VotedYes { .. })))
            },
            WITHIN_MS,
        ));
        accuse(&mut world, &network);
        let expected = [ProposalState::Aborting, ProposalState::Aborted];
        assert!(expected.contains(&state(&world, &network, &id)), "in the same block");
        assert_eq!(abort_code(&world, &network, &id), Code::CHAIN_LOST);
        for process in network.subchains[1].processes.clone() {
            world.restart(process);
        }
        ok(world.run_until(|world| network.is_over(world, &id), WITHIN_MS));
        assert_eq!(state(&world, &network, &id), ProposalState::Aborted);
        assert!(!is_closed(&world, &network, &id, 0), "nothing of a frozen chain is taken");
        others_are_not_delayed(&mut world, &mut network);
        // A proposal that names it is refused: no record.
        let refused = network.propose(&mut world, &transfer(2, 10), 50);
        ok(world.run_for(5_000));
        assert_eq!(network.proposal(&world, &refused), None);
        come_back(&mut world, &mut network);
        // What it said before and meanwhile goes on where it stopped: R2's record sees its Outcome.
        ok(world.run_until(|world| is_closed(world, &network, &id, 0), WITHIN_MS));
        settle(&mut world, &network, &[id], WITHIN_MS);
        assert_eq!(network.counter(&world, 0, "balance"), Some(1_000), "A1");
        commits_again(&mut world, &mut network);
    }
}

#[test]
fn freeze_by_evidence_while_committing_turns_nothing_back() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("freeze_by_evidence_while_committing_turns_nothing_back");
        let (mut world, mut network) = network(seed, config);
        let id = network.propose(&mut world, &transfer(1, 300), 200);
        ok(world.run_until(
            |world| network.proposal(world, &id).is_some_and(|it| it.state == ProposalState::Committing),
            WITHIN_MS,
        ));
        let cut_off = network.subchains[0].processes.clone();
        world.partition(&cut_off, &network.relay_processes);
        accuse(&mut world, &network);
        // R3. Amber counts as closed for the state alone.
        ok(world.run_until(|world| network.is_over(world, &id), WITHIN_MS));
        assert_eq!(state(&world, &network, &id), ProposalState::Committed);
        assert!(!is_closed(&world, &network, &id, 0));
        assert_eq!(network.leg_record(&world, 0, &id).unwrap().state, LegState::Locked, "S1");
        // It goes on being served: the Decision stands in the outbox.
        world.heal();
        let applied = |world: &World| network.leg_record(world, 0, &id).unwrap().state == LegState::Applied;
        ok(world.run_until(applied, WITHIN_MS));
        come_back(&mut world, &mut network);
        ok(world.run_until(|world| is_closed(world, &network, &id, 0), WITHIN_MS));
        settle(&mut world, &network, &[id], WITHIN_MS);
        assert_eq!(network.counter(&world, 0, "balance"), Some(700), "A1");
        assert_eq!(network.counter(&world, 1, "balance"), Some(1_300), "A1");
        commits_again(&mut world, &mut network);
    }
}

#[test]
fn freeze_by_evidence_while_queued_rejects() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("freeze_by_evidence_while_queued_rejects");
        let (mut world, mut network) = network(seed, config);
        for process in network.subchains[1].processes.clone() {
            world.crash(process, Tail::Lost);
        }
        // The first holds amber's key, so the second waits for it; the third waits behind nothing of amber's.
        let write = |value: &str| LegDraft { writes: vec![("ship".into(), value.into())], ..LegDraft::default() };
        let first = network.propose(&mut world, &[(0, write("1")), (1, write("1"))], 1_900);
        ok(world.run_until(|world| network.proposal(world, &first).is_some(), 20_000));
        let second = network.propose(&mut world, &[(0, write("2")), (2, write("2"))], 200);
        let third = network.propose(&mut world, &[(1, write("3")), (2, write("3"))], 1_900);
        ok(world.run_until(|world| [second, third].iter().all(|id| network.proposal(world, id).is_some()), 20_000));
        assert_eq!(state(&world, &network, &second), ProposalState::Queued);
        accuse(&mut world, &network);
        assert_eq!(state(&world, &network, &second), ProposalState::Rejected);
        for process in network.subchains[1].processes.clone() {
            world.restart(process);
        }
        settle(&mut world, &network, &[first, third], WITHIN_MS);
        assert_eq!(state(&world, &network, &first), ProposalState::Aborted);
        assert_eq!(state(&world, &network, &third), ProposalState::Committed, "A6: whoever waited behind goes on");
        come_back(&mut world, &mut network);
        commits_again(&mut world, &mut network);
    }
}

/// R8: keys that were given up sign again. The chain is marked, once; it is not frozen, and its proposals go on.
#[test]
fn evidence_by_retired_keys_only_makes_suspect() {
    for seed in seeds(1) {
        let config = WorldConfig::smooth("evidence_by_retired_keys_only_makes_suspect");
        let (mut world, mut network) = network(seed, config);
        let amber = network.index(AMBER);
        let seats = network.enlist(&mut world, AMBER, "amber later", 4);
        ok(world.run_until(|world| seats.iter().all(|seat| world.height(seat.0, amber).is_some()), WITHIN_MS));
        let effective_at = world.best_height(amber).saturating_add(8);
        network.hand_over(&mut world, AMBER, &seats, effective_at);
        ok(world.run_until(
            |world| {
                let client = network.client(world, Member::Relay, AMBER).unwrap();
                client.last_handoff_height_on_source.next() == Some(effective_at)
            },
            WITHIN_MS,
        ));
        let old = network.subchains[0].keys.clone();
        for height in [Height(1), effective_at.previous().unwrap()] {
            let evidence = network.equivocation(&world, 0, height, &old).unwrap();
            network.submit_everywhere(&mut world, Member::Relay, &Input::Evidence(Box::new(evidence)));
            ok(world.run_for(3_000));
            let record = network.chain_record(&world, 0).unwrap();
            assert_eq!((record.status, record.suspect), (ChainStatus::Active, true), "at height {height}");
        }
        // Above the hand-off the old keys are nobody's.
        ok(world.run_until(|world| world.best_height(amber) >= effective_at, WITHIN_MS));
        let evidence = network.equivocation(&world, 0, effective_at, &old).unwrap();
        network.submit_everywhere(&mut world, Member::Relay, &Input::Evidence(Box::new(evidence)));
        let id = network.propose(&mut world, &transfer(1, 300), 200);
        ok(world.run_until(|world| network.is_over(world, &id), WITHIN_MS));
        settle(&mut world, &network, &[id], WITHIN_MS);
        assert_eq!(state(&world, &network, &id), ProposalState::Committed);
        let cleared = Motion::ClearSuspect(network.subchains[0].id);
        network.decide(&mut world, vec![cleared]);
        ok(world.run_until(|world| !network.chain_record(world, 0).unwrap().suspect, 20_000));
        assert_eq!(status(&world, &network, 0), ChainStatus::Active);
    }
}

/// A pause: what is PREPARING aborts, what is COMMITTING ends, what is QUEUED is rejected, nothing new is admitted;
/// it ends by itself.
#[test]
fn a_pause_takes_a_chain_out_and_ends_by_itself() {
    for seed in seeds(2) {
        let config = WorldConfig::smooth("a_pause_takes_a_chain_out_and_ends_by_itself");
        let (mut world, mut network) = network(seed, config);
        // COMMITTING: amber is cut off from its Decision.
        let committing = network.propose(&mut world, &transfer(1, 300), 200);
        ok(world.run_until(
            |world| network.proposal(world, &committing).is_some_and(|it| it.state == ProposalState::Committing),
            WITHIN_MS,
        ));
        let (cut_off, relays) = (network.subchains[0].processes.clone(), network.relay_processes.clone());
        world.partition(&cut_off, &relays);
        // PREPARING: its Prepare cannot arrive. QUEUED: behind it.
        let write = |value: &str| LegDraft { writes: vec![("ship".into(), value.into())], ..LegDraft::default() };
        let preparing = network.propose(&mut world, &[(0, write("1")), (1, write("1"))], 1_900);
        ok(world.run_until(|world| network.proposal(world, &preparing).is_some(), 20_000));
        let queued = network.propose(&mut world, &[(0, write("2")), (2, write("2"))], 200);
        ok(world.run_until(|world| network.proposal(world, &queued).is_some(), 20_000));
        let states = |world: &World| [committing, preparing, queued].map(|id| state(world, &network, &id));
        assert_eq!(states(&world), [ProposalState::Committing, ProposalState::Preparing, ProposalState::Queued]);
        let until = network.relay_height(&world).saturating_add(60);
        let pause = Motion::Pause { chain: network.subchains[0].id, until };
        network.decide(&mut world, vec![pause]);
        ok(world.run_until(|world| status(world, &network, 0) == ChainStatus::Paused { until }, 20_000));
        assert_eq!(state(&world, &network, &committing), ProposalState::Committing, "R3");
        assert_eq!(state(&world, &network, &queued), ProposalState::Rejected);
        assert_eq!(abort_code(&world, &network, &preparing), Code::CHAIN_LOST);
        let refused = network.propose(&mut world, &transfer(2, 10), 50);
        others_are_not_delayed(&mut world, &mut network);
        assert_eq!(network.proposal(&world, &refused), None);
        // A paused chain is heard (R9): it applies, and its Outcome closes the leg.
        world.heal();
        settle(&mut world, &network, &[committing, preparing], WITHIN_MS);
        assert_eq!(state(&world, &network, &committing), ProposalState::Committed);
        assert!(is_closed(&world, &network, &committing, 0) && is_closed(&world, &network, &preparing, 0));
        ok(world.run_until(|world| network.relay_height(world) > until.saturating_add(1), 600_000));
        assert_eq!(status(&world, &network, 0), ChainStatus::Active);
        let amber = network.subchains[0].id;
        let waiting = network.look(&world, Member::Relay, |state| waiting_count(state, &amber).ok());
        assert_eq!(waiting, Some(0));
        commits_again(&mut world, &mut network);
        assert_eq!(network.counter(&world, 0, "balance"), Some(690));
    }
}
