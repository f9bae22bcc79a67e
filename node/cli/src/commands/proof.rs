//! `crosstie proof`: fetch proofs, and verify them offline.

use super::{bundle, checkpoint};
use crate::args::{GlobalArgs, ProofCommand, ProofKind, ProofOut};
use crate::client::{Client, path, query};
use crate::exit::{Failure, Kind, Outcome};
use crate::output::Output;
use crate::proven::{self, Proven};
use crate::text;
use ledger_protocol::chain::Checkpoint;
use ledger_protocol::proof::{FileError, verify_file};
use ledger_protocol::{ProposalId, TransactionId};
use node_api::{ProofReply, routes};
use serde::Serialize;
use std::path::Path;

/// Longest proof file or bundle.
pub(super) const MAX_PROOF_BYTES: usize = ledger_protocol::proof::bundle::MAX_BUNDLE_BYTES;

#[derive(Serialize)]
struct Fetched {
    file: String,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint_file: Option<String>,
    checkpoint_height: u64,
    proven: Proven,
}

pub(super) fn run(command: &ProofCommand, global: &GlobalArgs, output: &Output) -> Outcome {
    match command {
        ProofCommand::Verify { file, checkpoint } => verify(file, checkpoint, output),
        ProofCommand::Get(kind) => get(&super::client(global)?, kind, output),
    }
}

/// Verifies a file offline.
pub(super) fn verify(file: &Path, checkpoint: &Path, output: &Output) -> Outcome {
    let trusted = checkpoint::read(checkpoint).map_err(|failure| unproven(checkpoint, failure))?;
    let content = text::read_bounded(file, MAX_PROOF_BYTES).map_err(|failure| unproven(file, failure))?;
    let verified = verify_file(&content, &trusted).map_err(|error| refused(file, &trusted, &error))?;
    output.data(&proven::of(&verified, Some(&trusted)), Proven::words);
    Ok(())
}

/// A file that is there and is not what it should be proves nothing: that is a refusal, not a wrong path.
pub(super) fn unproven(file: &Path, failure: Failure) -> Failure {
    if file.is_file() { Failure { kind: Kind::Refused, ..failure } } else { failure }
}

/// A proof that does not verify, in words.
pub(super) fn refused(file: &Path, trusted: &Checkpoint, error: &FileError) -> Failure {
    Failure::refused(format_args!("nothing is proven: {error}"))
        .at(format_args!("{}, from the checkpoint of {} at height {}", file.display(), trusted.chain, trusted.height))
        .next("ask for the file again, and make sure that the checkpoint is of the chain that it is about")
}

fn get(client: &Client, kind: &ProofKind, output: &Output) -> Outcome {
    let number = |height: &Option<u64>| height.map(|height| height.to_string());
    let (chain, url, out) = match kind {
        ProofKind::Transaction { chain, id, out } => {
            let chain = client.chain(chain)?.name.clone();
            let id: TransactionId = text::parse("transaction id", id)?;
            let url = path(routes::PROOF_TRANSACTION, &[&chain, &id.to_string()]);
            (chain, query(url, &[("checkpoint_height", number(&out.checkpoint_height))]), out)
        }
        ProofKind::Value { chain, ledger, account, key, height, out } => {
            let chain = client.chain(chain)?.name.clone();
            let key = hex::encode(&*super::tx::state_key(key)?);
            let url = path(routes::PROOF_VALUE, &[&chain, &ledger.to_string(), account, &key]);
            let parameters = [("height", number(height)), ("checkpoint_height", number(&out.checkpoint_height))];
            (chain, query(url, &parameters), out)
        }
        ProofKind::Header { chain, height, out } => {
            let chain = client.chain(chain)?.name.clone();
            let url = path(routes::PROOF_HEADER, &[&chain, &height.to_string()]);
            (chain, query(url, &[("checkpoint_height", number(&out.checkpoint_height))]), out)
        }
        ProofKind::Event { chain, id, number: which, out } => {
            let chain = client.chain(chain)?.name.clone();
            let id: TransactionId = text::parse("transaction id", id)?;
            let url = path(routes::PROOF_EVENT, &[&chain, &id.to_string()]);
            let parameters =
                [("number", Some(which.to_string())), ("checkpoint_height", number(&out.checkpoint_height))];
            (chain, query(url, &parameters), out)
        }
        ProofKind::Change { chain, ledger, account, key, version, out } => {
            let chain = client.chain(chain)?.name.clone();
            let key = hex::encode(&*super::tx::state_key(key)?);
            let url = path(routes::PROOF_CHANGE, &[&chain, &ledger.to_string(), account, &key]);
            let parameters = [("version", number(version)), ("checkpoint_height", number(&out.checkpoint_height))];
            (chain, query(url, &parameters), out)
        }
        ProofKind::Unchanged { chain, ledger, account, key, height, out } => {
            let chain = client.chain(chain)?.name.clone();
            let key = hex::encode(&*super::tx::state_key(key)?);
            let parts = [chain.as_str(), &height.to_string(), &ledger.to_string(), account, &key];
            let url = path(routes::PROOF_UNCHANGED, &parts);
            (chain, query(url, &[("checkpoint_height", number(&out.checkpoint_height))]), out)
        }
        ProofKind::Message { source, destination, sequence, out } => {
            let (chain, to) = (client.chain(source)?.name.clone(), client.chain(destination)?.id.clone());
            let url = path(routes::PROOF_MESSAGE, &[&chain, &to, &sequence.to_string()]);
            (chain, query(url, &[("checkpoint_height", number(&out.checkpoint_height))]), out)
        }
        ProofKind::Consistency { chain, older, newer, out, checkpoint_out } => {
            let chain = client.chain(chain)?.name.clone();
            let url = path(routes::PROOF_CONSISTENCY, &[&chain, &older.to_string(), &newer.to_string()]);
            let out =
                ProofOut { out: out.clone(), checkpoint_out: checkpoint_out.clone(), checkpoint_height: Some(*newer) };
            return fetch(client, &chain, &url, &out, output);
        }
        ProofKind::Leg { chain, id, started_at, out } => {
            let chain = client.chain(chain)?.name.clone();
            let id: ProposalId = text::parse("proposal id", id)?;
            let url = path(routes::PROOF_LEG, &[&chain, &id.to_string()]);
            let parameters =
                [("started_at", number(started_at)), ("checkpoint_height", number(&out.checkpoint_height))];
            (chain, query(url, &parameters), out)
        }
        ProofKind::Record { id, out } => {
            let chain = client.relay()?.name.clone();
            let id: ProposalId = text::parse("proposal id", id)?;
            let url = path(routes::PROOF_RECORD, &[&id.to_string()]);
            (chain, query(url, &[("checkpoint_height", number(&out.checkpoint_height))]), out)
        }
    };
    fetch(client, &chain, &url, out, output)
}

/// A proof as a node sends it, with the checkpoint that it is said to verify from.
pub(super) fn ask(client: &Client, chain: &str, url: &str) -> Outcome<(Vec<u8>, Checkpoint)> {
    let reply: ProofReply = client.get(chain, url)?;
    let proof = text::hex_from_node("proof", &reply.proof)?;
    let trusted: Checkpoint = text::from_node("checkpoint", &reply.checkpoint, 1_024)?;
    if trusted.chain.to_string() != client.chain(chain)?.id {
        return Err(Failure::internal(format_args!("the node sent a checkpoint of {}", trusted.chain)));
    }
    Ok((proof, trusted))
}

fn fetch(client: &Client, chain: &str, url: &str, out: &ProofOut, output: &Output) -> Outcome {
    let (proof, trusted) = ask(client, chain, url)?;
    // What a node sends is believed no more than what anybody else sends.
    let verified = verify_file(&proof, &trusted).map_err(|error| refused(&out.out, &trusted, &error))?;
    text::write_file(&out.out, &proof)?;
    if let Some(file) = &out.checkpoint_out {
        checkpoint::write(&trusted, file)?;
    }
    let fetched = Fetched {
        file: out.out.display().to_string(),
        bytes: proof.len(),
        checkpoint_file: out.checkpoint_out.as_ref().map(|file| file.display().to_string()),
        checkpoint_height: trusted.height.0,
        proven: proven::of(&verified, Some(&trusted)),
    };
    output.data(&fetched, |fetched| {
        format!(
            "{}\nwrote {} ({} bytes); it verifies from the checkpoint at height {}.\n\
             The checkpoint came from the same node: compare its fingerprint before you trust it.",
            fetched.proven.words(),
            fetched.file,
            fetched.bytes,
            fetched.checkpoint_height
        )
    });
    Ok(())
}

/// What `bundle get` shares with `proof get`.
pub(super) fn check_bundle(content: &[u8], trusted: &Checkpoint, file: &Path) -> Outcome<Proven> {
    let verified = verify_file(content, trusted).map_err(|error| refused(file, trusted, &error))?;
    bundle::require_bundle(&verified, file)?;
    Ok(proven::of(&verified, Some(trusted)))
}
