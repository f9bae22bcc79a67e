//! `crosstie checkpoint`: what an auditor trusts, and nothing else.

use crate::args::{CheckpointCommand, GlobalArgs};
use crate::client::{Client, path, query};
use crate::exit::{Failure, Outcome};
use crate::output::Output;
use crate::text;
use ledger_protocol::chain::Checkpoint;
use ledger_protocol::codec::encode;
use node_api::{CheckpointView, routes};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Longest checkpoint file.
const MAX_CHECKPOINT_BYTES: usize = 1_024;
/// Bytes of the fingerprint that are read aloud.
const FINGERPRINT_BYTES: usize = 20;

/// A checkpoint for people and programs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Shown {
    chain: String,
    kind: String,
    height: u64,
    header_hash: String,
    next_validators_hash: String,
    fingerprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// A checkpoint as it is shown.
pub(super) fn shown(checkpoint: &Checkpoint, file: Option<&Path>) -> Shown {
    Shown {
        chain: checkpoint.chain.to_string(),
        kind: format!("{:?}", checkpoint.kind).to_lowercase(),
        height: checkpoint.height.0,
        header_hash: checkpoint.header_hash.to_string(),
        next_validators_hash: checkpoint.next_validators_hash.to_string(),
        fingerprint: fingerprint(checkpoint),
        file: file.map(|file| file.display().to_string()),
    }
}

/// The first 20 bytes of the fingerprint, in groups of four digits.
pub(super) fn fingerprint(checkpoint: &Checkpoint) -> String {
    let hash = checkpoint.fingerprint();
    let groups: Vec<String> = hash.as_bytes().chunks(2).take(FINGERPRINT_BYTES / 2).map(hex::encode).collect();
    groups.join(" ")
}

fn words(shown: &Shown) -> String {
    format!(
        "chain        {}\nheight       {}\nheader       {}\nvalidators   {}\nfingerprint  {}\n\
         Compare the fingerprint, by voice or on paper, with somebody whom you trust.",
        shown.chain, shown.height, shown.header_hash, shown.next_validators_hash, shown.fingerprint
    )
}

/// Reads a checkpoint file.
pub(super) fn read(file: &Path) -> Outcome<Checkpoint> {
    text::read_object(file, "checkpoint file", MAX_CHECKPOINT_BYTES)
}

/// Asks a node for a checkpoint.
pub(super) fn fetch(client: &Client, chain: &str, height: Option<u64>) -> Outcome<Checkpoint> {
    let url = query(path(routes::CHECKPOINT, &[chain]), &[("height", height.map(|height| height.to_string()))]);
    let view: CheckpointView = client.get(chain, &url)?;
    text::from_node("checkpoint", &view.checkpoint, MAX_CHECKPOINT_BYTES)
}

/// Writes a checkpoint file.
pub(super) fn write(checkpoint: &Checkpoint, file: &Path) -> Outcome {
    text::write_file(file, &encode(checkpoint))
}

pub(super) fn run(command: &CheckpointCommand, global: &GlobalArgs, output: &Output) -> Outcome {
    match command {
        CheckpointCommand::Get { chain, height, out } => {
            let client = super::client(global)?;
            let entry = client.chain(chain)?;
            let checkpoint = fetch(&client, &entry.name, *height)?;
            if checkpoint.chain.to_string() != entry.id {
                return Err(Failure::internal(format_args!("the node sent a checkpoint of {}", checkpoint.chain)));
            }
            if let Some(file) = out {
                write(&checkpoint, file)?;
            }
            output.data(&shown(&checkpoint, out.as_ref().map(PathBuf::as_path)), words);
            Ok(())
        }
        CheckpointCommand::Show { file } => {
            output.data(&shown(&read(file)?, Some(file)), words);
            Ok(())
        }
    }
}
