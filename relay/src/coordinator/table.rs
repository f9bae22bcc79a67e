//! The relay's state table (§3 of the proposal protocol) as pure functions.

use ledger_protocol::Code;
use ledger_protocol::interchain::{DecisionVerdict, OutcomeResult, Verdict};
use ledger_protocol::system::{LegPhase, ProposalState};

/// What a proven Vote does to a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoteReaction {
    /// First YES of this leg: note it; when it was the last one missing, COMMIT.
    NoteYes,
    /// First proven NO while PREPARING: the leg is closed, the proposal aborts.
    CloseAndAbort,
    /// NO after an ABORT was decided for another reason: the leg is closed, no Outcome will follow.
    Close,
    /// Nothing but a receipt.
    Receipt(Code),
    /// Two different Votes of one chain: it is frozen.
    Contradiction,
}

/// The cell for a Vote. `same` tells whether the leg's noted YES is this very vote.
pub const fn on_vote(state: ProposalState, phase: &LegPhase, verdict: &Verdict, same: bool) -> VoteReaction {
    use ProposalState::{Aborted, Aborting, Preparing};
    match (state, phase, verdict) {
        (Preparing, LegPhase::Waiting, Verdict::Yes { .. }) => VoteReaction::NoteYes,
        (Preparing, LegPhase::Waiting, Verdict::No { .. }) => VoteReaction::CloseAndAbort,
        // ABORTED too: a frozen chain's leg counts as closed for the state, but only this NO closes it by proof.
        (Aborting | Aborted, LegPhase::Waiting, Verdict::No { .. }) => VoteReaction::Close,
        // A YES that comes after the ABORT: its Outcome RELEASED will close the leg.
        (Aborting | Aborted, LegPhase::Waiting, Verdict::Yes { .. }) => VoteReaction::Receipt(Code::TOO_LATE),
        (_, LegPhase::VotedYes { .. }, Verdict::Yes { .. }) if same => VoteReaction::Receipt(Code::DUPLICATE),
        (_, LegPhase::VotedYes { .. }, _) => VoteReaction::Contradiction,
        _ => VoteReaction::Receipt(Code::DUPLICATE),
    }
}

/// What a proven Outcome does to a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeReaction {
    /// The leg is closed by it.
    Close,
    /// The leg is closed as DISPUTED: no contradiction, no Evidence.
    CloseDisputed,
    /// As `CloseDisputed`, and the undecided proposal aborts.
    CloseDisputedAndAbort,
    /// The leg is closed, and the undecided proposal aborts: on a branch of the relay that is lost it was aborted, and
    /// this leg cannot commit any more.
    CloseAndAbort,
    /// The leg has taken effect by a decision that this branch has not taken: kept, and judged by the one it takes.
    Keep,
    /// A NOTIFY leg has run.
    Noted(Code),
    /// The leg is closed as BROKEN and its chain is frozen.
    Break,
    /// Nothing but a receipt.
    Receipt(Code),
}

/// The cell for an Outcome.
pub fn on_outcome(
    state: ProposalState,
    decision: Option<&DecisionVerdict>,
    phase: &LegPhase,
    votes: bool,
    result: &OutcomeResult,
) -> OutcomeReaction {
    match phase {
        LegPhase::ClosedByOutcome { .. }
        | LegPhase::ClosedByNo { .. }
        | LegPhase::Disputed
        | LegPhase::Broken
        | LegPhase::Noted { .. } => return OutcomeReaction::Receipt(Code::DUPLICATE),
        LegPhase::Waiting | LegPhase::VotedYes { .. } => {}
    }
    if !votes {
        return match (result, decision) {
            (OutcomeResult::Noted { code }, Some(DecisionVerdict::Commit { .. })) => OutcomeReaction::Noted(*code),
            (OutcomeResult::Noted { .. }, None) => OutcomeReaction::Keep,
            (OutcomeResult::Disputed, _) => OutcomeReaction::CloseDisputed,
            _ => OutcomeReaction::Break,
        };
    }
    match (result, decision) {
        (OutcomeResult::Disputed, Some(_)) => OutcomeReaction::CloseDisputed,
        (OutcomeResult::Disputed, None) if state == ProposalState::Preparing => OutcomeReaction::CloseDisputedAndAbort,
        (OutcomeResult::Applied { write_set_root }, Some(DecisionVerdict::Commit { .. })) => match phase {
            LegPhase::VotedYes { write_set_root: voted, .. } if voted == write_set_root => OutcomeReaction::Close,
            _ => OutcomeReaction::Break,
        },
        (OutcomeResult::Released | OutcomeResult::Refused, Some(DecisionVerdict::Abort { .. })) => {
            OutcomeReaction::Close
        }
        // Before there is a decision, only a lost one can have brought them about; another root than the voted one
        // contradicts the vote.
        (OutcomeResult::Applied { write_set_root }, None) => match phase {
            LegPhase::VotedYes { write_set_root: voted, .. } if voted == write_set_root => OutcomeReaction::Keep,
            _ => OutcomeReaction::Break,
        },
        (OutcomeResult::Released | OutcomeResult::Refused, None) => OutcomeReaction::CloseAndAbort,
        // Anything else contradicts the decision.
        _ => OutcomeReaction::Break,
    }
}

#[cfg(test)]
mod tests;
