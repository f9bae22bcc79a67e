//! Transactions, the operations they carry, and what their execution leaves behind.

mod body;
mod change;
mod operation;
mod permissions;
mod receipt;
mod signature_items;
mod state_value;

pub use body::{
    MAX_OPERATIONS, MAX_SIGNERS, Replay, Signer, SignerRole, SignerSignature, Transaction, TransactionBody,
    TransactionError,
};
pub use change::{Change, ChangeKind, EventRecord};
pub use operation::{
    AccountDeclaration, AccountKind, AccountState, AddToCounter, CounterDeclaration, DeleteKey, Expectation,
    IdentityRegistration, IdentityState, LedgerOperation, LockedReport, MotionProposal, MotionVote, Operation,
    Operations, ParameterChange, PublishEvent, RoleGrant, SetAccountPermissions, SetAccountState, SetIdentityState,
    SetKey, StateKey, ValidatorChange, Value,
};
pub use permissions::{
    AccountMode, Choice, Permission, PolicyMember, ReadPolicy, Reader, Role, SigningPolicy, SigningRule,
};
pub use receipt::{IndexRange, Receipt};
pub use signature_items::{SignatureFormError, SignatureItem, check_signature_form, signature_items};
pub use state_value::{StateContent, StateValue, state_tree_key};
