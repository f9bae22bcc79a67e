//! Remembers which transactions had all their signatures verified on this node, so that none is verified twice.
//!
//! Bound: a fixed number of entries; the oldest goes first. Forgetting costs a verification, never safety.

use ledger_protocol::chain::InputLeaf;
use ledger_protocol::{Hash, Suite};
use std::collections::{BTreeSet, VecDeque};

/// A bounded set of `H(id ‖ signatures hash)`.
#[derive(Debug, Clone)]
pub struct VerifiedSet {
    known: BTreeSet<Hash>,
    order: VecDeque<Hash>,
    capacity: usize,
}

impl VerifiedSet {
    /// An empty set that holds at most `capacity` entries.
    pub fn new(capacity: usize) -> Self {
        Self { known: BTreeSet::new(), order: VecDeque::new(), capacity }
    }

    fn key(suite: Suite, leaf: &InputLeaf) -> Option<Hash> {
        match leaf {
            InputLeaf::Signed { id, signatures_hash } => {
                Some(suite.hash_parts(&[id.0.as_bytes(), signatures_hash.as_bytes()]))
            }
            InputLeaf::System { .. } => None,
        }
    }

    /// Remembers a transaction by its leaf.
    pub fn insert(&mut self, suite: Suite, leaf: &InputLeaf) {
        let Some(key) = Self::key(suite, leaf) else { return };
        if self.known.insert(key) {
            self.order.push_back(key);
        }
        while self.order.len() > self.capacity {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    /// Whether this very transaction with these very signatures was verified. True for system inputs: they carry
    /// no signature of a transaction.
    pub fn contains(&self, suite: Suite, leaf: &InputLeaf) -> bool {
        Self::key(suite, leaf).is_none_or(|key| self.known.contains(&key))
    }
}
