//! Every cell of the relay's table by name.
#![allow(clippy::unwrap_used)]
use super::*;
use ledger_protocol::{ChainId, Hash, ProposalId, Suite, SuiteHash};

fn hash(byte: u8) -> SuiteHash {
    Suite::Standard.foreign(Hash([byte; 32]))
}

fn chain(byte: u8) -> ChainId {
    ChainId { suite: Suite::Standard, hash: Hash([byte; 32]) }
}

fn yes() -> Verdict {
    Verdict::Yes { result_hash: hash(1), write_set_root: hash(2), lock_set_root: hash(3) }
}

fn no() -> Verdict {
    Verdict::No { code: Code::CONFLICT, conflicting: ProposalId(hash(9)) }
}

fn voted() -> LegPhase {
    LegPhase::VotedYes { message_hash: hash(4), write_set_root: hash(2) }
}

fn commit() -> DecisionVerdict {
    DecisionVerdict::Commit { votes_root: hash(5) }
}

fn abort() -> DecisionVerdict {
    DecisionVerdict::Abort { code: Code::TIMEOUT, culprit: chain(1) }
}

const CLOSED: [LegPhase; 3] = [LegPhase::Disputed, LegPhase::Broken, LegPhase::Noted { code: Code::OK }];

#[test]
fn preparing_yes_is_noted() {
    assert_eq!(on_vote(ProposalState::Preparing, &LegPhase::Waiting, &yes(), false), VoteReaction::NoteYes);
}

#[test]
fn preparing_first_no_closes_and_aborts() {
    assert_eq!(on_vote(ProposalState::Preparing, &LegPhase::Waiting, &no(), false), VoteReaction::CloseAndAbort);
}

#[test]
fn aborting_no_closes_the_leg_without_an_outcome() {
    for state in [ProposalState::Aborting, ProposalState::Aborted] {
        assert_eq!(on_vote(state, &LegPhase::Waiting, &no(), false), VoteReaction::Close);
    }
}

#[test]
fn aborting_late_yes_waits_for_its_outcome() {
    for state in [ProposalState::Aborting, ProposalState::Aborted] {
        let cell = on_vote(state, &LegPhase::Waiting, &yes(), false);
        assert_eq!(cell, VoteReaction::Receipt(Code::TOO_LATE));
    }
}

#[test]
fn the_same_yes_again_is_a_duplicate_in_every_state() {
    for state in [ProposalState::Preparing, ProposalState::Committing, ProposalState::Aborting] {
        assert_eq!(on_vote(state, &voted(), &yes(), true), VoteReaction::Receipt(Code::DUPLICATE));
    }
}

#[test]
fn two_different_votes_are_a_contradiction_in_every_state() {
    for state in [ProposalState::Preparing, ProposalState::Committing, ProposalState::Aborting] {
        assert_eq!(on_vote(state, &voted(), &no(), false), VoteReaction::Contradiction);
        assert_eq!(on_vote(state, &voted(), &yes(), false), VoteReaction::Contradiction);
    }
}

#[test]
fn commit_is_closed_by_applied_with_the_voted_root_only() {
    let state = ProposalState::Committing;
    let applied = |byte| OutcomeResult::Applied { write_set_root: hash(byte) };
    assert_eq!(on_outcome(state, Some(&commit()), &voted(), true, &applied(2)), OutcomeReaction::Close);
    assert_eq!(on_outcome(state, Some(&commit()), &voted(), true, &applied(7)), OutcomeReaction::Break);
}

#[test]
fn commit_answered_by_released_or_refused_breaks_the_leg() {
    for result in [OutcomeResult::Released, OutcomeResult::Refused] {
        let cell = on_outcome(ProposalState::Committing, Some(&commit()), &voted(), true, &result);
        assert_eq!(cell, OutcomeReaction::Break);
    }
}

#[test]
fn abort_is_closed_by_released_or_refused_and_broken_by_applied() {
    for phase in [LegPhase::Waiting, voted()] {
        for result in [OutcomeResult::Released, OutcomeResult::Refused] {
            let cell = on_outcome(ProposalState::Aborting, Some(&abort()), &phase, true, &result);
            assert_eq!(cell, OutcomeReaction::Close);
        }
        let applied = OutcomeResult::Applied { write_set_root: hash(2) };
        let cell = on_outcome(ProposalState::Aborting, Some(&abort()), &phase, true, &applied);
        assert_eq!(cell, OutcomeReaction::Break);
    }
}

#[test]
fn an_outcome_before_the_decision_waits_for_it_or_aborts() {
    let before = |phase: &LegPhase, result| on_outcome(ProposalState::Preparing, None, phase, true, &result);
    let applied = |root| OutcomeResult::Applied { write_set_root: hash(root) };
    assert_eq!(before(&voted(), applied(2)), OutcomeReaction::Keep);
    assert_eq!(before(&voted(), applied(7)), OutcomeReaction::Break, "not what it voted for");
    assert_eq!(before(&LegPhase::Waiting, applied(2)), OutcomeReaction::Break, "it has voted for nothing");
    for phase in [voted(), LegPhase::Waiting] {
        for result in [OutcomeResult::Released, OutcomeResult::Refused] {
            assert_eq!(before(&phase, result), OutcomeReaction::CloseAndAbort);
        }
    }
}

#[test]
fn disputed_closes_without_contradiction_and_aborts_what_is_undecided() {
    let result = OutcomeResult::Disputed;
    for (state, decision) in [(ProposalState::Committing, commit()), (ProposalState::Aborting, abort())] {
        assert_eq!(on_outcome(state, Some(&decision), &voted(), true, &result), OutcomeReaction::CloseDisputed);
    }
    let cell = on_outcome(ProposalState::Preparing, None, &LegPhase::Waiting, true, &result);
    assert_eq!(cell, OutcomeReaction::CloseDisputedAndAbort);
}

#[test]
fn a_notify_leg_is_noted_after_commit_only() {
    let noted = OutcomeResult::Noted { code: Code::BOUND };
    let phase = LegPhase::Waiting;
    let cell = on_outcome(ProposalState::Committing, Some(&commit()), &phase, false, &noted);
    assert_eq!(cell, OutcomeReaction::Noted(Code::BOUND));
    assert_eq!(on_outcome(ProposalState::Preparing, None, &phase, false, &noted), OutcomeReaction::Keep);
    let cell = on_outcome(ProposalState::Aborting, Some(&abort()), &phase, false, &noted);
    assert_eq!(cell, OutcomeReaction::Break);
}

#[test]
fn a_closed_leg_stays_closed() {
    for phase in CLOSED {
        let cell = on_outcome(ProposalState::Committing, Some(&commit()), &phase, true, &OutcomeResult::Released);
        assert_eq!(cell, OutcomeReaction::Receipt(Code::DUPLICATE));
    }
}
