//! What replicas of one chain send each other beside consensus messages, and what they log.
//!
//! Everything is bounded before it is decoded; what does not decode is the sender's fault.

use borsh::{BorshDeserialize, BorshSerialize};
use ledger_protocol::chain::{Block, FinalityCertificate, Input};
use ledger_protocol::codec::{Bounded, BoundedBytes};
use ledger_protocol::{Hash, Height, Round};

/// Most inputs of one message between pools.
pub const MAX_GOSSIP_INPUTS: usize = 1_024;
/// Most bytes of one message between pools, but for a single larger input.
pub const MAX_GOSSIP_BYTES: usize = 1 << 20;
/// Most blocks of one answer of block sync.
pub const MAX_SYNC_BLOCKS: usize = 64;
/// Most bytes of one answer of block sync, but for a single larger block.
pub const MAX_SYNC_BYTES: usize = 4 << 20;
/// The longest message that is decoded at all; blocks are the longest.
pub const MAX_MESSAGE_BYTES: usize = 66 << 20;

/// Inputs on their way to another pool (lanes `Transactions` and `Courier`).
pub type Gossip = Bounded<Input, MAX_GOSSIP_INPUTS>;

/// A message of lane `Block`.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum BlockMessage {
    /// The round's proposer shows its block.
    Proposed {
        /// The round in which it is proposed.
        round: Round,
        /// The round in which a quorum prevoted for it, if it is proposed again.
        valid_round: Option<Round>,
        /// The block.
        block: Box<Block>,
    } = 1,
    /// Asks for a block under discussion.
    Request {
        /// Its height.
        height: Height,
        /// The header's hash.
        header_hash: Hash,
    } = 2,
    /// Answers a request, with the proposals of this block that the sender has seen.
    Answer {
        /// Rounds and valid rounds.
        proposals: Bounded<(Round, Option<Round>), 16>,
        /// The block.
        block: Box<Block>,
    } = 3,
}

/// A committed block as block sync carries it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SyncedBlock {
    /// The block.
    pub block: Block,
    /// A certificate of its header.
    pub certificate: FinalityCertificate,
}

/// A message of lane `Sync`.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum SyncMessage {
    /// How far the sender is.
    Status {
        /// Its newest durable height.
        height: Height,
        /// The height it is agreeing on; its durable one while it waits for work.
        working_on: Height,
    } = 1,
    /// Asks for committed blocks.
    Request {
        /// The first height.
        first: Height,
        /// At most so many.
        count: u32,
    } = 2,
    /// Consecutive committed blocks; empty when the sender has none of them.
    Blocks(Bounded<SyncedBlock, MAX_SYNC_BLOCKS>) = 3,
}

/// An entry of the replica's log.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LogEntry {
    /// A block under discussion, written before anything that depends on it.
    Body {
        /// Whether this replica built it.
        built_here: bool,
        /// The round in which it was proposed.
        round: Round,
        /// The round in which a quorum prevoted for it, if it was proposed again.
        valid_round: Option<Round>,
        /// The block.
        block: Box<Block>,
    } = 1,
    /// A known block was proposed again.
    Proposed {
        /// The header's hash.
        header_hash: Hash,
        /// The round in which it was proposed.
        round: Round,
        /// The round in which a quorum prevoted for it.
        valid_round: Option<Round>,
    } = 2,
    /// An entry of the consensus instance.
    Consensus(BoundedBytes<{ 4 << 20 }>) = 3,
}
