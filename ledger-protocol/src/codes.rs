//! Stable numeric outcome codes: what stands in receipts, Votes and Outcomes.
//!
//! A code never changes its meaning and is never reused. 0 is success.

use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;

/// An outcome code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Code(pub u16);

macro_rules! codes {
    ($($name:ident = $code:literal, $label:literal, $text:literal;)*) => {
        impl Code {
            $(#[doc = $text] pub const $name: Code = Code($code);)*
            /// Every code with its label and meaning.
            pub const ALL: &'static [(Code, &'static str, &'static str)] = &[$((Code($code), $label, $text),)*];
        }
    };
}

codes! {
    OK = 0, "ok", "Done.";
    DENIED = 10, "denied", "The signers have no right to do this.";
    POLICY_UNMET = 11, "policy-unmet", "The account's signing policy asks for more signers.";
    IDENTITY_UNKNOWN = 12, "identity-unknown", "A signer is not registered on this ledger.";
    IDENTITY_FROZEN = 13, "identity-frozen", "A signer's identity is frozen or revoked.";
    IDENTITY_EXISTS = 14, "identity-exists", "The identity is already registered.";
    KEY_UNACCEPTABLE = 15, "key-unacceptable", "The public key is not canonical or of another suite.";
    LEDGER_UNKNOWN = 20, "ledger-unknown", "The chain has no such ledger.";
    ACCOUNT_UNKNOWN = 21, "account-unknown", "The ledger has no such account.";
    ACCOUNT_EXISTS = 22, "account-exists", "The account is already declared.";
    ACCOUNT_NOT_OPEN = 23, "account-not-open", "The account is frozen or closed.";
    ACCOUNT_KIND = 24, "account-kind", "The account is of another kind.";
    NOT_SYSTEM_LEDGER = 25, "not-system-ledger", "This operation belongs to ledger 0, or is refused there.";
    EXPECTATION_UNMET = 30, "expectation-unmet", "The key is not at the expected version.";
    KEY_ABSENT = 31, "key-absent", "The key has no value.";
    KEY_KIND = 32, "key-kind", "The key holds a counter where a value is meant, or the other way round.";
    BOUND = 33, "bound", "The counter would leave its bounds.";
    TOO_LARGE = 34, "too-large", "A key or value is above the chain's limit.";
    LOCKED = 40, "locked", "The key is locked by an undecided proposal.";
    FUEL = 50, "fuel", "The fuel limit was reached.";
    UNSUPPORTED = 51, "unsupported", "This chain does not offer the operation.";
    BAD_ARGUMENT = 52, "bad-argument", "An argument is outside its range.";
    MOTION_UNKNOWN = 60, "motion-unknown", "No open motion of that id.";
    MOTION_VOTED = 61, "motion-voted", "This member has voted already.";
    NOT_A_MEMBER = 62, "not-a-member", "Only members of the consortium may do this.";
    MOTION_FAILED = 63, "motion-failed", "The motion passed but what it decided cannot be done.";
    VALIDATORS_UNKNOWN = 64, "validators-unknown", "Which validators that height had is not known here.";
    ANCHOR_BELOW = 65, "anchor-below", "The relay header is below the highest one this chain ever accepted.";
    CHAIN_UNKNOWN = 70, "chain-unknown", "No chain of that id is registered.";
    CHAIN_NOT_ACTIVE = 71, "chain-not-active", "A named chain is not active.";
    CHAIN_STALE = 72, "chain-stale", "A named chain has shown no recent header.";
    CHAIN_EXISTS = 73, "chain-exists", "The chain is registered already.";
    SERVICE_DENIED = 74, "service-denied", "The chain does not offer this service to the proposer.";
    CONTROL_UNMET = 75, "control-unmet", "A counterparty demands shared control of another chain.";
    LIMIT = 76, "limit", "A limit of the proposer, chain or service is reached.";
    BUSY = 77, "busy", "Too many proposals wait for the same key; try again later.";
    BACK_OFF = 78, "back-off", "Too many of the proposer's proposals held keys of a chain in vain; the chain's status shows from which height it may propose again.";
    PROPOSAL_EXISTS = 80, "proposal-exists", "This proposal is known already.";
    PROPOSAL_UNKNOWN = 81, "proposal-unknown", "No such proposal.";
    PROPOSAL_EXPIRED = 82, "proposal-expired", "The proposal's validity has passed.";
    PROPOSAL_MALFORMED = 83, "proposal-malformed", "The proposal breaks a rule of its form.";
    NOT_PROPOSER = 84, "not-proposer", "Only the proposer may cancel.";
    TOO_LATE = 85, "too-late", "The proposal is decided already.";
    APPROVAL_UNMET = 86, "approval-unmet", "The relay's policy asks for more members' approvals.";
    VALID_UNTIL = 87, "valid-until", "valid_until is too far ahead, or past.";
    NO = 100, "no", "A leg voted NO.";
    TIMEOUT = 101, "timeout", "A leg did not vote by the deadline.";
    CANCELLED = 102, "cancelled", "The proposer cancelled.";
    CHAIN_LOST = 103, "chain-lost", "A participant was frozen, paused or retired.";
    LOST_ON_RELAY = 104, "lost-on-relay", "The proposal began in an interval of relay blocks that was lost.";
    CONFLICT = 110, "conflict", "A key of the leg is locked by another proposal.";
    SCOPE = 111, "scope", "The leg touched a key outside its declared scope.";
    SEAL = 112, "seal", "The opened call does not match its commitment.";
    AUTHORISATION = 113, "authorisation", "The leg's authorisations do not satisfy the ledger.";
    VERSION = 114, "version", "An asserted version does not hold.";
    NOT_LOCKABLE = 115, "not-lockable", "The account does not admit locks by proposals.";
    SIZE = 116, "size", "The leg changes more than a quarter of a block may.";
    EXPIRED = 120, "expired", "The message came after its deadline.";
    DUPLICATE = 121, "duplicate", "The record exists already; nothing was done.";
    CONTRADICTION = 122, "contradiction", "The message contradicts what was proven before.";
    UNDECODABLE = 123, "undecodable", "The message could not be understood.";
    UNEXPECTED = 124, "unexpected", "The message does not fit the record's state.";
    POSTPONED = 125, "postponed", "The block is full; the message waits in order.";
    DROPPED = 126, "dropped", "The message is from before this chain was re-anchored, about a proposal that it no longer knows.";
    REPLAYED = 130, "replayed", "The transaction is known already.";
    WINDOW = 131, "window", "The transaction is outside its validity window.";
    SEQUENCE = 132, "sequence", "The transaction's sequence is not the next one.";
    FOREIGN = 133, "foreign", "The transaction is for another chain.";
    BAD_SIGNATURE = 134, "bad-signature", "A signature is missing, extra or not valid.";
    POOL_FULL = 135, "pool-full", "The pool is full; try again later.";
    PROOF = 136, "proof", "The input's proof does not verify.";
    KNOWN = 137, "known", "The input is known already.";
}

impl Code {
    /// Whether this is [`Code::OK`].
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// The code's label and meaning, if this version knows it.
    pub fn describe(self) -> Option<(&'static str, &'static str)> {
        Self::ALL.iter().find(|(code, _, _)| *code == self).map(|(_, label, text)| (*label, *text))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.describe() {
            Some((label, _)) => f.write_str(label),
            None => write!(f, "code-{}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self, self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_labels_are_unique() {
        for (i, a) in Code::ALL.iter().enumerate() {
            for b in &Code::ALL[i + 1..] {
                assert!(a.0 != b.0 && a.1 != b.1, "{a:?} and {b:?}");
            }
        }
    }
}
