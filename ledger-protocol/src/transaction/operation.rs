//! The operations of a chain, each with a stable `u16` code.
//!
//! Codes 0x0500–0x05ff are reserved for contracts and are refused by name until the contract engine exists.

use super::permissions::{AccountMode, ReadPolicy, Role, SigningPolicy};
use crate::chain::{Equivocation, Parameters, RelayAnchor, ValidatorSet};
use crate::codec::{Bounded, BoundedBytes, SortedVec, Text, coded_enum};
use crate::identifiers::{AccountName, Address, ChainId, Height, LedgerId, Organisation, ProposalId, Version};
use crate::interchain::Motion;
use crate::proof::LedgerStateProof;
use crate::proposal::{Cancel, Submit};
use crate::suite::PublicKey;
use borsh::{BorshDeserialize, BorshSerialize};

/// A key within an account, 1…256 bytes.
pub type StateKey = BoundedBytes<256>;
/// A value, at most 64 KiB.
pub type Value = BoundedBytes<{ 64 << 10 }>;

/// An operation on one ledger.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LedgerOperation {
    /// The ledger it runs on.
    pub ledger: LedgerId,
    /// What it does.
    pub operation: Operation,
}

coded_enum! {
    /// What a transaction can do.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Operation {
        /// Makes a key's address known on a ledger.
        RegisterIdentity(IdentityRegistration) = 0x0101,
        /// Freezes, revokes or restores an identity.
        SetIdentityState(SetIdentityState) = 0x0102,
        /// Gives or takes a role of an identity.
        GrantRole(RoleGrant) = 0x0103,
        /// Declares a data, user, event or contract account.
        DeclareAccount(AccountDeclaration) = 0x0201,
        /// Changes who may do what on an account.
        SetAccountPermissions(SetAccountPermissions) = 0x0202,
        /// Opens, freezes or closes an account.
        SetAccountState(SetAccountState) = 0x0203,
        /// Writes a version of a key.
        SetKey(SetKey) = 0x0301,
        /// Deletes a key, leaving a tombstone version.
        DeleteKey(DeleteKey) = 0x0302,
        /// Declares a counter or changes its bounds (an exclusive write).
        DeclareCounter(CounterDeclaration) = 0x0303,
        /// Adds to a counter within its bounds; commutes with other adds.
        AddToCounter(AddToCounter) = 0x0304,
        /// Publishes an event with the next sequence of its topic.
        PublishEvent(PublishEvent) = 0x0401,
        /// Schedules new parameters; ledger 0.
        SetParameters(ParameterChange) = 0x0601,
        /// Schedules a new validator set; ledger 0.
        SetValidators(ValidatorChange) = 0x0602,
        /// Opens a motion; ledger 0.
        ProposeMotion(MotionProposal) = 0x0603,
        /// Votes on a motion; ledger 0.
        VoteMotion(MotionVote) = 0x0604,
        /// Sets the subchain's trusted relay header; ledger 0, by the subchain's own governance.
        SetRelayAnchor(RelayAnchor) = 0x0605,
        /// Records that a validator of this chain contradicted itself; ledger 0, by anyone registered there.
        ReportEquivocation(Equivocation) = 0x0606,
        /// Submits an atomic cross-chain proposal; relay only.
        SubmitProposal(Submit) = 0x0701,
        /// Cancels one's own proposal; relay only.
        CancelProposal(Cancel) = 0x0702,
        /// Shows that a chain holds a proposal of a lost interval LOCKED; relay only, by anyone.
        ReportLocked(LockedReport) = 0x0703,
    }
}

/// Shows that a chain holds a proposal that began in a lost interval of the relay.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LockedReport {
    /// The chain that holds it.
    pub chain: ChainId,
    /// The proposal.
    pub id: ProposalId,
    /// Relay height at which it began, on the lost branch.
    pub started_at_on_relay: Height,
    /// The chain's record of it, in ledger 0, account `legs`. Its checkpoint is the header that the relay trusts of the
    /// chain; no hand-off may be needed on the way.
    pub proof: LedgerStateProof,
}

/// Registers an identity by its key.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct IdentityRegistration {
    /// The key; the identity is its address.
    pub public_key: PublicKey,
    /// Who answers for it.
    pub organisation: Organisation,
    /// Roles it starts with.
    pub roles: SortedVec<Role, 16>,
}

/// The state of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum IdentityState {
    /// May sign.
    Normal = 1,
    /// Fails every transaction it signs, whoever signs beside it; can be restored.
    Frozen = 2,
    /// As frozen, for good.
    Revoked = 3,
}

/// Changes an identity's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SetIdentityState {
    /// Whose.
    pub address: Address,
    /// To what.
    pub state: IdentityState,
}

/// Gives or takes a role.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RoleGrant {
    /// Whose.
    pub address: Address,
    /// Which.
    pub role: Role,
    /// Give (`true`) or take (`false`).
    pub granted: bool,
}

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum AccountKind {
    /// Belongs to a user.
    User = 1,
    /// Holds keys and counters.
    Data = 2,
    /// Publishes events.
    Event = 3,
    /// Holds a contract (reserved).
    Contract = 4,
}

/// The state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum AccountState {
    /// Reads and writes.
    Open = 1,
    /// Reads only; can be opened again.
    Frozen = 2,
    /// Reads only, for good.
    Closed = 3,
}

/// Declares an account; the declaring authors must hold the ledger permission to do so.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountDeclaration {
    /// Its name.
    pub account: AccountName,
    /// What it is for.
    pub kind: AccountKind,
    /// Owner, group and their rights.
    pub mode: AccountMode,
    /// Who must sign a write together.
    pub policy: SigningPolicy,
    /// Who may read it.
    pub read_policy: ReadPolicy,
    /// Whether a proposal's leg may lock keys of it; default is no.
    pub lockable: bool,
}

/// Changes an account's permissions.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SetAccountPermissions {
    /// Which account.
    pub account: AccountName,
    /// New mode.
    pub mode: AccountMode,
    /// New signing policy.
    pub policy: SigningPolicy,
    /// New read policy.
    pub read_policy: ReadPolicy,
    /// Whether legs may lock keys of it.
    pub lockable: bool,
}

/// Changes an account's state.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SetAccountState {
    /// Which account.
    pub account: AccountName,
    /// To what.
    pub state: AccountState,
}

/// What a write expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Expectation {
    /// Anything.
    Any = 1,
    /// No value: never written, or deleted.
    Absent = 2,
    /// A value at exactly this version.
    Version(Version) = 3,
}

/// Writes a key.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SetKey {
    /// Which account.
    pub account: AccountName,
    /// Which key.
    pub key: StateKey,
    /// New value.
    pub value: Value,
    /// Compare-and-set against the state as the transaction sees it.
    pub expected: Expectation,
}

/// Deletes a key that has a value.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct DeleteKey {
    /// Which account.
    pub account: AccountName,
    /// Which key.
    pub key: StateKey,
    /// Compare-and-set against the state as the transaction sees it.
    pub expected: Expectation,
}

/// Declares a counter, or changes an existing one's bounds (then `initial` must be its value).
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CounterDeclaration {
    /// Which account.
    pub account: AccountName,
    /// Which key.
    pub key: StateKey,
    /// Smallest value allowed.
    pub min: i64,
    /// Largest value allowed.
    pub max: i64,
    /// The value it starts with; within the bounds.
    pub initial: i64,
}

/// Adds to a counter.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AddToCounter {
    /// Which account.
    pub account: AccountName,
    /// Which key.
    pub key: StateKey,
    /// Amount; negative debits.
    pub amount: i64,
}

/// Publishes an event.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PublishEvent {
    /// The event account.
    pub account: AccountName,
    /// The topic; sequences run per (ledger, topic).
    pub topic: Text<64>,
    /// What it says, at most 4 KiB.
    pub payload: BoundedBytes<4096>,
}

/// Schedules new parameters.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ParameterChange {
    /// First height under the new parameters; at least 100 blocks ahead.
    pub effective_at: Height,
    /// The new parameters, whole.
    pub parameters: Parameters,
}

/// Schedules a new validator set.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ValidatorChange {
    /// First height certified by the new set; at least 2 blocks ahead.
    pub effective_at: Height,
    /// The new set, whole.
    pub validators: ValidatorSet,
}

/// Opens a motion.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MotionProposal {
    /// What to decide.
    pub motion: Motion,
    /// Why, for people.
    pub reason: Text<256>,
    /// Last height at which votes count.
    pub valid_until: Height,
    /// Tells two otherwise equal motions apart.
    pub nonce: u64,
}

/// Votes on a motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MotionVote {
    /// Which motion (`H(tag ‖ proposal)` by the chain's suite).
    pub motion: crate::identifiers::Hash,
    /// Yes or no.
    pub approve: bool,
}

/// Call bytes of a leg: operations on the subchain's ledgers, in order, all or nothing.
pub type Operations = Bounded<LedgerOperation, 256>;
