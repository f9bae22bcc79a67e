//! Answers that hide what is undecided, or that show what is not decided yet.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::property::samples::{broken, hash, id};
use ledger_protocol::transaction::StateContent;
use ledger_protocol::{AccountName, Version};

fn key() -> LockKey {
    LockKey {
        ledger: LedgerId(1),
        account: AccountName::new("books").unwrap(),
        key: b"page".to_vec().try_into().unwrap(),
    }
}

fn leg(number: u8) -> LegId {
    LegId { id: ProposalId(hash(number)), started_at_on_relay: Height(10) }
}

fn value(version: u64) -> Option<StateValue> {
    let content = StateContent::Plain(b"words".to_vec().try_into().unwrap());
    Some(StateValue { version: Version(version), content })
}

fn locked(will: Will) -> Legs {
    let mut legs = Legs::default();
    legs.turn(leg(9), true, &[(key(), will)]);
    legs
}

fn told(version: u64, pending: &[ProposalId]) -> query::ValueAnswer {
    query::ValueAnswer { value: value(version), pending: pending.to_vec() }
}

#[test]
fn an_answer_without_the_undecided_proposal_is_found() {
    let legs = locked(Will::Write(value(1)));
    legs.judge(&key(), &told(1, &[id()]), "here").unwrap();
    broken(legs.judge(&key(), &told(1, &[]), "here"), "A4");
    broken(legs.judge(&key(), &told(2, &[id()]), "here"), "A4");
    broken(legs.judge(&key(), &told(1, &[id(), ProposalId(hash(12))]), "here"), "A4");
}

#[test]
fn a_counter_may_change_beside_those_who_add_to_it() {
    let mut legs = locked(Will::Add);
    legs.judge(&key(), &told(2, &[id()]), "here").unwrap();
    legs.turn(leg(12), true, &[(key(), Will::Add)]);
    broken(legs.judge(&key(), &told(2, &[id()]), "here"), "A4");
    let mut both = vec![id(), ProposalId(hash(12))];
    both.sort();
    legs.judge(&key(), &told(2, &both), "here").unwrap();
}

#[test]
fn an_answer_that_names_what_has_ended_is_found() {
    let mut legs = locked(Will::Write(value(1)));
    legs.turn(leg(9), false, &[(key(), Will::Write(value(2)))]);
    broken(legs.judge(&key(), &told(2, &[id()]), "here"), "A4");
    legs.judge(&key(), &told(2, &[]), "here").unwrap();
}

#[test]
fn a_leg_that_is_seen_again_keeps_the_value_that_it_was_locked_at() {
    let mut legs = locked(Will::Write(value(1)));
    legs.turn(leg(9), true, &[(key(), Will::Write(value(2)))]);
    broken(legs.judge(&key(), &told(2, &[id()]), "here"), "A4");
}
