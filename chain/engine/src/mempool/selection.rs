//! Chooses the inputs of the next block from the pool.

use super::Mempool;
use ledger_protocol::chain::{Input, InputLeaf, Parameters, Section};
use ledger_protocol::{Hash, Height};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a block holds beside its inputs: header and the count of inputs, generously.
const BLOCK_OVERHEAD_BYTES: usize = 2_048;

/// How much a block may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The block's height: windows are checked against it, and turns start at another lane in every block.
    pub height: Height,
    /// Most inputs.
    pub count: usize,
    /// Most bytes of inputs.
    pub bytes: usize,
    /// Most bytes of system inputs and motions, but for a single larger one.
    pub system_bytes: usize,
}

impl Budget {
    /// The budget of a block at `height` under these parameters; system inputs own a quarter of the bytes.
    pub fn of(height: Height, parameters: &Parameters) -> Self {
        let bytes = (parameters.max_block_bytes as usize).saturating_sub(BLOCK_OVERHEAD_BYTES);
        Self { height, count: parameters.max_block_transactions as usize, bytes, system_bytes: bytes / 4 }
    }
}

/// An input chosen for a block.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The input.
    pub input: Arc<Input>,
    /// Its leaf.
    pub leaf: InputLeaf,
    /// Its id or hash.
    pub hash: Hash,
}

struct Taken {
    selected: Vec<Selected>,
    /// Inputs that still fit.
    count: usize,
    /// Bytes taken.
    spent: usize,
    /// Bytes that may be taken in all.
    cap: usize,
}

impl Mempool {
    /// The inputs of the next block, in the order in which they stand in it.
    pub fn select(&self, budget: &Budget) -> Vec<Selected> {
        let mut taken = Taken { selected: Vec::new(), count: budget.count, spent: 0, cap: budget.system_bytes };
        self.in_turn(Section::Governance, budget.height, &mut taken);
        self.by_source(budget, &mut taken);
        taken.cap = budget.bytes;
        self.in_turn(Section::Transactions, budget.height, &mut taken);
        taken.selected
    }

    fn groups_of(&self, section: Section, height: Height) -> Vec<&BTreeMap<(u64, u64), Hash>> {
        let start = (section, Vec::new());
        let groups = self.groups.range(start..).take_while(|((other, _), _)| *other == section);
        let mut groups: Vec<_> = groups.map(|(_, members)| members).collect();
        if let Ok(count) = u64::try_from(groups.len())
            && count > 0
        {
            // The remainder is below the number of groups, so it fits.
            groups.rotate_left(usize::try_from(height.0 % count).unwrap_or(0));
        }
        groups
    }

    /// One input of each group in turn; a group ends where its next input does not fit.
    fn in_turn(&self, section: Section, height: Height, taken: &mut Taken) {
        let mut open: Vec<_> =
            self.groups_of(section, height).into_iter().map(|members| members.values().peekable()).collect();
        while !open.is_empty() && taken.count > 0 {
            open.retain_mut(|members| members.next().is_some_and(|hash| self.take(hash, height, taken)));
        }
    }

    /// All of one source before the next one; a source ends where its next input does not fit. A list that is larger
    /// than the quarter still goes in if it is the first: no lane may stall for good.
    fn by_source(&self, budget: &Budget, taken: &mut Taken) {
        let mut is_first = true;
        for members in self.groups_of(Section::Interchain, budget.height) {
            for hash in members.values() {
                taken.cap = if is_first { budget.bytes } else { budget.system_bytes };
                if !self.take(hash, budget.height, taken) {
                    break;
                }
                is_first = false;
            }
        }
    }

    /// Takes an input if it fits; `false` ends its group.
    fn take(&self, hash: &Hash, height: Height, taken: &mut Taken) -> bool {
        let Some((_, entry)) = self.entries.get(hash) else { return false };
        if entry.valid_until().is_some_and(|valid_until| valid_until < height) {
            return true;
        }
        if taken.count == 0 || taken.spent.saturating_add(entry.bytes) > taken.cap {
            return false;
        }
        taken.count -= 1;
        taken.spent += entry.bytes;
        taken.selected.push(Selected { input: Arc::clone(&entry.input), leaf: entry.leaf.clone(), hash: entry.hash });
        true
    }
}
