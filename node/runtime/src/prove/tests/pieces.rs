#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
//! Headers, events, changes and their absence, messages, legs' records and consistency; and what a re-anchor is made of.

use super::network::{BANK, Scene, Shown, place, set, transfer};
use crate::prove::{ProveError, Trust};
use ledger_protocol::codec::{BoundedBytes, Text};
use ledger_protocol::interchain::{Motion, Reanchor};
use ledger_protocol::merkle::verify_inclusion;
use ledger_protocol::proof::bundle::Completeness;
use ledger_protocol::proof::client::{history_leaf, verify_reanchor};
use ledger_protocol::proof::state::VerifiedState;
use ledger_protocol::proof::{AnyProof, KeyPlace, UnchangedForm, VerifiedFile, verify_file};
use ledger_protocol::system::{accounts, proposal_key};
use ledger_protocol::transaction::{
    AccountDeclaration, AccountKind, AccountMode, Choice, Operation, PublishEvent, ReadPolicy, SigningPolicy,
};
use ledger_protocol::{Height, LedgerId, ProposalId, Sequence, TransactionId, Version};
use simulator::fixture::BUSINESS_LEDGER;

fn publish(words: &str) -> Operation {
    let (account, topic) = (Text::new("news").unwrap(), Text::new("words").unwrap());
    Operation::PublishEvent(PublishEvent { account, topic, payload: BoundedBytes::new(words.as_bytes()).unwrap() })
}

/// Writes a proof to a file, reads it, and verifies it from the checkpoint it was made for.
fn verified(shown: &Shown<'_>, proof: &AnyProof, checkpoint: Height) -> VerifiedFile {
    verify_file(&proof.to_file(), &shown.checkpoint(checkpoint)).unwrap()
}

fn checkpoints(shown: &Shown<'_>) -> [Height; 3] {
    [Height(0), Height(shown.tip().0 / 2), shown.tip()]
}

#[test]
fn every_header_and_change_and_every_key_that_did_not_change() {
    let mut scene = Scene::new("every_header_and_change_and_every_key_that_did_not_change", BANK);
    scene.local(1, vec![set("b", "1"), set("d", "1"), set("b", "2")]);
    let basalt = scene.subchain(1);
    let made = basalt.prover(basalt.tip()).version_at(&place("d"), basalt.tip()).unwrap().unwrap();
    for checkpoint in checkpoints(&basalt) {
        let prover = basalt.prover(checkpoint);
        for height in (0..=basalt.tip().0).map(Height) {
            let VerifiedFile::Header(header) = verified(&basalt, &prover.proven_header(height).unwrap(), checkpoint)
            else {
                panic!("no header");
            };
            assert_eq!(header.header().height, height);
            let changed = basalt.chain().changes(height).unwrap().unwrap_or_default();
            for key in ["a", "b", "c", "d", "e"] {
                let wanted = KeyPlace { ledger: BUSINESS_LEDGER, account: place(key).account, key: place(key).key };
                let proof = prover.unchanged(&place(key), height);
                if changed.iter().any(|change| KeyPlace::of(change) == wanted) {
                    assert!(matches!(proof, Err(ProveError::NotProvable(_))), "{key} at {height}");
                    continue;
                }
                let proof = proof.unwrap();
                let VerifiedFile::Unchanged(it) = verified(&basalt, &proof, checkpoint) else { panic!("{proof:?}") };
                assert_eq!((it.header.header().height, &it.place), (height, &wanted));
                let AnyProof::Unchanged(it) = proof else { panic!("another proof") };
                match &it.form {
                    UnchangedForm::Empty => assert!(changed.is_empty()),
                    UnchangedForm::Between { .. } if height == made.height => assert_eq!(key, "c"),
                    UnchangedForm::AfterLast { .. } if height == made.height => assert_eq!(key, "e"),
                    _ => assert!(height != made.height || key == "a"),
                }
            }
        }
        for (version, key) in [(Some(Version(0)), "b"), (Some(Version(1)), "b"), (None, "b"), (None, "d")] {
            let proof = prover.change_of(&place(key), version).unwrap();
            let VerifiedFile::Change(it) = verified(&basalt, &proof, checkpoint) else { panic!("{proof:?}") };
            let expected = version.unwrap_or(Version(u64::from(key == "b")));
            assert_eq!((it.change.version, &*it.change.key), (expected, key.as_bytes()));
            assert_eq!(it.header.header().height, made.height);
        }
        assert!(matches!(prover.change_of(&place("a"), None), Err(ProveError::NotFound(_))));
        assert!(matches!(prover.change_of(&place("b"), Some(Version(2))), Err(ProveError::NotFound(_))));
    }
}

#[test]
fn every_event_of_a_transaction() {
    let mut scene = Scene::new("every_event_of_a_transaction", BANK);
    let owner = scene.network.subchains[0].clerk.address();
    let declared = AccountDeclaration {
        account: Text::new("news").unwrap(),
        kind: AccountKind::Event,
        mode: AccountMode { owner, group: Choice::None, group_write: false, others_write: false },
        policy: SigningPolicy::any(),
        read_policy: ReadPolicy::Members,
        lockable: false,
    };
    scene.local(0, vec![Operation::DeclareAccount(declared)]);
    scene.local(0, vec![publish("before")]);
    scene.local(0, vec![publish("one"), set("k", "v"), publish("two")]);
    let amber = scene.subchain(0);
    let block = (1..=amber.tip().0).rev().map(Height).find_map(|height| {
        let block = amber.chain().block(height).unwrap().unwrap();
        (amber.chain().events(height).unwrap().unwrap_or_default().len() == 2).then_some(block)
    });
    let id = TransactionId(block.unwrap().inputs[0].hash(amber.id.suite));
    for checkpoint in checkpoints(&amber) {
        let prover = amber.prover(checkpoint);
        for (number, words) in [(0, "one"), (1, "two")] {
            let proof = prover.event(id, number).unwrap();
            let VerifiedFile::Event(it) = verified(&amber, &proof, checkpoint) else { panic!("{proof:?}") };
            let sequence = Sequence(u64::from(number) + 1);
            assert_eq!((&*it.event.payload, it.event.sequence), (words.as_bytes(), sequence));
        }
        assert!(matches!(prover.event(id, 2), Err(ProveError::NotFound(_))));
    }
}

#[test]
fn every_message_and_leg_and_any_two_blocks() {
    let mut scene = Scene::new("every_message_and_leg_and_any_two_blocks", BANK);
    let ids: Vec<ProposalId> = (1..4).map(|number| scene.propose(&transfer(number, 10), 50)).collect();
    for id in &ids {
        scene.finish(*id);
    }
    let (relay, subs) = (scene.relay(), [scene.subchain(0), scene.subchain(1)]);
    for (source, destination) in [(&subs[0], &relay), (&subs[1], &relay), (&relay, &subs[0]), (&relay, &subs[1])] {
        for checkpoint in checkpoints(source) {
            let prover = source.prover(checkpoint);
            let mut sent = 0;
            while let Ok(proof) = prover.message(&destination.id, Sequence(sent)) {
                let VerifiedFile::Message(it) = verified(source, &proof, checkpoint) else { panic!("{proof:?}") };
                let message = &it.message;
                let expected = (source.id, destination.id, Sequence(sent));
                assert_eq!((message.source, message.destination, message.sequence), expected);
                sent += 1;
            }
            assert_eq!(sent, 6, "two of each proposal");
        }
    }
    let amber = &subs[0];
    let leg = |id: &ProposalId, at: Option<Height>| amber.prover(amber.tip()).leg(id, at);
    for id in &ids {
        let proof = leg(id, None).unwrap();
        let VerifiedFile::LedgerState(it) = verified(amber, &proof, amber.tip()) else { panic!("{proof:?}") };
        let key = it.place.key.last_chunk::<8>().map(|bytes| Height(u64::from_be_bytes(*bytes))).unwrap();
        assert_eq!(it.place.account.as_str(), accounts::LEGS);
        assert_eq!(it.place.key, proposal_key(id, key));
        assert!(matches!(it.state, VerifiedState::Present(_)));
        let proof = leg(id, key.next()).unwrap();
        let VerifiedFile::LedgerState(it) = verified(amber, &proof, amber.tip()) else { panic!("{proof:?}") };
        assert_eq!((it.place.ledger, it.state), (LedgerId::SYSTEM, VerifiedState::Absent));
    }
    let unknown = ProposalId(relay.id.suite.foreign(relay.checkpoint(Height(0)).header_hash));
    assert!(matches!(leg(&unknown, None), Err(ProveError::NotFound(_))));
    for newer in 1..=amber.tip().0 {
        for older in 0..newer {
            let proof = amber.prover(Height(newer)).consistency(Height(older)).unwrap();
            for trusted in [older, newer] {
                let VerifiedFile::Consistency(it) = verified(amber, &proof, Height(trusted)) else { panic!("another") };
                assert_eq!((it.older.height.0, it.newer.height.0), (older, newer));
            }
        }
    }
    assert!(matches!(amber.prover(Height(2)).consistency(Height(2)), Err(ProveError::NotProvable(_))));
}

/// Every head stands on the one before it, the last on the anchor, and all are of the chain.
fn assert_tied(trust: &Trust, chain: &Shown<'_>) {
    let suite = chain.id.suite;
    let before = trust.heads.iter().skip(1).map(|head| (head.header.height, head.header.hash())).chain([trust.anchor]);
    for (head, (height, hash)) in trust.heads.iter().zip(before) {
        let older = head.older.iter().map(|(header, path)| (header.height, header.hash(), path));
        for (height, hash, path) in [(height, hash, &head.previous_path)].into_iter().chain(older) {
            let size = head.header.height.0;
            let there = verify_inclusion(suite, history_leaf(suite, &hash), height.0, size, path).unwrap();
            assert!(there.expect_root(&head.header.history).is_ok(), "{height} in {size}");
            assert_eq!(chain.chain().header(height).unwrap().unwrap().hash(), hash);
        }
    }
}

#[test]
fn what_the_relay_was_shown_ties_every_header_to_the_trusted_one_and_makes_a_re_anchor() {
    let scenario = "what_the_relay_was_shown_ties_every_header_to_the_trusted_one_and_makes_a_re_anchor";
    let mut scene = Scene::new(scenario, BANK);
    let mut number = 0;
    let mut work = |scene: &mut Scene| {
        let ids: Vec<ProposalId> = (0..3)
            .map(|_| {
                number += 1;
                let id = scene.propose(&transfer(number, 10), 50);
                scene.finish(id);
                id
            })
            .collect();
        ids[2]
    };
    work(&mut scene);
    let (index, id, clerk) = {
        let amber = &scene.network.subchains[0];
        (amber.index, amber.id, amber.clerk.clone())
    };
    let handoff = scene.hand_off(index, id, &[&clerk]);
    work(&mut scene);
    scene.run_for(2_000);
    scene.local(0, vec![set("later", "than the relay knows")]);
    let (relay, amber) = (scene.relay(), scene.subchain(0));
    let trust = relay.prover(relay.tip()).trust(&id, None).unwrap();
    assert_eq!(trust.before, None);
    assert_eq!(trust.heads[0].header.hash(), trust.trusted.header_hash);
    assert!(trust.heads.iter().any(|head| head.header.height == handoff));
    assert!(trust.heads.len() >= 7, "{} heads", trust.heads.len());
    assert_tied(&trust, &amber);

    // Half of it again, from a number of an earlier answer.
    let half = relay.prover(relay.tip()).trust(&id, Some(Version(4))).unwrap();
    assert!(half.heads.len() < trust.heads.len());
    assert_eq!(half.heads, trust.heads[trust.heads.len() - half.heads.len()..]);
    let unknown = relay.prover(relay.tip()).trust(&relay.id, None);
    assert!(matches!(unknown, Err(ProveError::NotFound(_))));

    // A newer block of the same branch: what the relay trusts is the common header.
    let prover = amber.prover(amber.tip());
    let made = |to: Height, anchor: Height, common: Height| prover.reanchor(to, anchor, common, &relay.id);
    let motion = made(amber.tip(), trust.anchor.0, trust.trusted.height).unwrap();
    let judged = |motion: &Reanchor| {
        let (history, expected) = (trust.history, trust.next_expected);
        verify_reanchor(&trust.trusted, history, trust.anchor, expected, &relay.id, motion)
    };
    let taken = judged(&motion).unwrap();
    assert_eq!((taken.trusted.height, taken.next_expected), (amber.tip(), trust.next_expected));
    // An older common header needs its place in the trusted one.
    let previous = trust.heads[1].header.height;
    let mut older = made(amber.tip(), trust.anchor.0, previous).unwrap();
    assert!(judged(&older).is_err());
    older.common_in_trusted = trust.heads[0].previous_path.clone();
    assert!(judged(&older).is_ok());
    // From header 0, which says nothing, and to the hand-off itself.
    assert!(made(handoff, Height(0), Height(0)).is_ok());
    assert_eq!(made(handoff, Height(0), Height(0)).unwrap().leaf.leaf.count, 0);
    for (to, anchor, common) in [(0, 0, 0), (5, 5, 0), (5, 0, 5), (5, 0, 6)] {
        let refused = made(Height(to), Height(anchor), Height(common));
        assert!(matches!(refused, Err(ProveError::NotProvable(_))), "{refused:?}");
    }
    assert!(matches!(made(Height(9_999), Height(0), Height(0)), Err(ProveError::NotFound(_))));

    // Afterwards it starts anew from there.
    let anchor = (motion.header.height, motion.header.hash());
    scene.pass(vec![Motion::Freeze(id), Motion::Reanchor(Box::new(motion))]);
    scene.run_for(2_000);
    let relay = scene.relay();
    let trust = relay.prover(relay.tip()).trust(&id, None).unwrap();
    assert_eq!((trust.anchor, trust.heads.len(), trust.before), (anchor, 0, None));
    let last = work(&mut scene);
    let (relay, amber) = (scene.relay(), scene.subchain(0));
    let trust = relay.prover(relay.tip()).trust(&id, None).unwrap();
    assert_eq!((trust.anchor, trust.before), (anchor, None));
    assert!(!trust.heads.is_empty() && trust.heads.iter().all(|head| head.header.height > anchor.0));
    assert_tied(&trust, &amber);
    assert_eq!(relay.bundle(last, relay.tip()).0.completeness, Completeness::Complete);
}
