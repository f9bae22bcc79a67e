//! Outbox leaves under a header and message lists under a leaf.
//!
//! Invariant: a list is complete, gapless and bound to (source, destination, sequence) message by message.

use super::error::ClientError;
use crate::chain::Header;
use crate::codec::encode;
use crate::identifiers::{ChainId, Hash, Height};
use crate::interchain::{HistoryPath, LeafPath, MAX_LIST_BYTES, MAX_LIST_MESSAGES, Message, OutboxLeaf};
use crate::merkle::{LeafHash, MerkleError, Tree, empty_root, verify_inclusion};
use crate::suite::Suite;

/// The history log's leaf for a header hash: the data is the 32 bytes of the hash.
pub fn history_leaf(suite: Suite, header_hash: &Hash) -> LeafHash {
    LeafHash::of(suite, header_hash.as_bytes())
}

/// That `hash` stands at `height` in the history of `newer`.
pub(in crate::proof) fn verify_in_history(
    newer: &Header,
    height: Height,
    hash: &Hash,
    path: &HistoryPath,
) -> Result<(), MerkleError> {
    let suite = newer.chain.suite;
    let recomputed = verify_inclusion(suite, history_leaf(suite, hash), height.0, newer.height.0, path)?;
    let _verified = recomputed.expect_root(&newer.history)?;
    Ok(())
}

/// What a message counts against the limit of a list: its whole encoding.
pub fn message_bytes(message: &Message) -> usize {
    encode(message).len()
}

/// Verifies the outbox leaf for `receiver` under a header's outbox root.
///
/// The header is the caller's to vouch for. A leaf without messages has the empty root and a leaf never claims more
/// than a list may hold.
///
/// # Errors
/// [`ClientError::OtherChain`] for another receiver's leaf, [`ClientError::Leaf`], [`ClientError::Path`].
pub fn verify_leaf(header: &Header, proof: &LeafPath, receiver: &ChainId) -> Result<OutboxLeaf, ClientError> {
    let suite = header.chain.suite;
    let leaf = proof.leaf;
    if leaf.peer != *receiver {
        return Err(ClientError::OtherChain { got: leaf.peer, expected: *receiver });
    }
    if usize::try_from(leaf.count).map_or(true, |count| count > MAX_LIST_MESSAGES) {
        return Err(ClientError::Leaf("more messages than a list may hold"));
    }
    if (leaf.count == 0) != (leaf.messages_root == empty_root(suite)) {
        return Err(ClientError::Leaf("the root of no messages belongs to count 0 and only to it"));
    }
    if leaf.follows.header_hash_on_peer.suite != receiver.suite {
        return Err(ClientError::Leaf("the followed header is hashed by another suite than the peer's"));
    }
    leaf.next_sequence().ok_or(ClientError::Range)?;
    let data = LeafHash::of(suite, &encode(&leaf));
    let _verified = verify_inclusion(suite, data, proof.index.into(), header.outbox.count.into(), &proof.path)
        .and_then(|recomputed| recomputed.expect_root(&header.outbox.root))
        .map_err(ClientError::path("outbox leaf"))?;
    Ok(leaf)
}

/// Verifies the complete list of `source` under a verified leaf; returns the encoded bytes that it counts.
///
/// # Errors
/// [`ClientError::List`] names what differs, [`ClientError::TooMuch`] above the limits.
pub fn verify_list(source: &ChainId, leaf: &OutboxLeaf, messages: &[Message]) -> Result<usize, ClientError> {
    if usize::try_from(leaf.count).ok() != Some(messages.len()) {
        return Err(ClientError::List("another count"));
    }
    let mut bytes = 0usize;
    let mut encoded = Vec::with_capacity(messages.len());
    for (offset, message) in (0u64..).zip(messages) {
        if message.source != *source || message.destination != leaf.peer {
            return Err(ClientError::List("a message of another lane"));
        }
        if Some(message.sequence) != leaf.first.checked_add(offset) {
            return Err(ClientError::List("a sequence out of place"));
        }
        let data = encode(message);
        bytes = bytes.saturating_add(data.len());
        encoded.push(data);
    }
    if messages.len() > MAX_LIST_MESSAGES || bytes > MAX_LIST_BYTES {
        return Err(ClientError::TooMuch { messages: messages.len(), bytes });
    }
    if leaf.messages_root.is_zero() || Tree::new(source.suite, &encoded).root() != leaf.messages_root {
        return Err(ClientError::List("another root"));
    }
    Ok(bytes)
}
