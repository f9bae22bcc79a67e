//! ICS-23 form of state proofs, for chains of the standard suite.
//!
//! Verifiable with `jmt::ics23_spec()`. The ICS-23 key is `tag ‖ account ‖ key`, whose hash is the key of the tree; a
//! key is shown absent by its neighbours in hash order.

use super::{is_served, leaf_at, tree_key_bytes};
use crate::place::Place;
use crate::store::{StoreFault, StoreReader};
use crate::tree::{JellyfishTree, Nodes, StateTree};
use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, ExistenceProof, HashOp, InnerOp, LeafOp, LengthOp, NonExistenceProof};
use ledger_protocol::codec::encode;
use ledger_protocol::transaction::{StateKey, state_tree_key};
use ledger_protocol::{AccountName, Hash, LedgerId, Suite};

const LEAF: &[u8] = b"JMT::LeafNode";
const INNER: &[u8] = b"JMT::IntrnalNode";

/// Proves presence or absence of a key in one version of a ledger of a standard chain.
///
/// `None` when that version is not served, or for the empty tree, of which ICS-23 can say nothing.
///
/// # Errors
/// [`StoreFault`] on I/O or a corrupt row.
pub fn ics23_proof(
    reader: &dyn StoreReader,
    ledger: LedgerId,
    account: &AccountName,
    key: &StateKey,
    state_version: u64,
) -> Result<Option<CommitmentProof>, StoreFault> {
    if !is_served(reader, ledger, state_version)? {
        return Ok(None);
    }
    let key_hash = state_tree_key(Suite::Standard, account, key);
    let existence = |key_hash: &Hash| existence(reader, ledger, key_hash, state_version);
    let nodes = Nodes { reader, ledger };
    let tree = JellyfishTree(Suite::Standard);
    let proof = match tree.path(&nodes, state_version, &key_hash)?.end {
        crate::tree::PathEnd::Leaf { key_hash: found, .. } if found == key_hash => Proof::Exist(existence(&key_hash)?),
        _ => {
            let (left, right) = tree.neighbours(&nodes, state_version, &key_hash)?;
            if left.is_none() && right.is_none() {
                return Ok(None);
            }
            Proof::Nonexist(NonExistenceProof {
                key: tree_key_bytes(&Place::new(ledger, account, key)),
                left: left.map(|left| existence(&left)).transpose()?,
                right: right.map(|right| existence(&right)).transpose()?,
            })
        }
    };
    Ok(Some(CommitmentProof { proof: Some(proof) }))
}

fn existence(
    reader: &dyn StoreReader,
    ledger: LedgerId,
    key_hash: &Hash,
    state_version: u64,
) -> Result<ExistenceProof, StoreFault> {
    let (place, value) = leaf_at(reader, ledger, key_hash, state_version)?
        .ok_or_else(|| StoreFault("a leaf of a state tree has no value".into()))?;
    let path = JellyfishTree(Suite::Standard).path(&Nodes { reader, ledger }, state_version, key_hash)?;
    let inner = |(level, sibling): (usize, &Hash)| {
        let is_right = key_hash.0.get(level / 8).is_some_and(|byte| (byte >> (7 - level % 8)) & 1 == 1);
        let sibling = sibling.as_bytes();
        let (prefix, suffix) =
            if is_right { ([INNER, sibling].concat(), Vec::new()) } else { (INNER.to_vec(), sibling.to_vec()) };
        InnerOp { hash: HashOp::Sha256.into(), prefix, suffix }
    };
    Ok(ExistenceProof {
        key: tree_key_bytes(&place),
        value: encode(&value),
        leaf: Some(LeafOp {
            hash: HashOp::Sha256.into(),
            prehash_key: HashOp::Sha256.into(),
            prehash_value: HashOp::Sha256.into(),
            length: LengthOp::NoPrefix.into(),
            prefix: LEAF.to_vec(),
        }),
        path: (0..path.siblings.len()).rev().zip(&path.siblings).map(inner).collect(),
    })
}
