//! A validator that has lost its disk, and is shown what it signed at the height under way.
//!
//! There it is one of the faults that the chain tolerates. A vote that it is shown is its vote: it says it again where it
//! would say another, and votes anew where it is shown nothing. Were it to keep silent for the rest of the height instead,
//! one lost disk more than a chain tolerates would end the chain for ever. The log marks such a vote: after another crash
//! the core would vote otherwise again, and must not take its vote for one that it derives. A proposal that it is shown,
//! and a certificate with a prevote of its own in a round too far ahead to be taken in, make it silent for this height; the
//! log says that in front of them.
//! Without a lost disk such a message is a second process with our key, and stops the replica.

use super::context::{BftContext, CoreInput, SignedVote};
use super::encoding::{self, Message};
use super::own::Known;
use super::routine::Machine;
use super::{BftConsensus, Work};
use crate::port::{Effect, Event, Halt};
use ledger_protocol::Height;

/// What a message holds that we have signed, by its signature, and no longer know of.
#[derive(Debug)]
pub(super) enum Forgotten {
    /// Our proposal of this height.
    Proposal,
    /// Our vote of this height.
    Vote(SignedVote),
    /// Something that cannot be taken in: of a later height, or beside something else that we have signed since.
    Unusable,
}

impl BftConsensus {
    /// What of our own is in this message that we have forgotten; the first of it.
    pub(super) fn forgotten_in(&mut self, message: &Message) -> Option<Forgotten> {
        let Work { height, own, .. } = self.work.as_ref().filter(|work| work.forgot)?;
        let is_later = message.height() != *height;
        let key = self.signer.public_key();
        let votes: Vec<SignedVote> = match message {
            Message::Proposal(proposal) => {
                let known = own.proposal(&proposal.message);
                if proposal.message.proposer.0 != self.me
                    || (!is_later && matches!(known, Known::Same(_)))
                    || !self.signatures.proposal(&proposal.message, &key, &proposal.signature)
                {
                    return None;
                }
                let is_usable = !is_later && matches!(known, Known::Nothing);
                return Some(if is_usable { Forgotten::Proposal } else { Forgotten::Unusable });
            }
            Message::Vote(vote) => vec![vote.clone()],
            Message::Polka(certificate) => certificate.votes(&BftContext).collect(),
            Message::Round(certificate) => certificate.votes(&BftContext).collect(),
        };
        votes.into_iter().filter(|vote| vote.message.validator.0 == self.me).find_map(|vote| {
            let known = own.vote(&vote.message);
            if (!is_later && matches!(known, Known::Same(_)))
                || !self.signatures.vote(&vote.message, &key, &vote.signature)
            {
                return None;
            }
            let is_usable = !is_later && matches!(known, Known::Nothing);
            Some(if is_usable { Forgotten::Vote(vote) } else { Forgotten::Unusable })
        })
    }

    /// Takes in a message that shows us what we signed and forgot.
    pub(super) fn remember(
        &mut self,
        forgotten: Forgotten,
        message: Message,
        bytes: &[u8],
        effects: &mut Vec<Effect>,
    ) -> Result<(), Halt> {
        match (forgotten, &message) {
            (Forgotten::Unusable, _) => {
                // Of a later height: peers repeat what they were told, and it is shown again when its height has begun.
                self.dropped += 1;
                return Ok(());
            }
            (Forgotten::Proposal, _) => self.fall_silent(message.height(), effects),
            // The core takes in a certificate of prevotes as a whole; our vote goes first, by itself.
            (Forgotten::Vote(vote), Message::Polka(_)) => {
                let place = vote.message.clone();
                self.run(CoreInput::Vote(vote), effects)?;
                if self.work.as_ref().is_some_and(|work| matches!(work.own.vote(&place), Known::Same(_))) {
                    self.waiting_messages += 1;
                    self.waiting.push_front(Event::Message { bytes: bytes.to_vec() });
                    return Ok(());
                }
                self.fall_silent(message.height(), effects);
            }
            // The core logs each vote of these by itself.
            (Forgotten::Vote(_), _) => {}
        }
        self.run(message.into_input(), effects)
    }

    /// Signs nothing more at this height.
    fn fall_silent(&mut self, height: Height, effects: &mut Vec<Effect>) {
        if let Machine::Idle(state) = &mut self.machine
            && std::mem::replace(&mut state.params.enabled, false)
        {
            effects.push(Effect::Append { height, entry: encoding::silence() });
        }
    }
}
