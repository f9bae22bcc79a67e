//! What is done for each effect of the core, and what it goes on with.
//!
//! The one rule that everything hangs on stands in [`BftConsensus::sign`]: refuse, sign, append, barrier, park.

use super::context::{
    BftContext, CommitCertificate, CoreEffect, CoreInput, CoreResume, CoreRound, SignedProposal, SignedVote, our_round,
};
use super::encoding::{self, Message};
use super::own::{Known, OwnMessages};
use super::{BftConsensus, Phase, Work};
use crate::port::{BarrierId, Effect, Halt};
use arc_malachitebft_core_consensus as core_bft;
use arc_malachitebft_core_types::{SignedMessage, Timeout, VoteType};
use core_bft::{ConsensusMsg, LivenessMsg, MisbehaviorEvidence, Resumable, SignedConsensusMsg};
use ledger_protocol::chain::{FinalityCertificate, SignerBitmap};
use ledger_protocol::codec::Bounded;
use ledger_protocol::{Hash, Height, Round, Signature};

/// How the core goes on after an effect.
pub(super) enum Next {
    /// At once, with this.
    Resume(CoreResume),
    /// With this, when the barrier is durable.
    Park(BarrierId, CoreResume),
}

impl BftConsensus {
    pub(super) fn perform(&mut self, effect: CoreEffect, effects: &mut Vec<Effect>) -> Result<Next, Halt> {
        let resume = match effect {
            CoreEffect::CancelAllTimeouts(resume) => {
                for id in self.timers.cancel_all() {
                    self.emit(Effect::CancelTimer(id), effects);
                }
                resume.resume_with(())
            }
            CoreEffect::CancelTimeout(timeout, resume) => {
                if let Some(id) = self.timers.cancel(timeout) {
                    self.emit(Effect::CancelTimer(id), effects);
                }
                resume.resume_with(())
            }
            CoreEffect::ScheduleTimeout(timeout, resume) => {
                self.set_timer(timeout, effects);
                resume.resume_with(())
            }
            CoreEffect::StartRound(_, _, _, _, resume) => resume.resume_with(()),
            CoreEffect::PublishConsensusMsg(message, resume) => {
                let message = match message {
                    SignedConsensusMsg::Vote(vote) => Message::Vote(vote),
                    SignedConsensusMsg::Proposal(proposal) => Message::Proposal(proposal),
                };
                self.send(&message, effects)?;
                resume.resume_with(())
            }
            CoreEffect::PublishLivenessMsg(message, resume) => {
                let message = match message {
                    LivenessMsg::Vote(vote) => Message::Vote(vote),
                    LivenessMsg::PolkaCertificate(certificate) => Message::Polka(certificate),
                    LivenessMsg::SkipRoundCertificate(certificate) => Message::Round(certificate),
                };
                self.send(&message, effects)?;
                resume.resume_with(())
            }
            CoreEffect::RepublishVote(vote, resume) => {
                self.send(&Message::Vote(vote), effects)?;
                resume.resume_with(())
            }
            CoreEffect::RepublishRoundCertificate(certificate, resume) => {
                self.send(&Message::Round(certificate), effects)?;
                resume.resume_with(())
            }
            CoreEffect::GetValue(height, round, _, resume) => {
                let round = self.round_of(round)?;
                // In replay the core asks for every round of ours it passes; only the last question counts, and
                // it is answered when replay has ended.
                match &mut self.phase {
                    Phase::Replaying { build, .. } => *build = Some(round),
                    Phase::Live | Phase::Releasing { .. } => {
                        effects.push(Effect::Build { height: Height(height.0), round });
                    }
                }
                resume.resume_with(())
            }
            CoreEffect::RestreamProposal(height, round, valid_round, _, value, resume) => {
                let (round, valid_round) = (self.round_of(round)?, our_round(valid_round));
                let block = Effect::SendBlock { height: Height(height.0), round, valid_round, header_hash: value.0 };
                self.emit(block, effects);
                resume.resume_with(())
            }
            CoreEffect::SignVote(vote, _) => {
                #[cfg(feature = "planted-bugs")]
                let vote = self.without_lock_rule(vote);
                let what = match vote.step {
                    VoteType::Prevote => "prevote",
                    VoteType::Precommit => "precommit",
                };
                let (height, round) = (Height(vote.height.0), self.round_of(vote.round)?);
                let work = self.work_at(height)?;
                match work.own.vote(&vote) {
                    Known::Same(signed) => CoreResume::SignedVote(signed),
                    // Signed before our disk was lost: it is said again, and nothing else.
                    Known::Other(signed) if work.forgot => CoreResume::SignedVote(signed),
                    Known::Other(_) => return Err(Halt::DoubleSign { what, height, round }),
                    Known::Nothing => {
                        let bytes = self.signatures.vote_bytes(&vote);
                        let signature = self.sign(&bytes)?;
                        let signed = SignedVote::new(vote, signature);
                        self.work_at(height)?.own.add_vote(signed.clone());
                        let barrier = self.log_own(height, CoreInput::Vote(signed.clone()), effects)?;
                        #[cfg(feature = "planted-bugs")]
                        if planted::is(planted::Plant::VoteBeforeItIsDurable) {
                            return Ok(Next::Resume(CoreResume::SignedVote(signed)));
                        }
                        return Ok(Next::Park(barrier, CoreResume::SignedVote(signed)));
                    }
                }
            }
            CoreEffect::SignProposal(proposal, _) => {
                let (height, round) = (Height(proposal.height.0), self.round_of(proposal.round)?);
                let work = self.work_at(height)?;
                match work.own.proposal(&proposal) {
                    Known::Same(signed) => CoreResume::SignedProposal(signed),
                    Known::Other(_) => return Err(Halt::DoubleSign { what: "proposal", height, round }),
                    Known::Nothing => {
                        // The body promises nothing, so it may leave before the signature is durable: peers
                        // execute while we sync.
                        if proposal.valid_round.is_nil() {
                            let header_hash = proposal.value.0;
                            let block = Effect::SendBlock { height, round, valid_round: None, header_hash };
                            self.emit(block, effects);
                        }
                        let bytes = self.signatures.proposal_bytes(&proposal);
                        let signature = self.sign(&bytes)?;
                        let signed = SignedProposal::new(proposal, signature);
                        self.work_at(height)?.own.add_proposal(signed.clone());
                        let barrier = self.log_own(height, CoreInput::Proposal(signed.clone()), effects)?;
                        return Ok(Next::Park(barrier, CoreResume::SignedProposal(signed)));
                    }
                }
            }
            CoreEffect::VerifySignature(message, public_key, resume) => {
                let SignedMessage { message, signature, .. } = message;
                let valid = match &message {
                    ConsensusMsg::Vote(vote) => self.signatures.vote(vote, &public_key, &signature),
                    ConsensusMsg::Proposal(proposal) => self.signatures.proposal(proposal, &public_key, &signature),
                };
                self.dropped += u64::from(!valid);
                resume.resume_with(valid)
            }
            CoreEffect::VerifyCommitCertificate(certificate, set, _, resume) => {
                // Built by the core from votes that were verified. If it does not hold, the core would panic.
                if let Err(error) = self.signatures.commit(&certificate, &set) {
                    return Err(self.core_halt(format!("its own certificate does not verify: {error}")));
                }
                resume.resume_with(Ok(()))
            }
            CoreEffect::VerifyPolkaCertificate(certificate, set, _, resume) => {
                let result = self.signatures.polka(&certificate, &set);
                self.dropped += u64::from(result.is_err());
                resume.resume_with(result)
            }
            CoreEffect::VerifyRoundCertificate(certificate, set, _, resume) => {
                let result = self.signatures.round(&certificate, &set);
                self.dropped += u64::from(result.is_err());
                resume.resume_with(result)
            }
            CoreEffect::WalAppend(height, input, resume) => {
                self.append(Height(height.0), &input, effects)?;
                resume.resume_with(())
            }
            CoreEffect::Decide(_, _, resume) => resume.resume_with(()),
            CoreEffect::Finalize(certificate, _, evidence, resume) => {
                self.finalize(&certificate, &evidence, effects)?;
                resume.resume_with(())
            }
            CoreEffect::CertVerifiedSyncValue(..)
            | CoreEffect::CertRejectedSyncValue(..)
            | CoreEffect::VerifyExtendedCommitCertificate(..)
            | CoreEffect::ExtendVote(..)
            | CoreEffect::VerifyVoteExtension(..) => {
                return Err(self.core_halt("it used vote extensions or its own block sync, which are off".to_owned()));
            }
        };
        Ok(Next::Resume(resume))
    }

    /// Emits what leaves the replica: at once, or after replay.
    pub(super) fn emit(&mut self, effect: Effect, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Replaying { held, .. } => held.push(effect),
            Phase::Live | Phase::Releasing { .. } => effects.push(effect),
        }
    }

    fn send(&mut self, message: &Message, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        match message.encode() {
            Some(bytes) => self.emit(Effect::Broadcast { bytes }, effects),
            None => return Err(self.core_halt("it sent a message that has no encoding".to_owned())),
        }
        Ok(())
    }

    fn set_timer(&mut self, timeout: Timeout, effects: &mut Vec<Effect>) {
        let after_ms = self.config.timeouts.wait_ms(timeout);
        let (id, replaced) = self.timers.set(timeout);
        if let Some(replaced) = replaced {
            self.emit(Effect::CancelTimer(replaced), effects);
        }
        self.emit(Effect::SetTimer { id, after_ms }, effects);
    }

    fn round_of(&self, round: CoreRound) -> Result<Round, Halt> {
        our_round(round).ok_or_else(|| self.core_halt("it named no round".to_owned()))
    }

    fn work_at(&mut self, height: Height) -> Result<&mut Work, Halt> {
        let current = self.height();
        match &mut self.work {
            Some(work) if work.height == height => Ok(work),
            _ => Err(Halt::Core {
                height: current.unwrap_or_default(),
                reason: format!("it worked on height {height} instead"),
            }),
        }
    }

    /// Signs, and checks what the signer gave back: a wrong signature in our own vote would spoil certificates.
    fn sign(&self, bytes: &[u8]) -> Result<Signature, Halt> {
        let signature = self.signer.sign(bytes).map_err(Halt::Signer)?;
        match self.signer.public_key().verify(bytes, &signature) {
            Ok(_) => Ok(signature),
            Err(error) => Err(Halt::Signer(format!("its signature is refused: {error}"))),
        }
    }

    /// Appends an own signed message with a barrier behind it.
    fn log_own(&mut self, height: Height, input: CoreInput, effects: &mut Vec<Effect>) -> Result<BarrierId, Halt> {
        let Some(entry) = encoding::encode_entry(&input) else {
            return Err(self.core_halt("it signed a message that has no encoding".to_owned()));
        };
        effects.push(Effect::Append { height, entry });
        Ok(self.barrier(effects))
    }

    fn append(&mut self, height: Height, input: &CoreInput, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        let Some(entry) = encoding::encode_entry(input) else {
            return Err(self.core_halt("it wanted an input logged that has no encoding".to_owned()));
        };
        let me = self.me;
        let (decided, forgot) = self.work_at(height).map(|work| (work.decided, work.forgot))?;
        let mut is_shown = false;
        match input {
            CoreInput::Vote(vote) if vote.message.validator.0 == me => {
                if let Known::Same(_) = self.work_at(height)?.own.vote(&vote.message) {
                    // Logged when it was signed, or shown before.
                    return Ok(());
                }
                is_shown = forgot;
            }
            CoreInput::Proposal(proposal) if proposal.message.proposer.0 == me => {
                if let Known::Same(_) = self.work_at(height)?.own.proposal(&proposal.message) {
                    return Ok(());
                }
            }
            CoreInput::ProposedValue(value, _) => {
                let (hash, round) = (value.value.0, value.round.as_u32().unwrap_or(0));
                let work = self.work_at(height)?;
                work.judged.insert((hash, round, value.validity.is_valid()));
                if value.proposer.0 == me && value.valid_round.is_nil() && value.validity.is_valid() {
                    work.own_values.entry(round).or_insert(hash);
                }
            }
            CoreInput::Proposal(proposal) => self.need_block(height, proposal.message.value.0, effects)?,
            CoreInput::PolkaCertificate(certificate) => self.need_block(height, certificate.value_id.0, effects)?,
            _ => {}
        }
        // An own message that this log does not know: our disk was lost, another process signs with our key, or the log is
        // not ours.
        // It goes into the log, so that no later signature contradicts it.
        let mut own = std::mem::take(&mut self.work_at(height)?.own);
        let noted = self.note_own(&mut own, input);
        self.work_at(height)?.own = own;
        noted?;
        let known = matches!(&self.phase, Phase::Replaying { logged, .. } if logged.contains(&entry));
        // Entries of a decided height are dead: its commit comes before them.
        if !known && !decided {
            if is_shown {
                effects.push(Effect::Append { height, entry: encoding::shown() });
            }
            effects.push(Effect::Append { height, entry });
        }
        Ok(())
    }

    fn need_block(&mut self, height: Height, header_hash: Hash, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        let work = self.work_at(height)?;
        if !work.has_verdict(&header_hash) && !work.decided {
            self.emit(Effect::NeedBlock { height, header_hash }, effects);
        }
        Ok(())
    }

    /// Remembers a message of our own; two different ones for one place are a double signature that has happened.
    pub(super) fn note_own(&self, own: &mut OwnMessages, input: &CoreInput) -> Result<(), Halt> {
        match input {
            CoreInput::Vote(vote) if vote.message.validator.0 == self.me => match own.vote(&vote.message) {
                Known::Other(_) => {
                    let what = if vote.message.step == VoteType::Prevote { "prevote" } else { "precommit" };
                    let round = self.round_of(vote.message.round)?;
                    Err(Halt::DoubleSign { what, height: Height(vote.message.height.0), round })
                }
                Known::Nothing | Known::Same(_) => {
                    own.add_vote(vote.clone());
                    Ok(())
                }
            },
            CoreInput::Proposal(proposal) if proposal.message.proposer.0 == self.me => {
                match own.proposal(&proposal.message) {
                    Known::Other(_) => {
                        let (height, round) = (proposal.message.height, proposal.message.round);
                        let round = self.round_of(round)?;
                        Err(Halt::DoubleSign { what: "proposal", height: Height(height.0), round })
                    }
                    Known::Nothing | Known::Same(_) => {
                        own.add_proposal(proposal.clone());
                        Ok(())
                    }
                }
            }
            _ => Ok(()),
        }
    }

    fn finalize(
        &mut self,
        certificate: &CommitCertificate,
        evidence: &MisbehaviorEvidence<BftContext>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Halt> {
        let height = Height(certificate.height.0);
        self.accuse(evidence, effects);
        let certificate = self.certificate(height, certificate)?;
        self.work_at(height)?.decided = true;
        self.emit(Effect::Commit { height, header_hash: certificate.header_hash, certificate }, effects);
        Ok(())
    }

    /// The certificate in our form: every signature valid and by a validator of the height, in set order.
    fn certificate(&mut self, height: Height, certificate: &CommitCertificate) -> Result<FinalityCertificate, Halt> {
        let round = self.round_of(certificate.round)?;
        let set = self.work_at(height)?.set.clone();
        if let Err(error) = self.signatures.commit(certificate, &set) {
            return Err(self.core_halt(format!("its certificate does not verify: {error}")));
        }
        let mut signed: Vec<(usize, Signature)> = certificate
            .commit_signatures
            .iter()
            .filter_map(|entry| Some((set.position(&entry.address.0)?, entry.signature)))
            .collect();
        signed.sort_unstable_by_key(|(position, _)| *position);
        let signers = SignerBitmap::new(self.work_at(height)?.validators.len(), signed.iter().map(|(place, _)| *place));
        let signatures = signed.into_iter().map(|(_, signature)| signature).collect();
        let Ok(signatures) = Bounded::new(signatures) else {
            return Err(self.core_halt("its certificate has more signatures than a set has validators".to_owned()));
        };
        let (kind, chain) = (self.config.kind, self.config.chain);
        Ok(FinalityCertificate { kind, chain, height, round, header_hash: certificate.value_id.0, signers, signatures })
    }
}
