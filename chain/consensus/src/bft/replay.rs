//! How a height begins: afresh, or with the log of the process that died in it.
//!
//! The log's entries are fed in order, nothing between them. What the core then wants to send is held back, a last
//! barrier is asked for, and only when that is durable the rest leaves: sends, timers, and a block to build, if the
//! core still waits for one and the log names none.

use super::context::{self, BftContext, CoreInput, CoreState, CoreValidatorSet, Member};
use super::encoding::{self, Message};
use super::own::OwnMessages;
use super::routine::Machine;
use super::{BftConsensus, Phase, Work, ahead};
use crate::port::{Effect, Event, Halt, HeightSettings};
use arc_malachitebft_core_consensus::Params;
use arc_malachitebft_core_types::{ValuePayload, VoteExtensionPolicy};
use ledger_protocol::{Height, Round};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

impl BftConsensus {
    pub(super) fn start(
        &mut self,
        settings: HeightSettings,
        replay: Vec<Vec<u8>>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Halt> {
        #[cfg(feature = "planted-bugs")]
        let replay = if planted::is(planted::Plant::LogForgotten) { Vec::new() } else { replay };
        let HeightSettings { height, validators, proposer_order, signs, forgot } = settings;
        if let Some(before) = self.height().filter(|before| *before >= height) {
            return Err(Halt::Core { height, reason: format!("told to begin this height after height {before}") });
        }
        let set =
            CoreValidatorSet::new(&validators, &proposer_order).map_err(|reason| Halt::Core { height, reason })?;
        effects.extend(self.timers.cancel_all().into_iter().map(Effect::CancelTimer));
        self.signatures.begin(height);
        self.ahead.begin(height);

        let mut own = OwnMessages::default();
        let mut entries = VecDeque::with_capacity(replay.len() + 1);
        let (mut is_silent, mut is_shown, mut shown) = (false, false, BTreeSet::new());
        for (number, bytes) in replay.iter().enumerate() {
            if *bytes == encoding::silence() || *bytes == encoding::shown() {
                is_silent |= *bytes == encoding::silence();
                is_shown = *bytes == encoding::shown();
                continue;
            }
            if std::mem::take(&mut is_shown) {
                shown.insert(entries.len());
            }
            let Some(input) = encoding::decode_entry(height, bytes) else {
                return Err(Halt::Replay { height, reason: format!("entry {number} is no input of this height") });
            };
            self.note_own(&mut own, &input)?;
            entries.push_back(input);
        }
        let mut state = match std::mem::replace(&mut self.machine, Machine::Absent) {
            Machine::Idle(state) => state,
            Machine::Absent | Machine::Parked { .. } => self.new_state(height, &set),
        };
        // Read by the core at every vote and proposal; without it, it neither signs nor asks for a block.
        state.params.enabled = signs && !is_silent;
        self.work = Some(Work {
            height,
            validators,
            set: set.clone(),
            own,
            own_values: BTreeMap::new(),
            judged: BTreeSet::new(),
            decided: false,
            forgot: forgot || is_silent || !shown.is_empty(),
        });
        // The flag must be false: true would drop what the core kept for this height.
        let start = CoreInput::StartHeight(height.into(), set, false, None, VoteExtensionPolicy::Disabled);
        if entries.is_empty() {
            self.machine = Machine::Idle(state);
            return self.run(start, effects);
        }
        // What we were shown is not what the core derives.
        let derived = entries.iter().enumerate().filter(|(place, _)| !shown.contains(place));
        state.index_wal_entries(derived.map(|(_, entry)| entry));
        self.machine = Machine::Idle(state);
        entries.push_front(start);
        let logged = replay.into_iter().collect();
        self.phase = Phase::Replaying { left: entries, logged, held: Vec::new(), build: None };
        Ok(())
    }

    fn new_state(&self, height: Height, set: &CoreValidatorSet) -> Box<CoreState> {
        let params = Params {
            address: Member(self.me),
            threshold_params: Default::default(),
            value_payload: ValuePayload::ProposalAndParts,
            enabled: true,
        };
        #[cfg(feature = "planted-bugs")]
        let params = super::planted_bugs::thresholds(params);
        let heights = usize::try_from(ahead::HEIGHTS_AHEAD).unwrap_or(usize::MAX);
        Box::new(CoreState::new(BftContext, height.into(), set.clone(), params, heights, ahead::PER_HEIGHT))
    }

    /// The log is fed: from here on the core derives nothing from it, and what it wanted to send waits for a last
    /// barrier, because entries read back after a crash of the process alone may not be on the disk yet.
    pub(super) fn end_replay(&mut self, effects: &mut Vec<Effect>) {
        if let Machine::Idle(state) = &mut self.machine {
            state.reset_entries_index();
        }
        if let Phase::Replaying { held, build, .. } = std::mem::replace(&mut self.phase, Phase::Live) {
            let barrier = self.barrier(effects);
            self.phase = Phase::Releasing { barrier, held, build };
        }
    }

    pub(super) fn release(&mut self, held: Vec<Effect>, build: Option<Round>, effects: &mut Vec<Effect>) {
        let (Some(work), Machine::Idle(state)) = (&self.work, &self.machine) else { return };
        let mut proposed = BTreeSet::new();
        for effect in held {
            let leaves = match &effect {
                Effect::SetTimer { id, .. } => self.timers.runs(*id),
                // What was set in replay and cancelled again was never seen outside.
                Effect::CancelTimer(_) => false,
                Effect::NeedBlock { header_hash, .. } => !work.decided && !work.has_verdict(header_hash),
                Effect::SendBlock { round, .. } => {
                    proposed.insert(*round);
                    true
                }
                _ => true,
            };
            if leaves {
                effects.push(effect);
            }
        }
        let Some(round) = context::our_round(state.round()).filter(|_| !work.decided) else { return };
        // Replay takes a fresh proposal of our own for a proposal received and does not send it again.
        let own = work.own.proposal_of(round.0).filter(|_| state.params.enabled && !proposed.contains(&round));
        if let Some(own) = own {
            let valid_round = context::our_round(own.message.valid_round);
            let header_hash = own.message.value.0;
            effects.push(Effect::SendBlock { height: work.height, round, valid_round, header_hash });
            effects.extend(Message::Proposal(own.clone()).encode().map(|bytes| Effect::Broadcast { bytes }));
        }
        if build == Some(round) && state.driver.step_is_propose() {
            match work.own_values.get(&round.0) {
                Some(header_hash) => {
                    let (height, header_hash) = (work.height, *header_hash);
                    self.waiting.push_front(Event::Built { height, round, header_hash });
                }
                None => effects.push(Effect::Build { height: work.height, round }),
            }
        }
    }
}
