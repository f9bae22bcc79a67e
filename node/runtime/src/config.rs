//! A node's configuration: taken from the network file, its genesis files and key stores, and checked before
//! anything starts.

use crate::evidence::EvidenceFolder;
use chain_state::StateMachine;
use ledger_protocol::chain::{ChainRole, Genesis};
use ledger_protocol::codec::decode;
use ledger_protocol::suite::SecretKey;
use node_api::{ChainEntry, NETWORK_FILE, NetworkFile, NodeEntry};
use node_keys::{KeyName, KeyStore, Purpose};
use node_network::{NetworkSecretKey, PeerKey};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The data directory of a node, inside its own directory. All that a node can make again from its peers lies there.
pub const DATA: &str = "data";

/// Something in the configuration that does not fit; says in which file.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// What is wrong and what to do.
    pub reason: String,
}

impl ConfigError {
    fn new(file: &Path, reason: impl Into<String>) -> Self {
        Self { file: file.display().to_string(), reason: reason.into() }
    }
}

/// An endpoint of a node: one network key, one listen address.
#[derive(Debug)]
pub struct EndpointSettings {
    /// Its secret key.
    pub secret: NetworkSecretKey,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Peers to keep connected.
    pub peers: Vec<(PeerKey, SocketAddr)>,
}

/// A replica of a node.
pub struct ReplicaConfig {
    /// The chain's name.
    pub chain_name: String,
    /// Which of its validators, from 0.
    pub validator: usize,
    /// Whether it is the relay.
    pub is_relay: bool,
    /// The chain.
    pub genesis: Genesis,
    /// Its rules.
    pub machine: Arc<dyn StateMachine>,
    /// Its voting key.
    pub vote_key: SecretKey,
    /// Index of its endpoint.
    pub endpoint: usize,
    /// Network keys of all validators of the chain, this one included.
    pub validators: Vec<PeerKey>,
    /// Network keys of the relay's validators.
    pub relay_validators: Vec<PeerKey>,
}

impl fmt::Debug for ReplicaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.chain_name, self.validator)
    }
}

/// Everything a process needs to start.
pub struct NodeConfig {
    /// The node's name.
    pub name: String,
    /// Its data directory.
    pub data: PathBuf,
    /// Where it keeps what convicts validators.
    pub evidence: EvidenceFolder,
    /// Where its HTTP interface listens.
    pub http: SocketAddr,
    /// Its endpoints.
    pub endpoints: Vec<EndpointSettings>,
    /// Its replicas.
    pub replicas: Vec<ReplicaConfig>,
}

impl fmt::Debug for NodeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeConfig").field("name", &self.name).field("replicas", &self.replicas).finish_non_exhaustive()
    }
}

/// Reads a network file.
///
/// # Errors
/// [`ConfigError`] with the line of the first thing that does not parse.
pub fn read_network(directory: &Path) -> Result<NetworkFile, ConfigError> {
    let file = directory.join(NETWORK_FILE);
    let text = std::fs::read_to_string(&file).map_err(|error| {
        ConfigError::new(
            &file,
            format!("cannot be read ({error}); `crosstie up --dir {}` makes one", directory.display()),
        )
    })?;
    let network: NetworkFile = serde_json::from_str(&text)
        .map_err(|error| ConfigError::new(&file, format!("line {}: {error}", error.line())))?;
    if network.format != 1 {
        let reason = format!("format {} is newer than this program's 1; install a newer crosstie", network.format);
        return Err(ConfigError::new(&file, reason));
    }
    Ok(network)
}

/// Reads a chain's genesis file and checks it against the id that the network file names.
///
/// # Errors
/// [`ConfigError`].
pub fn read_genesis(directory: &Path, chain: &ChainEntry) -> Result<Genesis, ConfigError> {
    let file = directory.join(&chain.genesis);
    let bytes = std::fs::read(&file).map_err(|error| ConfigError::new(&file, format!("cannot be read: {error}")))?;
    let genesis: Genesis =
        decode(&bytes, 64 << 20).map_err(|error| ConfigError::new(&file, format!("is no genesis: {error}")))?;
    let id = genesis.chain_id().to_string();
    if id != chain.id {
        let reason = format!("is the genesis of {id}, but {NETWORK_FILE} names {} for {}", chain.id, chain.name);
        return Err(ConfigError::new(&file, reason));
    }
    Ok(genesis)
}

/// The state machine that a genesis asks for.
pub fn machine_of(genesis: &Genesis) -> Arc<dyn StateMachine> {
    match genesis.role {
        ChainRole::Relay { .. } => Arc::new(relay::RelayMachine),
        ChainRole::Subchain { .. } => Arc::new(subchain::SubchainMachine),
    }
}

fn public_key(file: &Path, text: &str) -> Result<PeerKey, ConfigError> {
    hex::decode(text)
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .map(PeerKey)
        .ok_or_else(|| ConfigError::new(file, format!("network_public_key {text:?} is not 64 hex digits")))
}

/// The configuration of one node of a network.
///
/// # Errors
/// [`ConfigError`]: nothing was started.
pub fn node_config(directory: &Path, network: &NetworkFile, node: &NodeEntry) -> Result<NodeConfig, ConfigError> {
    let file = directory.join(NETWORK_FILE);
    let home = directory.join(&node.data);
    let data = home.join(DATA);
    let keys_directory = home.join("keys");
    let keys = KeyStore::open(&keys_directory).map_err(|error| ConfigError::new(&keys_directory, error.to_string()))?;
    let key_error = |error: node_keys::KeyStoreError| ConfigError::new(&keys_directory, error.to_string());
    let name = |text: &str| -> Result<KeyName, ConfigError> {
        text.parse().map_err(|error| ConfigError::new(&file, format!("key name {text:?}: {error}")))
    };

    let mut endpoints: Vec<EndpointSettings> = Vec::new();
    let mut endpoint_of: BTreeMap<String, usize> = BTreeMap::new();
    let mut replicas = Vec::new();
    for replica in &node.replicas {
        let chain = network.chains.iter().find(|chain| chain.name == replica.chain).ok_or_else(|| {
            ConfigError::new(&file, format!("node {} hosts unknown chain {}", node.name, replica.chain))
        })?;
        let endpoint = match endpoint_of.get(&replica.network_key) {
            Some(index) => *index,
            None => {
                let seed = keys.network_seed(&name(&replica.network_key)?, None).map_err(key_error)?;
                endpoints.push(EndpointSettings {
                    secret: NetworkSecretKey::from_seed(*seed),
                    listen: replica.listen,
                    peers: Vec::new(),
                });
                endpoint_of.insert(replica.network_key.clone(), endpoints.len() - 1);
                endpoints.len() - 1
            }
        };
        let vote_key = keys.secret_key(&name(&replica.vote_key)?, Purpose::Validator, None).map_err(key_error)?;
        let genesis = read_genesis(directory, chain)?;
        let mut validators = Vec::new();
        for entry in network.nodes.iter().flat_map(|node| &node.replicas).filter(|it| it.chain == replica.chain) {
            validators.push(public_key(&file, &entry.network_public_key)?);
        }
        let relay_validators = relay_keys(&file, network)?;
        replicas.push(ReplicaConfig {
            chain_name: chain.name.clone(),
            validator: replica.validator,
            is_relay: chain.is_relay,
            machine: machine_of(&genesis),
            genesis,
            vote_key,
            endpoint,
            validators,
            relay_validators,
        });
    }
    connect(&file, network, node, &mut endpoints, &endpoint_of)?;
    let evidence = EvidenceFolder::of_node(&home);
    Ok(NodeConfig { name: node.name.clone(), data, evidence, http: node.http, endpoints, replicas })
}

fn relay_keys(file: &Path, network: &NetworkFile) -> Result<Vec<PeerKey>, ConfigError> {
    let is_relay = |chain: &str| network.chains.iter().any(|entry| entry.is_relay && entry.name == chain);
    let replicas = network.nodes.iter().flat_map(|node| &node.replicas);
    replicas.filter(|it| is_relay(&it.chain)).map(|it| public_key(file, &it.network_public_key)).collect()
}

/// Every endpoint keeps connected to the validators of its chains, and those of a subchain to the relay's.
fn connect(
    file: &Path,
    network: &NetworkFile,
    node: &NodeEntry,
    endpoints: &mut [EndpointSettings],
    endpoint_of: &BTreeMap<String, usize>,
) -> Result<(), ConfigError> {
    let is_relay = |chain: &str| network.chains.iter().any(|entry| entry.is_relay && entry.name == chain);
    for own in &node.replicas {
        let Some(endpoint) = endpoint_of.get(&own.network_key).and_then(|index| endpoints.get_mut(*index)) else {
            continue;
        };
        let own_key = endpoint.secret.public();
        for other in network.nodes.iter().flat_map(|node| &node.replicas) {
            if other.chain != own.chain && !is_relay(&other.chain) && !is_relay(&own.chain) {
                continue;
            }
            let key = public_key(file, &other.network_public_key)?;
            if key != own_key && !endpoint.peers.iter().any(|(known, _)| *known == key) {
                endpoint.peers.push((key, other.listen));
            }
        }
    }
    Ok(())
}
