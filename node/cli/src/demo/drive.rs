//! Submitting every departure and following each proposal to its end.

use super::network::{DemoNetwork, tip};
use super::rows::{Departure, Departures};
use super::sign::window_transaction;
use super::{latency::Latencies, proposal};
use crate::exit::{Failure, Outcome};
use chain_engine::{ChainReader, PublishedBlock, SubmitResult};
use chain_state::BlockState;
use indicatif::ProgressBar;
use ledger_protocol::chain::Input;
use ledger_protocol::codec::decode;
use ledger_protocol::interchain::DecisionVerdict;
use ledger_protocol::system::{ProposalState, accounts};
use ledger_protocol::transaction::{LedgerOperation, Operation, Transaction};
use ledger_protocol::{ChainId, Code, Height, LedgerId, ProposalId, TransactionId};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;

/// A proposal under way.
struct Open {
    row: Departure,
    submitted: Instant,
    decided: bool,
}

/// How a departure ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// In both books.
    Committed,
    /// In neither, for this reason.
    Aborted(String),
}

/// What became of all departures.
#[derive(Default)]
pub(super) struct Driven {
    /// Departures with their ends, in order of their ends.
    pub(super) ends: Vec<(ProposalId, Departure, End)>,
    /// From submission to the relay's proof that it is applied everywhere.
    pub(super) latencies: Latencies,
    /// Of the first Submit.
    pub(super) first_submission: Option<Instant>,
    /// Of the last decision.
    pub(super) last_decision: Option<Instant>,
    /// Proposals decided.
    pub(super) decided: u64,
}

/// Submits offered at once.
const BATCH: usize = 256;
/// No end of any proposal for so long is a failure with words, not a run that never ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// Submits every row of the file, at most `in_flight` at once, and follows them all to their ends.
pub(super) async fn drive(
    network: &DemoNetwork,
    file: &Path,
    limit: Option<usize>,
    fee: i64,
    in_flight: usize,
    bar: &ProgressBar,
) -> Outcome<Driven> {
    let mut rows = Departures::open(file, limit)?;
    let host = network.node.host().clone();
    let watched = network.relay_replicas.first().copied().ok_or_else(|| Failure::internal("no relay replica"))?;
    let view = host.replicas().get(watched).cloned().ok_or_else(|| Failure::internal("no relay replica"))?;
    let mut published = view.published.subscribe();
    let mut follower = Follower {
        network,
        open: BTreeMap::new(),
        by_transaction: BTreeMap::new(),
        driven: Driven::default(),
        seen: tip(&host, watched),
    };
    let mut again: VecDeque<(ProposalId, Transaction)> = VecDeque::new();
    let mut nonce = 0u64;
    let mut exhausted = false;
    let mut last_end = Instant::now();
    while !(exhausted && follower.open.is_empty()) {
        if let Some(failure) = network.node.failure() {
            return Err(Failure::internal(failure));
        }
        // Every relay replica takes its share of the submissions.
        while !exhausted && follower.open.len() < in_flight {
            let Some(row) = rows.next()? else {
                exhausted = true;
                break;
            };
            let height = tip(&host, watched);
            let (id, submit) = proposal::of(network, &row, fee, nonce, height)?;
            let operation = LedgerOperation { ledger: LedgerId::SYSTEM, operation: Operation::SubmitProposal(submit) };
            let signed = window_transaction(network.relay, &network.member, height, nonce, vec![operation])?;
            nonce += 1;
            let now = Instant::now();
            follower.driven.first_submission.get_or_insert(now);
            follower.open.insert(id, Open { row, submitted: now, decided: false });
            follower.by_transaction.insert(signed.id, id);
            again.push_back((id, signed.transaction));
        }
        let mut busy = false;
        while !busy && !again.is_empty() {
            let batch: Vec<_> = again.drain(..again.len().min(BATCH)).collect();
            let inputs = batch.iter().enumerate().map(|(turn, (_, transaction))| {
                let turn = turn % network.relay_replicas.len().max(1);
                let replica = network.relay_replicas.get(turn).copied().unwrap_or(watched);
                (replica, Input::Transaction(Box::new(transaction.clone())))
            });
            let answers = host.submit_all(inputs).await.map_err(Failure::internal)?;
            for ((id, transaction), answer) in batch.into_iter().zip(answers) {
                match answer {
                    SubmitResult::Accepted { .. }
                    | SubmitResult::Refused { code: Code::KNOWN | Code::REPLAYED, .. } => {}
                    SubmitResult::Refused { retry_after_ms: Some(_), .. } => {
                        again.push_back((id, transaction));
                        busy = true;
                    }
                    SubmitResult::Refused { code, reason, .. } => {
                        tracing::debug!("refused: {reason}");
                        follower.end(id, End::Aborted(format!("refused: {code}")));
                    }
                }
            }
        }
        let ended = follower.driven.ends.len();
        let wait = if busy { Duration::from_millis(20) } else { Duration::from_millis(500) };
        match tokio::time::timeout(wait, published.recv()).await {
            Ok(Ok(block)) => follower.block(&block)?,
            // Too slow for the channel: the store has everything.
            Ok(Err(RecvError::Lagged(_))) | Err(_) => {}
            Ok(Err(RecvError::Closed)) => return Err(Failure::internal("the relay's replica stopped")),
        }
        follower.catch_up(&view.store, tip(&host, watched))?;
        let gained = follower.driven.ends.len() - ended;
        bar.inc(gained as u64);
        if gained > 0 {
            last_end = Instant::now();
        } else if last_end.elapsed() > PATIENCE {
            let stuck = follower.open.len();
            return Err(Failure::timed_out(format!("{stuck} proposals did not end within {} s", PATIENCE.as_secs())));
        }
    }
    Ok(follower.driven)
}

struct Follower<'n> {
    network: &'n DemoNetwork,
    open: BTreeMap<ProposalId, Open>,
    by_transaction: BTreeMap<TransactionId, ProposalId>,
    driven: Driven,
    /// The relay's blocks up to here were looked at.
    seen: Height,
}

impl Follower<'_> {
    /// A Submit that the relay refused by its receipt has no record.
    fn block(&mut self, block: &Arc<PublishedBlock>) -> Outcome {
        for (input, receipt) in block.inputs.iter().zip(&block.receipts) {
            let Some(id) = self.by_transaction.remove(&TransactionId(*input)) else { continue };
            let code = receipt.codes.first().copied().unwrap_or(Code::OK);
            if !code.is_ok() {
                self.end(id, End::Aborted(format!("refused: {code}")));
            }
        }
        Ok(())
    }

    /// Looks at every relay block not seen yet for changes of proposals' records.
    fn catch_up(&mut self, store: &node_storage::ReplicaStore, to: Height) -> Outcome {
        if self.seen >= to {
            return Ok(());
        }
        let reader = store.reader();
        let relay = self.network.relay;
        let chain = ChainReader::new(&reader, relay.suite);
        let tip = chain.tip().map_err(Failure::internal)?.map_or(Height::ZERO, |tip| tip.header.height);
        let state = BlockState::open(&reader, relay.suite, tip.saturating_add(1)).map_err(Failure::internal)?;
        let mut touched = Vec::new();
        while self.seen < tip {
            self.seen = self.seen.saturating_add(1);
            for change in chain.changes(self.seen).map_err(Failure::internal)?.unwrap_or_default() {
                if change.ledger == LedgerId::SYSTEM && change.account.as_str() == accounts::PROPOSALS {
                    let id: Result<(ProposalId, [u8; 8]), _> = decode(&change.key, 256);
                    touched.extend(id.ok().map(|(id, _)| id));
                }
            }
        }
        touched.sort();
        touched.dedup();
        for id in touched {
            if self.open.contains_key(&id) {
                let record = relay::coordinator::find(&state, &id).map_err(Failure::internal)?;
                if let Some(record) = record {
                    self.record(id, record.state, record.decision.as_option().copied());
                }
            }
        }
        Ok(())
    }

    fn record(&mut self, id: ProposalId, state: ProposalState, decision: Option<DecisionVerdict>) {
        let now = Instant::now();
        if decision.is_some()
            && let Some(open) = self.open.get_mut(&id)
            && !open.decided
        {
            open.decided = true;
            self.driven.decided += 1;
            self.driven.last_decision = Some(now);
        }
        match (state, decision) {
            (ProposalState::Committed, _) => self.end(id, End::Committed),
            (ProposalState::Aborted | ProposalState::Rejected, Some(DecisionVerdict::Abort { code, culprit })) => {
                let reason = self.reason(code, &culprit);
                self.end(id, End::Aborted(reason));
            }
            _ => {}
        }
    }

    /// The business reason behind a code: a bound at an airport is a full hour, at a carrier an empty account.
    fn reason(&self, code: Code, culprit: &ChainId) -> String {
        let of = |parties: &BTreeMap<String, super::network::Party>| parties.values().any(|it| it.chain == *culprit);
        match code {
            Code::BOUND if of(&self.network.airports) => "hour full".into(),
            Code::BOUND if of(&self.network.carriers) => "account empty".into(),
            other => other.to_string(),
        }
    }

    fn end(&mut self, id: ProposalId, end: End) {
        let Some(open) = self.open.remove(&id) else { return };
        if end == End::Committed {
            self.driven.latencies.add(open.submitted.elapsed());
        }
        self.driven.ends.push((id, open.row, end));
    }
}
