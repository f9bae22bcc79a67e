//! Links between processes: who sees whom, and since when.
//!
//! A link is up or down for both sides. What is under way on a link that goes down is lost.

use super::{Happening, ProcessId, World};
use chain_engine::ReplicaEvent;
use std::collections::BTreeSet;

/// The link of two processes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Link {
    pub(super) is_up: bool,
    /// Rises whenever it goes up or down.
    pub(super) epoch: u64,
}

impl World {
    /// Processes that have something to say to each other.
    fn partners(&self, process: ProcessId) -> BTreeSet<ProcessId> {
        let mut partners: BTreeSet<ProcessId> = self
            .chains
            .iter()
            .filter(|chain| chain.seats.contains_key(&process))
            .flat_map(|chain| chain.seats.keys().copied())
            .collect();
        partners.extend(self.courier_partners(process));
        partners.remove(&process);
        partners
    }

    /// A process that came up, or whose links were healed, looks for the others.
    pub(super) fn meet(&mut self, process: ProcessId) {
        for other in self.partners(process) {
            let pair = (process.min(other), process.max(other));
            let both_up = self.processes[process.0].is_up && self.processes[other.0].is_up;
            let is_cut = !self.network.reaches(process, other) || !self.network.reaches(other, process);
            if !both_up || is_cut || self.links.get(&pair).is_some_and(|link| link.is_up) {
                continue;
            }
            let lives = (self.processes[pair.0.0].life, self.processes[pair.1.0].life);
            let after_ms = self.on_network.within(self.config.connect_ms);
            self.schedule(after_ms, Happening::Connect { pair, lives });
        }
    }

    pub(super) fn connect(&mut self, pair: (ProcessId, ProcessId), lives: (u64, u64)) {
        let same_lives = (self.processes[pair.0.0].life, self.processes[pair.1.0].life) == lives;
        let is_cut = !self.network.reaches(pair.0, pair.1) || !self.network.reaches(pair.1, pair.0);
        let link = self.links.entry(pair).or_default();
        if !same_lives || is_cut || link.is_up {
            return;
        }
        link.is_up = true;
        link.epoch += 1;
        self.record(Some(pair.0), None, "connected to", pair.1.0 as u64, &[]);
        self.tell_both(pair, true);
    }

    fn tell_both(&mut self, pair: (ProcessId, ProcessId), up: bool) {
        for (here, there) in [pair, (pair.1, pair.0)] {
            let peer = self.processes[there.0].peer;
            for chain in (0..self.chains.len()).map(super::ChainIndex) {
                let seats = &self.chain(chain).seats;
                if seats.contains_key(&here) && seats.contains_key(&there) {
                    let event = if up { ReplicaEvent::PeerUp(peer) } else { ReplicaEvent::PeerDown(peer) };
                    self.tell(here, chain, event);
                }
            }
            self.courier_link(here, there, up);
        }
    }

    /// A replica that was seated on a process whose links are up already: both sides learn of each other on this chain.
    pub(super) fn meet_over(&mut self, process: ProcessId, chain: super::ChainIndex) {
        for other in self.seats(chain) {
            if other == process || self.link_epoch(process, other).is_none() {
                continue;
            }
            for (here, there) in [(process, other), (other, process)] {
                let peer = self.processes[there.0].peer;
                self.tell(here, chain, ReplicaEvent::PeerUp(peer));
            }
        }
    }

    /// One side is gone, or cannot be reached: the other notices after a while.
    pub(super) fn disconnect(&mut self, pair: (ProcessId, ProcessId)) {
        let Some(link) = self.links.get_mut(&pair).filter(|link| link.is_up) else { return };
        link.is_up = false;
        link.epoch += 1;
        let epoch = link.epoch;
        self.network.forget_link(pair.0, pair.1);
        let after_ms = self.on_network.within(self.config.notice_ms);
        self.schedule(after_ms, Happening::Notice { pair, epoch });
    }

    pub(super) fn notice(&mut self, pair: (ProcessId, ProcessId), epoch: u64) {
        if self.links.get(&pair).is_none_or(|link| link.epoch != epoch || link.is_up) {
            return;
        }
        self.record(Some(pair.0), None, "lost", pair.1.0 as u64, &[]);
        self.tell_both(pair, false);
    }

    /// Ends all links of a process.
    pub(super) fn disconnect_all(&mut self, process: ProcessId) {
        let pairs: Vec<_> = self.links.keys().copied().filter(|pair| pair.0 == process || pair.1 == process).collect();
        for pair in pairs {
            self.disconnect(pair);
        }
    }

    /// The epoch of the link between two processes, if it is up.
    pub(super) fn link_epoch(&self, from: ProcessId, to: ProcessId) -> Option<u64> {
        let link = self.links.get(&(from.min(to), from.max(to)))?;
        link.is_up.then_some(link.epoch)
    }

    /// Whether the link between two processes is up.
    pub fn are_linked(&self, one: ProcessId, other: ProcessId) -> bool {
        self.link_epoch(one, other).is_some()
    }

    /// Cuts every link between two groups, both ways.
    pub fn partition(&mut self, one: &[ProcessId], other: &[ProcessId]) {
        for here in one {
            for there in other {
                self.cut(*here, *there);
                self.cut(*there, *here);
            }
        }
    }

    /// Cuts one direction of a link; the connection breaks for both.
    pub fn cut(&mut self, from: ProcessId, to: ProcessId) {
        self.record(Some(from), None, "cut from", to.0 as u64, &[]);
        self.network.cut(from, to);
        self.disconnect((from.min(to), from.max(to)));
    }

    /// Loses everything in one direction of a link, which stays up: neither side is told.
    pub fn mute(&mut self, from: ProcessId, to: ProcessId) {
        self.record(Some(from), None, "muted towards", to.0 as u64, &[]);
        self.network.cut(from, to);
    }

    /// Heals all cuts.
    pub fn heal(&mut self) {
        self.record(None, None, "healed", 0, &[]);
        self.network.heal();
        for process in (0..self.processes.len()).map(ProcessId) {
            self.meet(process);
        }
    }

    /// How one direction of a link behaves.
    pub fn link_config(&self, from: ProcessId, to: ProcessId) -> crate::NetworkConfig {
        self.network.pair(from, to)
    }

    /// Sets how one direction of a link behaves.
    pub fn set_link(&mut self, from: ProcessId, to: ProcessId, config: crate::NetworkConfig) {
        self.network.set_pair(from, to, config);
    }
}
