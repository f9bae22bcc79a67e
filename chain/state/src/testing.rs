#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
//! A small chain for this crate's tests: a store, a height, and a naive oracle for state roots.

use crate::block_state::{BlockState, StateDelta};
use crate::locks::Holder;
use crate::place::Place;
use crate::store::{MemoryStore, StoreReader, StoreWriter};
use ledger_protocol::chain::LedgerGenesis;
use ledger_protocol::codec::{SortedVec, Text};
use ledger_protocol::proof::state::{EMPTY_STATE_ROOT, state_leaf_hash, state_node_hash, state_value_hash};
use ledger_protocol::proposal::{AccessKind, LockKey, ScopeEntry};
use ledger_protocol::transaction::{StateContent, StateKey, StateValue, Value, state_tree_key};
use ledger_protocol::{AccountName, Hash, Height, LedgerId, ProposalId, Suite};
use std::collections::BTreeMap;

pub(crate) const BOOKS: LedgerId = LedgerId(1);

pub(crate) fn account(name: &str) -> AccountName {
    AccountName::new(name).unwrap()
}

pub(crate) fn key(bytes: impl AsRef<[u8]>) -> StateKey {
    StateKey::new(bytes.as_ref()).unwrap()
}

pub(crate) fn place(bytes: impl AsRef<[u8]>) -> Place {
    Place::new(BOOKS, &account("books"), &key(bytes))
}

pub(crate) fn plain(bytes: impl AsRef<[u8]>) -> StateContent {
    StateContent::Plain(Value::new(bytes.as_ref()).unwrap())
}

pub(crate) fn counter(value: i64, min: i64, max: i64) -> StateContent {
    StateContent::Counter { value, min, max }
}

pub(crate) fn proposal(number: u8) -> ProposalId {
    ProposalId(Suite::Standard.foreign(Hash([number; 32])))
}

pub(crate) fn holder(number: u8) -> Holder {
    Holder { id: proposal(number), started_at_on_relay: Height(u64::from(number)) }
}

pub(crate) fn entry(bytes: impl AsRef<[u8]>, access: AccessKind) -> ScopeEntry {
    ScopeEntry { key: LockKey { ledger: BOOKS, account: account("books"), key: key(bytes) }, access }
}

pub(crate) struct Chain {
    pub(crate) store: MemoryStore,
    pub(crate) suite: Suite,
    pub(crate) height: Height,
}

impl Chain {
    /// A chain with ledgers 0, 1 and 2.
    pub(crate) fn new(suite: Suite) -> Self {
        let mut chain = Self { store: MemoryStore::default(), suite, height: Height::ZERO };
        chain.block(|state| {
            for ledger in [0, 1, 2].map(LedgerId) {
                let name = Text::new(format!("ledger {ledger}")).unwrap();
                state.create_ledger(ledger, &LedgerGenesis { ledger, name, grants: SortedVec::default() }).unwrap();
            }
        });
        chain
    }

    pub(crate) fn state(&self) -> BlockState<'_> {
        BlockState::open(&self.store, self.suite, self.height).unwrap()
    }

    /// Executes without committing.
    pub(crate) fn execute(&self, work: impl FnOnce(&mut BlockState<'_>)) -> StateDelta {
        let mut state = self.state();
        work(&mut state);
        state.finish().unwrap()
    }

    /// Executes and commits.
    pub(crate) fn block(&mut self, work: impl FnOnce(&mut BlockState<'_>)) -> StateDelta {
        let delta = self.execute(work);
        self.store.apply(&delta.batch, true).unwrap();
        self.height = self.height.next().unwrap();
        delta
    }

    pub(crate) fn rows(&self, prefix: &[u8]) -> usize {
        let end = crate::rows::after_prefix(prefix).unwrap();
        self.store.scan(prefix, &end, usize::MAX).unwrap().len()
    }
}

/// The root of a ledger's contents, computed without any tree structure.
pub(crate) fn naive_root(suite: Suite, contents: &BTreeMap<Place, StateValue>, ledger: LedgerId) -> Hash {
    let mut leaves: Vec<(Hash, Hash)> = contents
        .iter()
        .filter(|(place, _)| place.ledger == ledger)
        .map(|(place, value)| (state_tree_key(suite, &place.account, &place.key), state_value_hash(suite, value)))
        .collect();
    leaves.sort();
    subtree(suite, &leaves, 0)
}

fn subtree(suite: Suite, leaves: &[(Hash, Hash)], depth: usize) -> Hash {
    match leaves {
        [] => EMPTY_STATE_ROOT,
        [(key, value)] => state_leaf_hash(suite, key, value),
        _ => {
            let is_left = |(key, _): &(Hash, Hash)| (key.0[depth / 8] >> (7 - depth % 8)) & 1 == 0;
            let (left, right) = leaves.split_at(leaves.partition_point(is_left));
            state_node_hash(suite, &subtree(suite, left, depth + 1), &subtree(suite, right, depth + 1))
        }
    }
}
