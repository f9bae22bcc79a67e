//! The routes, one handler each.

use crate::backend::{Backend, KeyAddress, ListQuery, ProofQuery, ProposalQuery, ReanchorQuery};
use crate::extract::{Failed, Reply, blocking, bytes, parse};
use crate::{MAX_BODY_BYTES, MAX_WAIT_MS};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ledger_protocol::codec::decode;
use ledger_protocol::interchain::Evidence;
use ledger_protocol::proposal::Submit;
use ledger_protocol::transaction::Transaction;
use ledger_protocol::{Address, ChainId, Height, LedgerId, ProposalId, Sequence, TransactionId, Version};
use node_api::{
    AccountView, AnchorView, BlockView, CheckpointView, FollowsView, HistoryView, IdentityView, LegView, NodeStatus,
    Problem, ProblemKind, ProofReply, ProposalSummary, ProposalView, ReanchorView, RegistryEntryView, StateEntryView,
    StateListView, SubmitReply, SubmitRequest, TransactionView, TrustView, routes as paths,
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
        .route(paths::EVIDENCE, post(accuse))
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
        .route(paths::TRUST, get(trust))
        .route(paths::REANCHOR, get(reanchor))
        .route(paths::ANCHOR, get(anchor))
        .route(paths::FOLLOWS, get(follows))
        .route(paths::PROOF_HEADER, get(prove_header))
        .route(paths::PROOF_EVENT, get(prove_event))
        .route(paths::PROOF_CHANGE, get(prove_change))
        .route(paths::PROOF_UNCHANGED, get(prove_unchanged))
        .route(paths::PROOF_MESSAGE, get(prove_message))
        .route(paths::PROOF_LEG, get(prove_leg))
        .route(paths::PROOF_CONSISTENCY, get(prove_consistency))
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

/// Which of several, for proofs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Which {
    number: u32,
    version: Option<u64>,
    started_at: Option<u64>,
    checkpoint_height: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Before {
    before: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Reanchoring {
    anchor_height: u64,
    common_height: u64,
    receiver: String,
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

async fn accuse(State(node): Node, Path(chain): Path<String>, content: Bytes) -> Reply<SubmitReply> {
    let request: SubmitRequest = body(&content)?;
    let evidence: Evidence = decoded("the evidence", &request.hex)?;
    Ok(Json(node.accuse(&chain, evidence).await?))
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

async fn trust(State(node): Node, Path(chain): Path<String>, Query(page): Query<Before>) -> Reply<TrustView> {
    blocking(move || node.trust(&chain, page.before)).await
}

async fn reanchor(
    State(node): Node,
    Path((chain, height)): Path<(String, String)>,
    Query(to): Query<Reanchoring>,
) -> Reply<ReanchorView> {
    let receiver: ChainId = parse("receiver", &to.receiver)?;
    let height = Height(parse("height", &height)?);
    let (anchor, common) = (Height(to.anchor_height), Height(to.common_height));
    blocking(move || node.reanchor(&ReanchorQuery { chain, height, anchor, common, receiver })).await
}

async fn anchor(State(node): Node, Path(chain): Path<String>, Query(at): Query<At>) -> Reply<AnchorView> {
    blocking(move || node.anchor(&chain, at.height.map(Height))).await
}

async fn follows(State(node): Node, Path(chain): Path<String>) -> Reply<FollowsView> {
    blocking(move || node.follows(&chain)).await
}

async fn prove(node: Arc<dyn Backend>, chain: String, what: ProofQuery, checkpoint: Option<u64>) -> Reply<ProofReply> {
    blocking(move || node.prove(&chain, &what, checkpoint.map(Height))).await
}

async fn prove_header(
    State(node): Node,
    Path((chain, height)): Path<(String, String)>,
    Query(at): Query<At>,
) -> Reply<ProofReply> {
    let what = ProofQuery::Header(Height(parse("height", &height)?));
    prove(node, chain, what, at.checkpoint_height).await
}

async fn prove_event(
    State(node): Node,
    Path((chain, id)): Path<(String, String)>,
    Query(which): Query<Which>,
) -> Reply<ProofReply> {
    let what = ProofQuery::Event { transaction: parse("transaction id", &id)?, number: which.number };
    prove(node, chain, what, which.checkpoint_height).await
}

async fn prove_change(
    State(node): Node,
    Path((chain, ledger, account, key)): KeyPath,
    Query(which): Query<Which>,
) -> Reply<ProofReply> {
    let at = key_address(chain.clone(), &ledger, account, &key)?;
    let what = ProofQuery::Change { at, version: which.version.map(Version) };
    prove(node, chain, what, which.checkpoint_height).await
}

async fn prove_unchanged(
    State(node): Node,
    Path((chain, height, ledger, account, key)): Path<(String, String, String, String, String)>,
    Query(at): Query<At>,
) -> Reply<ProofReply> {
    let height = Height(parse("height", &height)?);
    let key = key_address(chain.clone(), &ledger, account, &key)?;
    prove(node, chain, ProofQuery::Unchanged { at: key, height }, at.checkpoint_height).await
}

async fn prove_message(
    State(node): Node,
    Path((chain, destination, sequence)): Path<(String, String, String)>,
    Query(at): Query<At>,
) -> Reply<ProofReply> {
    let sequence = Sequence(parse("sequence", &sequence)?);
    let what = ProofQuery::Message { destination: parse("destination", &destination)?, sequence };
    prove(node, chain, what, at.checkpoint_height).await
}

async fn prove_leg(
    State(node): Node,
    Path((chain, id)): Path<(String, String)>,
    Query(which): Query<Which>,
) -> Reply<ProofReply> {
    let what = ProofQuery::Leg { id: parse("proposal id", &id)?, started_at: which.started_at.map(Height) };
    prove(node, chain, what, which.checkpoint_height).await
}

async fn prove_consistency(
    State(node): Node,
    Path((chain, older, newer)): Path<(String, String, String)>,
) -> Reply<ProofReply> {
    let (older, newer) = (Height(parse("older height", &older)?), Height(parse("newer height", &newer)?));
    prove(node, chain, ProofQuery::Consistency { older, newer }, Some(newer.0)).await
}
