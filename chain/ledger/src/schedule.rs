//! Parameters and validators: scheduled by governance, applied at an exact height.
//!
//! Records of ledger 0, accounts `parameters` and `validators`: `current` is what is in force for the next block, and
//! `at/HEIGHT` (big endian) what takes over at that height. A change whose height has come becomes `current` at the
//! end of the block before, and its schedule entry is pruned. The validators that it replaces stay as `until/HEIGHT`,
//! the last height that they certified, as long as they are among the newest [`MAX_FORMER_SETS`].

use crate::error::{LedgerError, require};
use crate::records::{reserved_account, short_key};
use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::{BlockFacts, BlockState, Place, StoreFault};
use ledger_protocol::chain::{Parameters, ValidatorSet, ValidatorSetError};
use ledger_protocol::codec::decode;
use ledger_protocol::system::accounts;
use ledger_protocol::transaction::{ParameterChange, StateContent, ValidatorChange};
use ledger_protocol::{Code, Height, LedgerId};

/// A validator set takes over at least this many blocks after it is decided.
pub const MIN_VALIDATOR_DELAY_BLOCKS: u64 = 2;
/// Nothing is scheduled further ahead.
pub const MAX_SCHEDULE_AHEAD_BLOCKS: u64 = 10_000_000;
/// Most changes of one kind that wait at once.
pub const MAX_SCHEDULED: usize = 16;

/// Former validator sets that are kept, so that what their members signed can still be judged.
pub const MAX_FORMER_SETS: usize = 16;

const AT: &[u8] = b"at/";
const UNTIL: &[u8] = b"until/";

/// A validator set that another has replaced.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct FormerValidators {
    /// The first height that it certified.
    pub since: Height,
    /// The set.
    pub validators: ValidatorSet,
}

fn current(account: &str) -> Place {
    Place::system(account, short_key(b"current".to_vec()))
}

fn scheduled(account: &str, effective_at: Height) -> Place {
    let mut key = AT.to_vec();
    key.extend(effective_at.0.to_be_bytes());
    Place::system(account, short_key(key))
}

fn former(last: Height) -> Place {
    let mut key = UNTIL.to_vec();
    key.extend(last.0.to_be_bytes());
    Place::system(accounts::VALIDATORS, short_key(key))
}

/// At most `limit` former sets that certified heights above `after`, ascending, by the last height of each.
fn former_sets(
    state: &BlockState<'_>,
    after: Option<Height>,
    limit: usize,
) -> Result<Vec<(Height, FormerValidators)>, StoreFault> {
    let after = after.map(|height| former(height).key);
    let account = reserved_account(accounts::VALIDATORS);
    let found = state.scan(LedgerId::SYSTEM, &account, UNTIL, after.as_ref(), limit)?;
    let corrupt = |what: String| StoreFault(format!("a former validator set is corrupt: {what}"));
    let mut sets = Vec::with_capacity(found.len());
    for (key, value) in found {
        let last = key.last_chunk::<8>().ok_or_else(|| corrupt("its key is short".into()))?;
        let StateContent::Plain(bytes) = &value.content else { return Err(corrupt("it is no record".into())) };
        let set = decode(bytes, bytes.len()).map_err(|error| corrupt(error.to_string()))?;
        sets.push((Height(u64::from_be_bytes(*last)), set));
    }
    Ok(sets)
}

/// The validators that certify a height up to this block's; `None` for heights without any, for those to come, and for
/// those whose set was replaced more than [`MAX_FORMER_SETS`] sets ago.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn validators_at(state: &BlockState<'_>, height: Height) -> Result<Option<ValidatorSet>, StoreFault> {
    let Some(before) = height.previous().filter(|_| height <= state.height()) else { return Ok(None) };
    match former_sets(state, Some(before), 1)?.pop() {
        Some((_, set)) => Ok((set.since <= height).then_some(set.validators)),
        None => state.record(&current_validators_place()),
    }
}

/// Keeps the set that certified its last height with this block.
fn keep_former(state: &mut BlockState<'_>, last: Height, validators: &ValidatorSet) -> Result<(), StoreFault> {
    let known = former_sets(state, None, MAX_FORMER_SETS)?;
    let first_ever = Height(1);
    let since = known.last().map_or(first_ever, |(before, _)| before.saturating_add(1));
    if let Some((oldest, _)) = known.first().filter(|_| known.len() >= MAX_FORMER_SETS) {
        state.prune(&former(*oldest))?;
    }
    state.put_record(&former(last), &FormerValidators { since, validators: validators.clone() })?;
    Ok(())
}

/// Where the parameters in force for the next block stand.
pub fn current_parameters_place() -> Place {
    current(accounts::PARAMETERS)
}

/// Where the validators of the next block stand.
pub fn current_validators_place() -> Place {
    current(accounts::VALIDATORS)
}

fn schedule<T: BorshSerialize>(
    state: &mut BlockState<'_>,
    account: &str,
    height: Height,
    min_delay_blocks: u64,
    effective_at: Height,
    value: &T,
) -> Result<(), LedgerError> {
    let earliest = height.saturating_add(min_delay_blocks);
    let latest = height.saturating_add(MAX_SCHEDULE_AHEAD_BLOCKS);
    require((earliest..=latest).contains(&effective_at), Code::BAD_ARGUMENT)?;
    let place = scheduled(account, effective_at);
    if state.live(&place)?.is_none() {
        let limit = MAX_SCHEDULED.saturating_add(1);
        let waiting = state.scan(LedgerId::SYSTEM, &reserved_account(account), AT, None, limit)?.len();
        require(waiting < MAX_SCHEDULED, Code::LIMIT)?;
    }
    state.put_record(&place, value)?;
    Ok(())
}

/// Schedules parameters, at least [`Parameters::MIN_CHANGE_DELAY_BLOCKS`] ahead. A second change for the same height
/// replaces the first.
///
/// # Errors
/// [`Code::UNSUPPORTED`] for a protocol version that this code does not speak, [`Code::BAD_ARGUMENT`] for a field or
/// height outside its range, [`Code::LIMIT`] when too many changes wait.
pub fn schedule_parameters(
    state: &mut BlockState<'_>,
    height: Height,
    change: &ParameterChange,
) -> Result<(), LedgerError> {
    require(change.parameters.protocol_version == Parameters::PROTOCOL_VERSION, Code::UNSUPPORTED)?;
    require(change.parameters.check().is_ok(), Code::BAD_ARGUMENT)?;
    let delay = Parameters::MIN_CHANGE_DELAY_BLOCKS;
    schedule(state, accounts::PARAMETERS, height, delay, change.effective_at, &change.parameters)
}

/// Schedules a validator set, at least [`MIN_VALIDATOR_DELAY_BLOCKS`] ahead. A second change for the same height
/// replaces the first.
///
/// # Errors
/// [`Code::KEY_UNACCEPTABLE`] for a key that is not canonical or of another suite, [`Code::BAD_ARGUMENT`] for powers
/// or a height outside their range, [`Code::LIMIT`] when too many changes wait.
pub fn schedule_validators(
    state: &mut BlockState<'_>,
    height: Height,
    change: &ValidatorChange,
) -> Result<(), LedgerError> {
    match change.validators.check(state.suite()) {
        Ok(()) => {}
        Err(ValidatorSetError::Key { .. }) => return Err(Code::KEY_UNACCEPTABLE.into()),
        Err(_) => return Err(Code::BAD_ARGUMENT.into()),
    }
    let delay = MIN_VALIDATOR_DELAY_BLOCKS;
    schedule(state, accounts::VALIDATORS, height, delay, change.effective_at, &change.validators)
}

/// Makes `current` what is due at `next`, if anything is.
fn settle<T: BorshSerialize + BorshDeserialize>(
    state: &mut BlockState<'_>,
    account: &str,
    next: Height,
) -> Result<Option<T>, StoreFault> {
    let place = scheduled(account, next);
    let Some(due) = state.record::<T>(&place)? else {
        return Ok(None);
    };
    state.prune(&place)?;
    state.put_record(&current(account), &due)?;
    Ok(Some(due))
}

/// The last step of a block's execution: what certifies and limits the next one.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn settle_block_end(
    state: &mut BlockState<'_>,
    facts: &BlockFacts,
) -> Result<(ValidatorSet, Parameters), StoreFault> {
    let next = facts.height.saturating_add(1);
    let validators = settle(state, accounts::VALIDATORS, next)?;
    if validators.is_some() {
        keep_former(state, facts.height, &facts.validators)?;
    }
    let parameters = settle(state, accounts::PARAMETERS, next)?;
    Ok((validators.unwrap_or_else(|| facts.validators.clone()), parameters.unwrap_or_else(|| facts.parameters.clone())))
}
