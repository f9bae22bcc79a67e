//! Each signing rule, through a write to an account that everybody of the ledger may write to by mode.

use super::fixture::*;
use ledger_protocol::transaction::*;
use ledger_protocol::*;

/// The code of a write under a policy of people 1…5 (weights 1…5; organisations 1, 2, 0, 1, 2).
fn code(rule: SigningRule, authors: &[u8]) -> Code {
    let mut world = World::new();
    let mut declaration = account("ruled", AccountKind::Data, 6);
    declaration.mode.others_write = true;
    declaration.policy = policy(rule, &[1, 2, 3, 4, 5]);
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, declare(declaration))]), Code::OK);
    let codes = [world.code(authors, set("ruled", "a", "1")), world.code(authors, counter("ruled", "c", 0, 9, 1))];
    assert_eq!(codes[0], codes[1]);
    codes[0]
}

#[test]
fn any_asks_for_one_member() {
    assert_eq!(code(SigningRule::Any, &[6]), Code::POLICY_UNMET);
    assert_eq!(code(SigningRule::Any, &[5]), Code::OK);
    assert_eq!(code(SigningRule::Any, &[5, 6]), Code::OK);
}

#[test]
fn all_asks_for_every_member() {
    assert_eq!(code(SigningRule::All, &[1, 2, 3, 4, 6]), Code::POLICY_UNMET);
    assert_eq!(code(SigningRule::All, &[1, 2, 3, 4, 5]), Code::OK);
}

#[test]
fn majority_asks_for_more_than_half() {
    assert_eq!(code(SigningRule::Majority, &[1, 2]), Code::POLICY_UNMET);
    assert_eq!(code(SigningRule::Majority, &[1, 2, 6]), Code::POLICY_UNMET);
    assert_eq!(code(SigningRule::Majority, &[1, 2, 3]), Code::OK);
}

#[test]
fn three_of_five_means_three() {
    assert_eq!(code(SigningRule::AtLeast(3), &[1, 5]), Code::POLICY_UNMET);
    assert_eq!(code(SigningRule::AtLeast(3), &[1, 5, 6]), Code::POLICY_UNMET);
    assert_eq!(code(SigningRule::AtLeast(3), &[1, 3, 5]), Code::OK);
    assert_eq!(code(SigningRule::AtLeast(3), &[1, 2, 3, 4, 5, 6]), Code::OK);
}

#[test]
fn weighted_asks_for_a_sum() {
    assert_eq!(code(SigningRule::Weighted(8), &[3, 4]), Code::POLICY_UNMET);
    assert_eq!(code(SigningRule::Weighted(8), &[3, 5]), Code::OK);
    assert_eq!(code(SigningRule::Weighted(8), &[1, 2, 4]), Code::POLICY_UNMET);
}

#[test]
fn organisations_asks_for_different_ones() {
    assert_eq!(code(SigningRule::Organisations(2), &[1, 4]), Code::POLICY_UNMET);
    assert_eq!(code(SigningRule::Organisations(2), &[1, 2]), Code::OK);
    assert_eq!(code(SigningRule::Organisations(3), &[1, 2, 4, 5]), Code::POLICY_UNMET);
    assert_eq!(code(SigningRule::Organisations(3), &[1, 2, 3]), Code::OK);
}

#[test]
fn a_policy_gives_no_right_that_the_mode_denies() {
    let mut world = World::new();
    let mut declaration = account("ruled", AccountKind::Data, 6);
    declaration.policy = policy(SigningRule::AtLeast(2), &[1, 2, 6]);
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, declare(declaration))]), Code::OK);
    assert_eq!(world.code(&[1, 2], set("ruled", "a", "1")), Code::DENIED);
    assert_eq!(world.code(&[6], set("ruled", "a", "1")), Code::POLICY_UNMET);
    assert_eq!(world.code(&[1, 6], set("ruled", "a", "1")), Code::OK);
}

#[test]
fn a_frozen_member_does_not_help_to_three() {
    let mut world = World::new();
    assert_eq!(world.code(&[1, 2, 3], set("vault", "a", "1")), Code::OK);
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, set_identity(3, IdentityState::Frozen))]), Code::OK);
    assert_eq!(world.code(&[1, 2, 3], set("vault", "a", "1")), Code::IDENTITY_FROZEN);
    assert_eq!(world.code(&[1, 2, 4], set("vault", "a", "1")), Code::OK);
}
