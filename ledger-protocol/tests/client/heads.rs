//! Rule R7: which headers move a client.

use super::synthetic::{KeySet, SyntheticChain, chain_id};
use ledger_protocol::chain::{CertificateError, CertificateKind, Header};
use ledger_protocol::merkle::{InclusionPath, MerkleError};
use ledger_protocol::proof::client::{
    ClientError, TrustedHeader, VerifiedHeader, verify_handoff, verify_new_head, verify_older,
};
use ledger_protocol::{ChainId, Hash, Height, Suite};

fn receiver() -> ChainId {
    chain_id(Suite::Standard, 200)
}

fn chain(blocks: usize) -> SyntheticChain {
    let mut chain = SyntheticChain::new(Suite::Standard, 1);
    for _ in 0..blocks {
        chain.produce(&[(receiver(), 1)]);
    }
    chain
}

fn check(source: &SyntheticChain, trusted: u64, head: u64) -> Result<VerifiedHeader, ClientError> {
    let block = source.block(Height(head));
    verify_new_head(
        &source.trusted(Height(trusted)),
        &block.header,
        block.certificate.as_ref().unwrap(),
        &source.history_path(Height(trusted), Height(head)),
    )
}

#[test]
fn rule_r7_a_new_head_in_whose_history_the_trusted_header_stands_is_accepted_on_both_suites() {
    for suite in [Suite::Standard, Suite::Guomi] {
        let mut source = SyntheticChain::new(suite, 1);
        for _ in 0..6 {
            source.produce(&[]);
        }
        for head in 3..=6 {
            assert_eq!(check(&source, 2, head).unwrap().hash(), source.header(Height(head)).hash());
        }
    }
}

#[test]
fn rule_r7_a_header_at_or_below_the_trusted_one_is_refused() {
    let source = chain(6);
    let block = source.block(Height(4));
    for trusted in 4..=6 {
        let result = verify_new_head(
            &source.trusted(Height(trusted)),
            &block.header,
            block.certificate.as_ref().unwrap(),
            &InclusionPath::default(),
        );
        assert!(matches!(result, Err(ClientError::NotAbove { .. })), "{result:?}");
    }
}

#[test]
fn rule_r7_another_history_is_refused_even_if_certified_by_the_trusted_set() {
    let source = chain(6);
    let mut fork = chain(3);
    fork.produce(&[(receiver(), 7)]);
    fork.produce(&[]);
    fork.produce(&[]);
    let head = fork.block(Height(6));
    let result = verify_new_head(
        &source.trusted(Height(4)),
        &head.header,
        head.certificate.as_ref().unwrap(),
        &fork.history_path(Height(4), Height(6)),
    );
    assert!(matches!(result, Err(ClientError::Path { error: MerkleError::RootMismatch { .. }, .. })), "{result:?}");
}

#[test]
fn rule_r7_a_certificate_by_another_set_is_refused() {
    let source = chain(5);
    let other = KeySet::new(Suite::Standard, 77, 4);
    let header = source.header(Height(5));
    let result = verify_new_head(
        &source.trusted(Height(3)),
        header,
        &other.certify(header, source.kind),
        &source.history_path(Height(3), Height(5)),
    );
    assert!(matches!(result, Err(ClientError::Certificate(_))), "{result:?}");
}

#[test]
fn rule_r7_a_header_that_names_another_set_is_refused_before_any_signature() {
    let mut source = chain(3);
    source.produce_with(&[], Some(KeySet::new(Suite::Standard, 42, 4)));
    source.produce(&[]);
    let result = check(&source, 2, 5);
    assert!(matches!(result, Err(ClientError::OtherSet { .. })), "{result:?}");
}

#[test]
fn rule_r7_every_changed_field_of_a_head_is_refused() {
    let source = chain(5);
    let trusted = source.trusted(Height(3));
    let path = source.history_path(Height(3), Height(5));
    let certificate = source.block(Height(5)).certificate.clone().unwrap();
    let honest = source.header(Height(5)).clone();
    let changes: [fn(&mut Header); 13] = [
        |h| h.version = 2,
        |h| h.chain = chain_id(Suite::Standard, 9),
        |h| h.height = Height(6),
        |h| h.round.0 = 1,
        |h| h.timestamp_ms.0 = 1,
        |h| h.timestamp_ms.0 += 1,
        |h| h.parent = Hash([1; 32]),
        |h| h.outbox.count += 1,
        |h| h.history = Hash::ZERO,
        |h| h.validators_hash = Hash::ZERO,
        |h| h.next_validators_hash = Hash([3; 32]),
        |h| h.receipts = Hash([3; 32]),
        |h| h.parameters_hash = Hash([3; 32]),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut header = honest.clone();
        change(&mut header);
        assert!(verify_new_head(&trusted, &header, &certificate, &path).is_err(), "change {index}");
    }
    assert!(verify_new_head(&trusted, &honest, &certificate, &path).is_ok());
}

#[test]
fn bug_c07_fewer_signatures_than_the_quorum_are_refused() {
    let source = chain(5);
    let header = source.header(Height(5));
    let path = source.history_path(Height(3), Height(5));
    for signers in 0..3 {
        let certificate = source.current.certify_by(header, source.kind, signers);
        let result = verify_new_head(&source.trusted(Height(3)), header, &certificate, &path);
        assert!(
            matches!(result, Err(ClientError::Certificate(CertificateError::Power { .. } | CertificateError::Bitmap))),
            "{signers}: {result:?}"
        );
    }
}

#[test]
fn bug_c08_a_certificate_of_another_kind_is_refused() {
    let source = chain(5);
    let header = source.header(Height(5));
    let path = source.history_path(Height(3), Height(5));
    for kind in [CertificateKind::Cft, CertificateKind::Dev] {
        let certificate = source.current.certify_by(header, kind, 4);
        let result = verify_new_head(&source.trusted(Height(3)), header, &certificate, &path);
        assert!(matches!(result, Err(ClientError::Certificate(CertificateError::Kind { .. }))), "{result:?}");
    }
}

#[test]
fn bug_c01_a_path_with_a_surplus_a_missing_or_a_moved_hash_is_refused() {
    let source = chain(9);
    let honest = source.history_path(Height(5), Height(9));
    let block = source.block(Height(9));
    let judge = |hashes: Vec<Hash>| {
        verify_new_head(
            &source.trusted(Height(5)),
            &block.header,
            block.certificate.as_ref().unwrap(),
            &InclusionPath(ledger_protocol::codec::Bounded::new(hashes).unwrap()),
        )
    };
    let hashes: Vec<Hash> = honest.0.to_vec();
    assert!(judge(hashes.clone()).is_ok());
    for index in 0..=hashes.len() {
        let mut surplus = hashes.clone();
        surplus.insert(index, Hash([5; 32]));
        assert!(judge(surplus).is_err());
    }
    for index in 0..hashes.len() {
        let mut missing = hashes.clone();
        missing.remove(index);
        assert!(judge(missing).is_err());
        let mut swapped = hashes.clone();
        swapped.rotate_left(1);
        assert!(judge(swapped).is_err());
        let mut bit = hashes.clone();
        bit[index].0[31] ^= 1;
        assert!(judge(bit).is_err());
    }
}

#[test]
fn bug_c03_a_trusted_header_proves_at_its_own_height_only() {
    let source = chain(9);
    let block = source.block(Height(9));
    let mut trusted = source.trusted(Height(5));
    for height in (0..9).filter(|height| *height != 5) {
        trusted.height = Height(height);
        let path = source.history_path(Height(height), Height(9));
        assert!(verify_new_head(&trusted, &block.header, block.certificate.as_ref().unwrap(), &path).is_err());
    }
}

#[test]
fn bug_c04_an_empty_path_proves_nothing_where_the_shape_has_one() {
    let source = chain(5);
    let block = source.block(Height(5));
    let result = verify_new_head(
        &source.trusted(Height(3)),
        &block.header,
        block.certificate.as_ref().unwrap(),
        &InclusionPath::default(),
    );
    assert!(matches!(result, Err(ClientError::Path { error: MerkleError::PathLength { .. }, .. })), "{result:?}");
}

/// A chain 0..=10 with hand-offs at 3, 6 and 7.
fn with_handoffs() -> SyntheticChain {
    let mut source = chain(2);
    source.produce_with(&[(receiver(), 1)], Some(KeySet::new(Suite::Standard, 31, 4)));
    source.produce(&[(receiver(), 1)]);
    source.produce(&[(receiver(), 1)]);
    source.produce_with(&[(receiver(), 1)], Some(KeySet::new(Suite::Standard, 32, 7)));
    source.produce_with(&[(receiver(), 1)], Some(KeySet::new(Suite::Standard, 33, 1)));
    source.produce(&[(receiver(), 1)]);
    source.produce(&[(receiver(), 1)]);
    source.produce(&[(receiver(), 1)]);
    source
}

#[test]
fn rule_r7_hand_offs_in_order_lead_to_the_newest_set() {
    let source = with_handoffs();
    let mut trusted = source.trusted(Height(1));
    for height in [3, 6, 7] {
        trusted = verify_handoff(&trusted, &source.handoff(trusted.height, Height(height))).unwrap();
        assert_eq!(trusted, source.trusted(Height(height)));
    }
    let block = source.block(Height(10));
    let path = source.history_path(Height(7), Height(10));
    let verified = verify_new_head(&trusted, &block.header, block.certificate.as_ref().unwrap(), &path);
    assert_eq!(verified.unwrap().hash(), block.header.hash());
}

#[test]
fn rule_r7_a_skipped_hand_off_is_refused() {
    let source = with_handoffs();
    for height in [6, 7] {
        let result = verify_handoff(&source.trusted(Height(1)), &source.handoff(Height(1), Height(height)));
        assert!(matches!(result, Err(ClientError::OtherSet { .. })), "{result:?}");
    }
}

#[test]
fn rule_r7_a_hand_off_header_is_no_head_and_a_plain_header_is_no_hand_off() {
    let source = with_handoffs();
    assert!(matches!(check(&source, 1, 3), Err(ClientError::IsHandoff(Height(3)))));
    let result = verify_handoff(&source.trusted(Height(1)), &source.handoff(Height(1), Height(2)));
    assert!(matches!(result, Err(ClientError::IsNoHandoff(Height(2)))), "{result:?}");
}

#[test]
fn rule_r7_a_hand_off_with_another_next_set_is_refused() {
    let source = with_handoffs();
    let mut handoff = source.handoff(Height(1), Height(3));
    handoff.next_validators = KeySet::new(Suite::Standard, 66, 4).set;
    let result = verify_handoff(&source.trusted(Height(1)), &handoff);
    assert!(matches!(result, Err(ClientError::NextSet { .. })), "{result:?}");
}

#[test]
fn rule_r7_a_hand_off_twice_is_refused() {
    let source = with_handoffs();
    let trusted = source.trusted(Height(1));
    let handoff = source.handoff(Height(1), Height(3));
    let next = verify_handoff(&trusted, &handoff).unwrap();
    assert!(matches!(verify_handoff(&next, &handoff), Err(ClientError::NotAbove { .. })));
}

#[test]
fn rule_r7_older_headers_are_accepted_by_history_alone() {
    let source = with_handoffs();
    let trusted = source.trusted(Height(7));
    let block = source.block(Height(10));
    let path = source.history_path(Height(7), Height(10));
    let head = verify_new_head(&trusted, &block.header, block.certificate.as_ref().unwrap(), &path).unwrap();
    for height in 0..10 {
        let path = source.history_path(Height(height), Height(10));
        let older = verify_older(&head, source.header(Height(height)), &path).unwrap();
        assert_eq!(older.hash(), source.header(Height(height)).hash());
        let mut forged = source.header(Height(height)).clone();
        forged.receipts = Hash([1; 32]);
        assert!(verify_older(&head, &forged, &path).is_err());
    }
}

#[test]
fn bug_r03_a_zero_hash_is_never_trusted() {
    let source = chain(5);
    let mut header = source.header(Height(2)).clone();
    header.next_validators_hash = Hash::ZERO;
    assert!(TrustedHeader::at(&header, source.kind, source.current.set.clone()).is_err());
    let mut trusted = source.trusted(Height(3));
    trusted.header_hash = Hash::ZERO;
    let block = source.block(Height(5));
    let path = source.history_path(Height(3), Height(5));
    assert!(verify_new_head(&trusted, &block.header, block.certificate.as_ref().unwrap(), &path).is_err());
}
