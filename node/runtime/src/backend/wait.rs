//! Answers that wait for a block.

use super::{Sight, relay_reads, store_problem};
use crate::host::ReplicaView;
use ledger_protocol::{ProposalId, TransactionId};
use node_api::{Problem, ProblemKind, ProposalView, ReceiptView, TransactionState, TransactionView};
use std::time::Duration;
use tokio::time::Instant;

/// Asks `read` again after every block of the replica, until it is satisfied or the time is over.
async fn until<T: Send>(
    view: &ReplicaView,
    wait_ms: u64,
    read: impl Fn(&ReplicaView) -> Result<(T, bool), Problem> + Send + Sync,
) -> Result<T, Problem> {
    let deadline = Instant::now() + Duration::from_millis(wait_ms);
    let mut progress = view.progress.clone();
    loop {
        progress.mark_unchanged();
        let (answer, satisfied) = tokio::task::block_in_place(|| read(view))?;
        if satisfied || Instant::now() >= deadline {
            return Ok(answer);
        }
        match tokio::time::timeout_at(deadline, progress.changed()).await {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(_)) => return Err(Problem::new(ProblemKind::Busy, "the node is stopping")),
        }
    }
}

pub(super) async fn transaction(
    view: &ReplicaView,
    id: TransactionId,
    wait_ms: u64,
) -> Result<TransactionView, Problem> {
    until(view, wait_ms, |view| {
        let sight = Sight { view, reader: view.store.reader() };
        let found = sight.chain().receipt(&id.0).map_err(store_problem)?;
        let receipt = found.map(|(place, receipt)| {
            let code = receipt.codes.first().copied().unwrap_or(ledger_protocol::Code::OK);
            let (label, meaning) = code.describe().unwrap_or(("unknown", "A code of a newer version."));
            ReceiptView {
                height: place.height.0,
                index: place.index,
                code: code.0,
                label: label.into(),
                meaning: meaning.into(),
                fuel: receipt.fuel,
                changes: receipt.changes,
                events: receipt.events.count,
            }
        });
        let state = if receipt.is_some() { TransactionState::Final } else { TransactionState::Unknown };
        let satisfied = receipt.is_some();
        Ok((TransactionView { id: id.to_string(), state, receipt }, satisfied))
    })
    .await
}

pub(super) async fn proposal(view: &ReplicaView, id: ProposalId, wait_ms: u64) -> Result<ProposalView, Problem> {
    let found = until(view, wait_ms, |view| {
        let sight = Sight { view, reader: view.store.reader() };
        match relay_reads::proposal(&sight, &id)? {
            Some((answer, finished)) => Ok((Some(answer), finished)),
            None => Ok((None, false)),
        }
    })
    .await?;
    found.ok_or_else(|| {
        let words = format!(
            "the relay holds no proposal {id}: it was not submitted yet, was refused, or is finished and pruned"
        );
        Problem::new(ProblemKind::NotFound, words)
    })
}
