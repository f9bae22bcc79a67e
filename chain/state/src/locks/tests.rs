#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
//! Locks and reservations: the whole matrix, deltas with extreme amounts, order independence, bounds.

use super::*;
use crate::access::{Access, AccessError};
use crate::testing::{BOOKS, Chain, account, counter, entry, holder, key, place, plain, proposal};
use ledger_protocol::proposal::AccessKind::{Delta, Exclusive, PrefixShared, Shared};
use proptest::prelude::*;

/// A chain with a value at `ka`, a counter 50 of 0…100 at `kc`, nothing at `kz`.
fn chain() -> Chain {
    let mut chain = Chain::new(Suite::Standard);
    chain.block(|state| {
        state.put(&place("ka"), plain("1")).unwrap();
        state.put(&place("kc"), counter(50, 0, 100)).unwrap();
    });
    chain
}

fn hold(state: &mut BlockState<'_>, number: u8, scope: &[ScopeEntry]) {
    assert_eq!(check(state, &holder(number), scope).unwrap(), Ok(()));
    acquire(state, &holder(number), scope).unwrap();
}

#[test]
fn every_use_beside_every_other_of_another_proposal() {
    // (held, asked for, allowed)
    let table = [
        (Shared, Shared, true),
        (Shared, Exclusive, false),
        (Shared, PrefixShared, true),
        (Shared, Delta(1), false),
        (Exclusive, Shared, false),
        (Exclusive, Exclusive, false),
        (Exclusive, PrefixShared, false),
        (Exclusive, Delta(1), false),
        (PrefixShared, Shared, true),
        (PrefixShared, Exclusive, false),
        (PrefixShared, PrefixShared, true),
        (PrefixShared, Delta(1), false),
        (Delta(1), Shared, false),
        (Delta(1), Exclusive, false),
        (Delta(1), PrefixShared, false),
        (Delta(1), Delta(1), true),
    ];
    for (held, asked, is_allowed) in table {
        let chain = chain();
        let mut state = chain.state();
        let name = |access| if access == PrefixShared { "k" } else { "kc" };
        hold(&mut state, 1, &[entry(name(held), held)]);
        let scope = [entry(name(asked), asked)];
        let expected = if is_allowed { Ok(()) } else { Err(LockRefusal::Conflict(proposal(1))) };
        assert_eq!(check(&state, &holder(2), &scope).unwrap(), expected, "{asked:?} beside {held:?}");
        assert_eq!(is_free(&state, &scope).unwrap(), (!is_allowed).then(|| proposal(1)));
        // One's own locks are never in the way, and a prefix of other keys is neither.
        assert_eq!(check(&state, &holder(1), &scope).unwrap(), Ok(()));
        assert_eq!(check(&state, &holder(2), &[entry("kd", PrefixShared), entry("x", Exclusive)]).unwrap(), Ok(()));
        release(&mut state, &holder(1), &[entry(name(held), held)]).unwrap();
        assert_eq!(check(&state, &holder(2), &scope).unwrap(), Ok(()));
        assert_eq!(locks_of_key(&state, &entry("kc", Shared).key).unwrap(), []);
    }
}

#[test]
fn every_lock_beside_every_local_use() {
    // (held, read, write, add, scan)
    let table = [
        (Shared, true, false, false, true),
        (PrefixShared, true, false, false, true),
        (Exclusive, false, false, false, false),
        (Delta(-1), false, false, true, false),
        (Delta(1), false, false, true, false),
    ];
    for (held, reads, writes, adds, scans) in table {
        let chain = chain();
        let mut state = chain.state();
        let name = if held == PrefixShared { "k" } else { "kc" };
        hold(&mut state, 7, &[entry(name, held)]);
        let seen = |result: Result<(), AccessError>| match result {
            Ok(()) => true,
            Err(AccessError::Locked(id)) => {
                assert_eq!(id, proposal(7));
                false
            }
            Err(other) => panic!("{other:?} under {held:?}"),
        };
        let target = place("kc");
        let mut access = Access::local(&mut state);
        assert_eq!(seen(access.get(&target).map(drop)), reads, "read under {held:?}");
        assert_eq!(seen(access.scan(BOOKS, &account("books"), b"k", None, 9).map(drop)), scans, "scan under {held:?}");
        // What is not in the range that the answer covers does not matter.
        assert!(access.scan(BOOKS, &account("books"), b"k", None, 1).is_ok());
        assert!(access.scan(BOOKS, &account("books"), b"k", Some(&key("kc")), 9).is_ok());
        for write in [
            |access: &mut Access<'_, '_>, place: &Place| access.set(place, counter(1, 0, 9)),
            |access: &mut Access<'_, '_>, place: &Place| access.delete(place),
            |access: &mut Access<'_, '_>, place: &Place| access.declare_counter(place, 0, 90, 50),
        ] {
            access.state().begin();
            assert_eq!(seen(write(&mut access, &target)), writes, "write under {held:?}");
            access.state().discard();
        }
        assert_eq!(seen(access.add(&target, 1)), adds, "add under {held:?}");
        // Other keys are untouched, except by the prefix.
        assert_eq!(seen(access.set(&place("ka"), plain("2"))), held != PrefixShared);
        assert!(seen(access.set(&place("other"), plain("2"))));
    }
}

#[test]
fn a_lock_on_a_key_that_does_not_exist_guards_it_all_the_same() {
    let chain = chain();
    let mut state = chain.state();
    hold(&mut state, 1, &[entry("kz", Exclusive)]);
    let mut access = Access::local(&mut state);
    assert_eq!(access.get(&place("kz")), Err(AccessError::Locked(proposal(1))));
    assert_eq!(access.scan(BOOKS, &account("books"), b"k", None, 9), Err(AccessError::Locked(proposal(1))));
    hold(&mut state, 2, &[entry("n", PrefixShared)]);
    let mut access = Access::local(&mut state);
    assert_eq!(access.set(&place("new"), plain("1")), Err(AccessError::Locked(proposal(2))));
}

#[test]
fn deltas_are_checked_against_value_and_reservations() {
    let chain = chain();
    let mut state = chain.state();
    let ask =
        |state: &BlockState<'_>, number, amount| check(state, &holder(number), &[entry("kc", Delta(amount))]).unwrap();
    let bound = Err(LockRefusal::Bound(entry("kc", Shared).key));
    assert_eq!(ask(&state, 1, -51), bound);
    assert_eq!(ask(&state, 1, 51), bound);
    hold(&mut state, 1, &[entry("kc", Delta(-30))]);
    assert_eq!(ask(&state, 2, -21), bound, "50 − 30 − 21 < 0");
    assert_eq!(ask(&state, 2, 51), bound, "the debit may never happen: 50 + 51 > 100");
    hold(&mut state, 2, &[entry("kc", Delta(50))]);
    assert_eq!(ask(&state, 3, 1), bound);
    assert_eq!(ask(&state, 3, 0), Ok(()));
    hold(&mut state, 3, &[entry("kc", Delta(-20))]);
    assert_eq!(ask(&state, 4, -1), bound);

    let mut access = Access::local(&mut state);
    assert_eq!(access.add(&place("kc"), -1), Err(AccessError::Bound));
    assert_eq!(access.add(&place("kc"), 1), Err(AccessError::Bound));
    assert_eq!(access.add(&place("kc"), 0), Ok(()));
    release(&mut state, &holder(2), &[entry("kc", Delta(50))]).unwrap();
    let mut access = Access::local(&mut state);
    assert_eq!(access.add(&place("kc"), 50), Ok(()));
    assert_eq!(access.add(&place("kc"), 1), Err(AccessError::Bound));
    assert_eq!(access.add(&place("kc"), -50), Ok(()));
    assert_eq!(access.add(&place("kc"), -1), Err(AccessError::Bound));

    let none = check(&state, &holder(5), &[entry("kz", Delta(1))]).unwrap();
    assert_eq!(none, Err(LockRefusal::Absent(entry("kz", Shared).key)));
    let value = check(&state, &holder(5), &[entry("ka", Delta(1))]).unwrap();
    assert_eq!(value, Err(LockRefusal::Kind(entry("ka", Shared).key)));
}

#[test]
fn deltas_at_the_ends_of_the_range_do_not_overflow() {
    let mut chain = Chain::new(Suite::Standard);
    chain.block(|state| {
        state.put(&place("low"), counter(i64::MIN, i64::MIN, i64::MAX)).unwrap();
        state.put(&place("high"), counter(i64::MAX, i64::MIN, i64::MAX)).unwrap();
        state.put(&place("mid"), counter(0, i64::MIN, i64::MAX)).unwrap();
    });
    let mut state = chain.state();
    let is_ok = |state: &BlockState<'_>, name: &str, amount| {
        check(state, &holder(9), &[entry(name, Delta(amount))]).unwrap().is_ok()
    };
    assert!(!is_ok(&state, "low", -1) && !is_ok(&state, "low", i64::MIN) && is_ok(&state, "low", i64::MAX));
    assert!(!is_ok(&state, "high", 1) && !is_ok(&state, "high", i64::MAX) && is_ok(&state, "high", i64::MIN));
    assert!(is_ok(&state, "mid", i64::MIN) && is_ok(&state, "mid", i64::MAX));
    hold(&mut state, 1, &[entry("mid", Delta(i64::MIN))]);
    hold(&mut state, 2, &[entry("mid", Delta(i64::MAX))]);
    assert!(!is_ok(&state, "mid", -1) && !is_ok(&state, "mid", 1));
    let key = entry("mid", Shared).key;
    let sum = reserved(&state, &key, None).unwrap();
    assert_eq!((sum.debits, sum.credits), (-i128::from(i64::MIN), i128::from(i64::MAX)));
    for number in 0..20u8 {
        let scope = [entry("mid", Delta(if number % 2 == 0 { i64::MIN } else { i64::MAX }))];
        acquire(&mut state, &holder(100 + number), &scope).unwrap();
    }
    assert!(!is_ok(&state, "mid", -1) && !is_ok(&state, "mid", 1));
    for (name, amount) in [("low", -1), ("low", i64::MIN), ("high", 1), ("high", i64::MAX)] {
        assert_eq!(Access::local(&mut state).add(&place(name), amount), Err(AccessError::Bound));
    }
    Access::local(&mut state).add(&place("low"), i64::MAX).unwrap();
    let value = state.live(&place("low")).unwrap().unwrap();
    assert_eq!(value.content, counter(-1, i64::MIN, i64::MAX));
}

#[test]
fn the_system_ledger_is_never_locked() {
    let chain = chain();
    let scope = [ScopeEntry { key: Place::system("members", key("m")).lock_key(), access: Shared }];
    let refused = check(&chain.state(), &holder(1), &scope).unwrap().unwrap_err();
    assert_eq!(refused.code(), Code::NOT_SYSTEM_LEDGER);
}

#[test]
fn an_account_is_held_while_anything_of_it_is() {
    let chain = chain();
    let mut state = chain.state();
    let held = |state: &BlockState<'_>| held_in_account(state, BOOKS, &account("books")).unwrap();
    assert_eq!(held(&state), None);
    for (number, scope) in [(1, entry("ka", Shared)), (2, entry("kc", Delta(1))), (3, entry("", PrefixShared))] {
        let scope = [scope];
        acquire(&mut state, &holder(number), &scope).unwrap();
        assert_eq!(held(&state), Some(proposal(number)));
        assert_eq!(held_in_account(&state, BOOKS, &account("other")).unwrap(), None);
        release(&mut state, &holder(number), &scope).unwrap();
        release(&mut state, &holder(number), &scope).unwrap();
        assert_eq!(held(&state), None);
    }
}

#[test]
fn what_is_released_leaves_no_entry() {
    let mut chain = chain();
    let before = chain.execute(|_| ()).ledgers;
    let scope = [entry("ka", Exclusive), entry("kc", Delta(-1)), entry("p", PrefixShared)];
    let held = chain.block(|state| hold(state, 1, &scope));
    assert_ne!(held.ledgers[0].state_root, before[0].state_root);
    assert!(held.changes.is_empty());
    let released = chain.block(|state| release(state, &holder(1), &scope).unwrap());
    assert_eq!(released.ledgers[0].state_root, before[0].state_root);
}

#[test]
fn keys_longer_than_a_group_name_are_told_apart() {
    let chain = chain();
    let mut state = chain.state();
    let long = |end: u8| [vec![b'k'; 255], vec![end]].concat();
    hold(&mut state, 1, &[entry(long(1), Exclusive)]);
    hold(&mut state, 2, &[entry(long(2), Exclusive)]);
    let ask = |state: &BlockState<'_>, entry: ScopeEntry| check(state, &holder(3), &[entry]).unwrap();
    assert_eq!(ask(&state, entry(long(1), Shared)), Err(LockRefusal::Conflict(proposal(1))));
    assert_eq!(ask(&state, entry(long(2), Shared)), Err(LockRefusal::Conflict(proposal(2))));
    assert_eq!(ask(&state, entry(long(3), Exclusive)), Ok(()));
    assert_eq!(ask(&state, entry(vec![b'k'; 255], PrefixShared)), Err(LockRefusal::Conflict(proposal(1))));
    assert_eq!(ask(&state, entry(long(2), PrefixShared)), Err(LockRefusal::Conflict(proposal(2))));
    assert_eq!(ask(&state, entry(long(3), PrefixShared)), Ok(()));
    let name = "a".repeat(64);
    let far =
        ScopeEntry { key: LockKey { ledger: BOOKS, account: account(&name), key: key([9; 256]) }, access: Shared };
    hold(&mut state, 4, &[far]);
}

#[test]
fn a_full_group_refuses_with_limit() {
    let chain = chain();
    let mut state = chain.state();
    let nth = |number: usize| Holder { id: proposal(1), started_at_on_relay: Height(number as u64) };
    let one = [entry("kc", Delta(0))];
    for number in 0..MAX_HOLDERS {
        acquire(&mut state, &nth(number), &one).unwrap();
    }
    let refused = check(&state, &nth(MAX_HOLDERS), &one).unwrap();
    assert_eq!(refused, Err(LockRefusal::Limit(one[0].key.clone())));
    assert_eq!(check(&state, &nth(0), &one).unwrap(), Ok(()));
    release(&mut state, &nth(5), &one).unwrap();
    assert_eq!(check(&state, &nth(MAX_HOLDERS), &one).unwrap(), Ok(()));
    state.finish().unwrap();
}

#[test]
fn the_lock_set_root_is_a_tree_over_tagged_entries() {
    let scope = [entry("a", Exclusive), entry("b", Delta(-5))];
    for suite in [Suite::Standard, Suite::Guomi] {
        let leaves: Vec<Vec<u8>> = scope
            .iter()
            .map(|entry| [b"crosstie/lock/v1\0".to_vec(), borsh::to_vec(entry).unwrap()].concat())
            .collect();
        assert_eq!(lock_set_root(suite, &scope), merkle::root(suite, &leaves));
        assert_eq!(lock_set_root(suite, &[]), merkle::empty_root(suite));
    }
}

fn access() -> impl Strategy<Value = AccessKind> {
    prop_oneof![
        3 => Just(Shared),
        2 => Just(Exclusive),
        2 => Just(PrefixShared),
        3 => (-9..9i64).prop_map(Delta),
    ]
}

fn scope() -> impl Strategy<Value = Vec<ScopeEntry>> {
    let key = proptest::collection::vec(b'a'..b'd', 0..3);
    proptest::collection::btree_map(key, access(), 1..4)
        .prop_map(|entries| entries.into_iter().map(|(key, access)| entry(key, access)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The stored table against a plain list of what everybody holds.
    #[test]
    fn the_table_agrees_with_a_list(steps in proptest::collection::vec((0..6u8, any::<bool>(), scope()), 1..40)) {
        let mut chain = Chain::new(Suite::Standard);
        chain.block(|state| {
            for a in b'a'..b'd' {
                for b in b'a'..b'd' {
                    state.put(&place([a, b]), counter(0, -1_000, 1_000)).unwrap();
                }
                state.put(&place([a]), counter(0, -1_000, 1_000)).unwrap();
            }
            state.put(&place([]), counter(0, -1_000, 1_000)).unwrap();
        });
        let mut held: std::collections::BTreeMap<u8, Vec<ScopeEntry>> = Default::default();
        let mut state = chain.state();
        for (number, is_release, scope) in steps {
            if is_release {
                let scope = held.remove(&number).unwrap_or(scope);
                release(&mut state, &holder(number), &scope).unwrap();
            } else {
                let others = || held.iter().filter(|(other, _)| **other != number);
                let fits = scope.iter().all(|entry| {
                    others().all(|(_, theirs)| theirs.iter().all(|their| their.is_compatible_with(entry)))
                });
                let free_for_all = scope.iter().all(|entry| {
                    held.values().all(|theirs| theirs.iter().all(|their| their.is_compatible_with(entry)))
                });
                prop_assert_eq!(check(&state, &holder(number), &scope).unwrap().is_ok(), fits);
                prop_assert_eq!(is_free(&state, &scope).unwrap().is_none(), free_for_all);
                if fits && !held.contains_key(&number) {
                    acquire(&mut state, &holder(number), &scope).unwrap();
                    held.insert(number, scope);
                }
            }
        }
        // Whatever happened before, the same locks are the same state.
        let root = state.finish().unwrap().ledgers[0].state_root;
        let again = chain.execute(|state| {
            for (number, scope) in held.iter().rev() {
                acquire(state, &holder(*number), scope).unwrap();
            }
        });
        prop_assert_eq!(again.ledgers[0].state_root, root);
    }
}
