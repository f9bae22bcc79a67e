//! The header of a block: commits to everything the block did and to the whole history before it.

use crate::codec::{Ordered, Tag};
use crate::identifiers::{Address, ChainId, Hash, Height, LedgerId, Round, TimestampMs};
use crate::suite::hash_object;
use borsh::{BorshDeserialize, BorshSerialize};

/// The root of a block tree with the number of its leaves; the root of no leaves is `H('')`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CountedRoot {
    /// RFC 9162 root over the suite's hash (ledgers, outbox, transactions, receipts, changes, events alike).
    pub root: Hash,
    /// Number of leaves.
    pub count: u32,
}

/// A block's header. Its hash is `H(tag ‖ borsh)` by the chain's suite.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Header {
    /// Protocol version in force for this block.
    pub version: u16,
    /// The chain.
    pub chain: ChainId,
    /// The height; consensus starts at 1.
    pub height: Height,
    /// The round in which this block was first built.
    pub round: Round,
    /// Block time; strictly above the parent's.
    pub timestamp_ms: TimestampMs,
    /// Hash of the header before; zero in header 0 only.
    pub parent: Hash,
    /// The validator that built the block; an address with the zero hash in header 0 only.
    pub proposer: Address,
    /// Tree of [`super::InputLeaf`].
    pub transactions: CountedRoot,
    /// Tree of receipts; as many leaves as `transactions`.
    pub receipts: Hash,
    /// Tree of changes.
    pub changes: CountedRoot,
    /// Tree of events.
    pub events: CountedRoot,
    /// Tree of outbox leaves.
    pub outbox: CountedRoot,
    /// Tree of [`LedgerLeaf`].
    pub ledgers: CountedRoot,
    /// Root of the history log over the header hashes of heights `0 … height − 1`.
    pub history: Hash,
    /// Hash of the validator set that certifies this block.
    pub validators_hash: Hash,
    /// Hash of the validator set that certifies the next block.
    pub next_validators_hash: Hash,
    /// Hash of the parameters in force for this block.
    pub parameters_hash: Hash,
    /// Hash of the parameters in force for the next block.
    pub next_parameters_hash: Hash,
}

impl Header {
    /// The header's hash, by its own chain's suite.
    pub fn hash(&self) -> Hash {
        hash_object(self.chain.suite, Tag::HEADER, self)
    }

    /// Whether this header names other validators for the next block than for itself.
    pub fn is_handoff(&self) -> bool {
        self.validators_hash != self.next_validators_hash
    }
}

/// One ledger's state at the end of a block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LedgerLeaf {
    /// The ledger.
    pub ledger: LedgerId,
    /// Version of the ledger's state tree: advances only in blocks that change this ledger.
    pub state_version: u64,
    /// Root of the state tree.
    pub state_root: Hash,
    /// Hash of the ledger's settings.
    pub settings_hash: Hash,
}

impl Ordered for LedgerLeaf {
    type Key = LedgerId;
    fn key(&self) -> LedgerId {
        self.ledger
    }
}
