//! What couriers and courier servers say to each other.
//!
//! Every message begins with four bytes that no message between pools begins with, so that both share a lane. Lengths
//! are bounded before memory is taken; what does not decode to exactly one message is none.

use crate::assemble::MAX_HANDOFFS;
use crate::view::{ClientView, DestinationView, EmptyRule, Waits};
use borsh::{BorshDeserialize, BorshSerialize};
use ledger_protocol::chain::Input;
use ledger_protocol::codec::{Bounded, decode, encode};
use ledger_protocol::{ChainId, Hash, Height, Sequence, TimestampMs};

/// The longest message: sixteen hand-offs of the largest sets, or one Advance.
pub const MAX_COURIER_BYTES: usize = 4 << 20;

/// First bytes of every message. Between pools a message begins with a count of at most 1,024, little endian.
const MAGIC: [u8; 4] = [0xc7, 0x1e, 0x00, 0x01];

/// Hand-offs, or one Advance.
pub(super) type Inputs = Bounded<Input, { MAX_HANDOFFS + 1 }>;

/// The header of the source that a destination trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ClientStatus {
    /// Its height.
    pub height_on_source: Height,
    /// Its hash, by the source's suite.
    pub header_hash_on_source: Hash,
    /// Its block time.
    pub timestamp_ms_on_source: TimestampMs,
}

impl ClientStatus {
    pub(super) fn view(&self) -> ClientView {
        ClientView {
            height_on_source: self.height_on_source,
            header_hash_on_source: self.header_hash_on_source,
            timestamp_ms_on_source: self.timestamp_ms_on_source,
        }
    }
}

/// Where the relay stands towards one subchain.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Status {
    /// The relay.
    pub relay: ChainId,
    /// The subchain.
    pub source: ChainId,
    /// The relay's newest height.
    pub tip_height_on_relay: Height,
    /// Its time.
    pub tip_timestamp_ms_on_relay: TimestampMs,
    /// The relay's heartbeat.
    pub relay_heartbeat_ms: u32,
    /// The relay's newest hand-off; 0 for none.
    pub last_handoff_on_relay: Height,
    /// What the relay trusts of the subchain.
    pub client: ClientStatus,
    /// The next sequence the relay expects from the subchain.
    pub received: Sequence,
    /// Postponed messages of that lane.
    pub waiting: u32,
    /// Above this many the relay offers no room.
    pub max_waiting: u32,
    /// Whether the relay takes anything of the subchain.
    pub accepts: bool,
    /// The subchain's T_stale.
    pub stale_ms: u64,
    /// The sequence after the last message to the subchain that the relay's blocks hold.
    pub sent: Sequence,
}

impl Status {
    /// The relay as the destination of the subchain's messages.
    pub(super) fn as_destination(&self) -> DestinationView {
        DestinationView {
            chain: self.relay,
            client: self.client.view(),
            received: self.received,
            waiting: self.waiting,
            max_waiting: self.max_waiting,
            accepts: self.accepts,
            empty: EmptyRule::ToRelay { stale_ms: self.stale_ms },
        }
    }
}

/// Where a subchain stands towards its relay: what a `Pull` says.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct DestinationStatus {
    /// The subchain.
    pub chain: ChainId,
    /// What it trusts of the relay.
    pub client: ClientStatus,
    /// The next sequence it expects from the relay.
    pub received: Sequence,
    /// Postponed messages.
    pub waiting: u32,
    /// Above this many it offers no room.
    pub max_waiting: u32,
    /// Its heartbeat: the least step of an Advance without a list.
    pub heartbeat_ms: u32,
    /// The lowest relay height whose passing ends a wait.
    pub waits_for_height_on_relay: Option<Height>,
    /// The lowest sequence whose acknowledgement ends a wait.
    pub waits_for_acknowledgement: Option<Sequence>,
}

impl DestinationStatus {
    /// The subchain as the destination of the relay's messages.
    pub(super) fn as_destination(&self, relay_heartbeat_ms: u64) -> DestinationView {
        DestinationView {
            chain: self.chain,
            client: self.client.view(),
            received: self.received,
            waiting: self.waiting,
            max_waiting: self.max_waiting,
            accepts: true,
            empty: EmptyRule::ToSubchain {
                heartbeat_ms: self.heartbeat_ms.into(),
                relay_heartbeat_ms,
                waits: Waits {
                    relay_height: self.waits_for_height_on_relay,
                    acknowledgement: self.waits_for_acknowledgement,
                },
            },
        }
    }
}

/// A message between a courier and a courier server.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum CourierMessage {
    /// Courier → server: where does the relay stand towards this chain? And tell when that changes.
    AskStatus {
        /// The subchain.
        source: ChainId,
    } = 1,
    /// Courier → server: hand-offs, or an Advance, for the relay's pool.
    Deliver(Bounded<Input, { MAX_HANDOFFS + 1 }>) = 2,
    /// Courier → server: what does this chain lack?
    Pull(Box<DestinationStatus>) = 3,
    /// Server → courier: the relay's standing towards the chain, asked for or changed.
    Status(Box<Status>) = 4,
    /// Server → courier: the chain is not registered.
    Unknown {
        /// The subchain.
        source: ChainId,
    } = 5,
    /// Server → courier: what the chain lacks; empty when it lacks nothing.
    Inputs(Bounded<Input, { MAX_HANDOFFS + 1 }>) = 6,
}

impl CourierMessage {
    /// Whether bytes of the courier lane are for couriers and their servers rather than for a pool.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// The message in bytes of the courier lane; `None` for anything that is not exactly one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        decode_message(bytes)
    }

    /// As it travels.
    pub fn bytes(&self) -> Vec<u8> {
        encode_message(self)
    }

    /// Whether such bytes are a courier's question or delivery, for a server; the others are a server's answers.
    pub fn is_for_server(bytes: &[u8]) -> bool {
        let code = bytes.strip_prefix(&MAGIC).and_then(|rest| rest.first());
        matches!(code, Some(1..=3))
    }
}

pub(super) fn encode_message(message: &CourierMessage) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(encode(message));
    bytes
}

pub(super) fn decode_message(bytes: &[u8]) -> Option<CourierMessage> {
    decode(bytes.strip_prefix(&MAGIC)?, MAX_COURIER_BYTES).ok()
}
