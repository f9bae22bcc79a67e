//! S1–S8, and what a leg is refused for.

use super::fixture::*;
use super::side::*;
use ledger_protocol::chain::RelayAnchor;
use ledger_protocol::codec::SortedVec;
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::*;
use ledger_protocol::transaction::*;
use ledger_protocol::*;
use subchain::participant::NOTIFY_PATIENCE_BLOCKS;
use subchain::participant::table::LegState;

fn anchor_at(side: &Side, relay_height: u64) -> ledger_protocol::chain::Input {
    let trusted = side.relay.trusted(Height(relay_height));
    let anchor = RelayAnchor {
        relay: side.relay.id,
        kind: trusted.kind,
        height_on_relay: trusted.height,
        header_hash_on_relay: side.relay.id.suite.foreign(trusted.header_hash),
        next_validators_on_relay: trusted.next_validators,
    };
    transaction(side.id(), OWNER, vec![at(SYSTEM, Operation::SetRelayAnchor(anchor))])
}

#[test]
fn s1_after_yes_only_a_decision_releases() {
    let mut side = Side::new();
    let leg = write(side.id(), &["k"], "1");
    let prepare = side.locked(leg);
    side.sub.blocks(50);
    side.learn(prepare.deadline_on_relay.0 + 100);
    assert_eq!(side.state(&prepare), Some(LegState::Locked));
    assert_eq!(side.sub.local(vec![set("k", "mine")]), Code::LOCKED);
    // COMMIT counts however late it is heard of.
    assert_eq!(side.tell_one(commit(&prepare)), Code::OK);
    assert_eq!(side.sub.value("k").as_deref(), Some("1"));
}

#[test]
fn s2_applying_judges_no_rights_again_and_adds_amounts() {
    let mut side = Side::new();
    let leg = leg(
        side.id(),
        LegMode::Write,
        vec![exclusive("k"), delta("c0", 5)],
        vec![at(BOOK, set("k", "1")), at(BOOK, add("c0", 5)), at(BOOK, event("paid"))],
    );
    let prepare = side.locked(leg);
    assert_eq!(side.sub.local(vec![add("c0", 7), event("paid")]), Code::OK);
    // The owner gives the account away and forbids locks; the vote stands.
    let change = Operation::SetAccountPermissions(SetAccountPermissions {
        account: account("cash"),
        mode: AccountMode { owner: who(GUEST), group: Choice::None, group_write: false, others_write: false },
        policy: SigningPolicy::any(),
        read_policy: ReadPolicy::Members,
        lockable: false,
    });
    assert_eq!(side.sub.local(vec![change]), Code::OK);
    assert_eq!(side.tell_one(commit(&prepare)), Code::OK);
    assert_eq!((side.sub.value("k").as_deref(), side.sub.counter("c0")), (Some("1"), START_VALUE + 12));
}

#[test]
fn s2_a_full_block_postpones_commits_in_order_and_drops_none() {
    // 64 changes a block: 16 a leg, 32 for messages.
    let mut side = Side::with(64);
    let mut prepares = Vec::new();
    for number in 0..5 {
        let keys: Vec<String> = (0..12).map(|key| format!("k{number}-{key}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let leg = write(side.id(), &keys, "1");
        prepares.push(side.locked(leg));
    }
    let leg = write(side.id(), &["last"], "1");
    let behind = side.prepare_until(100, leg);
    let mut words: Vec<MessageContent> = prepares.iter().map(commit).collect();
    words.push(ask(&behind));
    let codes = side.tell(words);
    assert_eq!(codes[..2], [Code::OK, Code::OK]);
    assert_eq!(codes[2..], [Code::POSTPONED; 4], "whatever is behind waits, in order");
    assert_eq!(side.state(&behind), None);
    let mut seen = side.said().len();
    for _ in 0..3 {
        side.sub.block(Vec::new());
        seen += side.said().len();
    }
    assert_eq!(seen, 6, "five Outcomes and a Vote");
    for prepare in &prepares {
        assert_eq!(side.state(prepare), Some(LegState::Applied));
    }
    assert_eq!(side.state(&behind), Some(LegState::Locked));
    assert!(!side.sub.block(Vec::new()).has_due_work);
}

#[test]
fn s2_notify_legs_keep_to_the_block_too() {
    let mut side = Side::with(64);
    let mut words = Vec::new();
    for number in 0..5 {
        let keys: Vec<String> = (0..12).map(|key| format!("k{number}-{key}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let leg = notify(side.id(), &keys, "1");
        let prepare = side.prepare(leg);
        words.push(told(&prepare));
    }
    let codes = side.tell(words);
    assert_eq!(codes, [Code::OK, Code::OK, Code::POSTPONED, Code::POSTPONED, Code::POSTPONED]);
    side.sub.blocks(3);
    assert_eq!(side.sub.value("k4-11").as_deref(), Some("1"));
}

#[test]
fn s3_locks_never_wait() {
    let mut side = Side::new();
    assert_eq!(side.sub.local(vec![set("s", "0"), set("x", "0")]), Code::OK);
    let held = leg(
        side.id(),
        LegMode::Write,
        vec![shared("s"), exclusive("x"), delta("c0", -60), under("p")],
        vec![at(BOOK, set("x", "1")), at(BOOK, add("c0", -60))],
    );
    let prepare = side.locked(held);
    for (operations, expected) in [
        (vec![set("s", "1")], Code::LOCKED),
        (vec![set("x", "1")], Code::LOCKED),
        (vec![set("p1", "1")], Code::LOCKED),
        (vec![add("c0", -41)], Code::BOUND),
        (vec![add("c0", -40)], Code::OK),
        (vec![set("free", "1")], Code::OK),
    ] {
        assert_eq!(side.sub.local(operations), expected);
    }
    let bounds = Operation::DeclareCounter(CounterDeclaration {
        account: account("cash"),
        key: key("c0"),
        min: -50,
        max: MAX_VALUE,
        initial: 60,
    });
    assert_eq!(side.sub.local(vec![bounds]), Code::LOCKED, "a change of bounds is an exclusive write");
    // A Prepare that meets a lock votes NO and names whose it is.
    for scope in [shared("x"), exclusive("s"), delta("x", 1), exclusive("p7"), exclusive("c0")] {
        let leg = leg(side.id(), LegMode::Read, vec![scope], Vec::new());
        let second = side.prepare(leg);
        side.tell_one(ask(&second));
        assert_eq!(side.verdict(), Verdict::No { code: Code::CONFLICT, conflicting: prepare.id });
    }
    let leg = leg(side.id(), LegMode::Read, vec![shared("s"), under("p")], Vec::new());
    side.locked(leg);
}

#[test]
fn deltas_are_checked_against_every_reservation() {
    let mut side = Side::new();
    let ids: Vec<Prepare> = (0..3)
        .map(|_| {
            let leg = transfer(side.id(), &[("c0", -30)]);
            side.locked(leg)
        })
        .collect();
    let leg = transfer(side.id(), &[("c0", -30)]);
    let fourth = side.prepare(leg);
    assert_eq!(side.tell_one(ask(&fourth)), Code::BOUND);
    assert_eq!(side.tell_one(abort(&ids[0])), Code::OK);
    let leg = transfer(side.id(), &[("c0", -40)]);
    let fifth = side.locked(leg);
    for prepare in [&fifth, &ids[1], &ids[2]] {
        assert_eq!(side.tell_one(commit(prepare)), Code::OK);
    }
    assert_eq!(side.sub.counter("c0"), 0);
}

#[test]
fn s3_a_notify_at_a_lock_expires_at_the_end_of_its_patience() {
    let mut side = Side::new();
    let holder_leg = write(side.id(), &["n"], "1");
    let holder = side.locked(holder_leg);
    let notify_leg = notify(side.id(), &["n"], "told");
    let waiting = side.prepare(notify_leg);
    assert_eq!(side.tell_one(told(&waiting)), Code::POSTPONED);
    assert_eq!(side.state(&waiting), Some(LegState::Waiting));
    assert_eq!(side.tell_one(told(&waiting)), Code::DUPLICATE);
    let came = side.known() - 1;
    side.learn(came + NOTIFY_PATIENCE_BLOCKS);
    side.sub.block(Vec::new());
    assert_eq!(side.state(&waiting), Some(LegState::Waiting));
    side.learn(came + NOTIFY_PATIENCE_BLOCKS + 1);
    side.sub.block(Vec::new());
    assert_eq!(side.result(), OutcomeResult::Noted { code: Code::EXPIRED });
    assert_eq!(side.state(&waiting), Some(LegState::Noted));
    assert_eq!(side.tell_one(commit(&holder)), Code::OK);
    side.sub.block(Vec::new());
    assert_eq!(side.sub.value("n").as_deref(), Some("1"), "it ran never");
}

#[test]
fn s5_the_known_height_never_falls_not_even_by_a_new_anchor() {
    let mut side = Side::new();
    side.learn(30);
    let input = anchor_at(&side, 5);
    assert_eq!(side.sub.codes(vec![input])[0], [Code::ANCHOR_BELOW], "S5: at or above the highest known height");
    assert_eq!(side.known(), 30);
    let leg = write(side.id(), &["k"], "1");
    let prepare = side.prepare_until(30, leg);
    assert_eq!(side.tell_one(ask(&prepare)), Code::EXPIRED);
    assert_eq!(side.state(&prepare), None);
}

#[test]
fn a_suspended_chain_that_is_told_to_go_on_loses_no_decision() {
    let mut side = Side::new();
    let first = write(side.id(), &["a"], "1");
    let contradicted = side.locked(first);
    let second = write(side.id(), &["b"], "1");
    let locked = side.locked(second);
    side.tell_one(abort(&contradicted));
    assert_eq!(side.tell(vec![commit(&contradicted), commit(&locked)]), [Code::CONTRADICTION, Code::POSTPONED]);
    assert_eq!(side.state(&locked), Some(LegState::Locked));
    let tip = side.relay.tip().0;
    let input = anchor_at(&side, tip);
    assert_eq!(side.sub.codes(vec![input])[0], [Code::OK]);
    assert!(!side.is_suspended());
    side.sub.block(Vec::new());
    assert_eq!((side.state(&locked), side.sub.value("b").as_deref()), (Some(LegState::Applied), Some("1")));
}

#[test]
fn a_suspended_chain_whose_relay_grew_goes_on_by_the_header_named_last_and_loses_no_decision() {
    let mut side = Side::new();
    let first = write(side.id(), &["a"], "1");
    let contradicted = side.locked(first);
    let second = write(side.id(), &["b"], "1");
    let locked = side.locked(second);
    side.tell_one(abort(&contradicted));
    assert_eq!(side.tell(vec![commit(&contradicted), commit(&locked)]), [Code::CONTRADICTION, Code::POSTPONED]);
    let relay = side.relay.id;
    let (named_last, _) = side.sub.read(|state| chain_interchain::anchor(state, &relay).unwrap().unwrap());
    // Governance signs while the relay goes on: what is trusted when the transaction comes cannot be known.
    let input = anchor_at(&side, named_last.0);
    side.learn(side.known() + 5);
    assert!(named_last.0 < side.known());
    let waiting = |side: &Side| side.sub.read(|state| chain_interchain::waiting_count(state, &relay).unwrap());
    assert_eq!(waiting(&side), 1);
    let known = side.known();
    assert_eq!(side.sub.codes(vec![input])[0], [Code::OK]);
    assert!(!side.is_suspended());
    assert_eq!(side.known(), known, "S5");
    assert_eq!(side.sub.read(|state| chain_interchain::reanchors(state, &relay).unwrap()), 0, "no re-anchor");
    side.sub.block(Vec::new());
    assert_eq!(waiting(&side), 0);
    assert_eq!((side.state(&locked), side.sub.value("b").as_deref()), (Some(LegState::Applied), Some("1")));
}

#[test]
fn s6_what_a_leg_is_refused_for() {
    let mut side = Side::new();
    let id = side.id();
    assert_eq!(side.sub.local(vec![set("k", "0")]), Code::OK);
    let base = || write(id, &["k"], "1");
    let call = |operations: Vec<LedgerOperation>| leg(id, LegMode::Write, vec![exclusive("k")], operations);
    let many: Vec<String> = (0..250).map(|n| format!("m{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let private =
        ScopeEntry { key: LockKey { account: account("private"), ..lock_key("k") }, access: AccessKind::Exclusive };
    let asserted =
        |version| SortedVec::new(vec![AssertedVersion { key: lock_key("k"), version: Version(version) }]).unwrap();
    let garbage = ledger_protocol::codec::BoundedBytes::new(vec![9u8; 9]).unwrap();
    let cases = vec![
        (call(vec![at(BOOK, set("undeclared", "1"))]), Code::SCOPE),
        (call(vec![at(BOOK, add("c0", 1))]), Code::SCOPE),
        (leg(id, LegMode::Write, vec![delta("c0", 5)], vec![at(BOOK, add("c0", 6))]), Code::SCOPE),
        (leg(id, LegMode::Write, vec![shared("k")], vec![at(BOOK, set("k", "1"))]), Code::SCOPE),
        (leg(id, LegMode::Write, vec![delta("k", 5)], vec![at(BOOK, add("k", 5))]), Code::KEY_KIND),
        (leg(id, LegMode::Write, vec![delta("none", 5)], vec![at(BOOK, add("none", 5))]), Code::KEY_ABSENT),
        (leg(id, LegMode::Write, vec![private], vec![at(BOOK, set_in("private", "k", "1"))]), Code::NOT_LOCKABLE),
        (call(vec![at(SYSTEM, set("k", "1"))]), Code::NOT_SYSTEM_LEDGER),
        (Leg { asserted: asserted(7), ..base() }, Code::VERSION),
        (Leg { authorisers: SortedVec::new(vec![who(GUEST)]).unwrap(), ..base() }, Code::AUTHORISATION),
        (Leg { authorisers: SortedVec::new(vec![who(9)]).unwrap(), ..base() }, Code::AUTHORISATION),
        (Leg { authorisers: SortedVec::default(), ..base() }, Code::AUTHORISATION),
        (
            Leg { call: Call::Sealed { commitment: Hash([1; 32]), ciphertext_hash: Hash([2; 32]) }, ..base() },
            Code::SEAL,
        ),
        (Leg { call: Call::Plain(garbage), ..base() }, Code::UNDECODABLE),
    ];
    for (leg, expected) in cases {
        let prepare = side.prepare(leg);
        side.tell_one(ask(&prepare));
        assert_eq!((side.no_code(), side.state(&prepare)), (expected, Some(LegState::Refused)));
    }
    let leg = Leg { asserted: asserted(0), ..base() };
    let prepare = side.locked(leg);
    side.tell_one(abort(&prepare));
    let mut tiny = Side::with(64);
    let leg = write(tiny.id(), &many[..17], "1");
    let prepare = tiny.prepare(leg);
    tiny.tell_one(ask(&prepare));
    assert_eq!(tiny.no_code(), Code::SIZE);
}

#[test]
fn a_stripped_or_foreign_authorisation_is_a_no() {
    let mut side = Side::new();
    let leg = write(side.id(), &["k"], "1");
    let good = side.prepare(leg.clone());
    let other = side.prepare(leg);
    let stripped = Prepare { authorisations: SortedVec::default(), ..good.clone() };
    let of_another = Prepare { authorisations: other.authorisations.clone(), ..good.clone() };
    for prepare in [stripped, of_another] {
        let prepare = Prepare { started_at_on_relay: Height(50 + side.relay.tip().0), ..prepare };
        side.tell_one(ask(&prepare));
        assert_eq!(side.no_code(), Code::AUTHORISATION);
    }
    assert_eq!(side.tell_one(ask(&good)), Code::OK);
}

#[test]
fn what_is_not_for_this_chain_or_not_understood_gets_a_code() {
    let mut side = Side::new();
    let leg = write(side.id(), &["k"], "1");
    let good = side.prepare(leg);
    let elsewhere = Leg { chain: side.relay.id, ..good.leg.clone() };
    let foreign = Prepare { leg: elsewhere, ..good.clone() };
    let other_relay = Prepare { relay: side.id(), ..good.clone() };
    let notify = Prepare { leg: Leg { mode: LegMode::Notify, ..good.leg.clone() }, ..good.clone() };
    let voting_notify = told(&good);
    let vote = MessageContent::Vote(Vote {
        id: good.id,
        started_at_on_relay: Height(1),
        chain: side.id(),
        verdict: Verdict::No { code: Code::NO, conflicting: good.id },
    });
    for word in [ask(&foreign), ask(&other_relay), ask(&notify), voting_notify, vote] {
        assert_eq!(side.tell_one(word), Code::UNEXPECTED);
        assert!(side.said().is_empty());
    }
    assert_eq!(side.tell_bytes(&[vec![0xee; 30], ask(&good).to_payload()]), [Code::UNDECODABLE, Code::OK]);
    assert_eq!(side.tell_one(told(&good)), Code::CONTRADICTION, "a leg has one mode");
}

#[test]
fn s8_a_record_is_pruned_when_known_past_and_received_in_a_leaf_that_follows_this_chain() {
    let mut side = Side::new();
    let before = side.sub.census();
    let leg = write(side.id(), &["k"], "1");
    let prepare = side.locked(leg);
    side.tell_one(commit(&prepare));
    let gone = |side: &Side| side.state(&prepare).is_none();
    // Received, but the deadline is ahead.
    side.received = 2;
    side.follows = Some(side.own_header(side.sub.tip()));
    side.tell(Vec::new());
    assert!(!gone(&side));
    // Past, but acknowledged only by leaves that follow a foreign header or claim too much.
    let mut other = Side::new();
    let leg = write(other.id(), &["k"], "1");
    let twin = other.locked(leg);
    other.tell_one(commit(&twin));
    other.received = 2;
    other.follows =
        Some(Follows { header_hash_on_peer: Suite::Standard.foreign(Hash([3; 32])), ..other.own_header(1) });
    other.learn(twin.deadline_on_relay.0 + 5);
    assert!(other.state(&twin).is_some(), "a foreign header acknowledges nothing");
    assert!(other.sub.census().contains_key("participation"), "an alarm");
    other.follows = Some(other.own_header(1));
    other.received = 3;
    other.tell(Vec::new());
    assert!(other.state(&twin).is_some(), "more than was sent acknowledges nothing");
    other.received = 1;
    other.tell(Vec::new());
    assert!(other.state(&twin).is_some(), "the Vote alone is not enough");
    other.received = 2;
    other.tell(Vec::new());
    assert!(other.state(&twin).is_none());
    // Known past: pruned, and a late Prepare finds the deadline behind.
    side.learn(prepare.deadline_on_relay.0 - 1);
    assert!(!gone(&side));
    side.learn(prepare.deadline_on_relay.0);
    assert!(gone(&side));
    assert_eq!(side.tell_one(ask(&prepare)), Code::EXPIRED);
    assert_eq!(side.sub.census(), before);
}

#[test]
fn s8_a_refused_vote_is_pruned_by_the_sequence_of_its_no() {
    let mut side = Side::new();
    let leg = transfer(side.id(), &[("c0", -101)]);
    let prepare = side.prepare(leg);
    side.tell_one(ask(&prepare));
    side.follows = Some(side.own_header(side.sub.tip()));
    side.learn(prepare.deadline_on_relay.0);
    assert_eq!(side.state(&prepare), Some(LegState::Refused));
    side.received = 1;
    side.tell(Vec::new());
    assert_eq!(side.state(&prepare), None);
}
