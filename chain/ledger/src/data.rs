//! Operations on keys, counters and events, over [`Access`]: the same code runs local transactions and legs.
//!
//! Locks and reservations are checked by `Access` at every access; this module checks the account, the limits and
//! what stands under the key. Operations answer nothing: versions and event sequences of a leg are assigned only
//! when its Decision is applied (S2), and an answer is hashed into the Vote.

use crate::error::{LedgerError, require};
use crate::facts::LedgerFacts;
use crate::registry::known_account;
use crate::rights::{Authority, Use};
use chain_state::{Access, Place};
use ledger_protocol::transaction::{
    AddToCounter, CounterDeclaration, DeleteKey, Expectation, PublishEvent, SetKey, StateContent, StateKey, StateValue,
};
use ledger_protocol::{AccountName, Code, LedgerId};

/// One ledger as the authors of an input may use it.
pub(crate) struct DataScope<'c> {
    pub(crate) facts: &'c LedgerFacts<'c>,
    pub(crate) ledger: LedgerId,
    pub(crate) authority: &'c Authority,
    /// Whether a proposal's leg runs.
    pub(crate) of_leg: bool,
}

impl DataScope<'_> {
    fn require_data(&self, access: &mut Access<'_, '_>, account: &AccountName) -> Result<(), LedgerError> {
        let purpose = if self.of_leg { Use::DataOfLeg } else { Use::Data };
        self.authority.require_use(&known_account(access.state(), self.ledger, account)?, purpose)
    }

    fn place(&self, account: &AccountName, key: &StateKey) -> Result<Place, LedgerError> {
        require(!key.is_empty(), Code::BAD_ARGUMENT)?;
        require(fits(key.len(), self.facts.parameters.max_key_bytes), Code::TOO_LARGE)?;
        Ok(Place::new(self.ledger, account, key))
    }

    /// Writes a version of a key.
    pub(crate) fn set_key(&self, access: &mut Access<'_, '_>, operation: &SetKey) -> Result<(), LedgerError> {
        self.require_data(access, &operation.account)?;
        let place = self.place(&operation.account, &operation.key)?;
        require(fits(operation.value.len(), self.facts.parameters.max_value_bytes), Code::TOO_LARGE)?;
        let current = access.get(&place)?;
        require_value(current.as_ref())?;
        require_expected(current.as_ref(), operation.expected)?;
        access.set(&place, StateContent::Plain(operation.value.clone()))?;
        Ok(())
    }

    /// Deletes a key that has a value. A counter cannot be deleted.
    pub(crate) fn delete_key(&self, access: &mut Access<'_, '_>, operation: &DeleteKey) -> Result<(), LedgerError> {
        self.require_data(access, &operation.account)?;
        let place = self.place(&operation.account, &operation.key)?;
        let current = access.get(&place)?;
        require_value(current.as_ref())?;
        require_expected(current.as_ref(), operation.expected)?;
        require(current.is_some(), Code::KEY_ABSENT)?;
        access.delete(&place)?;
        Ok(())
    }

    /// Declares a counter, or changes the bounds of one whose value is exactly `initial`.
    pub(crate) fn declare_counter(
        &self,
        access: &mut Access<'_, '_>,
        operation: &CounterDeclaration,
    ) -> Result<(), LedgerError> {
        self.require_data(access, &operation.account)?;
        let place = self.place(&operation.account, &operation.key)?;
        let CounterDeclaration { min, max, initial, .. } = *operation;
        require(min <= initial && initial <= max, Code::BAD_ARGUMENT)?;
        match access.get(&place)?.map(|current| current.content) {
            None => {}
            Some(StateContent::Counter { value, .. }) => require(value == initial, Code::EXPECTATION_UNMET)?,
            Some(_) => return Err(Code::KEY_KIND.into()),
        }
        access.declare_counter(&place, min, max, initial)?;
        Ok(())
    }

    /// Adds to a counter. Never reads it otherwise, so that adds commute.
    pub(crate) fn add_to_counter(
        &self,
        access: &mut Access<'_, '_>,
        operation: &AddToCounter,
    ) -> Result<(), LedgerError> {
        self.require_data(access, &operation.account)?;
        let place = self.place(&operation.account, &operation.key)?;
        access.add(&place, operation.amount)?;
        Ok(())
    }

    /// Publishes an event.
    pub(crate) fn publish_event(
        &self,
        access: &mut Access<'_, '_>,
        operation: &PublishEvent,
    ) -> Result<(), LedgerError> {
        let purpose = if self.of_leg { Use::EventsOfLeg } else { Use::Events };
        self.authority.require_use(&known_account(access.state(), self.ledger, &operation.account)?, purpose)?;
        require(!operation.topic.as_str().is_empty(), Code::BAD_ARGUMENT)?;
        require(fits(operation.payload.len(), self.facts.parameters.max_value_bytes), Code::TOO_LARGE)?;
        access.publish(self.ledger, &operation.account, &operation.topic, operation.payload.clone())?;
        Ok(())
    }
}

fn fits(bytes: usize, limit: u32) -> bool {
    u64::try_from(bytes).is_ok_and(|bytes| bytes <= u64::from(limit))
}

/// A value is meant, and no counter stands there.
fn require_value(current: Option<&StateValue>) -> Result<(), LedgerError> {
    let is_value =
        current.is_none_or(|current| matches!(current.content, StateContent::Plain(_) | StateContent::Sealed(_)));
    require(is_value, Code::KEY_KIND)
}

/// Compare-and-set against the live value: a deleted key is absent.
fn require_expected(current: Option<&StateValue>, expected: Expectation) -> Result<(), LedgerError> {
    let holds = match expected {
        Expectation::Any => true,
        Expectation::Absent => current.is_none(),
        Expectation::Version(version) => current.is_some_and(|current| current.version == version),
    };
    require(holds, Code::EXPECTATION_UNMET)
}
