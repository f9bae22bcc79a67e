//! Crashes: at any moment a test names, or right before the k-th effect of the run.

use super::{ChainIndex, Happening, ProcessId, World};
use crate::disk::Tail;
use crate::property::Fact;
use crate::signer::RememberingSigner;
use chain_consensus::{BftConfig, BftConsensus};
use chain_engine::{ChainReader, Replica, ReplicaEvent, ReplicaSetup};
use chain_state::MemoryStore;
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{Height, TimestampMs};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A planned crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Right before the effect of this number; see [`World::effects`].
    pub at_effect: u64,
    /// Who crashes.
    pub processes: Vec<ProcessId>,
    /// What becomes of what was not synced.
    pub tail: Tail,
    /// When they come back; `None` for never.
    pub restart_after_ms: Option<u64>,
    /// Whether they lose their disks.
    pub wipe: bool,
}

impl World {
    /// Plans a crash. Plans at one effect run in the order of the calls.
    pub fn plan(&mut self, fault: Fault) {
        self.faults.push(fault);
        self.faults.sort_by_key(|fault| fault.at_effect);
    }

    /// Runs what is planned right before the next effect.
    pub(super) fn strike(&mut self) {
        while self.faults.first().is_some_and(|fault| fault.at_effect <= self.effects) {
            let fault = self.faults.remove(0);
            for process in fault.processes {
                if !self.is_up(process) {
                    continue;
                }
                if fault.wipe {
                    self.wipe(process);
                } else {
                    self.crash(process, fault.tail);
                }
                if let Some(after_ms) = fault.restart_after_ms {
                    self.schedule(after_ms, Happening::Start(process));
                }
            }
        }
    }

    /// Kills a process now. It comes back with [`Self::restart`].
    pub fn crash(&mut self, process: ProcessId, tail: Tail) {
        if !self.is_up(process) {
            return;
        }
        self.record(Some(process), None, "crashed", tail as u64, &[]);
        let here = &mut self.processes[process.0];
        here.is_up = false;
        here.life += 1;
        for (_, running) in std::mem::take(&mut here.running) {
            for moment in running.timers.values() {
                self.queue.remove(moment);
            }
        }
        self.pools_lost(process, None);
        self.couriers_crashed(process);
        self.random_crash(process, tail);
        self.disconnect_all(process);
    }

    /// Kills a process and empties its disk.
    pub fn wipe(&mut self, process: ProcessId) {
        self.crash(process, Tail::Lost);
        self.record(Some(process), None, "wiped", 0, &[]);
        let here = &mut self.processes[process.0];
        here.disk.wipe();
        here.was_wiped = true;
    }

    /// From now on a process that is down stays down, whoever starts it, until [`Self::let_up`] was called as often.
    pub fn hold_down(&mut self, process: ProcessId) {
        self.processes[process.0].holds += 1;
    }

    /// Takes back one [`Self::hold_down`]; after the last one the process starts.
    pub fn let_up(&mut self, process: ProcessId) {
        let here = &mut self.processes[process.0];
        here.holds = here.holds.saturating_sub(1);
        if here.holds == 0 {
            self.restart(process);
        }
    }

    /// Starts a process that is down, unless something holds it.
    pub fn restart(&mut self, process: ProcessId) {
        self.schedule(0, Happening::Start(process));
    }

    pub(super) fn start(&mut self, process: ProcessId) {
        if self.is_up(process) || self.processes[process.0].holds > 0 {
            return;
        }
        self.record(Some(process), None, "started", 0, &[]);
        let here = &mut self.processes[process.0];
        here.is_up = true;
        here.life += 1;
        let life = here.life;
        let seats: Vec<ChainIndex> = (0..self.chains.len())
            .map(ChainIndex)
            .filter(|chain| self.chain(*chain).seats.contains_key(&process))
            .collect();
        for chain in seats {
            if self.processes[process.0].life == life {
                self.open_seat(process, chain);
            }
        }
        if self.processes[process.0].life == life {
            self.processes[process.0].was_wiped = false;
            self.couriers_started(process);
            self.meet(process);
        }
    }

    /// Opens a replica on its store and log and starts it.
    pub(super) fn open_seat(&mut self, process: ProcessId, index: ChainIndex) {
        let chain = &self.chains[index.0];
        let Some(key) = chain.seats.get(&process) else { return };
        let signed = Arc::clone(self.processes[process.0].signed.entry(index).or_default());
        let peer = self.processes[process.0].peer;
        let signing = key.clone().unwrap_or_else(|| SecretKey::from_seed(chain.id.suite, peer.0.0));
        let config = BftConfig { chain: chain.id, kind: chain.genesis.kind, timeouts: chain.timeouts };
        let signer = RememberingSigner { key: signing.clone(), signed };
        let opened =
            BftConsensus::new(config, Box::new(signer)).map_err(|error| error.to_string()).and_then(|consensus| {
                let setup = ReplicaSetup {
                    machine: Arc::clone(&chain.machine),
                    consensus: Box::new(consensus),
                    genesis: chain.genesis.clone(),
                    own_address: key.as_ref().map(SecretKey::address),
                    own_peer: peer,
                    limits: chain.limits,
                };
                let disk = &self.processes[process.0].disk;
                let empty = MemoryStore::default();
                let store = disk.store(index).unwrap_or(&empty);
                Replica::open(setup, &disk.reader(store), disk.log(index)).map_err(|halt| halt.to_string())
            });
        let replica = match opened {
            Ok(replica) => replica,
            Err(reason) => return self.halted(process, index, &reason),
        };
        let height = self.height_on_disk(process, index);
        let wiped = self.processes[process.0].was_wiped;
        let running = super::Running { replica, timers: BTreeMap::new() };
        self.processes[process.0].running.insert(index, running);
        // Only what nobody has published is left to make up for: others' blocks were seen when they published them.
        let seen = self.chains[index.0].published.0;
        self.observe(process, index, &Fact::Opened { height: height.min(seen), wiped });
        self.publish_what_nobody_saw(process, index, seen, height);
        self.tell(process, index, ReplicaEvent::Start);
    }

    /// The process died between a block's becoming durable and its being published, and nobody else published it either,
    /// as in a chain of one validator: from now on it is seen.
    fn publish_what_nobody_saw(&mut self, process: ProcessId, index: ChainIndex, seen: Height, height: Height) {
        for height in seen.0 + 1..=height.0 {
            let suite = self.chains[index.0].id.suite;
            let store = self.processes[process.0].disk.store(index);
            let reader = store.map(|store| ChainReader::new(store, suite));
            let Some(block) = reader.and_then(|reader| reader.published(Height(height)).ok().flatten()) else { return };
            let here = &mut self.chains[index.0];
            here.published = (block.header.height, block.header_hash);
            here.final_inputs += block.inputs.len() as u64;
            self.published_late += 1;
            self.observe(process, index, &Fact::Published { block: &block, is_first: true });
        }
    }

    fn height_on_disk(&self, process: ProcessId, index: ChainIndex) -> Height {
        let store = self.processes[process.0].disk.store(index);
        let tip = store.and_then(|store| {
            chain_engine::rows::read::<chain_engine::rows::Tip>(store, &chain_engine::rows::tip()).ok().flatten()
        });
        tip.map_or(Height::ZERO, |tip| tip.header.height)
    }

    pub(super) fn halted(&mut self, process: ProcessId, index: ChainIndex, reason: &str) {
        self.record(Some(process), Some(index), "halted", 0, reason.as_bytes());
        let here = &mut self.processes[process.0];
        if let Some(running) = here.running.remove(&index) {
            for moment in running.timers.values() {
                self.queue.remove(moment);
            }
        }
        self.pools_lost(process, Some(index));
        let here = &mut self.processes[process.0];
        here.halted.insert(index, reason.to_owned());
        if self.stops_at_failed_read(process, reason) || self.excuses_halt(process, index) {
            return;
        }
        if self.config.halts_fail {
            let fact = format!("{process} halts its replica of chain {}: {reason}", index.0);
            self.fail("no replica halts", crate::Contradiction::new("nothing gave it a reason to", fact));
        }
    }

    /// The clock of a process, for the event in hand.
    pub(super) fn reading(&self, process: ProcessId) -> TimestampMs {
        self.clock(process)
    }
}
