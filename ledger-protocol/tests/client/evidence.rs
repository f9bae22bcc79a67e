//! Rule R8: which evidence counts, and how.

use super::synthetic::{KeySet, SyntheticChain, chain_id, leaf_of};
use ledger_protocol::codec::{Bounded, BoundedBytes};
use ledger_protocol::interchain::{
    AccusedHeader, AccusedMessage, Evidence, Message, MessageContent, Outcome, OutcomeResult, Verdict, Vote,
};
use ledger_protocol::proof::client::{
    ClientError, EvidenceAge, ProvenFault, VerifiedEvidence, verify_evidence, verify_handoff,
};
use ledger_protocol::{ChainId, Code, Hash, Height, ProposalId, Sequence, Suite};

fn relay() -> ChainId {
    chain_id(Suite::Standard, 200)
}

fn accused(chain: &SyntheticChain, height: u64) -> AccusedHeader {
    let block = chain.block(Height(height));
    AccusedHeader {
        header: block.header.clone(),
        certificate: block.certificate.clone().unwrap(),
        validators: chain.keys_of(&block.header.validators_hash).set.clone(),
    }
}

/// One chain and its fork after height 3, both up to 8, with a hand-off of the first at 5 when asked for.
fn branches(handoff: bool) -> (SyntheticChain, SyntheticChain) {
    let mut honest = SyntheticChain::new(Suite::Standard, 1);
    for _ in 0..3 {
        honest.produce(&[(relay(), 0)]);
    }
    let mut fork = honest.clone();
    fork.produce(&[(relay(), 3)]);
    honest.produce(&[(relay(), 0)]);
    honest.produce_with(&[(relay(), 0)], handoff.then(|| KeySet::new(Suite::Standard, 60, 4)));
    fork.produce(&[(relay(), 0)]);
    for _ in 0..3 {
        honest.produce(&[(relay(), 0)]);
        fork.produce(&[(relay(), 0)]);
    }
    (honest, fork)
}

fn judge(
    chain: &SyntheticChain,
    trusted: u64,
    last_handoff: u64,
    evidence: &Evidence,
) -> Result<VerifiedEvidence, ClientError> {
    let sets = |height: Height| Some(chain.header(height).validators_hash);
    verify_evidence(&chain.trusted(Height(trusted)), Height(last_handoff), &sets, &relay(), evidence)
}

fn equivocation(honest: &SyntheticChain, fork: &SyntheticChain, height: u64) -> Evidence {
    Evidence::Equivocation { chain: honest.id, first: accused(honest, height), second: accused(fork, height) }
}

#[test]
fn rule_r8_two_certificates_of_one_height_freeze_above_the_last_hand_off() {
    let (honest, fork) = branches(false);
    for (trusted, height) in [(3, 4), (3, 8), (6, 5), (5, 5)] {
        let verified = judge(&honest, trusted, 0, &equivocation(&honest, &fork, height)).unwrap();
        assert_eq!(verified.age, EvidenceAge::Fresh);
        assert!(matches!(verified.fault, ProvenFault::Equivocation { height: h, .. } if h == Height(height)));
    }
}

#[test]
fn rule_r8_at_or_below_the_last_hand_off_evidence_only_makes_suspect() {
    let (honest, fork) = branches(true);
    for height in 4..=5 {
        let verified = judge(&honest, 6, 5, &equivocation(&honest, &fork, height)).unwrap();
        assert_eq!(verified.age, EvidenceAge::Old, "height {height}");
    }
}

#[test]
fn rule_r8_leaked_keys_of_a_retired_set_prove_nothing_above_the_hand_off() {
    let (honest, fork) = branches(true);
    for height in 6..=8 {
        let result = judge(&honest, 6, 5, &equivocation(&honest, &fork, height));
        assert!(matches!(result, Err(ClientError::OtherSet { .. })), "{height}: {result:?}");
    }
}

#[test]
fn rule_r8_a_set_that_the_trusted_history_does_not_name_proves_nothing() {
    let (honest, fork) = branches(false);
    let mut evidence = equivocation(&honest, &fork, 4);
    let strangers = KeySet::new(Suite::Standard, 99, 4);
    let Evidence::Equivocation { second, .. } = &mut evidence else { unreachable!() };
    second.header.validators_hash = strangers.set.hash(Suite::Standard);
    second.certificate = strangers.certify(&second.header, honest.kind);
    second.validators = strangers.set;
    assert!(matches!(judge(&honest, 3, 0, &evidence), Err(ClientError::OtherSet { .. })));
}

#[test]
fn rule_r8_one_header_twice_or_two_heights_show_no_fault() {
    let (honest, fork) = branches(false);
    let same = Evidence::Equivocation { chain: honest.id, first: accused(&honest, 4), second: accused(&honest, 4) };
    assert!(matches!(judge(&honest, 3, 0, &same), Err(ClientError::NoFault(_))));
    let two = Evidence::Equivocation { chain: honest.id, first: accused(&honest, 4), second: accused(&fork, 5) };
    assert!(matches!(judge(&honest, 3, 0, &two), Err(ClientError::NoFault(_))));
}

#[test]
fn rule_r8_evidence_with_a_certificate_below_the_quorum_is_refused() {
    let (honest, fork) = branches(false);
    let mut evidence = equivocation(&honest, &fork, 4);
    let Evidence::Equivocation { second, .. } = &mut evidence else { unreachable!() };
    second.certificate = fork.current.certify_by(&second.header, honest.kind, 2);
    assert!(matches!(judge(&honest, 3, 0, &evidence), Err(ClientError::Certificate(_))));
}

#[test]
fn rule_r8_evidence_against_another_chain_is_refused() {
    let (honest, fork) = branches(false);
    let evidence = equivocation(&honest, &fork, 4);
    let other = SyntheticChain::new(Suite::Standard, 2);
    assert!(matches!(judge(&other, 0, 0, &evidence), Err(ClientError::OtherChain { .. })));
}

#[test]
fn rule_r8_a_certified_header_with_another_past_is_a_fork() {
    let (honest, fork) = branches(false);
    let evidence = |at: u64, head: u64, hash: Hash| Evidence::Fork {
        chain: honest.id,
        header: accused(&fork, head),
        other_hash: hash,
        path: fork.history_path(Height(at), Height(head)),
    };
    let other = fork.header(Height(5)).hash();
    let verified = judge(&honest, 5, 0, &evidence(5, 8, other)).unwrap();
    assert_eq!(verified.age, EvidenceAge::Fresh);
    assert!(matches!(verified.fault, ProvenFault::Fork { other_hash, .. } if other_hash == other));
    // At height 3 both branches are one history.
    let common = fork.header(Height(3)).hash();
    assert!(matches!(judge(&honest, 3, 0, &evidence(3, 8, common)), Err(ClientError::NoFault(_))));
    // Another height's hash, and a head that is not above the trusted one.
    assert!(matches!(
        judge(&honest, 5, 0, &evidence(4, 8, fork.header(Height(4)).hash())),
        Err(ClientError::Path { .. })
    ));
    assert!(matches!(judge(&honest, 8, 0, &evidence(5, 8, other)), Err(ClientError::NotAbove { .. })));
    let (rotated, _) = branches(true);
    let trusted = verify_handoff(&rotated.trusted(Height(4)), &rotated.handoff(Height(4), Height(5))).unwrap();
    let sets = |height: Height| Some(rotated.header(height).validators_hash);
    let result = verify_evidence(&trusted, Height(5), &sets, &relay(), &evidence(5, 8, other));
    assert!(matches!(result, Err(ClientError::OtherSet { .. })), "a retired set forks nothing: {result:?}");
}

fn hash(seed: u8) -> ledger_protocol::SuiteHash {
    Suite::Standard.foreign(Hash([seed; 32]))
}

fn vote(chain: &SyntheticChain, proposal: u8, code: u16) -> MessageContent {
    let id = ProposalId(hash(proposal));
    let verdict = Verdict::No { code: Code(code), conflicting: id };
    MessageContent::Vote(Vote { id, started_at_on_relay: Height(7), chain: chain.id, verdict })
}

/// Appends a block with these contents for the relay and returns the accusation of message `index`.
fn say(chain: &mut SyntheticChain, contents: &[MessageContent], index: u32) -> AccusedMessage {
    let first = *chain.next_sequence.entry(relay()).or_default();
    let messages: Vec<Message> = (first..)
        .zip(contents)
        .map(|(sequence, content)| Message {
            source: chain.id,
            destination: relay(),
            sequence: Sequence(sequence),
            payload: BoundedBytes::new(content.to_payload()).unwrap(),
        })
        .collect();
    chain.next_sequence.insert(relay(), first + contents.len() as u64);
    let leaf = leaf_of(chain.suite(), relay(), Sequence(first), &messages);
    let height = chain.append(vec![(leaf, messages.clone())], None);
    AccusedMessage {
        head: accused(chain, height.0),
        leaf: chain.leaf_path(height, &relay()),
        messages: Bounded::new(messages).unwrap(),
        index,
    }
}

#[test]
fn rule_r8_two_different_votes_for_one_proposal_are_a_fault() {
    let mut chain = SyntheticChain::new(Suite::Standard, 1);
    let contents = [vote(&chain, 1, 110), vote(&chain, 2, 110)];
    let first = say(&mut chain, &contents, 0);
    let again = say(&mut chain, &contents, 0);
    let other = [vote(&chain, 2, 110), vote(&chain, 1, 111)];
    let second = say(&mut chain, &other, 1);
    let evidence = |first: &AccusedMessage, second: &AccusedMessage| Evidence::DoubleVote {
        chain: chain.id,
        first: first.clone(),
        second: second.clone(),
    };
    let verified = judge(&chain, 1, 0, &evidence(&first, &second)).unwrap();
    assert_eq!(verified.age, EvidenceAge::Fresh);
    assert!(matches!(verified.fault, ProvenFault::DoubleVote { .. }));
    assert_eq!(judge(&chain, 3, 1, &evidence(&first, &second)).unwrap().age, EvidenceAge::Old);
    assert!(matches!(judge(&chain, 1, 0, &evidence(&first, &again)), Err(ClientError::NoFault(_))));
    let mut elsewhere = second.clone();
    elsewhere.index = 0;
    assert!(matches!(judge(&chain, 1, 0, &evidence(&first, &elsewhere)), Err(ClientError::NoFault(_))));
    elsewhere.index = 2;
    assert!(matches!(judge(&chain, 1, 0, &evidence(&first, &elsewhere)), Err(ClientError::List(_))));
    let mut forged = second.clone();
    let mut messages = forged.messages.to_vec();
    messages[1].payload = BoundedBytes::new(vote(&chain, 1, 99).to_payload()).unwrap();
    forged.messages = Bounded::new(messages).unwrap();
    assert!(matches!(judge(&chain, 1, 0, &evidence(&first, &forged)), Err(ClientError::List(_))));
}

#[test]
fn rule_r8_an_outcome_is_proven_and_left_to_the_relays_record() {
    let mut chain = SyntheticChain::new(Suite::Standard, 1);
    let outcome = Outcome {
        id: ProposalId(hash(1)),
        started_at_on_relay: Height(7),
        chain: chain.id,
        result: OutcomeResult::Released,
    };
    let contents = [vote(&chain, 1, 1), MessageContent::Outcome(outcome)];
    let said = say(&mut chain, &contents, 1);
    let evidence = Evidence::ContradictingOutcome { chain: chain.id, outcome: said.clone() };
    let verified = judge(&chain, 0, 0, &evidence).unwrap();
    assert_eq!(verified.fault, ProvenFault::Outcome { outcome, sequence: Sequence(1) });
    let no_outcome = Evidence::ContradictingOutcome { chain: chain.id, outcome: AccusedMessage { index: 0, ..said } };
    assert!(matches!(judge(&chain, 0, 0, &no_outcome), Err(ClientError::NoFault(_))));
}
