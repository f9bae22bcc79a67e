//! Types and problem codes of the HTTP interface, without a server.
//!
//! The interface is loopback only: reads are not signed yet. Everything that is hashed or signed travels as the hex
//! text of its borsh bytes; the JSON around it is a view and is never verified. `docs/cli.md` lists the routes.

mod chains;
mod limits;
mod network;
mod problem;
mod proposals;
mod reads;
mod reanchor;
mod transactions;

pub use chains::{ChainStatusView, ChainSummary, NodeStatus, ReplicaStatus};
pub use limits::{BackOffView, LimitsView, UsageView};
pub use network::{ChainEntry, LedgerEntry, NETWORK_FILE, NetworkFile, NodeEntry, ReplicaEntry};
pub use problem::{PROBLEM_MEDIA_TYPE, Problem, ProblemKind};
pub use proposals::{LegView, ProposalSummary, ProposalView, RegistryEntryView};
pub use reads::{
    AccountView, BlockView, Bytes, CheckpointView, EventView, HistoryEntryView, HistoryView, IdentityView, ProofReply,
    StateEntryView, StateListView,
};
pub use reanchor::{AnchorView, FollowsView, LockedLegView, ReanchorView, ShownHeadView, ShownHeaderView, TrustView};
pub use transactions::{ReceiptView, SubmitReply, SubmitRequest, TransactionState, TransactionView};

/// Routes, each with the path that a client fills in. `{chain}` is a chain's name in the network file or its id.
pub mod routes {
    /// GET: [`crate::NodeStatus`].
    pub const STATUS: &str = "/v1/status";
    /// GET: Prometheus text.
    pub const METRICS: &str = "/metrics";
    /// POST [`crate::SubmitRequest`]: [`crate::SubmitReply`]. Accepted means in this node's pool, not final.
    pub const TRANSACTIONS: &str = "/v1/chains/{chain}/transactions";
    /// POST [`crate::SubmitRequest`] with an `Evidence`: [`crate::SubmitReply`]. Anyone may; the relay verifies it.
    pub const EVIDENCE: &str = "/v1/chains/{chain}/evidence";
    /// GET `?wait_ms=`: [`crate::TransactionView`]; waits that long for it to become final.
    pub const TRANSACTION: &str = "/v1/chains/{chain}/transactions/{id}";
    /// GET: [`crate::BlockView`]; `{height}` may be `latest`.
    pub const BLOCK: &str = "/v1/chains/{chain}/blocks/{height}";
    /// GET: [`crate::CheckpointView`] at `?height=` (default: latest).
    pub const CHECKPOINT: &str = "/v1/chains/{chain}/checkpoint";
    /// GET: [`crate::StateEntryView`]; `{key}` is hex.
    pub const STATE: &str = "/v1/chains/{chain}/ledgers/{ledger}/accounts/{account}/state/{key}";
    /// GET `?prefix=&after=&limit=`: [`crate::StateListView`].
    pub const STATE_LIST: &str = "/v1/chains/{chain}/ledgers/{ledger}/accounts/{account}/state";
    /// GET: [`crate::HistoryView`]; `{key}` is hex.
    pub const HISTORY: &str = "/v1/chains/{chain}/ledgers/{ledger}/accounts/{account}/history/{key}";
    /// GET: [`crate::AccountView`].
    pub const ACCOUNT: &str = "/v1/chains/{chain}/ledgers/{ledger}/accounts/{account}";
    /// GET: [`crate::IdentityView`].
    pub const IDENTITY: &str = "/v1/chains/{chain}/ledgers/{ledger}/identities/{address}";
    /// GET: next sequence of an address, a JSON number.
    pub const SEQUENCE: &str = "/v1/chains/{chain}/sequences/{address}";
    /// GET `?checkpoint_height=`: [`crate::ProofReply`] of a transaction with its receipt.
    pub const PROOF_TRANSACTION: &str = "/v1/chains/{chain}/proofs/transaction/{id}";
    /// GET `?height=&checkpoint_height=`: [`crate::ProofReply`] of a key's value at the end of a height.
    pub const PROOF_VALUE: &str = "/v1/chains/{chain}/proofs/value/{ledger}/{account}/{key}";
    /// GET `?checkpoint_height=`: [`crate::ProofReply`] of a proposal's record.
    pub const PROOF_RECORD: &str = "/v1/proposals/{id}/proof";
    /// GET `?state=&limit=&after=`: list of [`crate::ProposalSummary`]; relay only.
    pub const PROPOSALS: &str = "/v1/proposals";
    /// GET `?wait_ms=`: [`crate::ProposalView`]; relay only; waits that long for it to be decided and closed.
    pub const PROPOSAL: &str = "/v1/proposals/{id}";
    /// GET `?checkpoint_height=`: the bundle file, `application/octet-stream`; relay only.
    pub const BUNDLE: &str = "/v1/proposals/{id}/bundle";
    /// POST hex of a borsh `Submit` in [`crate::SubmitRequest`]: what would happen, as a list of [`crate::LegView`].
    pub const DRY_RUN: &str = "/v1/chains/{chain}/dry-run";
    /// GET: list of [`crate::RegistryEntryView`]; relay only.
    pub const REGISTRY: &str = "/v1/registry";
    /// GET `?before=`: [`crate::TrustView`] of a registered chain, by its name or id; relay only.
    pub const TRUST: &str = "/v1/registry/{chain}/trust";
    /// GET `?anchor_height=&common_height=&receiver=`: [`crate::ReanchorView`] to the header of a height.
    pub const REANCHOR: &str = "/v1/chains/{chain}/re-anchor/{height}";
    /// GET: [`crate::AnchorView`] at `?height=` (default: latest).
    pub const ANCHOR: &str = "/v1/chains/{chain}/anchor";
    /// GET: [`crate::FollowsView`] of a subchain.
    pub const FOLLOWS: &str = "/v1/chains/{chain}/follows";
    /// GET `?started_at=&checkpoint_height=`: [`crate::ProofReply`] of a subchain's record of a proposal's leg.
    pub const PROOF_LEG: &str = "/v1/chains/{chain}/proofs/leg/{id}";
    /// GET `?checkpoint_height=`: [`crate::ProofReply`] of a header.
    pub const PROOF_HEADER: &str = "/v1/chains/{chain}/proofs/header/{height}";
    /// GET `?number=&checkpoint_height=`: [`crate::ProofReply`] of an event of a transaction.
    pub const PROOF_EVENT: &str = "/v1/chains/{chain}/proofs/event/{id}";
    /// GET `?version=&checkpoint_height=`: [`crate::ProofReply`] of a change of a key (default: its newest).
    pub const PROOF_CHANGE: &str = "/v1/chains/{chain}/proofs/change/{ledger}/{account}/{key}";
    /// GET `?checkpoint_height=`: [`crate::ProofReply`] that a key did not change in a block.
    pub const PROOF_UNCHANGED: &str = "/v1/chains/{chain}/proofs/unchanged/{height}/{ledger}/{account}/{key}";
    /// GET `?checkpoint_height=`: [`crate::ProofReply`] of a message to another chain.
    pub const PROOF_MESSAGE: &str = "/v1/chains/{chain}/proofs/message/{destination}/{sequence}";
    /// GET: [`crate::ProofReply`] that two blocks are of one history; its checkpoint is the newer one.
    pub const PROOF_CONSISTENCY: &str = "/v1/chains/{chain}/proofs/consistency/{older}/{newer}";
    /// GET: list of open and recent motions as JSON; relay only.
    pub const MOTIONS: &str = "/v1/motions";
}
