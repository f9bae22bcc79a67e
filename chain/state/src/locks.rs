//! Locks and reservations of undecided proposals, kept as working entries of ledger 0.
//!
//! Compatible are shared beside shared and delta beside delta, nothing else; a prefix is shared over every key that
//! begins with it, whether the key exists or not. Holders stand sorted, so that the same locks give the same state
//! root in whatever order they were taken.
//!
//! Bounds: [`MAX_HOLDERS`] per stored group; a scope that would exceed it is refused with `limit`.

mod account;
#[cfg(feature = "planted-bugs")]
mod planted_bugs;
mod table;

use crate::block_state::{BlockState, is_live};
use crate::place::Place;
use crate::store::StoreFault;
use borsh::{BorshDeserialize, BorshSerialize};
use ledger_protocol::codec::{Tag, encode};
use ledger_protocol::merkle;
use ledger_protocol::proposal::{AccessKind, LockKey, ScopeEntry};
use ledger_protocol::transaction::StateContent;
use ledger_protocol::transaction::StateKey;
use ledger_protocol::{AccountName, Code, Hash, Height, LedgerId, ProposalId, Suite};
use table::{Hold, Range, first_in_range};

pub(crate) use table::holds_on_key;

/// Most locks or reservations kept in one stored group: those of one key, of keys that begin with the same 180 bytes,
/// or the prefix locks of one account.
pub const MAX_HOLDERS: usize = 1_024;

/// Who holds a lock: the record (id, h0) of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Holder {
    /// The proposal.
    pub id: ProposalId,
    /// Relay height at which it began.
    pub started_at_on_relay: Height,
}

/// Why a scope cannot be locked: the leg votes NO.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockRefusal {
    /// Another proposal is in the way.
    #[error("another proposal holds a key of the scope")]
    Conflict(ProposalId),
    /// The counter could leave its bounds.
    #[error("the counter could leave its bounds: {0:?}")]
    Bound(LockKey),
    /// A delta on a key without a value.
    #[error("no counter stands at {0:?}")]
    Absent(LockKey),
    /// A delta on a key that holds no counter.
    #[error("no counter but a value stands at {0:?}")]
    Kind(LockKey),
    /// Too many proposals hold the key, or its account's prefixes.
    #[error("too many proposals hold {0:?}")]
    Limit(LockKey),
    /// A scope never names ledger 0.
    #[error("the system ledger is never in a scope: {0:?}")]
    SystemLedger(LockKey),
}

impl LockRefusal {
    /// The code of the NO vote.
    pub const fn code(&self) -> Code {
        match self {
            Self::Conflict(_) => Code::CONFLICT,
            Self::Bound(_) => Code::BOUND,
            Self::Absent(_) => Code::KEY_ABSENT,
            Self::Kind(_) => Code::KEY_KIND,
            Self::Limit(_) => Code::LIMIT,
            Self::SystemLedger(_) => Code::NOT_SYSTEM_LEDGER,
        }
    }
}

/// Checks a scope against all locks and reservations of others and the bounds of its counters.
///
/// `Ok(Err(_))` is the first entry's refusal, in the order of the scope.
///
/// # Errors
/// [`StoreFault`] on I/O or a corrupt row.
pub fn check(
    state: &BlockState<'_>,
    holder: &Holder,
    scope: &[ScopeEntry],
) -> Result<Result<(), LockRefusal>, StoreFault> {
    for entry in scope {
        if let Some(refusal) = refusal(state, holder, entry)? {
            return Ok(Err(refusal));
        }
    }
    table::room(state, holder, scope).map(|full| full.map_or(Ok(()), |key| Err(LockRefusal::Limit(key))))
}

fn refusal(state: &BlockState<'_>, holder: &Holder, entry: &ScopeEntry) -> Result<Option<LockRefusal>, StoreFault> {
    if entry.key.ledger == LedgerId::SYSTEM {
        return Ok(Some(LockRefusal::SystemLedger(entry.key.clone())));
    }
    if let Some(id) = conflict(state, Some(holder), entry)? {
        return Ok(Some(LockRefusal::Conflict(id)));
    }
    let AccessKind::Delta(amount) = entry.access else { return Ok(None) };
    let refusal = match counter(state, &Place::from_lock_key(&entry.key))? {
        Err(CounterProblem::Absent) => Some(LockRefusal::Absent(entry.key.clone())),
        Err(CounterProblem::Kind) => Some(LockRefusal::Kind(entry.key.clone())),
        Ok(counter) => {
            let reserved = reserved(state, &entry.key, Some(holder))?;
            (!counter.admits(reserved, amount)).then(|| LockRefusal::Bound(entry.key.clone()))
        }
    };
    Ok(refusal)
}

/// Takes the locks and reservations of a scope; after [`check`] in the same state.
///
/// # Errors
/// [`StoreFault`] on I/O or a corrupt row.
pub fn acquire(state: &mut BlockState<'_>, holder: &Holder, scope: &[ScopeEntry]) -> Result<(), StoreFault> {
    #[cfg(feature = "planted-bugs")]
    let scope = &planted_bugs::without_reserves(scope, planted::Plant::ReserveNotTaken);
    scope.iter().try_for_each(|entry| table::insert(state, holder, entry))
}

/// Gives them up; what is not held is left alone.
///
/// # Errors
/// [`StoreFault`] on I/O or a corrupt row.
pub fn release(state: &mut BlockState<'_>, holder: &Holder, scope: &[ScopeEntry]) -> Result<(), StoreFault> {
    #[cfg(feature = "planted-bugs")]
    let scope = &planted_bugs::without_reserves(scope, planted::Plant::ReserveNotReleased);
    scope.iter().try_for_each(|entry| table::remove(state, holder, entry))
}

/// The proposal in the way of a scope, if any; for a NOTIFY leg, which holds nothing itself.
///
/// # Errors
/// [`StoreFault`] on I/O or a corrupt row.
pub fn is_free(state: &BlockState<'_>, scope: &[ScopeEntry]) -> Result<Option<ProposalId>, StoreFault> {
    for entry in scope {
        if let Some(id) = conflict(state, None, entry)? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// RFC 9162 root over `tag ‖ entry` of a scope, in its order.
pub fn lock_set_root(suite: Suite, scope: &[ScopeEntry]) -> Hash {
    let leaves: Vec<Vec<u8>> =
        scope.iter().map(|entry| [Tag::LOCK.bytes(), encode(entry).as_slice()].concat()).collect();
    merkle::root(suite, &leaves)
}

/// Everything that is held on a key, prefix locks over it included: what makes an answer `pending`.
///
/// # Errors
/// [`StoreFault`] on I/O or a corrupt row.
pub fn locks_of_key(state: &BlockState<'_>, key: &LockKey) -> Result<Vec<(Holder, AccessKind)>, StoreFault> {
    Ok(holds_on_key(state, key)?.into_iter().map(|hold| (hold.holder, hold.access)).collect())
}

/// A proposal that holds anything of an account, the one with the least key first. Closing an account, or changing
/// what may be done with all its keys, is an exclusive write of each of them.
///
/// # Errors
/// [`StoreFault`] on I/O or a corrupt row.
pub fn held_in_account(
    state: &BlockState<'_>,
    ledger: LedgerId,
    account: &AccountName,
) -> Result<Option<ProposalId>, StoreFault> {
    let summary = account::read(state, ledger, account)?;
    if let Some(hold) = summary.prefixes.first() {
        return Ok(Some(hold.holder.id));
    }
    if summary.held_keys == 0 {
        return Ok(None);
    }
    let range = Range { ledger, account, prefix: &[], after: None, last: None };
    let any = first_in_range(state, &range, |_| true)?;
    Ok(any.map(|hold| hold.holder.id))
}

/// The first other holder whose use of a key in this entry is not compatible.
fn conflict(
    state: &BlockState<'_>,
    own: Option<&Holder>,
    entry: &ScopeEntry,
) -> Result<Option<ProposalId>, StoreFault> {
    let LockKey { ledger, account, key } = &entry.key;
    let is_in_the_way = |hold: &Hold| own != Some(&hold.holder) && !hold.access.is_compatible_with(entry.access);
    if entry.access != AccessKind::PrefixShared {
        let holds = holds_on_key(state, &entry.key)?;
        return Ok(holds.iter().find(|hold| is_in_the_way(hold)).map(|hold| hold.holder.id));
    }
    // Other prefixes are shared too; only locks of single keys can be in the way.
    if account::read(state, *ledger, account)?.held_keys == 0 {
        return Ok(None);
    }
    let range = Range { ledger: *ledger, account, prefix: key, after: None, last: None };
    Ok(first_in_range(state, &range, is_in_the_way)?.map(|hold| hold.holder.id))
}

/// The first exclusive lock or reservation in a range of keys that somebody wants to read: those that begin with
/// `prefix`, above `after`, at most `last`.
pub(crate) fn unreadable_in(
    state: &BlockState<'_>,
    ledger: LedgerId,
    account: &AccountName,
    prefix: &[u8],
    after: Option<&StateKey>,
    last: Option<&StateKey>,
) -> Result<Option<Hold>, StoreFault> {
    if account::read(state, ledger, account)?.held_keys == 0 {
        return Ok(None);
    }
    let range = Range { ledger, account, prefix, after, last };
    first_in_range(state, &range, |hold| !hold.access.is_compatible_with(AccessKind::PrefixShared))
}

/// A counter's value and bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counter {
    pub(crate) value: i64,
    pub(crate) min: i64,
    pub(crate) max: i64,
}

/// Amounts reserved on a counter: Σ debits (as a positive number) and Σ credits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reserved {
    pub(crate) debits: i128,
    pub(crate) credits: i128,
}

/// Why there is no counter.
pub(crate) enum CounterProblem {
    Absent,
    Kind,
}

impl Counter {
    /// Whether an amount keeps the counter in its bounds whichever of the reservations are applied.
    pub(crate) fn admits(self, reserved: Reserved, amount: i64) -> bool {
        let (value, amount) = (i128::from(self.value), i128::from(amount));
        if amount < 0 {
            value - reserved.debits + amount >= i128::from(self.min)
        } else {
            amount == 0 || value + reserved.credits + amount <= i128::from(self.max)
        }
    }
}

/// The live counter at a place.
pub(crate) fn counter(state: &BlockState<'_>, place: &Place) -> Result<Result<Counter, CounterProblem>, StoreFault> {
    state.inspect(place, |value| match value.filter(|value| is_live(value)).map(|value| &value.content) {
        None => Err(CounterProblem::Absent),
        Some(&StateContent::Counter { value, min, max }) => Ok(Counter { value, min, max }),
        Some(_) => Err(CounterProblem::Kind),
    })
}

/// What others have reserved on a counter.
pub(crate) fn reserved(state: &BlockState<'_>, key: &LockKey, own: Option<&Holder>) -> Result<Reserved, StoreFault> {
    let mut sum = Reserved::default();
    for hold in holds_on_key(state, key)? {
        if own == Some(&hold.holder) {
            continue;
        }
        if let AccessKind::Delta(amount) = hold.access {
            let amount = i128::from(amount);
            if amount < 0 { sum.debits -= amount } else { sum.credits += amount }
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests;
