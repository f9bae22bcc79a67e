#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]
//! Bundles where something went wrong on the way, and of what lies far back, behind hand-offs of every chain.

use super::network::{BANK, Scene, ok, transfer};
use ledger_protocol::interchain::{DecisionVerdict, Motion};
use ledger_protocol::proof::bundle::{Completeness, LegEnd, Missing};
use ledger_protocol::system::{ChainStatus, ProposalState};
use ledger_protocol::{Code, Height, ProposalId};
use simulator::Tail;
use simulator::world::ProcessId;

/// Two proposals on the same keys, the first of which cannot end.
fn one_behind_another(scenario: &str, valid_for: u64) -> (Scene, Vec<ProcessId>, ProposalId, ProposalId) {
    let mut scene = Scene::new(scenario, BANK);
    let stopped = scene.network.subchains[1].processes[..2].to_vec();
    for process in &stopped {
        scene.world.crash(*process, Tail::Lost);
    }
    let first = scene.propose(&transfer(1, 100), 300);
    scene.run_for(500);
    let valid_until = scene.network.relay_height(&scene.world).saturating_add(valid_for);
    let second = scene.network.propose_until(&mut scene.world, &transfer(1, 100), 50, valid_until);
    scene.run_for(1_000);
    let state = |id| scene.network.proposal(&scene.world, &id).unwrap().state;
    assert_eq!((state(first), state(second)), (ProposalState::Preparing, ProposalState::Queued));
    (scene, stopped, first, second)
}

fn assert_rejected(scene: &Scene, id: ProposalId, wanted: Code) {
    let relay = scene.relay();
    for checkpoint in [Height(0), relay.tip().previous().unwrap(), relay.tip()] {
        let (verified, size) = relay.bundle(id, checkpoint);
        assert_eq!((verified.completeness, verified.legs.len()), (Completeness::Complete, 0));
        let decision = verified.decision.unwrap();
        assert!(matches!(decision, DecisionVerdict::Abort { code, .. } if code == wanted), "{decision:?}");
        println!("rejected: {size} bytes from checkpoint {checkpoint}");
    }
}

#[test]
fn an_expired_proposal_is_complete_though_its_record_leaves_at_once() {
    let scenario = "an_expired_proposal_is_complete_though_its_record_leaves_at_once";
    let (mut scene, _, _, expired) = one_behind_another(scenario, 15);
    assert_eq!(scene.relay().bundle(expired, Height(0)).0.record.state, ProposalState::Queued);
    let end = scene.relay().tip().saturating_add(15);
    scene.run_to_rejection(|network, world| world.best_height(network.relay) > end);
    assert_rejected(&scene, expired, Code::PROPOSAL_EXPIRED);
}

#[test]
fn a_paused_chain_rejects_what_waits() {
    let (mut scene, _, first, second) = one_behind_another("a_paused_chain_rejects_what_waits", 500);
    let (chain, until) = (scene.network.subchains[1].id, scene.relay().tip().saturating_add(20));
    scene.pass(vec![Motion::Pause { chain, until }]);
    scene.run_to_rejection(|network, world| {
        network.proposal(world, &second).is_some_and(|record| record.state == ProposalState::Rejected)
    });
    assert_rejected(&scene, second, Code::CHAIN_NOT_ACTIVE);
    let (verified, _) = scene.relay().bundle(first, Height(0));
    assert!(matches!(verified.completeness, Completeness::Partial(_)));
    assert!(matches!(verified.decision, Some(DecisionVerdict::Abort { code: Code::CHAIN_LOST, .. })));
    let standing = verified.legs.iter().find(|leg| leg.chain == chain).unwrap().chain_status;
    assert_eq!(standing, ChainStatus::Paused { until });
}

#[test]
fn timeouts_hand_offs_and_old_proposals() {
    let mut scene = Scene::new("timeouts_hand_offs_and_old_proposals", BANK);
    let old = scene.propose(&transfer(1, 300), 50);
    scene.finish(old);
    scene.run_for(1_000);
    let before = scene.relay().tip();

    // A chain that does not answer: the relay ticks on, through more states than it keeps proofs for.
    let stopped = scene.network.subchains[1].processes[..2].to_vec();
    for process in &stopped {
        scene.world.crash(*process, Tail::Lost);
    }
    let silent = scene.propose(&transfer(2, 100), 300);
    let relay_id = scene.network.relay_id;
    let members = scene.network.members.clone();
    let members: Vec<_> = members.iter().collect();
    let relay_handoff = scene.hand_off(scene.network.relay, relay_id, &members);
    let (index, id, clerk) = {
        let amber = &scene.network.subchains[0];
        (amber.index, amber.id, amber.clerk.clone())
    };
    let amber_handoff = scene.hand_off(index, id, &[&clerk]);
    let network = &scene.network;
    ok(scene.world.run_until(
        |world| network.proposal(world, &silent).is_some_and(|record| record.state == ProposalState::Aborting),
        180_000,
    ));
    let relay = scene.relay();
    assert!(relay.tip().0 > before.0 + 256, "{} blocks", relay.tip().0);
    let (verified, _) = relay.bundle(silent, relay.tip());
    let Completeness::Partial(missing) = &verified.completeness else { panic!("{verified:?}") };
    assert!(missing.contains(&Missing::End(scene.network.subchains[1].id)), "{missing:?}");
    for process in stopped {
        scene.world.restart(process);
    }
    scene.finish(silent);
    let new = scene.propose(&transfer(3, 100), 50);
    scene.finish(new);
    scene.run_for(2_000);
    let relay = scene.relay();
    for checkpoint in [Height(0), before, relay_handoff.previous().unwrap(), relay_handoff, relay.tip()] {
        let (verified, size) = relay.bundle(old, checkpoint);
        assert_eq!(verified.completeness, Completeness::Complete);
        assert!(verified.legs.iter().all(|leg| leg.end == LegEnd::Applied));
        println!("committed {} blocks ago: {size} bytes from checkpoint {checkpoint}", relay.tip().0 - before.0);
        let (verified, _) = relay.bundle(silent, checkpoint);
        assert_eq!(verified.completeness, Completeness::Complete);
        let decision = verified.decision.unwrap();
        assert!(matches!(decision, DecisionVerdict::Abort { code: Code::TIMEOUT, .. }), "{decision:?}");
        let (verified, size) = relay.bundle(new, checkpoint);
        assert_eq!(verified.completeness, Completeness::Complete);
        assert!(verified.legs.iter().all(|leg| leg.end == LegEnd::Applied));
        let trusted = if checkpoint < relay_handoff { vec![relay_handoff] } else { Vec::new() };
        assert_eq!(verified.trusted_handoffs, trusted);
        println!("committed after hand-offs: {size} bytes from checkpoint {checkpoint}");
    }
    // The hand-off of the subchain itself, as a header that ends a proof.
    let amber = scene.subchain(0);
    for target in [amber_handoff.previous().unwrap(), amber_handoff, amber_handoff.next().unwrap()] {
        for checkpoint in [0, amber_handoff.0 - 2, amber_handoff.0, amber.tip().0].map(Height) {
            let proof = amber.prover(checkpoint).header_proof(target).unwrap();
            assert_eq!(proof.verify(&amber.checkpoint(checkpoint)).unwrap().header().height, target);
        }
    }
}
