//! Mistakes that can be planted into the protocol's code, for the simulator to find.
//!
//! The code of floors 0–3 asks [`is`] at the place of each mistake, and only when it is built with the feature
//! `planted-bugs`; without the feature the question is not in the binary. [`plant`] chooses one mistake for this
//! thread, so that trials on several threads can differ, until its guard is dropped.
//!
//! Invariants: at most one mistake per thread; none unless somebody planted it.

use std::cell::Cell;
use std::marker::PhantomData;

macro_rules! plants {
    ($($plant:ident = $name:literal, $what:literal;)*) => {
        /// A mistake.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Plant {
            $(#[doc = $what] $plant,)*
        }

        impl Plant {
            /// Every mistake, from consensus upwards.
            pub const ALL: &'static [Self] = &[$(Self::$plant,)*];

            /// Its name on the command line and in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$plant => $name,)* }
            }

            /// What is done wrong, in a sentence, and who did it before where that is known.
            pub const fn what(self) -> &'static str {
                match self { $(Self::$plant => $what,)* }
            }
        }
    };
}

plants! {
    // chain/consensus
    VoteBeforeItIsDurable = "vote-before-it-is-durable",
        "A vote leaves before it is durable; after a power cut its validator votes again (narwhal #488, babylon-node #110).";
    LogForgotten = "log-forgotten",
        "After a restart the replica does not read what it signed (asonnino/hotstuff #15).";
    LockRuleDropped = "lock-rule-dropped",
        "A validator that locked a block prevotes another one in a later round without proof that it may.";
    QuorumOffByOne = "quorum-off-by-one",
        "A third and one more counts as a quorum, in voting and in every verifier (BitXHub's f+1).";
    VoteSignatureUnchecked = "vote-signature-unchecked",
        "A vote counts without a look at its signature, in whosever name it is.";
    EquivocationCountedTwice = "equivocation-counted-twice",
        "A validator's second, conflicting vote counts beside its first one, as if somebody else had cast it.";
    // chain/engine
    ForeignTransactionAccepted = "foreign-transaction-accepted",
        "A transaction that was signed for another chain is taken into a block (AntChain's replay over chains).";
    ReplayWindowIgnored = "replay-window-ignored",
        "A transaction that is final already is taken into a block again (AntChain's nonce check).";
    ReplayWindowForgotten = "replay-window-forgotten",
        "After a restart the replica does not know which transactions are final.";
    PoolDropsAccepted = "pool-drops-accepted",
        "The pool forgets every tenth input that it has accepted, and tells nobody.";
    SyncNeverEnds = "sync-never-ends",
        "A replica that was down never asks for the blocks that it missed, nor for any other.";
    FinalTransactionUnindexed = "final-transaction-unindexed",
        "Now and then a final input is left out of the index: who asks for it by its id finds nothing.";
    PublishedBeforeDurable = "published-before-durable",
        "A block is shown to others before its batch is durable; a power cut takes it back.";
    ProposerOrderByCertificate = "proposer-order-by-certificate",
        "The order of proposers follows from the round of the certificate, which differs between nodes.";
    DueWorkIgnored = "due-work-ignored",
        "A replica waits for its heartbeat though its chain says that the next block has work (R4).";
    SectionsOutOfOrder = "sections-out-of-order",
        "What other chains say stands among what clients say, in the order of the pool (R1).";
    // chain/state and chain/ledger
    FailedTransactionKept = "failed-transaction-kept",
        "What a transaction wrote before it failed stays in the books.";
    LockIgnoredLocally = "lock-ignored-locally",
        "A local transaction writes a key that an undecided proposal holds.";
    ReserveIgnoredLocally = "reserve-ignored-locally",
        "A local debit is checked against a counter's value without what proposals have reserved.";
    ReserveNotTaken = "reserve-not-taken",
        "A leg votes YES on an amount and does not reserve it.";
    ReserveNotReleased = "reserve-not-released",
        "What a leg reserved stays reserved when the leg has ended.";
    PendingUnmarked = "pending-unmarked",
        "A query answers without the proposals that will write the key if they commit (A4).";
    // subchain
    StagedWritesReExecuted = "staged-writes-re-executed",
        "A leg writes into the books at Prepare and is executed once more at COMMIT.";
    DeltaOverwrites = "delta-overwrites",
        "COMMIT stores the value that a counter had at Prepare plus the amount, instead of adding the amount.";
    StagedSetSkipped = "staged-set-skipped",
        "COMMIT adds a leg's amounts and forgets the values that it sets, on every replica alike.";
    LockReleasedByOwnClock = "lock-released-by-own-clock",
        "A deadline is counted on the subchain's clock: when its own height passes it, it drops what it voted YES on.";
    CommitTakenForAbort = "commit-taken-for-abort",
        "A chain drops what it voted YES on when its COMMIT comes, and says so.";
    DeadlineUnread = "deadline-unread",
        "A Prepare is voted on though the relay's height is known to have passed its deadline.";
    AnsweredTwice = "answered-twice",
        "A Prepare that comes again is answered by the Vote again (S4).";
    LegPrunedEarly = "leg-pruned-early",
        "A leg's record leaves the state as soon as its answer was received, whatever its deadline (S8).";
    EarlyAbortForgotten = "early-abort-forgotten",
        "Where a Prepare can be overtaken, an ABORT before it leaves no record, and the late Prepare is voted on.";
    ForgottenVoteGivenAgain = "forgotten-vote-given-again",
        "A chain that was restored votes anew on what comes again before it was told what is open.";
    // relay
    CommitWithOneYesMissing = "commit-with-one-yes-missing",
        "COMMIT is decided when all but one voting leg have said YES.";
    AbortAfterCommit = "abort-after-commit",
        "A deadline that passes after COMMIT still aborts, and the ABORT is honoured.";
    TimeoutEarly = "timeout-early",
        "A proposal times out at its deadline, before the votes that are ordered there (hermes #1442).";
    LateVoteCounts = "late-vote-counts",
        "Deadlines are looked at behind the votes of a block: a vote that is ordered one block late still counts (R1).";
    OpenDeadlineAtRest = "open-deadline-at-rest",
        "A relay with nothing but open deadlines says that its next block has nothing to do: it sleeps over them (R4).";
    StandingUnchecked = "standing-unchecked",
        "A proposal begins though a chain that it names is LAGGING or STALE (R5).";
    DecisionPrunedEarly = "decision-pruned-early",
        "A decision leaves the state when its last leg is closed, though valid_until has not passed (R2).";
    ScopeConflictMissed = "scope-conflict-missed",
        "A proposal starts although an earlier one with a conflicting scope is open.";
    ScopeFreeAtDecision = "scope-free-at-decision",
        "A scope is free when the proposal is decided, not when its legs are closed.";
    LimitShareKept = "limit-share-kept",
        "A leg that is closed gives back its place in flight, but not its bytes and keys.";
    NotifyOnAbort = "notify-on-abort",
        "A NOTIFY leg gets its call although the proposal aborted (AntChain's receipt of a failure).";
    ForkNotFrozen = "fork-not-frozen",
        "A chain that is shown to have certified two headers of one height is marked, and goes on being trusted.";
    OldKeysFreeze = "old-keys-freeze",
        "Evidence about keys that were given up long ago freezes their chain (R8).";
    OpenLegsNotTold = "open-legs-not-told",
        "A chain that was re-anchored is not told which of its legs are open.";
    LaneNotRenumbered = "lane-not-renumbered",
        "After the relay lost blocks a lane goes on with the relay's own number, not with the one its chain expects.";
    LostLockKept = "lost-lock-kept",
        "What a chain is shown to hold for a lost proposal is written down as aborted, and nobody tells the chain.";
    // ledger-protocol
    ForgedHeadAccepted = "forged-head-accepted",
        "A header of another chain is trusted without a look at its certificate (BitXHub's accept-all rule).";
    SkippedListAccepted = "skipped-list-accepted",
        "The inbox takes a list that does not continue its counter, and goes on behind it (R9).";
    // chain/interchain
    DuplicateMessageExecuted = "duplicate-message-executed",
        "The inbox counter stops before the last list that was consumed: it is delivered and executed again.";
    CounterKeptAtReanchor = "counter-kept-at-reanchor",
        "A re-anchor leaves the inbox counter where the dropped branch had brought it (R9).";
    StaleValidatorSet = "stale-validator-set",
        "A hand-off is accepted and the retired set goes on being trusted (tendermint #5139, ibc-go #1725).";
    // bridge/courier
    HandoffForgotten = "handoff-forgotten",
        "Couriers carry no hand-offs: after the first change of validators nothing arrives any more.";
}

impl Plant {
    /// The mistake of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|plant| plant.name() == name)
    }
}

thread_local! {
    static PLANTED: Cell<Option<Plant>> = const { Cell::new(None) };
}

/// A mistake is planted as long as this lives; then what was before is again. It stays on its thread.
#[derive(Debug)]
#[must_use = "the mistake is planted only as long as this lives"]
pub struct Planted {
    before: Option<Plant>,
    stays_on_its_thread: PhantomData<*const ()>,
}

impl Drop for Planted {
    fn drop(&mut self) {
        PLANTED.set(self.before);
    }
}

/// Plants a mistake on this thread.
pub fn plant(plant: Plant) -> Planted {
    Planted { before: PLANTED.replace(Some(plant)), stays_on_its_thread: PhantomData }
}

/// Whether this mistake is planted on this thread.
pub fn is(plant: Plant) -> bool {
    PLANTED.get() == Some(plant)
}

#[cfg(test)]
mod tests {
    use super::{Plant, is, plant};

    #[test]
    fn a_mistake_is_planted_on_one_thread_until_its_guard_goes() {
        assert!(!Plant::ALL.iter().any(|plant| is(*plant)));
        {
            let _outer = plant(Plant::TimeoutEarly);
            {
                let _inner = plant(Plant::QuorumOffByOne);
                assert!(is(Plant::QuorumOffByOne) && !is(Plant::TimeoutEarly));
            }
            assert!(is(Plant::TimeoutEarly));
            std::thread::spawn(|| assert!(!is(Plant::TimeoutEarly))).join().unwrap();
        }
        assert!(!is(Plant::TimeoutEarly));
    }

    #[test]
    fn every_name_is_of_one_mistake() {
        for plant in Plant::ALL {
            assert_eq!(Plant::named(plant.name()), Some(*plant));
        }
    }
}
