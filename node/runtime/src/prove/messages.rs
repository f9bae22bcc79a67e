//! Where the relay ordered the Votes and Outcomes of a proposal, and the evidence for each.
//!
//! The relay's archived blocks hold them, inside Advances with their headers, certificates, leaves and lists. Votes
//! and Outcomes that count change the proposal's record, so the blocks that changed it are looked at first; then, for
//! what is missing (a vote after the decision, a message that a full block postponed), all from the start on.

use super::proposal::ProposalHistory;
use super::{Proven, Prover, gap};
use chain_engine::assemble::tree_of;
use chain_state::Place;
use ledger_protocol::chain::Input;
use ledger_protocol::interchain::{Advance, DeliveredBlock, Head, Message, MessageContent, OutcomeResult, Verdict};
use ledger_protocol::proof::bundle::MessageEvidence;
use ledger_protocol::proof::{ClientStanding, MessageInclusion, MessageProof, OlderHeader, message_hash};
use ledger_protocol::system::{ClientRecord, LegPhase, LegStatus, accounts, client_key};
use ledger_protocol::{ChainId, Height, ProposalId, SuiteHash};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Most relay blocks that are searched for the messages of one proposal.
pub const MAX_SEARCHED_BLOCKS: usize = 4_096;

/// A message in the Advance that brought it to the relay.
#[derive(Debug, Clone)]
struct Delivery {
    height_on_relay: Height,
    advance: Rc<Advance>,
    block: usize,
    position: usize,
    message: Message,
    content: Said,
}

/// What it says, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Voted(Verdict),
    Ended(OutcomeResult),
}

/// The messages of one leg that the relay took into account.
#[derive(Debug, Default)]
pub(super) struct LegDeliveries {
    vote: Option<Delivery>,
    outcome: Option<Delivery>,
}

impl LegDeliveries {
    /// The phase that the vote put its leg in.
    pub(super) fn voted_phase(&self) -> LegPhase {
        match self.vote.as_ref().map(|vote| (&vote.message, vote.content)) {
            Some((message, Said::Voted(Verdict::Yes { write_set_root, .. }))) => {
                LegPhase::VotedYes { message_hash: message_hash(message), write_set_root }
            }
            _ => LegPhase::Waiting,
        }
    }
}

/// The messages of a proposal that were found, oldest first.
#[derive(Debug)]
struct Found {
    deliveries: Vec<Delivery>,
    /// Whether all legs were closed after the record that is known.
    has_unknown_end: bool,
}

impl Found {
    fn of<'f>(&'f self, chain: &ChainId) -> impl DoubleEndedIterator<Item = &'f Delivery> + use<'f> {
        let chain = *chain;
        self.deliveries.iter().filter(move |delivery| delivery.message.source == chain)
    }

    /// The Vote of a leg: the one that its record notes, where it notes one.
    fn vote(&self, leg: &LegStatus) -> Option<&Delivery> {
        let noted = match &leg.phase {
            LegPhase::VotedYes { message_hash, .. } | LegPhase::ClosedByNo { message_hash } => Some(message_hash),
            _ => None,
        };
        let mut votes = self.of(&leg.chain).filter(|delivery| matches!(delivery.content, Said::Voted(_)));
        match noted {
            Some(noted) => votes.find(|delivery| is_noted(delivery, noted)),
            None => votes.next(),
        }
    }

    /// The Outcome that closed a leg, if one did.
    fn outcome(&self, leg: &LegStatus) -> Option<&Delivery> {
        let mut ends = self.of(&leg.chain).filter(|delivery| matches!(delivery.content, Said::Ended(_)));
        match &leg.phase {
            LegPhase::ClosedByOutcome { message_hash } => ends.find(|delivery| is_noted(delivery, message_hash)),
            LegPhase::Disputed => ends.find(|it| it.content == Said::Ended(OutcomeResult::Disputed)),
            LegPhase::Noted { code } => ends.find(|it| it.content == Said::Ended(OutcomeResult::Noted { code: *code })),
            LegPhase::Broken => ends.next_back(),
            LegPhase::Waiting | LegPhase::VotedYes { .. } if self.has_unknown_end => ends.next(),
            LegPhase::Waiting | LegPhase::VotedYes { .. } | LegPhase::ClosedByNo { .. } => None,
        }
    }

    /// Whether nothing of a leg can still be missing.
    fn has_all_of(&self, leg: &LegStatus) -> bool {
        let has_vote = !leg.mode.votes() || self.vote(leg).is_some();
        let has_outcome = match leg.phase {
            LegPhase::ClosedByNo { .. } => true,
            LegPhase::Waiting | LegPhase::VotedYes { .. } if !self.has_unknown_end => true,
            _ => self.outcome(leg).is_some(),
        };
        has_vote && has_outcome
    }
}

fn is_noted(delivery: &Delivery, noted: &SuiteHash) -> bool {
    message_hash(&delivery.message) == *noted
}

impl Prover<'_> {
    /// The messages of every leg, in order of the legs.
    pub(super) fn deliveries(&self, id: &ProposalId, history: &ProposalHistory) -> Proven<Vec<LegDeliveries>> {
        let legs = &history.newest.legs;
        let changed: BTreeSet<Height> = history.versions.iter().map(|made| made.height).collect();
        let mut found = Found { deliveries: Vec::new(), has_unknown_end: history.has_unknown_end };
        let mut searched = 0usize;
        let last = changed.last().copied().unwrap_or_default();
        let others = (history.started_at.0..=last.0).map(Height).filter(|height| !changed.contains(height));
        for height in changed.iter().copied().chain(others) {
            if legs.iter().all(|leg| found.has_all_of(leg)) || searched >= MAX_SEARCHED_BLOCKS {
                break;
            }
            searched = searched.saturating_add(1);
            self.search(height, id, history.started_at, &mut found)?;
        }
        found.deliveries.sort_by_key(|delivery| (delivery.height_on_relay, delivery.message.sequence));
        let of =
            |leg: &LegStatus| LegDeliveries { vote: found.vote(leg).cloned(), outcome: found.outcome(leg).cloned() };
        Ok(legs.iter().map(of).collect())
    }

    /// Takes the Votes and Outcomes of a proposal out of one block.
    fn search(&self, height: Height, id: &ProposalId, started_at: Height, found: &mut Found) -> Proven<()> {
        for input in self.inputs(height)? {
            let Input::Advance(advance) = input else { continue };
            let advance: Rc<Advance> = Rc::from(advance);
            for (block, delivered) in advance.blocks.iter().enumerate() {
                for (position, message) in delivered.messages().iter().enumerate() {
                    let Some(content) = said(message, id, started_at) else { continue };
                    found.deliveries.push(Delivery {
                        height_on_relay: height,
                        advance: Rc::clone(&advance),
                        block,
                        position,
                        message: message.clone(),
                        content,
                    });
                }
            }
        }
        Ok(())
    }

    /// The evidence for the Vote and the Outcome of a leg; `None` for one that no certificate here covers.
    pub(super) fn leg_evidence(
        &self,
        messages: &LegDeliveries,
    ) -> Proven<(Option<MessageEvidence>, Option<MessageEvidence>)> {
        let evidence = |delivery: &Option<Delivery>| match delivery {
            Some(delivery) => self.evidence(delivery),
            None => Ok(None),
        };
        Ok((evidence(&messages.vote)?, evidence(&messages.outcome)?))
    }

    fn evidence(&self, delivery: &Delivery) -> Proven<Option<MessageEvidence>> {
        let Delivery { advance, message, .. } = delivery;
        let source = advance.source;
        let place = Place::system(accounts::CLIENTS, client_key(&source));
        let client = self.record_at::<ClientRecord>(&place, delivery.height_on_relay)?;
        let Some((made, client, record)) = client else {
            return Err(gap(format!("the relay ordered a message of {source} without a client of it")));
        };
        let certified = advance.head.header();
        // A source's hand-offs come before its Advance, and it has one Advance per block: what the block leaves
        // trusted is that Advance's head.
        if record.header_hash_on_source.hash != certified.hash() {
            return Ok(None);
        }
        let certificate = match &advance.head {
            Head::New { certificate, .. } => Some(certificate.clone()),
            Head::Known { .. } => self.foreign_certificate(certified, made.height)?,
        };
        let set = self.foreign_set(&place, &source, &certified.validators_hash, &made)?;
        let (Some(certificate), Some(validators)) = (certificate, set) else { return Ok(None) };
        let Some(delivered) = advance.blocks.get(delivery.block) else { return Ok(None) };
        let messages = delivered.messages();
        let index = u64::try_from(delivery.position).map_err(|_| gap("a list is too long"))?;
        let path = tree_of(source.suite, messages)
            .path(index)
            .map_err(|error| gap(format!("a message of an archived Advance has no path: {error}")))?;
        let proof = match delivered {
            DeliveredBlock::Head { .. } => MessageProof::Direct {
                header: Box::new(certified.clone()),
                certificate,
                inclusion: MessageInclusion { leaf: advance.leaf.clone(), message: message.clone(), path },
            },
            DeliveredBlock::Older { header, history_path, leaf, .. } => MessageProof::Historic {
                certified: Box::new(certified.clone()),
                certificate,
                older: Box::new(OlderHeader { header: header.clone(), path: history_path.clone() }),
                inclusion: MessageInclusion { leaf: leaf.clone(), message: message.clone(), path },
            },
        };
        Ok(Some(MessageEvidence { client, standing: ClientStanding::Trusted, validators, proof }))
    }
}

/// What a message says of a proposal, if it is about it.
fn said(message: &Message, id: &ProposalId, started_at: Height) -> Option<Said> {
    match MessageContent::of(message)? {
        MessageContent::Vote(vote)
            if vote.id == *id && vote.started_at_on_relay == started_at && vote.chain == message.source =>
        {
            Some(Said::Voted(vote.verdict))
        }
        MessageContent::Outcome(outcome)
            if outcome.id == *id && outcome.started_at_on_relay == started_at && outcome.chain == message.source =>
        {
            Some(Said::Ended(outcome.result))
        }
        _ => None,
    }
}
