//! Looking: what tests and trials read of a world. Nothing here changes it.

use super::{ChainIndex, EPOCH_MS, ProcessId, Reply, World};
use crate::failure::Contradiction;
use crate::network::NetworkConfig;
use chain_engine::{Replica, SubmitResult};
use chain_state::MemoryStore;
use ledger_protocol::chain::{Equivocation, Genesis};
use ledger_protocol::{Address, ChainId, Hash, Height, TimestampMs};

impl World {
    /// All processes.
    pub fn processes(&self) -> impl Iterator<Item = ProcessId> + use<> {
        (0..self.processes.len()).map(ProcessId)
    }

    /// How links behave that were not set otherwise.
    pub const fn network_config(&self) -> NetworkConfig {
        self.config.network
    }

    /// What every property has seen, one line each; what only watches is none.
    pub fn reports(&self) -> Vec<String> {
        let properties = self.properties.iter().filter(|property| !property.only_watches());
        properties.flat_map(|property| property.reports()).collect()
    }

    /// What became of a submission, if it was answered.
    pub fn reply(&self, reply: Reply) -> Option<&SubmitResult> {
        self.replies.get(&reply.0)
    }

    /// Virtual time.
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// What a process's clock shows.
    pub fn clock(&self, process: ProcessId) -> TimestampMs {
        let here = &self.processes[process.0];
        let now_ms = here.clock_stopped_at_ms.unwrap_or(self.now_ms);
        TimestampMs((EPOCH_MS + now_ms).saturating_add_signed(here.skew_ms))
    }

    /// Effects carried out so far, marks for metrics not counted: the places of [`Fault`]s.
    pub const fn effects(&self) -> u64 {
        self.effects
    }

    /// Blocks that were durable before anybody lived to publish them: seen when their replica came back.
    pub const fn published_late(&self) -> u64 {
        self.published_late
    }

    /// Events so far.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The hash of every event and effect so far, in order.
    pub fn trace_hash(&self) -> Hash {
        self.trace.hash()
    }

    /// What the chain began with.
    pub fn genesis(&self, chain: ChainIndex) -> &Genesis {
        &self.chain(chain).genesis
    }

    /// The chain's id.
    pub fn chain_id(&self, chain: ChainIndex) -> ChainId {
        self.chain(chain).id
    }

    /// The durable height of a replica, if it is up.
    pub fn height(&self, process: ProcessId, chain: ChainIndex) -> Option<Height> {
        self.running(process, chain).map(|running| running.replica.tip().header.height)
    }

    /// The greatest height that a replica of the chain has published.
    pub fn best_height(&self, chain: ChainIndex) -> Height {
        self.chain(chain).published.0
    }

    /// The least durable height of the replicas that are up; `None` when none is.
    pub fn least_height(&self, chain: ChainIndex) -> Option<Height> {
        self.chain(chain).seats.keys().filter_map(|process| self.height(*process, chain)).min()
    }

    /// Inputs of the chain that are final.
    pub fn final_inputs(&self, chain: ChainIndex) -> u64 {
        self.chain(chain).final_inputs
    }

    /// A replica, if it is up.
    pub fn replica(&self, process: ProcessId, chain: ChainIndex) -> Option<&Replica> {
        self.running(process, chain).map(|running| &running.replica)
    }

    /// A replica's store, up or not.
    pub fn store(&self, process: ProcessId, chain: ChainIndex) -> Option<&MemoryStore> {
        self.processes[process.0].disk.store(chain)
    }

    /// The store of the replica that is furthest.
    pub fn best_store(&self, chain: ChainIndex) -> Option<&MemoryStore> {
        let seats = self.chain(chain).seats.keys();
        let best = seats.max_by_key(|process| self.height(**process, chain))?;
        self.store(*best, chain)
    }

    /// Where the chain's replicas run.
    pub fn seats(&self, chain: ChainIndex) -> Vec<ProcessId> {
        self.chain(chain).seats.keys().copied().collect()
    }

    /// Whether a process is up.
    pub fn is_up(&self, process: ProcessId) -> bool {
        self.processes[process.0].is_up
    }

    /// The log of a chain as its furthest replica has it, executed again on a fresh state machine: how many blocks.
    ///
    /// # Errors
    /// [`Contradiction`] at the first header that comes out differently.
    pub fn replay_log(&self, chain: ChainIndex) -> Result<u64, Contradiction> {
        let here = self.chain(chain);
        let empty = MemoryStore::default();
        let reader = chain_engine::ChainReader::new(self.best_store(chain).unwrap_or(&empty), here.id.suite);
        let blocks = (1..=here.published.0.0).map_while(|height| reader.block(Height(height)).ok().flatten());
        let (count, last) = crate::replay::replay(&here.genesis, &*here.machine, blocks)?;
        if here.published.0 == Height(count) && (count == 0 || last == here.published.1) {
            return Ok(count);
        }
        let published = format!("header {} of height {} was published", here.published.1, here.published.0);
        Err(Contradiction::new(published, format!("the log ends at height {count} with {last}")))
    }

    /// Why a replica halted, if it did.
    pub fn halt(&self, process: ProcessId, chain: ChainIndex) -> Option<&str> {
        self.processes[process.0].halted.get(&chain).map(String::as_str)
    }

    /// How often replicas of a chain reported a validator that signed two conflicting messages.
    pub fn accusations(&self, chain: ChainIndex, validator: &Address) -> u64 {
        self.accusations.get(&(chain, *validator)).copied().unwrap_or(0)
    }

    /// What a process was given to keep against validators of a chain, oldest first, the first 1,024.
    pub fn evidence(&self, process: ProcessId, chain: ChainIndex) -> &[Equivocation] {
        self.evidence.get(&(process, chain)).map_or(&[], Vec::as_slice)
    }

    /// Living entries of a process's log.
    pub fn log_len(&self, process: ProcessId) -> usize {
        self.processes[process.0].disk.log_len()
    }
}
