//! What this validator has signed at the current height, by (round, type): the guard against signing twice.
//!
//! It is filled from the log before replay begins, at every signature, and from any message of our own that the
//! network shows us. So neither a wrong log, nor a second process with our key, nor a fault of the core makes this
//! replica sign a second message where a first is known.

use super::context::{Proposal, SignedProposal, SignedVote, Vote};
use arc_malachitebft_core_types::VoteType;
use std::collections::BTreeMap;

/// What is known for the place of a message.
#[derive(Debug)]
pub(super) enum Known<T> {
    /// Nothing: it may be signed.
    Nothing,
    /// This very message, with the signature given then.
    Same(T),
    /// Another message, with its signature: signing would be a double vote.
    Other(T),
}

/// The own messages of one height.
#[derive(Debug, Default)]
pub(super) struct OwnMessages {
    votes: BTreeMap<(u32, VoteType), SignedVote>,
    proposals: BTreeMap<u32, SignedProposal>,
}

impl OwnMessages {
    /// What is known for the vote's round and step.
    pub(super) fn vote(&self, vote: &Vote) -> Known<SignedVote> {
        match self.votes.get(&(vote.round.as_u32().unwrap_or(u32::MAX), vote.step)) {
            None => Known::Nothing,
            Some(known) if known.message == *vote => Known::Same(known.clone()),
            Some(known) => Known::Other(known.clone()),
        }
    }

    /// What is known for the proposal's round.
    pub(super) fn proposal(&self, proposal: &Proposal) -> Known<SignedProposal> {
        match self.proposals.get(&proposal.round.as_u32().unwrap_or(u32::MAX)) {
            None => Known::Nothing,
            Some(known) if known.message == *proposal => Known::Same(known.clone()),
            Some(known) => Known::Other(known.clone()),
        }
    }

    /// The proposal of a round.
    pub(super) fn proposal_of(&self, round: u32) -> Option<&SignedProposal> {
        self.proposals.get(&round)
    }

    /// Remembers a vote; the first one of its place stays.
    pub(super) fn add_vote(&mut self, vote: SignedVote) {
        self.votes.entry((vote.message.round.as_u32().unwrap_or(u32::MAX), vote.message.step)).or_insert(vote);
    }

    /// Remembers a proposal; the first one of its place stays.
    pub(super) fn add_proposal(&mut self, proposal: SignedProposal) {
        self.proposals.entry(proposal.message.round.as_u32().unwrap_or(u32::MAX)).or_insert(proposal);
    }
}
