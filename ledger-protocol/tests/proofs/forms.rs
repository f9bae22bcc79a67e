//! Every proof form verifies from every kind of checkpoint, and a wrong checkpoint or chain is refused with words.

use super::samples::{SUITES, all, rich};
use super::test_chain::{TestChain, place, plain};
use super::varied::hash_lists;
use ledger_protocol::merkle::MerkleError;
use ledger_protocol::proof::state::VerifiedState;
use ledger_protocol::proof::*;
use ledger_protocol::system::accounts;
use ledger_protocol::transaction::ChangeKind;
use ledger_protocol::{Code, Hash, Height, Sequence, Suite, Version};

#[test]
fn every_form_verifies_in_both_suites_and_survives_its_file() {
    for suite in SUITES {
        for (name, checkpoint, proof) in all(&rich(suite)) {
            let direct = proof.verify(&checkpoint).unwrap_or_else(|error| panic!("{suite} {name}: {error}"));
            let file = proof.to_file();
            assert_eq!(AnyProof::from_file(&file).unwrap().to_file(), file, "{name}");
            assert_eq!(verify_file(&file, &checkpoint).unwrap(), direct, "{name}");
        }
    }
}

#[test]
fn forms_say_what_they_prove() {
    let chain = rich(Suite::Standard);
    let proofs = all(&chain);
    let get = |wanted: &str| {
        let (_, checkpoint, proof) = proofs.iter().find(|(name, ..)| *name == wanted).unwrap();
        proof.verify(checkpoint).unwrap()
    };
    let VerifiedFile::Header(header) = get("header after two hand-offs") else { panic!() };
    assert_eq!((header.header(), header.hash()), (chain.header(Height(13)), chain.header(Height(13)).hash()));
    assert_eq!(header.handoffs(), [Height(5), Height(9)]);
    let VerifiedFile::Transaction(transaction) = get("transaction shown whole") else { panic!() };
    assert_eq!((transaction.index, transaction.receipt.codes[0]), (2, Code::OK));
    let VerifiedFile::Value(value) = get("value (a)") else { panic!() };
    assert_eq!((value.from, value.through), (Height(2), Height(5)));
    assert_eq!(value.at(Height(5)), Some(&Standing::Held { version: Version(0), content: plain(b"one") }));
    assert_eq!((value.at(Height(1)), value.at(Height(6))), (None, None));
    let VerifiedFile::Value(value) = get("value (b), older change") else { panic!() };
    assert_eq!((value.from, value.through), (Height(6), Height(10)));
    assert_eq!(value.standing, Standing::Held { version: Version(1), content: plain(b"three") });
    let VerifiedFile::Value(value) = get("value (c), written later") else { panic!() };
    assert_eq!((value.standing, value.from, value.through), (Standing::NeverWritten, Height(0), Height(3)));
    let VerifiedFile::Value(value) = get("value (d) by (a)") else { panic!() };
    assert_eq!(
        (value.standing.clone(), value.from, value.through),
        (Standing::Deleted { version: Version(1) }, Height(4), Height(9))
    );
    let VerifiedFile::Value(value) = get("value (d) by (b)") else { panic!() };
    assert_eq!((value.standing, value.through), (Standing::Deleted { version: Version(1) }, Height(8)));
    let VerifiedFile::LedgerState(state) = get("state absent") else { panic!() };
    assert_eq!(state.state, VerifiedState::Absent);
    let VerifiedFile::Message(message) = get("message, historic") else { panic!() };
    assert_eq!((message.header.header().height, message.message.sequence), (Height(2), Sequence(3)));
    let VerifiedFile::Record(record) = get("record present") else { panic!() };
    assert!(matches!(record.state, RecordState::Present { version: Version(0), .. }));
    let VerifiedFile::Record(record) = get("record absent") else { panic!() };
    assert_eq!(record.state, RecordState::Absent);
    let VerifiedFile::Change(change) = get("change") else { panic!() };
    assert_eq!((change.change.version, change.change.kind), (Version(0), ChangeKind::Set));
}

#[test]
fn another_checkpoint_or_chain_is_refused() {
    for suite in SUITES {
        let chain = rich(suite);
        let foreign = TestChain::new(suite, 99).checkpoint(Height(0));
        for (name, checkpoint, proof) in all(&chain) {
            assert!(proof.verify(&foreign).is_err(), "{name}: foreign chain");
            let mut forged = vec![checkpoint; 6];
            forged[0].height = checkpoint.height.next().unwrap();
            forged[1].header_hash = Hash([1; 32]);
            forged[2].next_validators_hash = Hash([1; 32]);
            forged[3].header_hash = Hash::ZERO;
            forged[4].next_validators_hash = Hash::ZERO;
            forged[5].chain.suite = if suite == Suite::Guomi { Suite::Standard } else { Suite::Guomi };
            for (index, forged) in forged.iter().enumerate() {
                assert!(proof.verify(forged).is_err(), "{suite} {name}: forged checkpoint {index}");
            }
        }
    }
}

#[test]
fn refusals_say_what_was_expected_and_found() {
    let chain = rich(Suite::Standard);
    let at = |height| chain.checkpoint(Height(height));
    let proof = chain.header_proof(Height(6), Height(6));
    assert!(matches!(proof.verify(&at(7)), Err(ProofError::OtherHeight { .. })));
    let mut forged = at(6);
    forged.header_hash = Hash([1; 32]);
    let error = proof.verify(&forged).unwrap_err();
    let (expected, found) = (forged.header_hash, chain.header(Height(6)).hash());
    assert_eq!(error, ProofError::OtherHash { what: "the checkpoint's header", expected, found });
    assert_eq!(error.to_string(), format!("the checkpoint's header: expected {expected}, found {found}"));
    let foreign = TestChain::new(Suite::Standard, 99).checkpoint(Height(0));
    assert!(matches!(proof.verify(&foreign), Err(ProofError::OtherChain { .. })));
    let file = AnyProof::Header(Box::new(proof)).to_file();
    assert!(matches!(verify_file(&file[1..], &at(6)), Err(FileError::Proof(ProofError::Mark { .. }))));
    let surplus = verify_file(&[&file[..], &[0]].concat(), &at(6));
    assert!(matches!(surplus, Err(FileError::Proof(ProofError::Damaged { .. }))));
    // With a checksum to fit, a surplus byte is no part of the encoding either.
    let mut forged = [&file[..file.len() - CHECKSUM_BYTES], &[0]].concat();
    forged.extend(checksum(&forged));
    assert!(matches!(verify_file(&forged, &at(6)), Err(FileError::Proof(ProofError::Decode(_)))));
    let mut newer = file.clone();
    newer[8] = 2;
    let refused = verify_file(&newer, &at(6));
    assert_eq!(refused, Err(FileError::Proof(ProofError::FormatVersion { found: 2, expected: 1 })));
    for length in 0..file.len() {
        assert!(verify_file(&file[..length], &at(6)).is_err(), "{length}");
    }
}

#[test]
fn a_missing_and_a_surplus_hash_are_refused_in_every_list_of_every_form() {
    type Change = fn(&mut Vec<Hash>);
    let changes: [(&str, Change); 5] = [
        ("the first missing", |hashes| drop(hashes.drain(..hashes.len().min(1)))),
        ("the last missing", |hashes| hashes.truncate(hashes.len().saturating_sub(1))),
        ("a surplus one", |hashes| hashes.push(Hash([1; 32]))),
        ("the first twice", |hashes| hashes.insert(0, hashes.first().copied().unwrap_or(Hash::ZERO))),
        ("none at all", Vec::clear),
    ];
    for suite in SUITES {
        for (name, checkpoint, proof) in all(&rich(suite)) {
            let mut lists = 0;
            hash_lists(&mut proof.clone(), &mut |_| lists += 1);
            for (what, change) in changes {
                for changed in 0..lists {
                    let mut number = 0;
                    let mut forged = proof.clone();
                    hash_lists(&mut forged, &mut |hashes| {
                        if number == changed {
                            change(hashes);
                        }
                        number += 1;
                    });
                    if forged == proof {
                        continue; // Nothing was there to leave out.
                    }
                    let words = forged.verify(&checkpoint).map(drop).expect_err(name).to_string();
                    let says = words.contains("hashes where exactly") || words.contains("leads to root");
                    assert!(
                        says || words.contains("lowest sibling is empty") || words.contains("bits with the key"),
                        "{suite} {name}: list {changed}, {what}: {words}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_missing_and_a_surplus_hash_are_refused_by_their_number() {
    let chain = rich(Suite::Standard);
    let inclusion = chain.change_at(Height(2), 1);
    let with = |hashes: Vec<Hash>| {
        let mut inclusion = inclusion.clone();
        inclusion.path.0 = ledger_protocol::codec::Bounded::new(hashes).unwrap();
        ChangeProof { header: chain.header_proof(Height(1), Height(2)), inclusion }.verify(&chain.checkpoint(Height(1)))
    };
    let good = inclusion.path.0.clone().into_vec();
    assert!(with(good.clone()).is_ok());
    for hashes in [good[1..].to_vec(), [&good[..], &[Hash([1; 32])]].concat(), Vec::new()] {
        let got = hashes.len();
        let error = MerkleError::PathLength { got, expected: good.len() };
        assert_eq!(with(hashes), Err(ProofError::Path { what: "change in the changes", error }));
    }
}

#[test]
fn absence_in_ledger_0_proves_no_value() {
    let chain = rich(Suite::Standard);
    let place = place(0, accounts::MEMBERS, b"never");
    let state = chain.state_inclusion(Height(6), &place);
    let proof =
        ValueProof { header: chain.header_proof(Height(5), Height(6)), place, form: ValueForm::Absent { state } };
    assert!(matches!(proof.verify(&chain.checkpoint(Height(5))), Err(ProofError::Mismatch(_))));
}
