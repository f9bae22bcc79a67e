//! Bug classes that cost others money: proofs that would have passed there are refused here. What they were and who had
//! them stands in `docs/bug-classes.md`.

use super::samples::rich;
use super::scenario::{Network, Story};
use super::test_chain::{TestChain, place};
use ledger_protocol::codec::{Bounded, encode};
use ledger_protocol::merkle::{InclusionPath, MerkleError};
use ledger_protocol::proof::*;
use ledger_protocol::{Hash, Height, Sequence, Suite};

fn change(chain: &TestChain, inclusion: ChangeInclusion) -> Result<VerifiedChange, ProofError> {
    ChangeProof { header: chain.header_proof(Height(1), Height(2)), inclusion }.verify(&chain.checkpoint(Height(1)))
}

/// Hyperbridge, 2026-04, $2.5 M: an index beyond the leaves was accepted, leftover leaves were ignored, and the message
/// was not bound to the proof.
#[test]
fn bug_c01_index_out_of_range_leftover_hashes_and_unbound_messages_are_refused() {
    let chain = rich(Suite::Standard);
    let good = chain.change_at(Height(2), 2);
    for index in [3, 4, 7, u32::MAX] {
        let error = change(&chain, ChangeInclusion { index, ..good.clone() }).unwrap_err();
        assert!(matches!(error, ProofError::Path { .. }), "{index}: {error}");
    }
    let mut surplus = good.path.0.clone().into_vec();
    surplus.push(Hash([1; 32]));
    let path = InclusionPath(Bounded::new(surplus).unwrap());
    assert!(matches!(
        change(&chain, ChangeInclusion { path, ..good }),
        Err(ProofError::Path { error: MerkleError::PathLength { .. }, .. })
    ));
    // The whole message is the leaf: another sequence, payload or lane is another leaf.
    let inclusion = chain.message_inclusion(Height(2), &super::samples::peer(Suite::Standard, 2), 3);
    let with = |change: &dyn Fn(&mut MessageInclusion)| {
        let mut inclusion = inclusion.clone();
        change(&mut inclusion);
        let header = chain.header_proof(Height(1), Height(2));
        AnchoredMessage { header, inclusion }.verify(&chain.checkpoint(Height(1)))
    };
    assert!(with(&|_| ()).is_ok());
    assert!(with(&|inclusion| inclusion.message.sequence = Sequence(2)).is_err());
    assert!(with(&|inclusion| inclusion.message.sequence = Sequence(9)).is_err());
    assert!(with(&|inclusion| inclusion.message.payload = Default::default()).is_err());
    assert!(with(&|inclusion| inclusion.message.destination = super::samples::peer(Suite::Standard, 1)).is_err());
    assert!(with(&|inclusion| inclusion.message.source = super::samples::peer(Suite::Standard, 1)).is_err());
}

/// polkadot-sdk#11738: the answer of the ancestry check was thrown away, so forged ancestors passed.
#[test]
fn bug_c02_a_forged_ancestor_is_refused_and_the_verified_header_is_returned() {
    let chain = rich(Suite::Standard);
    let HeaderProof::Below { checkpoint, mut older } = chain.header_proof(Height(12), Height(3)) else { panic!() };
    let good = HeaderProof::Below { checkpoint: checkpoint.clone(), older: older.clone() };
    let verified = good.verify(&chain.checkpoint(Height(12))).unwrap();
    assert_eq!(verified.header(), chain.header(Height(3)));
    older.header.timestamp_ms.0 += 1;
    let forged = HeaderProof::Below { checkpoint, older };
    assert!(matches!(forged.verify(&chain.checkpoint(Height(12))), Err(ProofError::Path { .. })));
}

/// polkadot-sdk#12398, miden-vm#3234: in unbalanced trees one leaf verified at several indices.
#[test]
fn bug_c03_a_leaf_verifies_at_its_own_index_only() {
    // Three, five and seven leaves: unbalanced trees in which a path can fit several places.
    let chain = rich(Suite::Standard);
    for size in [3usize, 5, 7] {
        let leaves: Vec<Vec<u8>> = (0..size).map(|leaf| vec![leaf as u8]).collect();
        let tree = ledger_protocol::merkle::Tree::new(Suite::Standard, &leaves);
        for own in 0..size as u64 {
            for claimed in (0..size as u64).filter(|claimed| *claimed != own) {
                let leaf = ledger_protocol::merkle::LeafHash::of(Suite::Standard, &leaves[own as usize]);
                let path = tree.path(own).unwrap();
                let verified =
                    ledger_protocol::merkle::verify_inclusion(Suite::Standard, leaf, claimed, size as u64, &path)
                        .and_then(|recomputed| recomputed.expect_root(&tree.root()));
                assert!(verified.is_err(), "{own} as {claimed} of {size}");
            }
        }
    }
    let count = chain.block(Height(2)).changes.len();
    for own in 0..count {
        for index in (0..count).filter(|index| *index != own) {
            let moved = ChangeInclusion { index: index as u32, ..chain.change_at(Height(2), own) };
            assert!(change(&chain, moved).is_err(), "{own} at {index}");
        }
    }
}

/// nervosnetwork/merkle-mountain-range#23 and #35: duplicate leaves and the empty proof counted as success.
#[test]
fn bug_c04_empty_proofs_and_duplicate_parts_are_refused() {
    let chain = rich(Suite::Standard);
    let empty = ChangeInclusion { path: InclusionPath::default(), ..chain.change_at(Height(2), 1) };
    assert!(change(&chain, empty).is_err());
    assert!(verify_file(&[], &chain.checkpoint(Height(0))).is_err());
    assert!(verify_file(b"CTPROOF\0\x01\x00", &chain.checkpoint(Height(0))).is_err());
    assert!(verify_file(b"CTBUNDLE\x01\x00", &chain.checkpoint(Height(0))).is_err());
    // The same relay block twice is no bundle: the list is strictly ascending.
    let network = Network::new(Suite::Standard, &[Suite::Standard; 2], false, Story::Committed);
    let mut blocks = network.bundle(Height(0)).blocks.into_vec();
    blocks.insert(0, blocks[0].clone());
    assert!(ledger_protocol::codec::SortedVec::<_, 64>::new(blocks).is_err());
    // "Unchanged" by the same leaf on both sides.
    let at = chain.change_at(Height(2), 1);
    let form = UnchangedForm::Between { left: at.clone(), right: at.change.clone(), right_path: at.path };
    let proof =
        UnchangedProof { header: chain.header_proof(Height(1), Height(2)), place: KeyPlace::of(&at.change), form };
    assert!(proof.verify(&chain.checkpoint(Height(1))).is_err());
}

/// BNB bridge, 2022: a proof node with both children set left one of them unhashed.
#[test]
fn bug_c05_proofs_have_no_optional_fields_and_one_encoding() {
    for (name, _, proof) in super::samples::all(&rich(Suite::Standard)) {
        let file = proof.to_file();
        let again = AnyProof::from_file(&file).unwrap();
        assert_eq!((again.clone(), again.to_file()), (proof, file.clone()), "{name}");
        for surplus in 0..=1u8 {
            assert!(AnyProof::from_file(&[&file[..], &[surplus]].concat()).is_err(), "{name}: surplus byte");
        }
    }
}

/// ICS-23 "Dragonberry": leaves and inner nodes could stand for each other, absence held for the wrong key.
#[test]
fn bug_c06_an_inner_node_is_no_leaf_and_absence_is_bound_to_its_key() {
    let chain = rich(Suite::Standard);
    // A state proof of absence for one key does not serve for a key that is there.
    let never = place(1, "accounts", b"never");
    let kept = place(1, "accounts", b"kept");
    let mut inclusion = chain.state_inclusion(Height(6), &never);
    let header = chain.header_proof(Height(5), Height(6));
    let proof = LedgerStateProof { header: header.clone(), place: kept.clone(), inclusion: inclusion.clone() };
    assert!(matches!(proof.verify(&chain.checkpoint(Height(5))), Err(ProofError::State { .. })));
    // Nor under another ledger's leaf.
    let other = chain.state_inclusion(Height(6), &place(2, "accounts", b"never"));
    (inclusion.ledger, inclusion.index, inclusion.path) = (other.ledger, other.index, other.path);
    let proof = LedgerStateProof { header, place: never, inclusion };
    assert!(matches!(proof.verify(&chain.checkpoint(Height(5))), Err(ProofError::Mismatch(_))));
    // A leaf enters as data: the two hashes of an inner node hash to a leaf with another prefix.
    let leaves: Vec<Vec<u8>> = chain.block(Height(2)).changes.iter().map(encode).collect();
    let suite = Suite::Standard;
    let leaf = |data: &[u8]| ledger_protocol::merkle::LeafHash::of(suite, data).hash();
    let inner = [leaf(&leaves[0]).0, leaf(&leaves[1]).0].concat();
    assert_ne!(leaf(&inner), ledger_protocol::merkle::Tree::new(suite, &leaves[..2]).root());
}

/// ICS-23 "Dragonberry", the neighbour side of it: absence was shown by leaves that are not neighbours.
#[test]
fn bug_r02_neighbours_of_an_absent_change_must_be_adjacent_and_around_it() {
    let chain = rich(Suite::Standard);
    let header = chain.header_proof(Height(1), Height(2));
    let checkpoint = chain.checkpoint(Height(1));
    let at = |index| chain.change_at(Height(2), index);
    let verify = |place: &KeyPlace, form| {
        UnchangedProof { header: header.clone(), place: place.clone(), form }.verify(&checkpoint)
    };
    let between = |left: usize, right: usize| UnchangedForm::Between {
        left: at(left),
        right: at(right).change,
        right_path: at(right).path,
    };
    let gone = KeyPlace::of(&at(1).change);
    assert!(verify(&gone, between(0, 2)).is_err(), "a gap hides the change itself");
    assert!(verify(&gone, between(0, 1)).is_err());
    assert!(verify(&gone, between(1, 2)).is_err());
    assert!(verify(&place(1, "accounts", b"zz"), between(0, 1)).is_err(), "not around the key");
    let first = at(1);
    assert!(verify(&place(0, "a", b""), UnchangedForm::BeforeFirst { first: first.change, path: first.path }).is_err());
    let last = at(1);
    assert!(verify(&place(2, "a", b""), UnchangedForm::AfterLast { last: last.change, path: last.path }).is_err());
    assert!(verify(&place(2, "a", b""), UnchangedForm::Empty).is_err());
}

/// Nomad, 2022, $190 M: the zero root was marked as trusted, and what proved nothing had root zero.
#[test]
fn bug_r03_zero_hashes_are_never_trusted() {
    let chain = rich(Suite::Standard);
    for (name, checkpoint, proof) in super::samples::all(&chain) {
        for field in 0..2 {
            let mut zero = checkpoint;
            *(if field == 0 { &mut zero.header_hash } else { &mut zero.next_validators_hash }) = Hash::ZERO;
            assert!(proof.verify(&zero).is_err(), "{name}");
        }
    }
    // A header full of zero roots, trusted by its hash, proves nothing beneath it.
    let mut header = chain.header(Height(2)).clone();
    header.changes.root = Hash::ZERO;
    header.receipts = Hash::ZERO;
    let checkpoint = ledger_protocol::chain::Checkpoint::at(&header, chain.kind);
    let proof = ChangeProof {
        header: HeaderProof::Checkpoint { header: Box::new(header) },
        inclusion: chain.change_at(Height(2), 1),
    };
    let refused = ProofError::Path { what: "change in the changes", error: MerkleError::ZeroRoot };
    assert_eq!(proof.verify(&checkpoint), Err(refused));
}

/// tendermint#5139, ibc-go#1725, tendermint-rs#478, as a proof file meets them: retired sets, skipped hand-offs, a third
/// of the power.
#[test]
fn bug_r04_a_retired_set_a_skipped_hand_off_and_a_third_of_the_power_are_refused() {
    let chain = rich(Suite::Standard);
    let HeaderProof::Above(good) = chain.header_proof(Height(1), Height(13)) else { panic!() };
    let checkpoint = chain.checkpoint(Height(1));
    for skipped in 0..2 {
        let mut above = good.clone();
        let mut handoffs = above.handoffs.into_vec();
        handoffs.remove(skipped);
        above.handoffs = Bounded::new(handoffs).unwrap();
        assert!(HeaderProof::Above(above).verify(&checkpoint).is_err(), "hand-off {skipped} skipped");
    }
    let header = chain.header(Height(13));
    for (name, keys, signers) in [
        ("retired set", &chain.sets[&chain.header(Height(5)).validators_hash], 3),
        ("below the quorum", &chain.current, 3),
        ("a third", &chain.current, 2),
    ] {
        let mut above = good.clone();
        let CertifiedHead::New { certificate, .. } = &mut above.head else { panic!() };
        *certificate = keys.certify_by(header, chain.kind, signers);
        assert!(HeaderProof::Above(above).verify(&checkpoint).is_err(), "{name}");
    }
}
