//! The pool: inputs that wait for a block.
//!
//! Bounded in count and bytes, for all, for system inputs, and for one signer. A newcomer that finds the pool full is
//! refused with a code and a hint, or, when its signer holds less, takes the place of the newest input of the signer
//! that holds most. Nothing leaves silently: everything removed is returned to the caller.
//!
//! Order: sections as in a block; within a section the inputs of one lane ascending by their order, none skipped;
//! lanes (without a lane: signers) in turn, one input each, another one first in every block.

mod selection;

pub use selection::{Budget, Selected};

use chain_state::Admission;
use ledger_protocol::chain::{Input, InputLeaf, Section};
use ledger_protocol::transaction::{Replay, SignerRole};
use ledger_protocol::{Address, Code, Hash, Height};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::validity::section_of;

/// Bounds of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// Most transactions.
    pub count: usize,
    /// Most bytes of transactions.
    pub bytes: usize,
    /// Most system inputs.
    pub system_count: usize,
    /// Most bytes of system inputs.
    pub system_bytes: usize,
    /// Most transactions of one signer.
    pub signer_count: usize,
    /// Most bytes of one signer's transactions.
    pub signer_bytes: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            count: 50_000,
            bytes: 64 << 20,
            system_count: 1_024,
            system_bytes: 64 << 20,
            signer_count: 25_000,
            signer_bytes: 32 << 20,
        }
    }
}

/// An input of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolEntry {
    /// The input.
    pub input: Arc<Input>,
    /// Its leaf in the transactions tree.
    pub leaf: InputLeaf,
    /// Its id or hash.
    pub hash: Hash,
    /// The length of its encoding.
    pub bytes: usize,
    /// Where the state machine wants it.
    pub admission: Admission,
}

impl PoolEntry {
    /// Who answers for the space it takes: a transaction's first author.
    pub fn signer(&self) -> Option<Address> {
        let Input::Transaction(transaction) = &*self.input else { return None };
        transaction.body.signers.iter().find(|signer| signer.role == SignerRole::Author).map(|signer| signer.address)
    }

    fn valid_until(&self) -> Option<Height> {
        let Input::Transaction(transaction) = &*self.input else { return None };
        match transaction.body.replay {
            Replay::Window { valid_until, .. } => Some(valid_until),
            Replay::Sequence { .. } => None,
        }
    }

    fn group(&self) -> GroupKey {
        let lane = match (&self.admission.lane, self.signer()) {
            (lane, Some(signer)) if lane.is_empty() => signer.hash.as_bytes().to_vec(),
            (lane, _) => lane.clone(),
        };
        (section_of(&self.input), lane)
    }
}

/// Section and lane; without a lane, the signer.
type GroupKey = (Section, Vec<u8>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Usage {
    count: usize,
    bytes: usize,
}

impl Usage {
    fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    fn remove(&mut self, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
    }
}

/// Why an input does not enter the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolRefusal {
    /// Stable code.
    pub code: Code,
    /// Words.
    pub reason: String,
    /// Whether trying again later makes sense.
    pub retry: bool,
}

/// The pool.
#[derive(Debug, Default)]
pub struct Mempool {
    limits: PoolLimits,
    entries: BTreeMap<Hash, (u64, PoolEntry)>,
    by_key: BTreeMap<Vec<u8>, Hash>,
    groups: BTreeMap<GroupKey, BTreeMap<(u64, u64), Hash>>,
    by_expiry: BTreeSet<(Height, Hash)>,
    signers: BTreeMap<Address, Usage>,
    /// Signers by how many inputs they hold.
    heaviest: BTreeSet<(usize, Address)>,
    transactions: Usage,
    system: Usage,
    work: usize,
    arrivals: u64,
}

impl Mempool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Inputs held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes held.
    pub const fn bytes(&self) -> usize {
        self.transactions.bytes + self.system.bytes
    }

    /// Whether an input is a reason to make a block now.
    pub const fn has_work(&self) -> bool {
        self.work > 0
    }

    /// Whether this input is held.
    pub fn contains(&self, hash: &Hash) -> bool {
        self.entries.contains_key(hash)
    }

    /// The inputs whose admission can end with a block: all but transactions of a window.
    pub fn revocable(&self) -> impl Iterator<Item = &PoolEntry> {
        self.entries.values().map(|(_, entry)| entry).filter(|entry| entry.valid_until().is_none())
    }

    /// Takes an input in; returns what had to leave for it.
    ///
    /// # Errors
    /// [`PoolRefusal`]: known, outranked, or no room.
    pub fn insert(&mut self, entry: PoolEntry) -> Result<Vec<PoolEntry>, PoolRefusal> {
        if self.contains(&entry.hash) {
            return Err(refusal(Code::KNOWN, "the input is in the pool already", false));
        }
        let rival = self.by_key.get(&entry.admission.dedupe_key).copied();
        let mut removed = Vec::new();
        if let Some(rival) = rival {
            let outranked =
                self.entries.get(&rival).is_some_and(|(_, held)| held.admission.rank >= entry.admission.rank);
            if outranked {
                return Err(refusal(Code::KNOWN, "the pool holds one of the same key and at least equal rank", false));
            }
            removed.extend(self.remove(&rival));
        }
        match self.make_room(&entry) {
            Ok(evicted) => removed.extend(evicted),
            Err(refused) => {
                // The rival stays when the newcomer finds no room.
                for held in removed {
                    self.put(held);
                }
                return Err(refused);
            }
        }
        self.put(entry);
        Ok(removed)
    }

    fn make_room(&mut self, entry: &PoolEntry) -> Result<Vec<PoolEntry>, PoolRefusal> {
        let limits = self.limits;
        let Some(signer) = entry.signer() else {
            let fits =
                self.system.count < limits.system_count && self.system.bytes + entry.bytes <= limits.system_bytes;
            return if fits { Ok(Vec::new()) } else { Err(full("the pool of system inputs is full")) };
        };
        let own = self.signers.get(&signer).copied().unwrap_or_default();
        if own.count >= limits.signer_count || own.bytes + entry.bytes > limits.signer_bytes {
            return Err(full("this signer's share of the pool is full"));
        }
        if entry.bytes > limits.bytes {
            return Err(refusal(Code::TOO_LARGE, "the input is larger than the pool", false));
        }
        let mut evicted = Vec::new();
        // One newcomer displaces as many bytes as it brings: bounded by the pool's count.
        while self.transactions.count >= limits.count || self.transactions.bytes + entry.bytes > limits.bytes {
            let heavier =
                self.heaviest.last().copied().filter(|(count, heavy)| *heavy != signer && *count > own.count + 1);
            let newest = heavier.and_then(|(_, heavy)| self.newest_of(&heavy));
            match newest.and_then(|hash| self.remove(&hash)) {
                Some(gone) => evicted.push(gone),
                None => {
                    for held in evicted {
                        self.put(held);
                    }
                    return Err(full("the pool is full"));
                }
            }
        }
        Ok(evicted)
    }

    /// The input of a signer that would be the last of it in a block.
    fn newest_of(&self, signer: &Address) -> Option<Hash> {
        let key = (Section::Transactions, signer.hash.as_bytes().to_vec());
        let in_group = self.groups.get(&key).and_then(|group| group.last_key_value()).map(|(_, hash)| *hash);
        // A signer whose inputs all have lanes of their own: the slow way, only under pressure.
        in_group.or_else(|| {
            let own = self.entries.values().filter(|(_, entry)| entry.signer() == Some(*signer));
            own.max_by_key(|(arrival, _)| *arrival).map(|(_, entry)| entry.hash)
        })
    }

    fn put(&mut self, entry: PoolEntry) {
        let arrival = self.arrivals;
        self.arrivals += 1;
        self.by_key.insert(entry.admission.dedupe_key.clone(), entry.hash);
        self.groups.entry(entry.group()).or_default().insert((entry.admission.order, arrival), entry.hash);
        if let Some(valid_until) = entry.valid_until() {
            self.by_expiry.insert((valid_until, entry.hash));
        }
        self.account(&entry, true);
        self.entries.insert(entry.hash, (arrival, entry));
    }

    fn account(&mut self, entry: &PoolEntry, enters: bool) {
        let step = |usage: &mut Usage| if enters { usage.add(entry.bytes) } else { usage.remove(entry.bytes) };
        match entry.signer() {
            None => step(&mut self.system),
            Some(signer) => {
                step(&mut self.transactions);
                let usage = self.signers.entry(signer).or_default();
                self.heaviest.remove(&(usage.count, signer));
                step(usage);
                if usage.count == 0 {
                    self.signers.remove(&signer);
                } else {
                    self.heaviest.insert((usage.count, signer));
                }
            }
        }
        if entry.admission.is_work {
            self.work = if enters { self.work + 1 } else { self.work - 1 };
        }
    }

    /// Takes an input out.
    pub fn remove(&mut self, hash: &Hash) -> Option<PoolEntry> {
        let (arrival, entry) = self.entries.remove(hash)?;
        if self.by_key.get(&entry.admission.dedupe_key) == Some(hash) {
            self.by_key.remove(&entry.admission.dedupe_key);
        }
        let group = entry.group();
        if let Some(members) = self.groups.get_mut(&group) {
            members.remove(&(entry.admission.order, arrival));
            if members.is_empty() {
                self.groups.remove(&group);
            }
        }
        if let Some(valid_until) = entry.valid_until() {
            self.by_expiry.remove(&(valid_until, entry.hash));
        }
        self.account(&entry, false);
        Some(entry)
    }

    /// Every transaction that waits.
    pub fn transactions(&self) -> impl Iterator<Item = &PoolEntry> {
        self.entries.values().map(|(_, entry)| entry).filter(|entry| matches!(*entry.input, Input::Transaction(_)))
    }

    /// Takes out every transaction whose window ends before `next`.
    pub fn expire(&mut self, next: Height) -> Vec<PoolEntry> {
        let mut expired = Vec::new();
        while let Some((valid_until, hash)) = self.by_expiry.first().copied()
            && valid_until < next
        {
            match self.remove(&hash) {
                Some(entry) => expired.push(entry),
                None => {
                    self.by_expiry.remove(&(valid_until, hash));
                }
            }
        }
        expired
    }
}

fn refusal(code: Code, reason: &str, retry: bool) -> PoolRefusal {
    PoolRefusal { code, reason: reason.into(), retry }
}

fn full(reason: &str) -> PoolRefusal {
    refusal(Code::POOL_FULL, reason, true)
}

#[cfg(test)]
mod tests;
