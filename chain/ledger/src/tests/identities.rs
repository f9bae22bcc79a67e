//! Who may sign, and who may say so.

use super::fixture::*;
use crate::query;
use ledger_protocol::transaction::*;
use ledger_protocol::*;

#[test]
fn registering_is_denied_by_default() {
    let world = World::new();
    assert_eq!(world.code(&[STRANGER], register(STRANGER, &[])), Code::IDENTITY_UNKNOWN);
    assert_eq!(world.code(&[1], register(STRANGER, &[])), Code::DENIED);
    assert_eq!(world.code(&[ADMIN], register(STRANGER, &[])), Code::OK);
    assert_eq!(world.code(&[ADMIN], register(1, &[])), Code::IDENTITY_EXISTS);
    // An identity of another ledger is a stranger here.
    assert_eq!(world.code_on(OTHER_BOOK, &[2], register(STRANGER, &[])), Code::IDENTITY_UNKNOWN);
    assert_eq!(world.code_on(LedgerId(9), &[ADMIN], register(STRANGER, &[])), Code::LEDGER_UNKNOWN);
}

#[test]
fn a_registrar_cannot_make_an_admin() {
    let mut world = World::new();
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, grant(3, "registrar", true))]), Code::OK);
    assert_eq!(world.code(&[3], register(STRANGER, &[])), Code::OK);
    assert_eq!(world.code(&[3], register(STRANGER, &["admin"])), Code::DENIED);
    assert_eq!(world.code(&[3], grant(3, "admin", true)), Code::DENIED);
    assert_eq!(world.code(&[ADMIN], register(STRANGER, &["admin"])), Code::OK);
}

#[test]
fn a_key_of_another_suite_or_of_small_order_is_refused() {
    let world = World::new();
    let with = |public_key| {
        Operation::RegisterIdentity(IdentityRegistration {
            public_key,
            organisation: organisation("org"),
            roles: codec::SortedVec::default(),
        })
    };
    let foreign = suite::SecretKey::from_seed(Suite::Guomi, [1; 32]).public_key();
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    assert_eq!(world.code(&[ADMIN], with(foreign)), Code::KEY_UNACCEPTABLE);
    assert_eq!(world.code(&[ADMIN], with(PublicKey::Ed25519(identity_point))), Code::KEY_UNACCEPTABLE);
}

#[test]
fn roles_are_given_and_taken_by_managers_alone() {
    let mut world = World::new();
    assert_eq!(world.code(&[1], grant(1, "clerk", true)), Code::DENIED);
    assert_eq!(world.code(&[ADMIN], grant(STRANGER, "clerk", true)), Code::IDENTITY_UNKNOWN);
    assert_eq!(world.code(&[ADMIN], grant(1, "", true)), Code::BAD_ARGUMENT);
    assert_eq!(world.code(&[3], set("shared", "a", "1")), Code::DENIED);
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, grant(3, "clerk", true))]), Code::OK);
    assert_eq!(world.code(&[3], set("shared", "a", "1")), Code::OK);
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, grant(3, "clerk", false))]), Code::OK);
    assert_eq!(world.code(&[3], set("shared", "a", "1")), Code::DENIED);
    let many = (0..17).map(|index| at(BOOK, grant(3, &format!("role {index}"), true))).collect();
    assert_eq!(world.run(&[ADMIN], many), Code::LIMIT);
}

#[test]
fn a_frozen_signer_fails_the_transaction_whoever_signs_beside_it() {
    let mut world = World::new();
    assert_eq!(world.code(&[1], set_identity(2, IdentityState::Frozen)), Code::DENIED);
    assert_eq!(world.code(&[1, 2], set("cash", "a", "1")), Code::OK);
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, set_identity(2, IdentityState::Frozen))]), Code::OK);
    assert_eq!(world.code(&[1, 2], set("cash", "a", "1")), Code::IDENTITY_FROZEN);
    assert_eq!(world.code(&[ADMIN, 2], register(STRANGER, &[])), Code::IDENTITY_FROZEN);
    assert_eq!(world.code(&[2, STRANGER], set("cash", "a", "1")), Code::IDENTITY_FROZEN);
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, set_identity(2, IdentityState::Normal))]), Code::OK);
    assert_eq!(world.code(&[1, 2], set("cash", "a", "1")), Code::OK);
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, set_identity(2, IdentityState::Revoked))]), Code::OK);
    assert_eq!(world.code(&[1, 2], set("cash", "a", "1")), Code::IDENTITY_FROZEN);
    assert_eq!(world.code(&[ADMIN], set_identity(2, IdentityState::Normal)), Code::IDENTITY_FROZEN);
    assert_eq!(world.code(&[ADMIN], grant(2, "clerk2", true)), Code::IDENTITY_FROZEN);
    assert_eq!(world.code(&[ADMIN], grant(2, "clerk", false)), Code::OK);
}

#[test]
fn freezing_counts_for_the_next_operation_of_the_same_transaction() {
    let mut world = World::new();
    let itself = vec![at(BOOK, set_identity(ADMIN, IdentityState::Frozen)), at(BOOK, register(STRANGER, &[]))];
    assert_eq!(world.run(&[ADMIN], itself), Code::IDENTITY_FROZEN);
    assert_eq!(world.code(&[ADMIN], register(STRANGER, &[])), Code::OK);
}

#[test]
fn a_gateway_gives_no_right_and_must_not_be_frozen() {
    let mut world = World::new();
    let through = |author, gateway, operation| {
        signed(vec![(author, SignerRole::Author), (gateway, SignerRole::Gateway)], vec![at(BOOK, operation)])
    };
    let code = |world: &World, transaction: Transaction| {
        world
            .look(|state, facts| {
                crate::execute_transaction(state, facts, &transaction, &mut crate::NoSystemOperations).unwrap().code
            })
            .0
    };
    // An unregistered gateway passes a transaction on; the admin as a gateway lends nothing.
    assert_eq!(code(&world, through(1, STRANGER, set("cash", "a", "1"))), Code::OK);
    assert_eq!(code(&world, through(3, 1, set("cash", "a", "1"))), Code::DENIED);
    assert_eq!(code(&world, through(1, ADMIN, register(STRANGER, &[]))), Code::DENIED);
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, set_identity(4, IdentityState::Frozen))]), Code::OK);
    assert_eq!(code(&world, through(1, 4, set("cash", "a", "1"))), Code::IDENTITY_FROZEN);
}

#[test]
fn every_author_must_be_known_on_every_ledger_of_the_transaction() {
    let mut world = World::new();
    let both = || vec![at(BOOK, set("cash", "a", "1")), at(OTHER_BOOK, set("cash", "a", "1"))];
    assert_eq!(world.run(&[1], both()), Code::OK);
    assert_eq!(world.run(&[1, 3], both()), Code::IDENTITY_UNKNOWN);
    assert_eq!(world.code(&[1, STRANGER], set("cash", "a", "1")), Code::IDENTITY_UNKNOWN);
    let state = world.look(|state, _| query::identity(state, OTHER_BOOK, &who(3)).unwrap()).0;
    assert!(state.is_none());
}
