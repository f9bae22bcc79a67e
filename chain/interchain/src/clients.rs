//! Light-client records: what this chain trusts of others (R7), and the validator sets its history names (R8).
//!
//! Invariants: a head or hand-off moves a client only upwards; the highest known height never falls, not even by a
//! re-anchor (S5); the record and the trusted header with its set always name the same header.

use crate::areas;
use chain_state::{BlockState, Place, StoreFault};
use ledger_protocol::chain::Header;
use ledger_protocol::proof::client::TrustedHeader;
use ledger_protocol::system::{ClientRecord, accounts, client_key};
use ledger_protocol::{ChainId, Hash, Height};

/// Validator sets kept per chain for judging evidence; older ones fall away, and what they signed counts as the
/// oldest kept one's.
const MAX_SETS: usize = 256;

fn place(chain: &ChainId) -> Place {
    Place::system(accounts::CLIENTS, client_key(chain))
}

/// The light-client record of a chain.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn client(state: &BlockState<'_>, chain: &ChainId) -> Result<Option<ClientRecord>, StoreFault> {
    state.record(&place(chain))
}

/// What is trusted of a chain, with the whole validator set.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn trusted(state: &BlockState<'_>, chain: &ChainId) -> Result<Option<TrustedHeader>, StoreFault> {
    state.working_as(areas::TRUSTED, &areas::of_peer(chain))
}

/// The highest height of a chain ever known here; never falls (S5).
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn highest_known_height(state: &BlockState<'_>, chain: &ChainId) -> Result<Option<Height>, StoreFault> {
    state.working_as(areas::KNOWN_HEIGHT, &areas::of_peer(chain))
}

/// Height and hash of the last registration or re-anchor header.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn anchor(state: &BlockState<'_>, chain: &ChainId) -> Result<Option<(Height, Hash)>, StoreFault> {
    state.working_as(areas::ANCHOR, &areas::of_peer(chain))
}

/// Opens the client of a chain: a registration on the relay, the relay anchor on a subchain. Setting the anchor again
/// keeps the inbox counter (§7) and the highest known height.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn open_client(state: &mut BlockState<'_>, header: &TrustedHeader) -> Result<(), StoreFault> {
    set_anchor(state, header, None)
}

/// Removes the client of a retired chain; its record stays.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn close_client(state: &mut BlockState<'_>, chain: &ChainId) -> Result<(), StoreFault> {
    let key = areas::of_peer(chain);
    for area in [areas::TRUSTED, areas::TRUSTED_HISTORY, areas::ANCHOR] {
        state.remove_working(area, &key)?;
    }
    for (key, _) in state.scan_working(areas::SETS, &areas::of_peer(chain), None, MAX_SETS)? {
        state.remove_working(areas::SETS, &key)?;
    }
    Ok(())
}

/// Moves the client to a verified head that hands nothing off.
///
/// # Errors
/// [`StoreFault`] on I/O, and when the chain has no client.
///
/// # Panics
/// When the height does not rise: verification demands it.
pub fn accept_head(state: &mut BlockState<'_>, header: &Header, head: &TrustedHeader) -> Result<(), StoreFault> {
    let record = existing(state, &head.chain)?;
    assert!(head.height > record.height_on_source, "a head moves a client only upwards");
    store(state, head, Some(header.history), record.last_handoff_height_on_source)
}

/// Moves the client over a verified hand-off.
///
/// # Errors
/// [`StoreFault`] on I/O, and when the chain has no client.
///
/// # Panics
/// When the height does not rise: verification demands it.
pub fn accept_handoff(state: &mut BlockState<'_>, header: &Header, next: &TrustedHeader) -> Result<(), StoreFault> {
    let record = existing(state, &next.chain)?;
    assert!(next.height > record.height_on_source, "a hand-off moves a client only upwards");
    store(state, next, Some(header.history), next.height)?;
    name_set(state, next)
}

/// The history root of the trusted header, where a header was shown.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn trusted_history(state: &BlockState<'_>, chain: &ChainId) -> Result<Option<Hash>, StoreFault> {
    state.working_as(areas::TRUSTED_HISTORY, &areas::of_peer(chain))
}

/// Which set certifies which heights, ascending by the first height, as the trusted history names them.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn named_sets(state: &BlockState<'_>, chain: &ChainId) -> Result<Vec<(Height, Hash)>, StoreFault> {
    let rows = state.scan_working(areas::SETS, &areas::of_peer(chain), None, MAX_SETS)?;
    rows.into_iter()
        .map(|(key, value)| {
            let from = areas::number_at_end(&key).map(Height);
            let hash = <[u8; 32]>::try_from(value.as_slice()).map(Hash).ok();
            from.zip(hash).ok_or_else(|| StoreFault("an entry of the validator sets is corrupt".into()))
        })
        .collect()
}

fn existing(state: &BlockState<'_>, chain: &ChainId) -> Result<ClientRecord, StoreFault> {
    client(state, chain)?.ok_or_else(|| StoreFault(format!("no client of chain {chain:?} to move")))
}

/// Trusts a header as a registration, relay anchor or re-anchor: evidence at or below it is old (R8).
pub(crate) fn set_anchor(
    state: &mut BlockState<'_>,
    header: &TrustedHeader,
    history: Option<Hash>,
) -> Result<(), StoreFault> {
    // Sets that only a dropped branch names are no longer anybody's.
    let after = areas::of_height(&header.chain, header.height);
    for (key, _) in state.scan_working(areas::SETS, &areas::of_peer(&header.chain), Some(&after), MAX_SETS)? {
        state.remove_working(areas::SETS, &key)?;
    }
    let anchor = (header.height, header.header_hash);
    state.put_working_as(areas::ANCHOR, &areas::of_peer(&header.chain), &anchor)?;
    store(state, header, history, header.height)?;
    name_set(state, header)
}

/// Gives a client another header by the word of one's own governance alone: what the chain sent up to there is void.
pub(crate) fn anchor_anew(state: &mut BlockState<'_>, header: &TrustedHeader) -> Result<(), StoreFault> {
    set_anchor(state, header, None)?;
    state.put_working_as(areas::LIST_FLOOR, &areas::of_peer(&header.chain), &header.height)
}

/// Height at or below which lists of a chain are void.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn list_floor(state: &BlockState<'_>, chain: &ChainId) -> Result<Option<Height>, StoreFault> {
    state.working_as(areas::LIST_FLOOR, &areas::of_peer(chain))
}

/// Writes record and working entries of one trusted header.
fn store(
    state: &mut BlockState<'_>,
    header: &TrustedHeader,
    history: Option<Hash>,
    last_handoff: Height,
) -> Result<(), StoreFault> {
    let key = areas::of_peer(&header.chain);
    let record = ClientRecord {
        chain: header.chain,
        kind: header.kind,
        height_on_source: header.height,
        header_hash_on_source: header.chain.suite.foreign(header.header_hash),
        timestamp_ms_on_source: header.timestamp_ms,
        next_validators_hash_on_source: header.next_validators_hash(),
        last_handoff_height_on_source: last_handoff,
    };
    state.put_record(&place(&header.chain), &record)?;
    state.put_working_as(areas::TRUSTED, &key, header)?;
    match history {
        Some(root) => state.put_working_as(areas::TRUSTED_HISTORY, &key, &root)?,
        None => state.remove_working(areas::TRUSTED_HISTORY, &key)?,
    }
    let known = highest_known_height(state, &header.chain)?;
    if known.is_none_or(|height| header.height > height) {
        state.put_working_as(areas::KNOWN_HEIGHT, &key, &header.height)?;
    }
    Ok(())
}

/// Remembers which set certifies the heights after `header`.
fn name_set(state: &mut BlockState<'_>, header: &TrustedHeader) -> Result<(), StoreFault> {
    let from = header.height.next().ok_or_else(|| StoreFault("a height left its range".into()))?;
    let key = areas::of_height(&header.chain, from);
    state.put_working(areas::SETS, &key, header.next_validators_hash().as_bytes())?;
    let kept = state.scan_working(areas::SETS, &areas::of_peer(&header.chain), None, MAX_SETS.saturating_add(1))?;
    if kept.len() > MAX_SETS
        && let Some((oldest, _)) = kept.first()
    {
        state.remove_working(areas::SETS, oldest)?;
    }
    Ok(())
}
