#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]
//! Bundles of proposals that end in every way, from checkpoints before, at and after them.

use super::network::{BANK, Scene, ok, transfer};
use crate::prove::ProveError;
use ledger_protocol::interchain::{DecisionVerdict, OutcomeResult, Verdict};
use ledger_protocol::proof::bundle::{Completeness, LegEnd, Missing};
use ledger_protocol::proof::{AnyProof, RecordState, VerifiedFile, verify_file};
use ledger_protocol::system::ProposalState;
use ledger_protocol::{Code, Hash, Height, ProposalId, Suite};
use std::time::Instant;

/// Checkpoints around a proposal: before, in and after everything that happened to it.
fn checkpoints(scene: &Scene, id: ProposalId) -> Vec<Height> {
    let relay = scene.relay();
    let (verified, _) = relay.bundle(id, relay.tip());
    let (submitted, decided) = (verified.submitted_at, verified.recorded_at);
    let mut heights: Vec<Height> = [0, submitted.0 - 1, submitted.0, decided.0, decided.0 + 1, relay.tip().0]
        .map(Height)
        .into_iter()
        .filter(|height| *height <= relay.tip())
        .collect();
    heights.dedup();
    heights
}

#[test]
fn a_committed_proposal_is_complete_from_every_checkpoint() {
    for suites in [[Suite::Standard; 3], BANK, [Suite::Guomi; 3]] {
        let mut scene = Scene::new("a_committed_proposal_is_complete_from_every_checkpoint", suites);
        let id = scene.propose(&transfer(1, 300), 50);
        scene.finish(id);
        scene.run_for(2_000);
        let relay = scene.relay();
        let mut sizes = Vec::new();
        for checkpoint in checkpoints(&scene, id) {
            let (verified, size) = relay.bundle(id, checkpoint);
            assert_eq!(verified.completeness, Completeness::Complete);
            assert!(matches!(verified.decision, Some(DecisionVerdict::Commit { .. })));
            for leg in &verified.legs {
                assert_eq!(leg.end, LegEnd::Applied);
                assert!(matches!(leg.vote.unwrap().content, Verdict::Yes { .. }));
                assert!(matches!(leg.outcome.unwrap().content, OutcomeResult::Applied { .. }));
            }
            assert_eq!(verified.signatures, 4);
            sizes.push(size);
        }
        let started = Instant::now();
        let prover = relay.prover(relay.tip());
        let bundle = prover.bundle(id).unwrap();
        let made = started.elapsed();
        let started = Instant::now();
        let _verified = bundle.verify(&relay.checkpoint(relay.tip())).unwrap();
        println!("{suites:?}: {sizes:?} bytes, made in {made:?}, verified in {:?}", started.elapsed());
    }
}

#[test]
fn every_flipped_bit_of_a_bundle_is_refused() {
    let mut scene = Scene::new("every_flipped_bit_of_a_bundle_is_refused", BANK);
    let id = scene.propose(&transfer(1, 300), 50);
    scene.finish(id);
    scene.run_for(2_000);
    let relay = scene.relay();
    for checkpoint in [Height(0), relay.tip()] {
        let file = relay.prover(checkpoint).bundle(id).unwrap().to_file();
        let checkpoint = relay.checkpoint(checkpoint);
        let original = verify_file(&file, &checkpoint).unwrap();
        let mut flipped = file.clone();
        let mut flips = 0;
        for bit in (0..file.len() * 8).step_by(101) {
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(verify_file(&flipped, &checkpoint).is_err(), "bit {bit} of {} bytes", file.len());
            flipped[bit / 8] ^= 1 << (bit % 8);
            flips += 1;
        }
        for length in (0..file.len()).step_by(997) {
            assert!(verify_file(&file[..length], &checkpoint).is_err(), "cut to {length} bytes");
        }
        assert_eq!(verify_file(&flipped, &checkpoint).unwrap(), original);
        println!("{flips} flips of {} bytes refused", file.len());
    }
}

#[test]
fn an_abort_by_a_no_is_complete_and_names_who_refused() {
    let mut scene = Scene::new("an_abort_by_a_no_is_complete_and_names_who_refused", BANK);
    let id = scene.propose(&transfer(1, 1_001), 50);
    scene.finish(id);
    scene.run_for(2_000);
    let (relay, refuses) = (scene.relay(), scene.network.subchains[0].id);
    for checkpoint in checkpoints(&scene, id) {
        let (verified, _) = relay.bundle(id, checkpoint);
        assert_eq!(verified.completeness, Completeness::Complete);
        assert!(
            matches!(verified.decision, Some(DecisionVerdict::Abort { culprit, .. }) if culprit == refuses),
            "{:?}",
            verified.decision
        );
        for leg in &verified.legs {
            let expected = match leg.chain == refuses {
                true => matches!(leg.end, LegEnd::RefusedByNo { .. }),
                false => matches!(leg.end, LegEnd::Released | LegEnd::Refused),
            };
            assert!(expected, "{leg:?}");
        }
    }
}

#[test]
fn a_notified_leg_is_shown_with_how_it_went() {
    let mut scene = Scene::new("a_notified_leg_is_shown_with_how_it_went", [Suite::Standard; 3]);
    let mut legs = transfer(1, 10);
    legs[1].1.notify = true;
    let id = scene.propose(&legs, 50);
    scene.finish(id);
    scene.run_for(10_000);
    let notified = scene.network.subchains[1].id;
    let (verified, _) = scene.relay().bundle(id, Height(0));
    assert_eq!(verified.completeness, Completeness::Complete);
    for leg in &verified.legs {
        let expected = if leg.chain == notified { LegEnd::Noted { code: Code::OK } } else { LegEnd::Applied };
        assert_eq!(leg.end, expected);
        assert_eq!(leg.vote.is_some(), leg.chain != notified);
    }
}

#[test]
fn an_unfinished_proposal_gives_a_partial_bundle_at_every_step() {
    let mut scene = Scene::new("an_unfinished_proposal_gives_a_partial_bundle_at_every_step", BANK);
    let id = scene.propose(&transfer(1, 300), 50);
    let mut seen = Vec::new();
    let mut last = None;
    loop {
        let network = &scene.network;
        let state = |world: &simulator::World| network.proposal(world, &id);
        ok(scene.world.run_until(|world| state(world).is_some_and(|record| Some(&record) != last.as_ref()), 60_000));
        let record = network.proposal(&scene.world, &id).unwrap();
        let over = record.state.is_terminal();
        last = Some(record.clone());
        let (verified, _) = scene.relay().bundle(id, scene.relay().tip());
        match &verified.completeness {
            Completeness::Complete => assert!(over),
            Completeness::Partial(missing) => {
                assert!(!over, "{missing:?}");
                let undecided = record.state == ProposalState::Preparing;
                assert_eq!(missing.contains(&Missing::Decision), undecided, "{missing:?}");
            }
        }
        seen.push(record.state);
        if over {
            break;
        }
    }
    assert_eq!(seen.first(), Some(&ProposalState::Preparing));
    assert_eq!(seen.last(), Some(&ProposalState::Committed));
    assert!(seen.len() >= 3, "{seen:?}");
    println!("{seen:?}");
}

#[test]
fn a_proposal_that_nobody_submitted_is_not_found() {
    let scene = Scene::new("a_proposal_that_nobody_submitted_is_not_found", [Suite::Standard; 3]);
    let id = ProposalId(Suite::Standard.foreign(Hash([7; 32])));
    let prover = scene.relay().prover(Height(0));
    assert!(matches!(prover.bundle(id), Err(ProveError::NotFound(_))));
    assert!(matches!(prover.record(id), Err(ProveError::NotFound(_))));
    let other = scene.subchain(0).checkpoint(Height(0));
    assert!(matches!(super::super::Prover::new(scene.relay().store, other), Err(ProveError::NotProvable(_))));
}

#[test]
fn a_record_is_proven_present_and_after_pruning_absent() {
    let mut scene = Scene::new("a_record_is_proven_present_and_after_pruning_absent", [Suite::Standard; 3]);
    let valid_until = scene.network.relay_height(&scene.world).saturating_add(20);
    let id = scene.network.propose_until(&mut scene.world, &transfer(1, 300), 10, valid_until);
    scene.finish(id);
    let record = |scene: &Scene, checkpoint: Height| {
        let proof = scene.relay().prover(checkpoint).record(id).unwrap();
        let file = proof.to_file();
        match verify_file(&file, &scene.relay().checkpoint(checkpoint)).unwrap() {
            VerifiedFile::Record(verified) => (*verified, file.len()),
            other => panic!("{other:?}"),
        }
    };
    let finished = scene.relay().tip();
    for checkpoint in [Height(0), finished] {
        let (verified, size) = record(&scene, checkpoint);
        let RecordState::Present { record, .. } = verified.state else { panic!("{verified:?}") };
        assert_eq!(record.state, ProposalState::Committed);
        println!("record from checkpoint {checkpoint}: {size} bytes");
    }
    let network = &scene.network;
    ok(scene.world.run_until(|world| network.proposal(world, &id).is_none(), 300_000));
    let pruned = scene.relay().tip();
    for checkpoint in [Height(0), pruned] {
        assert_eq!(record(&scene, checkpoint).0.state, RecordState::Absent);
    }
    // What was then is still provable now, and so is the whole proposal.
    assert!(matches!(record(&scene, finished).0.state, RecordState::Present { .. }));
    assert_eq!(scene.relay().bundle(id, Height(0)).0.completeness, Completeness::Complete);
    let place = scene.relay().prover(pruned).proposal_place(&id).unwrap().0;
    let gone = scene.relay().prover(pruned).value(&place, None).unwrap();
    assert!(matches!(gone, AnyProof::LedgerState(_)), "{gone:?}");
    let then = scene.relay().prover(pruned).value(&place, Some(finished)).unwrap();
    assert!(matches!(then, AnyProof::Value(_)), "{then:?}");
    let _verified = then.verify(&scene.relay().checkpoint(pruned)).unwrap();
}
