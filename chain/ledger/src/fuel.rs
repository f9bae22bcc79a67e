//! What operations cost. Without contracts the cost follows from the bytes alone, so a client can compute it exactly.
//!
//! The table belongs to the protocol version: it changes only with a new one.

use ledger_protocol::codec::encode;
use ledger_protocol::transaction::{LedgerOperation, Operation, TransactionBody};

/// Every transaction, before its signers and operations.
pub const TRANSACTION: u64 = 500;
/// Every signer: one signature verification and one identity look-up.
pub const SIGNER: u64 = 500;
/// Every byte of an encoded operation.
pub const OPERATION_BYTE: u64 = 1;

/// What an operation costs before its bytes.
pub const fn base(operation: &Operation) -> u64 {
    match operation {
        Operation::RegisterIdentity(_) => 2_000,
        Operation::SetIdentityState(_) | Operation::GrantRole(_) => 1_500,
        Operation::DeclareAccount(_) => 2_000,
        Operation::SetAccountPermissions(_) => 1_500,
        // Asks for locks under the whole account.
        Operation::SetAccountState(_) => 3_000,
        Operation::SetKey(_) | Operation::DeleteKey(_) => 1_000,
        Operation::DeclareCounter(_) => 1_000,
        Operation::AddToCounter(_) => 800,
        Operation::PublishEvent(_) => 800,
        Operation::SetParameters(_) | Operation::SetValidators(_) => 5_000,
        Operation::ProposeMotion(_) | Operation::VoteMotion(_) => 5_000,
        Operation::SetRelayAnchor(_) => 10_000,
        // Two signatures.
        Operation::ReportEquivocation(_) => 5_000,
        Operation::SubmitProposal(_) => 10_000,
        Operation::CancelProposal(_) => 2_000,
        // A certificate at the most, and paths.
        Operation::ReportLocked(_) => 50_000,
    }
}

/// What an operation costs with its bytes.
pub fn of_operation(operation: &LedgerOperation) -> u64 {
    let bytes = u64::try_from(encode(operation).len()).unwrap_or(u64::MAX);
    base(&operation.operation).saturating_add(bytes.saturating_mul(OPERATION_BYTE))
}

/// What a transaction costs before its operations.
pub fn of_envelope(body: &TransactionBody) -> u64 {
    let signers = u64::try_from(body.signers.len()).unwrap_or(u64::MAX);
    TRANSACTION.saturating_add(signers.saturating_mul(SIGNER))
}

/// What a transaction costs if all its operations run: the smallest `fuel_limit` with which it can succeed.
pub fn of_transaction(body: &TransactionBody) -> u64 {
    body.operations.iter().fold(of_envelope(body), |sum, operation| sum.saturating_add(of_operation(operation)))
}

/// Counts fuel up to a limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    used: u64,
    limit: u64,
}

impl Meter {
    pub(crate) const fn new(limit: u64) -> Self {
        Self { used: 0, limit }
    }

    /// Takes an amount; `false`, and everything up to the limit is used, when it does not fit.
    #[must_use]
    pub(crate) fn take(&mut self, amount: u64) -> bool {
        match self.used.checked_add(amount) {
            Some(used) if used <= self.limit => {
                self.used = used;
                true
            }
            _ => {
                self.used = self.limit;
                false
            }
        }
    }

    pub(crate) const fn used(&self) -> u64 {
        self.used
    }
}
