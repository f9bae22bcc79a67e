//! Making a network on this machine: keys, genesis objects, addresses and the network file.
//!
//! Everything is made in the process and nothing is asked of the system but free ports. A directory that already holds
//! a network is never overwritten. Keys lie unencrypted in the directory, which suits a development network only;
//! each key file says so.

mod admission;
mod genesis;
mod keys;
mod registration;

pub use admission::admission_operations;
pub use genesis::{BUSINESS_LEDGER, OPERATOR_ROLE};
pub use keys::{admin_key_name, member_key_name, operator_key_name};
pub use registration::registration;

use crate::config::ConfigError;
use ledger_protocol::chain::{Genesis, Parameters, RelayAnchor};
use ledger_protocol::{Suite, codec};
use node_api::{ChainEntry, LedgerEntry, NETWORK_FILE, NetworkFile, NodeEntry, ReplicaEntry};
use node_keys::KeyStore;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

/// The relay's name in every network made here.
pub const RELAY: &str = "relay";
/// The node that hosts every replica of a network made in one process.
const SHARED_NODE: &str = "all";

/// What to make.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The relay's suite.
    pub relay_suite: Suite,
    /// Validators of every chain.
    pub validators: usize,
    /// Whether every validator of every chain is a process of its own.
    pub processes: bool,
    /// The subchains.
    pub subchains: Vec<SubchainPlan>,
    /// How often the relay makes a block while there is work, in milliseconds.
    pub relay_pace_ms: u32,
}

/// The relay's default pace, in milliseconds.
pub const RELAY_PACE_MS: u32 = Parameters::relay().min_block_interval_ms;
/// A subchain's default pace, in milliseconds.
pub const SUBCHAIN_PACE_MS: u32 = Parameters::subchain().min_block_interval_ms;

/// A subchain to make.
#[derive(Debug, Clone)]
pub struct SubchainPlan {
    /// Its name, unique in the network.
    pub name: String,
    /// Its suite.
    pub suite: Suite,
    /// How often it makes a block while there is work, in milliseconds.
    pub pace_ms: u32,
    /// Business accounts of its genesis; owned by its operator, lockable by proposals.
    pub accounts: Vec<AccountPlan>,
}

/// A business account to make.
#[derive(Debug, Clone)]
pub struct AccountPlan {
    /// Its name.
    pub name: String,
    /// Its counters.
    pub counters: Vec<CounterPlan>,
}

/// A counter to make.
#[derive(Debug, Clone)]
pub struct CounterPlan {
    /// Its key.
    pub key: String,
    /// Smallest value allowed.
    pub min: i64,
    /// Largest value allowed.
    pub max: i64,
    /// The value it starts with.
    pub initial: i64,
}

fn fail(file: &Path, reason: impl std::fmt::Display) -> ConfigError {
    ConfigError { file: file.display().to_string(), reason: reason.to_string() }
}

/// Makes a network in an empty or new directory.
///
/// # Errors
/// [`ConfigError`]: the directory holds a network already, or cannot be written.
pub fn create(directory: &Path, plan: &Plan) -> Result<NetworkFile, ConfigError> {
    let file = directory.join(NETWORK_FILE);
    if file.exists() {
        return Err(fail(&file, "exists already; choose another --dir, or start it with `crosstie up`"));
    }
    std::fs::create_dir_all(directory).map_err(|error| fail(directory, error))?;
    let accounts = KeyStore::open(directory.join("keys")).map_err(|error| fail(directory, error))?;
    let mut ports = Ports::default();
    let mut chains = Vec::new();
    let mut nodes = Nodes::new(directory, SHARED_NODE, plan.processes, plan.validators, &mut ports)?;

    let members = keys::account(&accounts, &member_key_name(), plan.relay_suite)?;
    let relay_replicas = nodes.replicas(RELAY, plan.relay_suite, plan.validators, &mut ports)?;
    let relay = genesis::relay(plan, &members, &relay_replicas).map_err(|reason| fail(&file, reason))?;
    chains.push(write_genesis(directory, RELAY, true, &relay)?);
    let anchor = genesis::anchor(&relay).map_err(|reason| fail(&file, reason))?;
    for subchain in &plan.subchains {
        let replicas = nodes.replicas(&subchain.name, subchain.suite, plan.validators, &mut ports)?;
        chains.push(make_subchain(directory, &accounts, &anchor, subchain, &replicas)?);
    }
    let network = NetworkFile { format: 1, chains, nodes: nodes.finish() };
    write_network(directory, &network)?;
    Ok(network)
}

/// Adds a subchain to a network that exists and may be running, on nodes of its own: one named like the chain, or one
/// per validator. The nodes that run already need not be told: the new ones connect to the relay's.
///
/// # Errors
/// [`ConfigError`]: a chain or node of that name exists, or the directory cannot be written.
pub fn add_subchain(
    directory: &Path,
    network: &NetworkFile,
    plan: &SubchainPlan,
    validators: usize,
    processes: bool,
) -> Result<NetworkFile, ConfigError> {
    let file = directory.join(NETWORK_FILE);
    let taken = network.chains.iter().any(|chain| chain.name == plan.name)
        || network.nodes.iter().any(|node| node.name == plan.name || node.name.starts_with(&format!("{}-", plan.name)));
    if taken {
        return Err(fail(&file, format!("has a chain or node {} already; choose another name", plan.name)));
    }
    let relay =
        network.chains.iter().find(|chain| chain.is_relay).ok_or_else(|| fail(&file, "names no relay chain"))?;
    let relay = crate::config::read_genesis(directory, relay)?;
    let anchor = genesis::anchor(&relay).map_err(|reason| fail(&file, reason))?;
    let accounts = KeyStore::open(directory.join("keys")).map_err(|error| fail(directory, error))?;
    let known = network
        .nodes
        .iter()
        .flat_map(|node| node.replicas.iter().map(|replica| replica.listen).chain(std::iter::once(node.http)));
    let mut ports = Ports { held: Vec::new(), avoided: known.collect() };
    let mut nodes = Nodes::new(directory, &plan.name, processes, validators, &mut ports)?;
    let replicas = nodes.replicas(&plan.name, plan.suite, validators, &mut ports)?;
    let mut network = network.clone();
    network.chains.push(make_subchain(directory, &accounts, &anchor, plan, &replicas)?);
    network.nodes.extend(nodes.finish());
    write_network(directory, &network)?;
    Ok(network)
}

/// Makes a subchain's account keys and genesis.
fn make_subchain(
    directory: &Path,
    accounts: &KeyStore,
    anchor: &RelayAnchor,
    plan: &SubchainPlan,
    replicas: &[keys::ReplicaKeys],
) -> Result<ChainEntry, ConfigError> {
    let admin = keys::account(accounts, &admin_key_name(&plan.name), plan.suite)?;
    let operator = keys::account(accounts, &operator_key_name(&plan.name), plan.suite)?;
    let genesis = genesis::subchain(plan, anchor, &admin, &operator, replicas)
        .map_err(|reason| fail(&directory.join(NETWORK_FILE), reason))?;
    write_genesis(directory, &plan.name, false, &genesis)
}

/// Writes the network file. It comes last: a directory without it is not a network.
fn write_network(directory: &Path, network: &NetworkFile) -> Result<(), ConfigError> {
    let file = directory.join(NETWORK_FILE);
    let text = serde_json::to_string_pretty(network).map_err(|error| fail(&file, error))?;
    let partial = directory.join("network.json.partial");
    std::fs::write(&partial, text).map_err(|error| fail(&partial, error))?;
    std::fs::rename(&partial, &file).map_err(|error| fail(&file, error))
}

fn write_genesis(directory: &Path, name: &str, is_relay: bool, genesis: &Genesis) -> Result<ChainEntry, ConfigError> {
    let relative = format!("genesis/{name}.borsh");
    let file = directory.join(&relative);
    std::fs::create_dir_all(directory.join("genesis")).map_err(|error| fail(&file, error))?;
    std::fs::write(&file, codec::encode(genesis)).map_err(|error| fail(&file, error))?;
    let ledgers = genesis
        .ledgers
        .iter()
        .filter(|ledger| ledger.ledger.0 != 0)
        .map(|ledger| LedgerEntry { ledger: ledger.ledger.0, name: ledger.name.to_string() })
        .collect();
    Ok(ChainEntry {
        name: name.to_owned(),
        id: genesis.chain_id().to_string(),
        is_relay,
        suite: genesis.suite.to_string(),
        genesis: relative,
        ledgers,
    })
}

/// Free ports of the loopback interface. They are held until all are taken, so that none is handed out twice.
#[derive(Debug, Default)]
struct Ports {
    held: Vec<TcpListener>,
    /// Addresses of a network that may not be running now.
    avoided: Vec<SocketAddr>,
}

impl Ports {
    fn take(&mut self, file: &Path) -> Result<SocketAddr, ConfigError> {
        loop {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .map_err(|error| fail(file, format!("no free port on the loopback interface: {error}")))?;
            let address = listener.local_addr().map_err(|error| fail(file, error))?;
            // Held also when avoided, so that the system offers another one next.
            self.held.push(listener);
            if !self.avoided.contains(&address) {
                return Ok(address);
            }
        }
    }
}

/// The nodes as they are laid out: one for all, or one per validator of every chain.
struct Nodes<'a> {
    directory: &'a Path,
    /// Data directory of the node that hosts all, if there is one.
    shared: String,
    processes: bool,
    /// In one process, validator `i` of every chain shares endpoint `i`.
    endpoints: Vec<(String, String, SocketAddr)>,
    nodes: Vec<NodeEntry>,
}

impl<'a> Nodes<'a> {
    fn new(
        directory: &'a Path,
        shared_name: &str,
        processes: bool,
        validators: usize,
        ports: &mut Ports,
    ) -> Result<Self, ConfigError> {
        let data = format!("nodes/{shared_name}");
        let mut nodes = Self { directory, shared: data.clone(), processes, endpoints: Vec::new(), nodes: Vec::new() };
        if !processes {
            let http = ports.take(directory)?;
            let store = nodes.key_store(&data)?;
            for index in 0..validators {
                let name = format!("endpoint-{index}");
                let public = keys::network(&store, &name)?;
                nodes.endpoints.push((name, public, ports.take(directory)?));
            }
            nodes.nodes.push(NodeEntry { name: shared_name.to_owned(), http, data, replicas: Vec::new() });
        }
        Ok(nodes)
    }

    fn key_store(&self, data: &str) -> Result<KeyStore, ConfigError> {
        let directory = self.directory.join(data).join("keys");
        KeyStore::open(&directory).map_err(|error| fail(&directory, error))
    }

    /// Makes the replicas of one chain and gives their validators.
    fn replicas(
        &mut self,
        chain: &str,
        suite: Suite,
        validators: usize,
        ports: &mut Ports,
    ) -> Result<Vec<keys::ReplicaKeys>, ConfigError> {
        let mut made = Vec::new();
        for validator in 0..validators {
            let vote_key = format!("vote-{chain}-{validator}");
            let (store, network_key, network_public_key, listen) = if self.processes {
                let data = format!("nodes/{chain}-{validator}");
                let store = self.key_store(&data)?;
                let name = "endpoint".to_owned();
                let public = keys::network(&store, &name)?;
                let http = ports.take(self.directory)?;
                let name_of_node = format!("{chain}-{validator}");
                self.nodes.push(NodeEntry { name: name_of_node, http, data, replicas: Vec::new() });
                (store, name, public, ports.take(self.directory)?)
            } else {
                let (name, public, listen) = self
                    .endpoints
                    .get(validator)
                    .cloned()
                    .ok_or_else(|| fail(self.directory, "fewer endpoints than validators"))?;
                (self.key_store(&self.shared)?, name, public, listen)
            };
            let vote = keys::validator(&store, &vote_key, suite)?;
            made.push(keys::ReplicaKeys { vote, network_public_key: network_public_key.clone() });
            if let Some(node) = self.nodes.last_mut() {
                node.replicas.push(ReplicaEntry {
                    chain: chain.to_owned(),
                    validator,
                    vote_key,
                    network_key,
                    network_public_key,
                    listen,
                });
            }
        }
        Ok(made)
    }

    fn finish(self) -> Vec<NodeEntry> {
        self.nodes
    }
}
