//! Executes a transaction: all its operations in order, or none.
//!
//! The code of the first operation that fails is the receipt's. A failing transaction touches neither the state nor
//! its neighbours; the fuel used until then stands in its receipt.

use crate::data::DataScope;
use crate::equivocations;
use crate::error::{LedgerError, require, split};
use crate::facts::LedgerFacts;
use crate::fuel::{self, Meter};
use crate::registry;
use crate::rights::{Authority, Signatories, refuse_frozen};
use crate::schedule;
use crate::sequence::{SequenceError, check_and_advance_sequence};
use crate::system_operations::SystemOperations;
use chain_state::{Access, BlockFacts, BlockState, ExecuteError, StoreFault};
use ledger_protocol::codec::{Bounded, Tag};
use ledger_protocol::suite::{Suite, hash_object};
use ledger_protocol::transaction::{
    IndexRange, LedgerOperation, Operation, Permission, Receipt, Replay, SignerRole, Transaction,
};
use ledger_protocol::{Address, ChainId, Code, Hash, LedgerId};

/// What a transaction did: the parts of its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionOutcome {
    /// [`Code::OK`], or the code of the first operation that failed.
    pub code: Code,
    /// Fuel used, also by a failing transaction.
    pub fuel: u64,
    /// Number of changes; 0 when it failed.
    pub changes: u32,
    /// Its events in the block's events tree; none when it failed.
    pub events: IndexRange,
    /// `H(tag ‖ answers)`, one answer per operation; of no answers when it failed.
    pub result_hash: Hash,
}

/// `H(tag ‖ answers)`: what stands in a receipt, and in a Vote.
pub fn result_hash(suite: Suite, answers: &[Vec<u8>]) -> Hash {
    hash_object(suite, Tag::RESULT, answers)
}

/// Executes a transaction of a block: its author's sequence is counted, and what came of it is its receipt.
///
/// # Errors
/// [`ExecuteError::Invalid`] for another sequence than the author's next one, [`ExecuteError::Fault`] on I/O.
pub fn execute_input(
    state: &mut BlockState<'_>,
    facts: &BlockFacts,
    index: usize,
    transaction: &Transaction,
    system: &mut dyn SystemOperations,
) -> Result<Receipt, ExecuteError> {
    if let Replay::Sequence { .. } = transaction.body.replay {
        check_and_advance_sequence(state, &transaction.body).map_err(|error| match error {
            SequenceError::Fault(fault) => ExecuteError::Fault(fault),
            other => ExecuteError::invalid(index, Code::SEQUENCE, other.to_string()),
        })?;
    }
    let outcome = execute_transaction(state, &LedgerFacts::from(facts), transaction, system)?;
    Ok(Receipt {
        input: transaction.id().0,
        codes: Bounded::new(vec![outcome.code]).unwrap_or_default(),
        fuel: outcome.fuel,
        changes: outcome.changes,
        events: outcome.events,
        result_hash: outcome.result_hash,
    })
}

/// Executes a transaction whose form and signatures were checked and which is for this chain and not replayed.
///
/// # Errors
/// [`StoreFault`] on I/O; the state is as before.
pub fn execute_transaction(
    state: &mut BlockState<'_>,
    facts: &LedgerFacts<'_>,
    transaction: &Transaction,
    system: &mut dyn SystemOperations,
) -> Result<TransactionOutcome, StoreFault> {
    let of_role = |role: SignerRole| -> Vec<Address> {
        transaction.body.signers.iter().filter(|signer| signer.role == role).map(|signer| signer.address).collect()
    };
    let (authors, gateways) = (of_role(SignerRole::Author), of_role(SignerRole::Gateway));
    let (changes_before, events_before) = state.counts();
    let mut run = Run {
        facts,
        chain: &transaction.body.chain,
        signatories: Signatories { authors: &authors, gateways: &gateways },
        meter: Meter::new(transaction.body.fuel_limit),
        resolved: None,
    };
    state.begin();
    let answers = match split(run.operations(state, transaction, system)) {
        Ok(answers) => answers,
        Err(fault) => {
            state.discard();
            return Err(fault);
        }
    };
    let (code, answers) = match answers {
        Ok(answers) => {
            state.accept();
            (Code::OK, answers)
        }
        #[cfg(feature = "planted-bugs")]
        Err(denial) if planted::is(planted::Plant::FailedTransactionKept) => {
            state.accept();
            (denial.code, Vec::new())
        }
        Err(denial) => {
            state.discard();
            (denial.code, Vec::new())
        }
    };
    let (changes_after, events_after) = state.counts();
    Ok(TransactionOutcome {
        code,
        fuel: run.meter.used(),
        changes: counted(changes_before, changes_after),
        events: IndexRange { first: counted(0, events_before), count: counted(events_before, events_after) },
        result_hash: result_hash(state.suite(), &answers),
    })
}

/// The difference of two counts of one block; blocks hold far fewer than 2³² changes and events.
fn counted(before: usize, after: usize) -> u32 {
    u32::try_from(after.saturating_sub(before)).unwrap_or(u32::MAX)
}

/// One transaction on its way.
struct Run<'r> {
    facts: &'r LedgerFacts<'r>,
    chain: &'r ChainId,
    signatories: Signatories<'r>,
    meter: Meter,
    /// The authority on the ledger of the last operation, until an operation changes identities.
    resolved: Option<(LedgerId, Authority)>,
}

impl Run<'_> {
    fn operations(
        &mut self,
        state: &mut BlockState<'_>,
        transaction: &Transaction,
        system: &mut dyn SystemOperations,
    ) -> Result<Vec<Vec<u8>>, LedgerError> {
        require(self.meter.take(fuel::of_envelope(&transaction.body)), Code::FUEL)?;
        let mut answers = Vec::with_capacity(transaction.body.operations.len());
        for operation in &transaction.body.operations {
            require(self.meter.take(fuel::of_operation(operation)), Code::FUEL)?;
            answers.push(self.operation(state, operation, system)?);
        }
        Ok(answers)
    }

    fn operation(
        &mut self,
        state: &mut BlockState<'_>,
        operation: &LedgerOperation,
        system: &mut dyn SystemOperations,
    ) -> Result<Vec<u8>, LedgerError> {
        require_right_ledger(operation)?;
        if matches!(
            operation.operation,
            Operation::ProposeMotion(_)
                | Operation::VoteMotion(_)
                | Operation::SubmitProposal(_)
                | Operation::CancelProposal(_)
                | Operation::ReportLocked(_)
        ) {
            refuse_frozen(state, operation.ledger, self.signatories)?;
            return Ok(system.operation(state, self.signatories.authors, &operation.operation)??);
        }
        let authority = match self.resolved.take() {
            Some((ledger, authority)) if ledger == operation.ledger => authority,
            _ => Authority::resolve(state, operation.ledger, self.signatories)?,
        };
        if let Operation::SetRelayAnchor(_) = operation.operation {
            authority.require(Permission::Govern)?;
            return Ok(system.operation(state, self.signatories.authors, &operation.operation)??);
        }
        if let Operation::ReportEquivocation(report) = &operation.operation {
            // Registered here, as the authority says, is all that is asked: who proves it may be anyone.
            let reporter = self.signatories.authors.first().ok_or(Code::IDENTITY_UNKNOWN)?;
            equivocations::report(state, self.chain, reporter, report)?;
            self.resolved = Some((operation.ledger, authority));
            return Ok(Vec::new());
        }
        let answer = carry_out(state, self.facts, &authority, operation)?;
        if !changes_identities(&operation.operation) {
            self.resolved = Some((operation.ledger, authority));
        }
        Ok(answer)
    }
}

/// Operations on keys, accounts and events are refused on ledger 0, whose entries only its own operations change;
/// those on the chain itself are refused elsewhere. Every ledger has its own identities.
pub(crate) fn require_right_ledger(operation: &LedgerOperation) -> Result<(), LedgerError> {
    let on_system_ledger = operation.ledger == LedgerId::SYSTEM;
    let fits = match operation.operation {
        Operation::RegisterIdentity(_) | Operation::SetIdentityState(_) | Operation::GrantRole(_) => true,
        Operation::DeclareAccount(_)
        | Operation::SetAccountPermissions(_)
        | Operation::SetAccountState(_)
        | Operation::SetKey(_)
        | Operation::DeleteKey(_)
        | Operation::DeclareCounter(_)
        | Operation::AddToCounter(_)
        | Operation::PublishEvent(_) => !on_system_ledger,
        Operation::SetParameters(_)
        | Operation::SetValidators(_)
        | Operation::ProposeMotion(_)
        | Operation::VoteMotion(_)
        | Operation::SetRelayAnchor(_)
        | Operation::ReportEquivocation(_)
        | Operation::SubmitProposal(_)
        | Operation::CancelProposal(_)
        | Operation::ReportLocked(_) => on_system_ledger,
    };
    require(fits, Code::NOT_SYSTEM_LEDGER)
}

const fn changes_identities(operation: &Operation) -> bool {
    matches!(operation, Operation::RegisterIdentity(_) | Operation::SetIdentityState(_) | Operation::GrantRole(_))
}

/// Carries out an operation of this chain alone, with an authority that stands on the operation's ledger.
pub(crate) fn carry_out(
    state: &mut BlockState<'_>,
    facts: &LedgerFacts<'_>,
    authority: &Authority,
    operation: &LedgerOperation,
) -> Result<Vec<u8>, LedgerError> {
    let ledger = operation.ledger;
    let data = DataScope { facts, ledger, authority, of_leg: false };
    let silent = |done: Result<(), LedgerError>| done.map(|()| Vec::new());
    match &operation.operation {
        Operation::RegisterIdentity(it) => registry::register_identity(state, ledger, authority, it),
        Operation::SetIdentityState(it) => registry::set_identity_state(state, ledger, authority, it),
        Operation::GrantRole(it) => registry::grant_role(state, ledger, authority, it),
        Operation::DeclareAccount(it) => registry::declare_account(state, ledger, authority, it),
        Operation::SetAccountPermissions(it) => registry::set_account_permissions(state, ledger, authority, it),
        Operation::SetAccountState(it) => registry::set_account_state(state, ledger, authority, it),
        Operation::SetKey(it) => silent(data.set_key(&mut Access::local(state), it)),
        Operation::DeleteKey(it) => silent(data.delete_key(&mut Access::local(state), it)),
        Operation::DeclareCounter(it) => silent(data.declare_counter(&mut Access::local(state), it)),
        Operation::AddToCounter(it) => silent(data.add_to_counter(&mut Access::local(state), it)),
        Operation::PublishEvent(it) => silent(data.publish_event(&mut Access::local(state), it)),
        Operation::SetParameters(it) => {
            authority.require(Permission::Govern)?;
            silent(schedule::schedule_parameters(state, facts.height, it))
        }
        Operation::SetValidators(it) => {
            authority.require(Permission::Govern)?;
            silent(schedule::schedule_validators(state, facts.height, it))
        }
        Operation::ProposeMotion(_)
        | Operation::VoteMotion(_)
        | Operation::SetRelayAnchor(_)
        | Operation::ReportEquivocation(_)
        | Operation::SubmitProposal(_)
        | Operation::CancelProposal(_)
        | Operation::ReportLocked(_) => Err(Code::UNSUPPORTED.into()),
    }
}
