//! The outbox: messages are numbered when they are enqueued and leave in order, at most one list per peer and block.
//!
//! Invariants: sequences of one (source, destination) are gapless from 0 over all blocks; a block's list is what its
//! leaf commits to; what does not fit stays, in order. Bounds: 256 messages and 256 KiB per peer and block.

use crate::areas;
use crate::clients::client;
use crate::inbox::next_expected;
use crate::reanchor::reanchors;
use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::{BlockState, OutboxEntry, StoreFault};
use ledger_protocol::codec::{BoundedBytes, encode};
use ledger_protocol::interchain::{Follows, MAX_LIST_BYTES, MAX_LIST_MESSAGES, Message, MessageContent, OutboxLeaf};
use ledger_protocol::merkle::Tree;
use ledger_protocol::{ChainId, Sequence};

/// A message's payload.
type Payload = BoundedBytes<{ 160 << 10 }>;

/// Queue rows read at once: large payloads must not be read 256 at a time for a list that holds two of them.
const CHUNK: usize = 16;

/// Why a message is not enqueued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnqueueError {
    /// The encoded content is longer than a message may be.
    #[error("a message of {0} bytes is too long")]
    TooLong(usize),
    /// I/O.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

#[derive(Debug, Clone, Copy, Default, BorshSerialize, BorshDeserialize)]
struct Counters {
    /// The next sequence to give.
    assigned: Sequence,
    /// The next sequence to leave.
    sent: Sequence,
}

fn counters(state: &BlockState<'_>, peer: &ChainId) -> Result<Counters, StoreFault> {
    Ok(state.working_as(areas::OUTBOX_COUNTERS, &areas::of_peer(peer))?.unwrap_or_default())
}

/// Enqueues a message; returns its sequence. It leaves in this block or, when the list is full, in a later one.
///
/// # Errors
/// [`EnqueueError`].
pub fn enqueue(state: &mut BlockState<'_>, peer: &ChainId, content: &MessageContent) -> Result<Sequence, EnqueueError> {
    let payload = content.to_payload();
    let length = payload.len();
    let payload = Payload::new(payload).map_err(|_| EnqueueError::TooLong(length))?;
    Ok(enqueue_payload(state, peer, &payload)?)
}

/// Enqueues an encoded content.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn enqueue_payload(state: &mut BlockState<'_>, peer: &ChainId, payload: &Payload) -> Result<Sequence, StoreFault> {
    let before = counters(state, peer)?;
    let sequence = before.assigned;
    let assigned = sequence.next().ok_or_else(|| StoreFault("a sequence left its range".into()))?;
    state.put_working(areas::OUTBOX, &areas::of_message(peer, sequence), payload)?;
    state.put_working_as(areas::OUTBOX_COUNTERS, &areas::of_peer(peer), &Counters { assigned, ..before })?;
    Ok(sequence)
}

/// The sequence that the next enqueued message gets.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn next_sequence(state: &BlockState<'_>, peer: &ChainId) -> Result<Sequence, StoreFault> {
    Ok(counters(state, peer)?.assigned)
}

/// The sequence after the last message that stands in a block.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn sent(state: &BlockState<'_>, peer: &ChainId) -> Result<Sequence, StoreFault> {
    Ok(counters(state, peer)?.sent)
}

/// Drops what waits to leave to a peer.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn drop_queued(state: &mut BlockState<'_>, peer: &ChainId) -> Result<(), StoreFault> {
    let sent = counters(state, peer)?.sent;
    renumber(state, peer, sent)
}

/// After a re-anchor of this very chain: drops what waits to leave to a peer and goes on with the number that the peer
/// expects. It has counted messages of the lost branch, and takes no list from before its new anchor (ADR 0013).
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn renumber(state: &mut BlockState<'_>, peer: &ChainId, next: Sequence) -> Result<(), StoreFault> {
    loop {
        let rows = state.scan_working(areas::OUTBOX, &areas::of_peer(peer), None, CHUNK)?;
        if rows.is_empty() {
            break;
        }
        for (key, _) in rows {
            state.remove_working(areas::OUTBOX, &key)?;
        }
    }
    let next = Counters { assigned: next, sent: next };
    state.put_working_as(areas::OUTBOX_COUNTERS, &areas::of_peer(peer), &next)
}

/// How many messages wait to leave.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn queued(state: &BlockState<'_>, peer: &ChainId) -> Result<u64, StoreFault> {
    let counters = counters(state, peer)?;
    Ok(counters.assigned.0.saturating_sub(counters.sent.0))
}

/// Whether messages to one of these peers wait for a later block; asked after [`close_block`].
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn has_backlog(state: &BlockState<'_>, peers: &[ChainId]) -> Result<bool, StoreFault> {
    for peer in peers {
        if queued(state, peer)? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Closes the block: one leaf per peer, ascending, with the complete list beneath it. Called once, after everything
/// that enqueues or consumes.
///
/// # Errors
/// [`StoreFault`] on I/O, and for a peer that this chain has no client of: every peer is followed.
pub fn close_block(
    state: &mut BlockState<'_>,
    own: &ChainId,
    peers: &[ChainId],
) -> Result<Vec<OutboxEntry>, StoreFault> {
    let mut peers = peers.to_vec();
    peers.sort();
    peers.dedup();
    peers.iter().map(|peer| close_lane(state, own, peer)).collect()
}

fn close_lane(state: &mut BlockState<'_>, own: &ChainId, peer: &ChainId) -> Result<OutboxEntry, StoreFault> {
    let before = counters(state, peer)?;
    let (messages, encoded) = take(state, own, peer, before)?;
    let count = u32::try_from(messages.len()).map_err(|_| StoreFault("a list left its range".into()))?;
    if count > 0 {
        let sent =
            before.sent.checked_add(count.into()).ok_or_else(|| StoreFault("a sequence left its range".into()))?;
        state.put_working_as(areas::OUTBOX_COUNTERS, &areas::of_peer(peer), &Counters { sent, ..before })?;
    }
    let record = client(state, peer)?.ok_or_else(|| StoreFault(format!("no client of peer {peer:?}")))?;
    let leaf = OutboxLeaf {
        peer: *peer,
        first: before.sent,
        count,
        received: next_expected(state, peer)?,
        reanchored: reanchors(state, peer)?,
        follows: Follows { height_on_peer: record.height_on_source, header_hash_on_peer: record.header_hash_on_source },
        messages_root: Tree::new(own.suite, &encoded).root(),
    };
    Ok(OutboxEntry { leaf, messages })
}

/// Takes the next list out of a peer's queue, with each message's encoding.
fn take(
    state: &mut BlockState<'_>,
    own: &ChainId,
    peer: &ChainId,
    counters: Counters,
) -> Result<(Vec<Message>, Vec<Vec<u8>>), StoreFault> {
    let prefix = areas::of_peer(peer);
    let (mut messages, mut encoded) = (Vec::new(), Vec::new());
    let mut bytes = 0usize;
    let mut sequence = counters.sent;
    'list: while sequence < counters.assigned && messages.len() < MAX_LIST_MESSAGES {
        let rows = state.scan_working(areas::OUTBOX, &prefix, None, CHUNK)?;
        if rows.is_empty() {
            return Err(StoreFault(format!("message {sequence} to {peer:?} is not in the queue")));
        }
        for (key, payload) in rows {
            if areas::number_at_end(&key) != Some(sequence.0) {
                return Err(StoreFault(format!("message {sequence} to {peer:?} is not in the queue")));
            }
            let payload = Payload::new(payload).map_err(|error| StoreFault(error.to_string()))?;
            let message = Message { source: *own, destination: *peer, sequence, payload };
            let data = encode(&message);
            bytes = bytes.saturating_add(data.len());
            if bytes > MAX_LIST_BYTES || messages.len() >= MAX_LIST_MESSAGES {
                break 'list;
            }
            state.remove_working(areas::OUTBOX, &key)?;
            messages.push(message);
            encoded.push(data);
            sequence = sequence.next().ok_or_else(|| StoreFault("a sequence left its range".into()))?;
        }
    }
    Ok((messages, encoded))
}
