//! The stored locks and reservations, grouped by key.
//!
//! A working key holds ledger, account and the first [`KEY_BYTES`] bytes of the key; longer keys that share them stand
//! in one group, each with its full key. So a prefix of keys is a range of groups.

use super::account::{self, PrefixHold};
use super::{Holder, MAX_HOLDERS};
use crate::block_state::BlockState;
use crate::store::StoreFault;
use borsh::{BorshDeserialize, BorshSerialize};
use ledger_protocol::proposal::{AccessKind, LockKey, ScopeEntry};
use ledger_protocol::transaction::StateKey;
use ledger_protocol::{AccountName, LedgerId};
use std::collections::BTreeMap;

/// Bytes of a key that a group's working key holds: with ledger and account they fill 256 bytes at most.
const KEY_BYTES: usize = 180;
/// Groups looked at together in a range.
const PAGE: usize = 64;

/// The two areas of working entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Shared and exclusive locks.
    Lock,
    /// Amounts reserved on counters.
    Reservation,
}

impl Kind {
    const fn area(self) -> &'static str {
        match self {
            Self::Lock => "locks",
            Self::Reservation => "reservations",
        }
    }
}

/// A lock or reservation of a key; as found on a key also a prefix lock over it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(crate) struct Hold {
    pub(crate) key: StateKey,
    pub(crate) holder: Holder,
    pub(crate) access: AccessKind,
}

fn group_key(ledger: LedgerId, account: &AccountName, key: &[u8]) -> Vec<u8> {
    let mut group = account::header(ledger, account);
    group.extend(key.iter().take(KEY_BYTES));
    group
}

fn kind_of(access: AccessKind) -> Kind {
    match access {
        AccessKind::Delta(_) => Kind::Reservation,
        AccessKind::Shared | AccessKind::Exclusive | AccessKind::PrefixShared => Kind::Lock,
    }
}

fn group(state: &BlockState<'_>, kind: Kind, group_key: &[u8]) -> Result<Vec<Hold>, StoreFault> {
    Ok(state.working_as(kind.area(), group_key)?.unwrap_or_default())
}

/// Everything held on one key: locks, reservations, then prefix locks over it.
pub(crate) fn holds_on_key(state: &BlockState<'_>, key: &LockKey) -> Result<Vec<Hold>, StoreFault> {
    let summary = account::read(state, key.ledger, &key.account)?;
    let mut holds = Vec::new();
    if summary.held_keys > 0 {
        let group_key = group_key(key.ledger, &key.account, &key.key);
        for kind in [Kind::Lock, Kind::Reservation] {
            holds.extend(group(state, kind, &group_key)?.into_iter().filter(|hold| hold.key == key.key));
        }
    }
    let over = summary.prefixes.into_iter().filter(|hold| key.key.starts_with(&hold.prefix));
    holds.extend(over.map(|PrefixHold { prefix, holder }| Hold {
        key: prefix,
        holder,
        access: AccessKind::PrefixShared,
    }));
    Ok(holds)
}

/// A range of single keys: those that begin with `prefix`, above `after`, at most `last`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range<'r> {
    pub(crate) ledger: LedgerId,
    pub(crate) account: &'r AccountName,
    pub(crate) prefix: &'r [u8],
    pub(crate) after: Option<&'r StateKey>,
    pub(crate) last: Option<&'r StateKey>,
}

impl Range<'_> {
    fn contains(&self, key: &StateKey) -> bool {
        key.starts_with(self.prefix)
            && self.after.is_none_or(|after| key > after)
            && self.last.is_none_or(|last| key <= last)
    }
}

/// The least hold of a single key in a range that `is_wanted` picks.
pub(crate) fn first_in_range(
    state: &BlockState<'_>,
    range: &Range<'_>,
    is_wanted: impl Fn(&Hold) -> bool,
) -> Result<Option<Hold>, StoreFault> {
    let groups = group_key(range.ledger, range.account, range.prefix);
    let mut first: Option<Hold> = None;
    for kind in [Kind::Lock, Kind::Reservation] {
        let mut seen: Option<Vec<u8>> = None;
        loop {
            let page = state.scan_working(kind.area(), &groups, seen.as_deref(), PAGE)?;
            let is_last_page = page.len() < PAGE;
            seen = page.last().map(|(key, _)| key.clone());
            let mut found = None;
            for (_, bytes) in page {
                let holds: Vec<Hold> = crate::rows::decode("group of locks", &bytes)?;
                found = holds.into_iter().find(|hold| range.contains(&hold.key) && is_wanted(hold));
                if found.is_some() {
                    break;
                }
            }
            if let Some(found) = found {
                first = Some(first.take().map_or(found.clone(), |first| first.min(found)));
                break;
            }
            if is_last_page {
                break;
            }
        }
    }
    Ok(first)
}

/// The first entry of a scope for which there is no room.
pub(super) fn room(
    state: &BlockState<'_>,
    holder: &Holder,
    scope: &[ScopeEntry],
) -> Result<Option<LockKey>, StoreFault> {
    let mut sizes: BTreeMap<(Kind, Vec<u8>), usize> = BTreeMap::new();
    let mut prefixes: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for entry in scope {
        let LockKey { ledger, account, key } = &entry.key;
        let size = if entry.access == AccessKind::PrefixShared {
            let header = account::header(*ledger, account);
            let size = match prefixes.get(&header) {
                Some(size) => *size,
                None => account::read(state, *ledger, account)?.prefixes.len(),
            };
            prefixes.insert(header, size + 1);
            size
        } else {
            let kind = kind_of(entry.access);
            let group_key = group_key(*ledger, account, key);
            let size = match sizes.get(&(kind, group_key.clone())) {
                Some(size) => *size,
                None => group(state, kind, &group_key)?.iter().filter(|hold| hold.holder != *holder).count(),
            };
            sizes.insert((kind, group_key), size + 1);
            size
        };
        if size >= MAX_HOLDERS {
            return Ok(Some(entry.key.clone()));
        }
    }
    Ok(None)
}

/// Adds one entry of a holder; one that is there already is replaced.
pub(super) fn insert(state: &mut BlockState<'_>, holder: &Holder, entry: &ScopeEntry) -> Result<(), StoreFault> {
    remove(state, holder, entry)?;
    let LockKey { ledger, account, key } = &entry.key;
    let mut summary = account::read(state, *ledger, account)?;
    if entry.access == AccessKind::PrefixShared {
        summary.prefixes.push(PrefixHold { prefix: key.clone(), holder: *holder });
        summary.prefixes.sort();
    } else {
        let kind = kind_of(entry.access);
        let group_key = group_key(*ledger, account, key);
        let mut holds = group(state, kind, &group_key)?;
        holds.push(Hold { key: key.clone(), holder: *holder, access: entry.access });
        holds.sort();
        state.put_working_as(kind.area(), &group_key, &holds)?;
        summary.held_keys += 1;
    }
    account::write(state, *ledger, account, &summary)
}

/// Takes one entry of a holder away.
pub(super) fn remove(state: &mut BlockState<'_>, holder: &Holder, entry: &ScopeEntry) -> Result<(), StoreFault> {
    let LockKey { ledger, account, key } = &entry.key;
    let mut summary = account::read(state, *ledger, account)?;
    if entry.access == AccessKind::PrefixShared {
        summary.prefixes.retain(|hold| hold.holder != *holder || hold.prefix != *key);
    } else {
        let kind = kind_of(entry.access);
        let group_key = group_key(*ledger, account, key);
        let mut holds = group(state, kind, &group_key)?;
        let before = holds.len();
        holds.retain(|hold| hold.holder != *holder || hold.key != *key);
        if holds.len() == before {
            return Ok(());
        }
        if holds.is_empty() {
            state.remove_working(kind.area(), &group_key)?;
        } else {
            state.put_working_as(kind.area(), &group_key, &holds)?;
        }
        summary.held_keys -= 1;
    }
    account::write(state, *ledger, account, &summary)
}
