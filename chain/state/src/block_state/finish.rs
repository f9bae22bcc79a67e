//! The end of a block: sorted changes, new trees, and the rows of one batch.
//!
//! A ledger's `state_version` advances iff a leaf of its tree changes. The last [`PROVABLE_VERSIONS`] versions of each
//! tree stay provable: nodes and working entries that went stale are listed per version and removed when that version
//! falls out, a bounded number per block. Replaced values that have a version stay: an archive shows them under the
//! change that wrote them, for ever.

use super::{BlockState, LedgerHead, StateDelta};
use crate::place::Place;
use crate::rows;
use crate::store::{StoreFault, WriteBatch};
use crate::tree::{JellyfishTree, LeafBatch, Nodes, StateTree};
use borsh::{BorshDeserialize, BorshSerialize};
use ledger_protocol::chain::LedgerLeaf;
use ledger_protocol::codec::{Bounded, BoundedBytes, encode};
use ledger_protocol::transaction::{Change, StateContent, StateKey, state_tree_key};
use ledger_protocol::{AccountName, Hash, Height, LedgerId};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// State proofs are served for this many latest versions of each ledger's tree.
pub const PROVABLE_VERSIONS: u64 = 256;

/// Stale things in one row.
const STALE_PART: usize = 512;
/// Rows of stale things removed in one block beyond those that the block itself made.
const SPARE_STALE_PARTS: usize = 16;

/// Something that the tree version in its row's key no longer uses.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
enum Stale {
    /// A node, by name.
    Node(BoundedBytes<64>) = 1,
    /// The working entry that a key held before.
    Value(Hash) = 2,
}

/// A replaced value with its place.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Replaced {
    /// The account.
    pub(crate) account: AccountName,
    /// The key.
    pub(crate) key: StateKey,
    /// The leaf's bytes.
    pub(crate) leaf: BoundedBytes<{ 1 << 20 }>,
}

impl BlockState<'_> {
    /// Ends the block: sorts its changes, updates the trees and makes the batch that carries it all.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O, a corrupt row, a write to a ledger that does not exist, or a pruned key that recurred.
    ///
    /// # Panics
    /// When a layer is still open.
    pub fn finish(self) -> Result<StateDelta, StoreFault> {
        assert!(self.open.is_empty(), "a block ended with {} open layers", self.open.len());
        self.reader.rules_done();
        let heads = self.heads()?;
        let Self { reader, suite, height, base, created, block, .. } = self;
        let mut batch = WriteBatch::default();
        for (ledger, settings) in &created {
            batch.put(rows::settings(*ledger), encode(settings));
        }
        let changes = index_changes(block.changes, height, &mut batch)?;

        let mut trees: BTreeMap<LedgerId, Writes> = BTreeMap::new();
        let mut base = base.into_inner();
        for (place, after) in block.entries {
            let before = match base.remove(&place) {
                Some(before) => before,
                None => reader.get(&rows::state(&place))?.map(|bytes| rows::value(&bytes)).transpose()?,
            };
            if before == after {
                continue;
            }
            let is_working = before.as_ref().is_some_and(|value| matches!(value.content, StateContent::Working(_)));
            let (before, after) = (before.map(|value| encode(&value)), after.map(|value| encode(&value)));
            let write = Write { before, after, is_working };
            let row = rows::state(&place);
            match &write.after {
                Some(leaf) => batch.put(row, leaf.clone()),
                None => batch.delete(row),
            }
            trees.entry(place.ledger).or_default().push((place, write));
        }

        let mut ledgers = Vec::with_capacity(heads.len());
        for (ledger, head) in heads {
            let after = match trees.remove(&ledger) {
                None => head,
                Some(writes) => {
                    let nodes = Nodes { reader, ledger };
                    let tree = JellyfishTree(suite);
                    let key_hash = |place: &Place| state_tree_key(suite, &place.account, &place.key);
                    advance(&tree, &nodes, head, writes, key_hash, &mut batch)?
                }
            };
            if after != head || created.contains_key(&ledger) {
                batch.put(rows::head(ledger), encode(&after));
            }
            let LedgerHead { state_version, state_root, settings_hash } = after;
            ledgers.push(LedgerLeaf { ledger, state_version, state_root, settings_hash });
        }
        if let Some(ledger) = trees.keys().next() {
            return Err(StoreFault(format!("a write to ledger {ledger}, which does not exist")));
        }
        Ok(StateDelta { batch, changes, events: block.events, ledgers })
    }
}

/// A leaf's bytes before and after the block.
struct Write {
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
    /// Whether what was there before is a working entry, which has no version.
    is_working: bool,
}

type Writes = Vec<(Place, Write)>;

/// Sorts the changes and writes one index row for each.
fn index_changes(mut changes: Vec<Change>, height: Height, batch: &mut WriteBatch) -> Result<Vec<Change>, StoreFault> {
    changes.sort_by(order);
    for pair in changes.windows(2) {
        if let [before, after] = pair
            && order(before, after) != Ordering::Less
        {
            return Err(StoreFault(format!("a pruned key of {} was written again in the same block", before.account)));
        }
    }
    for (index, change) in (0u32..).zip(&changes) {
        let row = rows::version(change.ledger, &change.account, &change.key, change.version);
        batch.put(row, encode(&(height, index)));
    }
    Ok(changes)
}

fn order(a: &Change, b: &Change) -> Ordering {
    let by_place = a.ledger.cmp(&b.ledger).then_with(|| a.account.cmp(&b.account)).then_with(|| a.key.cmp(&b.key));
    by_place.then_with(|| a.version.cmp(&b.version))
}

/// Makes the next version of a ledger's tree.
fn advance(
    tree: &impl StateTree,
    nodes: &Nodes<'_>,
    head: LedgerHead,
    writes: Writes,
    key_hash: impl Fn(&Place) -> Hash,
    batch: &mut WriteBatch,
) -> Result<LedgerHead, StoreFault> {
    let version = head
        .state_version
        .checked_add(1)
        .ok_or_else(|| StoreFault("a ledger has used up its state versions".into()))?;
    let ledger = nodes.ledger;
    let mut stale = Vec::new();
    let mut leaves = LeafBatch::new();
    for (place, Write { before, after, is_working }) in writes {
        let key_hash = key_hash(&place);
        match (&before, &after) {
            (None, Some(_)) => batch.put(rows::preimage(ledger, &key_hash), encode(&(&place.account, &place.key))),
            (Some(_), None) => batch.delete(rows::preimage(ledger, &key_hash)),
            _ => {}
        }
        if let Some(before) = before {
            let leaf = BoundedBytes::new(before).map_err(|error| StoreFault(format!("a state value: {error}")))?;
            let replaced = Replaced { account: place.account, key: place.key, leaf };
            batch.put(rows::replaced(ledger, &key_hash, version), encode(&replaced));
            if is_working {
                stale.push(Stale::Value(key_hash));
            }
        }
        leaves.insert(key_hash, after);
    }
    let update = tree.update(nodes, head.state_version, leaves)?;
    for (name, bytes) in update.nodes {
        batch.put(rows::node(ledger, &name), bytes);
    }
    for name in update.stale {
        let name = BoundedBytes::new(name).map_err(|error| StoreFault(format!("a node's name: {error}")))?;
        stale.push(Stale::Node(name));
    }
    let mut parts = 0;
    for (part, things) in (0u32..).zip(stale.chunks(STALE_PART)) {
        batch.put(rows::stale(ledger, version, part), encode(things));
        parts += 1;
    }
    remove_stale(nodes, version, parts + SPARE_STALE_PARTS, batch)?;
    Ok(LedgerHead { state_version: version, state_root: update.root, settings_hash: head.settings_hash })
}

/// Removes what no provable version uses, oldest first, at most `limit` parts.
fn remove_stale(nodes: &Nodes<'_>, version: u64, limit: usize, batch: &mut WriteBatch) -> Result<(), StoreFault> {
    // What went stale in version v serves proofs up to v − 1; the oldest provable one is version − 255.
    let Some(end) = version.checked_sub(PROVABLE_VERSIONS - 1).and_then(|oldest| oldest.checked_add(1)) else {
        return Ok(());
    };
    let (start, end) = (rows::stale(nodes.ledger, 0, 0), rows::stale(nodes.ledger, end, 0));
    for (row, bytes) in nodes.reader.scan(&start, &end, limit)? {
        let since = stale_since(&row)?;
        for thing in rows::decode::<Bounded<Stale, STALE_PART>>("list of stale nodes", &bytes)? {
            match thing {
                Stale::Node(name) => batch.delete(rows::node(nodes.ledger, &name)),
                Stale::Value(key_hash) => batch.delete(rows::replaced(nodes.ledger, &key_hash, since)),
            }
        }
        batch.delete(row);
    }
    Ok(())
}

/// The tree version in the key of a row of stale things.
fn stale_since(row: &[u8]) -> Result<u64, StoreFault> {
    let version = row.get(6..14).and_then(|bytes| bytes.first_chunk::<8>());
    version.map(|bytes| u64::from_be_bytes(*bytes)).ok_or_else(|| StoreFault("corrupt row of stale nodes".into()))
}
