//! What stops an operation: a refusal with a stable code, or a fault of the store.

use chain_state::{AccessError, StoreFault};
use ledger_protocol::proposal::LockKey;
use ledger_protocol::{Code, ProposalId};

/// A refusal and, where a key was in the way, which one and by whose proposal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}")]
pub struct Denial {
    /// Stable code.
    pub code: Code,
    /// The key that the operation may not touch.
    pub key: Option<LockKey>,
    /// The undecided proposal that holds it.
    pub conflicting: Option<ProposalId>,
}

impl From<Code> for Denial {
    fn from(code: Code) -> Self {
        Self { code, key: None, conflicting: None }
    }
}

/// Why an operation had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The rules refuse it: a receipt's code.
    #[error(transparent)]
    Refused(#[from] Denial),
    /// I/O below; says nothing about the operation.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

impl From<Code> for LedgerError {
    fn from(code: Code) -> Self {
        Self::Refused(code.into())
    }
}

impl From<AccessError> for LedgerError {
    fn from(error: AccessError) -> Self {
        let code = error.code();
        match error {
            AccessError::Fault(fault) => Self::Fault(fault),
            AccessError::Locked(id) | AccessError::Conflict(id) => {
                Self::Refused(Denial { code: code.unwrap_or(Code::CONFLICT), key: None, conflicting: Some(id) })
            }
            AccessError::Scope(key) => {
                Self::Refused(Denial { code: code.unwrap_or(Code::SCOPE), key: Some(key), conflicting: None })
            }
            _ => Self::Refused(code.unwrap_or(Code::BAD_ARGUMENT).into()),
        }
    }
}

/// Sorts a result into the two kinds of outcome: an answer or a refusal, and apart from both a fault.
pub(crate) fn split<T>(result: Result<T, LedgerError>) -> Result<Result<T, Denial>, StoreFault> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(LedgerError::Refused(denial)) => Ok(Err(denial)),
        Err(LedgerError::Fault(fault)) => Err(fault),
    }
}

/// `Err(code)` unless `holds`.
pub(crate) fn require(holds: bool, code: Code) -> Result<(), LedgerError> {
    if holds { Ok(()) } else { Err(code.into()) }
}
