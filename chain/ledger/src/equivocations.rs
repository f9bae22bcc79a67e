//! Reported equivocations: who of this chain's validators contradicted itself, recorded in ledger 0.
//!
//! A report is judged by the set that the height had ([`crate::schedule::validators_at`]); about a height whose set is
//! not known any more it says nothing. One record per validator and height stands for ever, with both signed
//! statements in it, and an event of topic [`TOPIC`] tells people. It changes no validator set: governance does that.
//! Bound: [`MAX_REPORTS_PER_VALIDATOR`] records per key, so nobody fills the state with one leaked key.

use crate::error::{LedgerError, require};
use crate::records::reserved_account;
use crate::schedule;
use borsh::{BorshDeserialize, BorshSerialize};
use chain_state::{BlockState, Place, StoreFault};
use ledger_protocol::chain::Equivocation;
use ledger_protocol::codec::{BoundedBytes, Text, encode};
use ledger_protocol::system::{EquivocationRecord, accounts, equivocation_key};
use ledger_protocol::{Address, ChainId, Code, Height, LedgerId, Round};

/// Most records of one validator key. One would do to convict it; more show how long it went on.
pub const MAX_REPORTS_PER_VALIDATOR: usize = 16;
/// The topic of the events, in account `equivocations` of ledger 0.
pub const TOPIC: &str = "equivocation";

/// What the event of a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EquivocationReported {
    /// Who contradicted itself.
    pub validator: Address,
    /// At which height.
    pub height: Height,
    /// In which round.
    pub round: Round,
}

fn place(validator: &Address, height: Height) -> Place {
    Place::system(accounts::EQUIVOCATIONS, equivocation_key(validator, height))
}

/// The record of a validator's equivocation at a height.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn record(
    state: &BlockState<'_>,
    validator: &Address,
    height: Height,
) -> Result<Option<EquivocationRecord>, StoreFault> {
    state.record(&place(validator, height))
}

/// Records an equivocation. Whether the reporter is registered the caller has checked; it needs no further right.
///
/// # Errors
/// [`Code::VALIDATORS_UNKNOWN`] for a height whose validators are not known here, [`Code::PROOF`] when it does not
/// verify for this chain and those validators, [`Code::DUPLICATE`] for a validator and height that are recorded,
/// [`Code::LIMIT`] for a validator with [`MAX_REPORTS_PER_VALIDATOR`] records.
pub(crate) fn report(
    state: &mut BlockState<'_>,
    chain: &ChainId,
    reporter: &Address,
    equivocation: &Equivocation,
) -> Result<(), LedgerError> {
    let (validator, height, round) = (equivocation.address(), equivocation.height, equivocation.round);
    require(equivocation.chain == *chain, Code::PROOF)?;
    // Cheap answers first: a repeated report costs no signature.
    let place = place(&validator, height);
    require(state.value(&place)?.is_none(), Code::DUPLICATE)?;
    let validators = schedule::validators_at(state, height)?.ok_or(Code::VALIDATORS_UNKNOWN)?;
    let account = reserved_account(accounts::EQUIVOCATIONS);
    let of_validator = encode(&validator);
    let known = state.scan(LedgerId::SYSTEM, &account, &of_validator, None, MAX_REPORTS_PER_VALIDATOR)?;
    require(known.len() < MAX_REPORTS_PER_VALIDATOR, Code::LIMIT)?;
    let _verified = equivocation.verify(chain, &validators).map_err(|_| Code::PROOF)?;
    let record = EquivocationRecord { reported_at: state.height(), reporter: *reporter, equivocation: *equivocation };
    state.put_record(&place, &record)?;
    let said = BoundedBytes::new(encode(&EquivocationReported { validator, height, round })).unwrap_or_default();
    state.publish(LedgerId::SYSTEM, &account, &Text::new(TOPIC).unwrap_or_default(), said)?;
    Ok(())
}
