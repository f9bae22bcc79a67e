//! Silence: a validator that has lost its disk is shown what it signed at the height under way.
//!
//! It cannot know what else it signed there, and whatever it says next may contradict it. So it says nothing more at this
//! height, where it is one of the faults that the chain tolerates anyway; its old message counts like anybody's. The log
//! says so in front of that message: after another crash it still keeps silent, and derives no vote that would contradict
//! the one in its log. Without a lost disk such a message is a second process with our key, and stops the replica.

use super::context::{BftContext, SignedVote};
use super::encoding::{self, Message};
use super::own::Known;
use super::routine::Machine;
use super::{BftConsensus, Work};
use crate::port::Effect;
use ledger_protocol::Height;

impl BftConsensus {
    /// Whether this is, or a certificate holds, a message that we have signed, by its signature, and no longer know of.
    pub(super) fn is_forgotten(&mut self, message: &Message) -> bool {
        let Some(Work { height, own, .. }) = self.work.as_ref().filter(|work| work.forgot) else { return false };
        let is_known = |is_same: bool| message.height() == *height && is_same;
        let key = self.signer.public_key();
        let votes: Vec<SignedVote> = match message {
            Message::Proposal(proposal) => {
                return proposal.message.proposer.0 == self.me
                    && !is_known(matches!(own.proposal(&proposal.message), Known::Same(_)))
                    && self.signatures.proposal(&proposal.message, &key, &proposal.signature);
            }
            Message::Vote(vote) => vec![vote.clone()],
            Message::Polka(certificate) => certificate.votes(&BftContext).collect(),
            Message::Round(certificate) => certificate.votes(&BftContext).collect(),
        };
        votes.iter().filter(|vote| vote.message.validator.0 == self.me).any(|vote| {
            !is_known(matches!(own.vote(&vote.message), Known::Same(_)))
                && self.signatures.vote(&vote.message, &key, &vote.signature)
        })
    }

    /// Signs nothing more at this height.
    pub(super) fn fall_silent(&mut self, height: Height, effects: &mut Vec<Effect>) {
        if let Machine::Idle(state) = &mut self.machine
            && std::mem::replace(&mut state.params.enabled, false)
        {
            effects.push(Effect::Append { height, entry: encoding::silence() });
        }
    }
}
