//! The host of a process: replicas, their event loop, and the threads that do what takes time.
//!
//! Threads: one event loop; workers for jobs; one for barriers of the log and one for commits of the store, each of
//! which serves all replicas with one fsync per round; the tokio runtime of the network and the HTTP interface.
//!
//! Order: per replica, a commit waits for the jobs emitted before it and holds back the jobs emitted after it, so
//! that a job reads exactly the state it was emitted for (see `lanes`).
//!
//! Errors: a replica that halts stops alone and says why; a failing log or store stops every replica of the process,
//! because nothing that was signed may be ahead of the disk.

mod couriers;
mod durability;
mod event_loop;
mod inbound;
mod lanes;
mod measures;
mod peers;
mod start;
mod workers;

pub use measures::{Measures, PhaseMeasure};

use crate::config::NodeConfig;
use chain_engine::{PublishedBlock, SubmitResult};
use event_loop::LoopEvent;
use ledger_protocol::ChainId;
use ledger_protocol::chain::Input;
use node_network::EndpointHandle;
use node_storage::ReplicaStore;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use tokio::sync::{broadcast, oneshot, watch};

/// What can be set from outside.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Threads for jobs.
    pub workers: usize,
    /// Memory of the store, in bytes.
    pub store_memory_bytes: usize,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self { workers: std::thread::available_parallelism().map_or(2, usize::from), store_memory_bytes: 512 << 20 }
    }
}

/// Why a host does not start or goes down.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The data directory.
    #[error(transparent)]
    Directory(#[from] node_storage::DirectoryError),
    /// The log.
    #[error(transparent)]
    Log(#[from] node_storage::LogFault),
    /// The store.
    #[error(transparent)]
    Store(#[from] chain_state::StoreFault),
    /// The network.
    #[error(transparent)]
    Network(#[from] node_network::NetworkError),
    /// A key.
    #[error(transparent)]
    Key(#[from] node_keys::KeyStoreError),
    /// A replica does not open.
    #[error("replica {replica}: {reason}")]
    Replica {
        /// `chain/validator`.
        replica: String,
        /// Why.
        reason: String,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
}

/// A replica as the rest of the process sees it.
#[derive(Debug, Clone)]
pub struct ReplicaView {
    /// The chain's name.
    pub chain_name: String,
    /// Which validator.
    pub validator: usize,
    /// The chain.
    pub chain: ChainId,
    /// Whether it is the relay.
    pub is_relay: bool,
    /// Its part of the store.
    pub store: ReplicaStore,
    /// Its committed height, and what it says when it halts.
    pub progress: watch::Receiver<Progress>,
    /// Every block it publishes; a slow listener misses some and reads the store instead.
    pub published: broadcast::Sender<Arc<PublishedBlock>>,
}

/// Where a replica is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Committed height.
    pub height: u64,
    /// Why it stopped, if it did.
    pub halted: Option<String>,
    /// Inputs in its pool.
    pub pool: u64,
    /// Blocks that the best peer is ahead.
    pub behind: u64,
}

/// Controls a running host; may be cloned.
#[derive(Debug, Clone)]
pub struct HostHandle {
    events: mpsc::Sender<LoopEvent>,
    replicas: Arc<Vec<ReplicaView>>,
    endpoints: Arc<Vec<EndpointHandle>>,
    measures: Arc<Measures>,
    next_submit: Arc<AtomicU64>,
}

/// The node stopped while it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is stopping")]
pub struct Stopping;

impl HostHandle {
    /// The replicas, in the order of the configuration.
    pub fn replicas(&self) -> &[ReplicaView] {
        &self.replicas
    }

    /// The replica of a chain, by name or id text; the first one if several validators of it are hosted.
    pub fn replica_of(&self, chain: &str) -> Option<(usize, &ReplicaView)> {
        self.replicas.iter().enumerate().find(|(_, view)| view.chain_name == chain || view.chain.to_string() == chain)
    }

    /// The endpoints.
    pub fn endpoints(&self) -> &[EndpointHandle] {
        &self.endpoints
    }

    /// What the process has used so far, by phase.
    pub fn measures(&self) -> &Measures {
        &self.measures
    }

    /// Offers an input to a replica's pool and waits for the answer.
    ///
    /// # Errors
    /// [`Stopping`].
    pub async fn submit(&self, replica: usize, input: Input) -> Result<SubmitResult, Stopping> {
        self.offer(replica, input)?.await.map_err(|_| Stopping)
    }

    /// Offers many inputs at once, so that their signatures are verified in batches; answers in the same order.
    /// As many are under way at once as the caller gives: it keeps them few enough for the pool.
    ///
    /// # Errors
    /// [`Stopping`].
    pub async fn submit_all(
        &self,
        inputs: impl IntoIterator<Item = (usize, Input)>,
    ) -> Result<Vec<SubmitResult>, Stopping> {
        let offered: Result<Vec<_>, Stopping> =
            inputs.into_iter().map(|(replica, input)| self.offer(replica, input)).collect();
        let mut answers = Vec::new();
        for answer in offered? {
            answers.push(answer.await.map_err(|_| Stopping)?);
        }
        Ok(answers)
    }

    fn offer(&self, replica: usize, input: Input) -> Result<oneshot::Receiver<SubmitResult>, Stopping> {
        let (answer, wait) = oneshot::channel();
        let token = self.next_submit.fetch_add(1, Ordering::Relaxed);
        let input = Box::new(input);
        self.events.send(LoopEvent::Submit { replica, token, input, answer: Some(answer) }).map_err(|_| Stopping)?;
        Ok(wait)
    }
}

/// A running host; dropping it without [`Host::stop`] leaves its threads to the end of the process.
#[derive(Debug)]
pub struct Host {
    handle: HostHandle,
    event_loop: std::thread::JoinHandle<()>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Host {
    /// Starts every replica of a node, on the current tokio runtime.
    ///
    /// # Errors
    /// [`HostError`]: nothing keeps running.
    pub async fn start(config: NodeConfig, options: HostOptions) -> Result<Self, HostError> {
        start::start(config, options).await
    }

    /// Controls it.
    pub fn handle(&self) -> &HostHandle {
        &self.handle
    }

    /// Why the whole process must stop, if it must.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().map_or(None, |failure| failure.clone())
    }

    /// Stops cleanly: the loop ends between two events, what was handed to the disk is finished.
    pub async fn stop(self) {
        // A loop that is gone already has stopped.
        let _ignored = self.handle.events.send(LoopEvent::Stop);
        for endpoint in self.handle.endpoints.iter() {
            endpoint.shutdown().await;
        }
        let event_loop = self.event_loop;
        let joined = tokio::task::spawn_blocking(move || event_loop.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the event loop ended by a panic");
        }
    }
}
