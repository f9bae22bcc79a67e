//! Re-anchoring (R9): both branches of a fork, and what must be shown.

use super::synthetic::{KeySet, SyntheticChain, chain_id};
use ledger_protocol::codec::{Bounded, Text};
use ledger_protocol::interchain::Reanchor;
use ledger_protocol::merkle::InclusionPath;
use ledger_protocol::proof::client::{ClientError, VerifiedReanchor, verify_reanchor};
use ledger_protocol::{ChainId, Hash, Height, Sequence, Suite};

fn relay() -> ChainId {
    chain_id(Suite::Standard, 200)
}

/// The trusted branch up to 6 (two messages per block) and another that leaves it after 3 and hands off at 7.
fn branches() -> (SyntheticChain, SyntheticChain) {
    let mut trusted = SyntheticChain::new(Suite::Standard, 1);
    for _ in 0..3 {
        trusted.produce(&[(relay(), 2)]);
    }
    let mut other = trusted.clone();
    for _ in 0..3 {
        trusted.produce(&[(relay(), 2)]);
        other.produce(&[(relay(), 1)]);
    }
    other.produce_with(&[(relay(), 0)], Some(KeySet::new(Suite::Standard, 70, 4)));
    (trusted, other)
}

fn reanchor(trusted: &SyntheticChain, other: &SyntheticChain, to: u64, common: u64) -> Reanchor {
    let header = other.header(Height(to)).clone();
    Reanchor {
        chain: other.id,
        certificate: other.block(Height(to)).certificate.clone().unwrap(),
        validators: other.keys_of(&header.validators_hash).set.clone(),
        next_validators: other.keys_of(&header.next_validators_hash).set.clone(),
        anchor_path: other.history_path(Height(1), Height(to)),
        common: other.header(Height(common)).clone(),
        common_in_new: other.history_path(Height(common), Height(to)),
        common_in_trusted: trusted.history_path(Height(common), Height(6)),
        leaf: other.leaf_path(Height(common), &relay()),
        reason: Text::new("fork").unwrap(),
        header,
    }
}

fn judge(trusted: &SyntheticChain, next: u64, reanchor: &Reanchor) -> Result<VerifiedReanchor, ClientError> {
    let header = trusted.header(Height(6));
    let anchor = (Height(1), trusted.header(Height(1)).hash());
    verify_reanchor(&trusted.trusted(Height(6)), Some(header.history), anchor, Sequence(next), &relay(), reanchor)
}

#[test]
fn rule_r9_a_re_anchor_takes_the_counter_back_to_the_boundary_of_the_kept_history() {
    let (trusted, other) = branches();
    let motion = reanchor(&trusted, &other, 7, 3);
    let verified = judge(&trusted, 12, &motion).unwrap();
    assert_eq!(verified.next_expected, Sequence(6));
    assert_eq!(verified.trusted, other.trusted(Height(7)));
    assert_eq!(judge(&trusted, 4, &motion).unwrap().next_expected, Sequence(4));
}

#[test]
fn rule_r9_a_re_anchor_must_contain_the_last_anchor_and_a_common_header() {
    let (trusted, other) = branches();
    let mut no_anchor = reanchor(&trusted, &other, 7, 3);
    no_anchor.anchor_path = InclusionPath::default();
    assert!(judge(&trusted, 12, &no_anchor).is_err());
    let mut not_common = reanchor(&trusted, &other, 7, 3);
    not_common.common = other.header(Height(5)).clone();
    not_common.common_in_new = other.history_path(Height(5), Height(7));
    not_common.common_in_trusted = trusted.history_path(Height(5), Height(6));
    not_common.leaf = other.leaf_path(Height(5), &relay());
    assert!(matches!(judge(&trusted, 12, &not_common), Err(ClientError::Path { .. })));
    let mut unsigned = reanchor(&trusted, &other, 7, 3);
    unsigned.certificate.signatures = Bounded::empty();
    assert!(matches!(judge(&trusted, 12, &unsigned), Err(ClientError::Certificate(_))));
    let mut strangers = reanchor(&trusted, &other, 7, 3);
    strangers.validators = KeySet::new(Suite::Standard, 9, 4).set;
    assert!(matches!(judge(&trusted, 12, &strangers), Err(ClientError::OtherSet { .. })));
    let mut zero = reanchor(&trusted, &other, 7, 3);
    zero.header.history = Hash::ZERO;
    assert!(judge(&trusted, 12, &zero).is_err());
}

#[test]
fn rule_r9_a_re_anchor_on_the_same_branch_keeps_the_trusted_header_as_common() {
    let (mut trusted, _) = branches();
    trusted.produce(&[(relay(), 0)]);
    trusted.produce(&[(relay(), 0)]);
    let mut motion = reanchor(&trusted, &trusted, 8, 3);
    motion.common = trusted.header(Height(6)).clone();
    motion.common_in_new = trusted.history_path(Height(6), Height(8));
    motion.leaf = trusted.leaf_path(Height(6), &relay());
    motion.common_in_trusted = InclusionPath::default();
    assert_eq!(judge(&trusted, 12, &motion).unwrap().next_expected, Sequence(12));
}
