//! Rule R8: which evidence counts, and whether it freezes the chain or only makes it suspect.
//!
//! Invariant: each certificate is by the set that the trusted history names for its height. Evidence about heights at
//! or below the last hand-off, re-anchor or registration header is [`EvidenceAge::Old`]: retired keys can sign again.

use super::error::ClientError;
use super::head::{TrustedHeader, check_certificate, check_chain, check_history, check_version};
use super::list::{verify_leaf, verify_list};
use crate::identifiers::{ChainId, Hash, Height, Sequence};
use crate::interchain::{AccusedHeader, AccusedMessage, Evidence, Message, MessageContent, Outcome, Vote};
use std::cmp::min;

/// What the trusted history says about a chain's validator sets.
///
/// Answers the hash of the set that certifies `height`; for heights at or below the first header ever trusted, the
/// oldest set known. It is asked only about heights at or below the trusted one.
pub type NamedSets<'a> = &'a dyn Fn(Height) -> Option<Hash>;

/// Whether evidence concerns keys that may have been given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EvidenceAge {
    /// Above the last hand-off, re-anchor or registration header: freezes the chain.
    Fresh,
    /// At or below it: marks the chain SUSPECT and alarms once.
    Old,
}

/// A fault, proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProvenFault {
    /// Two different certified headers of one height.
    Equivocation {
        /// The height.
        height: Height,
        /// One header's hash.
        first: Hash,
        /// The other's.
        second: Hash,
    },
    /// A certified header with another past than the trusted one.
    Fork {
        /// Height of the certified header.
        height: Height,
        /// Its hash.
        header: Hash,
        /// What its history holds at the trusted height.
        other_hash: Hash,
    },
    /// Two different Votes for one (id, h0, chain).
    DoubleVote {
        /// One vote.
        first: Box<Vote>,
        /// The other.
        second: Box<Vote>,
    },
    /// An Outcome of the chain; whether it contradicts a decision is the relay's to judge from its own record.
    Outcome {
        /// The outcome.
        outcome: Outcome,
        /// Sequence of its message.
        sequence: Sequence,
    },
}

/// Evidence whose structure, proofs and certificates hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct VerifiedEvidence {
    /// The accused chain.
    pub chain: ChainId,
    /// Freeze or suspect.
    pub age: EvidenceAge,
    /// The lowest height of an accused header.
    pub lowest_on_source: Height,
    /// What it proves.
    pub fault: ProvenFault,
}

/// Verifies evidence against the trusted history of the accused chain.
///
/// `last_handoff` is the height of the chain's last hand-off, re-anchor or registration header; `receiver` is the
/// relay, whose lane the accused messages stand in.
///
/// # Errors
/// [`ClientError`]; evidence that does not verify accuses nobody.
pub fn verify_evidence(
    trusted: &TrustedHeader,
    last_handoff: Height,
    named_sets: NamedSets<'_>,
    receiver: &ChainId,
    evidence: &Evidence,
) -> Result<VerifiedEvidence, ClientError> {
    check_chain(evidence.chain(), &trusted.chain)?;
    let judge = Judge { trusted, named_sets };
    let (lowest, fault) = match evidence {
        Evidence::Equivocation { first, second, .. } => judge.equivocation(first, second)?,
        Evidence::Fork { header, other_hash, path, .. } => {
            if header.header.height <= trusted.height {
                return Err(ClientError::NotAbove { got: header.header.height, trusted: trusted.height });
            }
            judge.links(header)?;
            if *other_hash == trusted.header_hash || other_hash.is_zero() {
                return Err(ClientError::NoFault("the history holds the trusted header"));
            }
            check_history(&header.header, trusted.height, other_hash, path, "other hash in the accused history")?;
            judge.signatures(header)?;
            let (height, header) = (header.header.height, header.header.hash());
            (height, ProvenFault::Fork { height, header, other_hash: *other_hash })
        }
        Evidence::DoubleVote { first, second, .. } => judge.double_vote(first, second, receiver)?,
        Evidence::ContradictingOutcome { outcome, .. } => {
            let message = judge.message(outcome, receiver)?;
            let Some(MessageContent::Outcome(content)) = MessageContent::of(&message) else {
                return Err(ClientError::NoFault("the message is no Outcome"));
            };
            if content.chain != trusted.chain {
                return Err(ClientError::NoFault("the Outcome names another chain"));
            }
            judge.signatures(&outcome.head)?;
            let height = outcome.head.header.height;
            (height, ProvenFault::Outcome { outcome: content, sequence: message.sequence })
        }
    };
    let age = if lowest > last_handoff { EvidenceAge::Fresh } else { EvidenceAge::Old };
    Ok(VerifiedEvidence { chain: trusted.chain, age, lowest_on_source: lowest, fault })
}

/// The trusted history, as far as evidence is measured against it.
struct Judge<'a> {
    trusted: &'a TrustedHeader,
    named_sets: NamedSets<'a>,
}

impl Judge<'_> {
    /// That the accused header is the chain's and shows the set that the trusted history names for its height.
    fn links(&self, accused: &AccusedHeader) -> Result<(), ClientError> {
        let header = &accused.header;
        check_chain(&header.chain, &self.trusted.chain)?;
        check_version(header)?;
        let named = if header.height > self.trusted.height {
            self.trusted.next_validators_hash()
        } else {
            (self.named_sets)(header.height).ok_or(ClientError::NoSet(header.height))?
        };
        let shown = accused.validators.hash(header.chain.suite);
        if named.is_zero() || header.validators_hash != named || shown != named {
            return Err(ClientError::OtherSet { got: shown, trusted: named });
        }
        Ok(())
    }

    fn signatures(&self, accused: &AccusedHeader) -> Result<(), ClientError> {
        check_certificate(&accused.certificate, &accused.header, &accused.validators, self.trusted.kind)
    }

    fn equivocation(
        &self,
        first: &AccusedHeader,
        second: &AccusedHeader,
    ) -> Result<(Height, ProvenFault), ClientError> {
        self.links(first)?;
        self.links(second)?;
        let height = first.header.height;
        if height != second.header.height {
            return Err(ClientError::NoFault("two heights"));
        }
        let (one, other) = (first.header.hash(), second.header.hash());
        if one == other {
            return Err(ClientError::NoFault("one header twice"));
        }
        self.signatures(first)?;
        self.signatures(second)?;
        Ok((height, ProvenFault::Equivocation { height, first: one, second: other }))
    }

    fn double_vote(
        &self,
        first: &AccusedMessage,
        second: &AccusedMessage,
        receiver: &ChainId,
    ) -> Result<(Height, ProvenFault), ClientError> {
        let one = self.vote(first, receiver)?;
        let other = self.vote(second, receiver)?;
        if (one.id, one.started_at_on_relay) != (other.id, other.started_at_on_relay) {
            return Err(ClientError::NoFault("votes on two proposals"));
        }
        if one == other {
            return Err(ClientError::NoFault("one vote twice"));
        }
        self.signatures(&first.head)?;
        self.signatures(&second.head)?;
        let lowest = min(first.head.header.height, second.head.header.height);
        Ok((lowest, ProvenFault::DoubleVote { first: Box::new(one), second: Box::new(other) }))
    }

    fn vote(&self, accused: &AccusedMessage, receiver: &ChainId) -> Result<Vote, ClientError> {
        let message = self.message(accused, receiver)?;
        match MessageContent::of(&message) {
            Some(MessageContent::Vote(vote)) if vote.chain == self.trusted.chain => Ok(vote),
            _ => Err(ClientError::NoFault("the message is no Vote of the chain")),
        }
    }

    /// The accused message with every hash link checked; the signatures are the caller's next step.
    fn message(&self, accused: &AccusedMessage, receiver: &ChainId) -> Result<Message, ClientError> {
        self.links(&accused.head)?;
        let leaf = verify_leaf(&accused.head.header, &accused.leaf, receiver)?;
        verify_list(&self.trusted.chain, &leaf, &accused.messages)?;
        let index = usize::try_from(accused.index).map_err(|_| ClientError::Range)?;
        accused.messages.get(index).cloned().ok_or(ClientError::List("no message at the index"))
    }
}
