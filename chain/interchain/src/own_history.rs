//! This chain's own recent header hashes, kept in the state so that every replica judges a peer's `follows` alike.
//!
//! A replica that joined by a snapshot holds the same entries; its history store may not reach back as far.
//! Bound: [`OWN_HISTORY_BLOCKS`] entries.

use crate::areas;
use chain_state::{BlockState, StoreFault};
use ledger_protocol::{Hash, Height};

/// How far back a peer's `follows` is judged. A peer further behind acknowledges nothing until it has caught up.
pub const OWN_HISTORY_BLOCKS: u64 = 65_536;

/// What a (height, hash) is to this chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnHeader {
    /// A header of this very chain.
    Own,
    /// Not in this chain's history.
    Foreign,
    /// Too far back to say.
    Forgotten,
}

/// Remembers the header before this block; called once per block, at its start.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn remember_parent(state: &mut BlockState<'_>, parent: Hash) -> Result<(), StoreFault> {
    let Some(height) = state.height().previous() else {
        return Ok(());
    };
    state.put_working(areas::OWN_HEADERS, &height.0.to_be_bytes(), parent.as_bytes())?;
    if let Some(old) = height.0.checked_sub(OWN_HISTORY_BLOCKS) {
        state.remove_working(areas::OWN_HEADERS, &old.to_be_bytes())?;
    }
    Ok(())
}

/// Judges a header that a peer claims to follow.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn own_header(state: &BlockState<'_>, height: Height, hash: &Hash) -> Result<OwnHeader, StoreFault> {
    if height >= state.height() {
        return Ok(OwnHeader::Foreign);
    }
    Ok(match state.working(areas::OWN_HEADERS, &height.0.to_be_bytes())? {
        Some(known) if known == hash.as_bytes() => OwnHeader::Own,
        Some(_) => OwnHeader::Foreign,
        None => OwnHeader::Forgotten,
    })
}
