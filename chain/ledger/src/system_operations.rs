//! The port through which floor 3 adds what concerns other chains: motions, relay anchor, proposals.

use chain_state::{BlockState, StoreFault};
use ledger_protocol::transaction::Operation;
use ledger_protocol::{Address, Code};

/// Carries out `ProposeMotion`, `VoteMotion`, `SetRelayAnchor`, `SubmitProposal` and `CancelProposal`.
///
/// The ledger rules have checked before: the operation names ledger 0, no signer is frozen there, and for
/// `SetRelayAnchor` an author holds [`ledger_protocol::transaction::Permission::Govern`]. For the other four the
/// authors need not be registered: membership and proposer rights are the implementation's to check.
///
/// Everything that an operation does must be kept in the state: a later operation's failure discards it.
pub trait SystemOperations {
    /// Carries out one operation and answers bytes that go into the receipt's result hash, or refuses with a code.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O.
    fn operation(
        &mut self,
        state: &mut BlockState<'_>,
        authors: &[Address],
        operation: &Operation,
    ) -> Result<Result<Vec<u8>, Code>, StoreFault> {
        // A machine offers only what it overrides.
        let _ = (state, authors, operation);
        Ok(Err(Code::UNSUPPORTED))
    }
}

/// Refuses every operation that concerns other chains.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSystemOperations;

impl SystemOperations for NoSystemOperations {}
