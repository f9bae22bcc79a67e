//! Declaring accounts, and changing who may do what on them.

use super::fixture::*;
use crate::query;
use ledger_protocol::transaction::*;
use ledger_protocol::*;

fn permissions(text: &str, policy: SigningPolicy) -> Operation {
    let mut mode = mode(1);
    mode.others_write = true;
    Operation::SetAccountPermissions(SetAccountPermissions {
        account: name(text),
        mode,
        policy,
        read_policy: ReadPolicy::Open,
        lockable: false,
    })
}

#[test]
fn declaring_is_denied_by_default() {
    let world = World::new();
    let new = |text: &str| declare(account(text, AccountKind::Data, 1));
    assert_eq!(world.code(&[STRANGER], new("new")), Code::IDENTITY_UNKNOWN);
    assert_eq!(world.code(&[1], new("new")), Code::DENIED);
    assert_eq!(world.code(&[ADMIN], new("new")), Code::OK);
    assert_eq!(world.code(&[ADMIN], new("cash")), Code::ACCOUNT_EXISTS);
    assert_eq!(world.code_on(SYSTEM, &[ADMIN], new("new")), Code::NOT_SYSTEM_LEDGER);
    assert_eq!(world.code(&[ADMIN], declare(account("new", AccountKind::Contract, 1))), Code::UNSUPPORTED);
}

#[test]
fn reserved_names_cannot_be_declared_or_addressed() {
    let world = World::new();
    for text in ["$identities", "$accounts", "$", "$new", ""] {
        assert_eq!(world.code(&[ADMIN], declare(account(text, AccountKind::Data, ADMIN))), Code::BAD_ARGUMENT);
        assert_eq!(world.code(&[ADMIN], set(text, "a", "1")), Code::ACCOUNT_UNKNOWN);
        assert_eq!(world.code(&[ADMIN], delete(text, "a", Expectation::Any)), Code::ACCOUNT_UNKNOWN);
        assert_eq!(world.code(&[ADMIN], add(text, "a", 1)), Code::ACCOUNT_UNKNOWN);
        assert_eq!(world.code(&[ADMIN], event(text, "a")), Code::ACCOUNT_UNKNOWN);
        assert_eq!(world.code(&[ADMIN], set_account(text, AccountState::Closed)), Code::ACCOUNT_UNKNOWN);
    }
}

#[test]
fn an_unsatisfiable_policy_is_refused() {
    let world = World::new();
    for policy in [
        policy(SigningRule::AtLeast(3), &[1, 2]),
        policy(SigningRule::AtLeast(0), &[1, 2]),
        policy(SigningRule::Weighted(4), &[1, 2]),
        policy(SigningRule::Organisations(2), &[1, 4]),
        policy(SigningRule::All, &[]),
    ] {
        let mut declaration = account("new", AccountKind::Data, 1);
        declaration.policy = policy.clone();
        assert_eq!(world.code(&[ADMIN], declare(declaration)), Code::BAD_ARGUMENT);
        assert_eq!(world.code(&[1], permissions("cash", policy)), Code::BAD_ARGUMENT);
    }
}

#[test]
fn permissions_are_changed_by_the_owner_or_a_manager() {
    let mut world = World::new();
    let open = || permissions("cash", SigningPolicy::any());
    assert_eq!(world.code(&[STRANGER], open()), Code::IDENTITY_UNKNOWN);
    assert_eq!(world.code(&[2], open()), Code::DENIED);
    assert_eq!(world.code(&[1], permissions("nowhere", SigningPolicy::any())), Code::ACCOUNT_UNKNOWN);
    assert_eq!(world.code(&[ADMIN], open()), Code::OK);
    assert_eq!(world.code(&[2], set("cash", "a", "1")), Code::DENIED);
    assert_eq!(world.run(&[1], vec![at(BOOK, open())]), Code::OK);
    assert_eq!(world.code(&[2], set("cash", "a", "1")), Code::OK);
    let account = world.look(|state, _| query::account(state, BOOK, &name("cash")).unwrap().unwrap()).0;
    assert!(!account.lockable && account.read_policy == ReadPolicy::Open);
}

#[test]
fn an_owner_alone_cannot_strip_three_of_five() {
    let world = World::new();
    assert_eq!(world.code(&[1], permissions("vault", SigningPolicy::any())), Code::POLICY_UNMET);
    assert_eq!(world.code(&[1], set_account("vault", AccountState::Closed)), Code::POLICY_UNMET);
    assert_eq!(world.code(&[2, 3, 4], permissions("vault", SigningPolicy::any())), Code::DENIED);
    assert_eq!(world.code(&[1, 2, 3], permissions("vault", SigningPolicy::any())), Code::OK);
    assert_eq!(world.code(&[ADMIN], permissions("vault", SigningPolicy::any())), Code::OK);
}

#[test]
fn an_account_that_is_not_open_takes_no_write() {
    let mut world = World::new();
    assert_eq!(world.code(&[2], set_account("cash", AccountState::Frozen)), Code::DENIED);
    for (text, state) in
        [("cash", AccountState::Frozen), ("till", AccountState::Closed), ("news", AccountState::Frozen)]
    {
        assert_eq!(world.run(&[1], vec![at(BOOK, set_account(text, state))]), Code::OK);
    }
    for text in ["cash", "till"] {
        assert_eq!(world.code(&[1], set(text, "a", "1")), Code::ACCOUNT_NOT_OPEN);
        assert_eq!(world.code(&[1], add(text, "balance", 1)), Code::ACCOUNT_NOT_OPEN);
        assert_eq!(world.code(&[1], delete(text, "a", Expectation::Any)), Code::ACCOUNT_NOT_OPEN);
        assert_eq!(world.code(&[1], counter(text, "c", 0, 1, 0)), Code::ACCOUNT_NOT_OPEN);
        assert_eq!(world.code(&[1], permissions(text, SigningPolicy::any())), Code::ACCOUNT_NOT_OPEN);
    }
    assert_eq!(world.code(&[1], event("news", "a")), Code::ACCOUNT_NOT_OPEN);
    // An owner cannot lift a freeze; a closed account stays closed for everybody.
    assert_eq!(world.code(&[1], set_account("cash", AccountState::Open)), Code::DENIED);
    assert_eq!(world.code(&[ADMIN], set_account("till", AccountState::Open)), Code::ACCOUNT_NOT_OPEN);
    assert_eq!(world.code(&[ADMIN], permissions("till", SigningPolicy::any())), Code::ACCOUNT_NOT_OPEN);
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, set_account("cash", AccountState::Open))]), Code::OK);
    assert_eq!(world.code(&[1], set("cash", "a", "1")), Code::OK);
}

#[test]
fn every_kind_takes_only_what_it_is_for() {
    let mut world = World::new();
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, declare(account("me", AccountKind::User, 2)))]), Code::OK);
    assert_eq!(world.code(&[2], set("me", "a", "1")), Code::OK);
    assert_eq!(world.code(&[2], event("me", "a")), Code::ACCOUNT_KIND);
    assert_eq!(world.code(&[1], set("news", "a", "1")), Code::ACCOUNT_KIND);
    assert_eq!(world.code(&[1], counter("news", "a", 0, 1, 0)), Code::ACCOUNT_KIND);
    assert_eq!(world.code(&[1], event("cash", "a")), Code::ACCOUNT_KIND);
    assert_eq!(world.code(&[1], event("news", "a")), Code::OK);
    assert_eq!(world.code(&[1], event("news", "")), Code::BAD_ARGUMENT);
}
