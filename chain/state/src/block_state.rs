//! The state during the execution of one block: the parent's state under an overlay of nested layers.
//!
//! Invariants: a key's versions are 0, 1, 2, … without a gap and never restart; every version is one change;
//! working entries have version 0 and no change; a discarded layer leaves nothing behind, neither keys nor events
//! nor sequences. Reads of the store are cached, so that an execution reads a row
//! once, and a short range once.
//! Bounds: memory grows with what the block touches. Errors: [`StoreFault`] only; nothing here judges rights.

mod events;
mod finish;
mod layers;
mod ledgers;
mod scan;
mod working;

pub use finish::PROVABLE_VERSIONS;
pub(crate) use finish::Replaced;
pub use ledgers::LedgerHead;
pub use working::working_place;

use crate::place::Place;
use crate::rows;
use crate::store::{StoreFault, StoreReader, WriteBatch};
use borsh::{BorshDeserialize, BorshSerialize};
use layers::Layer;
use ledger_protocol::chain::{LedgerGenesis, LedgerLeaf};
use ledger_protocol::codec;
use ledger_protocol::transaction::{Change, ChangeKind, EventRecord, StateContent, StateValue, Value};
use ledger_protocol::{Hash, Height, LedgerId, Suite, Version};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What a block's execution wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateDelta {
    /// Rows of the store: latest values, tree nodes, stale nodes removed.
    pub batch: WriteBatch,
    /// Leaves of the changes tree, strictly ascending.
    pub changes: Vec<Change>,
    /// Leaves of the events tree, in order of execution.
    pub events: Vec<EventRecord>,
    /// One leaf per ledger, ascending.
    pub ledgers: Vec<LedgerLeaf>,
}

/// The state as an execution sees it.
pub struct BlockState<'a> {
    reader: &'a dyn StoreReader,
    suite: Suite,
    height: Height,
    /// Values of the parent state, as read so far.
    base: RefCell<BTreeMap<Place, Option<StateValue>>>,
    /// Pages of ranges of the parent state, as scanned so far.
    pages: scan::ScannedPages,
    /// Settings of ledgers, as read so far.
    settings: RefCell<BTreeMap<LedgerId, Option<LedgerGenesis>>>,
    /// Ledgers created in this block.
    created: BTreeMap<LedgerId, LedgerGenesis>,
    /// What the block did outside any open layer.
    block: Layer,
    /// Open layers, the innermost last.
    open: Vec<Layer>,
}

impl std::fmt::Debug for BlockState<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (changes, events) = self.counts();
        f.debug_struct("BlockState")
            .field("suite", &self.suite)
            .field("height", &self.height)
            .field("depth", &self.depth())
            .field("changes", &changes)
            .field("events", &events)
            .finish_non_exhaustive()
    }
}

impl<'a> BlockState<'a> {
    /// Opens the state that `reader` shows, for the execution of the block at `height`.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O.
    pub fn open(reader: &'a dyn StoreReader, suite: Suite, height: Height) -> Result<Self, StoreFault> {
        Ok(Self {
            reader,
            suite,
            height,
            base: RefCell::default(),
            pages: scan::ScannedPages::default(),
            settings: RefCell::default(),
            created: BTreeMap::new(),
            block: Layer::default(),
            open: Vec::new(),
        })
    }

    /// The chain's suite.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Height of the block being executed.
    pub const fn height(&self) -> Height {
        self.height
    }

    /// What stands at a place, tombstones included.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O or a corrupt row.
    pub fn value(&self, place: &Place) -> Result<Option<StateValue>, StoreFault> {
        self.inspect(place, |value| value.cloned())
    }

    /// What stands at a place; `None` for a tombstone.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O or a corrupt row.
    pub fn live(&self, place: &Place) -> Result<Option<StateValue>, StoreFault> {
        self.inspect(place, |value| value.filter(|value| is_live(value)).cloned())
    }

    /// Writes the next version of a key: plain, sealed or counter.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O or a corrupt row.
    ///
    /// # Panics
    /// With a tombstone ([`Self::delete`] makes them) or a working entry ([`Self::put_working`]).
    pub fn put(&mut self, place: &Place, content: StateContent) -> Result<Version, StoreFault> {
        assert!(
            !matches!(content, StateContent::Tombstone | StateContent::Working(_)),
            "put is for plain, sealed and counter contents"
        );
        self.write_version(place, content, ChangeKind::Set)
    }

    /// Deletes a key, leaving a tombstone version.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O or a corrupt row.
    pub fn delete(&mut self, place: &Place) -> Result<Version, StoreFault> {
        self.write_version(place, StateContent::Tombstone, ChangeKind::Delete)
    }

    /// Takes a record of ledger 0 out of the state: a last change, no tombstone. Nothing happens if there is none.
    /// The caller sees to it that the key never recurs.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O or a corrupt row.
    ///
    /// # Panics
    /// For a place outside ledger 0.
    pub fn prune(&mut self, place: &Place) -> Result<(), StoreFault> {
        assert!(place.ledger == LedgerId::SYSTEM, "only records of ledger 0 are pruned");
        let Some(last) = self.inspect(place, |value| value.map(|value| value.version))? else {
            return Ok(());
        };
        let version = next_version(Some(last))?;
        let layer = self.top();
        layer.changes.push(change(place, version, ChangeKind::Prune, Hash::ZERO));
        layer.entries.insert(place.clone(), None);
        Ok(())
    }

    /// A record: the decoded plain payload of a key.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O, or when what stands there is not such a record.
    pub fn record<T: BorshDeserialize>(&self, place: &Place) -> Result<Option<T>, StoreFault> {
        self.inspect(place, |value| match value.map(|value| &value.content) {
            None | Some(StateContent::Tombstone) => Ok(None),
            Some(StateContent::Plain(payload)) => rows::decode("record", payload).map(Some),
            Some(_) => Err(StoreFault(format!("{} holds no record", place.account))),
        })?
    }

    /// Writes the next version of a record.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O, or when the record is longer than a value may be.
    pub fn put_record<T: BorshSerialize>(&mut self, place: &Place, value: &T) -> Result<Version, StoreFault> {
        let payload = Value::new(codec::encode(value))
            .map_err(|error| StoreFault(format!("a record of {} is too long: {error}", place.account)))?;
        self.put(place, StateContent::Plain(payload))
    }

    /// Changes and events so far, open layers included.
    pub fn counts(&self) -> (usize, usize) {
        let layers = || std::iter::once(&self.block).chain(&self.open);
        (layers().map(|layer| layer.changes.len()).sum(), layers().map(|layer| layer.events.len()).sum())
    }

    /// Looks at what stands at a place without copying it.
    pub(crate) fn inspect<T>(
        &self,
        place: &Place,
        look: impl FnOnce(Option<&StateValue>) -> T,
    ) -> Result<T, StoreFault> {
        let overlay = self.open.iter().rev().chain(std::iter::once(&self.block));
        if let Some(entry) = overlay.filter_map(|layer| layer.entries.get(place)).next() {
            return Ok(look(entry.as_ref()));
        }
        if let Some(entry) = self.base.borrow().get(place) {
            return Ok(look(entry.as_ref()));
        }
        let row = self.reader.get(&rows::state(place))?;
        let value = row.map(|bytes| rows::value(&bytes)).transpose()?;
        let result = look(value.as_ref());
        self.base.borrow_mut().insert(place.clone(), value);
        Ok(result)
    }

    fn write_version(&mut self, place: &Place, content: StateContent, kind: ChangeKind) -> Result<Version, StoreFault> {
        let last = self.inspect(place, |value| value.map(|value| value.version))?;
        let version = next_version(last)?;
        let value = StateValue { version, content };
        let hash = value.value_hash(self.suite);
        let layer = self.top();
        layer.changes.push(change(place, version, kind, hash));
        layer.entries.insert(place.clone(), Some(value));
        Ok(version)
    }
}

/// Whether a value can be read: it is no tombstone.
pub(crate) const fn is_live(value: &StateValue) -> bool {
    !matches!(value.content, StateContent::Tombstone)
}

fn next_version(last: Option<Version>) -> Result<Version, StoreFault> {
    match last {
        None => Ok(Version::ZERO),
        Some(last) => last.next().ok_or_else(|| StoreFault("a key has used up its versions".into())),
    }
}

fn change(place: &Place, version: Version, kind: ChangeKind, value_hash: Hash) -> Change {
    let Place { ledger, account, key } = place.clone();
    Change { ledger, account, key, version, kind, value_hash }
}

#[cfg(test)]
mod tests;
