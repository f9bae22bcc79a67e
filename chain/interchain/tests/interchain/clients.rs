//! Client records: R7, R8, S5, re-anchoring.

use super::book::{Book, STEP_MS, pair, say};
use super::synthetic::KeySet;
use chain_interchain::{
    admit_evidence, anchor, client, consume_advance, consume_handoff, highest_known_height, judge_evidence,
    judge_reanchor, named_sets, next_expected, open_client, postpone, reanchor, trusted, waiting_after,
};
use ledger_protocol::codec::Text;
use ledger_protocol::interchain::{AccusedHeader, Evidence, Reanchor};
use ledger_protocol::merkle::InclusionPath;
use ledger_protocol::proof::client::EvidenceAge;
use ledger_protocol::{Code, Height, Sequence, Suite};

#[test]
fn rule_r7_the_record_and_the_trusted_header_move_together_over_hand_offs() {
    let (mut one, mut other) = pair(Suite::Guomi, Suite::Standard);
    let mut from = Height(0);
    for seed in 50..53 {
        say(&mut one, 1, None);
        let to = say(&mut one, 0, Some(KeySet::new(Suite::Guomi, seed, 4)));
        let handoff = one.archive.handoff(from, to);
        let next = other.block(None, |state, _| consume_handoff(state, &handoff).unwrap()).unwrap();
        let (record, stored) = other
            .read(|state| (client(state, &one.id()).unwrap().unwrap(), trusted(state, &one.id()).unwrap().unwrap()));
        assert_eq!(stored, next);
        assert_eq!(record.height_on_source, to);
        assert_eq!(record.last_handoff_height_on_source, to);
        assert_eq!(record.header_hash_on_source.hash, next.header_hash);
        assert_eq!(record.next_validators_hash_on_source, next.next_validators_hash());
        from = to;
    }
    let sets = other.read(|state| named_sets(state, &one.id()).unwrap());
    assert_eq!(sets.iter().map(|(height, _)| height.0).collect::<Vec<_>>(), [1, 4, 6, 8]);
}

#[test]
fn rule_s5_the_highest_known_height_never_falls_not_even_by_a_re_anchor() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    let height = say(&mut one, 2, None);
    let high = say(&mut one, 2, None);
    let id = other.id();
    let advance = one.archive.advance(Height(0), high, &id, &[height, high]);
    other.block(None, |state, facts| consume_advance(state, facts, &id, &advance, STEP_MS).unwrap()).unwrap();
    let known = |book: &Book| book.read(|state| highest_known_height(state, &one.id()).unwrap());
    assert_eq!(known(&other), Some(high));
    let lower = one.archive.trusted(height);
    other.block(None, |state, _| open_client(state, &lower).unwrap());
    assert_eq!(known(&other), Some(high));
    assert_eq!(other.trusted_height(&one.id()), height);
    assert_eq!(other.received(&one.id()), Sequence(4), "setting the anchor again keeps the counter");
}

#[test]
fn rule_r8_evidence_is_judged_by_the_sets_of_the_trusted_history() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    let mut fork = one.archive.clone();
    fork.produce(&[]);
    fork.produce(&[]);
    fork.produce(&[]);
    let low = say(&mut one, 0, None);
    let turn = say(&mut one, 0, Some(KeySet::new(Suite::Standard, 44, 4)));
    let high = say(&mut one, 0, None);
    let handoff = one.archive.handoff(Height(0), turn);
    let accuse = |height: Height| {
        let accused = |chain: &super::synthetic::SyntheticChain| {
            let block = chain.block(height);
            AccusedHeader {
                header: block.header.clone(),
                certificate: block.certificate.clone().unwrap(),
                validators: chain.keys_of(&block.header.validators_hash).set.clone(),
            }
        };
        Evidence::Equivocation { chain: one.id(), first: accused(&one.archive), second: accused(&fork) }
    };
    let id = other.id();
    let judge = |book: &Book, height| book.read(|state| judge_evidence(state, &id, &accuse(height)).unwrap());
    assert_eq!(judge(&other, low).unwrap().age, EvidenceAge::Fresh);
    other.block(None, |state, _| consume_handoff(state, &handoff).unwrap()).unwrap();
    for height in [low, turn] {
        assert_eq!(judge(&other, height).unwrap().age, EvidenceAge::Old);
    }
    assert_eq!(judge(&other, high).unwrap_err().code, Code::PROOF);
    let admit = |known| other.read(|state| admit_evidence(state, &id, &accuse(low), known).unwrap());
    assert!(admit(None).is_ok());
    assert!(admit(low.previous()).is_ok());
    assert_eq!(admit(Some(low)).unwrap_err().code, Code::KNOWN);
}

#[test]
fn rule_r9_a_re_anchor_to_another_branch_redelivers_from_the_common_boundary() {
    let (mut one, mut other) = pair(Suite::Standard, Suite::Standard);
    let id = other.id();
    let first = say(&mut one, 2, None);
    let mut fork = Book {
        archive: one.archive.clone(),
        store: one.store.clone(),
        peers: one.peers.clone(),
        parameters: one.parameters.clone(),
    };
    let second = say(&mut one, 2, None);
    let trusted_tip = say(&mut one, 0, None);
    let advance = one.archive.advance(Height(0), trusted_tip, &id, &[first, second]);
    other.block(None, |state, facts| {
        let consumed = consume_advance(state, facts, &id, &advance, STEP_MS).unwrap().unwrap();
        for message in &consumed.messages[1..] {
            postpone(state, message).unwrap();
        }
    });
    assert_eq!(other.waiting(&one.id()), 3);
    let again = say(&mut fork, 3, None);
    let to = say(&mut fork, 0, Some(KeySet::new(Suite::Standard, 90, 4)));
    let header = fork.archive.header(to).clone();
    let motion = Reanchor {
        chain: one.id(),
        certificate: fork.archive.block(to).certificate.clone().unwrap(),
        validators: fork.archive.keys_of(&header.validators_hash).set.clone(),
        next_validators: fork.archive.keys_of(&header.next_validators_hash).set.clone(),
        anchor_path: fork.archive.history_path(Height(0), to),
        common: fork.archive.header(first).clone(),
        common_in_new: fork.archive.history_path(first, to),
        common_in_trusted: one.archive.history_path(first, trusted_tip),
        leaf: fork.archive.leaf_path(first, &id),
        reason: Text::new("fork").unwrap(),
        header,
    };
    let mut wrong = motion.clone();
    wrong.common_in_trusted = InclusionPath::default();
    assert!(other.read(|state| judge_reanchor(state, &id, &wrong).unwrap()).is_err());
    other.block(None, |state, _| {
        let verified = judge_reanchor(state, &id, &motion).unwrap().unwrap();
        reanchor(state, &verified).unwrap();
        assert_eq!(next_expected(state, &one.id()).unwrap(), Sequence(2));
    });
    assert_eq!(other.read(|state| anchor(state, &one.id()).unwrap().unwrap().0), to);
    let deliver = fork.archive.advance(to, to, &id, &[again]);
    let consumed =
        other.block(None, |state, facts| consume_advance(state, facts, &id, &deliver, STEP_MS).unwrap()).unwrap();
    assert_eq!(consumed.postponed.len(), 3, "behind the message of the kept history that still waits");
    let waiting = other.read(|state| waiting_after(state, &one.id(), None, 9).unwrap());
    let expected: Vec<Sequence> = (1..5).map(Sequence).collect();
    assert_eq!(waiting.iter().map(|message| message.sequence).collect::<Vec<_>>(), expected);
    assert_eq!(waiting[1..], *consumed.postponed, "what waited from the dropped branch is gone");
}
