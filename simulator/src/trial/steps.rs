//! Every step of the protocol's state tables, one by one, and which of them a coverage lacks.
//!
//! A step is what one event can do to a proposal or to a leg; tests hold the list to the tables of `relay` and `subchain`.
//! A block may take several steps at once (none to preparing): it has taken each of them where one way alone leads there.

use super::Coverage;

/// Where, from, to.
pub type Step = (&'static str, &'static str, &'static str);

/// Places of [`Step`]s.
pub(super) const PROPOSAL: &str = "proposal";
/// A leg in its proposal's record.
pub(super) const LEG_ON_RELAY: &str = "leg on the relay";
/// A leg's own record.
pub(super) const LEG_ON_SUBCHAIN: &str = "leg on its subchain";
/// Before there is a record.
pub(super) const NONE: &str = "none";
/// What a timeline says of what was lost and is not known any more.
pub(super) const LOST: &str = "lost";

/// All of them.
pub const STEPS: [Step; 27] = [
    (PROPOSAL, NONE, "queued"),
    (PROPOSAL, "queued", "preparing"),
    (PROPOSAL, "queued", "rejected"),
    (PROPOSAL, "preparing", "committing"),
    (PROPOSAL, "preparing", "aborting"),
    (PROPOSAL, "committing", "committed"),
    (PROPOSAL, "aborting", "aborted"),
    (LEG_ON_RELAY, NONE, "waiting"),
    (LEG_ON_RELAY, "waiting", "voted yes"),
    (LEG_ON_RELAY, "waiting", "closed by no"),
    (LEG_ON_RELAY, "waiting", "closed by outcome"),
    (LEG_ON_RELAY, "waiting", "noted"),
    (LEG_ON_RELAY, "waiting", "disputed"),
    (LEG_ON_RELAY, "waiting", "broken"),
    (LEG_ON_RELAY, "voted yes", "closed by outcome"),
    (LEG_ON_RELAY, "voted yes", "closed by no"),
    (LEG_ON_RELAY, "voted yes", "disputed"),
    (LEG_ON_RELAY, "voted yes", "broken"),
    (LEG_ON_SUBCHAIN, NONE, "locked"),
    (LEG_ON_SUBCHAIN, NONE, "refused"),
    (LEG_ON_SUBCHAIN, NONE, "tombstone"),
    (LEG_ON_SUBCHAIN, NONE, "noted"),
    (LEG_ON_SUBCHAIN, NONE, "waiting"),
    (LEG_ON_SUBCHAIN, NONE, "disputed"),
    (LEG_ON_SUBCHAIN, "locked", "applied"),
    (LEG_ON_SUBCHAIN, "locked", "released"),
    (LEG_ON_SUBCHAIN, "waiting", "noted"),
];

/// The steps that no trial of the coverage took.
pub fn missed(coverage: &Coverage) -> Vec<Step> {
    let taken: Coverage = coverage.iter().flat_map(steps_of).collect();
    STEPS.into_iter().filter(|step| !taken.contains(step)).collect()
}

/// The steps that lead from one state to another, if only one way does. A record that was lost is none.
fn steps_of((place, from, to): &Step) -> Vec<Step> {
    let from = if *from == LOST { NONE } else { from };
    let mut ways = ways(place, from, to);
    if let Some(direct) = ways.iter().position(|way| way.len() == 1) {
        return ways.swap_remove(direct);
    }
    if ways.len() == 1 { ways.remove(0) } else { Vec::new() }
}

/// The tables have no circles, so this ends.
fn ways(place: &str, from: &str, to: &str) -> Vec<Vec<Step>> {
    let mut ways = Vec::new();
    for step in STEPS.into_iter().filter(|(at, begin, _)| (*at, *begin) == (place, from)) {
        if step.2 == to {
            ways.push(vec![step]);
        }
        ways.extend(self::ways(place, step.2, to).into_iter().map(|rest| [vec![step], rest].concat()));
    }
    ways
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::chronicle::{leg_state_name, phase_name};
    use super::*;
    use ledger_protocol::interchain::{DecisionVerdict, OutcomeResult, Verdict};
    use ledger_protocol::system::{LegPhase, LegState, ProposalState};
    use ledger_protocol::{ChainId, Code, Hash, ProposalId, Suite};
    use relay::coordinator::table::{OutcomeReaction, VoteReaction, on_outcome, on_vote};
    use subchain::participant::table::{Incoming, Reaction, react};

    /// The listed steps of a place.
    fn listed(place: &str) -> Coverage {
        STEPS.into_iter().filter(|(at, ..)| *at == place).collect()
    }

    #[test]
    fn the_steps_of_a_leg_on_its_subchain_are_those_of_the_participants_table() {
        use LegState::{Applied, Disputed, Locked, Noted, Refused, Released, Tombstone, Waiting};
        let states = [Locked, Refused, Tombstone, Released, Applied, Disputed, Noted, Waiting].map(Some);
        let incoming = [
            Incoming::Prepare { deadline_ahead: true },
            Incoming::Prepare { deadline_ahead: false },
            Incoming::Commit,
            Incoming::Abort { deadline_ahead: true },
            Incoming::Abort { deadline_ahead: false },
            Incoming::Notify,
        ];
        // A NOTIFY that waited at a lock runs later; a list of a re-anchor disputes what has no record.
        let mut steps: Coverage =
            [(LEG_ON_SUBCHAIN, "waiting", "noted"), (LEG_ON_SUBCHAIN, NONE, "disputed")].into_iter().collect();
        for state in states.into_iter().chain([None]) {
            for incoming in incoming {
                let to: &[LegState] = match react(state, incoming) {
                    Reaction::RunAndVote => &[Locked, Refused],
                    Reaction::Apply => &[Applied],
                    Reaction::Release => &[Released],
                    Reaction::RememberAbort => &[Tombstone],
                    Reaction::RunNotify => &[Noted, Waiting],
                    Reaction::AnswerRefused | Reaction::Receipt(_) | Reaction::Alarm | Reaction::Contradiction => &[],
                };
                let from = state.map_or(NONE, leg_state_name);
                steps.extend(to.iter().map(|to| (LEG_ON_SUBCHAIN, from, leg_state_name(*to))));
            }
        }
        assert_eq!(steps, listed(LEG_ON_SUBCHAIN));
    }

    #[test]
    fn the_steps_of_a_leg_on_the_relay_are_those_of_the_coordinators_table() {
        use ProposalState::{Aborted, Aborting, Committed, Committing, Preparing};
        let root = Suite::Standard.foreign(Hash::ZERO);
        let yes = LegPhase::VotedYes { message_hash: root, write_set_root: root };
        let chain = ChainId { suite: Suite::Standard, hash: Hash::ZERO };
        let commit = DecisionVerdict::Commit { votes_root: root };
        let abort = DecisionVerdict::Abort { code: Code::TIMEOUT, culprit: chain };
        let conflicting = ProposalId(root);
        let votes = [
            Verdict::Yes { result_hash: root, write_set_root: root, lock_set_root: root },
            Verdict::No { code: Code::CONFLICT, conflicting },
        ];
        let outcomes = [
            OutcomeResult::Applied { write_set_root: root },
            OutcomeResult::Released,
            OutcomeResult::Refused,
            OutcomeResult::Disputed,
            OutcomeResult::Noted { code: Code::OK },
        ];
        // Recorded with its Submit; a NO of a branch that is lost closes what had voted YES on it.
        let mut steps: Coverage = [
            (LEG_ON_RELAY, NONE, "waiting"),
            (LEG_ON_RELAY, "voted yes", "closed by no"),
            (LEG_ON_RELAY, "voted yes", "disputed"),
        ]
        .into_iter()
        .collect();
        for phase in [LegPhase::Waiting, yes] {
            for state in [Preparing, Committing, Aborting, Committed, Aborted] {
                for vote in &votes {
                    let to = match on_vote(state, &phase, vote, true) {
                        VoteReaction::NoteYes => "voted yes",
                        VoteReaction::CloseAndAbort | VoteReaction::Close => "closed by no",
                        VoteReaction::Receipt(_) | VoteReaction::Contradiction => continue,
                    };
                    steps.insert((LEG_ON_RELAY, phase_name(&phase), to));
                }
                // What does not vote never leaves waiting by a vote.
                for votes in [true, false].into_iter().filter(|votes| *votes || phase == LegPhase::Waiting) {
                    for decision in [None, Some(&commit), Some(&abort)] {
                        for outcome in &outcomes {
                            let to = match on_outcome(state, decision, &phase, votes, outcome) {
                                OutcomeReaction::Close | OutcomeReaction::CloseAndAbort => "closed by outcome",
                                OutcomeReaction::CloseDisputed | OutcomeReaction::CloseDisputedAndAbort => "disputed",
                                OutcomeReaction::Noted(_) => "noted",
                                OutcomeReaction::Break => "broken",
                                OutcomeReaction::Keep | OutcomeReaction::Receipt(_) => continue,
                            };
                            steps.insert((LEG_ON_RELAY, phase_name(&phase), to));
                        }
                    }
                }
            }
        }
        assert_eq!(steps, listed(LEG_ON_RELAY));
    }

    #[test]
    fn every_state_of_a_proposal_has_a_step_to_it() {
        use ProposalState::{Aborted, Aborting, Committed, Committing, Preparing, Queued, Rejected};
        for state in [Queued, Preparing, Committing, Aborting, Committed, Aborted, Rejected] {
            assert_eq!(listed(PROPOSAL).iter().filter(|(.., to)| *to == state.name()).count(), 1, "{}", state.name());
        }
    }

    #[test]
    fn several_steps_in_one_block_are_each_taken_and_what_is_ambiguous_is_not() {
        let coverage = [(PROPOSAL, NONE, "committing"), (LEG_ON_RELAY, NONE, "disputed")].into_iter().collect();
        let missed = missed(&coverage);
        let of_proposal: Vec<&Step> = missed.iter().filter(|(place, ..)| *place == PROPOSAL).collect();
        assert_eq!(
            of_proposal,
            [
                &(PROPOSAL, "queued", "rejected"),
                &(PROPOSAL, "preparing", "aborting"),
                &(PROPOSAL, "committing", "committed"),
                &(PROPOSAL, "aborting", "aborted"),
            ]
        );
        // By way of a YES or not: nobody can tell.
        assert_eq!(missed.iter().filter(|(place, ..)| *place == LEG_ON_RELAY).count(), listed(LEG_ON_RELAY).len());
        assert!(super::missed(&STEPS.into_iter().collect()).is_empty());
        let lost = [(LEG_ON_SUBCHAIN, LOST, "locked")].into_iter().collect();
        assert!(!super::missed(&lost).contains(&(LEG_ON_SUBCHAIN, NONE, "locked")));
    }
}
