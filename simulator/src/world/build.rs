//! Building: processes, chains, seats and properties are added to a world.

use super::{Chain, ChainIndex, ChainSpec, Happening, Process, ProcessId, World};
use crate::disk::Disk;
use crate::property::{Fact, Property};
use chain_engine::Peer;
use ledger_protocol::chain::Validator;
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{Hash, Height, Suite};
use std::collections::BTreeMap;

impl World {
    /// The network key hash of the process with this number; the same in every world.
    pub fn peer(process: ProcessId) -> Peer {
        Peer(Suite::Standard.hash_parts(&[b"simulated process", &(process.0 as u64).to_le_bytes()]))
    }

    /// A validator that runs on a process, with power 1.
    ///
    /// # Panics
    /// Never: the organisation's name is short.
    pub fn validator(process: ProcessId, key: &SecretKey, organisation: &str) -> Validator {
        let Ok(organisation) = ledger_protocol::codec::Text::new(organisation) else {
            panic!("an organisation's name has at most 64 bytes")
        };
        Validator { public_key: key.public_key(), power: 1, organisation, network_key_hash: Self::peer(process).0 }
    }

    /// Adds a process; it starts when the first event runs. The order of calls gives its number.
    pub fn add_process(&mut self) -> ProcessId {
        let process = ProcessId(self.processes.len());
        let span = self.config.skew_ms;
        let skew = self.on_work.within((0, 2 * span));
        // Both are far below 2⁶³.
        let skew_ms = i64::try_from(skew).unwrap_or(0) - i64::try_from(span).unwrap_or(0);
        self.processes.push(Process {
            peer: Self::peer(process),
            is_up: false,
            holds: 0,
            life: 0,
            skew_ms,
            clock_stopped_at_ms: None,
            was_wiped: false,
            disk: Disk::default(),
            signed: BTreeMap::new(),
            running: BTreeMap::new(),
            halted: BTreeMap::new(),
        });
        self.schedule(0, Happening::Start(process));
        process
    }

    /// Adds a process with another's network key, cut off from it. With the same validator key too ([`Self::add_seat`])
    /// the two are one validator that says two things at once: what is sent to one of them reaches both.
    pub fn add_twin(&mut self, original: ProcessId) -> ProcessId {
        let twin = self.add_process();
        self.processes[twin.0].peer = self.processes[original.0].peer;
        self.partition(&[original], &[twin]);
        twin
    }

    /// Adds several processes.
    pub fn add_processes(&mut self, count: usize) -> Vec<ProcessId> {
        (0..count).map(|_| self.add_process()).collect()
    }

    /// Adds a chain. Processes that are up already take it up when they start again.
    pub fn add_chain(&mut self, spec: ChainSpec) -> ChainIndex {
        let index = ChainIndex(self.chains.len());
        let voting = spec.validators.into_iter().map(|(process, key)| (process, Some(key)));
        let watching = spec.observers.into_iter().map(|process| (process, None));
        self.chains.push(Chain {
            id: spec.genesis.chain_id(),
            machine: spec.machine,
            timeouts: spec.timeouts,
            limits: spec.limits,
            seats: voting.chain(watching).collect(),
            published: (Height::ZERO, Hash::ZERO),
            final_inputs: 0,
            genesis: spec.genesis.clone(),
        });
        let seats: Vec<ProcessId> = self.chain(index).seats.keys().copied().collect();
        if let Some(first) = seats.first() {
            self.observe(*first, index, &Fact::Created(&spec.genesis));
        }
        for process in seats {
            if self.is_up(process) {
                self.open_seat(process, index);
                self.meet(process);
            }
        }
        index
    }

    /// Gives a process a seat of a chain that runs already: a validator to be, with its key, or an observer. Its replica
    /// starts from the genesis and syncs; whether it votes is the chain's to decide. On a subchain it runs a courier if
    /// it has a key, on a relay a courier server.
    ///
    /// # Panics
    /// When the process has a seat of this chain.
    pub fn add_seat(&mut self, process: ProcessId, chain: ChainIndex, key: Option<SecretKey>) {
        self.record(Some(process), Some(chain), "takes a seat", u64::from(key.is_some()), &[]);
        let before = self.chains[chain.0].seats.insert(process, key);
        assert!(before.is_none(), "{process} has a seat of chain {} already", chain.0);
        if !self.is_up(process) {
            return;
        }
        self.open_seat(process, chain);
        self.couriers_seated(process, chain);
        self.meet_over(process, chain);
        self.meet(process);
    }

    /// Adds a property.
    pub fn add_property(&mut self, property: Box<dyn Property>) {
        self.properties.push(property);
    }

    /// Leaves out the properties whose names are not to be kept; before the first event.
    pub(crate) fn keep_properties(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.properties.retain(|property| is_kept(property.name()));
    }
}
