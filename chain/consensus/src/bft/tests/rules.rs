//! Single rules of one instance among four validators whose other three keys the test holds.

use super::super::context::{Member, SignedVote, Vote, core_round};
use super::super::encoding::{Message, decode_entry};
use super::super::{BftConfig, BftConfigError, BftConsensus, CoreInput, WAITING_MESSAGES};
use super::bench::{Bench, H, a_hash, appended, barrier, sent, sent_votes};
use super::world::{Key, chain, config};
use crate::port::{BarrierId, Effect, Event, Halt, TimerId, VoteSigner};
use arc_malachitebft_core_types::{NilOrVal, ThresholdParams, VoteType};
use ledger_protocol::chain::{CertificateKind, FinalityCertificate, quorum};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{Hash, Height, PublicKey, Round, Signature, Suite};
use proptest::prelude::*;

#[test]
fn an_instance_that_may_not_sign_follows_in_silence_and_signs_at_the_next_height() {
    let mut bench = Bench::new(4);
    // Its turn to propose, a proposal it would vote for, and a quorum of prevotes: nothing leaves it.
    let mut effects = bench.start_as(H, &[3, 0, 1, 2], Vec::new(), false).unwrap();
    let hash = Hash([7; 32]);
    effects.extend(bench.on_durably(bench.judged(0, 1, hash, true)).unwrap());
    effects.extend(bench.on_durably(bench.proposal(0, 1, hash)).unwrap());
    for step in [VoteType::Prevote, VoteType::Precommit] {
        for by in 0..3 {
            effects.extend(bench.on_durably(bench.vote(by, step, H, 1, Some(hash))).unwrap());
        }
    }
    assert!(sent(&effects).is_empty(), "{:?}", sent(&effects));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Build { .. })));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Commit { header_hash, .. } if *header_hash == hash)));
    // The next height it signs.
    let effects = bench.start_as(Height(2), &[3, 0, 1, 2], Vec::new(), true).unwrap();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Build { .. })));
}

#[test]
fn the_quorum_for_every_number_of_validators_from_1_to_200() {
    for total in 1..=200u64 {
        let bft = quorum(CertificateKind::Bft, total);
        let faulty = (total - 1) / 3;
        assert!(bft <= total && 3 * bft > 2 * total && 3 * (bft - 1) <= 2 * total, "{total}: {bft}");
        assert!(2 * bft - total > faulty, "two quorums of {total} share an honest validator");
        assert!(total - faulty >= bft, "the honest ones of {total} are a quorum");
        assert_eq!(quorum(CertificateKind::Dev, total), bft);
        assert_eq!(ThresholdParams::default().quorum.min_expected(total), bft, "the core counts the same");
        for power in 0..=total {
            assert_eq!(ThresholdParams::default().quorum.is_met(power, total), power >= bft);
        }
        let cft = quorum(CertificateKind::Cft, total);
        assert!(2 * cft > total && 2 * (cft - 1) <= total);
    }
    assert_eq!([1, 2, 3, 4, 5, 6, 7, 10, 100].map(|n| quorum(CertificateKind::Bft, n)), [1, 2, 3, 3, 4, 5, 5, 7, 67]);
}

proptest! {
    #[test]
    fn the_quorum_is_exact_for_all_powers(total in 1u64..=1 << 31) {
        let bft = quorum(CertificateKind::Bft, total);
        prop_assert!(3 * bft > 2 * total && 3 * (bft - 1) <= 2 * total);
        prop_assert_eq!(ThresholdParams::default().quorum.min_expected(total), bft);
    }

    #[test]
    fn garbage_is_counted_and_changes_nothing(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bench = Bench::started(4, &[0, 1, 2, 3]);
        prop_assert_eq!(bench.on(Event::Message { bytes }).unwrap(), []);
        prop_assert_eq!(bench.instance.dropped(), 1);
    }
}

#[test]
fn a_damaged_message_never_reaches_the_log() {
    let bench = Bench::started(4, &[0, 1, 2, 3]);
    let Event::Message { bytes } = bench.vote(0, VoteType::Prevote, H, 0, Some(a_hash(1))) else { unreachable!() };
    for at in 0..bytes.len() {
        let mut bench = Bench::started(4, &[0, 1, 2, 3]);
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        let effects = bench.on(Event::Message { bytes }).unwrap();
        assert_eq!(effects, [], "byte {at}");
    }
}

#[test]
fn nothing_leaves_between_a_signature_and_its_barrier() {
    let mut bench = Bench::started(4, &[3, 0, 1, 2]);
    let built = bench.on(Event::Built { height: H, round: Round(0), header_hash: a_hash(1) }).unwrap();
    // The verdict, the body, the signed proposal, the barrier, and no message.
    assert_eq!(appended(&built).len(), 2);
    assert_eq!(sent(&built), []);
    assert!(
        built.iter().any(|effect| matches!(effect, Effect::SendBlock { header_hash, .. } if *header_hash == a_hash(1)))
    );
    let first = barrier(&built).unwrap();
    assert_eq!(built.last(), Some(&Effect::Barrier(first)));
    // What comes meanwhile waits; an answer to another barrier is none.
    for by in 0..3 {
        let vote = bench.vote(by, VoteType::Prevote, H, 0, Some(a_hash(1)));
        assert_eq!(bench.on(vote).unwrap(), []);
    }
    assert_eq!(bench.on(Event::Timer(TimerId(0))).unwrap(), []);
    assert_eq!(bench.on(Event::Persisted(BarrierId(99))).unwrap(), []);
    // The proposal is durable: the prevote is signed next, and still nothing leaves.
    let prevote = bench.on(Event::Persisted(first)).unwrap();
    assert_eq!(sent(&prevote), []);
    let second = barrier(&prevote).unwrap();
    assert!(second > first);
    assert_eq!(bench.on(Event::Persisted(first)).unwrap(), [], "a barrier is answered once");
    // Prevote and proposal leave; the votes that waited make a polka, and the precommit is signed.
    let precommit = bench.on(Event::Persisted(second)).unwrap();
    assert_eq!(sent_votes(&precommit), [(VoteType::Prevote, Some(a_hash(1)))]);
    assert_eq!(sent(&precommit).len(), 2);
    let third = barrier(&precommit).unwrap();
    let done = bench.on(Event::Persisted(third)).unwrap();
    assert_eq!(sent_votes(&done), [(VoteType::Precommit, Some(a_hash(1)))]);
}

#[test]
fn one_validator_goes_from_block_to_certificate() {
    let mut bench = Bench::new(1);
    let effects = bench.start(H, &[0], Vec::new()).unwrap();
    assert!(effects.contains(&Effect::Build { height: H, round: Round(0) }));
    let effects = bench.on_durably(Event::Built { height: H, round: Round(0), header_hash: a_hash(1) }).unwrap();
    let commits: Vec<&FinalityCertificate> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Commit { certificate, .. } => Some(certificate),
            _ => None,
        })
        .collect();
    assert_eq!(commits.len(), 1);
    let chain = chain(Suite::Standard);
    let verified = commits[0].verify_hash(&chain, H, &a_hash(1), &bench.set, CertificateKind::Bft).unwrap();
    assert_eq!((verified.signed_power(), verified.total_power()), (1, 1));
}

#[test]
fn a_second_process_with_our_key_stops_us() {
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    // Somebody signed a nil prevote with our key: it goes into the log.
    let stray = bench.vote(3, VoteType::Prevote, H, 0, None);
    assert_eq!(appended(&bench.on(stray).unwrap()).len(), 1);
    bench.on(bench.judged(0, 0, a_hash(1), true)).unwrap();
    let halt = bench.on(bench.proposal(0, 0, a_hash(1))).unwrap_err();
    assert_eq!(halt, Halt::DoubleSign { what: "prevote", height: H, round: Round(0) });
    assert_eq!(bench.on(Event::Timer(TimerId(0))).unwrap_err(), halt, "a halt stays");
}

/// Goes on from its log after a crash; what it says until everything is durable.
fn crashed(log: Vec<Vec<u8>>) -> (Bench, Vec<(VoteType, Option<Hash>)>) {
    let mut again = Bench::new(4);
    let mut effects = again.start(H, &[0, 1, 2, 3], log).unwrap();
    let mut said = sent_votes(&effects);
    while let Some(id) = barrier(&effects) {
        effects = again.on(Event::Persisted(id)).unwrap();
        said.extend(sent_votes(&effects));
    }
    (again, said)
}

/// Seeds 16656 and 15856 of the chaos mix: a validator that halted at its next vote could never have started again, and
/// two that kept silent for the rest of the height held their chain for ever.
#[test]
fn a_validator_that_lost_its_disk_says_again_what_it_is_shown_and_votes_where_it_is_shown_nothing() {
    // Its own nil prevote comes back by itself, or in what shows that others went on to this round.
    for (round, shown) in [
        (0, (|bench: &Bench| bench.vote(3, VoteType::Prevote, H, 0, None)) as fn(&Bench) -> Event),
        (1, |bench: &Bench| bench.left_round(1, &[2, 3])),
    ] {
        let mut bench = Bench::new(4);
        let mut log = appended(&bench.start_after_loss(H, &[0, 1, 2, 3]));
        let proposer = usize::try_from(round).unwrap();
        let told = [
            shown(&bench),
            bench.judged(proposer, round, a_hash(1), true),
            bench.proposal(proposer, round, a_hash(1)),
            bench.vote(0, VoteType::Prevote, H, round, Some(a_hash(1))),
            bench.vote(1, VoteType::Prevote, H, round, Some(a_hash(1))),
            bench.vote(2, VoteType::Prevote, H, round, Some(a_hash(1))),
        ];
        let mut said = Vec::new();
        for event in told {
            let effects = bench.on_durably(event).unwrap();
            said.extend(sent_votes(&effects));
            log.extend(appended(&effects));
        }
        let nil_and_then_the_block = [(VoteType::Prevote, None), (VoteType::Precommit, Some(a_hash(1)))];
        // In the other round validator 2 prevoted nil, too: there is no quorum for the block.
        let expected = if round == 0 { &nil_and_then_the_block[..] } else { &nil_and_then_the_block[..1] };
        assert_eq!(said, expected, "round {round}");
        // After a crash it says the same, though nothing else tells it that its disk was lost.
        let (mut again, said) = crashed(log);
        assert!(said.iter().all(|vote| expected.contains(vote)), "round {round}: {said:?}");
        let commits = [0, 1, 2].map(|by| {
            let precommit = again.vote(by, VoteType::Precommit, H, round, Some(a_hash(1)));
            let effects = again.on_durably(precommit).unwrap();
            effects.iter().any(|effect| matches!(effect, Effect::Commit { .. }))
        });
        assert_eq!(commits, if round == 0 { [false, true, false] } else { [false, false, true] }, "its own counts");
    }
}

#[test]
fn a_forgotten_prevote_in_a_certificate_is_said_again() {
    let mut bench = Bench::new(4);
    let start = bench.start_after_loss(H, &[0, 1, 2, 3]);
    let mut log = appended(&start);
    let mut timers = timers(&start);
    let effects = bench.on_durably(bench.polka(0, a_hash(1), &[0, 2, 3])).unwrap();
    log.extend(appended(&effects));
    timers.extend(self::timers(&effects));
    let mut said = sent_votes(&effects);
    // No proposal comes, and it would vote nil.
    for timer in timers {
        let effects = bench.on_durably(Event::Timer(timer)).unwrap();
        said.extend(sent_votes(&effects));
        log.extend(appended(&effects));
    }
    assert_eq!(said, [(VoteType::Prevote, Some(a_hash(1)))]);
    let (_, said) = crashed(log);
    assert!(!said.contains(&(VoteType::Prevote, None)), "{said:?}");
}

fn timers(effects: &[Effect]) -> Vec<TimerId> {
    let timers = effects.iter().filter_map(|effect| match effect {
        Effect::SetTimer { id, .. } => Some(*id),
        _ => None,
    });
    timers.collect()
}

#[test]
fn a_forgotten_vote_beside_another_one_signed_since_is_not_taken_in() {
    let mut bench = Bench::new(4);
    bench.start_after_loss(H, &[0, 1, 2, 3]);
    let mut said = Vec::new();
    for event in [bench.judged(0, 0, a_hash(1), true), bench.proposal(0, 0, a_hash(1))] {
        said.extend(sent_votes(&bench.on_durably(event).unwrap()));
    }
    assert_eq!(said, [(VoteType::Prevote, Some(a_hash(1)))]);
    let before = bench.instance.dropped();
    bench.on(bench.vote(3, VoteType::Prevote, H, 0, None)).unwrap();
    assert_eq!(bench.instance.dropped(), before + 1);
}

#[test]
fn a_validator_that_lost_its_disk_and_is_shown_its_proposal_says_nothing_more_at_that_height() {
    let order = [3, 0, 1, 2];
    let mut bench = Bench::new(4);
    let mut log = appended(&bench.start_after_loss(H, &order));
    let built = || Event::Built { height: H, round: Round(0), header_hash: a_hash(2) };
    let told = [bench.proposal(3, 0, a_hash(1)), built(), bench.judged(3, 0, a_hash(1), true)];
    for event in told {
        let effects = bench.on_durably(event).unwrap();
        assert_eq!(sent(&effects), []);
        log.extend(appended(&effects));
    }
    let mut again = Bench::new(4);
    let mut effects = again.start(H, &order, log).unwrap();
    while let Some(id) = barrier(&effects) {
        assert_eq!(sent(&effects), []);
        effects = again.on(Event::Persisted(id)).unwrap();
    }
    assert_eq!(sent(&effects), []);
    assert_eq!(sent(&again.on_durably(built()).unwrap()), []);
    // At the next height it votes.
    again.start(Height(2), &order, Vec::new()).unwrap();
    let built = Event::Built { height: Height(2), round: Round(0), header_hash: a_hash(2) };
    assert_ne!(sent(&again.on_durably(built).unwrap()), []);
}

#[test]
fn what_a_lost_disk_held_of_a_later_height_is_not_taken_in_early() {
    let mut bench = Bench::new(4);
    bench.start_after_loss(H, &[0, 1, 2, 3]);
    let before = bench.instance.dropped();
    bench.on(bench.vote(3, VoteType::Prevote, Height(2), 0, None)).unwrap();
    assert_eq!(bench.instance.dropped(), before + 1);
    bench.on(bench.vote(2, VoteType::Prevote, Height(2), 0, None)).unwrap();
    assert_eq!(bench.instance.dropped(), before + 1);
}

#[test]
fn a_log_with_two_of_our_votes_for_one_place_is_refused() {
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    let first = appended(&bench.on(bench.vote(3, VoteType::Prevote, H, 0, None)).unwrap());
    let mut other = Bench::started(4, &[0, 1, 2, 3]);
    let second = appended(&other.on(other.vote(3, VoteType::Prevote, H, 0, Some(a_hash(1)))).unwrap());
    let mut fresh = Bench::new(4);
    let halt = fresh.start(H, &[0, 1, 2, 3], [first, second].concat()).unwrap_err();
    assert_eq!(halt, Halt::DoubleSign { what: "prevote", height: H, round: Round(0) });
}

#[test]
fn a_log_that_does_not_decode_is_refused() {
    for entry in [vec![], vec![9, 9], vec![1; 40]] {
        let mut bench = Bench::new(4);
        assert!(matches!(bench.start(H, &[0, 1, 2, 3], vec![entry]), Err(Halt::Replay { .. })));
    }
}

#[test]
fn a_log_that_derives_another_vote_than_it_holds_is_refused() {
    // Our nil prevote stands in the log, but the timeout it came from does not, and a good proposal does.
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    let mut log = appended(&bench.on(bench.judged(0, 0, a_hash(1), true)).unwrap());
    log.extend(appended(&bench.on(bench.proposal(0, 0, a_hash(1))).unwrap()).into_iter().take(1));
    let mut other = Bench::started(4, &[0, 1, 2, 3]);
    log.extend(appended(&other.on(other.vote(3, VoteType::Prevote, H, 0, None)).unwrap()));
    let mut fresh = Bench::new(4);
    assert!(matches!(fresh.start(H, &[0, 1, 2, 3], log), Err(Halt::Replay { .. })));
}

#[test]
fn replay_sends_only_after_a_last_barrier_and_signs_nothing_again() {
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    let mut log = Vec::new();
    for event in [bench.judged(0, 0, a_hash(1), true), bench.proposal(0, 0, a_hash(1))] {
        log.extend(appended(&bench.on_durably(event).unwrap()));
    }
    for by in 0..2 {
        log.extend(appended(&bench.on_durably(bench.vote(by, VoteType::Prevote, H, 0, Some(a_hash(1)))).unwrap()));
    }
    assert_eq!(log.len(), 6, "verdict, proposal, own prevote, two prevotes, own precommit");

    let mut again = Bench::new(4);
    let replayed = again.start(H, &[0, 1, 2, 3], log.clone()).unwrap();
    let [Effect::Barrier(last)] = replayed.as_slice() else { panic!("{replayed:?}") };
    let vote = again.vote(2, VoteType::Prevote, H, 0, Some(a_hash(1)));
    assert_eq!(again.on(vote).unwrap(), [], "what comes before the last barrier waits");
    let released = again.on(Event::Persisted(*last)).unwrap();
    let votes = [(VoteType::Prevote, Some(a_hash(1))), (VoteType::Precommit, Some(a_hash(1)))];
    assert_eq!(sent_votes(&released), votes);
    assert_eq!(appended(&released).len(), 1, "the vote that waited");
    assert!(!released.iter().any(|effect| matches!(effect, Effect::NeedBlock { .. } | Effect::CancelTimer(_))));

    // The own precommit was lost with the tail: replay derives it, signs it, and parks until it is durable.
    let mut cut = Bench::new(4);
    let replayed = cut.start(H, &[0, 1, 2, 3], log[..5].to_vec()).unwrap();
    assert_eq!(appended(&replayed), log[5..], "Ed25519 signs the same way twice");
    let parked = barrier(&replayed).unwrap();
    let ended = cut.on(Event::Persisted(parked)).unwrap();
    let [Effect::Barrier(last)] = ended.as_slice() else { panic!("{ended:?}") };
    assert_eq!(sent_votes(&cut.on(Event::Persisted(*last)).unwrap()), votes);
}

#[test]
fn a_value_asked_for_again_is_answered_with_the_logged_one() {
    let mut bench = Bench::started(4, &[3, 0, 1, 2]);
    let log = appended(&bench.on(Event::Built { height: H, round: Round(0), header_hash: a_hash(1) }).unwrap());
    // Only the verdict reached the disk, not the signed proposal.
    let mut again = Bench::new(4);
    let replayed = again.start(H, &[3, 0, 1, 2], log[..1].to_vec()).unwrap();
    let released = again.on(Event::Persisted(barrier(&replayed).unwrap())).unwrap();
    assert!(!released.iter().any(|effect| matches!(effect, Effect::Build { .. })));
    let proposed = appended(&released).iter().find_map(|entry| match decode_entry(H, entry) {
        Some(CoreInput::Proposal(proposal)) => Some(proposal.message.value.0),
        _ => None,
    });
    assert_eq!(proposed, Some(a_hash(1)));

    // The proposal reached it too: it is sent again, with its body.
    let mut again = Bench::new(4);
    let replayed = again.start(H, &[3, 0, 1, 2], log).unwrap();
    // Its prevote is signed in replay.
    let ended = again.on(Event::Persisted(barrier(&replayed).unwrap())).unwrap();
    let released = again.on(Event::Persisted(barrier(&ended).unwrap())).unwrap();
    assert!(released.iter().any(|effect| matches!(effect, Effect::SendBlock { .. })));
    assert!(sent(&released).iter().any(|message| matches!(message, Message::Proposal(_))));
}

#[test]
fn blocks_are_asked_for_when_nobody_judged_them() {
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    let need = Effect::NeedBlock { height: H, header_hash: a_hash(1) };
    assert!(bench.on(bench.proposal(0, 0, a_hash(1))).unwrap().contains(&need));
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    bench.on(bench.judged(0, 0, a_hash(1), true)).unwrap();
    assert!(!bench.on(bench.proposal(0, 0, a_hash(1))).unwrap().contains(&need));
}

#[test]
fn an_invalid_block_is_prevoted_nil_and_may_become_valid() {
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    bench.on(bench.judged(0, 0, a_hash(1), false)).unwrap();
    let effects = bench.on_durably(bench.proposal(0, 0, a_hash(1))).unwrap();
    assert_eq!(sent_votes(&effects), [(VoteType::Prevote, None)]);
    bench.on_durably(bench.judged(0, 0, a_hash(1), true)).unwrap();
    let mut effects = Vec::new();
    for by in 0..3 {
        effects.extend(bench.on_durably(bench.vote(by, VoteType::Precommit, H, 0, Some(a_hash(1)))).unwrap());
    }
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Commit { .. })));
}

#[test]
fn a_synced_block_commits_if_its_certificate_holds() {
    let good = |bench: &Bench| bench.certificate(&[0, 1, 2], H, a_hash(7));
    let mut cases: Vec<FinalityCertificate> = Vec::new();
    let bench = Bench::new(4);
    cases.push(bench.certificate(&[0, 1], H, a_hash(7)));
    let mut other_round = good(&bench);
    other_round.round = Round(1);
    cases.push(other_round);
    let mut dev = good(&bench);
    dev.kind = CertificateKind::Dev;
    cases.push(dev);
    cases.push(bench.certificate(&[0, 1, 2], H, a_hash(8)));
    for certificate in cases {
        let mut bench = Bench::started(4, &[0, 1, 2, 3]);
        assert_eq!(bench.on(Event::Synced { header_hash: a_hash(7), certificate }).unwrap(), []);
        assert_eq!(bench.instance.dropped(), 1);
    }
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    let later = bench.certificate(&[0, 1, 2], Height(2), a_hash(7));
    assert_eq!(bench.on(Event::Synced { header_hash: a_hash(7), certificate: later }).unwrap(), []);
    // Not even a verdict "invalid" stands against a certificate: it may have been untimely only.
    bench.on(bench.judged(0, 0, a_hash(7), false)).unwrap();
    let certificate = good(&bench);
    let effects = bench.on(Event::Synced { header_hash: a_hash(7), certificate: certificate.clone() }).unwrap();
    assert_eq!(
        effects.last(),
        Some(&Effect::Commit { height: H, header_hash: a_hash(7), certificate: certificate.clone() })
    );
    // Decided: nothing of this height is heard any more, and no timer of it acts.
    assert_eq!(bench.on(Event::Synced { header_hash: a_hash(7), certificate }).unwrap(), []);
    assert_eq!(bench.on(bench.vote(0, VoteType::Prevote, H, 0, None)).unwrap(), []);
    assert_eq!(bench.on(Event::Timer(TimerId(0))).unwrap(), []);
    assert!(
        bench
            .start(Height(2), &[3, 0, 1, 2], Vec::new())
            .unwrap()
            .contains(&Effect::Build { height: Height(2), round: Round(0) })
    );
}

#[test]
fn a_timer_of_a_height_gone_by_is_ignored() {
    let mut bench = Bench::new(1);
    let first = bench.start(H, &[0], Vec::new()).unwrap();
    let timers: Vec<TimerId> = first
        .iter()
        .filter_map(|effect| match effect {
            Effect::SetTimer { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    assert!(!timers.is_empty());
    bench.on_durably(Event::Built { height: H, round: Round(0), header_hash: a_hash(1) }).unwrap();
    bench.start(Height(2), &[0], Vec::new()).unwrap();
    for timer in timers {
        assert_eq!(bench.on(Event::Timer(timer)).unwrap(), []);
    }
}

#[test]
fn messages_that_wait_are_bounded() {
    let mut bench = Bench::started(4, &[3, 0, 1, 2]);
    let parked = bench.on(Event::Built { height: H, round: Round(0), header_hash: a_hash(1) }).unwrap();
    let extra = 10;
    for _ in 0..WAITING_MESSAGES + extra {
        bench.on(Event::Message { bytes: vec![0] }).unwrap();
    }
    assert_eq!(bench.instance.dropped(), extra as u64);
    bench.on(bench.judged(0, 0, a_hash(3), true)).unwrap();
    let mut effects = bench.on(Event::Persisted(barrier(&parked).unwrap())).unwrap();
    while let Some(id) = barrier(&effects) {
        effects = bench.on(Event::Persisted(id)).unwrap();
    }
    assert_eq!(bench.instance.dropped(), (WAITING_MESSAGES + extra) as u64, "garbage all of it");
    assert_eq!(appended(&effects).len(), 1, "the verdict was kept");
}

#[test]
fn later_heights_are_kept_near_new_and_signed() {
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    let stranger = SecretKey::from_seed(Suite::Standard, [77; 32]);
    let mut refused = 0;
    for event in [
        bench.vote(0, VoteType::Prevote, Height(6), 0, None),
        bench.vote(0, VoteType::Prevote, Height(2), 11, None),
        Event::Message {
            bytes: {
                let vote = Vote {
                    step: VoteType::Prevote,
                    height: Height(2).into(),
                    round: core_round(Round(0)),
                    value: NilOrVal::Nil,
                    validator: Member(stranger.address()),
                };
                Message::Vote(SignedVote::new(vote, Signature([0; 64]))).encode().unwrap()
            },
        },
    ] {
        assert_eq!(bench.on(event).unwrap(), []);
        refused += 1;
        assert_eq!(bench.instance.dropped(), refused);
    }
    // One validator may fill its own quota and nobody else's.
    for number in 0..50 {
        bench.on(bench.vote(0, VoteType::Prevote, Height(2), u32::from(number) % 11, Some(a_hash(number)))).unwrap();
    }
    assert_eq!(bench.instance.dropped(), refused + 50 - 33);
    for by in 1..3 {
        bench.on(bench.vote(by, VoteType::Prevote, Height(2), 0, None)).unwrap();
        bench.on(bench.vote(by, VoteType::Prevote, Height(2), 0, None)).unwrap();
    }
    assert_eq!(bench.instance.dropped(), refused + 50 - 33 + 2, "repeated ones");
    let certificate = bench.certificate(&[0, 1, 2], H, a_hash(7));
    bench.on(Event::Synced { header_hash: a_hash(7), certificate }).unwrap();
    let effects = bench.start(Height(2), &[0, 1, 2, 3], Vec::new()).unwrap();
    assert!(appended(&effects).len() >= 2 + 11, "the core heard what was kept: {}", appended(&effects).len());
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let suite = Suite::Standard;
    let key = || Box::new(Key(SecretKey::from_seed(suite, [1; 32])));
    let cft = BftConfig { kind: CertificateKind::Cft, ..config(suite) };
    assert_eq!(BftConsensus::new(cft, key()).unwrap_err(), BftConfigError::Kind(CertificateKind::Cft));
    assert_eq!(BftConsensus::new(config(Suite::Guomi), key()).unwrap_err(), BftConfigError::Suite);
    for order in [vec![0, 1, 2], vec![0, 1, 2, 2], vec![0, 1, 2, 4], vec![]] {
        assert!(matches!(Bench::new(4).start(H, &order, Vec::new()), Err(Halt::Core { .. })), "{order:?}");
    }
    let mut bench = Bench::started(4, &[0, 1, 2, 3]);
    assert!(matches!(bench.start(H, &[0, 1, 2, 3], Vec::new()), Err(Halt::Core { .. })));
}

struct BadSigner(SecretKey, bool);

impl VoteSigner for BadSigner {
    fn public_key(&self) -> PublicKey {
        self.0.public_key()
    }

    fn sign(&self, _: &[u8]) -> Result<Signature, String> {
        if self.1 { Ok(Signature([3; 64])) } else { Err("the token was pulled out".into()) }
    }
}

#[test]
fn a_signer_that_fails_or_signs_rubbish_stops_the_replica() {
    for rubbish in [true, false] {
        let mut bench = Bench::new(1);
        let signer = BadSigner(bench.keys[0].clone(), rubbish);
        bench.instance = BftConsensus::new(config(Suite::Standard), Box::new(signer)).unwrap();
        bench.start(H, &[0], Vec::new()).unwrap();
        let halt = bench.on(Event::Built { height: H, round: Round(0), header_hash: a_hash(1) }).unwrap_err();
        assert!(matches!(halt, Halt::Signer(_)), "{halt:?}");
    }
}

#[test]
fn an_observer_follows_without_voting() {
    let mut bench = Bench::new(4);
    let observer = SecretKey::from_seed(Suite::Standard, [99; 32]);
    bench.instance = BftConsensus::new(config(Suite::Standard), Box::new(Key(observer))).unwrap();
    let mut effects = bench.start(H, &[0, 1, 2, 3], Vec::new()).unwrap();
    effects.extend(bench.on(bench.judged(0, 0, a_hash(1), true)).unwrap());
    effects.extend(bench.on(bench.proposal(0, 0, a_hash(1))).unwrap());
    for step in [VoteType::Prevote, VoteType::Precommit] {
        for by in 0..3 {
            effects.extend(bench.on(bench.vote(by, step, H, 0, Some(a_hash(1)))).unwrap());
        }
    }
    assert_eq!((sent(&effects), barrier(&effects)), (Vec::new(), None));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Commit { .. })));
}

#[test]
fn instances_may_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<BftConsensus>();
}
