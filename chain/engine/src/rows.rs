//! Keys and values of the engine's rows in a replica's store.
//!
//! One prefix byte per kind of row; numbers are big endian, so that scans run in order. The first bytes `s t v l`
//! belong to the state.

use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::{StoreFault, StoreReader};
use ledger_protocol::chain::{Header, Parameters, ValidatorSet};
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::merkle::{Frontier, Node};
use ledger_protocol::{Address, ChainId, Hash, Height, Round, Sequence};

/// The newest committed block with what the next one is built from.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tip {
    /// Its header.
    pub header: Header,
    /// Hash of the header.
    pub header_hash: Hash,
    /// The history log up to and including this header.
    pub frontier: Frontier,
    /// The set that certifies the next block.
    pub next_validators: ValidatorSet,
    /// Parameters in force for the next block.
    pub next_parameters: Parameters,
    /// Whether the next block has something to do without inputs.
    pub has_due_work: bool,
    /// Round and proposer of the newest headers, oldest first: what the proposer order follows from.
    pub recent: Vec<RecentBlock>,
    /// Positions in `next_validators` in the order in which they propose the next block.
    pub proposer_order: Vec<u16>,
}

/// What the proposer order remembers of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RecentBlock {
    /// The height.
    pub height: Height,
    /// The round in which it was first built.
    pub round: Round,
    /// Who built it.
    pub proposer: Address,
}

/// Where an input stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct InputPlace {
    /// The block.
    pub height: Height,
    /// The leaf in its transactions and receipts trees.
    pub index: u32,
}

fn at(prefix: &[u8], number: u64) -> Vec<u8> {
    let mut key = prefix.to_vec();
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn of_peer(prefix: &[u8], peer: &ChainId) -> Vec<u8> {
    let mut key = prefix.to_vec();
    key.extend(encode(peer));
    key
}

/// The encoded block.
pub fn block(height: Height) -> Vec<u8> {
    at(b"b", height.0)
}

/// The encoded certificate.
pub fn certificate(height: Height) -> Vec<u8> {
    at(b"c", height.0)
}

/// The hash of a complete subtree of the history log.
pub fn history(node: Node) -> Vec<u8> {
    at(&[b'h', node.level], node.index)
}

/// The [`InputPlace`] of an input by its id or hash.
pub fn input_place(input: &Hash) -> Vec<u8> {
    let mut key = b"i".to_vec();
    key.extend_from_slice(input.as_bytes());
    key
}

/// The messages of a block to a peer; only where there are some.
pub fn messages(peer: &ChainId, height: Height) -> Vec<u8> {
    at(&of_peer(b"o", peer), height.0)
}

/// All outbox leaves of a block.
pub fn outbox_leaves(height: Height) -> Vec<u8> {
    at(b"pl", height.0)
}

/// The height whose block holds the list that begins with this sequence.
pub fn outbox_first(peer: &ChainId, first: Sequence) -> Vec<u8> {
    at(&of_peer(b"ps", peer), first.0)
}

/// The receipts of a block.
pub fn receipts(height: Height) -> Vec<u8> {
    at(b"r", height.0)
}

/// The leaves of a block's changes tree.
pub fn changes(height: Height) -> Vec<u8> {
    at(b"g", height.0)
}

/// The leaves of a block's events tree.
pub fn events(height: Height) -> Vec<u8> {
    at(b"e", height.0)
}

/// The [`Tip`].
pub fn tip() -> Vec<u8> {
    b"mt".to_vec()
}

/// The header of a height.
pub fn header(height: Height) -> Vec<u8> {
    at(b"mh", height.0)
}

/// A validator set by its hash.
pub fn validators(hash: &Hash) -> Vec<u8> {
    let mut key = b"mv".to_vec();
    key.extend_from_slice(hash.as_bytes());
    key
}

/// Parameters by their hash.
pub fn parameters(hash: &Hash) -> Vec<u8> {
    let mut key = b"mp".to_vec();
    key.extend_from_slice(hash.as_bytes());
    key
}

/// The transactions tree's leaves of a block: with them the ids of the replay window.
pub fn input_leaves(height: Height) -> Vec<u8> {
    at(b"mr", height.0)
}

/// The leaves of a block's ledgers tree.
pub fn ledgers(height: Height) -> Vec<u8> {
    at(b"ml", height.0)
}

/// A header that names other validators for the next block than for itself; the value is empty.
pub fn handoff(height: Height) -> Vec<u8> {
    at(b"mn", height.0)
}

/// The first key after every key that begins with `prefix`.
pub fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    end
}

/// Reads and decodes a row.
///
/// # Errors
/// [`StoreFault`] on I/O and for a row that does not decode.
pub fn read<T: BorshDeserialize>(reader: &dyn StoreReader, key: &[u8]) -> Result<Option<T>, StoreFault> {
    match reader.get(key)? {
        None => Ok(None),
        Some(bytes) => decode(&bytes, usize::MAX).map(Some).map_err(|error| damaged(key, &error)),
    }
}

pub(crate) fn damaged(key: &[u8], error: &dyn std::fmt::Display) -> StoreFault {
    let kind: String = key.iter().take(2).map(|byte| char::from(*byte)).collect();
    StoreFault(format!("a row of kind {kind:?} does not decode: {error}"))
}
