//! What the process uses, by phase: CPU time of the thread that did it, and how many units it did.

use chain_engine::{Job, JobResult};
use chain_state::{StateMachine, StoreFault, StoreReader};
use cpu_time::ThreadTime;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// One phase's sums since the start.
#[derive(Debug, Default)]
pub struct PhaseMeasure {
    cpu_ns: AtomicU64,
    count: AtomicU64,
}

impl PhaseMeasure {
    /// CPU time, in nanoseconds.
    pub fn cpu_ns(&self) -> u64 {
        self.cpu_ns.load(Ordering::Relaxed)
    }

    /// Units done.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Runs something and adds its CPU time.
    pub(super) fn measure<T>(&self, count: u64, work: impl FnOnce() -> T) -> T {
        let start = ThreadTime::try_now().ok();
        let result = work();
        self.add(start.map_or(Duration::ZERO, |start| start.try_elapsed().unwrap_or_default()), count);
        result
    }

    fn add(&self, spent: Duration, count: u64) {
        self.cpu_ns.fetch_add(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.count.fetch_add(count, Ordering::Relaxed);
    }
}

/// Every phase of this process.
#[derive(Debug, Default)]
pub struct Measures {
    /// Signatures of transactions, judging inputs for the pool.
    pub verify: PhaseMeasure,
    /// Executing blocks: the rules alone.
    pub execute: PhaseMeasure,
    /// Changes, state trees and the trees and headers of executed blocks.
    pub state: PhaseMeasure,
    /// Applying commits to the store.
    pub store: PhaseMeasure,
    /// The ordered log: appends and barriers.
    pub log: PhaseMeasure,
    /// The event loop: consensus, pools, block sync.
    pub consensus: PhaseMeasure,
    /// Serving blocks to peers.
    pub serve: PhaseMeasure,
}

impl Measures {
    /// Runs a job on a reader, and adds its CPU time to the phases it belongs to.
    pub(super) fn run_job<R: StoreReader>(&self, job: Job, machine: &dyn StateMachine, reader: R) -> JobResult {
        let (phase, count) = (self.of_job(&job), job.count());
        let executes = matches!(job, Job::Execute { .. });
        let reader = MeasuredReader { reader, rules_done_at: Cell::new(None) };
        let start = ThreadTime::try_now().ok();
        let result = job.run(machine, &reader);
        let total = start.map_or(Duration::ZERO, |start| start.try_elapsed().unwrap_or_default());
        let trees = reader.rules_done_at.get().map_or(Duration::ZERO, |at| at.try_elapsed().unwrap_or_default());
        phase.add(total.saturating_sub(trees), count);
        if executes {
            self.state.add(trees, count);
        }
        result
    }

    /// The phase a job belongs to.
    fn of_job(&self, job: &Job) -> &PhaseMeasure {
        match job {
            Job::Verify { .. } | Job::Admit { .. } | Job::Certificate { .. } => &self.verify,
            Job::Execute { .. } => &self.execute,
            Job::ReadBlocks { .. } => &self.serve,
        }
    }
}

/// A reader that remembers when an execution's rules were done.
struct MeasuredReader<R> {
    reader: R,
    rules_done_at: Cell<Option<ThreadTime>>,
}

impl<R: StoreReader> StoreReader for MeasuredReader<R> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        self.reader.get(key)
    }

    fn scan(&self, start: &[u8], end: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreFault> {
        self.reader.scan(start, end, limit)
    }

    fn last(&self, start: &[u8], end: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreFault> {
        self.reader.last(start, end)
    }

    fn rules_done(&self) {
        self.rules_done_at.set(ThreadTime::try_now().ok());
    }
}
