//! What a courier reads of the two chains: plain data, from whatever serves it.

use ledger_protocol::chain::{FinalityCertificate, Header, ValidatorSet};
use ledger_protocol::interchain::{HistoryPath, LeafPath, Message};
use ledger_protocol::{ChainId, Hash, Height, Sequence, TimestampMs};

/// A view could not answer: I/O or a peer that does not respond. The step is repeated later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the chain's view failed: {0}")]
pub struct ViewFault(pub String);

/// What a courier reads of the source. `None` means that the view does not have it (yet).
pub trait SourceView {
    /// The chain.
    fn chain(&self) -> ChainId;

    /// Height of the newest certified header.
    ///
    /// # Errors
    /// [`ViewFault`].
    fn tip(&self) -> Result<Height, ViewFault>;

    /// The header at a height.
    ///
    /// # Errors
    /// [`ViewFault`].
    fn header(&self, height: Height) -> Result<Option<Header>, ViewFault>;

    /// A certificate over the header at a height.
    ///
    /// # Errors
    /// [`ViewFault`].
    fn certificate(&self, height: Height) -> Result<Option<FinalityCertificate>, ViewFault>;

    /// The path of the header hash of `older` in the history of the header at `newer`.
    ///
    /// # Errors
    /// [`ViewFault`].
    fn history_path(&self, older: Height, newer: Height) -> Result<Option<HistoryPath>, ViewFault>;

    /// The outbox leaf for `peer` in the block at `height`, with its path.
    ///
    /// # Errors
    /// [`ViewFault`].
    fn outbox_leaf(&self, peer: &ChainId, height: Height) -> Result<Option<LeafPath>, ViewFault>;

    /// The complete list for `peer` in the block at `height`.
    ///
    /// # Errors
    /// [`ViewFault`].
    fn messages(&self, peer: &ChainId, height: Height) -> Result<Option<Vec<Message>>, ViewFault>;

    /// Height of the block that holds message `sequence` to `peer`; `None` when no block does yet.
    ///
    /// # Errors
    /// [`ViewFault`].
    fn block_of_message(&self, peer: &ChainId, sequence: Sequence) -> Result<Option<Height>, ViewFault>;

    /// At most `limit` heights of hand-off headers above `height`, ascending.
    ///
    /// # Errors
    /// [`ViewFault`].
    fn handoffs_above(&self, height: Height, limit: usize) -> Result<Vec<Height>, ViewFault>;

    /// The validator set with this hash.
    ///
    /// # Errors
    /// [`ViewFault`].
    fn validators(&self, hash: &Hash) -> Result<Option<ValidatorSet>, ViewFault>;
}

/// What the destination trusts of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientView {
    /// The trusted height.
    pub height_on_source: Height,
    /// Hash of the header there, by the source's suite.
    pub header_hash_on_source: Hash,
    /// Its block time.
    pub timestamp_ms_on_source: TimestampMs,
}

/// What a courier reads of the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationView {
    /// The chain.
    pub chain: ChainId,
    /// Its client of the source.
    pub client: ClientView,
    /// The inbox counter: the next sequence expected from the source.
    pub received: Sequence,
    /// Postponed messages of this lane.
    pub waiting: u32,
    /// Above this many the destination offers no room.
    pub max_waiting: u32,
    /// Whether the destination takes anything of this source (not Frozen, not Retired).
    pub accepts: bool,
    /// When an Advance without a list is worth sending.
    pub empty: EmptyRule,
}

/// What a subchain waits for that a newer header of the relay alone can bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waits {
    /// The lowest relay height whose passing ends a wait or lets a record be pruned: a deadline, a NOTIFY's expiry.
    pub relay_height: Option<Height>,
    /// The lowest sequence of an own message whose acknowledgement lets a record be pruned.
    pub acknowledgement: Option<Sequence>,
}

/// When an Advance without a list is sent (§8); the destination's own rule (R9) is the `step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyRule {
    /// To the relay: when its newest header of the source is older than half of the source's T_stale.
    ToRelay {
        /// T_stale of the source.
        stale_ms: u64,
    },
    /// To a subchain: only when it ends a wait, at most once per heartbeat of the relay.
    ToSubchain {
        /// The subchain's heartbeat: the least step it accepts.
        heartbeat_ms: u64,
        /// The relay's heartbeat.
        relay_heartbeat_ms: u64,
        /// What the subchain waits for.
        waits: Waits,
    },
}

impl EmptyRule {
    /// The least time between the trusted header and the head of an Advance without a list.
    pub(crate) fn step_ms(&self) -> u64 {
        match self {
            Self::ToRelay { stale_ms } => stale_ms.div_ceil(2),
            Self::ToSubchain { heartbeat_ms, relay_heartbeat_ms, .. } => *heartbeat_ms.max(relay_heartbeat_ms),
        }
    }
}
