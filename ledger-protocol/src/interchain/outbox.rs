//! The outbox: in every block one leaf per peer, with the block's messages to it beneath.

use super::message::Message;
use crate::chain::Header;
use crate::codec::{Bounded, Ordered};
use crate::identifiers::{ChainId, Hash, Height, Sequence, SuiteHash};
use crate::merkle::empty_root;
use borsh::{BorshDeserialize, BorshSerialize};

/// Most messages to one peer in one block. Belongs to the protocol version.
pub const MAX_LIST_MESSAGES: usize = 256;
/// Most message bytes to one peer in one block, and in one Advance. Belongs to the protocol version.
pub const MAX_LIST_BYTES: usize = 256 << 10;

/// The header of the peer that this chain trusts at the end of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Follows {
    /// Its height.
    pub height_on_peer: Height,
    /// Its hash, by the peer's suite.
    pub header_hash_on_peer: SuiteHash,
}

/// What one block says to, and acknowledges from, one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OutboxLeaf {
    /// The peer.
    pub peer: ChainId,
    /// Sequence of the block's first message; with `count` 0 the next one to be given.
    pub first: Sequence,
    /// Messages of this block to the peer.
    pub count: u32,
    /// The next sequence expected *from* the peer; what waits counts as received.
    pub received: Sequence,
    /// How often this chain was given a new anchor for the peer: what the peer sent on a branch that was dropped is void.
    /// A peer that has handled fewer of its re-anchors than this must not act on older messages as if nothing happened.
    pub reanchored: u32,
    /// The peer's header that this chain trusts.
    pub follows: Follows,
    /// RFC 9162 root over the messages of this block to the peer.
    pub messages_root: Hash,
}

impl Ordered for OutboxLeaf {
    type Key = ChainId;
    fn key(&self) -> ChainId {
        self.peer
    }
}

impl OutboxLeaf {
    /// What a header 0, which has no outbox, says to a peer: nothing was sent, nothing received, nothing followed.
    pub fn of_header_zero(header: &Header, peer: ChainId) -> Self {
        Self {
            peer,
            first: Sequence::ZERO,
            count: 0,
            received: Sequence::ZERO,
            reanchored: 0,
            follows: Follows { height_on_peer: Height::ZERO, header_hash_on_peer: peer.suite.foreign(Hash::ZERO) },
            messages_root: empty_root(header.chain.suite),
        }
    }

    /// The sequence after this block's messages; `None` past the end of the range.
    pub fn next_sequence(&self) -> Option<Sequence> {
        self.first.checked_add(u64::from(self.count))
    }
}

/// The complete list of a block's messages to one peer, oldest first.
pub type MessageList = Bounded<Message, MAX_LIST_MESSAGES>;
