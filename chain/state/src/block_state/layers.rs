//! Nested layers: a transaction, a leg's sandbox. What a layer did is taken over or forgotten as a whole.

use super::BlockState;
use crate::place::Place;
use ledger_protocol::transaction::{Change, EventRecord, StateValue};
use std::collections::BTreeMap;

/// What was done between a `begin` and its end.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    /// Latest contents; `None` is no longer in the state.
    pub(crate) entries: BTreeMap<Place, Option<StateValue>>,
    /// Versions made, in order.
    pub(crate) changes: Vec<Change>,
    /// Events, in order.
    pub(crate) events: Vec<EventRecord>,
}

impl BlockState<'_> {
    /// Opens a layer: everything from here on can be discarded.
    pub fn begin(&mut self) {
        self.open.push(Layer::default());
    }

    /// Hands the innermost layer's work to the layer around it.
    ///
    /// # Panics
    /// When no layer is open.
    pub fn accept(&mut self) {
        let Some(Layer { entries, changes, events }) = self.open.pop() else { panic!("accept without a layer") };
        let below = self.top();
        // Not `append`: it rebuilds the whole map, and the one below is the block's.
        below.entries.extend(entries);
        below.changes.extend(changes);
        below.events.extend(events);
    }

    /// Forgets the innermost layer's work.
    ///
    /// # Panics
    /// When no layer is open.
    pub fn discard(&mut self) {
        assert!(self.open.pop().is_some(), "discard without a layer");
    }

    /// Number of open layers.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn top(&mut self) -> &mut Layer {
        self.open.last_mut().unwrap_or(&mut self.block)
    }
}
