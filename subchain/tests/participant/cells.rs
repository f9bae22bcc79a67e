//! Every cell of the participant's table (§4), end to end: record, what is emitted, what is in the books.

use super::fixture::*;
use super::side::*;
use ledger_protocol::interchain::*;
use ledger_protocol::*;
use subchain::participant::table::LegState;

fn plain(side: &Side) -> ledger_protocol::proposal::Leg {
    write(side.id(), &["k"], "new")
}

fn prepared(side: &mut Side) -> Prepare {
    let leg = plain(side);
    side.prepare(leg)
}

#[test]
fn none_prepare_ok_locks_and_votes_yes() {
    let mut side = Side::new();
    let leg = plain(&side);
    let prepare = side.locked(leg);
    assert!(matches!(side.verdict(), Verdict::Yes { .. }));
    assert_eq!(side.sub.value("k"), None);
    assert_eq!(side.record(&prepare).unwrap().deadline_on_relay, prepare.deadline_on_relay);
    assert_eq!(side.sub.local(vec![set("k", "mine")]), Code::LOCKED);
}

#[test]
fn none_prepare_failing_refuses_and_votes_no() {
    let mut side = Side::new();
    let leg = transfer(side.id(), &[("c0", -101)]);
    let prepare = side.prepare(leg);
    assert_eq!(side.tell_one(ask(&prepare)), Code::BOUND);
    assert_eq!((side.state(&prepare), side.no_code()), (Some(LegState::Refused), Code::BOUND));
    assert_eq!(side.sub.local(vec![add("c0", -100)]), Code::OK, "nothing is held");
}

#[test]
fn none_prepare_at_or_past_its_deadline_leaves_nothing() {
    for ahead in [true, false] {
        let mut side = Side::new();
        let leg = plain(&side);
        // The block that brings it has height 1 on the relay.
        let prepare = side.prepare_until(if ahead { 2 } else { 1 }, leg);
        let code = side.tell_one(ask(&prepare));
        assert_eq!(code, if ahead { Code::OK } else { Code::EXPIRED });
        assert_eq!(side.state(&prepare), ahead.then_some(LegState::Locked));
        assert_eq!(side.said().len(), usize::from(ahead), "no record, no Vote");
    }
}

#[test]
fn none_commit_is_ignored_with_an_alarm() {
    let mut side = Side::new();
    let prepare = prepared(&mut side);
    let before = side.sub.census();
    assert_eq!(side.tell_one(commit(&prepare)), Code::UNEXPECTED);
    assert_eq!((side.state(&prepare), side.said().len(), side.sub.value("k")), (None, 0, None));
    assert!(!side.is_suspended());
    assert_eq!(side.sub.census()["participation"], before.get("participation").unwrap_or(&0) + 1);
}

#[test]
fn none_abort_ahead_leaves_a_tombstone_and_the_late_prepare_is_not_run() {
    let mut side = Side::new();
    let prepare = prepared(&mut side);
    assert_eq!(side.tell_one(abort(&prepare)), Code::OK);
    assert_eq!((side.state(&prepare), side.result()), (Some(LegState::Tombstone), OutcomeResult::Refused));
    for late in [ask(&prepare), abort(&prepare)] {
        assert_eq!(side.tell_one(late), Code::DUPLICATE);
        assert_eq!((side.state(&prepare), side.said().len()), (Some(LegState::Tombstone), 0));
    }
}

#[test]
fn none_abort_past_answers_refused_without_a_record() {
    let mut side = Side::new();
    let leg = plain(&side);
    let prepare = side.prepare_until(1, leg);
    assert_eq!(side.tell_one(abort(&prepare)), Code::OK);
    assert_eq!((side.state(&prepare), side.result()), (None, OutcomeResult::Refused));
    assert_eq!(side.tell_one(ask(&prepare)), Code::EXPIRED);
    assert!(side.said().is_empty());
}

#[test]
fn locked_prepare_again_is_a_receipt_only() {
    let mut side = Side::new();
    let leg = plain(&side);
    let prepare = side.locked(leg);
    let record = side.record(&prepare);
    assert_eq!(side.tell_one(ask(&prepare)), Code::DUPLICATE);
    assert_eq!((side.record(&prepare), side.said().len()), (record, 0), "S4: never a second Vote");
}

#[test]
fn locked_commit_applies_with_the_voted_root() {
    let mut side = Side::new();
    let leg = plain(&side);
    let prepare = side.locked(leg);
    let Verdict::Yes { write_set_root: voted, .. } = side.verdict() else { panic!() };
    assert_eq!(side.tell_one(commit(&prepare)), Code::OK);
    assert_eq!(side.result(), OutcomeResult::Applied { write_set_root: voted });
    assert_eq!((side.state(&prepare), side.sub.value("k").as_deref()), (Some(LegState::Applied), Some("new")));
    assert_eq!(side.sub.local(vec![set("k", "mine")]), Code::OK);
}

#[test]
fn locked_abort_releases_also_past_the_deadline() {
    for past in [false, true] {
        let mut side = Side::new();
        let leg = plain(&side);
        let prepare = side.locked(leg);
        if past {
            side.learn(prepare.deadline_on_relay.0 + 5);
        }
        assert_eq!(side.tell_one(abort(&prepare)), Code::OK);
        assert_eq!((side.state(&prepare), side.result()), (Some(LegState::Released), OutcomeResult::Released));
        assert_eq!(side.sub.value("k"), None);
        assert_eq!(side.sub.local(vec![set("k", "mine")]), Code::OK);
    }
}

/// REFUSED, TOMBSTONE and RELEASED.
fn ended_without_effect() -> Vec<(Side, Prepare, LegState)> {
    let mut refused = Side::new();
    let leg = transfer(refused.id(), &[("c0", -101)]);
    let no = refused.prepare(leg);
    refused.tell_one(ask(&no));
    let mut tombstone = Side::new();
    let early = prepared(&mut tombstone);
    tombstone.tell_one(abort(&early));
    let mut released = Side::new();
    let leg = plain(&released);
    let gone = released.locked(leg);
    released.tell_one(abort(&gone));
    vec![
        (refused, no, LegState::Refused),
        (tombstone, early, LegState::Tombstone),
        (released, gone, LegState::Released),
    ]
}

#[test]
fn refused_tombstone_released_prepare_and_abort_are_receipts_only() {
    for (mut side, prepare, state) in ended_without_effect() {
        for again in [ask(&prepare), abort(&prepare)] {
            assert_eq!(side.tell_one(again), Code::DUPLICATE);
            assert_eq!((side.state(&prepare), side.said().len()), (Some(state), 0));
        }
        assert!(!side.is_suspended());
    }
}

#[test]
fn refused_tombstone_released_commit_and_applied_abort_suspend_this_chain() {
    let mut applied = Side::new();
    let leg = plain(&applied);
    let prepare = applied.locked(leg);
    applied.tell_one(commit(&prepare));
    let mut cases: Vec<_> =
        ended_without_effect().into_iter().map(|(side, it, state)| (side, commit(&it), it, state)).collect();
    cases.push((applied, abort(&prepare), prepare, LegState::Applied));
    for (mut side, word, prepare, state) in cases {
        let value = side.sub.value("k");
        assert_eq!(side.tell_one(word), Code::CONTRADICTION);
        assert!(side.is_suspended(), "{state:?}");
        assert_eq!((side.state(&prepare), side.sub.value("k"), side.said().len()), (Some(state), value, 0));
        // No further part: what comes waits, local work goes on.
        let leg = write(side.id(), &["z"], "1");
        let next = side.prepare(leg);
        assert_eq!(side.tell_one(ask(&next)), Code::POSTPONED);
        assert_eq!((side.state(&next), side.said().len()), (None, 0));
        assert_eq!(side.sub.local(vec![set("z", "mine")]), Code::OK);
        assert!(!side.sub.block(Vec::new()).has_due_work);
    }
}

#[test]
fn applied_prepare_and_commit_are_receipts_only() {
    let mut side = Side::new();
    let leg = transfer(side.id(), &[("c0", 5)]);
    let prepare = side.locked(leg);
    side.tell_one(commit(&prepare));
    for again in [ask(&prepare), commit(&prepare)] {
        assert_eq!(side.tell_one(again), Code::DUPLICATE);
        assert_eq!((side.sub.counter("c0"), side.said().len()), (START_VALUE + 5, 0), "applied once");
    }
}

#[test]
fn disputed_takes_everything_as_a_receipt() {
    let mut side = Side::new();
    let prepare = prepared(&mut side);
    let leg = subchain::participant::LegId { id: prepare.id, started_at_on_relay: prepare.started_at_on_relay };
    // Only a re-anchor makes such a record.
    let record = subchain::participant::LegRecord {
        state: LegState::Disputed,
        deadline_on_relay: prepare.deadline_on_relay,
        write_set_root: Suite::Standard.foreign(Hash::ZERO),
        answered_by: Sequence(0),
    };
    side.sub.tamper(|state| leg.put_record(state, &record).unwrap());
    for word in [ask(&prepare), commit(&prepare), abort(&prepare), told(&prepare)] {
        assert_eq!(side.tell_one(word), Code::DUPLICATE);
        assert_eq!((side.state(&prepare), side.said().len()), (Some(LegState::Disputed), 0));
    }
    assert!(!side.is_suspended());
}

#[test]
fn notify_runs_once_again_is_a_receipt_only() {
    let mut side = Side::new();
    let leg = ledger_protocol::proposal::Leg {
        mode: ledger_protocol::proposal::LegMode::Notify,
        ..transfer(side.id(), &[("c0", 5)])
    };
    let prepare = side.prepare(leg);
    assert_eq!(side.tell_one(told(&prepare)), Code::OK);
    assert_eq!((side.state(&prepare), side.result()), (Some(LegState::Noted), OutcomeResult::Noted { code: Code::OK }));
    for word in [told(&prepare), abort(&prepare), commit(&prepare)] {
        assert_eq!(side.tell_one(word), Code::DUPLICATE);
        assert_eq!((side.sub.counter("c0"), side.said().len()), (START_VALUE + 5, 0));
    }
}
