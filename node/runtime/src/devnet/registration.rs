//! What a subchain of a development network shows to be registered.

use super::genesis::{BUSINESS_LEDGER, header};
use super::{fail, keys};
use crate::config::{ConfigError, read_genesis};
use ledger_protocol::ChainId;
use ledger_protocol::chain::ControlledBy;
use ledger_protocol::codec::{Bounded, Text};
use ledger_protocol::interchain::{ChainLimits, Registration, ServiceAccess, ServicePolicy};
use node_api::{ChainEntry, NetworkFile};
use node_keys::{KeyStore, Purpose};
use relay::registry::possession_sign_bytes;
use std::path::Path;

/// The longest t_prep that a subchain registers, in relay blocks.
const MAX_T_PREP_BLOCKS: u32 = 300;

/// The registration of a chain whose validators' keys lie in this directory.
///
/// # Errors
/// [`ConfigError`].
pub fn registration(
    directory: &Path,
    network: &NetworkFile,
    chain: &ChainEntry,
    relay: &ChainId,
) -> Result<Registration, ConfigError> {
    let genesis = read_genesis(directory, chain)?;
    let file = directory.join(&chain.genesis);
    let header = header(&genesis).map_err(|reason| fail(&file, reason))?;
    let id = header.chain;
    let message = possession_sign_bytes(relay, &id);
    let mut signed = Vec::new();
    for node in &network.nodes {
        let store = KeyStore::open(directory.join(&node.data).join("keys")).map_err(|error| fail(&file, error))?;
        for replica in node.replicas.iter().filter(|replica| replica.chain == chain.name) {
            let key = keys::secret(&store, &replica.vote_key, Purpose::Validator)?;
            signed.push((key.public_key(), key.sign(&message)));
        }
    }
    // In set order, which is ascending by key.
    signed.sort_by_key(|(key, _)| *key);
    let possessions = Bounded::new(signed.into_iter().map(|(_, signature)| signature).collect())
        .map_err(|error| fail(&file, error))?;
    let service = ServicePolicy {
        chain: id,
        ledger: BUSINESS_LEDGER,
        access: ServiceAccess::Members,
        demands_shared_control: false,
    };
    Ok(Registration {
        name: Text::new(chain.name.clone()).map_err(|error| fail(&file, error))?,
        header,
        next_validators: genesis.validators.clone(),
        kind: genesis.kind,
        heartbeat_ms: genesis.parameters.heartbeat_ms,
        max_t_prep: MAX_T_PREP_BLOCKS,
        controlled_by: ControlledBy::SingleOrganisation,
        possessions,
        limits: ChainLimits::default(),
        services: Bounded::new(vec![service]).map_err(|error| fail(&file, error))?,
    })
}
