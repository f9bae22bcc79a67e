//! What the interface asks of the node behind it.

use ledger_protocol::interchain::Evidence;
use ledger_protocol::proposal::Submit;
use ledger_protocol::transaction::Transaction;
use ledger_protocol::{Address, ChainId, Height, LedgerId, ProposalId, Sequence, TransactionId, Version};
use node_api::{
    AccountView, AnchorView, BlockView, CheckpointView, FollowsView, HistoryView, IdentityView, LegView, NodeStatus,
    Problem, ProofReply, ProposalSummary, ProposalView, ReanchorView, RegistryEntryView, StateEntryView, StateListView,
    SubmitReply, TransactionView, TrustView,
};
use std::future::Future;
use std::pin::Pin;

/// An answer that takes time.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send>>;

/// A key of an account of a ledger of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAddress {
    /// Name or id of the chain.
    pub chain: String,
    /// The ledger.
    pub ledger: LedgerId,
    /// The account.
    pub account: String,
    /// The key's bytes.
    pub key: Vec<u8>,
}

/// Which keys of an account to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// The account; its `key` is the prefix.
    pub within: KeyAddress,
    /// Only keys after this one.
    pub after: Option<Vec<u8>>,
    /// At most so many.
    pub limit: usize,
}

/// Which proposals to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProposalQuery {
    /// Only those in this state.
    pub state: Option<String>,
    /// Only those after this id.
    pub after: Option<ProposalId>,
    /// At most so many.
    pub limit: usize,
}

/// What to prove of a chain, beside transactions, values and records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofQuery {
    /// A header.
    Header(Height),
    /// An event of a transaction.
    Event {
        /// The transaction.
        transaction: TransactionId,
        /// Which of its events, from 0.
        number: u32,
    },
    /// A change of a key.
    Change {
        /// The key.
        at: KeyAddress,
        /// The version that it made; the newest one without.
        version: Option<Version>,
    },
    /// That a key did not change in a block.
    Unchanged {
        /// The key.
        at: KeyAddress,
        /// The block.
        height: Height,
    },
    /// A message to another chain.
    Message {
        /// To which chain.
        destination: ChainId,
        /// Its number on the way there.
        sequence: Sequence,
    },
    /// A subchain's record of a proposal's leg.
    Leg {
        /// The proposal.
        id: ProposalId,
        /// Relay height at which it began; where only one record comes into question, none need be given.
        started_at: Option<Height>,
    },
    /// That two blocks are of one history.
    Consistency {
        /// The older block.
        older: Height,
        /// The newer block.
        newer: Height,
    },
}

/// What a chain is asked to show for a re-anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReanchorQuery {
    /// Name or id of the chain.
    pub chain: String,
    /// Height of the header that is to be trusted.
    pub height: Height,
    /// Height of the chain's last anchor.
    pub anchor: Height,
    /// Height of the newest header that is common to it and the header trusted now.
    pub common: Height,
    /// The chain that is to trust it.
    pub receiver: ChainId,
}

/// The node behind the interface.
///
/// Reads are synchronous and run on a thread of their own; they see committed blocks only.
pub trait Backend: Send + Sync + 'static {
    /// Status of the node and its replicas.
    fn status(&self) -> NodeStatus;
    /// Metrics in Prometheus' text format.
    fn metrics(&self) -> String;
    /// Offers a transaction to the pool.
    fn submit(&self, chain: &str, transaction: Transaction) -> Answer<SubmitReply>;
    /// Offers evidence against a chain to the pool; its id is the input's hash.
    fn accuse(&self, chain: &str, evidence: Evidence) -> Answer<SubmitReply>;
    /// A transaction; waits until it is final, `wait_ms` at the most.
    fn transaction(&self, chain: &str, id: TransactionId, wait_ms: u64) -> Answer<TransactionView>;
    /// A proposal; waits until it is decided and every voting leg closed, `wait_ms` at the most.
    fn proposal(&self, id: ProposalId, wait_ms: u64) -> Answer<ProposalView>;
    /// A block; the newest one without a height.
    ///
    /// # Errors
    /// [`Problem`].
    fn block(&self, chain: &str, height: Option<Height>) -> Result<BlockView, Problem>;
    /// A checkpoint; of the newest block without a height.
    ///
    /// # Errors
    /// [`Problem`].
    fn checkpoint(&self, chain: &str, height: Option<Height>) -> Result<CheckpointView, Problem>;
    /// A key.
    ///
    /// # Errors
    /// [`Problem`].
    fn state(&self, at: &KeyAddress) -> Result<StateEntryView, Problem>;
    /// Keys of an account.
    ///
    /// # Errors
    /// [`Problem`].
    fn list(&self, query: &ListQuery) -> Result<StateListView, Problem>;
    /// The versions of a key.
    ///
    /// # Errors
    /// [`Problem`].
    fn history(&self, at: &KeyAddress) -> Result<HistoryView, Problem>;
    /// An account.
    ///
    /// # Errors
    /// [`Problem`].
    fn account(&self, chain: &str, ledger: LedgerId, account: &str) -> Result<AccountView, Problem>;
    /// An identity.
    ///
    /// # Errors
    /// [`Problem`].
    fn identity(&self, chain: &str, ledger: LedgerId, address: &Address) -> Result<IdentityView, Problem>;
    /// The next sequence of an address.
    ///
    /// # Errors
    /// [`Problem`].
    fn sequence(&self, chain: &str, address: &Address) -> Result<u64, Problem>;
    /// A proof of a transaction and its receipt.
    ///
    /// # Errors
    /// [`Problem`].
    fn prove_transaction(
        &self,
        chain: &str,
        id: TransactionId,
        checkpoint: Option<Height>,
    ) -> Result<ProofReply, Problem>;
    /// A proof of a key's value at the end of a height.
    ///
    /// # Errors
    /// [`Problem`].
    fn prove_value(
        &self,
        at: &KeyAddress,
        height: Option<Height>,
        checkpoint: Option<Height>,
    ) -> Result<ProofReply, Problem>;
    /// A proof of a proposal's record.
    ///
    /// # Errors
    /// [`Problem`].
    fn prove_record(&self, id: ProposalId, checkpoint: Option<Height>) -> Result<ProofReply, Problem>;
    /// A proposal's bundle file.
    ///
    /// # Errors
    /// [`Problem`].
    fn bundle(&self, id: ProposalId, checkpoint: Option<Height>) -> Result<Vec<u8>, Problem>;
    /// Proposals that the relay still holds.
    ///
    /// # Errors
    /// [`Problem`].
    fn proposals(&self, query: &ProposalQuery) -> Result<Vec<ProposalSummary>, Problem>;
    /// What a proposal's leg would do on this chain now.
    ///
    /// # Errors
    /// [`Problem`].
    fn dry_run(&self, chain: &str, submit: &Submit) -> Result<Vec<LegView>, Problem>;
    /// Registered chains.
    ///
    /// # Errors
    /// [`Problem`].
    fn registry(&self) -> Result<Vec<RegistryEntryView>, Problem>;
    /// What the relay trusts of a chain, and what it was shown of it, before a number of an earlier answer.
    ///
    /// # Errors
    /// [`Problem`].
    fn trust(&self, chain: &str, before: Option<u64>) -> Result<TrustView, Problem>;
    /// What a chain shows to be re-anchored.
    ///
    /// # Errors
    /// [`Problem`].
    fn reanchor(&self, query: &ReanchorQuery) -> Result<ReanchorView, Problem>;
    /// A header that another chain can be told to follow; the newest one without a height.
    ///
    /// # Errors
    /// [`Problem`].
    fn anchor(&self, chain: &str, height: Option<Height>) -> Result<AnchorView, Problem>;
    /// What a subchain follows of its relay.
    ///
    /// # Errors
    /// [`Problem`].
    fn follows(&self, chain: &str) -> Result<FollowsView, Problem>;
    /// A proof of something else of a chain.
    ///
    /// # Errors
    /// [`Problem`].
    fn prove(&self, chain: &str, what: &ProofQuery, checkpoint: Option<Height>) -> Result<ProofReply, Problem>;
    /// Motions.
    ///
    /// # Errors
    /// [`Problem`].
    fn motions(&self) -> Result<serde_json::Value, Problem>;
}
