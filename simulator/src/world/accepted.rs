//! What replicas owe their clients: an input that was answered Accepted is final there one day, or its client is told
//! that it was dropped, as long as the replica lives.
//!
//! A crash, a wipe, a halt or a backup takes the pool with it and with it what was owed. Bounded by the pools.

use super::{ChainIndex, ProcessId, World};
use chain_engine::SubmitResult;
use ledger_protocol::{Hash, Height};
use std::collections::BTreeMap;

/// Accepted inputs that have come to no end, with the virtual time of the answer and the chain's height by then.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    open: BTreeMap<(ProcessId, ChainIndex), BTreeMap<Hash, (u64, Height)>>,
    accepted: u64,
    told: u64,
}

/// An accepted input that its replica still owes an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    /// The transaction's id, or the hash of the system input.
    pub input: Hash,
    /// Who accepted it.
    pub process: ProcessId,
    /// For which chain.
    pub chain: ChainIndex,
    /// When.
    pub accepted_at_ms: u64,
    /// The best height of the chain by then.
    pub accepted_at: Height,
    /// Whether it waits in the pool of whoever accepted it.
    pub waits: bool,
}

impl World {
    /// A client was answered.
    pub(super) fn answered(&mut self, process: ProcessId, chain: ChainIndex, result: &SubmitResult) {
        let SubmitResult::Accepted { input } = result else { return };
        let now = (self.now_ms, self.best_height(chain));
        self.accepted.accepted += 1;
        self.accepted.open.entry((process, chain)).or_default().entry(*input).or_insert(now);
    }

    /// A replica told its clients that an input left its pool.
    pub(super) fn told_dropped(&mut self, process: ProcessId, chain: ChainIndex, input: &Hash) {
        if let Some(open) = self.accepted.open.get_mut(&(process, chain))
            && open.remove(input).is_some()
        {
            self.accepted.told += 1;
        }
    }

    /// A replica published a block of these inputs.
    pub(super) fn became_final(&mut self, process: ProcessId, chain: ChainIndex, inputs: &[Hash]) {
        let Some(open) = self.accepted.open.get_mut(&(process, chain)).filter(|open| !open.is_empty()) else { return };
        inputs.iter().for_each(|input| {
            open.remove(input);
        });
    }

    /// A process died with its pools, or one of its replicas halted.
    pub(super) fn pools_lost(&mut self, process: ProcessId, chain: Option<ChainIndex>) {
        self.accepted.open.retain(|(other, of), _| *other != process || chain.is_some_and(|chain| chain != *of));
    }

    /// What honest replicas still owe, oldest first.
    pub fn owed(&self) -> Vec<Owed> {
        let honest =
            self.accepted.open.iter().filter(|((process, chain), _)| !self.cast.blame.is_bad_seat(*process, *chain));
        let mut owed: Vec<Owed> = honest
            .flat_map(|((process, chain), open)| {
                let owed = |(input, (at_ms, at)): (&Hash, &(u64, Height))| Owed {
                    input: *input,
                    process: *process,
                    chain: *chain,
                    accepted_at_ms: *at_ms,
                    accepted_at: *at,
                    waits: self.replica(*process, *chain).is_some_and(|replica| replica.waits(input)),
                };
                open.iter().map(owed)
            })
            .collect();
        owed.sort_by_key(|owed| (owed.accepted_at_ms, owed.process, owed.chain, owed.input));
        owed
    }

    /// Inputs of clients that were accepted, and how many of them their clients were told to be dropped.
    pub const fn accepted_of_clients(&self) -> (u64, u64) {
        (self.accepted.accepted, self.accepted.told)
    }
}
