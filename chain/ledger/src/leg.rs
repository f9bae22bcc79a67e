//! Runs a leg of a proposal, under exactly its authorisers' identities and the ledger's own rules.
//!
//! The relay's decision adds no right. [`check_scope`] comes before the locks are taken: nobody may hold a key by a
//! leg that it could not use by a transaction. [`execute_leg`] then runs the calls over a leg's `Access`.

use crate::data::DataScope;
use crate::error::{Denial, LedgerError, require};
use crate::facts::LedgerFacts;
use crate::fuel::{self, Meter};
use crate::registry::known_account;
use crate::rights::{Authority, Signatories, Use};
use crate::transaction::result_hash;
use chain_state::{Access, AccessError, BlockState, Place, StoreFault};
use ledger_protocol::proposal::{AccessKind, AssertedVersion, LockKey, ScopeEntry};
use ledger_protocol::transaction::{LedgerOperation, Operation, Operations, StateKey};
use ledger_protocol::{AccountName, Address, Code, Hash, LedgerId, ProposalId};
use std::collections::{BTreeMap, BTreeSet};

/// A leg that can be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegRun {
    /// `H(tag ‖ answers)`.
    pub result_hash: Hash,
    /// Fuel used.
    pub fuel: u64,
}

/// A leg that this chain does not take part in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} ({cause})")]
pub struct LegRefusal {
    /// What the Vote says. [`Code::AUTHORISATION`] stands for every missing identity, right or signature.
    pub code: Code,
    /// The rule that refused, for people and logs.
    pub cause: Code,
    /// The key that was in the way, or that the scope lacks.
    pub key: Option<LockKey>,
    /// The proposal that holds it.
    pub conflicting: Option<ProposalId>,
}

impl From<Denial> for LegRefusal {
    fn from(denial: Denial) -> Self {
        let cause = denial.code;
        let code = match cause {
            Code::DENIED | Code::POLICY_UNMET | Code::IDENTITY_UNKNOWN | Code::IDENTITY_FROZEN => Code::AUTHORISATION,
            other => other,
        };
        Self { code, cause, key: denial.key, conflicting: denial.conflicting }
    }
}

/// Why a leg has no run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LegError {
    /// The rules refuse it: NO.
    #[error(transparent)]
    Refused(#[from] LegRefusal),
    /// I/O below; says nothing about the leg.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

impl From<LedgerError> for LegError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Refused(denial) => Self::Refused(denial.into()),
            LedgerError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<AccessError> for LegError {
    fn from(error: AccessError) -> Self {
        LedgerError::from(error).into()
    }
}

/// The authorisers as each ledger knows them.
struct Authorities<'a> {
    authorisers: &'a [Address],
    known: BTreeMap<LedgerId, Authority>,
}

impl<'a> Authorities<'a> {
    const fn new(authorisers: &'a [Address]) -> Self {
        Self { authorisers, known: BTreeMap::new() }
    }

    fn on(&mut self, state: &BlockState<'_>, ledger: LedgerId) -> Result<&Authority, LedgerError> {
        require(ledger != LedgerId::SYSTEM, Code::NOT_SYSTEM_LEDGER)?;
        if !self.known.contains_key(&ledger) {
            let signatories = Signatories { authors: self.authorisers, gateways: &[] };
            self.known.insert(ledger, Authority::resolve(state, ledger, signatories)?);
        }
        self.known.get(&ledger).ok_or_else(|| Code::LEDGER_UNKNOWN.into())
    }
}

/// Checks that the authorisers may use what the leg locks: every account admits locks; who holds a key exclusively
/// or by an amount may write there; who shares one may read there.
///
/// # Errors
/// [`LegError::Refused`] names the first key that is refused.
pub fn check_scope(state: &BlockState<'_>, authorisers: &[Address], scope: &[ScopeEntry]) -> Result<(), LegError> {
    let mut authorities = Authorities::new(authorisers);
    for entry in scope {
        check_entry(state, &mut authorities, entry).map_err(|error| match error {
            LedgerError::Refused(denial) => {
                LegRefusal { key: Some(entry.key.clone()), ..LegRefusal::from(denial) }.into()
            }
            LedgerError::Fault(fault) => LegError::Fault(fault),
        })?;
    }
    Ok(())
}

fn check_entry(
    state: &BlockState<'_>,
    authorities: &mut Authorities<'_>,
    entry: &ScopeEntry,
) -> Result<(), LedgerError> {
    let authority = authorities.on(state, entry.key.ledger)?;
    let account = known_account(state, entry.key.ledger, &entry.key.account)?;
    match entry.access {
        AccessKind::Exclusive | AccessKind::Delta(_) => authority.require_use(&account, Use::DataOfLeg),
        AccessKind::Shared | AccessKind::PrefixShared => {
            authority.require_read(&account)?;
            require(account.lockable, Code::NOT_LOCKABLE)
        }
    }
}

/// Checks the versions that the leg asserts, through the leg's own access.
///
/// # Errors
/// [`Code::VERSION`] with the key that is at another version or absent.
pub fn check_asserted(access: &mut Access<'_, '_>, asserted: &[AssertedVersion]) -> Result<(), LegError> {
    for expected in asserted {
        let current = access.get(&Place::from_lock_key(&expected.key))?;
        if current.is_none_or(|current| current.version != expected.version) {
            let denial = Denial { code: Code::VERSION, key: Some(expected.key.clone()), conflicting: None };
            return Err(LegRefusal::from(denial).into());
        }
    }
    Ok(())
}

/// Runs a leg's operations in order, all or nothing: on an error the caller drops what `access` staged.
///
/// Only keys, counters and events can be changed by a leg; all else is [`Code::UNSUPPORTED`].
///
/// # Errors
/// [`LegError::Refused`] with the code of the first operation that fails.
pub fn execute_leg(
    access: &mut Access<'_, '_>,
    facts: &LedgerFacts<'_>,
    authorisers: &[Address],
    operations: &Operations,
) -> Result<LegRun, LegError> {
    require_size(facts, operations)?;
    let mut authorities = Authorities::new(authorisers);
    let mut meter = Meter::new(facts.leg_fuel_limit());
    let mut answers = Vec::with_capacity(operations.len());
    for operation in operations {
        require(meter.take(fuel::of_operation(operation)), Code::FUEL)?;
        run_operation(access, facts, &mut authorities, operation)?;
        // What such an operation could answer is known only when it is applied.
        answers.push(Vec::new());
    }
    Ok(LegRun { result_hash: result_hash(access.state().suite(), &answers), fuel: meter.used() })
}

fn run_operation(
    access: &mut Access<'_, '_>,
    facts: &LedgerFacts<'_>,
    authorities: &mut Authorities<'_>,
    operation: &LedgerOperation,
) -> Result<(), LedgerError> {
    let ledger = operation.ledger;
    let authority = authorities.on(access.state(), ledger)?;
    let data = DataScope { facts, ledger, authority, of_leg: true };
    match &operation.operation {
        Operation::SetKey(it) => data.set_key(access, it),
        Operation::DeleteKey(it) => data.delete_key(access, it),
        Operation::DeclareCounter(it) => data.declare_counter(access, it),
        Operation::AddToCounter(it) => data.add_to_counter(access, it),
        Operation::PublishEvent(it) => data.publish_event(access, it),
        _ => Err(Code::UNSUPPORTED.into()),
    }
}

/// A leg changes at most a quarter of what a block may, so that its Decision always finds room.
fn require_size(facts: &LedgerFacts<'_>, operations: &Operations) -> Result<(), LedgerError> {
    let mut written: BTreeSet<(LedgerId, &AccountName, &StateKey)> = BTreeSet::new();
    for LedgerOperation { ledger, operation } in operations {
        match operation {
            Operation::SetKey(it) => written.insert((*ledger, &it.account, &it.key)),
            Operation::DeleteKey(it) => written.insert((*ledger, &it.account, &it.key)),
            Operation::DeclareCounter(it) => written.insert((*ledger, &it.account, &it.key)),
            Operation::AddToCounter(it) => written.insert((*ledger, &it.account, &it.key)),
            _ => false,
        };
    }
    let within = u32::try_from(written.len()).is_ok_and(|count| count <= facts.leg_change_limit());
    require(within, Code::SIZE)
}
