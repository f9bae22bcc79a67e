//! Bug classes on a subchain, by their numbers in `docs/bug-classes-protocol.md`.

use super::fixture::*;
use super::side::*;
use super::synthetic::KeySet;
use chain_state::ExecuteError;
use ledger_protocol::chain::Input;
use ledger_protocol::interchain::*;
use ledger_protocol::proposal::*;
use ledger_protocol::transaction::*;
use ledger_protocol::*;
use subchain::participant::LegId;
use subchain::participant::table::LegState;

/// Every operation that changes who decides, by whatever ledger number a leg gives it.
fn governance(side: &Side) -> Vec<Operation> {
    let validators = KeySet::new(Suite::Standard, 66, 4).set;
    let trusted = side.relay.trusted(Height(0));
    let anchor = ledger_protocol::chain::RelayAnchor {
        relay: side.relay.id,
        kind: trusted.kind,
        height_on_relay: trusted.height,
        header_hash_on_relay: side.relay.id.suite.foreign(trusted.header_hash),
        next_validators_on_relay: KeySet::new(Suite::Standard, 67, 4).set,
    };
    vec![
        Operation::SetValidators(ValidatorChange { effective_at: Height(40), validators }),
        Operation::SetParameters(ParameterChange {
            effective_at: Height(400),
            parameters: side.sub.parameters.clone(),
        }),
        Operation::SetRelayAnchor(anchor),
    ]
}

#[test]
fn bug_c10_a_leg_can_rotate_no_keys_though_its_author_governs() {
    // The owner may do all of this by a transaction of the chain's own; a leg authorised by the owner may not.
    for ledger in [SYSTEM, BOOK] {
        let mut side = Side::new();
        for operation in governance(&side) {
            for mode in [LegMode::Write, LegMode::Notify] {
                let bad = leg(side.id(), mode, Vec::new(), vec![at(ledger, operation.clone())]);
                let prepare = side.prepare(bad);
                if mode == LegMode::Write {
                    side.tell_one(ask(&prepare));
                    assert_eq!(side.state(&prepare), Some(LegState::Refused));
                    assert!(!side.no_code().is_ok());
                } else {
                    side.tell_one(told(&prepare));
                    let OutcomeResult::Noted { code } = side.result() else { panic!() };
                    assert!(!code.is_ok(), "{code}");
                }
            }
        }
        let (validators, relay) = (side.sub.archive.current.set.clone(), side.relay.id);
        // A set that takes over would be missed by the archive, which has no keys for it.
        side.sub.blocks(60);
        let trusted = side.sub.read(|state| chain_interchain::trusted(state, &relay).unwrap().unwrap());
        assert_eq!(side.sub.facts().validators, validators);
        assert_eq!(trusted.next_validators, side.relay.current.set);
    }
}

#[test]
fn bug_c11_the_same_decision_again_credits_nothing_again() {
    let mut side = Side::new();
    let leg = transfer(side.id(), &[("c0", 7)]);
    let prepare = side.locked(leg);
    // Twice in one block, and again in later ones.
    assert_eq!(side.tell(vec![commit(&prepare), commit(&prepare)]), [Code::OK, Code::DUPLICATE]);
    for _ in 0..3 {
        assert_eq!(side.tell_one(commit(&prepare)), Code::DUPLICATE);
    }
    assert_eq!(side.sub.counter("c0"), START_VALUE + 7);
    let noted = Leg { mode: LegMode::Notify, ..transfer(side.id(), &[("c1", 7)]) };
    let notify = side.prepare(noted);
    assert_eq!(side.tell(vec![told(&notify), told(&notify)]), [Code::OK, Code::DUPLICATE]);
    assert_eq!(side.tell_one(told(&notify)), Code::DUPLICATE);
    assert_eq!(side.sub.counter("c1"), START_VALUE + 7);
}

#[test]
fn bug_c14_no_clock_of_its_own_gives_a_deposit_back() {
    let mut side = Side::new();
    let leg = transfer(side.id(), &[("c0", -60)]);
    let prepare = side.locked(leg);
    side.sub.blocks(100);
    side.learn(prepare.deadline_on_relay.0 + 200);
    assert_eq!(side.state(&prepare), Some(LegState::Locked));
    assert_eq!(side.sub.local(vec![add("c0", -41)]), Code::BOUND, "the deposit is still reserved");
    assert_eq!(side.sub.local(vec![add("c0", -40)]), Code::OK);
    assert_eq!(side.tell_one(commit(&prepare)), Code::OK);
    assert_eq!(side.sub.counter("c0"), 0);
    // Paid out: an ABORT now returns nothing.
    assert_eq!(side.tell_one(abort(&prepare)), Code::CONTRADICTION);
    assert_eq!(side.sub.counter("c0"), 0);
}

#[test]
fn bug_c19_nothing_at_the_head_of_the_lane_stops_what_is_behind_it() {
    let mut side = Side::new();
    let holder = write(side.id(), &["n"], "held");
    let locked = side.locked(holder);
    let waits = notify(side.id(), &["n"], "told");
    let waiting = side.prepare(waits);
    let refused = transfer(side.id(), &[("c0", -101)]);
    let refused = side.prepare(refused);
    let fine = write(side.id(), &["k"], "1");
    let fine = side.prepare(fine);
    // Garbage, a NOTIFY at a lock, an unknown Decision, a Prepare that fails; then one that is fine.
    let unknown = Prepare { id: ProposalId(Suite::Standard.foreign(Hash([9; 32]))), ..fine.clone() };
    let words = [told(&waiting), commit(&unknown), ask(&refused), ask(&fine)];
    let mut bytes = vec![Vec::new(), vec![0xee; 50]];
    bytes.extend(words.iter().map(MessageContent::to_payload));
    let codes = side.tell_bytes(&bytes);
    assert_eq!(codes.len(), 6);
    assert_eq!(codes[..4], [Code::UNDECODABLE, Code::UNDECODABLE, Code::POSTPONED, Code::UNEXPECTED]);
    assert_eq!(side.state(&fine), Some(LegState::Locked), "{codes:?}");
    assert_eq!(side.tell_one(commit(&locked)), Code::OK);
    side.sub.blocks(1);
    assert_eq!(side.sub.value("n").as_deref(), Some("told"), "what waited aside runs when the lock is gone");
}

#[test]
fn bug_c25_a_leg_record_that_does_not_decode_is_a_fault_and_never_an_absent_one() {
    let mut side = Side::new();
    let leg = write(side.id(), &["k"], "1");
    let prepare = side.locked(leg);
    let id = LegId { id: prepare.id, started_at_on_relay: prepare.started_at_on_relay };
    let good = side.record(&prepare).unwrap();
    let key = {
        let mut key = ledger_protocol::codec::encode(&id.id);
        key.extend(id.started_at_on_relay.0.to_be_bytes());
        StateKey::new(key).unwrap()
    };
    let place = chain_state::Place::system(ledger_protocol::system::accounts::LEGS, key);
    assert_eq!(side.sub.read(|state| state.record(&place).unwrap()), Some(good.clone()), "the place of the record");
    side.sub.tamper(|state| state.put_record(&place, &1u8).unwrap());
    // Taken for absent, the COMMIT would be ignored and the lock stay for ever; as a fault the replica stops.
    let (to, from) = (side.id(), side.relay.id);
    let message = Message {
        source: from,
        destination: to,
        sequence: Sequence(1),
        payload: ledger_protocol::codec::BoundedBytes::new(commit(&prepare).to_payload()).unwrap(),
    };
    let messages = vec![message];
    let mut leaf = super::synthetic::leaf_of(side.relay.suite(), to, Sequence(1), &messages);
    leaf.follows = side.own_header(0);
    let trusted = side.relay.tip();
    let height = side.relay.append(vec![(leaf, messages)], None);
    let word = Input::Advance(Box::new(side.relay.advance(trusted, height, &to, &[height])));
    let result = side.sub.try_block(std::slice::from_ref(&word));
    assert!(matches!(result, Err(ExecuteError::Fault(_))), "{:?}", result.err());
    side.sub.tamper(|state| state.put_record(&place, &good).unwrap());
    assert_eq!(side.sub.codes(vec![word]), [[Code::OK, Code::OK]]);
    assert_eq!(side.state(&prepare), Some(LegState::Applied));
}
