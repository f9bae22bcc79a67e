//! What a run is to try, and what came of it.

use ledger_protocol::Suite;

/// What a crash does to what was not durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bft::tests) enum Tail {
    /// A power cut: gone.
    Lost,
    /// A power cut: a random part is gone.
    Half,
    /// The process died: all there, and still not durable.
    Kept,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bft::tests) enum Who {
    Executing,
    All,
}

/// How well the host keeps the port's rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bft::tests) enum Host {
    Good,
    /// Says that a barrier is durable when nothing is.
    LyingDisk,
    /// Forgets the log when it starts again.
    NoReplay,
}

#[derive(Clone, Debug)]
pub(in crate::bft::tests) struct Scenario {
    pub(in crate::bft::tests) suite: Suite,
    pub(in crate::bft::tests) powers: Vec<u64>,
    pub(in crate::bft::tests) seed: u64,
    pub(in crate::bft::tests) loss_percent: u64,
    pub(in crate::bft::tests) slow_blocks: bool,
    pub(in crate::bft::tests) target: u64,
    pub(in crate::bft::tests) dead: Vec<usize>,
    /// A validator that starts only after so many milliseconds.
    pub(in crate::bft::tests) late: Option<(usize, u64)>,
    /// A validator that finds every block of the others untimely.
    pub(in crate::bft::tests) refuses: Option<usize>,
    /// Faults of the host itself: the checks must see them.
    pub(in crate::bft::tests) host: Host,
    pub(in crate::bft::tests) tails: Vec<Tail>,
    pub(in crate::bft::tests) who: Who,
    /// Points at which to crash, ascending.
    pub(in crate::bft::tests) plan: Vec<u64>,
    pub(in crate::bft::tests) cap_ms: u64,
}

impl Scenario {
    pub(in crate::bft::tests) fn smooth(seed: u64) -> Self {
        Self {
            suite: Suite::Standard,
            powers: vec![1; 4],
            seed,
            loss_percent: 0,
            slow_blocks: false,
            target: 6,
            dead: Vec::new(),
            late: None,
            refuses: None,
            host: Host::Good,
            tails: vec![Tail::Lost],
            who: Who::Executing,
            plan: Vec::new(),
            cap_ms: 120_000,
        }
    }

    pub(in crate::bft::tests) fn lossy(seed: u64) -> Self {
        Self { loss_percent: 12, slow_blocks: true, ..Self::smooth(seed) }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::bft::tests) struct Outcome {
    pub(in crate::bft::tests) points: u64,
    pub(in crate::bft::tests) crashes: u64,
    pub(in crate::bft::tests) restarts: u64,
    pub(in crate::bft::tests) replayed: u64,
    pub(in crate::bft::tests) commits: u64,
    pub(in crate::bft::tests) barriers: u64,
    pub(in crate::bft::tests) synced: u64,
    pub(in crate::bft::tests) max_round: u32,
    pub(in crate::bft::tests) reproposals: u64,
    pub(in crate::bft::tests) signed: u64,
    /// Places for which a signature was lost with the power and another message was signed later.
    pub(in crate::bft::tests) unseen: u64,
    pub(in crate::bft::tests) trace: Vec<u8>,
    pub(in crate::bft::tests) at_ms: u64,
    pub(in crate::bft::tests) dropped: u64,
    pub(in crate::bft::tests) faults: Vec<String>,
}
