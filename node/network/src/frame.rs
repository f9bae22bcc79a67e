//! Frames and lanes: what travels between two peers, and its form on a stream.
//!
//! A stream starts with one byte that names its lane; then come frames: length (4 bytes, big endian), chain (suite byte
//! and 32 bytes of hash), payload. The length counts chain and payload. Length 0 is a keep-alive without chain or
//! payload; the first thing on the `Consensus` lane is one, and it says "you are accepted here".

use bytes::{BufMut, Bytes, BytesMut};
use ledger_protocol::{ChainId, Hash, Suite};

/// The longest payload of one frame.
pub const MAX_PAYLOAD_BYTES: usize = 16 * 1024 * 1024;

/// How many lanes there are.
pub(crate) const LANES: usize = 5;

/// The bytes of a chain id on a stream.
pub(crate) const CHAIN_BYTES: usize = 33;

/// The bytes of a frame's length.
pub(crate) const LENGTH_BYTES: usize = 4;

/// What a frame is about. Each lane has its own stream and queues, so that none delays another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lane {
    /// Votes and proposals of consensus. When full, the oldest frame is dropped: only the newest rounds matter.
    Consensus = 1,
    /// Blocks under discussion. When full, the oldest frame is dropped.
    Block = 2,
    /// Requests and answers of block sync and state sync. When full, the newest is refused.
    Sync = 3,
    /// Transactions on their way to other nodes' pools. When full, the newest is refused.
    Transactions = 4,
    /// Proofs and messages between chains. When full, the newest is refused.
    Courier = 5,
}

impl Lane {
    /// Every lane, in the order of their codes.
    pub const ALL: [Lane; LANES] = [Lane::Consensus, Lane::Block, Lane::Sync, Lane::Transactions, Lane::Courier];

    /// The lane with this code, or `None`.
    pub fn from_code(code: u8) -> Option<Lane> {
        Lane::ALL.into_iter().find(|lane| lane.code() == code)
    }

    /// The lane's code on a stream.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The lane's place in arrays of [`LANES`].
    pub(crate) const fn index(self) -> usize {
        self as usize - 1
    }

    /// Whether a full queue drops its oldest frame (and keeps frames for a peer that is away) instead of refusing.
    pub(crate) const fn keeps_newest(self) -> bool {
        matches!(self, Lane::Consensus | Lane::Block)
    }

    /// Whether a peer that is admitted by quota only may use the lane.
    pub(crate) const fn open_to_strangers(self) -> bool {
        matches!(self, Lane::Sync | Lane::Transactions | Lane::Courier)
    }
}

/// One message between two peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The chain it is about.
    pub chain: ChainId,
    /// The lane it travels on.
    pub lane: Lane,
    /// Its content, at most [`MAX_PAYLOAD_BYTES`].
    pub payload: Bytes,
}

impl Frame {
    /// What the frame weighs in queues.
    pub(crate) fn weight_bytes(&self) -> usize {
        LENGTH_BYTES + CHAIN_BYTES + self.payload.len()
    }

    /// Appends length and chain. The payload's bound was checked when the frame was queued.
    pub(crate) fn put_head(&self, buffer: &mut BytesMut) {
        let length = u32::try_from(CHAIN_BYTES + self.payload.len()).unwrap_or(u32::MAX);
        buffer.put_u32(length);
        buffer.put_u8(self.chain.suite as u8);
        buffer.put_slice(self.chain.hash.as_bytes());
    }
}

/// The chain with these bytes; `None` for an unknown suite or a zero hash.
pub(crate) fn chain_from_bytes(bytes: &[u8; CHAIN_BYTES]) -> Option<ChainId> {
    let (suite_code, hash) = bytes.split_first()?;
    let suite = [Suite::Standard, Suite::Guomi].into_iter().find(|suite| *suite as u8 == *suite_code)?;
    let hash = Hash(hash.try_into().ok()?);
    (!hash.is_zero()).then_some(ChainId { suite, hash })
}
