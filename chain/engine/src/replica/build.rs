//! Builds a block when it is this replica's turn, by the same execution as everybody.
//!
//! After a commit, what waits in the pool is judged again before a block is built of it: on a chain that makes one block
//! after the other, every Advance that the last one overtook would stop an execution.
//! An input that makes the block invalid nevertheless leaves the pool with a refusal and the build is tried again, at most
//! [`MAX_TRIES`] times; then an empty block is built.

use super::{Effects, Purpose, Replica, Step};
use crate::assemble::{BlockInputs, Executed};
use crate::candidates::Candidate;
use crate::job::Job;
use crate::mempool::Budget;
use crate::port::{Peer, Phase, ReplicaHalt, Token};
use chain_consensus::Event;
use chain_state::{ExecuteError, Refusal};
use ledger_protocol::chain::Input;
use ledger_protocol::codec::Bounded;
use ledger_protocol::{Hash, Height, Round};
use std::sync::Arc;

/// Builds of one block with inputs before it is built without any.
const MAX_TRIES: u32 = 16;

/// A block that is being built.
#[derive(Debug)]
pub(super) struct Build {
    round: Round,
    tries: u32,
    token: Token,
    inputs: Arc<BlockInputs>,
    hashes: Vec<Hash>,
}

impl Replica {
    pub(super) fn start_build(&mut self, height: Height, round: Round, effects: &mut Effects) -> Step {
        if height != self.next_height() {
            return Ok(());
        }
        // What the log names for this round is proposed again and nothing else.
        if let Some(header_hash) = self.candidates.built(height, round) {
            return self.tell(Event::Built { height, round, header_hash }, effects);
        }
        // A validator that lost its disk no longer knows what it proposed here.
        if self.is_final_elsewhere(height) {
            return Ok(());
        }
        if self.is_readmitting() {
            self.build_after_readmission = Some((height, round));
            return Ok(());
        }
        self.try_build(round, 0, effects)
    }

    fn is_readmitting(&self) -> bool {
        self.jobs.values().any(|purpose| matches!(purpose, Purpose::Readmit(_)))
    }

    /// What waits in the pool has been judged again: the build that waited for it begins.
    pub(super) fn build_if_readmitted(&mut self, effects: &mut Effects) -> Step {
        if self.is_readmitting() {
            return Ok(());
        }
        let Some((height, round)) = self.build_after_readmission.take() else { return Ok(()) };
        self.start_build(height, round, effects)
    }

    /// Whether validators with more than a third of the power say that they have this height: one of them is honest, so
    /// it is decided and block sync brings it.
    fn is_final_elsewhere(&self, height: Height) -> bool {
        let set = &self.tip.next_validators;
        let has = |peer: &Peer| self.sync.peers.get(peer).is_some_and(|state| state.height >= height);
        let ahead = set.validators().iter().filter(|validator| has(&Peer(validator.network_key_hash)));
        let power: u64 = ahead.map(|validator| validator.power).sum();
        power.saturating_mul(3) > set.total_power()
    }

    fn try_build(&mut self, round: Round, tries: u32, effects: &mut Effects) -> Step {
        let facts = self.expected_facts();
        let chosen =
            if tries < MAX_TRIES { self.pool.select(&Budget::of(facts.height, &facts.parameters)) } else { Vec::new() };
        let chosen: Vec<_> = chosen.into_iter().filter(|chosen| self.still_fits(&chosen.input, &chosen.hash)).collect();
        let hashes = chosen.iter().map(|chosen| chosen.hash).collect();
        let leaves = chosen.iter().map(|chosen| chosen.leaf.clone()).collect();
        let inputs = Bounded::new(chosen.into_iter().map(|chosen| Input::clone(&chosen.input)).collect())
            .map_err(|_| ReplicaHalt::Invariant("parameters allow no more inputs than a block holds"))?;
        let inputs = Arc::new(BlockInputs::with_leaves(self.chain.suite, inputs, leaves));
        let job =
            Job::Execute { parent: Arc::clone(&self.tip), facts: Box::new(facts), round, inputs: Arc::clone(&inputs) };
        let token = self.work(Purpose::Build, Some(Phase::Execute), job, effects);
        self.build = Some(Build { round, tries, token, inputs, hashes });
        Ok(())
    }

    /// What the pool cannot know: the window's far end, and ids that a block took meanwhile.
    fn still_fits(&self, input: &Input, hash: &Hash) -> bool {
        let Input::Transaction(transaction) = input else { return true };
        let (next, parameters) = (self.next_height(), &self.tip.next_parameters);
        crate::replay::check_window(&transaction.body.replay, next, parameters).is_ok()
            && !self.replay.contains(&ledger_protocol::TransactionId(*hash), next, parameters)
    }

    pub(super) fn build_executed(
        &mut self,
        token: Token,
        executed: Result<Box<Executed>, ExecuteError>,
        effects: &mut Effects,
    ) -> Step {
        // A later round, or another height, has made this build pointless.
        let Some(build) = self.build.take_if(|build| build.token == token) else { return Ok(()) };
        self.ended(Phase::Execute, build.hashes.len(), effects);
        let executed = match executed {
            Ok(executed) => executed,
            Err(ExecuteError::Fault(fault)) => return Err(fault.into()),
            Err(ExecuteError::Invalid { index, refusal }) => return self.build_again(&build, index, &refusal, effects),
        };
        let bytes = Arc::new(build.inputs.block_bytes(&executed.header));
        if bytes.len() > self.tip.next_parameters.max_block_bytes as usize {
            return Err(ReplicaHalt::Invariant("the pool chooses no more bytes than a block holds"));
        }
        let (header_hash, height, round) = (executed.header_hash, executed.header.height, build.round);
        let mut candidate = Candidate::new(executed.header.clone(), build.inputs, bytes);
        candidate.built_here = Some(round);
        candidate.verdict = Some(Ok(()));
        candidate.proposals.insert((round, None), Some(true));
        self.candidates.insert(header_hash, candidate);
        self.store_overlay(&header_hash, executed);
        self.log_body(&header_hash, (round, None), effects);
        self.tell(Event::Built { height, round, header_hash }, effects)
    }

    fn build_again(&mut self, build: &Build, index: usize, refusal: &Refusal, effects: &mut Effects) -> Step {
        let Some(hash) = build.hashes.get(index) else {
            return Err(ReplicaHalt::Invariant("the state machine accepts a block without inputs"));
        };
        let gone = self.pool.remove(hash).into_iter().collect();
        self.dropped(gone, refusal.code, &refusal.reason, effects);
        self.try_build(build.round, build.tries.saturating_add(1), effects)
    }
}
