//! Messages that were received but not dealt with: postponed by a full block, or aside at a lock.
//!
//! Invariants: a lane's waiting messages are taken in order, before anything newer of the lane; messages aside keep
//! their order among themselves and hold nobody else back (R9). What waits counts as received.
//! Bounds: waiting ≤ `max_waiting_messages` + 256 per lane by the inbox's rule; aside ≤ [`MAX_ASIDE_MESSAGES`].

use crate::areas;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::interchain::Message;
use ledger_protocol::{ChainId, Sequence, codec};

/// Most messages of one lane that stand aside; a NOTIFY beyond it ends with a code at once.
///
/// Aside messages take no room from the lane: the Decision that frees the lock may be behind them.
pub const MAX_ASIDE_MESSAGES: u32 = 4_096;

/// A message never encodes to more.
const MESSAGE_LIMIT_BYTES: usize = 256 << 10;

/// Puts a message at the end of its lane's waiting queue.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn postpone(state: &mut BlockState<'_>, message: &Message) -> Result<(), StoreFault> {
    insert(state, areas::WAITING, areas::WAITING_COUNT, message)
}

/// How many messages of a peer wait.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn waiting_count(state: &BlockState<'_>, peer: &ChainId) -> Result<u32, StoreFault> {
    count(state, areas::WAITING_COUNT, peer)
}

/// At most `limit` waiting messages of a peer after a sequence, oldest first.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn waiting_after(
    state: &BlockState<'_>,
    peer: &ChainId,
    after: Option<Sequence>,
    limit: usize,
) -> Result<Vec<Message>, StoreFault> {
    list(state, areas::WAITING, peer, after, limit)
}

/// Removes a waiting message that was dealt with (C16: only then).
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn remove_waiting(state: &mut BlockState<'_>, peer: &ChainId, sequence: Sequence) -> Result<(), StoreFault> {
    remove(state, areas::WAITING, areas::WAITING_COUNT, peer, sequence)
}

/// Puts a message aside; `false` when no more may stand there, and nothing was done.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn put_aside(state: &mut BlockState<'_>, message: &Message) -> Result<bool, StoreFault> {
    if aside_count(state, &message.source)? >= MAX_ASIDE_MESSAGES {
        return Ok(false);
    }
    insert(state, areas::ASIDE, areas::ASIDE_COUNT, message)?;
    Ok(true)
}

/// How many messages of a peer stand aside.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn aside_count(state: &BlockState<'_>, peer: &ChainId) -> Result<u32, StoreFault> {
    count(state, areas::ASIDE_COUNT, peer)
}

/// At most `limit` messages of a peer that stand aside, after a sequence, oldest first.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn aside_after(
    state: &BlockState<'_>,
    peer: &ChainId,
    after: Option<Sequence>,
    limit: usize,
) -> Result<Vec<Message>, StoreFault> {
    list(state, areas::ASIDE, peer, after, limit)
}

/// Removes a message from aside.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn remove_aside(state: &mut BlockState<'_>, peer: &ChainId, sequence: Sequence) -> Result<(), StoreFault> {
    remove(state, areas::ASIDE, areas::ASIDE_COUNT, peer, sequence)
}

fn count(state: &BlockState<'_>, area: &str, peer: &ChainId) -> Result<u32, StoreFault> {
    Ok(state.working_as(area, &areas::of_peer(peer))?.unwrap_or(0))
}

fn insert(state: &mut BlockState<'_>, area: &str, counts: &str, message: &Message) -> Result<(), StoreFault> {
    let key = areas::of_message(&message.source, message.sequence);
    if state.working(area, &key)?.is_none() {
        let more = count(state, counts, &message.source)?.saturating_add(1);
        state.put_working_as(counts, &areas::of_peer(&message.source), &more)?;
    }
    state.put_working(area, &key, &codec::encode(message))
}

/// Removes every message of a peer from `first` on, waiting or aside: after a re-anchor these sequences are given anew.
pub(crate) fn remove_from(state: &mut BlockState<'_>, peer: &ChainId, first: Sequence) -> Result<(), StoreFault> {
    for (area, counts) in [(areas::WAITING, areas::WAITING_COUNT), (areas::ASIDE, areas::ASIDE_COUNT)] {
        loop {
            let after = first.previous();
            let Some(message) = list(state, area, peer, after, 1)?.pop() else { break };
            remove(state, area, counts, peer, message.sequence)?;
        }
    }
    Ok(())
}

/// Drops what a peer sent on a lost branch and waits here. What stands aside has its record and ends by itself.
pub(crate) fn drop_waiting(state: &mut BlockState<'_>, peer: &ChainId) -> Result<(), StoreFault> {
    while let Some(message) = list(state, areas::WAITING, peer, None, 1)?.pop() {
        remove(state, areas::WAITING, areas::WAITING_COUNT, peer, message.sequence)?;
    }
    Ok(())
}

fn remove(
    state: &mut BlockState<'_>,
    area: &str,
    counts: &str,
    peer: &ChainId,
    sequence: Sequence,
) -> Result<(), StoreFault> {
    let key = areas::of_message(peer, sequence);
    if state.working(area, &key)?.is_none() {
        return Ok(());
    }
    state.remove_working(area, &key)?;
    match count(state, counts, peer)?.saturating_sub(1) {
        0 => state.remove_working(counts, &areas::of_peer(peer)),
        left => state.put_working_as(counts, &areas::of_peer(peer), &left),
    }
}

fn list(
    state: &BlockState<'_>,
    area: &str,
    peer: &ChainId,
    after: Option<Sequence>,
    limit: usize,
) -> Result<Vec<Message>, StoreFault> {
    let after = after.map(|sequence| areas::of_message(peer, sequence));
    let rows = state.scan_working(area, &areas::of_peer(peer), after.as_deref(), limit)?;
    rows.into_iter()
        .map(|(_, value)| {
            codec::decode(&value, MESSAGE_LIMIT_BYTES)
                .map_err(|error| StoreFault(format!("a message in area {area} is corrupt: {error}")))
        })
        .collect()
}
