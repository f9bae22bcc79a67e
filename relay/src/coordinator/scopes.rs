//! What every open proposal holds or waits for, per key (R6): an index that answers "does something incompatible come
//! before me" without reading the whole queue of a key.
//!
//! One entry per scope item of the voting legs, keyed by (chain, ledger, account, hash of the key, access, arrival): a
//! key itself may be as long as a working key. Entries of one access kind stand together in order of arrival, so that
//! the first of each kind decides: a thousand deltas on one counter cost a newcomer one look per incompatible kind.
//! Prefixes stand apart; an exact key meets all prefixes of its account, a prefix all exact keys of it.

use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::proposal::{AccessKind, Leg, LockKey, ScopeEntry};
use ledger_protocol::transaction::StateKey;
use ledger_protocol::{ChainId, ProposalId, Suite};
use std::collections::BTreeSet;

/// Working area of exact keys.
const EXACT: &str = "scope-exact";
/// Working area of prefixes.
const PREFIX: &str = "scope-prefix";
/// Entries read at first; each further page is twice as long, up to [`PAGE_MAX`].
const PAGE: usize = 8;
/// Most entries read at once.
const PAGE_MAX: usize = 256;

/// The ways of using an exact key, as they stand in an entry's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Kind {
    Shared = 1,
    Exclusive = 2,
    Delta = 4,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Shared, Self::Exclusive, Self::Delta];

    /// The kind of an exact key's use, `None` for a prefix.
    const fn of(access: AccessKind) -> Option<Self> {
        match access {
            AccessKind::Shared => Some(Self::Shared),
            AccessKind::Exclusive => Some(Self::Exclusive),
            AccessKind::Delta(_) => Some(Self::Delta),
            AccessKind::PrefixShared => None,
        }
    }

    /// A use of this kind; whether two uses are compatible does not depend on a delta's amount.
    const fn access(self) -> AccessKind {
        match self {
            Self::Shared => AccessKind::Shared,
            Self::Exclusive => AccessKind::Exclusive,
            Self::Delta => AccessKind::Delta(0),
        }
    }

    fn is_compatible_with(self, access: AccessKind) -> bool {
        self.access().is_compatible_with(access)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Hold {
    id: ProposalId,
    access: AccessKind,
    key: StateKey,
}

/// A use of a key that has ended: whoever waited for it may start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FreedScope {
    chain: ChainId,
    key: LockKey,
    /// `None` for a prefix.
    kind: Option<Kind>,
}

fn account_prefix(chain: &ChainId, key: &LockKey) -> Vec<u8> {
    encode(&(chain, key.ledger, &key.account))
}

fn key_prefix(suite: Suite, chain: &ChainId, key: &LockKey) -> Vec<u8> {
    let mut bytes = account_prefix(chain, key);
    bytes.extend(suite.hash_parts(&[&key.key]).as_bytes());
    bytes
}

fn kind_prefix(mut key_prefix: Vec<u8>, kind: Option<Kind>) -> Vec<u8> {
    key_prefix.extend(kind.map(|kind| kind as u8));
    key_prefix
}

fn entry_key(suite: Suite, chain: &ChainId, scope: &ScopeEntry, arrival: u64) -> Vec<u8> {
    let mut bytes = kind_prefix(key_prefix(suite, chain, &scope.key), Kind::of(scope.access));
    bytes.extend(arrival.to_be_bytes());
    bytes
}

const fn area(access: AccessKind) -> &'static str {
    match access {
        AccessKind::PrefixShared => PREFIX,
        _ => EXACT,
    }
}

fn arrival_of(key: &[u8]) -> u64 {
    key.last_chunk::<8>().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes))
}

/// Looks at entries in order until `visit` says that it has seen enough.
fn visit_entries(
    state: &BlockState<'_>,
    area: &str,
    prefix: &[u8],
    mut visit: impl FnMut(u64, &Hold) -> bool,
) -> Result<(), StoreFault> {
    let mut after: Option<Vec<u8>> = None;
    let mut limit = PAGE;
    loop {
        let page = state.scan_working(area, prefix, after.as_deref(), limit)?;
        for (key, bytes) in &page {
            let hold: Hold = decode(bytes, 512).map_err(|error| StoreFault(format!("a scope entry: {error}")))?;
            if visit(arrival_of(key), &hold) {
                return Ok(());
            }
        }
        if page.len() < limit {
            return Ok(());
        }
        limit = limit.saturating_mul(2).min(PAGE_MAX);
        after = page.into_iter().last().map(|(key, _)| key);
    }
}

/// The first arrival among the uses of one kind of an exact key.
fn first_of(state: &BlockState<'_>, key_prefix: &[u8], kind: Kind) -> Result<Option<u64>, StoreFault> {
    let found = state.scan_working(EXACT, &kind_prefix(key_prefix.to_vec(), Some(kind)), None, 1)?;
    Ok(found.first().map(|(key, _)| arrival_of(key)))
}

/// Notes every scope item of a voting leg.
pub(super) fn put(state: &mut BlockState<'_>, id: &ProposalId, leg: &Leg, arrival: u64) -> Result<(), StoreFault> {
    let suite = state.suite();
    for scope in leg.scope.iter().filter(|_| leg.mode.votes()) {
        let hold = Hold { id: *id, access: scope.access, key: scope.key.key.clone() };
        state.put_working_as(area(scope.access), &entry_key(suite, &leg.chain, scope, arrival), &hold)?;
    }
    Ok(())
}

/// Forgets every scope item of a voting leg, and notes them as freed.
pub(super) fn remove(
    state: &mut BlockState<'_>,
    leg: &Leg,
    arrival: u64,
    freed: &mut BTreeSet<FreedScope>,
) -> Result<(), StoreFault> {
    let suite = state.suite();
    for scope in leg.scope.iter().filter(|_| leg.mode.votes()) {
        state.remove_working(area(scope.access), &entry_key(suite, &leg.chain, scope, arrival))?;
        freed.insert(FreedScope { chain: leg.chain, key: scope.key.clone(), kind: Kind::of(scope.access) });
    }
    Ok(())
}

/// How many open proposals a new one would wait behind at a key, up to `limit`: 0 when nothing there is incompatible
/// with it.
pub(super) fn depth(
    state: &BlockState<'_>,
    chain: &ChainId,
    scope: &ScopeEntry,
    limit: usize,
) -> Result<usize, StoreFault> {
    if !is_blocked(state, chain, scope, u64::MAX)? {
        return Ok(0);
    }
    let prefix = key_prefix(state.suite(), chain, &scope.key);
    Ok(state.scan_working(area(scope.access), &prefix, None, limit)?.len())
}

/// Whether something that arrived earlier is incompatible with this scope entry.
pub(super) fn is_blocked(
    state: &BlockState<'_>,
    chain: &ChainId,
    scope: &ScopeEntry,
    arrival: u64,
) -> Result<bool, StoreFault> {
    let mut found = false;
    let account = account_prefix(chain, &scope.key);
    if scope.access == AccessKind::PrefixShared {
        // A prefix meets every exact key of the account that begins with it.
        visit_entries(state, EXACT, &account, |came, hold| {
            found =
                came < arrival && hold.key.starts_with(&scope.key.key) && !hold.access.is_compatible_with(scope.access);
            found
        })?;
        return Ok(found);
    }
    let exact = key_prefix(state.suite(), chain, &scope.key);
    for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_compatible_with(scope.access)) {
        if first_of(state, &exact, kind)?.is_some_and(|came| came < arrival) {
            return Ok(true);
        }
    }
    // A prefix of this account blocks the key if it is one of the key's prefixes.
    visit_entries(state, PREFIX, &account, |came, hold| {
        found = came < arrival && scope.key.key.starts_with(&hold.key) && !hold.access.is_compatible_with(scope.access);
        found
    })?;
    Ok(found)
}

/// Adds the arrivals that may start now that a use has ended. At an exact key these are the uses at its head, up to
/// the first that is incompatible with them: whoever stands behind that one waits for it still. A use compatible with
/// the one that ended did not wait for it.
pub(super) fn waiting_for(
    state: &BlockState<'_>,
    freed: &FreedScope,
    candidates: &mut BTreeSet<u64>,
) -> Result<(), StoreFault> {
    let account = account_prefix(&freed.chain, &freed.key);
    let Some(ended) = freed.kind else {
        return visit_entries(state, EXACT, &account, |arrival, hold| {
            if hold.key.starts_with(&freed.key.key) {
                candidates.insert(arrival);
            }
            false
        });
    };
    visit_entries(state, PREFIX, &account, |arrival, hold| {
        if freed.key.key.starts_with(&hold.key) {
            candidates.insert(arrival);
        }
        false
    })?;
    let prefix = key_prefix(state.suite(), &freed.chain, &freed.key);
    let mut heads = Vec::new();
    for kind in Kind::ALL {
        heads.extend(first_of(state, &prefix, kind)?.map(|arrival| (arrival, kind)));
    }
    heads.sort_unstable();
    let Some((first, kind)) = heads.first().copied() else { return Ok(()) };
    if kind.is_compatible_with(ended.access()) {
        return Ok(());
    }
    candidates.insert(first);
    if !kind.is_compatible_with(kind.access()) {
        return Ok(());
    }
    let end = heads.get(1).map_or(u64::MAX, |(arrival, _)| *arrival);
    visit_entries(state, EXACT, &kind_prefix(prefix, Some(kind)), |arrival, _| {
        if arrival < end {
            candidates.insert(arrival);
        }
        arrival >= end
    })
}

#[cfg(test)]
mod tests;
