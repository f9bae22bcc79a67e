//! Bookkeeping of block sync: who is how far, who was asked for what, and whom not to ask for a while.
//!
//! Bounds: one request under way, one answer ([`crate::wire::MAX_SYNC_BLOCKS`] blocks) waiting, as many peers as are
//! connected.

use crate::port::Peer;
use crate::wire::SyncedBlock;
use ledger_protocol::chain::FinalityCertificate;
use ledger_protocol::{Hash, Height, TimestampMs};
use std::collections::{BTreeMap, VecDeque};

/// How long a peer that lied or did not answer is not asked again.
const PENALTY_MS: u64 = 10_000;
/// Statuses to one peer that is behind are at least so far apart.
const STATUS_INTERVAL_MS: u64 = 200;

/// What is known of a connected peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PeerState {
    /// Its newest durable height, as it says.
    pub(crate) height: Height,
    /// Not asked before this time.
    pub(crate) shunned_until: TimestampMs,
    /// When it was last told our status because it was behind.
    pub(crate) told_at: TimestampMs,
    /// Whether blocks are being read for it.
    pub(crate) served: bool,
}

/// A request under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) peer: Peer,
    pub(crate) first: Height,
}

/// The synced block of the next height, on its way through certificate check and execution.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    pub(crate) header_hash: Hash,
    pub(crate) certificate: FinalityCertificate,
    pub(crate) certified: bool,
    pub(crate) told: bool,
}

/// Block sync of one replica.
#[derive(Debug, Default)]
pub(crate) struct Sync {
    pub(crate) peers: BTreeMap<Peer, PeerState>,
    pub(crate) asked: Option<Asked>,
    pub(crate) queue: VecDeque<SyncedBlock>,
    /// Who sent what is in the queue.
    pub(crate) source: Option<Peer>,
    pub(crate) current: Option<Current>,
    turn: u64,
}

impl Sync {
    /// The greatest height that a peer says it has.
    pub(crate) fn best(&self) -> Height {
        self.peers.values().map(|peer| peer.height).max().unwrap_or_default()
    }

    /// Another peer than last time that says it has `height`.
    pub(crate) fn choose(&mut self, height: Height, now: TimestampMs) -> Option<Peer> {
        let able: Vec<Peer> = self
            .peers
            .iter()
            .filter(|(_, state)| state.height >= height && state.shunned_until <= now)
            .map(|(peer, _)| *peer)
            .collect();
        let count = u64::try_from(able.len()).ok().filter(|count| *count > 0)?;
        self.turn = self.turn.wrapping_add(1);
        able.get(usize::try_from(self.turn % count).ok()?).copied()
    }

    /// The first moment at which a peer with `height` may be asked again, if all are shunned now.
    pub(crate) fn next_chance(&self, height: Height, now: TimestampMs) -> Option<u64> {
        let able = self.peers.values().filter(|state| state.height >= height);
        able.map(|state| state.shunned_until.0.saturating_sub(now.0)).min()
    }

    /// Does not ask this peer for a while and believes its height no longer.
    pub(crate) fn shun(&mut self, peer: &Peer, now: TimestampMs) {
        if let Some(state) = self.peers.get_mut(peer) {
            state.shunned_until = now.saturating_add(PENALTY_MS);
        }
        if self.asked.is_some_and(|asked| asked.peer == *peer) {
            self.asked = None;
        }
        if self.source == Some(*peer) {
            self.queue.clear();
            self.source = None;
        }
    }

    /// Whether this peer, which is behind, may be told our status now.
    pub(crate) fn may_tell(&mut self, peer: &Peer, now: TimestampMs) -> bool {
        let Some(state) = self.peers.get_mut(peer) else { return false };
        if state.told_at.0 != 0 && now.0.saturating_sub(state.told_at.0) < STATUS_INTERVAL_MS {
            return false;
        }
        state.told_at = now;
        true
    }
}
