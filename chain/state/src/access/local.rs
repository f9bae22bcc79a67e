//! Access by a local transaction.

use super::{AccessError, fits};
use crate::block_state::BlockState;
use crate::locks::{self, counter, holds_on_key, reserved};
use crate::place::Place;
use ledger_protocol::AccountName;
use ledger_protocol::LedgerId;
use ledger_protocol::proposal::AccessKind;
use ledger_protocol::transaction::{StateContent, StateKey, StateValue};

/// Refuses when a hold on the key is not compatible with this use.
fn check(state: &BlockState<'_>, place: &Place, access: AccessKind) -> Result<(), AccessError> {
    #[cfg(feature = "planted-bugs")]
    if planted::is(planted::Plant::LockIgnoredLocally) {
        return Ok(());
    }
    let holds = holds_on_key(state, &place.lock_key())?;
    match holds.iter().find(|hold| !hold.access.is_compatible_with(access)) {
        Some(hold) => Err(AccessError::Locked(hold.holder.id)),
        None => Ok(()),
    }
}

pub(super) fn get(state: &BlockState<'_>, place: &Place) -> Result<Option<StateValue>, AccessError> {
    check(state, place, AccessKind::Shared)?;
    Ok(state.live(place)?)
}

/// The live value of a key that this transaction may write.
pub(super) fn exclusive(state: &BlockState<'_>, place: &Place) -> Result<Option<StateValue>, AccessError> {
    check(state, place, AccessKind::Exclusive)?;
    Ok(state.live(place)?)
}

pub(super) fn set(state: &mut BlockState<'_>, place: &Place, content: StateContent) -> Result<(), AccessError> {
    check(state, place, AccessKind::Exclusive)?;
    state.inspect(place, |now| fits(now.filter(|now| crate::block_state::is_live(now)), &content))??;
    state.put(place, content)?;
    Ok(())
}

pub(super) fn delete(state: &mut BlockState<'_>, place: &Place) -> Result<(), AccessError> {
    if exclusive(state, place)?.is_none() {
        return Err(AccessError::Absent);
    }
    state.delete(place)?;
    Ok(())
}

pub(super) fn add(state: &mut BlockState<'_>, place: &Place, amount: i64) -> Result<(), AccessError> {
    check(state, place, AccessKind::Delta(amount))?;
    let counter = counter(state, place)??;
    let reserved = reserved(state, &place.lock_key(), None)?;
    #[cfg(feature = "planted-bugs")]
    let reserved =
        if planted::is(planted::Plant::ReserveIgnoredLocally) { locks::Reserved::default() } else { reserved };
    if !counter.admits(reserved, amount) {
        return Err(AccessError::Bound);
    }
    state.put(place, counter.plus(amount)?)?;
    Ok(())
}

pub(super) fn scan(
    state: &BlockState<'_>,
    ledger: LedgerId,
    account: &AccountName,
    prefix: &[u8],
    after: Option<&StateKey>,
    limit: usize,
) -> Result<Vec<(StateKey, StateValue)>, AccessError> {
    let found = state.scan(ledger, account, prefix, after, limit)?;
    match locks::unreadable_in(state, ledger, account, prefix, after, covered(&found, limit))? {
        Some(hold) => Err(AccessError::Locked(hold.holder.id)),
        None => Ok(found),
    }
}

/// The last key that an answer says something about; `None` when it covers the range to its end.
pub(super) fn covered(found: &[(StateKey, StateValue)], limit: usize) -> Option<&StateKey> {
    if found.len() < limit { None } else { found.last().map(|(key, _)| key) }
}
