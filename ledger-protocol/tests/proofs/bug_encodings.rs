//! Bug classes of encodings: C8, C12, C22 and the bytes of R1. What they were and who had them stands in
//! `docs/bug-classes.md`.

use super::samples::{SUITES, all, rich};
use super::scenario::{Network, Story};
use super::test_chain::{KeySet, place};
use super::varied::Rng;
use ledger_protocol::chain::{CertificateKind, ValidatorSet};
use ledger_protocol::codec::{Ordered, SortedVec, decode, encode};
use ledger_protocol::interchain::{DecisionVerdict, MessageContent, Outcome, OutcomeResult, Verdict, Vote};
use ledger_protocol::proof::bundle::Bundle;
use ledger_protocol::proof::{AnyProof, CHECKSUM_BYTES, KeyPlace, checksum, verify_file};
use ledger_protocol::transaction::{Change, ChangeKind, Receipt};
use ledger_protocol::{Code, Hash, Height, Suite, Version};

/// BitXHub's HappyRule, AntChain's path for an empty proof, Nomad's zero root: a verifier that says yes to nothing at
/// all. There is none here to configure; what carries nothing proves nothing.
#[test]
fn bug_c08_nothing_is_proof_of_nothing() {
    let chain = rich(Suite::Standard);
    for height in [0, 3, 14] {
        let mut checkpoint = chain.checkpoint(Height(height));
        for mark in [&b"CTPROOF\0"[..], b"CTBUNDLE", b""] {
            for body in [vec![], vec![0], vec![0; 32], vec![0; 1_000], vec![0xff; 1_000], (0..=255).collect()] {
                let mut file = [mark, &[1, 0], &body].concat();
                file.extend(checksum(&file));
                assert!(verify_file(&file, &checkpoint).is_err(), "{height}, {} bytes", body.len());
            }
        }
        // Every code of every kind of proof before bytes of zeros: no default is a proof.
        for code in 0..=255u8 {
            let mut file = [&b"CTPROOF\0\x01\0"[..], &[code], &[0; 4_000]].concat();
            file.extend(checksum(&file));
            assert!(verify_file(&file, &checkpoint).is_err(), "code {code}");
        }
        // A certificate of a development chain is none of a chain that promised more.
        checkpoint.kind = CertificateKind::Dev;
        let above = AnyProof::Header(Box::new(chain.header_proof(Height(1), Height(4)))).to_file();
        let mut from = chain.checkpoint(Height(1));
        assert!(verify_file(&above, &from).is_ok());
        from.kind = CertificateKind::Dev;
        assert!(verify_file(&above, &from).is_err());
    }
}

/// Every byte string that decodes is the encoding of what it decodes to: `bytes` with random changes, too.
fn one_encoding<T: borsh::BorshSerialize + borsh::BorshDeserialize>(name: &str, bytes: &[u8], rng: &mut Rng) {
    assert_eq!(encode(&decode::<T>(bytes, bytes.len()).unwrap()), bytes, "{name}");
    let mut decoded = 0;
    for _ in 0..2_000 {
        let mut changed = bytes.to_vec();
        for _ in 0..=rng.below(2) {
            let at = rng.below(changed.len() as u64) as usize;
            changed[at] = rng.below(256) as u8;
        }
        if let Ok(value) = decode::<T>(&changed, changed.len()) {
            assert_eq!(encode(&value), changed, "{name} has two encodings of one value");
            decoded += 1;
        }
    }
    assert!(decoded > 0, "{name}: no change was ever decoded, nothing was tested");
}

/// ibc-go ASA-2025-004 and ISA-2025-001: acknowledgements held JSON and free text that differed between nodes, and the
/// chain halted. Here whatever is hashed has one encoding, and reasons are numbers.
#[test]
fn bug_c12_what_is_hashed_has_one_encoding_and_reasons_are_numbers() {
    let rng = &mut Rng(12);
    let network = Network::new(Suite::Standard, &SUITES, false, Story::Committed);
    let (id, chain) = (network.id, network.subs[0].id);
    let root = Suite::Guomi.foreign(Hash([4; 32]));
    let vote = |verdict| MessageContent::Vote(Vote { id, started_at_on_relay: Height(3), chain, verdict });
    let outcome = |result| MessageContent::Outcome(Outcome { id, started_at_on_relay: Height(3), chain, result });
    for content in [
        vote(Verdict::Yes { result_hash: root, write_set_root: root, lock_set_root: root }),
        vote(Verdict::No { code: Code::CONFLICT, conflicting: id }),
        outcome(OutcomeResult::Applied { write_set_root: root }),
        outcome(OutcomeResult::Noted { code: Code::SIZE }),
    ] {
        let payload = content.to_payload();
        one_encoding::<MessageContent>("message content", &payload, rng);
        // The reason of a NO and of a failure is two bytes wide and leaves no room for words.
        let other = |code| match &content {
            MessageContent::Vote(_) => vote(Verdict::No { code, conflicting: id }).to_payload().len(),
            _ => outcome(OutcomeResult::Noted { code }).to_payload().len(),
        };
        assert_eq!(other(Code(0)), other(Code(u16::MAX)));
    }
    let decided = DecisionVerdict::Abort { code: Code::TIMEOUT, culprit: chain };
    one_encoding::<DecisionVerdict>("decision", &encode(&decided), rng);
    let chain = rich(Suite::Standard);
    let block = chain.block(Height(2));
    one_encoding::<Receipt>("receipt", &encode(&block.receipts[0]), rng);
    one_encoding::<Change>("change", &encode(&block.changes[1]), rng);
    one_encoding::<ledger_protocol::chain::Header>("header", &encode(&block.header), rng);
    one_encoding::<ledger_protocol::interchain::Message>("message", &encode(&block.outbox[0].1[0]), rng);
    one_encoding::<ledger_protocol::chain::Input>("input", &encode(&block.inputs[0]), rng);
    let bundle = network.bundle(Height(2));
    one_encoding::<Bundle>("bundle", &encode(&bundle), rng);
    for (name, _, proof) in all(&chain) {
        one_encoding::<AnyProof>(name, &encode(&proof), rng);
    }
}

/// BitXHub iterated over maps in its coordinator and even into a header root: what stands for a map here has one order
/// by its type, and another order is no value of it.
#[test]
fn bug_c22_what_stands_for_a_map_has_one_order_whatever_the_order_of_insertion() {
    // The bytes of a list that is hashed: another order or a repeated entry does not decode.
    let set = KeySet::new(Suite::Standard, 3, 4).set;
    let validators = set.validators().to_vec();
    let encoded = encode(&set);
    let rng = &mut Rng(22);
    for _ in 0..50 {
        let mut shuffled = validators.clone();
        for at in (1..shuffled.len()).rev() {
            shuffled.swap(at, rng.below(at as u64 + 1) as usize);
        }
        let in_order = shuffled == validators;
        assert_eq!(ValidatorSet::new(Suite::Standard, shuffled.clone()).unwrap(), set, "one set, one hash");
        let bytes = [&encoded[..encoded.len() - encode(&validators).len()], &encode(&shuffled)].concat();
        assert_eq!(decode::<ValidatorSet>(&bytes, bytes.len()).is_ok(), in_order);
    }
    let change = |key: u8, version| Change {
        ledger: ledger_protocol::LedgerId(1),
        account: ledger_protocol::AccountName::new("a").unwrap(),
        key: place(1, "a", &[key]).key,
        version: Version(version),
        kind: ChangeKind::Set,
        value_hash: Hash([1; 32]),
    };
    let (first, second) = (change(1, 0), change(2, 0));
    assert!(first.key() < second.key() && KeyPlace::of(&first) < KeyPlace::of(&second));
    for wrong in [vec![second.clone(), first.clone()], vec![first.clone(), first.clone()]] {
        assert!(decode::<SortedVec<Change, 8>>(&encode(&wrong), 10_000).is_err());
        assert!(SortedVec::<Change, 8>::new(wrong).is_err());
    }
    assert!(decode::<SortedVec<Change, 8>>(&encode(&vec![first, second]), 10_000).is_ok());
}

/// BNB's bridge, $566 M: a node of the proof had a field that was not hashed. Here the bytes behind a checksum made to
/// fit take every value in turn; `flips` has every bit of 200 proofs.
#[test]
fn bug_r01_every_byte_of_a_forged_file_changes_the_result() {
    let chain = rich(Suite::Standard);
    let kept = place(1, "accounts", b"kept");
    let inclusion = chain.change_at(Height(2), chain.change_index(Height(2), &kept));
    for from in [2, 6] {
        let header = chain.header_proof(Height(from), Height(2));
        let proof = ledger_protocol::proof::ChangeProof { header, inclusion: inclusion.clone() };
        let file = AnyProof::Change(Box::new(proof)).to_file();
        let checkpoint = chain.checkpoint(Height(from));
        assert!(verify_file(&file, &checkpoint).is_ok());
        for index in 0..file.len() - CHECKSUM_BYTES {
            for value in (0..=255u8).filter(|value| *value != file[index]) {
                let mut changed = file[..file.len() - CHECKSUM_BYTES].to_vec();
                changed[index] = value;
                changed.extend(checksum(&changed));
                assert!(verify_file(&changed, &checkpoint).is_err(), "byte {index} as {value}");
            }
        }
    }
}
