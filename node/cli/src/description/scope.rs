//! A leg's scope from what its operations touch.

use crate::exit::{Failure, Outcome};
use ledger_protocol::codec::SortedVec;
use ledger_protocol::proposal::{AccessKind, LockKey, ScopeEntry};
use ledger_protocol::transaction::{LedgerOperation, Operation, StateKey};
use std::collections::BTreeMap;

/// A scope under construction: the strongest use of every key.
#[derive(Debug, Default)]
pub(super) struct Scope(BTreeMap<LockKey, AccessKind>);

impl Scope {
    pub(super) fn exclusive(&mut self, key: LockKey) {
        self.0.insert(key, AccessKind::Exclusive);
    }

    pub(super) fn add(&mut self, key: LockKey, amount: i64) -> Outcome {
        let net = match self.0.get(&key) {
            None => amount,
            Some(AccessKind::Delta(net)) => net
                .checked_add(amount)
                .ok_or_else(|| Failure::usage("the amounts of one counter add up to more than 64 bits hold"))?,
            // A counter that is also read or written is taken whole.
            Some(_) => {
                self.exclusive(key);
                return Ok(());
            }
        };
        self.0.insert(key, AccessKind::Delta(net));
        Ok(())
    }

    pub(super) fn shared(&mut self, key: LockKey) {
        match self.0.get(&key) {
            None => {
                self.0.insert(key, AccessKind::Shared);
            }
            Some(AccessKind::Delta(_)) => self.exclusive(key),
            Some(_) => {}
        }
    }

    pub(super) fn prefix(&mut self, key: LockKey) {
        self.0.entry(key).or_insert(AccessKind::PrefixShared);
    }

    /// Covers what an operation touches. An event is gapless in its topic and locks no key.
    pub(super) fn cover(&mut self, operation: &LedgerOperation) -> Outcome {
        let at = |account: &ledger_protocol::AccountName, key: &StateKey| LockKey {
            ledger: operation.ledger,
            account: account.clone(),
            key: key.clone(),
        };
        match &operation.operation {
            Operation::SetKey(it) => self.exclusive(at(&it.account, &it.key)),
            Operation::DeleteKey(it) => self.exclusive(at(&it.account, &it.key)),
            Operation::DeclareCounter(it) => self.exclusive(at(&it.account, &it.key)),
            Operation::AddToCounter(it) => self.add(at(&it.account, &it.key), it.amount)?,
            _ => {}
        }
        Ok(())
    }

    pub(super) fn finish<const N: usize>(self) -> Outcome<SortedVec<ScopeEntry, N>> {
        let entries = self.0.into_iter().map(|(key, access)| ScopeEntry { key, access }).collect();
        SortedVec::from_unsorted(entries).map_err(|error| Failure::usage(format_args!("the scope: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::lock_key;
    use super::*;

    #[test]
    fn a_scope_takes_the_strongest_use_of_a_key() {
        let at = |name: &str| lock_key(1, "book", name).unwrap();
        let mut scope = Scope::default();
        scope.add(at("a"), 5).unwrap();
        scope.add(at("a"), -8).unwrap();
        scope.add(at("b"), 1).unwrap();
        scope.shared(at("b"));
        scope.shared(at("c"));
        scope.exclusive(at("c"));
        scope.shared(at("d"));
        let entries: SortedVec<ScopeEntry, 256> = scope.finish().unwrap();
        let kinds: Vec<AccessKind> = entries.iter().map(|entry| entry.access).collect();
        assert_eq!(kinds, [AccessKind::Delta(-3), AccessKind::Exclusive, AccessKind::Exclusive, AccessKind::Shared]);
    }
}
