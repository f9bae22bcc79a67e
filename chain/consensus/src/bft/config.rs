//! What one BFT instance is told at construction: its chain, what its certificates promise, and how patient it is.

use arc_malachitebft_core_types::{Timeout, TimeoutKind};
use ledger_protocol::ChainId;
use ledger_protocol::chain::CertificateKind;

/// The settings of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BftConfig {
    /// The chain; part of everything that is signed.
    pub chain: ChainId,
    /// What certificates promise: `Bft` or `Dev`. This engine does not make `Cft` certificates.
    pub kind: CertificateKind,
    /// How long it waits.
    pub timeouts: BftTimeouts,
}

/// How long a round waits for what. Each grows linearly with the round and is cut at `longest_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BftTimeouts {
    /// For a proposal and its block, before prevoting nil.
    pub propose_ms: u64,
    /// Added per round.
    pub propose_delta_ms: u64,
    /// For more prevotes, once a quorum prevoted without agreeing.
    pub prevote_ms: u64,
    /// Added per round.
    pub prevote_delta_ms: u64,
    /// For more precommits, once a quorum precommitted without agreeing.
    pub precommit_ms: u64,
    /// Added per round.
    pub precommit_delta_ms: u64,
    /// Without progress, before one's own votes are sent again.
    pub rebroadcast_ms: u64,
    /// The longest of all waits.
    pub longest_ms: u64,
}

impl Default for BftTimeouts {
    /// For a local network: a dead proposer costs one second, a lost vote at most two.
    fn default() -> Self {
        Self {
            propose_ms: 1_000,
            propose_delta_ms: 500,
            prevote_ms: 500,
            prevote_delta_ms: 250,
            precommit_ms: 500,
            precommit_delta_ms: 250,
            rebroadcast_ms: 2_000,
            longest_ms: 60_000,
        }
    }
}

impl BftTimeouts {
    /// How long this timeout of this round waits.
    pub(super) fn wait_ms(&self, timeout: Timeout) -> u64 {
        let (base_ms, delta_ms) = match timeout.kind {
            TimeoutKind::Propose => (self.propose_ms, self.propose_delta_ms),
            TimeoutKind::Prevote => (self.prevote_ms, self.prevote_delta_ms),
            TimeoutKind::Precommit => (self.precommit_ms, self.precommit_delta_ms),
            TimeoutKind::Rebroadcast => (
                self.rebroadcast_ms,
                self.propose_delta_ms.saturating_add(self.prevote_delta_ms).saturating_add(self.precommit_delta_ms),
            ),
            // The core never waits to collect late precommits: no target time is ever set.
            TimeoutKind::FinalizeHeight(_) => (self.rebroadcast_ms, 0),
        };
        let round = u64::from(timeout.round.as_u32().unwrap_or(0));
        base_ms.saturating_add(delta_ms.saturating_mul(round)).min(self.longest_ms)
    }
}
