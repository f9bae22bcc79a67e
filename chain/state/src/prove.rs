//! Proofs and look-ups served from the store, without an overlay.

mod ics23;

pub use self::ics23::ics23_proof;

use crate::block_state::{LedgerHead, PROVABLE_VERSIONS, Replaced};
use crate::place::Place;
use crate::rows;
use crate::store::{StoreFault, StoreReader};
use crate::tree::{JellyfishTree, Nodes, PathEnd, StateTree};
use ledger_protocol::codec::{Bounded, encode};
use ledger_protocol::proof::state::{StateProof, state_value_hash};
use ledger_protocol::transaction::{StateKey, StateValue, state_tree_key};
use ledger_protocol::{AccountName, Hash, Height, LedgerId, Suite, Version};

/// Proves what a key holds, or that it holds nothing, in one version of a ledger's tree.
///
/// `None` when that version is not served: not made yet, or older than the last [`PROVABLE_VERSIONS`].
///
/// # Errors
/// [`StoreFault`] on I/O or a corrupt row.
pub fn state_proof(
    reader: &dyn StoreReader,
    suite: Suite,
    ledger: LedgerId,
    account: &AccountName,
    key: &StateKey,
    state_version: u64,
) -> Result<Option<StateProof>, StoreFault> {
    if !is_served(reader, ledger, state_version)? {
        return Ok(None);
    }
    let nodes = Nodes { reader, ledger };
    let key_hash = state_tree_key(suite, account, key);
    let path = JellyfishTree(suite).path(&nodes, state_version, &key_hash)?;
    let siblings = Bounded::new(path.siblings).map_err(|error| StoreFault(format!("a state path: {error}")))?;
    let proof = match path.end {
        PathEnd::Empty => StateProof::AbsentEmpty { siblings },
        PathEnd::Leaf { key_hash: found, value_hash } if found == key_hash => {
            let leaf = leaf_at(reader, ledger, &key_hash, state_version)?;
            let (_, value) = leaf.ok_or_else(|| StoreFault("a leaf of a state tree has no value".into()))?;
            if state_value_hash(suite, &value) != value_hash {
                return Err(StoreFault("a state row does not fit the state tree".into()));
            }
            StateProof::Present { value, siblings }
        }
        PathEnd::Leaf { key_hash, value_hash } => {
            StateProof::AbsentOther { other_key_hash: key_hash, other_value_hash: value_hash, siblings }
        }
    };
    Ok(Some(proof))
}

/// The latest value of a key, tombstones included.
///
/// # Errors
/// [`StoreFault`] on I/O or a corrupt row.
pub fn latest(
    reader: &dyn StoreReader,
    ledger: LedgerId,
    account: &AccountName,
    key: &StateKey,
) -> Result<Option<StateValue>, StoreFault> {
    let row = reader.get(&rows::state(&Place::new(ledger, account, key)))?;
    row.map(|bytes| rows::value(&bytes)).transpose()
}

/// The latest version and root of a ledger's tree; `None` if there is no such ledger.
///
/// # Errors
/// [`StoreFault`] on I/O or a corrupt row.
pub fn head(reader: &dyn StoreReader, ledger: LedgerId) -> Result<Option<LedgerHead>, StoreFault> {
    reader.get(&rows::head(ledger))?.map(|bytes| rows::decode("ledger head", &bytes)).transpose()
}

/// Where a version of a key was made: the block's height and the index in its changes tree.
///
/// # Errors
/// [`StoreFault`] on I/O or a corrupt row.
pub fn change_of_version(
    reader: &dyn StoreReader,
    ledger: LedgerId,
    account: &AccountName,
    key: &StateKey,
    version: Version,
) -> Result<Option<(Height, u32)>, StoreFault> {
    let row = reader.get(&rows::version(ledger, account, key, version))?;
    row.map(|bytes| rows::decode("version row", &bytes)).transpose()
}

fn is_served(reader: &dyn StoreReader, ledger: LedgerId, state_version: u64) -> Result<bool, StoreFault> {
    let Some(head) = head(reader, ledger)? else { return Ok(false) };
    Ok(head.state_version.checked_sub(state_version).is_some_and(|age| age < PROVABLE_VERSIONS))
}

/// The place and value of a leaf that is in the tree of this version.
fn leaf_at(
    reader: &dyn StoreReader,
    ledger: LedgerId,
    key_hash: &Hash,
    state_version: u64,
) -> Result<Option<(Place, StateValue)>, StoreFault> {
    // A value that was replaced later is the one of this version; otherwise it is still the latest.
    let next = state_version.checked_add(1).ok_or_else(|| StoreFault("no such state version".into()))?;
    let start = rows::replaced(ledger, key_hash, next);
    let end = rows::replaced(ledger, key_hash, u64::MAX);
    if let Some((_, bytes)) = reader.scan(&start, &end, 1)?.into_iter().next() {
        let Replaced { account, key, leaf } = rows::decode("replaced value", &bytes)?;
        return Ok(Some((Place { ledger, account, key }, rows::value(&leaf)?)));
    }
    let Some(bytes) = reader.get(&rows::preimage(ledger, key_hash))? else { return Ok(None) };
    let (account, key) = rows::decode("preimage of a key hash", &bytes)?;
    let place = Place { ledger, account, key };
    let value = reader.get(&rows::state(&place))?.map(|bytes| rows::value(&bytes)).transpose()?;
    Ok(value.map(|value| (place, value)))
}

/// What a key hash is the hash of: `tag ‖ account ‖ key`.
fn tree_key_bytes(place: &Place) -> Vec<u8> {
    let mut bytes = ledger_protocol::codec::Tag::STATE_KEY.bytes().to_vec();
    bytes.extend(encode(&place.account));
    bytes.extend(encode(&place.key));
    bytes
}

#[cfg(test)]
mod tests;
