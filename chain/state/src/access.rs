//! Access by a transaction or a leg: locks and reservations are checked at every single access (S3, S6, Deltas).
//!
//! | held by another proposal | local read | local write | local add | leg read | leg write | leg add |
//! |---|---|---|---|---|---|---|
//! | shared, or a prefix over the key | – | locked | locked | – | conflict | conflict |
//! | exclusive | locked | locked | locked | conflict | conflict | conflict |
//! | amount reserved | locked | locked | within value *and* reservations | conflict | conflict | – |
//!
//! A leg sees its own scope only: an undeclared key, or a use stronger than declared, is refused with `scope`. It
//! writes nothing into the state; [`Access::into_staged`] hands its write set over. Ledger 0 is not written here.

mod leg;
mod local;

use crate::block_state::BlockState;
use crate::locks::{Counter, CounterProblem};
use crate::place::Place;
use crate::staged::StagedWrites;
use crate::store::StoreFault;
use ledger_protocol::codec::{BoundedBytes, Text};
use ledger_protocol::proposal::{LockKey, ScopeEntry};
use ledger_protocol::transaction::{StateContent, StateKey, StateValue};
use ledger_protocol::{AccountName, Code, LedgerId, ProposalId, Sequence};
use leg::LegScope;

/// Why an access is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// A local transaction met a lock or reservation of this proposal.
    #[error("the key is held by an undecided proposal")]
    Locked(ProposalId),
    /// A leg met a lock or reservation of this proposal.
    #[error("the key is held by another proposal")]
    Conflict(ProposalId),
    /// A leg used a key that its scope does not declare, or more strongly than declared.
    #[error("the leg's scope does not declare this use of {0:?}")]
    Scope(LockKey),
    /// The counter would leave its bounds, or bounds do not hold the value.
    #[error("the counter would leave its bounds")]
    Bound,
    /// The key has no value.
    #[error("the key has no value")]
    Absent,
    /// The key holds a counter where a value is meant, or the other way round.
    #[error("the key holds another kind of content")]
    Kind,
    /// A limit is reached.
    #[error("a limit of this access is reached")]
    Limit,
    /// Key-value and counter operations never write ledger 0.
    #[error("the system ledger is changed by its own operations only")]
    SystemLedger,
    /// The store failed.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

impl AccessError {
    /// The code for a receipt or a NO vote; `None` for a fault, which says nothing about the transaction.
    pub const fn code(&self) -> Option<Code> {
        Some(match self {
            Self::Locked(_) => Code::LOCKED,
            Self::Conflict(_) => Code::CONFLICT,
            Self::Scope(_) => Code::SCOPE,
            Self::Bound => Code::BOUND,
            Self::Absent => Code::KEY_ABSENT,
            Self::Kind => Code::KEY_KIND,
            Self::Limit => Code::LIMIT,
            Self::SystemLedger => Code::NOT_SYSTEM_LEDGER,
            Self::Fault(_) => return None,
        })
    }
}

/// Who accesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accessor {
    /// A transaction of this chain; meets a lock with `locked`.
    Local,
    /// A leg of a proposal; meets another's lock with `conflict`.
    Leg,
}

/// The state as a transaction or a leg may use it.
#[derive(Debug)]
pub struct Access<'s, 'a> {
    state: &'s mut BlockState<'a>,
    leg: Option<LegScope<'s>>,
}

impl<'s, 'a> Access<'s, 'a> {
    /// Access by a local transaction: writes go into the state's innermost layer.
    pub fn local(state: &'s mut BlockState<'a>) -> Self {
        Self { state, leg: None }
    }

    /// Access by a leg with this scope: writes are staged.
    pub fn leg(state: &'s mut BlockState<'a>, scope: &'s [ScopeEntry]) -> Self {
        Self { state, leg: Some(LegScope::new(scope)) }
    }

    /// Who accesses.
    pub const fn accessor(&self) -> Accessor {
        if self.leg.is_some() { Accessor::Leg } else { Accessor::Local }
    }

    /// The state itself, for look-ups in ledger 0 such as identities and accounts.
    pub fn state(&mut self) -> &mut BlockState<'a> {
        self.state
    }

    /// The live value of a key; a leg sees its own staged writes.
    ///
    /// # Errors
    /// [`AccessError::Locked`], [`AccessError::Conflict`], [`AccessError::Scope`].
    pub fn get(&mut self, place: &Place) -> Result<Option<StateValue>, AccessError> {
        match &self.leg {
            None => local::get(self.state, place),
            Some(leg) => leg.get(self.state, place),
        }
    }

    /// Writes a plain or sealed value, or a counter whole; the key keeps its kind while it is live.
    ///
    /// # Errors
    /// [`AccessError::Kind`] for another kind, a tombstone or a working entry; [`AccessError::Bound`] for a counter
    /// outside its own bounds; [`AccessError::SystemLedger`]; and those of [`Self::get`].
    pub fn set(&mut self, place: &Place, content: StateContent) -> Result<(), AccessError> {
        self.writable(place)?;
        match &mut self.leg {
            None => local::set(self.state, place, content),
            Some(leg) => leg.set(self.state, place, content),
        }
    }

    /// Deletes a live key.
    ///
    /// # Errors
    /// [`AccessError::Absent`], and those of [`Self::set`].
    pub fn delete(&mut self, place: &Place) -> Result<(), AccessError> {
        self.writable(place)?;
        match &mut self.leg {
            None => local::delete(self.state, place),
            Some(leg) => leg.delete(self.state, place),
        }
    }

    /// Adds to a counter within its bounds. Locally it is checked against the value and all reservations; a leg adds
    /// to a key declared as delta without seeing it, or to one declared exclusive.
    ///
    /// # Errors
    /// [`AccessError::Absent`], [`AccessError::Kind`], [`AccessError::Bound`], and those of [`Self::set`].
    pub fn add(&mut self, place: &Place, amount: i64) -> Result<(), AccessError> {
        self.writable(place)?;
        match &mut self.leg {
            None => local::add(self.state, place, amount),
            Some(leg) => leg.add(self.state, place, amount),
        }
    }

    /// Declares a counter, or changes the bounds of one, whose value `initial` then is: an exclusive write.
    ///
    /// # Errors
    /// [`AccessError::Bound`] unless min ≤ initial ≤ max and an existing counter stands at `initial`;
    /// [`AccessError::Kind`] when the key holds a value; and those of [`Self::set`].
    pub fn declare_counter(&mut self, place: &Place, min: i64, max: i64, initial: i64) -> Result<(), AccessError> {
        if let Some(StateValue { content: StateContent::Counter { value, .. }, .. }) = self.writable_get(place)?
            && value != initial
        {
            return Err(AccessError::Bound);
        }
        self.set(place, StateContent::Counter { value: initial, min, max })
    }

    /// At most `limit` live keys that begin with `prefix` and are above `after`, ascending. A leg scans only under a
    /// prefix that it declared. What is checked for locks is the range that the answer covers.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn scan(
        &mut self,
        ledger: LedgerId,
        account: &AccountName,
        prefix: &[u8],
        after: Option<&StateKey>,
        limit: usize,
    ) -> Result<Vec<(StateKey, StateValue)>, AccessError> {
        match &self.leg {
            None => local::scan(self.state, ledger, account, prefix, after, limit),
            Some(leg) => leg.scan(self.state, ledger, account, prefix, after, limit),
        }
    }

    /// Publishes an event. A leg's event gets its sequence when it is applied: `None`.
    ///
    /// # Errors
    /// [`AccessError::Limit`] above the number of events that a leg may stage.
    pub fn publish(
        &mut self,
        ledger: LedgerId,
        account: &AccountName,
        topic: &Text<64>,
        payload: BoundedBytes<4096>,
    ) -> Result<Option<Sequence>, AccessError> {
        match &mut self.leg {
            None => Ok(Some(self.state.publish(ledger, account, topic, payload)?)),
            Some(leg) => leg.publish(ledger, account, topic, payload).map(|()| None),
        }
    }

    /// What the leg will do when the decision is COMMIT; nothing for a local transaction, which has done it.
    ///
    /// # Errors
    /// [`AccessError::Scope`] naming the first counter whose net amount is not the declared one.
    pub fn into_staged(self) -> Result<StagedWrites, AccessError> {
        self.leg.map_or_else(|| Ok(StagedWrites::default()), LegScope::into_staged)
    }

    fn writable(&self, place: &Place) -> Result<(), AccessError> {
        if place.ledger == LedgerId::SYSTEM { Err(AccessError::SystemLedger) } else { Ok(()) }
    }

    /// What stands at a place that is about to be written.
    fn writable_get(&mut self, place: &Place) -> Result<Option<StateValue>, AccessError> {
        self.writable(place)?;
        match &self.leg {
            None => local::exclusive(self.state, place),
            Some(leg) => leg.exclusive(self.state, place),
        }
    }
}

/// Whether `content` may follow what stands at a key now.
fn fits(now: Option<&StateValue>, content: &StateContent) -> Result<(), AccessError> {
    let is_counter = match *content {
        StateContent::Plain(_) | StateContent::Sealed(_) => false,
        StateContent::Counter { value, min, max } => {
            if !(min..=max).contains(&value) {
                return Err(AccessError::Bound);
            }
            true
        }
        StateContent::Tombstone | StateContent::Working(_) => return Err(AccessError::Kind),
    };
    match now {
        Some(now) if matches!(now.content, StateContent::Counter { .. }) != is_counter => Err(AccessError::Kind),
        _ => Ok(()),
    }
}

/// The counter of a live value.
fn counter_of(value: Option<&StateValue>) -> Result<Counter, AccessError> {
    match value.map(|value| &value.content) {
        None => Err(AccessError::Absent),
        Some(&StateContent::Counter { value, min, max }) => Ok(Counter { value, min, max }),
        Some(_) => Err(AccessError::Kind),
    }
}

impl Counter {
    /// The counter after an amount that it admits.
    fn plus(self, amount: i64) -> Result<StateContent, AccessError> {
        let Self { value, min, max } = self;
        let value = value.checked_add(amount).filter(|sum| (min..=max).contains(sum)).ok_or(AccessError::Bound)?;
        Ok(StateContent::Counter { value, min, max })
    }
}

impl From<CounterProblem> for AccessError {
    fn from(problem: CounterProblem) -> Self {
        match problem {
            CounterProblem::Absent => Self::Absent,
            CounterProblem::Kind => Self::Kind,
        }
    }
}

#[cfg(test)]
mod tests;
