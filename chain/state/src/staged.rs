//! What a prepared leg does when the decision is COMMIT (S2): stored with its record, applied without judging again.

use crate::block_state::{BlockState, is_live};
use crate::place::Place;
use crate::store::StoreFault;
use borsh::{BorshDeserialize, BorshSerialize};
use ledger_protocol::codec::{Bounded, BoundedBytes, Tag, Text, encode};
use ledger_protocol::merkle;
use ledger_protocol::proposal::{LockKey, MAX_SCOPE};
use ledger_protocol::transaction::StateContent;
use ledger_protocol::{AccountName, Hash, LedgerId, Suite};

/// Most events of one leg.
pub const MAX_STAGED_EVENTS: usize = 256;

/// One key of a write set.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum StagedWrite {
    /// The key gets this content, whatever it held.
    Set {
        /// The key.
        key: LockKey,
        /// Its new content.
        content: StateContent,
    } = 1,
    /// The key is deleted.
    Delete {
        /// The key.
        key: LockKey,
    } = 2,
    /// The amount is added to the counter's value of that time.
    Delta {
        /// The counter.
        key: LockKey,
        /// The net amount; may be 0.
        amount: i64,
    } = 3,
}

impl StagedWrite {
    /// The key it writes.
    pub const fn key(&self) -> &LockKey {
        match self {
            Self::Set { key, .. } | Self::Delete { key } | Self::Delta { key, .. } => key,
        }
    }
}

/// An event that gets its sequence when it is applied.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StagedEvent {
    /// The ledger.
    pub ledger: LedgerId,
    /// The event account.
    pub account: AccountName,
    /// The topic.
    pub topic: Text<64>,
    /// What it says.
    pub payload: BoundedBytes<4096>,
}

/// The write set of a leg, one write per key, ascending by key, and its events in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StagedWrites {
    /// Writes.
    pub writes: Bounded<StagedWrite, MAX_SCOPE>,
    /// Events.
    pub events: Bounded<StagedEvent, MAX_STAGED_EVENTS>,
}

/// A leaf of the write-set tree.
#[derive(BorshSerialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
enum WriteLeaf<'w> {
    Write(&'w StagedWrite) = 1,
    Event(&'w StagedEvent) = 2,
}

impl StagedWrites {
    /// RFC 9162 root over `tag ‖ 1 ‖ write`, then `tag ‖ 2 ‖ event`.
    pub fn write_set_root(&self, suite: Suite) -> Hash {
        let writes = self.writes.iter().map(WriteLeaf::Write);
        let leaves: Vec<Vec<u8>> = writes
            .chain(self.events.iter().map(WriteLeaf::Event))
            .map(|leaf| [Tag::WRITE.bytes(), encode(&leaf).as_slice()].concat())
            .collect();
        merkle::root(suite, &leaves)
    }

    /// Writes and events.
    pub fn count(&self) -> usize {
        self.writes.len() + self.events.len()
    }

    /// Does it: values are overwritten, amounts added, keys deleted, events published; versions and sequences are
    /// those of this moment. Rights, quotas and bounds were judged when the leg was prepared and are not looked at.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O or a corrupt row.
    ///
    /// # Panics
    /// When a counter is gone or overflows: its lock or reservation was not kept.
    pub fn apply(&self, state: &mut BlockState<'_>) -> Result<(), StoreFault> {
        for write in &self.writes {
            let place = Place::from_lock_key(write.key());
            match write {
                StagedWrite::Set { content, .. } => state.put(&place, content.clone())?,
                StagedWrite::Delete { .. } => state.delete(&place)?,
                StagedWrite::Delta { amount, .. } => add_reserved(state, &place, *amount)?,
            };
        }
        for StagedEvent { ledger, account, topic, payload } in &self.events {
            state.publish(*ledger, account, topic, payload.clone())?;
        }
        Ok(())
    }
}

fn add_reserved(
    state: &mut BlockState<'_>,
    place: &Place,
    amount: i64,
) -> Result<ledger_protocol::Version, StoreFault> {
    let content =
        state.inspect(place, |value| value.filter(|value| is_live(value)).map(|value| value.content.clone()))?;
    let Some(StateContent::Counter { value, min, max }) = content else {
        panic!("a reserved counter of {} is gone", place.account)
    };
    let sum = value.checked_add(amount).filter(|sum| (min..=max).contains(sum));
    let Some(value) = sum else { panic!("a reserved amount leaves the bounds of a counter of {}", place.account) };
    state.put(place, StateContent::Counter { value, min, max })
}
