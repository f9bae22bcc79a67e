//! Byzantine fault tolerant consensus: Tendermint by the Malachite core, behind the [`Consensus`] port.
//!
//! The core decides; this module makes it safe to crash at any moment (docs/adr/0003):
//! - **Nothing signed is ever ahead of the log.** At a signature the core is parked: a second, different message for
//!   one (height, round, type) is refused, the message is signed in memory and appended, and the core goes on with it
//!   only when [`Event::Persisted`] says that it is durable, and with it everything it was derived from.
//! - **Replay** feeds the entries of the log, in order and nothing between them. What the core then wants to send,
//!   build or commit is held back until replay has ended and a last barrier is durable.
//! - **A value asked for again is answered with the logged one**, never with another.
//!
//! Events that come while the core is parked or replays wait in a queue. Messages beyond [`WAITING_MESSAGES`] are
//! dropped and counted; everything else is kept: the host owes itself the bound of what it was asked for.
//!
//! One validator alone (n = 1) needs no special case. A replica whose key is not in the set follows without voting.
//! The core reads the machine's clock once per height and never uses it, because no target time is set.
//!
//! Errors: [`Halt`]. After one, every further event is answered with the same halt.

mod accuse;
mod ahead;
mod config;
mod context;
mod encoding;
mod forgotten;
mod own;
mod perform;
#[cfg(feature = "planted-bugs")]
mod planted_bugs;
mod replay;
mod routine;
mod timers;
mod verify;

pub use config::{BftConfig, BftTimeouts};

use crate::port::{BarrierId, Consensus, Effect, Event, Halt, VoteSigner};
use ahead::Ahead;
use arc_malachitebft_core_consensus::{LocallyProposedValue, ProposedValue};
use arc_malachitebft_core_types as core_types;
use context::{BftContext, BlockHash, CoreInput, CoreResume, CoreValidatorSet, Member, core_round, core_round_or_nil};
use core_types::{Validity, ValueOrigin};
use encoding::Message;
use ledger_protocol::chain::{CertificateKind, FinalityCertificate, ValidatorSet};
use ledger_protocol::{Address, Hash, Height, Round, TimestampMs};
use own::OwnMessages;
use perform::Next;
use routine::{Machine, Progress, Routine};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use timers::Timers;
use verify::Signatures;

/// Messages that wait while the core is parked or replays.
pub const WAITING_MESSAGES: usize = 4_096;

/// Why an instance cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BftConfigError {
    /// Certificates of this kind promise something else.
    #[error("the BFT engine makes certificates of kind Bft or Dev, not {0:?}")]
    Kind(CertificateKind),
    /// The signing key is of another suite than the chain.
    #[error("the signing key is not of the chain's suite")]
    Suite,
}

/// What is under way at the current height.
struct Work {
    height: Height,
    validators: ValidatorSet,
    set: CoreValidatorSet,
    own: OwnMessages,
    /// What we proposed, or wanted to, by round.
    own_values: BTreeMap<u32, Hash>,
    /// Every verdict that the core has.
    judged: BTreeSet<(Hash, u32, bool)>,
    decided: bool,
    /// Whether we may have signed here before and no longer know of it.
    forgot: bool,
}

impl Work {
    fn has_verdict(&self, header_hash: &Hash) -> bool {
        let first = (*header_hash, 0, false);
        self.judged.range(first..).next().is_some_and(|(judged, _, _)| judged == header_hash)
    }
}

/// Whether effects leave at once.
enum Phase {
    /// They do.
    Live,
    /// The log is being fed; what leaves the replica is held back.
    Replaying {
        left: VecDeque<CoreInput>,
        logged: BTreeSet<Vec<u8>>,
        held: Vec<Effect>,
        /// The last round for which the core asked for a block.
        build: Option<Round>,
    },
    /// The log is fed; held effects leave when this barrier is durable.
    Releasing { barrier: BarrierId, held: Vec<Effect>, build: Option<Round> },
}

/// One replica's consensus by the Malachite core.
pub struct BftConsensus {
    config: BftConfig,
    signer: Box<dyn VoteSigner>,
    me: Address,
    machine: Machine,
    phase: Phase,
    work: Option<Work>,
    signatures: Signatures,
    timers: Timers,
    ahead: Ahead,
    waiting: VecDeque<Event>,
    waiting_messages: usize,
    next_barrier: u64,
    dropped: u64,
    halted: Option<Halt>,
}

impl fmt::Debug for BftConsensus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BftConsensus")
            .field("height", &self.height())
            .field("waiting", &self.waiting.len())
            .field("dropped", &self.dropped)
            .field("halted", &self.halted)
            .finish_non_exhaustive()
    }
}

impl BftConsensus {
    /// An instance that waits for its first [`Event::Start`].
    ///
    /// # Errors
    /// [`BftConfigError`] for a certificate kind or a key that do not belong here.
    pub fn new(config: BftConfig, signer: Box<dyn VoteSigner>) -> Result<Self, BftConfigError> {
        if config.kind == CertificateKind::Cft {
            return Err(BftConfigError::Kind(config.kind));
        }
        let public_key = signer.public_key();
        if public_key.suite() != config.chain.suite {
            return Err(BftConfigError::Suite);
        }
        Ok(Self {
            signatures: Signatures::new(config.chain, config.kind),
            config,
            signer,
            me: public_key.address(),
            machine: Machine::Absent,
            phase: Phase::Live,
            work: None,
            timers: Timers::default(),
            ahead: Ahead::default(),
            waiting: VecDeque::new(),
            waiting_messages: 0,
            next_barrier: 0,
            dropped: 0,
            halted: None,
        })
    }

    /// How many messages were dropped: garbage, bad signatures, too far ahead, or more than could wait.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The height under way.
    pub fn height(&self) -> Option<Height> {
        self.work.as_ref().map(|work| work.height)
    }

    /// The round under way; `None` before the first start and while the core is parked.
    pub fn round(&self) -> Option<Round> {
        match &self.machine {
            Machine::Idle(state) => context::our_round(state.round()),
            Machine::Absent | Machine::Parked { .. } => None,
        }
    }

    fn barrier(&mut self, effects: &mut Vec<Effect>) -> BarrierId {
        let id = BarrierId(self.next_barrier);
        self.next_barrier += 1;
        effects.push(Effect::Barrier(id));
        id
    }

    fn take(&mut self, event: Event, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        if let Event::Persisted(id) = event {
            return self.persisted(id, effects);
        }
        let busy = matches!(self.machine, Machine::Parked { .. }) || !matches!(self.phase, Phase::Live);
        if !busy {
            return self.handle(event, effects);
        }
        if matches!(event, Event::Message { .. }) {
            if self.waiting_messages >= WAITING_MESSAGES {
                self.dropped += 1;
                return Ok(());
            }
            self.waiting_messages += 1;
        }
        self.waiting.push_back(event);
        Ok(())
    }

    /// Goes on with whatever can go on: the rest of a replay, then the events that waited.
    fn pump(&mut self, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        loop {
            if matches!(self.machine, Machine::Parked { .. }) {
                return Ok(());
            }
            match &mut self.phase {
                Phase::Releasing { .. } => return Ok(()),
                Phase::Replaying { left, .. } => match left.pop_front() {
                    Some(input) => self.run(input, effects)?,
                    None => self.end_replay(effects),
                },
                Phase::Live => match self.waiting.pop_front() {
                    Some(event) => {
                        if matches!(event, Event::Message { .. }) {
                            self.waiting_messages = self.waiting_messages.saturating_sub(1);
                        }
                        self.handle(event, effects)?;
                    }
                    None => return Ok(()),
                },
            }
        }
    }

    fn persisted(&mut self, id: BarrierId, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        match std::mem::replace(&mut self.machine, Machine::Absent) {
            Machine::Parked { routine, barrier, answer } if barrier == id => {
                return self.advance(routine, answer, effects);
            }
            machine => self.machine = machine,
        }
        match std::mem::replace(&mut self.phase, Phase::Live) {
            Phase::Releasing { barrier, held, build } if barrier == id => self.release(held, build, effects),
            phase => self.phase = phase,
        }
        Ok(())
    }

    fn handle(&mut self, event: Event, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        match event {
            Event::Start { settings, replay } => self.start(settings, replay, effects),
            Event::Message { bytes } => self.message(&bytes, effects),
            Event::Timer(id) => self.timer(id, effects),
            Event::Built { height, round, header_hash } => self.built(height, round, header_hash, effects),
            Event::Judged { height, round, valid_round, proposer, header_hash, valid } => {
                let value = ProposedValue {
                    height: height.into(),
                    round: core_round(round),
                    valid_round: core_round_or_nil(valid_round),
                    proposer: Member(proposer),
                    value: BlockHash(header_hash),
                    validity: Validity::from_bool(valid),
                };
                self.judged(value, effects)
            }
            Event::Synced { header_hash, certificate } => self.synced(header_hash, certificate, effects),
            Event::Persisted(id) => self.persisted(id, effects),
        }
    }

    fn message(&mut self, bytes: &[u8], effects: &mut Vec<Effect>) -> Result<(), Halt> {
        let Some(work) = &self.work else { return Ok(()) };
        let Some(message) = Message::decode(bytes) else {
            self.dropped += 1;
            return Ok(());
        };
        #[cfg(feature = "planted-bugs")]
        let message = planted_bugs::counted_twice(message, &work.validators, &self.me, &mut self.signatures);
        let height = message.height();
        if height < work.height || (height == work.height && work.decided) {
            return Ok(());
        }
        if let Some(forgotten) = self.forgotten_in(&message) {
            return self.remember(forgotten, message, bytes, effects);
        }
        let Some(work) = &self.work else { return Ok(()) };
        if height > work.height {
            let (set, signatures) = (&work.set, &mut self.signatures);
            let verified = || match &message {
                Message::Vote(vote) => set
                    .public_key(&vote.message.validator.0)
                    .is_some_and(|key| signatures.vote(&vote.message, key, &vote.signature)),
                Message::Proposal(proposal) => set
                    .public_key(&proposal.message.proposer.0)
                    .is_some_and(|key| signatures.proposal(&proposal.message, key, &proposal.signature)),
                Message::Polka(_) | Message::Round(_) => false,
            };
            if !self.ahead.admit(work.height, &message, verified) {
                self.dropped += 1;
                return Ok(());
            }
        }
        self.run(message.into_input(), effects)
    }

    fn timer(&mut self, id: crate::port::TimerId, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        let Some(timeout) = self.timers.fired(id) else { return Ok(()) };
        if self.work.as_ref().is_none_or(|work| work.decided && timers::drives_the_round(timeout)) {
            return Ok(());
        }
        self.run(CoreInput::TimeoutElapsed(timeout), effects)
    }

    fn built(&mut self, height: Height, round: Round, hash: Hash, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        let Some(work) = self.work.as_mut().filter(|work| work.height == height && !work.decided) else {
            return Ok(());
        };
        // The first answer for a round is the only one, also over a restart.
        let value = BlockHash(*work.own_values.entry(round.0).or_insert(hash));
        self.run(CoreInput::Propose(LocallyProposedValue::new(height.into(), core_round(round), value)), effects)
    }

    fn judged(&mut self, value: ProposedValue<BftContext>, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        let Some(work) = &mut self.work else { return Ok(()) };
        let height = Height(value.height.0);
        if height < work.height || (height == work.height && work.decided) {
            return Ok(());
        }
        if height == work.height {
            let (hash, valid) = (value.value.0, value.validity.is_valid());
            if work.judged.contains(&(hash, value.round.as_u32().unwrap_or(0), valid)) {
                return Ok(());
            }
        } else if height.0 > work.height.0.saturating_add(ahead::HEIGHTS_AHEAD) {
            return Ok(());
        }
        self.run(CoreInput::ProposedValue(value, ValueOrigin::Consensus), effects)
    }

    /// A certified block of the current height is committed as it is, without the core.
    ///
    /// Why this is safe: a quorum's valid precommits for one block in one round *are* the decision of Tendermint;
    /// whatever our core would still decide for this height is the same block, as long as less than a third is
    /// faulty. Nothing is signed for the height afterwards: the core gets no further input of it and is moved to the
    /// next one by [`Event::Start`]. If we crash before the commit is durable, the height begins again with its log,
    /// which still holds everything that we signed.
    ///
    /// A verdict "invalid" given before does not stand against it: a block that came too early, too late or in the
    /// wrong round is not voted for, and final all the same. The host tells of a synced block only when it executed
    /// it and found it valid; if it did not, that is the divergence, and only the host can see it.
    fn synced(&mut self, hash: Hash, certificate: FinalityCertificate, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        let Some(work) = self.work.as_mut().filter(|work| work.height == certificate.height && !work.decided) else {
            return Ok(());
        };
        let (chain, kind) = (&self.config.chain, self.config.kind);
        if certificate.verify_hash(chain, work.height, &hash, &work.validators, kind).is_err() {
            self.dropped += 1;
            return Ok(());
        }
        work.decided = true;
        let height = work.height;
        effects.extend(self.timers.cancel_all().into_iter().map(Effect::CancelTimer));
        self.accuse_overtaken(&certificate, effects);
        effects.push(Effect::Commit { height, header_hash: hash, certificate });
        Ok(())
    }

    /// Feeds one input to the core at rest.
    fn run(&mut self, input: CoreInput, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        match std::mem::replace(&mut self.machine, Machine::Absent) {
            Machine::Idle(state) => self.advance(Routine::new(state, input), CoreResume::Start, effects),
            machine => {
                self.machine = machine;
                Err(self.core_halt("an input came while another was under way".to_owned()))
            }
        }
    }

    fn advance(&mut self, mut routine: Routine, first: CoreResume, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        let mut answer = first;
        loop {
            match routine.resume(answer) {
                Progress::Asks(effect) => match self.perform(effect, effects)? {
                    Next::Resume(next) => answer = next,
                    Next::Park(barrier, answer) => {
                        self.machine = Machine::Parked { routine, barrier, answer };
                        return Ok(());
                    }
                },
                Progress::Ended(state, Ok(())) => {
                    self.machine = Machine::Idle(state);
                    return Ok(());
                }
                Progress::Ended(_, Err(error)) => {
                    let reason = error.to_string();
                    return Err(match self.phase {
                        Phase::Replaying { .. } => Halt::Replay { height: self.height().unwrap_or_default(), reason },
                        Phase::Live | Phase::Releasing { .. } => self.core_halt(reason),
                    });
                }
            }
        }
    }

    fn core_halt(&self, reason: String) -> Halt {
        Halt::Core { height: self.height().unwrap_or_default(), reason }
    }
}

impl Consensus for BftConsensus {
    fn on(&mut self, _: TimestampMs, event: Event, effects: &mut Vec<Effect>) -> Result<(), Halt> {
        if let Some(halt) = &self.halted {
            return Err(halt.clone());
        }
        let result = self.take(event, effects).and_then(|()| self.pump(effects));
        if let Err(halt) = &result {
            self.machine = Machine::Absent;
            self.halted = Some(halt.clone());
        }
        result
    }
}

#[cfg(test)]
mod tests;
