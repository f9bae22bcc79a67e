//! What the chains have said, kept by what it is about; and blocks of one chain in which they say it.

use super::Real;
use chain_interchain::open_client;
use chain_ledger::LedgerFacts;
use chain_state::BlockState;
use ledger_protocol::interchain::*;
use ledger_protocol::*;
use relay::coordinator::{RelayFacts, Released};
use subchain::participant::{self, ParticipantFacts};

/// What a message is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Word {
    Prepare,
    Commit,
    Abort,
    Yes,
    No,
    Applied,
    Released,
    Refused,
    Disputed,
}

/// A submitted proposal.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) id: ProposalId,
    /// Each leg's chain, in the model's order.
    pub(super) chains: Vec<ChainId>,
}

impl Known {
    fn leg_of(&self, chain: &ChainId) -> usize {
        self.chains.iter().position(|leg| leg == chain).unwrap()
    }
}

impl Real {
    /// A part of a block of the relay; gives how much it said.
    pub(super) fn relay_work(
        &mut self,
        height: u64,
        work: impl FnOnce(&mut BlockState<'_>, &RelayFacts, &mut Released),
    ) -> u64 {
        let (facts, peers) = (self.facts(height), self.peers());
        self.relay.height = height.max(self.relay.height);
        let released = &mut self.released;
        let (messages, leaves) = self.relay.work(&peers, |state| work(state, &facts, released));
        self.leaves = leaves;
        let said = messages.len() as u64;
        // Ahead of the list of a re-anchor the Decisions of closed legs come again (ADR 0012, point 6).
        let is_list = |message: &Message| matches!(MessageContent::of(message), Some(MessageContent::Reanchored(_)));
        let tells_again = messages.iter().any(is_list);
        for message in messages {
            let chain = message.destination;
            let (id, word) = match MessageContent::of(&message).unwrap() {
                MessageContent::Prepare(it) => (it.id, Word::Prepare),
                MessageContent::Decision(Decision::Voting { id, verdict, .. }) => match verdict {
                    DecisionVerdict::Commit { .. } => (id, Word::Commit),
                    DecisionVerdict::Abort { .. } => (id, Word::Abort),
                },
                MessageContent::Reanchored(list) => {
                    self.keep_list(message, &list);
                    continue;
                }
                other => panic!("{other:?}"),
            };
            let may_repeat = tells_again || self.sends_again();
            self.keep(id, chain, word, message, may_repeat);
        }
        said
    }

    fn keep(&mut self, id: ProposalId, chain: ChainId, word: Word, message: Message, may_repeat: bool) {
        let (proposal, known) = self.known.iter().find(|(_, known)| known.id == id).unwrap();
        let place = (*proposal, known.leg_of(&chain), word);
        let payload = message.payload.clone();
        if let Some(before) = self.words.insert(place, message) {
            assert!(may_repeat, "{place:?} was said twice");
            assert_eq!(before.payload, payload, "{place:?} was said in two ways");
        }
    }

    /// A block of a subchain, in which it knows its relay's height.
    pub(super) fn sub_work(
        &mut self,
        chain: usize,
        relay_height: u64,
        work: impl FnOnce(&mut BlockState<'_>, &ParticipantFacts<'_>),
    ) {
        let relay = self.relay.id();
        let trusted = self.relay.archive.trusted(Height(0));
        let sub = &mut self.subs[chain];
        sub.height += 1;
        let timestamp_ms = sub.archive.header(Height(0)).timestamp_ms;
        let ledger = LedgerFacts { height: Height(sub.height), timestamp_ms, parameters: &self.parameters };
        let facts = ParticipantFacts {
            chain: sub.id(),
            relay,
            ledger: &ledger,
            max_leg_changes: 10_000,
            max_block_changes: 20_000,
        };
        let leaf = self.leaves.iter().find(|leaf| leaf.peer == sub.id()).copied().unwrap();
        let (messages, _) = sub.work(&[relay], |state| {
            // The head that brings a message moves the client first, and its leaf is read.
            open_client(state, &proof::client::TrustedHeader { height: Height(relay_height), ..trusted }).unwrap();
            participant::hear_of_reanchors(state, &leaf).unwrap();
            work(state, &facts);
        });
        for message in messages {
            let chain = message.source;
            let (id, word) = match MessageContent::of(&message).unwrap() {
                MessageContent::Vote(it) => match it.verdict {
                    Verdict::Yes { .. } => (it.id, Word::Yes),
                    Verdict::No { .. } => (it.id, Word::No),
                },
                MessageContent::Outcome(it) => match it.result {
                    OutcomeResult::Applied { .. } => (it.id, Word::Applied),
                    OutcomeResult::Released => (it.id, Word::Released),
                    OutcomeResult::Refused => (it.id, Word::Refused),
                    OutcomeResult::Disputed => (it.id, Word::Disputed),
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            };
            // REFUSED without a record is said again whenever it is asked again; a branch says again what it keeps.
            let may_repeat = word == Word::Refused || self.repeats();
            self.keep(id, chain, word, message, may_repeat);
        }
    }

    pub(super) fn word(&self, proposal: usize, leg: usize, word: Word) -> Message {
        self.words
            .get(&(proposal, leg, word))
            .unwrap_or_else(|| panic!("{proposal} {leg} {word:?} was never said"))
            .clone()
    }
}
