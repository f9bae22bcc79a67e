//! Legs of proposals: the ledger's own rules, the declared scope, and what locks do to local transactions.

use super::fixture::*;
use crate::leg::{check_asserted, check_scope};
use crate::*;
use chain_state::{Access, BlockState, Holder, Place, StagedWrites, locks};
use ledger_protocol::chain::Parameters;
use ledger_protocol::codec::Bounded;
use ledger_protocol::proposal::{AccessKind, AssertedVersion, LockKey, ScopeEntry};
use ledger_protocol::transaction::*;
use ledger_protocol::*;

fn lock(account: &str, at: &str) -> LockKey {
    LockKey { ledger: BOOK, account: name(account), key: key(at) }
}

fn entry(account: &str, at: &str, access: AccessKind) -> ScopeEntry {
    ScopeEntry { key: lock(account, at), access }
}

fn holder(number: u8) -> Holder {
    Holder { id: ProposalId(Suite::Standard.foreign(Hash([number; 32]))), started_at_on_relay: Height(5) }
}

fn calls(operations: Vec<Operation>) -> Operations {
    Bounded::new(operations.into_iter().map(|operation| at(BOOK, operation)).collect()).unwrap()
}

/// Prepares a leg as a participant does: rights over the scope, locks, then the calls.
fn prepare(
    state: &mut BlockState<'_>,
    facts: &LedgerFacts<'_>,
    number: u8,
    authorisers: &[u8],
    scope: &[ScopeEntry],
    operations: Vec<Operation>,
) -> Result<(LegRun, StagedWrites), LegRefusal> {
    let refused = |error: LegError| match error {
        LegError::Refused(refusal) => refusal,
        LegError::Fault(fault) => panic!("{fault}"),
    };
    let authorisers: Vec<Address> = authorisers.iter().map(|seed| who(*seed)).collect();
    check_scope(state, &authorisers, scope).map_err(refused)?;
    locks::check(state, &holder(number), scope).unwrap().unwrap();
    let mut access = Access::leg(state, scope);
    let run = execute_leg(&mut access, facts, &authorisers, &calls(operations)).map_err(refused)?;
    let staged = access.into_staged().map_err(|error| refused(error.into()))?;
    locks::acquire(state, &holder(number), scope).unwrap();
    Ok((run, staged))
}

fn code(authorisers: &[u8], scope: &[ScopeEntry], operations: Vec<Operation>) -> (Code, Code) {
    let world = World::new();
    let (result, delta) = world.look(|state, facts| prepare(state, facts, 1, authorisers, scope, operations));
    match result {
        Ok(_) => (Code::OK, Code::OK),
        Err(refusal) => {
            assert!(delta.changes.is_empty() && delta.events.is_empty());
            (refusal.code, refusal.cause)
        }
    }
}

const EXCLUSIVE: AccessKind = AccessKind::Exclusive;

#[test]
fn a_leg_stages_and_is_applied_later() {
    let mut world = World::new();
    let scope = [entry("cash", "a", EXCLUSIVE), entry("cash", "balance", AccessKind::Delta(-30))];
    let operations = || vec![set("cash", "a", "1"), add("cash", "balance", -30), event("news", "paid")];
    let staged = world.block(|state, facts| {
        let (run, staged) = prepare(state, facts, 1, &[1], &scope, operations()).unwrap();
        let answers = [Vec::new(), Vec::new(), Vec::new()];
        assert_eq!(run.result_hash, result_hash(Suite::Standard, &answers));
        assert!(run.fuel > 0 && staged.count() == 3);
        assert_eq!(state.counts(), (0, 0), "nothing is written before the decision");
        staged
    });
    // Local transactions meet the locks; deltas stay possible.
    assert_eq!(world.code(&[1], set("cash", "a", "2")), Code::LOCKED);
    assert_eq!(world.code(&[1], counter("cash", "balance", 0, 5_000, 100)), Code::LOCKED);
    assert_eq!(world.code(&[1], add("cash", "balance", -70)), Code::OK);
    assert_eq!(world.code(&[1], add("cash", "balance", -71)), Code::BOUND);
    assert_eq!(world.code(&[1], set("cash", "b", "2")), Code::OK);
    for state in [AccountState::Frozen, AccountState::Closed] {
        assert_eq!(world.code(&[1], set_account("cash", state)), Code::LOCKED);
        assert_eq!(world.code(&[1], set_account("till", state)), Code::OK);
    }
    // A query is answered with the old value, marked.
    let pending = |world: &World, at: &str| {
        let place = Place::new(BOOK, &name("cash"), &key(at));
        world.look(|state, _| query::value(state, &place).unwrap()).0
    };
    assert_eq!((pending(&world, "a").value, pending(&world, "a").pending), (None, vec![holder(1).id]));
    assert_eq!(pending(&world, "balance").pending, [holder(1).id]);
    assert_eq!(pending(&world, "b").pending, []);
    // Permissions were judged at Prepare and are not looked at again.
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, set_identity(1, IdentityState::Frozen))]), Code::OK);
    world.block(|state, _| {
        locks::release(state, &holder(1), &scope).unwrap();
        staged.apply(state).unwrap();
        assert_eq!(state.counts(), (2, 1));
    });
    assert!(matches!(pending(&world, "balance").value.unwrap().content, StateContent::Counter { value: 70, .. }));
    assert_eq!(pending(&world, "a").value.unwrap().version, Version(0));
}

#[test]
fn a_leg_touches_only_what_it_declared() {
    let scope = [entry("cash", "a", EXCLUSIVE), entry("cash", "s", AccessKind::Shared)];
    let refused = |operations| code(&[1], &scope, operations).0;
    assert_eq!(refused(vec![set("cash", "a", "1")]), Code::OK);
    assert_eq!(refused(vec![set("cash", "b", "1")]), Code::SCOPE);
    assert_eq!(refused(vec![set("cash", "s", "1")]), Code::SCOPE);
    assert_eq!(refused(vec![set("cash", "a", "1"), set("till", "a", "1")]), Code::SCOPE);
    assert_eq!(refused(vec![add("cash", "balance", 1)]), Code::SCOPE);
    assert_eq!(refused(vec![delete("cash", "b", Expectation::Any)]), Code::SCOPE);
    let world = World::new();
    let missing =
        world.look(|state, facts| prepare(state, facts, 1, &[1], &scope, vec![set("cash", "b", "1")]).unwrap_err().key);
    assert_eq!(missing.0, Some(lock("cash", "b")), "the client learns what to add");
}

#[test]
fn a_leg_has_exactly_its_authorisers_rights() {
    let cash = [entry("cash", "a", EXCLUSIVE)];
    let vault = [entry("vault", "a", EXCLUSIVE)];
    let write = || vec![set("cash", "a", "1")];
    assert_eq!(code(&[1], &cash, write()), (Code::OK, Code::OK));
    assert_eq!(code(&[], &cash, write()), (Code::AUTHORISATION, Code::IDENTITY_UNKNOWN));
    assert_eq!(code(&[STRANGER], &cash, write()), (Code::AUTHORISATION, Code::IDENTITY_UNKNOWN));
    assert_eq!(code(&[2], &cash, write()), (Code::AUTHORISATION, Code::DENIED));
    assert_eq!(code(&[ADMIN], &cash, write()), (Code::AUTHORISATION, Code::DENIED));
    let three = || vec![set("vault", "a", "1")];
    assert_eq!(code(&[1, 2], &vault, three()), (Code::AUTHORISATION, Code::POLICY_UNMET));
    assert_eq!(code(&[1, 2, 5], &vault, three()), (Code::OK, Code::OK));
    let mut world = World::new();
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, set_identity(5, IdentityState::Frozen))]), Code::OK);
    let refusal = world.look(|state, facts| prepare(state, facts, 1, &[1, 2, 5], &vault, three()).unwrap_err()).0;
    assert_eq!((refusal.code, refusal.cause), (Code::AUTHORISATION, Code::IDENTITY_FROZEN));
    assert_eq!(refusal.key, Some(lock("vault", "a")));
}

#[test]
fn nobody_holds_by_a_leg_what_it_could_not_use() {
    // No call at all: the locks alone would harm.
    let only = |authorisers: &[u8], entry: ScopeEntry| code(authorisers, &[entry], Vec::new());
    assert_eq!(only(&[2], entry("cash", "a", EXCLUSIVE)), (Code::AUTHORISATION, Code::DENIED));
    assert_eq!(only(&[2], entry("cash", "balance", AccessKind::Delta(1))), (Code::AUTHORISATION, Code::DENIED));
    assert_eq!(only(&[2], entry("cash", "a", AccessKind::Shared)), (Code::OK, Code::OK));
    assert_eq!(only(&[STRANGER], entry("cash", "a", AccessKind::Shared)).0, Code::AUTHORISATION);
    assert_eq!(only(&[1], entry("private", "a", EXCLUSIVE)).0, Code::NOT_LOCKABLE);
    assert_eq!(only(&[1], entry("private", "a", AccessKind::Shared)).0, Code::NOT_LOCKABLE);
    assert_eq!(only(&[1], entry("private", "a", AccessKind::PrefixShared)).0, Code::NOT_LOCKABLE);
    assert_eq!(only(&[1], entry("news", "a", EXCLUSIVE)).0, Code::ACCOUNT_KIND);
    assert_eq!(only(&[1], entry("nowhere", "a", EXCLUSIVE)).0, Code::ACCOUNT_UNKNOWN);
    assert_eq!(only(&[ADMIN], entry("$identities", "a", EXCLUSIVE)).0, Code::ACCOUNT_UNKNOWN);
    let mut elsewhere = entry("cash", "a", EXCLUSIVE);
    elsewhere.key.ledger = SYSTEM;
    assert_eq!(only(&[1], elsewhere.clone()).0, Code::NOT_SYSTEM_LEDGER);
    elsewhere.key.ledger = LedgerId(9);
    assert_eq!(only(&[1], elsewhere).0, Code::LEDGER_UNKNOWN);
}

#[test]
fn a_read_list_is_asked_before_a_shared_lock() {
    let mut world = World::new();
    let mut declaration = account("secret", AccountKind::Data, 1);
    declaration.read_policy = ReadPolicy::List(codec::SortedVec::new(vec![Reader(who(3))]).unwrap());
    assert_eq!(world.run(&[ADMIN], vec![at(BOOK, declare(declaration))]), Code::OK);
    let scope = [entry("secret", "a", AccessKind::Shared)];
    let code = |seed: u8| {
        world.look(|state, facts| prepare(state, facts, 1, &[seed], &scope, Vec::new()).map_err(|error| error.cause)).0
    };
    assert_eq!(code(2).unwrap_err(), Code::DENIED);
    assert!(code(3).is_ok() && code(1).is_ok());
}

#[test]
fn a_leg_changes_keys_counters_and_events_alone() {
    let scope = [entry("cash", "a", EXCLUSIVE)];
    for operation in [
        register(STRANGER, &[]),
        grant(1, "clerk", true),
        set_identity(2, IdentityState::Frozen),
        declare(account("new", AccountKind::Data, 1)),
        set_account("cash", AccountState::Closed),
    ] {
        assert_eq!(code(&[ADMIN, 1], &scope, vec![set("cash", "a", "1"), operation]).0, Code::UNSUPPORTED);
    }
    let on_system = Bounded::new(vec![at(SYSTEM, set("parameters", "current", "1"))]).unwrap();
    World::new().look(|state, facts| {
        let mut access = Access::leg(state, &[]);
        let refused = execute_leg(&mut access, facts, &[who(ADMIN)], &on_system).unwrap_err();
        assert!(matches!(refused, LegError::Refused(LegRefusal { code: Code::NOT_SYSTEM_LEDGER, .. })));
    });
}

#[test]
fn a_counter_is_declared_by_an_exclusive_write() {
    let exclusive = [entry("cash", "c", EXCLUSIVE)];
    assert_eq!(code(&[1], &exclusive, vec![counter("cash", "c", 0, 9, 5)]).0, Code::OK);
    assert_eq!(code(&[1], &exclusive, vec![counter("cash", "c", 0, 9, 10)]).0, Code::BAD_ARGUMENT);
    assert_eq!(
        code(&[1], &[entry("cash", "c", AccessKind::Shared)], vec![counter("cash", "c", 0, 9, 5)]).0,
        Code::SCOPE
    );
    let delta = [entry("cash", "balance", AccessKind::Delta(5))];
    assert_eq!(code(&[1], &delta, vec![counter("cash", "balance", 0, 9, 5)]).0, Code::SCOPE);
    assert_eq!(code(&[1], &delta, vec![set("cash", "balance", "1")]).0, Code::SCOPE);
    assert_eq!(code(&[1], &delta, vec![add("cash", "balance", 5)]).0, Code::OK);
    assert_eq!(code(&[1], &delta, vec![add("cash", "balance", 9), add("cash", "balance", -4)]).0, Code::OK);
    assert_eq!(code(&[1], &delta, vec![add("cash", "balance", 4)]).0, Code::SCOPE);
}

#[test]
fn a_leg_meets_the_locks_of_others() {
    World::new().look(|state, facts| {
        let scope = [entry("cash", "a", EXCLUSIVE)];
        assert!(prepare(state, facts, 1, &[1], &scope, vec![set("cash", "a", "1")]).is_ok());
        let refused = locks::check(state, &holder(2), &scope).unwrap().unwrap_err();
        assert_eq!(refused.code(), Code::CONFLICT);
        // A participant that forgot to ask meets the lock at the access.
        let mut access = Access::leg(state, &scope);
        let operations = calls(vec![set("cash", "a", "2")]);
        let LegError::Refused(refusal) = execute_leg(&mut access, facts, &[who(1)], &operations).unwrap_err() else {
            panic!("a fault")
        };
        assert_eq!((refusal.code, refusal.conflicting), (Code::CONFLICT, Some(holder(1).id)));
    });
}

#[test]
fn asserted_versions_must_hold() {
    let mut world = World::new();
    assert_eq!(world.run(&[1], vec![at(BOOK, set("cash", "a", "1"))]), Code::OK);
    let scope = [entry("cash", "a", AccessKind::Shared), entry("cash", "b", AccessKind::Shared)];
    world.look(|state, _| {
        let mut check = |at: &str, version: u64| {
            let asserted = AssertedVersion { key: lock("cash", at), version: Version(version) };
            match check_asserted(&mut Access::leg(state, &scope), &[asserted]) {
                Ok(()) => Code::OK,
                Err(LegError::Refused(refusal)) => refusal.code,
                Err(LegError::Fault(fault)) => panic!("{fault}"),
            }
        };
        assert_eq!(check("a", 0), Code::OK);
        assert_eq!(check("a", 1), Code::VERSION);
        assert_eq!(check("b", 0), Code::VERSION);
        assert_eq!(check("c", 0), Code::SCOPE);
    });
}

#[test]
fn a_leg_is_bounded_in_changes_and_fuel() {
    let mut world = World::new();
    let scope: Vec<ScopeEntry> = (0..17).map(|index| entry("cash", &format!("k{index:02}"), EXCLUSIVE)).collect();
    let write = |count: usize| (0..count).map(|index| set("cash", &format!("k{index:02}"), "1")).collect::<Vec<_>>();
    let code = |world: &World, operations: Vec<Operation>| match world
        .look(|state, facts| prepare(state, facts, 1, &[1], &scope, operations))
        .0
    {
        Ok(_) => Code::OK,
        Err(refusal) => refusal.code,
    };
    world.facts.parameters = Parameters { max_block_changes: 64, ..Parameters::subchain() };
    assert_eq!(code(&world, write(16)), Code::OK);
    assert_eq!(code(&world, write(17)), Code::SIZE);
    let twice = write(16).into_iter().chain(write(16)).collect();
    assert_eq!(code(&world, twice), Code::OK);
    world.facts.parameters.max_block_fuel = 8_000;
    assert_eq!(code(&world, write(1)), Code::OK);
    assert_eq!(code(&world, write(2)), Code::FUEL);
}
