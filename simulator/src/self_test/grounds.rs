//! Where each mistake can show.

use planted::Plant;

macro_rules! grounds {
    ($($name:literal),*) => {
        /// The scenarios of the self-test by name; they ship with the binary.
        pub const GROUNDS: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../../tests/scenarios/self-test/", $name, ".toml"))),)*
        ];
    };
}

grounds!(
    "power-cuts",
    "split-votes",
    "late-certificates",
    "repeats",
    "tight-balances",
    "hot-records",
    "outages",
    "short-deadlines",
    "silent-chain",
    "quiet-relay",
    "handoffs",
    "bad-votes",
    "bad-couriers",
    "replays",
    "forks",
    "stolen-keys",
    "restored-subchains",
    "restored-relay"
);

/// The scenarios in which a mistake can show.
pub const fn grounds_of(plant: Plant) -> &'static [&'static str] {
    match plant {
        Plant::VoteBeforeItIsDurable | Plant::LogForgotten | Plant::PublishedBeforeDurable | Plant::SyncNeverEnds => {
            &["power-cuts"]
        }
        Plant::LockRuleDropped | Plant::QuorumOffByOne => &["split-votes"],
        Plant::ProposerOrderByCertificate | Plant::PoolDropsAccepted => &["late-certificates"],
        Plant::ReplayWindowIgnored | Plant::ReplayWindowForgotten | Plant::FinalTransactionUnindexed => &["repeats"],
        Plant::FailedTransactionKept
        | Plant::ReserveIgnoredLocally
        | Plant::ReserveNotTaken
        | Plant::ReserveNotReleased
        | Plant::StagedWritesReExecuted
        | Plant::DeltaOverwrites
        | Plant::EarlyAbortForgotten
        | Plant::NotifyOnAbort
        | Plant::SectionsOutOfOrder
        | Plant::CommitTakenForAbort
        | Plant::LegPrunedEarly
        | Plant::DecisionPrunedEarly
        | Plant::CommitWithOneYesMissing
        | Plant::LimitShareKept
        | Plant::DuplicateMessageExecuted => &["tight-balances"],
        Plant::LockIgnoredLocally
        | Plant::ScopeConflictMissed
        | Plant::ScopeFreeAtDecision
        | Plant::StagedSetSkipped
        | Plant::PendingUnmarked => &["hot-records"],
        Plant::LockReleasedByOwnClock | Plant::AbortAfterCommit | Plant::TimeoutEarly => &["outages"],
        Plant::LateVoteCounts => &["short-deadlines"],
        Plant::StandingUnchecked | Plant::DeadlineUnread => &["silent-chain"],
        Plant::DueWorkIgnored | Plant::OpenDeadlineAtRest => &["quiet-relay"],
        Plant::StaleValidatorSet | Plant::HandoffForgotten => &["handoffs"],
        Plant::VoteSignatureUnchecked | Plant::EquivocationCountedTwice => &["bad-votes"],
        Plant::ForgedHeadAccepted | Plant::SkippedListAccepted => &["bad-couriers"],
        Plant::ForkNotFrozen => &["forks"],
        Plant::OldKeysFreeze => &["stolen-keys"],
        Plant::OpenLegsNotTold | Plant::CounterKeptAtReanchor | Plant::ForgottenVoteGivenAgain => {
            &["restored-subchains"]
        }
        Plant::LaneNotRenumbered | Plant::LostLockKept => &["restored-relay"],
        Plant::AnsweredTwice => &["restored-subchains", "restored-relay"],
        Plant::ForeignTransactionAccepted => &["replays"],
    }
}
