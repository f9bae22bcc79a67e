#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
//! Access by transactions and legs, and the write sets of legs.

use super::*;
use crate::locks;
use crate::staged::{StagedEvent, StagedWrite};
use crate::testing::{BOOKS, Chain, account, counter, entry, holder, key, place, plain, proposal};
use ledger_protocol::proposal::AccessKind::{Delta, Exclusive, PrefixShared, Shared};
use ledger_protocol::{Suite, Version, codec, merkle};

fn chain() -> Chain {
    let mut chain = Chain::new(Suite::Standard);
    chain.block(|state| {
        for (name, content) in
            [("ka", plain("1")), ("kb", plain("2")), ("kc", counter(50, 0, 100)), ("kd", counter(5, 0, 10))]
        {
            state.put(&place(name), content).unwrap();
        }
    });
    chain
}

fn scope_of(name: &str) -> AccessError {
    AccessError::Scope(entry(name, Shared).key)
}

#[test]
fn local_writes_keep_the_kind_of_a_key() {
    let chain = chain();
    let mut state = chain.state();
    let mut access = Access::local(&mut state);
    assert_eq!(access.accessor(), Accessor::Local);
    assert_eq!(access.set(&place("ka"), counter(1, 0, 9)), Err(AccessError::Kind));
    assert_eq!(access.set(&place("kc"), plain("1")), Err(AccessError::Kind));
    assert_eq!(access.set(&place("ka"), StateContent::Tombstone), Err(AccessError::Kind));
    assert_eq!(access.set(&place("new"), counter(10, 0, 9)), Err(AccessError::Bound));
    assert_eq!(access.add(&place("ka"), 1), Err(AccessError::Kind));
    assert_eq!(access.add(&place("new"), 1), Err(AccessError::Absent));
    assert_eq!(access.delete(&place("new")), Err(AccessError::Absent));
    access.delete(&place("ka")).unwrap();
    assert_eq!(access.get(&place("ka")).unwrap(), None);
    assert_eq!(access.delete(&place("ka")), Err(AccessError::Absent));
    access.set(&place("ka"), counter(1, 0, 9)).unwrap();
    assert_eq!(access.get(&place("ka")).unwrap().unwrap().version, Version(2));
    assert_eq!(access.into_staged().unwrap(), StagedWrites::default());
}

#[test]
fn counters_are_declared_and_their_bounds_changed_at_their_value_only() {
    let chain = chain();
    let mut state = chain.state();
    let mut access = Access::local(&mut state);
    access.declare_counter(&place("n"), -1, 1, 0).unwrap();
    assert_eq!(access.declare_counter(&place("n"), 1, 2, 1), Err(AccessError::Bound));
    assert_eq!(access.declare_counter(&place("n"), 1, 2, 0), Err(AccessError::Bound));
    assert_eq!(access.declare_counter(&place("m"), 2, 1, 1), Err(AccessError::Bound));
    assert_eq!(access.declare_counter(&place("ka"), 0, 1, 0), Err(AccessError::Kind));
    access.declare_counter(&place("n"), 0, 9, 0).unwrap();
    access.add(&place("n"), 9).unwrap();
    assert_eq!(access.add(&place("n"), 1), Err(AccessError::Bound));
    assert_eq!(access.get(&place("n")).unwrap().unwrap().content, counter(9, 0, 9));
}

#[test]
fn ledger_0_is_read_but_not_written() {
    let chain = chain();
    let mut state = chain.state();
    let target = Place::system("members", key("m"));
    let scope = [ScopeEntry { key: target.lock_key(), access: Exclusive }];
    for mut access in [Access::local(&mut state)] {
        assert_eq!(access.get(&target), Ok(None));
        for refused in [
            access.set(&target, plain("1")),
            access.delete(&target),
            access.add(&target, 1),
            access.declare_counter(&target, 0, 1, 0),
        ] {
            assert_eq!(refused.unwrap_err().code(), Some(Code::NOT_SYSTEM_LEDGER));
        }
    }
    assert_eq!(Access::leg(&mut state, &scope).set(&target, plain("1")), Err(AccessError::SystemLedger));
}

#[test]
fn a_leg_is_held_to_its_declared_uses() {
    // (declared, read, write, add)
    let table = [
        (Some(Shared), true, false, false),
        (Some(PrefixShared), true, false, false),
        (Some(Exclusive), true, true, true),
        (Some(Delta(1)), false, false, true),
        (None, false, false, false),
    ];
    for (declared, reads, writes, adds) in table {
        let chain = chain();
        let mut state = chain.state();
        let name = if declared == Some(PrefixShared) { "k" } else { "kc" };
        let scope: Vec<ScopeEntry> = declared.map(|access| entry(name, access)).into_iter().collect();
        let seen = |result: Result<(), AccessError>| match result {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error, scope_of("kc"), "under {declared:?}");
                false
            }
        };
        let target = place("kc");
        let mut access = Access::leg(&mut state, &scope);
        assert_eq!(access.accessor(), Accessor::Leg);
        assert_eq!(seen(access.get(&target).map(drop)), reads, "read under {declared:?}");
        assert_eq!(seen(access.add(&target, 1)), adds, "add under {declared:?}");
        assert_eq!(seen(access.set(&target, counter(2, 0, 9))), writes, "write under {declared:?}");
        assert_eq!(seen(access.declare_counter(&target, 0, 8, 2)), writes, "bounds under {declared:?}");
        assert_eq!(seen(access.delete(&target)), writes, "delete under {declared:?}");
    }
}

#[test]
fn a_leg_meets_every_foreign_lock_that_its_use_does_not_go_with() {
    // (held by another, leg reads, leg writes, leg adds)
    let table = [
        (Shared, true, false, false),
        (PrefixShared, true, false, false),
        (Exclusive, false, false, false),
        (Delta(1), false, false, true),
    ];
    for (held, reads, writes, adds) in table {
        let chain = chain();
        let mut state = chain.state();
        let name = if held == PrefixShared { "k" } else { "kc" };
        locks::acquire(&mut state, &holder(3), &[entry(name, held)]).unwrap();
        let seen = |result: Result<(), AccessError>| match result {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error, AccessError::Conflict(proposal(3)));
                false
            }
        };
        let target = place("kc");
        let scope = [entry("kc", Shared)];
        assert_eq!(seen(Access::leg(&mut state, &scope).get(&target).map(drop)), reads, "read beside {held:?}");
        let scope = [entry("k", PrefixShared)];
        let scan = Access::leg(&mut state, &scope).scan(BOOKS, &account("books"), b"k", None, 9);
        assert_eq!(seen(scan.map(drop)), reads, "scan beside {held:?}");
        let scope = [entry("kc", Exclusive)];
        assert_eq!(seen(Access::leg(&mut state, &scope).set(&target, counter(1, 0, 9))), writes);
        assert_eq!(seen(Access::leg(&mut state, &scope).add(&target, 1)), writes);
        let scope = [entry("kc", Delta(1))];
        assert_eq!(seen(Access::leg(&mut state, &scope).add(&target, 1)), adds, "add beside {held:?}");
    }
}

#[test]
fn a_leg_sees_its_own_writes_and_the_state_sees_none() {
    let chain = chain();
    let idle = chain.execute(|_| ());
    let scope = [
        entry("ka", Exclusive),
        entry("kb", Exclusive),
        entry("kc", Exclusive),
        entry("kd", Delta(3)),
        entry("kx", Exclusive),
        entry("ky", Exclusive),
    ];
    let mut state = chain.state();
    let mut access = Access::leg(&mut state, &scope);
    access.set(&place("ka"), plain("one")).unwrap();
    access.set(&place("ka"), plain("two")).unwrap();
    let value = access.get(&place("ka")).unwrap().unwrap();
    assert_eq!((value.version, value.content), (Version(1), plain("two")), "one write set entry is one version");
    access.delete(&place("kb")).unwrap();
    assert_eq!(access.get(&place("kb")).unwrap(), None);
    assert_eq!(access.delete(&place("kb")), Err(AccessError::Absent));
    access.add(&place("kc"), 50).unwrap();
    assert_eq!(access.add(&place("kc"), 1), Err(AccessError::Bound));
    assert_eq!(access.get(&place("kc")).unwrap().unwrap().content, counter(100, 0, 100));
    access.add(&place("kd"), 100).unwrap();
    access.add(&place("kd"), -97).unwrap();
    access.set(&place("kx"), plain("new")).unwrap();
    assert_eq!(access.get(&place("kx")).unwrap().unwrap().version, Version(0));
    access.set(&place("ky"), plain("gone again")).unwrap();
    access.delete(&place("ky")).unwrap();
    let topic = Text::new("t").unwrap();
    assert_eq!(access.publish(BOOKS, &account("e"), &topic, BoundedBytes::default()).unwrap(), None);

    let staged = access.into_staged().unwrap();
    let lock_key = |name: &str| entry(name, Shared).key;
    let expected = [
        StagedWrite::Set { key: lock_key("ka"), content: plain("two") },
        StagedWrite::Delete { key: lock_key("kb") },
        StagedWrite::Set { key: lock_key("kc"), content: counter(100, 0, 100) },
        StagedWrite::Delta { key: lock_key("kd"), amount: 3 },
        StagedWrite::Set { key: lock_key("kx"), content: plain("new") },
    ];
    assert_eq!(*staged.writes, expected);
    assert_eq!(staged.count(), 6);
    assert_eq!(state.finish().unwrap(), idle, "a leg writes nothing into the state");
}

#[test]
fn a_leg_scans_under_its_declared_prefix_only_and_sees_its_own_writes() {
    let chain = chain();
    let mut state = chain.state();
    let scope = [
        entry("k", PrefixShared),
        entry("ka", Exclusive),
        entry("kab", Exclusive),
        entry("kb", Exclusive),
        entry("l", Exclusive),
    ];
    let mut access = Access::leg(&mut state, &scope);
    access.set(&place("kab"), plain("new")).unwrap();
    access.delete(&place("kb")).unwrap();
    access.set(&place("l"), plain("outside")).unwrap();
    let names = |access: &mut Access<'_, '_>, prefix: &str, after: Option<&str>, limit| {
        let after = after.map(key);
        let found = access.scan(BOOKS, &account("books"), prefix.as_bytes(), after.as_ref(), limit)?;
        Ok(found.into_iter().map(|(key, _)| String::from_utf8(key.into_vec()).unwrap()).collect::<Vec<_>>())
    };
    assert_eq!(names(&mut access, "k", None, 9).unwrap(), ["ka", "kab", "kc", "kd"]);
    assert_eq!(names(&mut access, "k", None, 2).unwrap(), ["ka", "kab"]);
    assert_eq!(names(&mut access, "k", Some("kab"), 1).unwrap(), ["kc"]);
    assert_eq!(names(&mut access, "ka", None, 9).unwrap(), ["ka", "kab"]);
    assert_eq!(names(&mut access, "", None, 9), Err(scope_of("")));
    assert_eq!(names(&mut access, "l", None, 9), Err(scope_of("l")));
    assert_eq!(access.scan(BOOKS, &account("other"), b"k", None, 9).unwrap_err().code(), Some(Code::SCOPE));

    // A counter that the leg only adds to is not read by scanning over it.
    let scope = [entry("k", PrefixShared), entry("kc", Delta(0))];
    let mut access = Access::leg(&mut state, &scope);
    assert_eq!(names(&mut access, "k", None, 9), Err(scope_of("kc")));
    assert_eq!(names(&mut access, "k", None, 2).unwrap(), ["ka", "kb"]);
}

#[test]
fn a_leg_adds_exactly_what_it_declared() {
    let chain = chain();
    for (declared, amounts, is_ok) in [
        (3, vec![3], true),
        (3, vec![5, -2], true),
        (3, vec![], false),
        (3, vec![4], false),
        (0, vec![], true),
        (0, vec![9, -9], true),
        (-3, vec![3], false),
        (i64::MIN, vec![i64::MIN], true),
    ] {
        let mut state = chain.state();
        let scope = [entry("kc", Delta(declared))];
        let mut access = Access::leg(&mut state, &scope);
        for amount in &amounts {
            access.add(&place("kc"), *amount).unwrap();
        }
        match access.into_staged() {
            Ok(staged) => {
                assert!(is_ok, "{declared} declared, {amounts:?} added");
                let key = entry("kc", Shared).key;
                assert_eq!(*staged.writes, [StagedWrite::Delta { key, amount: declared }]);
            }
            Err(error) => assert!(!is_ok && error == scope_of("kc"), "{declared} declared, {amounts:?} added"),
        }
    }
    let mut state = chain.state();
    let scope = [entry("kc", Delta(1))];
    let mut access = Access::leg(&mut state, &scope);
    access.add(&place("kc"), i64::MAX).unwrap();
    assert_eq!(access.add(&place("kc"), 1), Err(AccessError::Bound));
}

#[test]
fn a_leg_stages_a_bounded_number_of_events() {
    let chain = chain();
    let mut state = chain.state();
    let mut access = Access::leg(&mut state, &[]);
    let topic = Text::new("t").unwrap();
    let mut publish = || access.publish(BOOKS, &account("e"), &topic, BoundedBytes::default());
    for _ in 0..256 {
        publish().unwrap();
    }
    assert_eq!(publish(), Err(AccessError::Limit));
}

#[test]
fn applying_overwrites_and_adds_and_gives_versions_and_sequences_of_that_moment() {
    let mut chain = chain();
    let scope = [entry("ka", Exclusive), entry("kb", Exclusive), entry("kc", Delta(-20))];
    let topic = Text::new("t").unwrap();
    let mut state = chain.state();
    assert_eq!(locks::check(&state, &holder(1), &scope).unwrap(), Ok(()));
    let mut access = Access::leg(&mut state, &scope);
    access.set(&place("ka"), plain("new")).unwrap();
    access.delete(&place("kb")).unwrap();
    access.add(&place("kc"), -20).unwrap();
    access.publish(BOOKS, &account("e"), &topic, BoundedBytes::new(*b"x").unwrap()).unwrap();
    let staged = access.into_staged().unwrap();
    let back: StagedWrites = codec::decode(&codec::encode(&staged), 1 << 20).unwrap();
    assert_eq!(back, staged);

    chain.block(|state| locks::acquire(state, &holder(1), &scope).unwrap());
    // Meanwhile the counter moves and the topic goes on.
    chain.block(|state| {
        let mut access = Access::local(state);
        access.add(&place("kc"), -30).unwrap();
        assert_eq!(access.add(&place("kc"), -1), Err(AccessError::Bound));
        access.publish(BOOKS, &account("e"), &topic, BoundedBytes::default()).unwrap();
    });
    let delta = chain.block(|state| {
        staged.apply(state).unwrap();
        locks::release(state, &holder(1), &scope).unwrap();
    });
    let versions: Vec<_> = delta.changes.iter().map(|change| change.version.0).collect();
    assert_eq!(versions, [1, 1, 2]);
    assert_eq!((delta.events[0].sequence.0, delta.events.len()), (1, 1));
    let state = chain.state();
    assert_eq!(state.live(&place("ka")).unwrap().unwrap().content, plain("new"));
    assert_eq!(state.live(&place("kb")).unwrap(), None);
    assert_eq!(state.live(&place("kc")).unwrap().unwrap().content, counter(0, 0, 100));
}

#[test]
fn the_write_set_root_tells_writes_and_events_apart() {
    let suite = Suite::Guomi;
    let write = StagedWrite::Delta { key: entry("kc", Shared).key, amount: -1 };
    let event = StagedEvent {
        ledger: BOOKS,
        account: account("e"),
        topic: Text::new("t").unwrap(),
        payload: BoundedBytes::default(),
    };
    let staged = StagedWrites {
        writes: vec![write.clone()].try_into().unwrap(),
        events: vec![event.clone()].try_into().unwrap(),
    };
    let tag = b"crosstie/write/v1\0";
    let leaves = [
        [tag.as_slice(), &[1], &codec::encode(&write)].concat(),
        [tag.as_slice(), &[2], &codec::encode(&event)].concat(),
    ];
    assert_eq!(staged.write_set_root(suite), merkle::root(suite, &leaves));
    assert_eq!(StagedWrites::default().write_set_root(suite), merkle::empty_root(suite));
}
