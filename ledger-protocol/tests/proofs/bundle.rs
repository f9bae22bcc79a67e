//! Bundles: every story verifies from any checkpoint, what is missing is named, and what contradicts is refused.

use super::scenario::{Network, Story};
use ledger_protocol::chain::ControlledBy;
use ledger_protocol::codec::{Bounded, SortedVec, encode};
use ledger_protocol::interchain::{DecisionVerdict, OutcomeResult, Verdict};
use ledger_protocol::proof::bundle::{
    Bundle, BundleError, Completeness, Course, LegEnd, LegMessages, MAX_BUNDLE_BYTES, Missing, Part,
};
use ledger_protocol::proof::{ClientStanding, ProofError, VerifiedBundle};
use ledger_protocol::system::ProposalState;
use ledger_protocol::transaction::Value;
use ledger_protocol::{Code, Hash, Height, Suite};

const MIXED: [Suite; 4] = [Suite::Standard, Suite::Guomi, Suite::Standard, Suite::Guomi];

fn verify(network: &Network, checkpoint: u64) -> VerifiedBundle {
    let checkpoint = Height(checkpoint);
    let bundle = network.bundle(checkpoint);
    let file = bundle.to_file();
    assert_eq!(Bundle::from_file(&file).unwrap(), bundle);
    bundle.verify(&network.relay.checkpoint(checkpoint)).unwrap()
}

fn legs(bundle: &mut Bundle) -> Vec<ledger_protocol::proof::bundle::LegEvidence> {
    let Course::Legs(legs) = &bundle.course else { panic!() };
    legs.clone().into_vec()
}

fn with_legs(mut bundle: Bundle, change: impl FnOnce(&mut Vec<ledger_protocol::proof::bundle::LegEvidence>)) -> Bundle {
    let mut legs = legs(&mut bundle);
    change(&mut legs);
    bundle.course = Course::Legs(Bounded::new(legs).unwrap());
    bundle
}

#[test]
fn a_committed_proposal_over_both_suites_is_complete_from_every_checkpoint() {
    for relay in [Suite::Standard, Suite::Guomi] {
        let network = Network::new(relay, &MIXED, false, Story::Committed);
        for checkpoint in 0..=network.relay.tip().0 {
            let verified = verify(&network, checkpoint);
            assert_eq!(verified.completeness, Completeness::Complete);
            assert_eq!((verified.id, verified.submitted_at), (network.id, network.submitted));
            assert!(matches!(verified.decision, Some(DecisionVerdict::Commit { .. })));
            assert!(verified.legs.iter().all(|leg| leg.end == LegEnd::Applied));
            assert!(verified.legs.iter().all(|leg| matches!(leg.vote.unwrap().content, Verdict::Yes { .. })));
            // The relay handed off after the decision: an older checkpoint has to trust it, a newer one need not.
            let handoff = verified.record.decided_at.next().unwrap();
            let trusted = if checkpoint < handoff.0 { vec![handoff] } else { Vec::new() };
            assert_eq!(verified.trusted_handoffs, trusted);
            assert_eq!(verified.signatures, 2 + MIXED.len());
        }
    }
}

#[test]
fn it_says_who_did_what_when_and_who_controls_each_chain() {
    let network = Network::new(Suite::Standard, &MIXED, false, Story::Committed);
    let verified = verify(&network, 0);
    for (index, leg) in verified.legs.iter().enumerate() {
        let (vote, outcome) = (network.votes[index].unwrap(), network.outcomes[index].unwrap());
        let shown = leg.vote.unwrap();
        assert_eq!((shown.height_on_source, shown.trusted_at), (vote.sent, vote.on_relay));
        assert_eq!(shown.timestamp_ms_on_source, network.subs[index].header(vote.sent).timestamp_ms);
        assert_eq!(shown.trusted_at_ms, network.relay.header(vote.on_relay).timestamp_ms);
        assert_eq!(leg.outcome.unwrap().height_on_source, outcome.sent);
        let shared = ControlledBy::Shared { max_share_per_mille: 250 };
        let expected = if index % 2 == 0 { shared } else { ControlledBy::SingleOrganisation };
        assert_eq!(leg.controlled_by, expected);
    }
    assert_eq!(verified.recorded_at, network.decided);
    assert_eq!(verified.recorded_at_ms, network.relay.header(network.decided).timestamp_ms);
}

#[test]
fn aborted_rejected_and_notified_proposals_are_complete() {
    let by_no = verify(&Network::new(Suite::Standard, &MIXED[..3], false, Story::AbortedByNo), 1);
    assert_eq!(by_no.completeness, Completeness::Complete);
    let ends: Vec<_> = by_no.legs.iter().map(|leg| leg.end).collect();
    assert_eq!(ends, [LegEnd::Released, LegEnd::Released, LegEnd::RefusedByNo { code: Code::CONFLICT }]);
    let timed_out = verify(&Network::new(Suite::Guomi, &MIXED[..2], false, Story::TimedOut), 30);
    assert_eq!(timed_out.completeness, Completeness::Complete);
    assert_eq!((timed_out.legs[0].end, timed_out.legs[1].end), (LegEnd::Released, LegEnd::Refused));
    let rejected = verify(&Network::new(Suite::Standard, &MIXED[..2], false, Story::Rejected), 0);
    assert_eq!((rejected.completeness, rejected.legs.len()), (Completeness::Complete, 0));
    assert_eq!(rejected.record.state, ProposalState::Rejected);
    let notified = verify(&Network::new(Suite::Standard, &MIXED[..2], true, Story::Committed), 0);
    assert_eq!(notified.completeness, Completeness::Complete);
    assert_eq!(notified.legs[1].end, LegEnd::Noted { code: Code::OK });
}

#[test]
fn what_is_missing_is_named() {
    let network = Network::new(Suite::Standard, &MIXED[..2], false, Story::Decided);
    let ids: Vec<_> = network.subs.iter().map(|sub| sub.id).collect();
    let missing = vec![Missing::End(ids[0]), Missing::End(ids[1])];
    assert_eq!(verify(&network, 0).completeness, Completeness::Partial(missing));
    let network = Network::new(Suite::Standard, &MIXED[..2], false, Story::Started);
    let ids: Vec<_> = network.subs.iter().map(|sub| sub.id).collect();
    let missing = vec![Missing::Decision, Missing::End(ids[0]), Missing::End(ids[1])];
    assert_eq!(verify(&network, 0).completeness, Completeness::Partial(missing));
    // A COMMIT without one leg's YES.
    let mut network = Network::new(Suite::Standard, &MIXED[..2], false, Story::Committed);
    let last = network.relay.tip();
    network.votes[1] = None;
    let missing = vec![Missing::Vote(network.subs[1].id)];
    assert_eq!(verify(&network, last.0).completeness, Completeness::Partial(missing));
}

#[test]
fn an_outcome_against_the_decision_is_shown_as_broken() {
    for result in [
        OutcomeResult::Released,
        OutcomeResult::Refused,
        OutcomeResult::Noted { code: Code::OK },
        OutcomeResult::Applied { write_set_root: Suite::Standard.foreign(Hash([77; 32])) },
    ] {
        let mut network = Network::new(Suite::Standard, &[Suite::Standard; 2], false, Story::Decided);
        network.answer(0, result);
        network.answer(1, OutcomeResult::Disputed);
        let verified = verify(&network, 0);
        assert_eq!((verified.legs[0].end, verified.legs[1].end), (LegEnd::Broken, LegEnd::Disputed), "{result:?}");
    }
}

#[test]
fn a_bundle_of_another_relay_or_a_wrong_checkpoint_is_refused() {
    let network = Network::new(Suite::Standard, &MIXED[..2], false, Story::Committed);
    let bundle = network.bundle(Height(0));
    assert!(bundle.verify(&network.relay.checkpoint(Height(1))).is_err());
    assert!(bundle.verify(&network.subs[0].checkpoint(Height(0))).is_err());
    let mut forged = network.relay.checkpoint(Height(0));
    forged.next_validators_hash = Hash([1; 32]);
    assert!(matches!(bundle.verify(&forged), Err(BundleError::Part { part: Part::Head, .. })));
}

#[test]
fn parts_of_other_legs_chains_and_blocks_are_refused() {
    let network = Network::new(Suite::Standard, &[Suite::Standard; 3], false, Story::Committed);
    let checkpoint = network.relay.checkpoint(Height(0));
    let good = network.bundle(Height(0));
    let other = Network::new(Suite::Standard, &[Suite::Standard; 3], false, Story::AbortedByNo);
    let refused = |what: &str, bundle: Bundle| {
        let error = bundle.verify(&checkpoint).expect_err(what);
        assert!(!error.to_string().is_empty());
        error
    };
    refused("legs swapped", with_legs(good.clone(), |legs| legs.swap(0, 1)));
    let error = refused("a leg left out", with_legs(good.clone(), |legs| legs.truncate(2)));
    assert!(matches!(error, BundleError::Contradiction { .. }));
    refused(
        "vote as outcome",
        with_legs(good.clone(), |legs| {
            let LegMessages::VotedAndEnded { vote, .. } = legs[0].messages.clone() else { panic!() };
            legs[0].messages = LegMessages::VotedAndEnded { vote: vote.clone(), outcome: vote };
        }),
    );
    refused(
        "another leg's vote",
        with_legs(good.clone(), |legs| {
            let LegMessages::VotedAndEnded { vote, .. } = legs[1].messages.clone() else { panic!() };
            let LegMessages::VotedAndEnded { outcome, .. } = legs[0].messages.clone() else { panic!() };
            legs[0].messages = LegMessages::VotedAndEnded { vote, outcome };
        }),
    );
    refused(
        "another set",
        with_legs(good.clone(), |legs| {
            let LegMessages::VotedAndEnded { outcome, .. } = legs[1].messages.clone() else { panic!() };
            let LegMessages::VotedAndEnded { vote, .. } = &mut legs[0].messages else { panic!() };
            vote.validators = outcome.validators.clone();
        }),
    );
    refused(
        "a certificate below the quorum",
        with_legs(good.clone(), |legs| {
            let LegMessages::VotedAndEnded { vote, .. } = &mut legs[2].messages else { panic!() };
            let noted = network.votes[2].unwrap();
            let header = network.subs[2].header(noted.certified);
            let weak = network.subs[2].current.certify_by(header, network.subs[2].kind, 2);
            match &mut vote.proof {
                ledger_protocol::proof::MessageProof::Direct { certificate, .. }
                | ledger_protocol::proof::MessageProof::Historic { certificate, .. } => *certificate = weak,
            }
        }),
    );
    let error = refused(
        "standing that skips the history",
        with_legs(good.clone(), |legs| {
            let LegMessages::VotedAndEnded { vote, .. } = &mut legs[2].messages else { panic!() };
            vote.standing = ClientStanding::Trusted;
        }),
    );
    assert!(matches!(error, BundleError::Part { error, .. } if matches!(*error, ProofError::OtherHash { .. })));
    let mut surplus = good.clone();
    let mut blocks = surplus.blocks.into_vec();
    let head = blocks.len();
    let spare = network.relay.older(Height(2), network.outcomes[2].unwrap().on_relay);
    blocks.insert(1, spare);
    surplus.blocks = SortedVec::new(blocks.clone()).unwrap();
    assert_eq!(refused("a surplus block", surplus), BundleError::SurplusBlock(Height(2)));
    for index in 0..head {
        let mut missing = good.clone();
        let mut blocks = missing.blocks.into_vec();
        blocks.remove(index);
        missing.blocks = SortedVec::new(blocks).unwrap();
        assert!(matches!(refused("a missing block", missing), BundleError::NoBlock { .. }));
    }
    let mut foreign = good.clone();
    foreign.record = other.bundle(Height(0)).record;
    refused("another story's record", foreign);
    let mut forged = good.clone();
    let record = ledger_protocol::system::ProposalRecord { decided_at: Height(1), ..network.record.clone() };
    forged.record.record.value = Value::new(encode(&record)).unwrap();
    refused("a forged record", forged);
    let mut rejected = good.clone();
    rejected.course = Course::Rejected;
    refused("a started proposal as rejected", rejected);
    let mut operation = good;
    operation.submission.operation = 0;
    refused("another operation", operation);
}

#[test]
fn a_bundle_file_above_its_limit_is_not_even_decoded() {
    let bytes = [b"CTBUNDLE".to_vec(), vec![0; MAX_BUNDLE_BYTES]].concat();
    let error = Bundle::from_file(&bytes).unwrap_err();
    assert!(matches!(error, BundleError::Part { part: Part::File, error } if matches!(*error, ProofError::Decode(_))));
}

#[test]
fn sixteen_legs_fit() {
    let network = Network::new(Suite::Standard, &[Suite::Standard; 16], false, Story::Committed);
    assert_eq!(verify(&network, 0).completeness, Completeness::Complete);
}
