//! What steps cost: a meter that watches them, or a price list that makes a process busy in virtual time.
//!
//! Without [`World::set_costs`] every step takes no time and a trace is what it was. With it, a process has one core:
//! a job ends when the core has done everything that came before it. Times are kept in microseconds and rounded up.
//! An event of the event loop is charged for and not delayed: what comes after it waits.

use super::{ChainIndex, ProcessId, World};
use chain_engine::{Job, Lane, ReplicaEvent};
use ledger_protocol::chain::Input;
use ledger_protocol::transaction::Operation;
use std::collections::BTreeMap;

/// The kind of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    /// Signatures of transactions.
    Verify,
    /// Judging inputs for the pool.
    Admit,
    /// Executing a block.
    Execute,
    /// A certificate that came by block sync.
    Certificate,
    /// Reading blocks for a peer.
    Read,
    /// A consensus message in the event loop.
    Vote,
    /// Any other event of the event loop.
    Event,
}

/// A step, and what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Virtual time at which it is asked for.
    pub at_ms: u64,
    /// Whose core it takes.
    pub process: ProcessId,
    /// The chain.
    pub chain: ChainIndex,
    /// Its kind.
    pub kind: StepKind,
    /// Transactions without a proposal; of [`StepKind::Verify`] signatures.
    pub transactions: u64,
    /// Proposals submitted.
    pub proposals: u64,
    /// Advances.
    pub advances: u64,
    /// Messages in their lists.
    pub messages: u64,
}

impl Step {
    fn new(chain: ChainIndex, kind: StepKind) -> Self {
        Self { at_ms: 0, process: ProcessId(0), chain, kind, transactions: 0, proposals: 0, advances: 0, messages: 0 }
    }

    fn count(&mut self, input: &Input) {
        match input {
            Input::Transaction(transaction) => {
                let submits =
                    transaction.body.operations.iter().any(|one| matches!(one.operation, Operation::SubmitProposal(_)));
                if submits { self.proposals += 1 } else { self.transactions += 1 }
            }
            Input::Advance(advance) => {
                self.advances += 1;
                self.messages += advance.blocks.iter().map(|block| block.messages().len() as u64).sum::<u64>();
            }
            Input::Evidence(_) | Input::Handoff(_) => {}
        }
    }

    pub(super) fn of_job(chain: ChainIndex, job: &Job) -> Self {
        match job {
            Job::Verify { .. } => Self { transactions: job.count(), ..Self::new(chain, StepKind::Verify) },
            Job::Admit { inputs, .. } => {
                let mut step = Self::new(chain, StepKind::Admit);
                inputs.iter().for_each(|input| step.count(input));
                step
            }
            Job::Execute { inputs, .. } => {
                let mut step = Self::new(chain, StepKind::Execute);
                inputs.inputs().iter().for_each(|input| step.count(input));
                step
            }
            Job::Certificate { .. } => Self::new(chain, StepKind::Certificate),
            Job::ReadBlocks { .. } => Self::new(chain, StepKind::Read),
        }
    }

    /// The step as it was when its block turned out invalid at this input.
    pub(super) fn stopped_at(&mut self, inputs: &[Input], index: usize) {
        *self = Self { transactions: 0, proposals: 0, advances: 0, messages: 0, ..*self };
        inputs.iter().take(index).for_each(|input| self.count(input));
    }

    pub(super) fn of_event(chain: ChainIndex, event: &ReplicaEvent) -> Self {
        let is_vote = matches!(event, ReplicaEvent::Message { lane: Lane::Consensus, .. });
        Self::new(chain, if is_vote { StepKind::Vote } else { StepKind::Event })
    }
}

/// For how many virtual microseconds a step keeps its process's core.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Charge {
    /// Until its result is there.
    pub before_us: u64,
    /// After that, with what nobody waits for.
    pub after_us: u64,
}

/// Runs steps and says what they cost.
pub trait Costs {
    /// Runs the step exactly once, which tells what it came to: a block that turned out invalid was executed up to the
    /// input that made it so. Returns what it costs.
    fn charge(&mut self, run: &mut dyn FnMut() -> Step) -> Charge;
}

/// The costs of a world, and until when each process's core is busy, in virtual microseconds.
#[derive(Default)]
pub(super) struct Cores {
    costs: Option<Box<dyn Costs>>,
    busy_until_us: BTreeMap<ProcessId, u64>,
}

impl World {
    /// From now on steps cost what this says.
    pub fn set_costs(&mut self, costs: Box<dyn Costs>) {
        self.cores.costs = Some(costs);
    }

    /// Runs a step; returns its result, and in how many milliseconds the process's core is done with it.
    pub(super) fn charged<T>(
        &mut self,
        process: ProcessId,
        step: &Step,
        run: impl FnOnce(&mut Self, &mut Step) -> T,
    ) -> (T, u64) {
        let mut step = Step { at_ms: self.now_ms, process, ..*step };
        let Some(mut costs) = self.cores.costs.take() else { return (run(self, &mut step), 0) };
        let (mut run, mut result) = (Some(run), None);
        let cost = costs.charge(&mut || {
            if let Some(run) = run.take() {
                result = Some(run(self, &mut step));
            }
            step
        });
        self.cores.costs = Some(costs);
        let now_us = self.now_ms * 1_000;
        let busy_until_us = self.cores.busy_until_us.entry(process).or_default();
        *busy_until_us = (*busy_until_us).max(now_us) + cost.before_us;
        let after_ms = (*busy_until_us - now_us).div_ceil(1_000);
        *busy_until_us += cost.after_us;
        let Some(result) = result else { panic!("a step was charged for and did not run") };
        (result, after_ms)
    }
}
