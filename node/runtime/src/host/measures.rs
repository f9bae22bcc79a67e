//! What the process uses, by phase: CPU time of the thread that did it, and how many units it did.

use chain_engine::Job;
use cpu_time::ThreadTime;
use std::sync::atomic::{AtomicU64, Ordering};

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
        if let Some(start) = start {
            let spent = start.try_elapsed().unwrap_or_default().as_nanos();
            self.cpu_ns.fetch_add(u64::try_from(spent).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        self.count.fetch_add(count, Ordering::Relaxed);
        result
    }
}

/// Every phase of this process.
#[derive(Debug, Default)]
pub struct Measures {
    /// Signatures of transactions, judging inputs for the pool.
    pub verify: PhaseMeasure,
    /// Executing blocks, the state trees and the block's trees included.
    pub execute: PhaseMeasure,
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
    /// The phase a job belongs to.
    pub(super) fn of_job(&self, job: &Job) -> &PhaseMeasure {
        match job {
            Job::Verify { .. } | Job::Admit { .. } | Job::Certificate { .. } => &self.verify,
            Job::Execute { .. } => &self.execute,
            Job::ReadBlocks { .. } => &self.serve,
        }
    }
}
