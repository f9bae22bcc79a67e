//! What the HTTP interface serves: the host's replicas, read from their stores.

pub(crate) mod reads;
mod relay_reads;
mod status;
mod wait;

use crate::host::{HostHandle, ReplicaView};
use crate::prove;
use chain_engine::{ChainReader, SubmitResult};
use chain_state::{BlockState, StoreFault};
use ledger_protocol::chain::Input;
use ledger_protocol::interchain::Evidence;
use ledger_protocol::proposal::Submit;
use ledger_protocol::transaction::Transaction;
use ledger_protocol::{Address, Height, LedgerId, ProposalId, TransactionId};
use node_api::{
    AccountView, AnchorView, BlockView, CheckpointView, FollowsView, HistoryView, IdentityView, LegView, NodeStatus,
    Problem, ProblemKind, ProofReply, ProposalSummary, ProposalView, ReanchorView, RegistryEntryView, StateEntryView,
    StateListView, SubmitReply, TransactionView, TrustView,
};
use node_gateway::{Answer, Backend, KeyAddress, ListQuery, ProofQuery, ProposalQuery, ReanchorQuery};
use node_storage::ReplicaReader;
use std::sync::Arc;

/// The interface's view of one host.
#[derive(Debug, Clone)]
pub struct HostBackend {
    name: Arc<str>,
    host: HostHandle,
}

/// A store fault as a problem.
pub(crate) fn store_problem(fault: StoreFault) -> Problem {
    Problem::new(ProblemKind::Internal, format!("{fault}; see the node's log"))
}

/// A consistent view of one replica.
pub(crate) struct Sight<'a> {
    pub(crate) view: &'a ReplicaView,
    pub(crate) reader: ReplicaReader<'a>,
}

impl Sight<'_> {
    /// The chain's blocks.
    pub(crate) fn chain(&self) -> ChainReader<'_> {
        ChainReader::new(&self.reader, self.view.chain.suite)
    }

    /// The chain's state after its newest block.
    pub(crate) fn state(&self) -> Result<BlockState<'_>, Problem> {
        let next = self.tip_height()?.saturating_add(1);
        BlockState::open(&self.reader, self.view.chain.suite, next).map_err(store_problem)
    }

    /// Height of the newest block.
    pub(crate) fn tip_height(&self) -> Result<Height, Problem> {
        let tip = self.chain().tip().map_err(store_problem)?;
        Ok(tip.map_or(Height::ZERO, |tip| tip.header.height))
    }
}

impl HostBackend {
    /// The view of a node's host.
    pub fn new(name: &str, host: HostHandle) -> Self {
        Self { name: name.into(), host }
    }

    fn find(&self, chain: &str) -> Result<(usize, &ReplicaView), Problem> {
        self.host.replica_of(chain).ok_or_else(|| {
            let known: Vec<&str> = self.host.replicas().iter().map(|view| view.chain_name.as_str()).collect();
            let hosted = known.join(", ");
            Problem::new(ProblemKind::NotHere, format!("{chain} is not hosted by this node; it hosts {hosted}"))
        })
    }

    /// Offers an input to the pool of a chain.
    fn offer(&self, chain: &str, id: String, input: Input) -> Answer<SubmitReply> {
        let found = self.find(chain).map(|(index, _)| index);
        let host = self.host.clone();
        Box::pin(async move {
            match host.submit(found?, input).await {
                Ok(SubmitResult::Accepted { .. }) => Ok(SubmitReply { id }),
                Ok(SubmitResult::Refused { code, reason, retry_after_ms }) => {
                    let kind = if retry_after_ms.is_some() { ProblemKind::Busy } else { ProblemKind::Refused };
                    Err(Problem::new(kind, reason).with_code(code).retry_after(retry_after_ms))
                }
                Err(stopping) => Err(Problem::new(ProblemKind::Busy, stopping.to_string())),
            }
        })
    }

    fn sight(&self, chain: &str) -> Result<Sight<'_>, Problem> {
        let (_, view) = self.find(chain)?;
        Ok(Sight { view, reader: view.store.reader() })
    }

    fn relay(&self) -> Result<Sight<'_>, Problem> {
        let view = self.host.replicas().iter().find(|view| view.is_relay).ok_or_else(|| {
            Problem::new(ProblemKind::NotHere, "this node hosts no replica of the relay; ask one that does")
        })?;
        Ok(Sight { view, reader: view.store.reader() })
    }
}

impl Backend for HostBackend {
    fn status(&self) -> NodeStatus {
        status::status(&self.name, &self.host)
    }

    fn metrics(&self) -> String {
        status::metrics(&self.host)
    }

    fn submit(&self, chain: &str, transaction: Transaction) -> Answer<SubmitReply> {
        let id = transaction.id().to_string();
        self.offer(chain, id, Input::Transaction(Box::new(transaction)))
    }

    fn accuse(&self, chain: &str, evidence: Evidence) -> Answer<SubmitReply> {
        let input = Input::Evidence(Box::new(evidence));
        let suite = self.find(chain).map(|(_, view)| view.chain.suite);
        match suite {
            Ok(suite) => self.offer(chain, input.hash(suite).to_string(), input),
            Err(problem) => Box::pin(async move { Err(problem) }),
        }
    }

    fn transaction(&self, chain: &str, id: TransactionId, wait_ms: u64) -> Answer<TransactionView> {
        let found = self.find(chain).map(|(_, view)| view.clone());
        Box::pin(async move { wait::transaction(&found?, id, wait_ms).await })
    }

    fn proposal(&self, id: ProposalId, wait_ms: u64) -> Answer<ProposalView> {
        let found = self.relay().map(|sight| sight.view.clone());
        Box::pin(async move { wait::proposal(&found?, id, wait_ms).await })
    }

    fn block(&self, chain: &str, height: Option<Height>) -> Result<BlockView, Problem> {
        reads::block(&self.sight(chain)?, height)
    }

    fn checkpoint(&self, chain: &str, height: Option<Height>) -> Result<CheckpointView, Problem> {
        reads::checkpoint(&self.sight(chain)?, height)
    }

    fn state(&self, at: &KeyAddress) -> Result<StateEntryView, Problem> {
        reads::state(&self.sight(&at.chain)?, at)
    }

    fn list(&self, query: &ListQuery) -> Result<StateListView, Problem> {
        reads::list(&self.sight(&query.within.chain)?, query)
    }

    fn history(&self, at: &KeyAddress) -> Result<HistoryView, Problem> {
        reads::history(&self.sight(&at.chain)?, at)
    }

    fn account(&self, chain: &str, ledger: LedgerId, account: &str) -> Result<AccountView, Problem> {
        reads::account(&self.sight(chain)?, ledger, account)
    }

    fn identity(&self, chain: &str, ledger: LedgerId, address: &Address) -> Result<IdentityView, Problem> {
        reads::identity(&self.sight(chain)?, ledger, address)
    }

    fn sequence(&self, chain: &str, address: &Address) -> Result<u64, Problem> {
        let sight = self.sight(chain)?;
        let next = chain_ledger::sequence_of(&sight.state()?, address).map_err(store_problem)?;
        Ok(next.0)
    }

    fn prove_transaction(
        &self,
        chain: &str,
        id: TransactionId,
        checkpoint: Option<Height>,
    ) -> Result<ProofReply, Problem> {
        prove::transaction(&self.sight(chain)?, id, checkpoint)
    }

    fn prove_value(
        &self,
        at: &KeyAddress,
        height: Option<Height>,
        checkpoint: Option<Height>,
    ) -> Result<ProofReply, Problem> {
        prove::value(&self.sight(&at.chain)?, at, height, checkpoint)
    }

    fn prove_record(&self, id: ProposalId, checkpoint: Option<Height>) -> Result<ProofReply, Problem> {
        prove::record(&self.relay()?, id, checkpoint)
    }

    fn bundle(&self, id: ProposalId, checkpoint: Option<Height>) -> Result<Vec<u8>, Problem> {
        prove::bundle(&self.relay()?, id, checkpoint)
    }

    fn proposals(&self, query: &ProposalQuery) -> Result<Vec<ProposalSummary>, Problem> {
        relay_reads::proposals(&self.relay()?, query)
    }

    fn dry_run(&self, chain: &str, submit: &Submit) -> Result<Vec<LegView>, Problem> {
        reads::dry_run(&self.sight(chain)?, submit)
    }

    fn registry(&self) -> Result<Vec<RegistryEntryView>, Problem> {
        relay_reads::registry(&self.relay()?)
    }

    fn trust(&self, chain: &str, before: Option<u64>) -> Result<TrustView, Problem> {
        let relay = self.relay()?;
        let source = relay_reads::registered(&relay, chain)?;
        prove::trust(&relay, &source, before)
    }

    fn reanchor(&self, query: &ReanchorQuery) -> Result<ReanchorView, Problem> {
        prove::reanchor(&self.sight(&query.chain)?, query)
    }

    fn anchor(&self, chain: &str, height: Option<Height>) -> Result<AnchorView, Problem> {
        prove::anchor(&self.sight(chain)?, height)
    }

    fn follows(&self, chain: &str) -> Result<FollowsView, Problem> {
        reads::follows(&self.sight(chain)?)
    }

    fn prove(&self, chain: &str, what: &ProofQuery, checkpoint: Option<Height>) -> Result<ProofReply, Problem> {
        prove::piece(&self.sight(chain)?, what, checkpoint)
    }

    fn motions(&self) -> Result<serde_json::Value, Problem> {
        relay_reads::motions(&self.relay()?)
    }
}
