//! Decisions that do not follow from what was ordered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::*;
use crate::property::samples::{NOTHING_YET, abort, broken, chain, commit, id, record, yes};
use ledger_protocol::transaction::Choice;

/// Votes of the two chains: whether YES, and the relay height at which each was ordered.
fn votes(given: [Option<(bool, u64)>; 2]) -> OrderedVotes {
    let mut property = OrderedVotes::new(ChainIndex(0));
    for (number, vote) in (1..).zip(given) {
        if let Some((is_yes, at)) = vote {
            property.votes.insert((id(), Height(10), chain(number)), Ordered { is_yes, at: Height(at) });
        }
    }
    property
}

fn decided(given: [Option<(bool, u64)>; 2], at: u64, decision: &Choice<DecisionVerdict>) -> Result<(), Contradiction> {
    let record = record(ProposalState::Committing, [yes(), NOTHING_YET], decision.clone());
    let record = ProposalRecord { decided_at: Height(at), ..record };
    votes(given).decided(&record, decision.as_option().unwrap())
}

#[test]
fn a_commit_follows_from_every_yes_by_the_deadline_and_from_nothing_else() {
    decided([Some((true, 29)), Some((true, 30))], 30, &commit()).unwrap();
    broken(decided([Some((true, 29)), None], 30, &commit()), "A2");
    broken(decided([Some((true, 29)), Some((false, 30))], 30, &commit()), "A2");
    broken(decided([Some((true, 29)), Some((true, 31))], 31, &commit()), "R1");
}

#[test]
fn an_abort_against_every_yes_is_found() {
    let all = [Some((true, 29)), Some((true, 30))];
    broken(decided(all, 31, &abort(Code::TIMEOUT)), "A3");
    // A vote beats a cancel of its block.
    broken(decided(all, 30, &abort(Code::CANCELLED)), "A3");
    decided(all, 29, &abort(Code::CANCELLED)).unwrap();
    // A freeze beats a vote of its block.
    decided(all, 30, &abort(Code::CHAIN_LOST)).unwrap();
    broken(decided(all, 31, &abort(Code::CHAIN_LOST)), "A3");
    decided([Some((true, 29)), Some((true, 31))], 31, &abort(Code::TIMEOUT)).unwrap();
}
