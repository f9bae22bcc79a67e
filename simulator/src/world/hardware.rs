//! Disks and clocks that misbehave, and who leads a chain.

use super::{ChainIndex, ProcessId, World};
use crate::disk::{READ_ERROR, ReadsLeft, Tail};
use crate::property::Fact;
use chain_engine::ReplicaEffect;
use chain_engine::rows::{self, Tip};
use ledger_protocol::Address;
use ledger_protocol::suite::SecretKey;
use std::collections::BTreeSet;

impl World {
    /// From now on every barrier and commit of a process's disk takes so much longer; 0 mends it.
    pub fn slow_disk(&mut self, process: ProcessId, slower_by_ms: u64) {
        self.record(Some(process), None, "disk is slower by", slower_by_ms, &[]);
        self.processes[process.0].disk.slower_by_ms = slower_by_ms;
    }

    /// Fills a process's disk, or makes room on it. A process that must write to a full disk stops: the host's rule is
    /// that an error of the log or the store is fatal.
    pub fn fill_disk(&mut self, process: ProcessId, is_full: bool) {
        self.record(Some(process), None, "disk is full", u64::from(is_full), &[]);
        self.processes[process.0].disk.is_full = is_full;
    }

    pub(super) fn finds_disk_full(&mut self, process: ProcessId, effect: &ReplicaEffect) -> bool {
        let writes = matches!(effect, ReplicaEffect::AppendLog { .. } | ReplicaEffect::Commit { .. });
        if !writes || !self.processes[process.0].disk.is_full {
            return false;
        }
        self.record(Some(process), None, "stops at a full disk", 0, &[]);
        self.crash(process, Tail::Half);
        true
    }

    /// From now on a process's disk answers so many reads more and then every one with an error; `None` mends it. A
    /// replica that meets an error halts, and its process stops: the host's rule is that an error of the store is fatal.
    pub fn fail_reads(&mut self, process: ProcessId, after: Option<u64>) {
        self.record(Some(process), None, "disk fails reads", after.map_or(0, |after| after.saturating_add(1)), &[]);
        self.processes[process.0].disk.reads_left = after.map(ReadsLeft::new);
    }

    /// A replica has halted for this reason: whether its disk gave it, and then the process is stopped.
    pub(super) fn stops_at_failed_read(&mut self, process: ProcessId, reason: &str) -> bool {
        if !reason.contains(READ_ERROR) {
            return false;
        }
        self.record(Some(process), None, "stops at a failed read", 0, &[]);
        self.crash(process, Tail::Half);
        true
    }

    /// Moves a process's clock.
    pub fn shift_clock(&mut self, process: ProcessId, by_ms: i64) {
        self.record(Some(process), None, "clock jumps by", by_ms.unsigned_abs(), &by_ms.to_le_bytes());
        self.processes[process.0].skew_ms += by_ms;
        self.clock_moved(process);
    }

    /// Stops a process's clock, or lets it go on with the right time.
    pub fn stop_clock(&mut self, process: ProcessId, is_stopped: bool) {
        self.record(Some(process), None, "clock stops", u64::from(is_stopped), &[]);
        self.processes[process.0].clock_stopped_at_ms = is_stopped.then_some(self.now_ms);
        self.clock_moved(process);
    }

    fn clock_moved(&mut self, process: ProcessId) {
        let stopped = self.processes[process.0].clock_stopped_at_ms.is_some();
        for index in (0..self.chains.len()).map(ChainIndex) {
            if self.chain(index).seats.contains_key(&process) {
                self.observe(process, index, &Fact::ClockMoved { stopped });
            }
        }
    }

    /// Where the validators of a chain's next block run, by the newest block that one of its disks has.
    pub fn validators(&self, chain: ChainIndex) -> Vec<ProcessId> {
        let here = self.chain(chain);
        let stores = here.seats.keys().filter_map(|process| self.store(*process, chain));
        let tips = stores.filter_map(|store| rows::read::<Tip>(store, &rows::tip()).ok().flatten());
        let newest = tips.max_by_key(|tip| tip.header.height);
        let set = newest.as_ref().map_or(&here.genesis.validators, |tip| &tip.next_validators);
        let named: BTreeSet<Address> = set.validators().iter().map(|one| one.public_key.address()).collect();
        let votes = |key: &Option<SecretKey>| key.as_ref().is_some_and(|key| named.contains(&key.address()));
        here.seats.iter().filter(|(_, key)| votes(key)).map(|(process, _)| *process).collect()
    }

    /// The process whose turn to propose comes after the proposer of the chain's newest block, by the order of the
    /// validator set; `None` when no replica of the chain is up.
    pub fn next_leader(&self, chain: ChainIndex) -> Option<ProcessId> {
        let seats = &self.chain(chain).seats;
        let furthest = seats.keys().filter_map(|process| self.running(*process, chain));
        let tip = furthest.map(|running| running.replica.tip()).max_by_key(|tip| tip.header.height)?;
        let order: Vec<_> = tip.next_validators.validators().iter().map(|one| one.public_key.address()).collect();
        let last = order.iter().position(|address| *address == tip.header.proposer);
        let next = last.map_or(0, |last| last + 1).checked_rem(order.len())?;
        let address = order.get(next)?;
        let is_theirs = |key: &Option<SecretKey>| key.as_ref().is_some_and(|key| key.address() == *address);
        seats.iter().find(|(_, key)| is_theirs(key)).map(|(process, _)| *process)
    }
}
