//! What a courier and a courier server read from durable stores.

use super::message::{ClientStatus, DestinationStatus, Status};
use crate::assemble::CourierError;
use crate::turn::Place;
use crate::view::{SourceView, ViewFault, Waits};
use chain_engine::{ChainReader, rows};
use chain_interchain::{client, next_expected, waiting_count};
use chain_state::{BlockState, StoreFault, StoreReader};
use ledger_protocol::chain::{FinalityCertificate, Header, ValidatorSet};
use ledger_protocol::interchain::{HistoryPath, LeafPath, Message};
use ledger_protocol::system::{ChainRecord, ChainStatus, ClientRecord, accounts, chain_key};
use ledger_protocol::{Address, ChainId, Hash, Height, Sequence, TimestampMs};

/// A chain is STALE after this many of its heartbeats without a certified header, …
pub const STALE_HEARTBEATS: u64 = 6;
/// … but not before this time. Both belong to the protocol version; the relay uses the same.
pub const STALE_FLOOR_MS: u64 = 30_000;

/// T_stale of a chain with this heartbeat.
pub fn stale_ms(heartbeat_ms: u32) -> u64 {
    u64::from(heartbeat_ms).saturating_mul(STALE_HEARTBEATS).max(STALE_FLOOR_MS)
}

/// The courier's own chain, as its host shows it.
pub trait OwnChain {
    /// The durable store of the own replica.
    fn store(&self) -> &dyn StoreReader;

    /// What the chain waits for that only a newer header of the relay brings.
    ///
    /// # Errors
    /// [`ViewFault`].
    fn waits(&self) -> Result<Waits, ViewFault>;
}

pub(super) fn view_fault(fault: StoreFault) -> ViewFault {
    ViewFault(fault.0)
}

fn client_status(record: &ClientRecord) -> ClientStatus {
    ClientStatus {
        height_on_source: record.height_on_source,
        header_hash_on_source: record.header_hash_on_source.hash,
        timestamp_ms_on_source: record.timestamp_ms_on_source,
    }
}

/// The sequence after the last message to `peer` that the block at `height` or an earlier one holds.
fn sent_to(reader: &ChainReader<'_>, peer: &ChainId, height: Height) -> Result<Sequence, StoreFault> {
    let leaves = reader.outbox(height)?.unwrap_or_default();
    let leaf = leaves.iter().find(|leaf| leaf.peer == *peer);
    Ok(leaf.and_then(|leaf| leaf.next_sequence()).unwrap_or_default())
}

/// Where the relay whose store this is stands towards a subchain; `None` when that is not registered.
///
/// # Errors
/// [`ViewFault`].
pub fn relay_status(store: &dyn StoreReader, relay: &ChainId, source: &ChainId) -> Result<Option<Status>, ViewFault> {
    read_status(store, relay, source).map_err(view_fault)
}

fn read_status(store: &dyn StoreReader, relay: &ChainId, source: &ChainId) -> Result<Option<Status>, StoreFault> {
    let reader = ChainReader::new(store, relay.suite);
    let Some(tip) = reader.tip()? else { return Ok(None) };
    let state = BlockState::open(store, relay.suite, tip.header.height)?;
    let place = chain_state::Place::system(accounts::CHAINS, chain_key(source));
    let (Some(client), Some(record)) = (client(&state, source)?, state.record::<ChainRecord>(&place)?) else {
        return Ok(None);
    };
    Ok(Some(Status {
        relay: *relay,
        source: *source,
        tip_height_on_relay: tip.header.height,
        tip_timestamp_ms_on_relay: tip.header.timestamp_ms,
        relay_heartbeat_ms: tip.next_parameters.heartbeat_ms,
        last_handoff_on_relay: last_handoff(store, tip.header.height)?,
        client: client_status(&client),
        received: next_expected(&state, source)?,
        waiting: waiting_count(&state, source)?,
        max_waiting: tip.next_parameters.max_waiting_messages,
        accepts: !matches!(record.status, ChainStatus::Frozen | ChainStatus::Retired),
        stale_ms: stale_ms(record.heartbeat_ms),
        sent: sent_to(&reader, source, tip.header.height)?,
    }))
}

fn last_handoff(store: &dyn StoreReader, tip: Height) -> Result<Height, StoreFault> {
    let (start, end) = (rows::handoff(Height::ZERO), rows::handoff(tip.saturating_add(1)));
    let last = store.last(&start, &end)?;
    let height = last.and_then(|(key, _)| key.get(2..).and_then(|tail| tail.try_into().ok()).map(u64::from_be_bytes));
    Ok(Height(height.unwrap_or(0)))
}

/// The courier's own chain as it is now.
#[derive(Debug)]
pub(super) struct OwnSight {
    pub(super) place: Place,
    tip: Height,
    timestamp_ms: TimestampMs,
    /// The sequence after the last message to the relay.
    pub(super) sent: Sequence,
    /// What it trusts of the relay.
    pub(super) client: ClientStatus,
    /// The next sequence it expects from the relay.
    pub(super) received: Sequence,
    waiting: u32,
    max_waiting: u32,
    heartbeat_ms: u32,
    waits: Waits,
}

impl OwnSight {
    /// Reads it; `None` before the genesis is durable.
    pub(super) fn read(
        own: &dyn OwnChain,
        chain: &ChainId,
        address: &Address,
        relay: &ChainId,
    ) -> Result<Option<Self>, CourierError> {
        let waits = own.waits()?;
        Ok(Self::of_store(own.store(), chain, address, relay, waits).map_err(view_fault)?)
    }

    fn of_store(
        store: &dyn StoreReader,
        chain: &ChainId,
        address: &Address,
        relay: &ChainId,
        waits: Waits,
    ) -> Result<Option<Self>, StoreFault> {
        let reader = ChainReader::new(store, chain.suite);
        let Some(tip) = reader.tip()? else { return Ok(None) };
        let state = BlockState::open(store, chain.suite, tip.header.height)?;
        let Some(client) = client(&state, relay)? else { return Ok(None) };
        let validators = tip.next_validators.len();
        let position = tip.next_validators.by_address(address).map_or(validators, |(position, _)| position);
        Ok(Some(Self {
            place: Place { position, validators },
            tip: tip.header.height,
            timestamp_ms: tip.header.timestamp_ms,
            sent: sent_to(&reader, relay, tip.header.height)?,
            client: client_status(&client),
            received: next_expected(&state, relay)?,
            waiting: waiting_count(&state, relay)?,
            max_waiting: tip.next_parameters.max_waiting_messages,
            heartbeat_ms: tip.next_parameters.heartbeat_ms,
            waits,
        }))
    }

    /// Whether the relay lacks something of this chain, without assembling it.
    pub(super) fn relay_lacks(&self, status: &Status, store: &dyn StoreReader) -> Result<bool, CourierError> {
        let client = &status.client;
        if !status.accepts || self.tip < client.height_on_source {
            return Ok(false);
        }
        if self.sent > status.received && status.waiting <= status.max_waiting {
            return Ok(true);
        }
        let age_ms = self.timestamp_ms.0.saturating_sub(client.timestamp_ms_on_source.0);
        if age_ms >= status.stale_ms.div_ceil(2) {
            return Ok(true);
        }
        Ok(last_handoff(store, self.tip).map_err(view_fault)? > client.height_on_source)
    }

    /// Whether this chain lacks something of the relay.
    pub(super) fn lacks(&self, status: &Status) -> bool {
        if status.sent > self.received && self.waiting <= self.max_waiting {
            return true;
        }
        if status.last_handoff_on_relay > self.client.height_on_source {
            return true;
        }
        let age_ms = status.tip_timestamp_ms_on_relay.0.saturating_sub(self.client.timestamp_ms_on_source.0);
        let step_ms = u64::from(self.heartbeat_ms.max(status.relay_heartbeat_ms));
        let height = self.waits.relay_height.is_some_and(|height| status.tip_height_on_relay >= height);
        let acknowledged = self.waits.acknowledgement.is_some_and(|sequence| status.received > sequence);
        age_ms >= step_ms && (height || acknowledged)
    }

    /// This chain as the destination of the relay's messages.
    pub(super) fn as_destination(&self, chain: ChainId) -> DestinationStatus {
        DestinationStatus {
            chain,
            client: self.client,
            received: self.received,
            waiting: self.waiting,
            max_waiting: self.max_waiting,
            heartbeat_ms: self.heartbeat_ms,
            waits_for_height_on_relay: self.waits.relay_height,
            waits_for_acknowledgement: self.waits.acknowledgement,
        }
    }
}

/// A chain as a source, read from the durable store of one of its replicas.
#[derive(Clone, Copy)]
pub struct StoreSource<'a> {
    chain: ChainId,
    store: &'a dyn StoreReader,
}

impl std::fmt::Debug for StoreSource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreSource").field("chain", &self.chain).finish_non_exhaustive()
    }
}

impl<'a> StoreSource<'a> {
    /// The chain in this store.
    pub const fn new(chain: ChainId, store: &'a dyn StoreReader) -> Self {
        Self { chain, store }
    }

    pub(super) const fn store(&self) -> &'a dyn StoreReader {
        self.store
    }

    pub(super) const fn chain_id(&self) -> ChainId {
        self.chain
    }

    fn reader(&self) -> ChainReader<'a> {
        ChainReader::new(self.store, self.chain.suite)
    }

    fn tip_height(&self) -> Result<Height, StoreFault> {
        Ok(self.reader().tip()?.map_or(Height::ZERO, |tip| tip.header.height))
    }
}

impl SourceView for StoreSource<'_> {
    fn chain(&self) -> ChainId {
        self.chain
    }

    fn tip(&self) -> Result<Height, ViewFault> {
        self.tip_height().map_err(view_fault)
    }

    fn header(&self, height: Height) -> Result<Option<Header>, ViewFault> {
        self.reader().header(height).map_err(view_fault)
    }

    fn certificate(&self, height: Height) -> Result<Option<FinalityCertificate>, ViewFault> {
        self.reader().certificate(height).map_err(view_fault)
    }

    fn history_path(&self, older: Height, newer: Height) -> Result<Option<HistoryPath>, ViewFault> {
        self.reader().history_path(older, newer).map_err(view_fault)
    }

    fn outbox_leaf(&self, peer: &ChainId, height: Height) -> Result<Option<LeafPath>, ViewFault> {
        self.reader().outbox_leaf(peer, height).map_err(view_fault)
    }

    fn messages(&self, peer: &ChainId, height: Height) -> Result<Option<Vec<Message>>, ViewFault> {
        let list = self.reader().messages(peer, height).map_err(view_fault)?.into_vec();
        Ok((!list.is_empty()).then_some(list))
    }

    fn block_of_message(&self, peer: &ChainId, sequence: Sequence) -> Result<Option<Height>, ViewFault> {
        let tip = self.tip_height().map_err(view_fault)?;
        let heights = self.reader().undelivered(peer, sequence, tip, 1).map_err(view_fault)?;
        Ok(heights.first().copied())
    }

    fn handoffs_above(&self, height: Height, limit: usize) -> Result<Vec<Height>, ViewFault> {
        let tip = self.tip_height().map_err(view_fault)?;
        self.reader().handoffs(height, tip, limit).map_err(view_fault)
    }

    fn validators(&self, hash: &Hash) -> Result<Option<ValidatorSet>, ViewFault> {
        self.reader().validators(hash).map_err(view_fault)
    }
}
