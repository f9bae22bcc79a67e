//! The relay's StateMachine: one block, section by section (R1).

use crate::coordinator::{self, RelayFacts, Released};
use crate::evidence::{self, Judgement};
use crate::registry;
use chain_interchain::{
    admit_advance, admit_evidence, admit_handoff, close_block, consume_advance, consume_handoff, has_backlog,
    learn_acknowledgement, own_header, postpone, remember_parent, remove_waiting, waiting_after, waiting_count,
};
use chain_ledger::{SystemOperations, execute_input, motions, settle_block_end};
use chain_state::{
    Admission, BlockFacts, BlockState, ExecuteError, Execution, GenesisState, Refusal, StateMachine, StoreFault,
    StoreReader,
};
use ledger_protocol::chain::{ChainRole, Genesis, Input};
use ledger_protocol::codec::{Bounded, encode};
use ledger_protocol::interchain::Advance;
use ledger_protocol::transaction::{IndexRange, Operation, Receipt};
use ledger_protocol::{Address, ChainId, Code, Hash};

/// The relay chain's rules. Stateless: everything is in the store.
#[derive(Debug, Clone, Copy, Default)]
pub struct RelayMachine;

impl RelayFacts {
    fn of(facts: &BlockFacts) -> Self {
        Self { relay: facts.chain, height: facts.height, timestamp_ms: facts.timestamp_ms }
    }
}

impl StateMachine for RelayMachine {
    fn genesis(&self, genesis: &Genesis) -> Result<GenesisState, Refusal> {
        let refuse = |code: Code, reason: String| Refusal { code, reason };
        if !matches!(genesis.role, ChainRole::Relay { .. }) {
            return Err(refuse(Code::BAD_ARGUMENT, "this genesis is a subchain's, not a relay's".into()));
        }
        let empty = chain_state::MemoryStore::default();
        let mut state = BlockState::open(&empty, genesis.suite, ledger_protocol::Height::ZERO)
            .map_err(|fault| refuse(Code::BAD_ARGUMENT, fault.to_string()))?;
        chain_ledger::genesis::execute(&mut state, genesis)
            .map_err(|error| refuse(Code::BAD_ARGUMENT, error.to_string()))?;
        let delta = state.finish().map_err(|fault| refuse(Code::BAD_ARGUMENT, fault.to_string()))?;
        Ok(GenesisState { delta })
    }

    fn admit(&self, reader: &dyn StoreReader, facts: &BlockFacts, input: &Input) -> Result<Admission, ExecuteError> {
        let state = BlockState::open(reader, facts.chain.suite, facts.height)?;
        match input {
            Input::Evidence(evidence) => {
                let chain = evidence.chain();
                if registry::is_lost(&state, chain)? {
                    return Err(ExecuteError::invalid(
                        0,
                        Code::KNOWN,
                        "the accused chain is not registered, or frozen already",
                    ));
                }
                evidence::judge(&state, &facts.chain, evidence)?.map_err(|refusal| at(0, refusal))?;
                let known = evidence::known_on_source(&state, chain)?;
                let admitted = admit_evidence(&state, &facts.chain, evidence, known)?;
                admitted.map(|(admission, _)| admission).map_err(|refusal| at(0, refusal))
            }
            Input::Handoff(handoff) => {
                self.require_open(&state, 0, &handoff.source)?;
                admit_handoff(&state, handoff)?.map_err(|refusal| at(0, refusal))
            }
            Input::Advance(advance) => {
                self.require_open(&state, 0, &advance.source)?;
                let step = empty_step_ms(&state, &advance.source)?;
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
        let relay = RelayFacts::of(facts);
        let mut state = BlockState::open(reader, facts.chain.suite, facts.height)?;
        let mut released = Released::default();

        // Section 1: due work, timeouts first.
        // Messages that a full block postponed were ordered before this block: a vote among them that came by the
        // deadline counts (A3), so they are worked off before the timeouts.
        remember_parent(&mut state, facts.parent)?;
        work_off_waiting(&mut state, facts, &relay, &mut released)?;
        coordinator::fire_timeouts(&mut state, &relay)?;
        // Pruned before others end, so that everybody can see a rejection for a block at least.
        coordinator::prune_finished(&mut state, &relay)?;
        coordinator::prune_lost(&mut state, &relay)?;
        coordinator::expire_queued(&mut state, &relay, &mut released)?;
        coordinator::mark_overdue(&mut state, &relay)?;
        coordinator::limits::review(&mut state, &relay, &mut released)?;
        coordinator::expire_remembered_cancels(&mut state, &relay)?;
        motions::expire(&mut state, facts.height)?;
        registry::end_pauses(&mut state, &relay, &mut released)?;

        // Sections 2 to 4, in the order that the engine has checked.
        let mut receipts = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            receipts.push(self.input(&mut state, facts, &relay, index, input, &mut released)?);
        }

        #[cfg(feature = "planted-bugs")]
        coordinator::fire_behind_votes(&mut state, &relay)?;
        coordinator::judge_early(&mut state, &relay, &mut released)?;

        // Section 5: admission and scope release, then what leaves the chain.
        coordinator::reject_unfit(&mut state, &relay, &mut released)?;
        coordinator::start_ready(&mut state, &relay, &mut released)?;
        let (next_validators, next_parameters) = settle_block_end(&mut state, facts)?;
        let peers = registry::peers(&state)?;
        let outbox = close_block(&mut state, &facts.chain, &peers)?;
        let has_open_proposals = coordinator::has_open_proposals(&state)?;
        #[cfg(feature = "planted-bugs")]
        let has_open_proposals = has_open_proposals && !planted::is(planted::Plant::OpenDeadlineAtRest);
        let mut has_due_work =
            has_open_proposals || coordinator::limits::is_barred(&state)? || has_backlog(&state, &peers)?;
        for peer in &peers {
            has_due_work |= waiting_count(&state, peer)? > 0 && registry::accepts_messages_of(&state, peer)?;
        }
        let delta = state.finish()?;
        Ok(Execution { receipts, delta, outbox, next_validators, next_parameters, has_due_work })
    }
}

fn at(index: usize, refusal: Refusal) -> ExecuteError {
    ExecuteError::Invalid { index, refusal }
}

/// An Advance without a list is valid only a full step after the trusted header: half of the chain's T_stale (R9).
fn empty_step_ms(state: &BlockState<'_>, chain: &ChainId) -> Result<u64, StoreFault> {
    let heartbeat = registry::chain(state, chain)?.map_or(0, |record| u64::from(record.heartbeat_ms));
    Ok(coordinator::STALE_HEARTBEATS.saturating_mul(heartbeat).max(coordinator::STALE_FLOOR_MS) / 2)
}

/// Messages that a full block postponed come before anything newer of their lane.
fn work_off_waiting(
    state: &mut BlockState<'_>,
    facts: &BlockFacts,
    relay: &RelayFacts,
    released: &mut Released,
) -> Result<(), StoreFault> {
    for peer in registry::peers(state)? {
        while let Some(message) = waiting_after(state, &peer, None, 1)?.into_iter().next() {
            // What waits of a frozen chain stays: after the freeze it goes on where it stopped.
            if !registry::accepts_messages_of(state, &peer)? {
                break;
            }
            if is_full(state, facts) {
                return Ok(());
            }
            coordinator::handle(state, relay, &message, released)?;
            remove_waiting(state, &peer, message.sequence)?;
        }
    }
    Ok(())
}

/// Whether messages of this block have used their quarter of the changes.
fn is_full(state: &BlockState<'_>, facts: &BlockFacts) -> bool {
    state.counts().0 >= facts.parameters.max_block_changes as usize / 2
}

impl RelayMachine {
    fn require_open(&self, state: &BlockState<'_>, index: usize, chain: &ChainId) -> Result<(), ExecuteError> {
        if registry::accepts_messages_of(state, chain)? {
            Ok(())
        } else {
            Err(ExecuteError::invalid(
                index,
                Code::CHAIN_NOT_ACTIVE,
                format!("chain {chain} is not registered, frozen or retired"),
            ))
        }
    }

    fn input(
        &self,
        state: &mut BlockState<'_>,
        facts: &BlockFacts,
        relay: &RelayFacts,
        index: usize,
        input: &Input,
        released: &mut Released,
    ) -> Result<Receipt, ExecuteError> {
        let before = state.counts();
        let hash = input.hash(facts.chain.suite);
        let codes = match input {
            Input::Transaction(transaction) => {
                let mut operations = RelayOperations { facts: relay, released };
                return execute_input(state, facts, index, transaction, &mut operations);
            }
            Input::Evidence(evidence) => {
                let accused = *evidence.chain();
                if registry::is_lost(state, &accused)? {
                    return Err(ExecuteError::invalid(
                        index,
                        Code::KNOWN,
                        "the accused chain is frozen already or not registered",
                    ));
                }
                match evidence::judge(state, &relay.relay, evidence)?.map_err(|refusal| at(index, refusal))? {
                    Judgement::Freeze => registry::freeze(state, relay, &accused, released)?,
                    Judgement::Suspect => registry::set_suspect(state, &accused, true)?,
                }
                vec![Code::OK]
            }
            Input::Handoff(handoff) => {
                self.require_open(state, index, &handoff.source)?;
                let next = consume_handoff(state, handoff)?.map_err(|refusal| at(index, refusal))?;
                registry::judge_control(state, &handoff.source, &next.next_validators)?;
                vec![Code::OK]
            }
            Input::Advance(advance) => self.advance(state, facts, relay, index, advance, released)?,
        };
        let after = state.counts();
        Ok(Receipt {
            input: hash,
            codes: Bounded::new(codes)
                .map_err(|_| ExecuteError::invalid(index, Code::TOO_LARGE, "too many messages"))?,
            fuel: 0,
            changes: u32::try_from(after.0.saturating_sub(before.0)).unwrap_or(u32::MAX),
            events: IndexRange { first: u32::try_from(before.1).unwrap_or(u32::MAX), count: 0 },
            result_hash: Hash::ZERO,
        })
    }

    fn advance(
        &self,
        state: &mut BlockState<'_>,
        facts: &BlockFacts,
        relay: &RelayFacts,
        index: usize,
        advance: &Advance,
        released: &mut Released,
    ) -> Result<Vec<Code>, ExecuteError> {
        let source = advance.source;
        self.require_open(state, index, &source)?;
        let step = empty_step_ms(state, &source)?;
        let consumed = consume_advance(state, facts, &facts.chain, advance, step)?.map_err(|it| at(index, it))?;
        let mut codes = vec![Code::OK];
        codes.extend(consumed.postponed.iter().map(|_| Code::POSTPONED));
        for message in &consumed.messages {
            // A message before it may have frozen the chain: what follows waits until the chain is back.
            let must_wait = waiting_count(state, &source)? > 0
                || is_full(state, facts)
                || !registry::accepts_messages_of(state, &source)?;
            codes.push(if must_wait {
                postpone(state, message)?;
                Code::POSTPONED
            } else {
                coordinator::handle(state, relay, message, released)?
            });
        }
        // After its messages: what they close or decide needs not be sent again.
        let follows = consumed.leaf.follows;
        let standing = own_header(state, follows.height_on_peer, &follows.header_hash_on_peer.hash)?;
        registry::learn(state, relay, &source, &consumed.leaf, standing)?;
        // A leaf that follows no header of this chain acknowledges nothing.
        let _unjudged = learn_acknowledgement(state, &source, &consumed.leaf, standing)?;
        Ok(codes)
    }
}

/// What only a relay offers: proposals and motions about chains.
struct RelayOperations<'r> {
    facts: &'r RelayFacts,
    released: &'r mut Released,
}

impl SystemOperations for RelayOperations<'_> {
    fn operation(
        &mut self,
        state: &mut BlockState<'_>,
        authors: &[Address],
        operation: &Operation,
    ) -> Result<Result<Vec<u8>, Code>, StoreFault> {
        let done = |code: Code| Ok(if code.is_ok() { Ok(Vec::new()) } else { Err(code) });
        match operation {
            Operation::SubmitProposal(submit) => {
                let code = coordinator::submit(state, self.facts, submit, self.released)?;
                if code.is_ok() { Ok(Ok(encode(&submit.body.id()))) } else { Ok(Err(code)) }
            }
            Operation::CancelProposal(cancel) => {
                done(coordinator::cancel(state, self.facts, authors, cancel, self.released)?)
            }
            Operation::ReportLocked(report) => done(coordinator::report_locked(state, self.facts, report)?),
            Operation::ProposeMotion(proposal) => {
                let Some(members) = chain_ledger::members::members(state)? else { return Ok(Err(Code::DENIED)) };
                answer(motions::propose(state, self.facts.height, &members, authors, proposal))
                    .map(|it| it.map(|id| encode(&id)))
            }
            Operation::VoteMotion(vote) => {
                let Some(members) = chain_ledger::members::members(state)? else { return Ok(Err(Code::DENIED)) };
                let passed = match answer(motions::vote(state, self.facts.height, &members, authors, vote))? {
                    Ok(passed) => passed,
                    Err(code) => return Ok(Err(code)),
                };
                if let Some(motion) = passed {
                    state.begin();
                    match registry::carry_out(state, self.facts, &motion, self.released)? {
                        Ok(()) => state.accept(),
                        Err(code) => {
                            state.discard();
                            motions::mark_failed(state, &vote.motion, code)?;
                        }
                    }
                }
                Ok(Ok(Vec::new()))
            }
            _ => Ok(Err(Code::UNSUPPORTED)),
        }
    }
}

fn answer<T>(result: Result<T, chain_ledger::LedgerError>) -> Result<Result<T, Code>, StoreFault> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(chain_ledger::LedgerError::Refused(denial)) => Ok(Err(denial.code)),
        Err(chain_ledger::LedgerError::Fault(fault)) => Err(fault),
    }
}
