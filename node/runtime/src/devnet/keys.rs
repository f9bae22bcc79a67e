//! The keys of a development network, made once and kept unencrypted.

use super::fail;
use crate::config::ConfigError;
use ledger_protocol::suite::SecretKey;
use ledger_protocol::{PublicKey, Suite};
use node_keys::{KeyName, KeyStore, Protection, Purpose};
use node_network::NetworkSecretKey;

/// The consortium's member key in the directory's key store.
pub fn member_key_name() -> String {
    "member".into()
}

/// A subchain's administrator: identities, accounts, governance.
pub fn admin_key_name(chain: &str) -> String {
    format!("admin-{chain}")
}

/// A subchain's operator: owns its business accounts and authorises its legs.
pub fn operator_key_name(chain: &str) -> String {
    format!("operator-{chain}")
}

/// A validator's keys as its genesis needs them.
#[derive(Debug, Clone)]
pub(super) struct ReplicaKeys {
    /// The voting key's public half.
    pub(super) vote: PublicKey,
    /// The endpoint's public network key, hex.
    pub(super) network_public_key: String,
}

fn make(store: &KeyStore, name: &str, suite: Suite, purpose: Purpose) -> Result<PublicKey, ConfigError> {
    let directory = store.directory().to_path_buf();
    let name: KeyName = name.parse().map_err(|error| fail(&directory, error))?;
    if let Ok(entry) = store.entry(&name) {
        return Ok(entry.public_key);
    }
    store
        .generate(&name, purpose, suite, Protection::Plain)
        .map(|entry| entry.public_key)
        .map_err(|error| fail(&directory, error))
}

pub(super) fn account(store: &KeyStore, name: &str, suite: Suite) -> Result<PublicKey, ConfigError> {
    make(store, name, suite, Purpose::Account)
}

pub(super) fn validator(store: &KeyStore, name: &str, suite: Suite) -> Result<PublicKey, ConfigError> {
    make(store, name, suite, Purpose::Validator)
}

/// Makes an endpoint's network key and gives its public half as hex.
pub(super) fn network(store: &KeyStore, name: &str) -> Result<String, ConfigError> {
    make(store, name, Suite::Standard, Purpose::Network)?;
    let directory = store.directory().to_path_buf();
    let parsed: KeyName = name.parse().map_err(|error| fail(&directory, error))?;
    let seed = store.network_seed(&parsed, None).map_err(|error| fail(&directory, error))?;
    Ok(hex::encode(NetworkSecretKey::from_seed(*seed).public().0))
}

/// Opens a secret key of a store.
pub(super) fn secret(store: &KeyStore, name: &str, purpose: Purpose) -> Result<SecretKey, ConfigError> {
    let directory = store.directory().to_path_buf();
    let parsed: KeyName = name.parse().map_err(|error| fail(&directory, error))?;
    store.secret_key(&parsed, purpose, None).map_err(|error| fail(&directory, error))
}
