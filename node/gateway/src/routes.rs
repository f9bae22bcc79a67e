//! The routes, one handler each.

use crate::backend::{Backend, KeyAddress, ListQuery, ProposalQuery};
use crate::extract::{Failed, Reply, blocking, bytes, parse};
use crate::{MAX_BODY_BYTES, MAX_WAIT_MS};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ledger_protocol::codec::decode;
use ledger_protocol::proposal::Submit;
use ledger_protocol::transaction::Transaction;
use ledger_protocol::{Address, Height, LedgerId, ProposalId, TransactionId};
use node_api::{
    AccountView, BlockView, CheckpointView, HistoryView, IdentityView, LegView, NodeStatus, Problem, ProblemKind,
    ProofReply, ProposalSummary, ProposalView, RegistryEntryView, StateEntryView, StateListView, SubmitReply,
    SubmitRequest, TransactionView, routes as paths,
};
use serde::Deserialize;
use std::sync::Arc;

type Node = State<Arc<dyn Backend>>;

/// Every route of the interface over one backend.
pub fn router(backend: Arc<dyn Backend>) -> Router {
    Router::new()
        .route(paths::STATUS, get(status))
        .route(paths::METRICS, get(metrics))
        .route(paths::TRANSACTIONS, post(submit))
        .route(paths::TRANSACTION, get(transaction))
        .route(paths::BLOCK, get(block))
        .route(paths::CHECKPOINT, get(checkpoint))
        .route(paths::STATE, get(state))
        .route(paths::STATE_LIST, get(list))
        .route(paths::HISTORY, get(history))
        .route(paths::ACCOUNT, get(account))
        .route(paths::IDENTITY, get(identity))
        .route(paths::SEQUENCE, get(sequence))
        .route(paths::PROOF_TRANSACTION, get(prove_transaction))
        .route(paths::PROOF_VALUE, get(prove_value))
        .route(paths::PROOF_RECORD, get(prove_record))
        .route(paths::PROPOSALS, get(proposals))
        .route(paths::PROPOSAL, get(proposal))
        .route(paths::BUNDLE, get(bundle))
        .route(paths::DRY_RUN, post(dry_run))
        .route(paths::REGISTRY, get(registry))
        .route(paths::MOTIONS, get(motions))
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(backend)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wait {
    wait_ms: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct At {
    height: Option<u64>,
    checkpoint_height: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Listing {
    prefix: String,
    after: Option<String>,
    limit: Option<usize>,
    state: Option<String>,
}

/// Most entries of one list.
const MAX_LIST: usize = 1_000;

async fn nothing_here() -> Failed {
    Problem::new(ProblemKind::NotFound, "no such route; docs/cli.md lists them").into()
}

async fn status(State(node): Node) -> Json<NodeStatus> {
    Json(node.status())
}

async fn metrics(State(node): Node) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], node.metrics()).into_response()
}

/// Reads a JSON body without relying on its content type.
fn body<T: for<'de> Deserialize<'de>>(bytes: &Bytes) -> Result<T, Failed> {
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::new(ProblemKind::BadRequest, format!("the body: {error}")).into())
}

fn decoded<T: borsh::BorshDeserialize>(what: &str, text: &str) -> Result<T, Failed> {
    let bytes = bytes(what, text)?;
    decode(&bytes, MAX_BODY_BYTES)
        .map_err(|error| Problem::new(ProblemKind::BadRequest, format!("{what}: {error}")).into())
}

async fn submit(State(node): Node, Path(chain): Path<String>, content: Bytes) -> Reply<SubmitReply> {
    let request: SubmitRequest = body(&content)?;
    let transaction: Transaction = decoded("the transaction", &request.hex)?;
    Ok(Json(node.submit(&chain, transaction).await?))
}

async fn transaction(
    State(node): Node,
    Path((chain, id)): Path<(String, String)>,
    Query(wait): Query<Wait>,
) -> Reply<TransactionView> {
    let id: TransactionId = parse("transaction id", &id)?;
    Ok(Json(node.transaction(&chain, id, wait.wait_ms.min(MAX_WAIT_MS)).await?))
}

async fn proposal(State(node): Node, Path(id): Path<String>, Query(wait): Query<Wait>) -> Reply<ProposalView> {
    let id: ProposalId = parse("proposal id", &id)?;
    Ok(Json(node.proposal(id, wait.wait_ms.min(MAX_WAIT_MS)).await?))
}

async fn block(State(node): Node, Path((chain, height)): Path<(String, String)>) -> Reply<BlockView> {
    let height = if height == "latest" { None } else { Some(Height(parse("height", &height)?)) };
    blocking(move || node.block(&chain, height)).await
}

async fn checkpoint(State(node): Node, Path(chain): Path<String>, Query(at): Query<At>) -> Reply<CheckpointView> {
    blocking(move || node.checkpoint(&chain, at.height.map(Height))).await
}

fn key_address(chain: String, ledger: &str, account: String, key: &str) -> Result<KeyAddress, Failed> {
    let ledger = LedgerId(parse("ledger", ledger)?);
    Ok(KeyAddress { chain, ledger, account, key: bytes("the key", key)? })
}

type KeyPath = Path<(String, String, String, String)>;

async fn state(State(node): Node, Path((chain, ledger, account, key)): KeyPath) -> Reply<StateEntryView> {
    let at = key_address(chain, &ledger, account, &key)?;
    blocking(move || node.state(&at)).await
}

async fn history(State(node): Node, Path((chain, ledger, account, key)): KeyPath) -> Reply<HistoryView> {
    let at = key_address(chain, &ledger, account, &key)?;
    blocking(move || node.history(&at)).await
}

async fn list(
    State(node): Node,
    Path((chain, ledger, account)): Path<(String, String, String)>,
    Query(listing): Query<Listing>,
) -> Reply<StateListView> {
    let within = key_address(chain, &ledger, account, &listing.prefix)?;
    let after = listing.after.as_deref().map(|text| bytes("after", text)).transpose()?;
    let limit = listing.limit.unwrap_or(100).clamp(1, MAX_LIST);
    blocking(move || node.list(&ListQuery { within, after, limit })).await
}

async fn account(
    State(node): Node,
    Path((chain, ledger, account)): Path<(String, String, String)>,
) -> Reply<AccountView> {
    let ledger = LedgerId(parse("ledger", &ledger)?);
    blocking(move || node.account(&chain, ledger, &account)).await
}

async fn identity(
    State(node): Node,
    Path((chain, ledger, address)): Path<(String, String, String)>,
) -> Reply<IdentityView> {
    let ledger = LedgerId(parse("ledger", &ledger)?);
    let address: Address = parse("address", &address)?;
    blocking(move || node.identity(&chain, ledger, &address)).await
}

async fn sequence(State(node): Node, Path((chain, address)): Path<(String, String)>) -> Reply<u64> {
    let address: Address = parse("address", &address)?;
    blocking(move || node.sequence(&chain, &address)).await
}

async fn prove_transaction(
    State(node): Node,
    Path((chain, id)): Path<(String, String)>,
    Query(at): Query<At>,
) -> Reply<ProofReply> {
    let id: TransactionId = parse("transaction id", &id)?;
    blocking(move || node.prove_transaction(&chain, id, at.checkpoint_height.map(Height))).await
}

async fn prove_value(
    State(node): Node,
    Path((chain, ledger, account, key)): KeyPath,
    Query(at): Query<At>,
) -> Reply<ProofReply> {
    let address = key_address(chain, &ledger, account, &key)?;
    blocking(move || node.prove_value(&address, at.height.map(Height), at.checkpoint_height.map(Height))).await
}

async fn prove_record(State(node): Node, Path(id): Path<String>, Query(at): Query<At>) -> Reply<ProofReply> {
    let id: ProposalId = parse("proposal id", &id)?;
    blocking(move || node.prove_record(id, at.checkpoint_height.map(Height))).await
}

async fn bundle(State(node): Node, Path(id): Path<String>, Query(at): Query<At>) -> Result<Response, Failed> {
    let id: ProposalId = parse("proposal id", &id)?;
    let read = tokio::task::spawn_blocking(move || node.bundle(id, at.checkpoint_height.map(Height))).await;
    let bytes = match read {
        Ok(result) => result?,
        Err(_) => return Err(Problem::new(ProblemKind::Internal, "the bundle was not made; see the node's log").into()),
    };
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

async fn proposals(State(node): Node, Query(listing): Query<Listing>) -> Reply<Vec<ProposalSummary>> {
    let after = listing.after.as_deref().map(|text| parse("after", text)).transpose()?;
    let limit = listing.limit.unwrap_or(100).clamp(1, MAX_LIST);
    blocking(move || node.proposals(&ProposalQuery { state: listing.state, after, limit })).await
}

async fn dry_run(State(node): Node, Path(chain): Path<String>, content: Bytes) -> Reply<Vec<LegView>> {
    let request: SubmitRequest = body(&content)?;
    let submit: Submit = decoded("the proposal", &request.hex)?;
    blocking(move || node.dry_run(&chain, &submit)).await
}

async fn registry(State(node): Node) -> Reply<Vec<RegistryEntryView>> {
    blocking(move || node.registry()).await
}

async fn motions(State(node): Node) -> Reply<serde_json::Value> {
    blocking(move || node.motions()).await
}
