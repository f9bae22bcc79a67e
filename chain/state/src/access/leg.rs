//! Access by a leg: within its scope, against others' locks, staged.

use super::local::covered;
use super::{AccessError, counter_of, fits};
use crate::block_state::BlockState;
use crate::locks::{self, counter, holds_on_key};
use crate::place::Place;
use crate::staged::{MAX_STAGED_EVENTS, StagedEvent, StagedWrite, StagedWrites};
use ledger_protocol::codec::{Bounded, BoundedBytes, Text};
use ledger_protocol::proposal::{AccessKind, LockKey, ScopeEntry};
use ledger_protocol::transaction::{StateContent, StateKey, StateValue};
use ledger_protocol::{AccountName, LedgerId, Version};
use std::collections::BTreeMap;

/// What a leg has done to a key so far.
#[derive(Debug, Clone)]
enum Staged {
    Set(StateContent),
    Delete,
    Delta(i64),
}

/// A leg's scope and what it staged.
#[derive(Debug)]
pub(super) struct LegScope<'s> {
    declared: BTreeMap<&'s LockKey, AccessKind>,
    staged: BTreeMap<LockKey, Staged>,
    events: Vec<StagedEvent>,
}

impl<'s> LegScope<'s> {
    pub(super) fn new(scope: &'s [ScopeEntry]) -> Self {
        let declared = scope.iter().map(|entry| (&entry.key, entry.access)).collect();
        Self { declared, staged: BTreeMap::new(), events: Vec::new() }
    }

    /// The declared use of a key: its own entry, or a prefix over it.
    fn declared(&self, key: &LockKey) -> Result<AccessKind, AccessError> {
        match self.declared.get(key) {
            Some(access) => Ok(*access),
            None if self.is_under_prefix(key.ledger, &key.account, &key.key) => Ok(AccessKind::PrefixShared),
            None => Err(AccessError::Scope(key.clone())),
        }
    }

    fn is_under_prefix(&self, ledger: LedgerId, account: &AccountName, key: &[u8]) -> bool {
        self.declared.iter().any(|(declared, access)| {
            *access == AccessKind::PrefixShared
                && declared.ledger == ledger
                && declared.account == *account
                && key.starts_with(&declared.key)
        })
    }

    /// Refuses an undeclared use, then a use that another's hold does not admit.
    fn check(
        &self,
        state: &BlockState<'_>,
        key: &LockKey,
        is_declared: impl FnOnce(AccessKind) -> bool,
        access: AccessKind,
    ) -> Result<(), AccessError> {
        if !is_declared(self.declared(key)?) {
            return Err(AccessError::Scope(key.clone()));
        }
        match holds_on_key(state, key)?.iter().find(|hold| !hold.access.is_compatible_with(access)) {
            Some(hold) => Err(AccessError::Conflict(hold.holder.id)),
            None => Ok(()),
        }
    }

    /// The key as this leg sees it. A staged value has the version that applying it will make.
    fn seen(&self, state: &BlockState<'_>, place: &Place, key: &LockKey) -> Result<Option<StateValue>, AccessError> {
        match self.staged.get(key) {
            None | Some(Staged::Delta(_)) => Ok(state.live(place)?),
            Some(Staged::Delete) => Ok(None),
            Some(Staged::Set(content)) => {
                let last = state.inspect(place, |value| value.map(|value| value.version))?;
                let version = last.map_or(Version::ZERO, |last| last.saturating_add(1));
                Ok(Some(StateValue { version, content: content.clone() }))
            }
        }
    }

    pub(super) fn get(&self, state: &BlockState<'_>, place: &Place) -> Result<Option<StateValue>, AccessError> {
        let key = place.lock_key();
        let is_readable = |declared| !matches!(declared, AccessKind::Delta(_));
        self.check(state, &key, is_readable, AccessKind::Shared)?;
        self.seen(state, place, &key)
    }

    /// The live value of a key that this leg may write.
    pub(super) fn exclusive(&self, state: &BlockState<'_>, place: &Place) -> Result<Option<StateValue>, AccessError> {
        let key = place.lock_key();
        self.check(state, &key, |declared| declared == AccessKind::Exclusive, AccessKind::Exclusive)?;
        self.seen(state, place, &key)
    }

    pub(super) fn set(
        &mut self,
        state: &BlockState<'_>,
        place: &Place,
        content: StateContent,
    ) -> Result<(), AccessError> {
        let now = self.exclusive(state, place)?;
        fits(now.as_ref(), &content)?;
        self.staged.insert(place.lock_key(), Staged::Set(content));
        Ok(())
    }

    pub(super) fn delete(&mut self, state: &BlockState<'_>, place: &Place) -> Result<(), AccessError> {
        if self.exclusive(state, place)?.is_none() {
            return Err(AccessError::Absent);
        }
        let key = place.lock_key();
        // What never was in the state needs no tombstone.
        if state.live(place)?.is_some() {
            self.staged.insert(key, Staged::Delete);
        } else {
            self.staged.remove(&key);
        }
        Ok(())
    }

    pub(super) fn add(&mut self, state: &BlockState<'_>, place: &Place, amount: i64) -> Result<(), AccessError> {
        let key = place.lock_key();
        if self.declared(&key)? == AccessKind::Exclusive {
            let now = self.exclusive(state, place)?;
            let content = counter_of(now.as_ref())?.plus(amount)?;
            self.staged.insert(key, Staged::Set(content));
            return Ok(());
        }
        self.check(state, &key, |declared| matches!(declared, AccessKind::Delta(_)), AccessKind::Delta(amount))?;
        // Its kind is looked at, its value is not.
        counter(state, place)??;
        let net = match self.staged.get(&key) {
            Some(Staged::Delta(net)) => *net,
            _ => 0,
        };
        let net = net.checked_add(amount).ok_or(AccessError::Bound)?;
        self.staged.insert(key, Staged::Delta(net));
        Ok(())
    }

    pub(super) fn scan(
        &self,
        state: &BlockState<'_>,
        ledger: LedgerId,
        account: &AccountName,
        prefix: &[u8],
        after: Option<&StateKey>,
        limit: usize,
    ) -> Result<Vec<(StateKey, StateValue)>, AccessError> {
        if !self.is_under_prefix(ledger, account, prefix) {
            let key = StateKey::new(prefix).map_err(|_| AccessError::Limit)?;
            return Err(AccessError::Scope(LockKey { ledger, account: account.clone(), key }));
        }
        // Own staged keys replace at most so many stored ones.
        let is_mine = |key: &&LockKey| {
            key.ledger == ledger
                && key.account == *account
                && key.key.starts_with(prefix)
                && after.is_none_or(|after| key.key > *after)
        };
        let mine: Vec<&LockKey> = self.staged.keys().filter(is_mine).collect();
        let stored = state.scan(ledger, account, prefix, after, limit.saturating_add(mine.len()))?;
        let mut merged: BTreeMap<StateKey, StateValue> = stored.into_iter().collect();
        for key in mine {
            match self.seen(state, &Place::from_lock_key(key), key)? {
                Some(value) => merged.insert(key.key.clone(), value),
                None => merged.remove(&key.key),
            };
        }
        let found: Vec<_> = merged.into_iter().take(limit).collect();
        for (key, _) in &found {
            let key = LockKey { ledger, account: account.clone(), key: key.clone() };
            if matches!(self.declared.get(&key), Some(AccessKind::Delta(_))) {
                return Err(AccessError::Scope(key));
            }
        }
        match locks::unreadable_in(state, ledger, account, prefix, after, covered(&found, limit))? {
            Some(hold) => Err(AccessError::Conflict(hold.holder.id)),
            None => Ok(found),
        }
    }

    pub(super) fn publish(
        &mut self,
        ledger: LedgerId,
        account: &AccountName,
        topic: &Text<64>,
        payload: BoundedBytes<4096>,
    ) -> Result<(), AccessError> {
        if self.events.len() >= MAX_STAGED_EVENTS {
            return Err(AccessError::Limit);
        }
        self.events.push(StagedEvent { ledger, account: account.clone(), topic: topic.clone(), payload });
        Ok(())
    }

    pub(super) fn into_staged(mut self) -> Result<StagedWrites, AccessError> {
        for (key, access) in &self.declared {
            if let AccessKind::Delta(declared) = access {
                match self.staged.entry((*key).clone()).or_insert(Staged::Delta(0)) {
                    Staged::Delta(net) if net == declared => {}
                    _ => return Err(AccessError::Scope((*key).clone())),
                }
            }
        }
        let writes = self.staged.into_iter().map(|(key, staged)| match staged {
            Staged::Set(content) => StagedWrite::Set { key, content },
            Staged::Delete => StagedWrite::Delete { key },
            Staged::Delta(amount) => StagedWrite::Delta { key, amount },
        });
        Ok(StagedWrites {
            writes: Bounded::new(writes.collect()).map_err(|_| AccessError::Limit)?,
            events: Bounded::new(self.events).map_err(|_| AccessError::Limit)?,
        })
    }
}
