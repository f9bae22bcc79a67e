//! Validators of a chain, and the set that certifies one height.

use crate::codec::{Ordered, SortedVec, Tag};
use crate::identifiers::{Address, Hash, Organisation};
use crate::suite::{PublicKey, Suite, hash_object};
use borsh::{BorshDeserialize, BorshSerialize};

/// The largest validator set.
pub const MAX_VALIDATORS: usize = 256;

/// Power sums stay below this, so that no multiplication by three can overflow.
pub const MAX_TOTAL_POWER: u64 = 1 << 31;

/// One validator. Its network address is configuration, not protocol.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Validator {
    /// The key it signs votes with; of the chain's suite.
    pub public_key: PublicKey,
    /// Voting power, at least 1.
    pub power: u64,
    /// Who runs it.
    pub organisation: Organisation,
    /// `H(tag ‖ network public key)`: the peer that may speak for it.
    pub network_key_hash: Hash,
}

impl Validator {
    /// The validator's address.
    pub fn address(&self) -> Address {
        self.public_key.address()
    }
}

impl Ordered for Validator {
    type Key = PublicKey;
    fn key(&self) -> PublicKey {
        self.public_key
    }
}

/// A validator set: sorted by key, no key twice, total power between 1 and 2³¹.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ValidatorSet(SortedVec<Validator, MAX_VALIDATORS>);

/// A list that is not a validator set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorSetError {
    /// Empty, too many, unsorted or with a duplicate key.
    #[error("validators are not a sorted set of at most {MAX_VALIDATORS}: {0}")]
    NotSorted(String),
    /// Nobody could ever certify.
    #[error("a validator set must not be empty")]
    Empty,
    /// A power of zero, or a sum above 2³¹.
    #[error("every validator needs a power of at least 1, and all together at most {MAX_TOTAL_POWER}")]
    Power,
    /// A key of another suite, or one that is not canonical.
    #[error("validator {index} has no acceptable key of suite {suite}")]
    Key {
        /// Position in the list.
        index: usize,
        /// The chain's suite.
        suite: Suite,
    },
}

impl ValidatorSet {
    /// Sorts and checks a list of validators of a chain of `suite`.
    ///
    /// # Errors
    /// [`ValidatorSetError`] names what is wrong.
    pub fn new(suite: Suite, validators: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        let set = Self(
            SortedVec::from_unsorted(validators).map_err(|error| ValidatorSetError::NotSorted(error.to_string()))?,
        );
        set.check(suite)?;
        Ok(set)
    }

    /// Checks a decoded set: not empty, powers, canonical keys of `suite`.
    ///
    /// # Errors
    /// [`ValidatorSetError`] names what is wrong.
    pub fn check(&self, suite: Suite) -> Result<(), ValidatorSetError> {
        if self.0.is_empty() {
            return Err(ValidatorSetError::Empty);
        }
        let mut total = 0u64;
        for (index, validator) in self.0.iter().enumerate() {
            if validator.public_key.suite() != suite || validator.public_key.check_registrable().is_err() {
                return Err(ValidatorSetError::Key { index, suite });
            }
            total = total.checked_add(validator.power).ok_or(ValidatorSetError::Power)?;
            if validator.power == 0 || total > MAX_TOTAL_POWER {
                return Err(ValidatorSetError::Power);
            }
        }
        Ok(())
    }

    /// The validators, ascending by key.
    pub fn validators(&self) -> &[Validator] {
        &self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true for a checked set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sum of all powers.
    pub fn total_power(&self) -> u64 {
        self.0.iter().fold(0, |sum, validator| sum.saturating_add(validator.power))
    }

    /// The validator with this address and its place in set order.
    pub fn by_address(&self, address: &Address) -> Option<(usize, &Validator)> {
        self.0.iter().enumerate().find(|(_, validator)| validator.address() == *address)
    }

    /// The hash under `validators_hash`.
    pub fn hash(&self, suite: Suite) -> Hash {
        hash_object(suite, Tag::VALIDATORS, self)
    }
}
