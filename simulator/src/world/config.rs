//! How a world behaves, and what a chain of it is made of.

use super::ProcessId;
use crate::network::NetworkConfig;
use chain_consensus::BftTimeouts;
use chain_engine::ReplicaLimits;
use chain_state::StateMachine;
use ledger_protocol::chain::Genesis;
use ledger_protocol::suite::SecretKey;
use std::fmt;
use std::sync::Arc;

/// How a world behaves.
#[derive(Debug, Clone)]
pub struct WorldConfig {
    /// The test or scenario.
    pub scenario: String,
    /// Whether it is a test of this crate: only then a failure can say how to run it again.
    pub is_test: bool,
    /// Every link, unless set otherwise.
    pub network: NetworkConfig,
    /// How long a barrier or a commit takes.
    pub sync_ms: (u64, u64),
    /// How long a job takes; its answers may overtake each other.
    pub work_ms: (u64, u64),
    /// How long two processes take to connect.
    pub connect_ms: (u64, u64),
    /// How long a process takes to see that another is gone.
    pub notice_ms: (u64, u64),
    /// Clocks differ from virtual time by at most this much, either way.
    pub skew_ms: u64,
    /// Whether a replica that halts breaks the run.
    pub halts_fail: bool,
    /// Disks that answer barriers at once and keep nothing for it, as some do: what the host contract forbids.
    pub disks_lie: bool,
}

impl WorldConfig {
    /// A local network with good disks.
    pub fn smooth(scenario: &str) -> Self {
        Self {
            scenario: scenario.to_owned(),
            is_test: true,
            network: NetworkConfig::smooth(),
            sync_ms: (0, 2),
            work_ms: (0, 0),
            connect_ms: (1, 10),
            notice_ms: (1, 50),
            skew_ms: 0,
            halts_fail: true,
            disks_lie: false,
        }
    }

    /// A bad network, slow disks, jobs answered out of order, clocks that differ.
    pub fn lossy(scenario: &str) -> Self {
        Self {
            network: NetworkConfig::lossy(),
            sync_ms: (0, 20),
            work_ms: (0, 15),
            connect_ms: (1, 200),
            notice_ms: (1, 500),
            skew_ms: 300,
            ..Self::smooth(scenario)
        }
    }
}

/// A chain to add.
pub struct ChainSpec {
    /// What it starts from; its validators' network keys are those of [`World::validator`].
    pub genesis: Genesis,
    /// Its rules.
    pub machine: Arc<dyn StateMachine>,
    /// Where its validators run, with their keys.
    pub validators: Vec<(ProcessId, SecretKey)>,
    /// Where replicas run that do not vote.
    pub observers: Vec<ProcessId>,
    /// How patient its consensus is.
    pub timeouts: BftTimeouts,
    /// Bounds of its replicas.
    pub limits: ReplicaLimits,
}

impl fmt::Debug for ChainSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainSpec").field("chain", &self.genesis.chain_id()).finish_non_exhaustive()
    }
}
