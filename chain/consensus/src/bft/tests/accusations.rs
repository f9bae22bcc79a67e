//! Validators that contradict themselves: what is told of them, when, and of whom nothing is.

use super::super::context::Member;
use super::super::encoding::Message;
use super::bench::{Bench, H, a_hash, appended, barrier};
use super::world::chain;
use crate::port::{Effect, Event};
use arc_malachitebft_core_types::VoteType;
use ledger_protocol::chain::AccusedStep;
use ledger_protocol::{Address, Round, Suite};

/// The accusations among effects: each verifies, and none is made twice.
fn accused(bench: &Bench, effects: &[Effect]) -> Vec<(Address, Round, AccusedStep)> {
    let accused = effects.iter().filter_map(|effect| match effect {
        Effect::Equivocation(it) => {
            let verified = it.verify(&chain(Suite::Standard), &bench.set).unwrap();
            assert_eq!(verified.height, H);
            Some((verified.validator, verified.round, verified.step))
        }
        _ => None,
    });
    accused.collect()
}

/// Validator 1 prevotes twice and validator 0 proposes twice; nothing is decided yet.
fn contradictions(bench: &Bench) -> Vec<Event> {
    vec![
        bench.proposal(0, 0, a_hash(1)),
        bench.vote(1, VoteType::Prevote, H, 0, None),
        bench.vote(1, VoteType::Prevote, H, 0, Some(a_hash(1))),
        bench.vote(1, VoteType::Prevote, H, 0, Some(a_hash(3))),
        bench.proposal(0, 0, a_hash(2)),
    ]
}

fn decision(bench: &Bench) -> Vec<Event> {
    (0..3).map(|by| bench.vote(by, VoteType::Precommit, H, 0, Some(a_hash(1)))).collect()
}

fn told(bench: &mut Bench, events: fn(&Bench) -> Vec<Event>) -> Vec<Effect> {
    let events = events(bench);
    events.into_iter().flat_map(|event| bench.on_durably(event).unwrap()).collect()
}

#[test]
fn contradictions_of_others_are_reported_with_the_commit() {
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    bench.on_durably(bench.judged(0, 0, a_hash(1), true)).unwrap();
    let before = told(&mut bench, contradictions);
    assert!(accused(&bench, &before).is_empty());
    let effects = told(&mut bench, decision);
    let mut expected =
        vec![(bench.address(0), Round(0), AccusedStep::Proposal), (bench.address(1), Round(0), AccusedStep::Prevote)];
    expected.sort();
    assert_eq!(accused(&bench, &effects), expected);
    let place = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    let commit = place(|effect| matches!(effect, Effect::Commit { .. }));
    assert!(place(|effect| matches!(effect, Effect::Equivocation(_))) < commit, "what convicts is kept first");
}

#[test]
fn a_height_that_block_sync_ends_accuses_too() {
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    bench.on_durably(bench.judged(0, 0, a_hash(1), true)).unwrap();
    told(&mut bench, contradictions);
    let certificate = bench.certificate(&[0, 1, 2], H, a_hash(1));
    let effects = bench.on(Event::Synced { header_hash: a_hash(1), certificate }).unwrap();
    assert_eq!(accused(&bench, &effects).len(), 2);
    assert!(matches!(effects.last(), Some(Effect::Commit { .. })));
}

#[test]
fn a_certificate_convicts_whoever_told_us_otherwise() {
    // Validator 1 precommits nil to us, and the block to those who made the certificate.
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    let told = [
        bench.vote(0, VoteType::Precommit, H, 0, Some(a_hash(1))),
        bench.vote(1, VoteType::Precommit, H, 0, None),
        // In another round it may well vote otherwise.
        bench.vote(2, VoteType::Precommit, H, 1, None),
    ];
    for event in told {
        let effects = bench.on_durably(event).unwrap();
        assert!(accused(&bench, &effects).is_empty());
    }
    let certificate = bench.certificate(&[0, 1, 2], H, a_hash(1));
    let effects = bench.on(Event::Synced { header_hash: a_hash(1), certificate }).unwrap();
    assert_eq!(accused(&bench, &effects), [(bench.address(1), Round(0), AccusedStep::Precommit)]);
    assert!(matches!(effects.last(), Some(Effect::Commit { .. })));
}

#[test]
fn what_the_log_holds_accuses_after_a_restart() {
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    let mut effects = bench.on_durably(bench.judged(0, 0, a_hash(1), true)).unwrap();
    effects.extend(told(&mut bench, contradictions));
    let log = appended(&effects);
    let mut bench = Bench::new(4);
    let mut effects = bench.start(H, &[0, 1, 2, 3], log.clone()).unwrap();
    while let Some(id) = barrier(&effects) {
        effects = bench.on(Event::Persisted(id)).unwrap();
    }
    let effects = told(&mut bench, decision);
    assert_eq!(accused(&bench, &effects).len(), 2);
    // A crash after the decision, before its commit was durable: the replay itself ends the height.
    let log = log.into_iter().chain(appended(&effects)).collect();
    let mut bench = Bench::new(4);
    let mut effects = bench.start(H, &[0, 1, 2, 3], log).unwrap();
    while let Some(id) = barrier(&effects) {
        assert!(accused(&bench, &effects).is_empty(), "nothing leaves before the replay is durable");
        effects = bench.on(Event::Persisted(id)).unwrap();
    }
    assert_eq!(accused(&bench, &effects).len(), 2);
}

#[test]
fn nobody_is_accused_by_what_it_did_not_sign() {
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    bench.on_durably(bench.judged(0, 0, a_hash(1), true)).unwrap();
    // Another validator's signature under this one's name, and the same vote twice.
    let Event::Message { bytes } = bench.vote(2, VoteType::Prevote, H, 0, None) else { unreachable!() };
    let Some(Message::Vote(mut forged)) = Message::decode(&bytes) else { unreachable!() };
    forged.message.validator = Member(bench.address(1));
    let forged = Event::Message { bytes: Message::Vote(forged).encode().unwrap() };
    let mut effects = Vec::new();
    for event in [
        bench.proposal(0, 0, a_hash(1)),
        bench.proposal(0, 0, a_hash(1)),
        bench.vote(1, VoteType::Prevote, H, 0, Some(a_hash(1))),
        forged,
        bench.vote(1, VoteType::Prevote, H, 0, Some(a_hash(1))),
        bench.vote(1, VoteType::Prevote, H, 1, None),
    ] {
        effects.extend(bench.on_durably(event).unwrap());
    }
    effects.extend(told(&mut bench, decision));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Commit { .. })));
    assert!(accused(&bench, &effects).is_empty());
}
