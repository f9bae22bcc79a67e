//! The replay window: the ids of the transactions of the last blocks.
//!
//! Bound: `replay_window_blocks` (at most 10,000) times the transactions of a block.

use ledger_protocol::chain::{InputLeaf, Parameters};
use ledger_protocol::transaction::Replay;
use ledger_protocol::{Code, Height, TransactionId};
use std::collections::BTreeMap;

/// The ids of the transactions of the last `replay_window_blocks` blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    heights: BTreeMap<Height, Vec<TransactionId>>,
    ids: BTreeMap<TransactionId, Height>,
}

impl ReplayWindow {
    /// The first height whose ids count for a block at `next`.
    pub fn first(next: Height, parameters: &Parameters) -> Height {
        next.saturating_sub(u64::from(parameters.replay_window_blocks))
    }

    /// Takes the leaves of a committed block.
    pub fn insert(&mut self, height: Height, leaves: &[InputLeaf]) {
        let ids: Vec<TransactionId> = leaves
            .iter()
            .filter_map(|leaf| match leaf {
                InputLeaf::Signed { id, .. } => Some(*id),
                InputLeaf::System { .. } => None,
            })
            .collect();
        for id in &ids {
            self.ids.insert(*id, height);
        }
        if !ids.is_empty() {
            self.heights.insert(height, ids);
        }
    }

    /// Forgets what no block at or above `next` can repeat under these parameters.
    pub fn prune(&mut self, next: Height, parameters: &Parameters) {
        let kept = self.heights.split_off(&Self::first(next, parameters));
        for (height, ids) in std::mem::replace(&mut self.heights, kept) {
            for id in ids {
                if self.ids.get(&id) == Some(&height) {
                    self.ids.remove(&id);
                }
            }
        }
    }

    /// Whether a block at `next` would repeat this id.
    pub fn contains(&self, id: &TransactionId, next: Height, parameters: &Parameters) -> bool {
        #[cfg(feature = "planted-bugs")]
        if planted::is(planted::Plant::ReplayWindowIgnored) {
            return false;
        }
        self.ids.get(id).is_some_and(|height| *height >= Self::first(next, parameters))
    }

    /// Ids held.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether no id is held.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// Whether a transaction's window allows it in a block at `next`; a sequence is the state machine's to judge.
///
/// # Errors
/// [`Code::WINDOW`] with words: expired or too early.
pub fn check_window(replay: &Replay, next: Height, parameters: &Parameters) -> Result<(), (Code, String)> {
    let Replay::Window { valid_until, .. } = replay else { return Ok(()) };
    let last = next.saturating_add(u64::from(parameters.replay_window_blocks));
    if *valid_until < next {
        return Err((Code::WINDOW, format!("valid until height {valid_until}, the next block is {next}")));
    }
    if *valid_until > last {
        return Err((Code::WINDOW, format!("valid until height {valid_until}, at most {last} is accepted now")));
    }
    Ok(())
}
