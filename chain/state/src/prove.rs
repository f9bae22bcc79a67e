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

/// What a key held in one version of a ledger's tree, however old; `None` for a key that never held anything since.
///
/// Not proven by anything but the change that wrote it: compare the version with that of the change. For a key that
/// was first written after that version, a later value comes back. Working entries are known for the last
/// [`PROVABLE_VERSIONS`] only.
///
/// # Errors
/// [`StoreFault`] on I/O or a corrupt row.
pub fn value_in_version(
    reader: &dyn StoreReader,
    suite: Suite,
    place: &Place,
    state_version: u64,
) -> Result<Option<StateValue>, StoreFault> {
    let key_hash = state_tree_key(suite, &place.account, &place.key);
    Ok(leaf_at(reader, place.ledger, &key_hash, state_version)?.map(|(_, value)| value))
}

/// One version of a key, and where its change stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionMade {
    /// The key.
    pub key: StateKey,
    /// The version.
    pub version: Version,
    /// The block.
    pub height: Height,
    /// Index in its changes tree.
    pub index: u32,
}

/// Every version of every key of an account that is `key_length` bytes long and begins with `prefix`, by key and
/// version, at most `limit`; keys that were pruned are among them.
///
/// # Errors
/// [`StoreFault`] on I/O or a corrupt row.
pub fn versions_under(
    reader: &dyn StoreReader,
    ledger: LedgerId,
    account: &AccountName,
    key_length: usize,
    prefix: &[u8],
    limit: usize,
) -> Result<Vec<VersionMade>, StoreFault> {
    let start = rows::versions_under(ledger, account, key_length, prefix);
    let corrupt = || StoreFault("corrupt version row".into());
    let Some(end) = rows::after_prefix(&start) else { return Ok(Vec::new()) };
    let key_starts = start.len().saturating_sub(prefix.len());
    let mut made = Vec::new();
    for (row, bytes) in reader.scan(&start, &end, limit)? {
        let (key, version) = row.get(key_starts..).and_then(|tail| tail.split_last_chunk::<8>()).ok_or_else(corrupt)?;
        let (height, index) = rows::decode("version row", &bytes)?;
        let key = StateKey::new(key).map_err(|_| corrupt())?;
        made.push(VersionMade { key, version: Version(u64::from_be_bytes(*version)), height, index });
    }
    Ok(made)
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
