//! Bug classes of bridges and light clients that cost others money or stood still: C13, C15, C17, C18, R4. What they
//! were and who had them stands in `docs/bug-classes.md`.

use super::synthetic::{KeySet, START_MS, SyntheticChain, chain_id, leaf_of};
use ledger_protocol::chain::{
    CertificateError, CertificateKind, FinalityCertificate, ValidatorSet, VoteKind, block_proposal_sign_bytes, quorum,
    vote_sign_bytes,
};
use ledger_protocol::codec::{Bounded, BoundedBytes};
use ledger_protocol::interchain::{Advance, Head, Message};
use ledger_protocol::merkle::InclusionPath;
use ledger_protocol::proof::client::{
    ClientError, TrustedHeader, verify_advance, verify_handoff, verify_list, verify_new_head, verify_older,
};
use ledger_protocol::{ChainId, Hash, Height, Round, Sequence, Suite, TimestampMs};
use std::collections::BTreeSet;

const STEP_MS: u64 = 3_000;

fn receiver() -> ChainId {
    chain_id(Suite::Standard, 200)
}

fn chain(name: u8, blocks: usize) -> SyntheticChain {
    let mut chain = SyntheticChain::new(Suite::Standard, name);
    for _ in 0..blocks {
        chain.produce(&[(receiver(), 1)]);
    }
    chain
}

/// AntChain's third version checked no nonce, S-BAC and Atomix took answers of an earlier run: whatever is signed names
/// what it is for, and serves once.
#[test]
fn bug_c13_what_was_signed_for_one_chain_height_round_or_purpose_serves_no_other() {
    let source = chain(1, 5);
    let mut texts = BTreeSet::new();
    let mut count = 0;
    for chain in [source.id, receiver()] {
        for height in [Height(4), Height(5)] {
            for round in [Round(0), Round(1)] {
                for hash in [Hash([1; 32]), Hash([2; 32])] {
                    for valid in [None, Some(Round(0))] {
                        texts.insert(block_proposal_sign_bytes(
                            CertificateKind::Bft,
                            &chain,
                            height,
                            round,
                            valid,
                            &hash,
                        ));
                        count += 1;
                    }
                }
                for kind in [CertificateKind::Bft, CertificateKind::Cft, CertificateKind::Dev] {
                    for vote in [VoteKind::Prevote, VoteKind::Precommit] {
                        for hash in [None, Some(Hash([1; 32])), Some(Hash([2; 32]))] {
                            texts.insert(vote_sign_bytes(vote, kind, &chain, height, round, hash.as_ref()));
                            count += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(texts.len(), count, "two purposes share what is signed");
    // Two chains with the same validators: the certificate of one, renamed, is none of the other.
    let mut twin = SyntheticChain::new(Suite::Standard, 2);
    twin.current = source.current.clone();
    twin.blocks.clear();
    twin.sets = source.sets.clone();
    for _ in 0..6 {
        twin.append(Vec::new(), None);
    }
    let block = twin.block(Height(5));
    let path = twin.history_path(Height(3), Height(5));
    let verify = |certificate: &FinalityCertificate| {
        verify_new_head(&twin.trusted(Height(3)), &block.header, certificate, &path)
    };
    assert!(verify(block.certificate.as_ref().unwrap()).is_ok());
    let mut borrowed = source.block(Height(5)).certificate.clone().unwrap();
    assert!(matches!(verify(&borrowed), Err(ClientError::Certificate(CertificateError::OtherHeader { .. }))));
    borrowed.chain = twin.id;
    borrowed.header_hash = block.header.hash();
    assert!(matches!(verify(&borrowed), Err(ClientError::Certificate(CertificateError::Signature { .. }))));
    // A message that was delivered is refused by its number, whatever head carries it.
    let id = receiver();
    for (trusted, head) in [(0, 5), (3, 5), (5, 5)] {
        let replay = source.advance(Height(trusted), Height(head), &id, &[Height(1)]);
        let trusted = source.trusted(Height(trusted));
        assert!(verify_advance(&trusted, Sequence(0), &id, &replay, 1).is_ok());
        let refused = verify_advance(&trusted, Sequence(1), &id, &replay, 1);
        assert!(matches!(refused, Err(ClientError::Gap { .. })), "{refused:?}");
    }
}

/// hermes#1442 mixed seconds with nanoseconds, AntChain let a timeout overflow: heights, sequences, counts and times at
/// the end of their range are refused, and nothing wraps around or panics.
#[test]
fn bug_c15_numbers_at_the_end_of_their_range_are_refused_and_never_wrap() {
    let source = chain(1, 6);
    let id = receiver();
    let honest = source.advance(Height(2), Height(6), &id, &[Height(1)]);
    let judge = |trusted: &TrustedHeader, next, advance: &Advance| {
        verify_advance(trusted, Sequence(next), &id, advance, STEP_MS).map(drop)
    };
    assert!(judge(&source.trusted(Height(2)), 0, &honest).is_ok());
    for next in [u64::MAX, u64::MAX - 1, 1 << 63] {
        assert!(judge(&source.trusted(Height(2)), next, &honest).is_err(), "next expected {next}");
    }
    let changes: [fn(&mut Advance); 5] = [
        |advance| advance.leaf.index = u32::MAX,
        |advance| advance.leaf.leaf.count = u32::MAX,
        |advance| advance.leaf.leaf.first = Sequence(u64::MAX),
        |advance| {
            let Head::New { header, .. } = &mut advance.head else { unreachable!() };
            header.height = Height(u64::MAX);
        },
        |advance| {
            let Head::New { header, .. } = &mut advance.head else { unreachable!() };
            header.timestamp_ms = TimestampMs(u64::MAX);
        },
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut advance = honest.clone();
        change(&mut advance);
        assert!(judge(&source.trusted(Height(2)), 0, &advance).is_err(), "change {index}");
    }
    // A trusted header at the end of both ranges is above everything that may come; a step after it does not wrap.
    let mut last = source.trusted(Height(2));
    last.height = Height(u64::MAX);
    assert!(matches!(judge(&last, 0, &honest), Err(ClientError::NotAbove { .. })));
    let mut late = source.trusted(Height(2));
    late.timestamp_ms = TimestampMs(u64::MAX);
    let empty = source.advance(Height(2), Height(6), &id, &[]);
    assert!(judge(&late, 6, &empty).is_err());
    let step = verify_advance(&source.trusted(Height(2)), Sequence(6), &id, &empty, u64::MAX);
    assert!(step.is_err(), "{step:?}");
    // A list that runs over the last sequence, and one beyond the counted number.
    let message = |sequence| Message {
        source: source.id,
        destination: id,
        sequence: Sequence(sequence),
        payload: BoundedBytes::new(vec![1]).unwrap(),
    };
    let messages = [message(u64::MAX), message(0)];
    let leaf = leaf_of(Suite::Standard, id, Sequence(u64::MAX), &messages);
    assert!(matches!(verify_list(&source.id, &leaf, &messages), Err(ClientError::List(_) | ClientError::Range)));
    // The quorum of the largest powers.
    for kind in [CertificateKind::Bft, CertificateKind::Cft, CertificateKind::Dev] {
        let needed = quorum(kind, u64::MAX);
        assert!(needed > u64::MAX / 2, "{kind:?}: {needed}");
    }
}

/// BitXHub's inter-hub took f + 1 signatures for a quorum.
#[test]
fn bug_c17_f_plus_1_signatures_are_no_quorum_for_1_to_200_validators() {
    for total in 1..=200u64 {
        let faulty = (total - 1) / 3;
        let needed = quorum(CertificateKind::Bft, total);
        assert!(needed <= total - faulty, "{total}: the honest ones alone are a quorum");
        assert!(2 * needed > total + faulty, "{total}: two quorums share an honest one");
        assert!(faulty == 0 || needed > faulty + 1, "{total}: f + 1 is none");
        assert_eq!(quorum(CertificateKind::Dev, total), needed);
        let half = quorum(CertificateKind::Cft, total);
        assert!(2 * half > total && half <= total, "{total}: two majorities share one");
    }
    for size in [4u8, 5, 6, 7, 10, 13, 31] {
        let mut source = chain(1, 1);
        source.produce_with(&[], Some(KeySet::new(Suite::Standard, 90, size)));
        source.produce(&[]);
        let header = source.header(Height(3));
        let path = source.history_path(Height(2), Height(3));
        let needed = quorum(CertificateKind::Bft, size.into()) as usize;
        for signers in [usize::from(size - 1) / 3 + 1, needed - 1, needed, usize::from(size)] {
            let certificate = source.current.certify_by(header, source.kind, signers);
            let result = verify_new_head(&source.trusted(Height(2)), header, &certificate, &path);
            if signers >= needed {
                assert!(result.is_ok(), "{signers} of {size}: {result:?}");
            } else {
                let power = matches!(result, Err(ClientError::Certificate(CertificateError::Power { .. })));
                assert!(power, "{signers} of {size}: {result:?}");
            }
        }
        // One signer counted twice does not make up for one who is missing.
        let mut twice = source.current.certify_by(header, source.kind, needed - 1);
        let mut signatures = twice.signatures.to_vec();
        signatures.push(signatures[0]);
        twice.signatures = Bounded::new(signatures).unwrap();
        assert!(verify_new_head(&source.trusted(Height(2)), header, &twice, &path).is_err(), "{size}");
    }
}

/// ibc-rs#738 and cosmos/ibc#635: a client whose trusting period had passed, or that was frozen, locked funds for good.
/// Here no trust expires: ten silent years later the next header moves the client. The way back of a frozen one is
/// `rule_r9_a_re_anchor_…` here and in the interchain.
#[test]
fn bug_c18_a_client_that_slept_for_years_moves_on() {
    let mut source = chain(1, 3);
    let trusted = source.trusted(Height(3));
    source.step_ms = 10 * 365 * 86_400_000;
    source.produce(&[(receiver(), 1)]);
    let years = source.header(Height(4)).timestamp_ms.0 - trusted.timestamp_ms.0;
    assert!(years > 10 * 365 * 86_400_000);
    let advance = source.advance(Height(3), Height(4), &receiver(), &[Height(1)]);
    assert!(verify_advance(&trusted, Sequence(0), &receiver(), &advance, STEP_MS).is_ok());
    let turn = source.produce_with(&[], Some(KeySet::new(Suite::Standard, 33, 4)));
    let next = verify_handoff(&trusted, &source.handoff(Height(3), turn)).unwrap();
    assert_eq!(next, source.trusted(turn));
}

/// tendermint#5139, ibc-go#1725, tendermint-rs#478: clients that skip headers trusted a third of an old set, sets that
/// were no longer in office, and headers from the past.
#[test]
fn bug_r04_no_overlap_of_sets_no_retired_set_and_no_header_of_the_past_moves_a_client() {
    // The next set shares three of four members with the old one: the shared ones alone move nobody over a hand-off.
    let mut source = chain(1, 2);
    let old = source.current.clone();
    let mut members = old.set.validators()[1..].to_vec();
    let joined = KeySet::new(Suite::Standard, 77, 1);
    members.extend(joined.set.validators().iter().cloned());
    members.sort_by_key(|validator| validator.public_key);
    let mut keys: Vec<_> = old.keys[1..].iter().chain(&joined.keys).cloned().collect();
    keys.sort_by_key(ledger_protocol::suite::SecretKey::public_key);
    let next = KeySet { set: ValidatorSet::new(Suite::Standard, members).unwrap(), keys };
    let turn = source.produce_with(&[], Some(next));
    source.produce(&[]);
    source.produce(&[]);
    let skip = |from: Height, to: Height, certificate| {
        verify_new_head(&source.trusted(from), source.header(to), certificate, &source.history_path(from, to))
    };
    let own = source.block(Height(5)).certificate.clone().unwrap();
    assert!(skip(turn, Height(5), &own).is_ok());
    let skipped = skip(Height(1), Height(5), &own);
    assert!(matches!(skipped, Err(ClientError::OtherSet { .. })), "{skipped:?}");
    // The retired set signs for itself after its hand-off.
    let mut forged = source.header(Height(5)).clone();
    forged.validators_hash = old.set.hash(Suite::Standard);
    forged.next_validators_hash = forged.validators_hash;
    let certificate = old.certify(&forged, source.kind);
    let path = source.history_path(turn, Height(5));
    let retired = verify_new_head(&source.trusted(turn), &forged, &certificate, &path);
    assert!(matches!(retired, Err(ClientError::OtherSet { .. })), "{retired:?}");
    // Certified by the set in office, and not later than what is trusted.
    for timestamp_ms in [0, START_MS, source.header(turn).timestamp_ms.0] {
        let mut early = source.header(Height(5)).clone();
        early.timestamp_ms = TimestampMs(timestamp_ms);
        let certificate = source.current.certify(&early, source.kind);
        let result = verify_new_head(&source.trusted(turn), &early, &certificate, &path);
        assert!(matches!(result, Err(ClientError::Time { .. })), "{timestamp_ms}: {result:?}");
    }
    // A header of the past is taken by the trusted history alone, whoever signed it.
    let block = source.block(Height(5));
    let head = verify_new_head(&source.trusted(turn), &block.header, &own, &path).unwrap();
    let mut other = source.header(Height(2)).clone();
    other.receipts = Hash([5; 32]);
    assert!(verify_older(&head, &other, &source.history_path(Height(2), Height(5))).is_err());
    assert!(verify_older(&head, source.header(Height(2)), &InclusionPath::default()).is_err());
    assert!(verify_older(&head, source.header(Height(2)), &source.history_path(Height(2), Height(5))).is_ok());
}
