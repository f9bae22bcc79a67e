//! Links of a trial: how far apart processes are, and how bad the network between them is.
//!
//! A process that joins later gets its links as those before it have them: its place is that of its chain, or the next
//! continent, and its network is as bad as everybody's by then.

use crate::NetworkConfig;
use crate::fixture::{Member, Network};
use crate::scenario::Latency;
use crate::world::{ProcessId, World};

/// The links of a trial.
#[derive(Debug)]
pub(super) struct Links {
    latency: Latency,
    /// What every link is like, but for its latency.
    config: NetworkConfig,
    /// Where each process stands, by its number.
    places: Vec<usize>,
}

impl Links {
    /// Links like these for every process that there is.
    pub(super) fn new(world: &mut World, network: &Network, latency: Latency) -> Self {
        let mut links = Self { latency, config: world.network_config(), places: Vec::new() };
        links.update(world, network);
        links
    }

    /// Sets the links of processes that have joined.
    pub(super) fn update(&mut self, world: &mut World, network: &Network) {
        let known = self.places.len();
        let newcomers: Vec<ProcessId> = world.processes().skip(known).collect();
        for process in &newcomers {
            self.places.push(self.place(world, network, *process));
        }
        for from in &newcomers {
            for to in world.processes().filter(|to| to != from) {
                self.set(world, *from, to);
                self.set(world, to, *from);
            }
        }
    }

    /// From now on every link loses, doubles, overtakes and damages as this one; latencies stay.
    pub(super) fn roughen(&mut self, world: &mut World, rough: NetworkConfig) {
        self.config = rough;
        for from in world.processes() {
            world.processes().filter(|to| *to != from).for_each(|to| self.set(world, from, to));
        }
    }

    fn place(&self, world: &World, network: &Network, process: ProcessId) -> usize {
        let subchains = (0..network.subchains.len()).map(Member::Subchain);
        let mut members = std::iter::once(Member::Relay).chain(subchains).enumerate();
        let seat = members.find_map(|(chain, member)| {
            let seats = world.seats(network.index(member));
            seats.iter().position(|seat| *seat == process).map(|number| (chain, number))
        });
        let (chain, number) = seat.unwrap_or((0, 0));
        match self.latency {
            Latency::Lan => 0,
            // One place per chain, near within it.
            Latency::Region => chain,
            Latency::ThreeContinents => number % 3,
        }
    }

    fn set(&self, world: &mut World, from: ProcessId, to: ProcessId) {
        let is_near = self.places.get(from.0) == self.places.get(to.0);
        let latency_ms = match (self.latency, is_near) {
            (Latency::Region, true) => (2, 5),
            (Latency::ThreeContinents, false) => (40, 130),
            _ => world.network_config().latency_ms,
        };
        let config = NetworkConfig { latency_ms, ..self.config };
        if world.link_config(from, to) != config {
            world.set_link(from, to, config);
        }
    }
}

#[cfg(test)]
mod tests;
