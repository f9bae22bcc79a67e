//! The subchain's StateMachine: one block, section by section.

use crate::anchor;
use crate::participant::{self, Handled, ParticipantFacts, Standing};
use chain_interchain::{
    Acknowledgement, AcknowledgementAlarm, acknowledged, admit_advance, admit_handoff, close_block, consume_advance,
    consume_handoff, has_backlog, learn_acknowledgement, own_header, postpone, remember_parent, remove_waiting,
    waiting_after, waiting_count,
};
use chain_ledger::{LedgerFacts, SystemOperations, execute_input, motions, settle_block_end};
use chain_state::{
    Admission, BlockFacts, BlockState, ExecuteError, Execution, GenesisState, MemoryStore, Refusal, StateMachine,
    StoreFault, StoreReader,
};
use ledger_protocol::chain::{ChainRole, Genesis, Input};
use ledger_protocol::codec::{Bounded, encode};
use ledger_protocol::interchain::{Advance, Message, Motion};
use ledger_protocol::transaction::{IndexRange, Operation, Receipt, SigningRule};
use ledger_protocol::{Address, ChainId, Code, Hash, Height};

/// A subchain's rules. Stateless: everything is in the store.
#[derive(Debug, Clone, Copy, Default)]
pub struct SubchainMachine;

fn at(index: usize, refusal: Refusal) -> ExecuteError {
    ExecuteError::Invalid { index, refusal }
}

/// The relay that this chain's genesis names; there is no chain without one.
fn relay(state: &BlockState<'_>) -> Result<ChainId, StoreFault> {
    anchor::relay_of(state)?.ok_or_else(|| StoreFault("the subchain's relay is not in the store".into()))
}

impl StateMachine for SubchainMachine {
    fn genesis(&self, genesis: &Genesis) -> Result<GenesisState, Refusal> {
        let refuse = |code: Code, reason: String| Refusal { code, reason };
        let fault = |fault: StoreFault| refuse(Code::BAD_ARGUMENT, fault.to_string());
        let ChainRole::Subchain { anchor } = &genesis.role else {
            return Err(refuse(Code::BAD_ARGUMENT, "this genesis is a relay's, not a subchain's".into()));
        };
        let empty = MemoryStore::default();
        let mut state = BlockState::open(&empty, genesis.suite, Height::ZERO).map_err(fault)?;
        chain_ledger::genesis::execute(&mut state, genesis)
            .map_err(|error| refuse(Code::BAD_ARGUMENT, error.to_string()))?;
        anchor::open(&mut state, anchor)
            .map_err(fault)?
            .map_err(|code| refuse(code, "the relay anchor is not consistent".into()))?;
        let delta = state.finish().map_err(fault)?;
        Ok(GenesisState { delta })
    }

    fn admit(&self, reader: &dyn StoreReader, facts: &BlockFacts, input: &Input) -> Result<Admission, ExecuteError> {
        let state = BlockState::open(reader, facts.chain.suite, facts.height)?;
        match input {
            Input::Evidence(_) => Err(ExecuteError::invalid(0, Code::UNSUPPORTED, "evidence goes to the relay")),
            Input::Handoff(handoff) => {
                self.require_relay(&state, 0, &handoff.source)?;
                admit_handoff(&state, handoff)?.map_err(|refusal| at(0, refusal))
            }
            Input::Advance(advance) => {
                self.require_relay(&state, 0, &advance.source)?;
                let step = empty_step_ms(facts);
                admit_advance(&state, facts, &facts.chain, advance, step)?.map_err(|refusal| at(0, refusal))
            }
            Input::Transaction(transaction) => chain_ledger::admission::admit_transaction(&state, transaction),
        }
    }

    fn execute(
        &self,
        reader: &dyn StoreReader,
        facts: &BlockFacts,
        inputs: &[Input],
    ) -> Result<Execution, ExecuteError> {
        let mut state = BlockState::open(reader, facts.chain.suite, facts.height)?;
        let ledger_facts = LedgerFacts::from(facts);
        let relay = relay(&state)?;
        let changes = usize::try_from(facts.parameters.max_block_changes).unwrap_or(usize::MAX);
        let participant = ParticipantFacts {
            chain: facts.chain,
            relay,
            ledger: &ledger_facts,
            max_leg_changes: changes / 4,
            max_block_changes: changes / 2,
        };

        // Section 1: what a full block postponed, in order; NOTIFY legs that waited at locks; motions out of time.
        remember_parent(&mut state, facts.parent)?;
        motions::expire(&mut state, facts.height)?;
        work_off_waiting(&mut state, &participant)?;
        participant::resume_waiting(&mut state, &participant)?;
        #[cfg(feature = "planted-bugs")]
        participant::release_by_own_clock(&mut state, &participant, facts.height)?;

        // Sections 2 to 4. Decisions apply before local transactions, because Advances come before them.
        let mut receipts = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            receipts.push(self.input(&mut state, facts, &participant, index, input)?);
        }

        // Section 5.
        let received_on_relay = acknowledged(&state, &relay)?;
        participant::prune_acknowledged(&mut state, &relay, received_on_relay)?;
        let (next_validators, next_parameters) = settle_block_end(&mut state, facts)?;
        let outbox = close_block(&mut state, &facts.chain, &[relay])?;
        let takes_part = participant::standing(&state)? == Standing::TakesPart;
        let has_due_work = (takes_part && waiting_count(&state, &relay)? > 0) || has_backlog(&state, &[relay])?;
        let delta = state.finish()?;
        Ok(Execution { receipts, delta, outbox, next_validators, next_parameters, has_due_work })
    }
}

/// An Advance without a list is valid only a full step after the trusted header: this chain's own heartbeat (R9).
fn empty_step_ms(facts: &BlockFacts) -> u64 {
    u64::from(facts.parameters.heartbeat_ms)
}

/// Messages that a full block postponed come before anything newer of their lane.
fn work_off_waiting(state: &mut BlockState<'_>, facts: &ParticipantFacts<'_>) -> Result<(), StoreFault> {
    while let Some(message) = waiting_after(state, &facts.relay, None, 1)?.into_iter().next() {
        if participant::handle(state, facts, &message)? == Handled::Postponed {
            return Ok(());
        }
        remove_waiting(state, &facts.relay, message.sequence)?;
    }
    Ok(())
}

impl SubchainMachine {
    fn require_relay(&self, state: &BlockState<'_>, index: usize, source: &ChainId) -> Result<(), ExecuteError> {
        let relay = relay(state)?;
        if relay == *source {
            Ok(())
        } else {
            Err(ExecuteError::invalid(index, Code::FOREIGN, format!("this chain follows relay {relay}, not {source}")))
        }
    }

    fn input(
        &self,
        state: &mut BlockState<'_>,
        facts: &BlockFacts,
        participant: &ParticipantFacts<'_>,
        index: usize,
        input: &Input,
    ) -> Result<Receipt, ExecuteError> {
        let before = state.counts();
        let codes = match input {
            Input::Transaction(transaction) => {
                let mut operations = SubchainOperations { height: facts.height };
                return execute_input(state, facts, index, transaction, &mut operations);
            }
            Input::Evidence(_) => {
                return Err(ExecuteError::invalid(index, Code::UNSUPPORTED, "evidence goes to the relay"));
            }
            Input::Handoff(handoff) => {
                self.require_relay(state, index, &handoff.source)?;
                consume_handoff(state, handoff)?.map_err(|refusal| at(index, refusal))?;
                vec![Code::OK]
            }
            Input::Advance(advance) => self.advance(state, facts, participant, index, advance)?,
        };
        let after = state.counts();
        Ok(Receipt {
            input: input.hash(facts.chain.suite),
            codes: Bounded::new(codes)
                .map_err(|_| ExecuteError::invalid(index, Code::TOO_LARGE, "too many messages"))?,
            fuel: 0,
            changes: u32::try_from(after.0.saturating_sub(before.0)).unwrap_or(u32::MAX),
            events: IndexRange {
                first: u32::try_from(before.1).unwrap_or(u32::MAX),
                count: u32::try_from(after.1.saturating_sub(before.1)).unwrap_or(u32::MAX),
            },
            result_hash: Hash::ZERO,
        })
    }

    /// The client moves to the head first: deadlines are judged by the highest relay height ever known here.
    fn advance(
        &self,
        state: &mut BlockState<'_>,
        facts: &BlockFacts,
        participant: &ParticipantFacts<'_>,
        index: usize,
        advance: &Advance,
    ) -> Result<Vec<Code>, ExecuteError> {
        self.require_relay(state, index, &advance.source)?;
        let step = empty_step_ms(facts);
        let consumed = consume_advance(state, facts, &facts.chain, advance, step)?.map_err(|it| at(index, it))?;
        let follows = consumed.leaf.follows;
        let standing = own_header(state, follows.height_on_peer, &follows.header_hash_on_peer.hash)?;
        if let Acknowledgement::Alarm(alarm) =
            learn_acknowledgement(state, &participant.relay, &consumed.leaf, standing)?
        {
            // Prunes nothing (S8); kept for people to see.
            participant::alarm_acknowledgement(state, &alarm)?;
            if let AcknowledgementAlarm::ForeignHeader(_) = alarm {
                participant::hear_of_branch(state, &consumed.leaf)?;
            }
        }
        participant::hear_of_reanchors(state, &consumed.leaf)?;
        let mut codes = vec![Code::OK];
        codes.extend(consumed.postponed.iter().map(|_| Code::POSTPONED));
        for message in &consumed.messages {
            codes.push(self.message(state, participant, message)?);
        }
        Ok(codes)
    }

    fn message(
        &self,
        state: &mut BlockState<'_>,
        participant: &ParticipantFacts<'_>,
        message: &Message,
    ) -> Result<Code, StoreFault> {
        if waiting_count(state, &participant.relay)? == 0 {
            match participant::handle(state, participant, message)? {
                Handled::Done(code) => return Ok(code),
                Handled::Aside => return Ok(Code::POSTPONED),
                Handled::Postponed => {}
            }
        }
        postpone(state, message)?;
        Ok(Code::POSTPONED)
    }
}

/// What only a subchain offers: its relay anchor, and motions of its own governors about itself.
struct SubchainOperations {
    height: Height,
}

impl SystemOperations for SubchainOperations {
    fn operation(
        &mut self,
        state: &mut BlockState<'_>,
        authors: &[Address],
        operation: &Operation,
    ) -> Result<Result<Vec<u8>, Code>, StoreFault> {
        match operation {
            Operation::SetRelayAnchor(anchor) => Ok(anchor::set(state, anchor)?.map(|()| Vec::new())),
            Operation::ProposeMotion(proposal) => {
                if !matches!(proposal.motion, Motion::SetParameters(_) | Motion::SetValidators(_)) {
                    return Ok(Err(Code::UNSUPPORTED));
                }
                let governors = match answer(motions::governors(state, SigningRule::Majority))? {
                    Ok(governors) => governors,
                    Err(code) => return Ok(Err(code)),
                };
                Ok(answer(motions::propose(state, self.height, &governors, authors, proposal))?.map(|id| encode(&id)))
            }
            Operation::VoteMotion(vote) => {
                let governors = match answer(motions::governors(state, SigningRule::Majority))? {
                    Ok(governors) => governors,
                    Err(code) => return Ok(Err(code)),
                };
                let passed = match answer(motions::vote(state, self.height, &governors, authors, vote))? {
                    Ok(passed) => passed,
                    Err(code) => return Ok(Err(code)),
                };
                if let Some(motion) = passed {
                    self.carry_out(state, &vote.motion, &motion)?;
                }
                Ok(Ok(Vec::new()))
            }
            _ => Ok(Err(Code::UNSUPPORTED)),
        }
    }
}

impl SubchainOperations {
    /// Carries out what the governors decided, in a layer of its own: a failure is noted, the vote stays.
    fn carry_out(&self, state: &mut BlockState<'_>, id: &Hash, motion: &Motion) -> Result<(), StoreFault> {
        state.begin();
        let done = match motion {
            Motion::SetParameters(change) => answer(chain_ledger::schedule_parameters(state, self.height, change))?,
            Motion::SetValidators(change) => answer(chain_ledger::schedule_validators(state, self.height, change))?,
            _ => Err(Code::UNSUPPORTED),
        };
        match done {
            Ok(()) => state.accept(),
            Err(code) => {
                state.discard();
                motions::mark_failed(state, id, code)?;
            }
        }
        Ok(())
    }
}

fn answer<T>(result: Result<T, chain_ledger::LedgerError>) -> Result<Result<T, Code>, StoreFault> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(chain_ledger::LedgerError::Refused(denial)) => Ok(Err(denial.code)),
        Err(chain_ledger::LedgerError::Fault(fault)) => Err(fault),
    }
}
