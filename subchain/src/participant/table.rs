//! The participant's state table (§4 of the proposal protocol) as one pure function, cell by cell.

use ledger_protocol::Code;
pub use ledger_protocol::system::LegState;

/// A proven message of the relay, as the table distinguishes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// Prepare; `deadline_ahead`: its deadline is above every relay height ever known here.
    Prepare {
        /// Whether the deadline is still ahead.
        deadline_ahead: bool,
    },
    /// Decision COMMIT.
    Commit,
    /// Decision ABORT.
    Abort {
        /// Whether the deadline is still ahead.
        deadline_ahead: bool,
    },
    /// Decision with the call of a NOTIFY leg, after COMMIT.
    Notify,
}

/// What the participant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Run on a sandbox; LOCKED and YES, or REFUSED and NO.
    RunAndVote,
    /// Put the staged writes into the books; APPLIED, emit.
    Apply,
    /// Drop and unlock; RELEASED, emit.
    Release,
    /// Remember the ABORT as TOMBSTONE, emit REFUSED.
    RememberAbort,
    /// Emit REFUSED, keep no record.
    AnswerRefused,
    /// Run the NOTIFY leg once, or let it wait at a lock.
    RunNotify,
    /// Nothing but a receipt.
    Receipt(Code),
    /// Nothing changes, but an alarm is raised: COMMIT for what this chain never voted on.
    Alarm,
    /// Nothing changes; the proof is kept, an alarm raised, and this chain takes no further part.
    Contradiction,
}

/// The cell of the table for a record's state and an incoming message.
///
/// Source: §4 of the proposal protocol. A second message for one record, possible after a re-anchor, is answered
/// by a receipt and emits nothing (S4).
pub const fn react(state: Option<LegState>, incoming: Incoming) -> Reaction {
    use Incoming::{Abort, Commit, Notify, Prepare};
    use LegState::{Applied, Disputed, Locked, Noted, Refused, Released, Tombstone, Waiting};
    match (state, incoming) {
        // Row "none".
        (None, Prepare { deadline_ahead: true }) => Reaction::RunAndVote,
        (None, Prepare { deadline_ahead: false }) => Reaction::Receipt(Code::EXPIRED),
        (None, Commit) => Reaction::Alarm,
        (None, Abort { deadline_ahead: true }) => Reaction::RememberAbort,
        (None, Abort { deadline_ahead: false }) => Reaction::AnswerRefused,
        // Row "LOCKED".
        (Some(Locked), Prepare { .. }) => Reaction::Receipt(Code::DUPLICATE),
        (Some(Locked), Commit) => Reaction::Apply,
        (Some(Locked), Abort { .. }) => Reaction::Release,
        // Row "REFUSED, TOMBSTONE, RELEASED".
        (Some(Refused | Tombstone | Released), Prepare { .. } | Abort { .. }) => Reaction::Receipt(Code::DUPLICATE),
        (Some(Refused | Tombstone | Released), Commit) => Reaction::Contradiction,
        // Row "APPLIED".
        (Some(Applied), Prepare { .. } | Commit) => Reaction::Receipt(Code::DUPLICATE),
        (Some(Applied), Abort { .. }) => Reaction::Contradiction,
        // Row "DISPUTED".
        (Some(Disputed), _) => Reaction::Receipt(Code::DUPLICATE),
        // Row "a NOTIFY leg": run once; again a receipt only.
        (None, Notify) => Reaction::RunNotify,
        (Some(Noted | Waiting), _) => Reaction::Receipt(Code::DUPLICATE),
        // One proposal has one mode per leg: a NOTIFY for a record that voted is the relay contradicting itself.
        (Some(Locked | Refused | Tombstone | Released | Applied), Notify) => Reaction::Contradiction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Incoming::{Abort, Commit, Notify, Prepare};

    const AHEAD: [bool; 2] = [true, false];

    #[test]
    fn none_prepare_with_deadline_ahead_runs_and_votes() {
        assert_eq!(react(None, Prepare { deadline_ahead: true }), Reaction::RunAndVote);
    }

    #[test]
    fn none_prepare_past_deadline_leaves_a_receipt_only() {
        assert_eq!(react(None, Prepare { deadline_ahead: false }), Reaction::Receipt(Code::EXPIRED));
    }

    #[test]
    fn none_commit_is_ignored_with_an_alarm() {
        assert_eq!(react(None, Commit), Reaction::Alarm);
    }

    #[test]
    fn none_abort_with_deadline_ahead_leaves_a_tombstone() {
        assert_eq!(react(None, Abort { deadline_ahead: true }), Reaction::RememberAbort);
    }

    #[test]
    fn none_abort_past_deadline_answers_refused_without_record() {
        assert_eq!(react(None, Abort { deadline_ahead: false }), Reaction::AnswerRefused);
    }

    #[test]
    fn locked_prepare_leaves_a_receipt_only() {
        for deadline_ahead in AHEAD {
            let cell = react(Some(LegState::Locked), Prepare { deadline_ahead });
            assert_eq!(cell, Reaction::Receipt(Code::DUPLICATE));
        }
    }

    #[test]
    fn locked_commit_applies() {
        assert_eq!(react(Some(LegState::Locked), Commit), Reaction::Apply);
    }

    #[test]
    fn locked_abort_releases() {
        for deadline_ahead in AHEAD {
            assert_eq!(react(Some(LegState::Locked), Abort { deadline_ahead }), Reaction::Release);
        }
    }

    #[test]
    fn refused_tombstone_released_prepare_and_abort_leave_a_receipt_only() {
        for state in [LegState::Refused, LegState::Tombstone, LegState::Released] {
            for deadline_ahead in AHEAD {
                for incoming in [Prepare { deadline_ahead }, Abort { deadline_ahead }] {
                    assert_eq!(react(Some(state), incoming), Reaction::Receipt(Code::DUPLICATE));
                }
            }
        }
    }

    #[test]
    fn refused_tombstone_released_commit_is_a_contradiction() {
        for state in [LegState::Refused, LegState::Tombstone, LegState::Released] {
            assert_eq!(react(Some(state), Commit), Reaction::Contradiction);
        }
    }

    #[test]
    fn applied_prepare_and_commit_leave_a_receipt_only() {
        for deadline_ahead in AHEAD {
            let cell = react(Some(LegState::Applied), Prepare { deadline_ahead });
            assert_eq!(cell, Reaction::Receipt(Code::DUPLICATE));
        }
        assert_eq!(react(Some(LegState::Applied), Commit), Reaction::Receipt(Code::DUPLICATE));
    }

    #[test]
    fn applied_abort_is_a_contradiction() {
        for deadline_ahead in AHEAD {
            assert_eq!(react(Some(LegState::Applied), Abort { deadline_ahead }), Reaction::Contradiction);
        }
    }

    #[test]
    fn disputed_leaves_a_receipt_only_whatever_comes() {
        for incoming in [
            Prepare { deadline_ahead: true },
            Prepare { deadline_ahead: false },
            Commit,
            Abort { deadline_ahead: true },
            Abort { deadline_ahead: false },
            Notify,
        ] {
            assert_eq!(react(Some(LegState::Disputed), incoming), Reaction::Receipt(Code::DUPLICATE));
        }
    }

    #[test]
    fn notify_runs_once_and_again_leaves_a_receipt_only() {
        assert_eq!(react(None, Notify), Reaction::RunNotify);
        for state in [LegState::Noted, LegState::Waiting] {
            assert_eq!(react(Some(state), Notify), Reaction::Receipt(Code::DUPLICATE));
        }
    }
}
