#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]
//! Values in all four forms, and transactions, from checkpoints before and after them.

use super::network::{Scene, Shown, place, set};
use crate::prove::ProveError;
use chain_engine::rows::InputPlace;
use chain_state::Place;
use ledger_protocol::codec::BoundedBytes;
use ledger_protocol::proof::{AnyProof, Standing, ValueForm, VerifiedFile, VerifiedValue, verify_file};
use ledger_protocol::transaction::{DeleteKey, Expectation, Operation, StateContent};
use ledger_protocol::{Hash, Height, LedgerId, Suite, TransactionId, Version};

fn delete(key: &str) -> Operation {
    let Place { account, key, .. } = place(key);
    Operation::DeleteKey(DeleteKey { account, key, expected: Expectation::Any })
}

fn plain(version: u64, value: &str) -> Standing {
    let content = StateContent::Plain(BoundedBytes::new(value.as_bytes()).unwrap());
    Standing::Held { version: Version(version), content }
}

/// Proves what a key held at the end of a height and checks that the proof covers that height.
fn prove(shown: &Shown<'_>, place: &Place, height: Height, checkpoint: Height) -> (ValueForm, VerifiedValue, usize) {
    let proof = shown.prover(checkpoint).value(place, Some(height)).unwrap();
    let AnyProof::Value(value) = &proof else { panic!("{proof:?}") };
    let file = proof.to_file();
    match verify_file(&file, &shown.checkpoint(checkpoint)).unwrap() {
        VerifiedFile::Value(verified) => {
            assert!(verified.at(height).is_some(), "{height} of {}..={}", verified.from, verified.through);
            (value.form.clone(), *verified, file.len())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_value_of_a_key_at_every_height_in_all_four_forms() {
    for suite in [Suite::Standard, Suite::Guomi] {
        let mut scene =
            Scene::new("the_value_of_a_key_at_every_height_in_all_four_forms", [Suite::Standard, suite, suite]);
        let mut history = vec![(Height(0), Standing::NeverWritten)];
        let steps: [(Operation, Standing); 5] = [
            (set("k", "one"), plain(0, "one")),
            (set("k", "two"), plain(1, "two")),
            (delete("k"), Standing::Deleted { version: Version(2) }),
            (set("k", "three"), plain(3, "three")),
            (delete("k"), Standing::Deleted { version: Version(4) }),
        ];
        for (operation, standing) in steps {
            scene.local(0, vec![operation, set("beside", "it")]);
            scene.run_for(500);
            let amber = scene.subchain(0);
            let made = amber.prover(amber.tip()).version_at(&place("k"), amber.tip()).unwrap().unwrap();
            history.push((made.height, standing));
        }
        // Many versions of the ledger later everything is still provable.
        let last = if suite == Suite::Standard { 270u64 } else { 9 };
        for number in 0..=last {
            scene.local(0, vec![set("other", &format!("{number}"))]);
        }
        let amber = scene.subchain(0);
        let tip = amber.tip();
        let mut sizes = Vec::new();
        for height in 0..=history.last().unwrap().0.0 + 3 {
            let height = Height(height);
            let expected = &history.iter().rev().find(|(from, _)| *from <= height).unwrap().1;
            for checkpoint in [Height(0), history[2].0, tip] {
                let (form, verified, size) = prove(&amber, &place("k"), height, checkpoint);
                assert_eq!(verified.standing, *expected, "at {height}");
                sizes.push((size, std::mem::discriminant(&form)));
                let fits = match expected {
                    Standing::NeverWritten => matches!(form, ValueForm::WrittenLater { .. }),
                    _ if height >= history.last().unwrap().0 => matches!(form, ValueForm::Current { .. }),
                    _ => matches!(form, ValueForm::Replaced { .. }),
                };
                assert!(fits, "{form:?} at {height}");
            }
        }
        for height in [Height(0), tip] {
            let (form, verified, size) = prove(&amber, &place("nothing"), height, tip);
            assert!(matches!(form, ValueForm::Absent { .. }));
            assert_eq!(verified.standing, Standing::NeverWritten);
            println!("{suite:?}: absent {size} bytes");
        }
        let (form, verified, current) = prove(&amber, &place("other"), tip, tip);
        assert!(matches!(form, ValueForm::Current { .. }));
        assert_eq!(verified.standing, plain(last, &last.to_string()));
        let sizes: Vec<usize> = sizes.into_iter().map(|(size, _)| size).collect();
        println!(
            "{suite:?}: values {} to {} bytes, current {current}",
            sizes.iter().min().unwrap(),
            sizes.iter().max().unwrap()
        );

        let prover = amber.prover(tip);
        let missing = Place { ledger: LedgerId(9), ..place("k") };
        assert!(matches!(prover.value(&missing, None), Err(ProveError::NotFound(_))));
        assert!(matches!(prover.value(&place("k"), tip.next()), Err(ProveError::NotFound(_))));
    }
}

#[test]
fn every_transaction_and_system_input_with_its_receipt() {
    let mut scene = Scene::new(
        "every_transaction_and_system_input_with_its_receipt",
        [Suite::Guomi, Suite::Standard, Suite::Guomi],
    );
    scene.local(0, vec![set("k", "one")]);
    let id = scene.propose(&super::network::transfer(1, 300), 50);
    scene.finish(id);
    for shown in [scene.relay(), scene.subchain(0), scene.subchain(1)] {
        let tip = shown.tip();
        let mut proven = 0;
        for height in (1..=tip.0).map(Height) {
            let Some(block) = shown.chain().block(height).unwrap() else { continue };
            for (index, input) in (0u32..).zip(block.inputs.iter()) {
                let hash = input.hash(shown.id.suite);
                assert_eq!(shown.chain().input_place(&hash).unwrap(), Some(InputPlace { height, index }));
                for checkpoint in [Height(0), height, tip] {
                    let file = shown.prover(checkpoint).transaction(TransactionId(hash)).unwrap().to_file();
                    match verify_file(&file, &shown.checkpoint(checkpoint)).unwrap() {
                        VerifiedFile::Transaction(verified) => {
                            assert_eq!((verified.header.header().height, verified.index), (height, index));
                            assert_eq!(verified.receipt.input, hash);
                        }
                        other => panic!("{other:?}"),
                    }
                    proven += 1;
                }
            }
        }
        println!("{} of {tip} blocks: {proven} proofs", shown.id);
        assert!(proven > 3);
    }
    let unknown = TransactionId(Hash([9; 32]));
    assert!(matches!(scene.relay().prover(Height(0)).transaction(unknown), Err(ProveError::NotFound(_))));
}
