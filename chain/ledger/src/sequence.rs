//! Replay protection by sequence: ledger 0's counter of a transaction's first signer.
//!
//! A mismatch makes the block invalid: the transaction must not be there. A match advances the counter whatever the
//! receipt says, so it is asked for before, and outside, the transaction's own execution.

use chain_state::{BlockState, StoreFault};
use ledger_protocol::codec::encode;
use ledger_protocol::transaction::{Replay, TransactionBody};
use ledger_protocol::{Address, Code, Sequence};

/// Area of ledger 0's working entries that holds the counters.
const AREA: &str = "sequences";

/// Why a transaction's sequence does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// Another sequence is next: the block is invalid ([`SequenceError::CODE`]).
    #[error("the transaction expects sequence {expected}, the signer's next one is {next}")]
    Mismatch {
        /// What the transaction says.
        expected: Sequence,
        /// What the state says.
        next: Sequence,
    },
    /// I/O below; says nothing about the transaction.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

impl SequenceError {
    /// The code of a mismatch.
    pub const CODE: Code = Code::SEQUENCE;
}

/// The sequence that the next such transaction of an address must expect.
///
/// # Errors
/// [`StoreFault`] on I/O.
pub fn sequence_of(state: &BlockState<'_>, address: &Address) -> Result<Sequence, StoreFault> {
    Ok(state.working_as(AREA, &encode(address))?.unwrap_or_default())
}

/// Checks a transaction's sequence and advances its first signer's counter. A window transaction passes untouched.
///
/// # Errors
/// [`SequenceError::Mismatch`]; also when the counter is at its end, or there is no signer.
pub fn check_and_advance_sequence(state: &mut BlockState<'_>, body: &TransactionBody) -> Result<(), SequenceError> {
    let Replay::Sequence { expected } = body.replay else {
        return Ok(());
    };
    let Some(signer) = body.signers.first() else {
        return Err(SequenceError::Mismatch { expected, next: Sequence::ZERO });
    };
    let next = sequence_of(state, &signer.address)?;
    let after = match next.next() {
        Some(after) if expected == next => after,
        _ => return Err(SequenceError::Mismatch { expected, next }),
    };
    state.put_working_as(AREA, &encode(&signer.address), &after)?;
    Ok(())
}
