//! `crosstie bundle`: everything that proves one proposal, in one file.

use super::{checkpoint, proof};
use crate::args::{BundleCommand, GlobalArgs};
use crate::client::{path, query};
use crate::exit::{Failure, Outcome};
use crate::output::Output;
use crate::proven::{self, Proven};
use crate::text;
use ledger_protocol::ProposalId;
use ledger_protocol::chain::Input;
use ledger_protocol::proof::bundle::{Bundle, Course};
use ledger_protocol::proof::{ShownInput, VerifiedFile, verify_file};
use ledger_protocol::transaction::Operation;
use node_api::routes;
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Fetched {
    file: String,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint_file: Option<String>,
    checkpoint_height: u64,
    proven: Proven,
}

/// What a bundle claims. Nothing of it is verified.
#[derive(Serialize)]
struct Claims {
    verified: bool,
    proposal: Option<String>,
    relay: Option<String>,
    submitted_at: u64,
    recorded_at: u64,
    legs: Vec<ClaimedLeg>,
    relay_blocks: Vec<u64>,
    bytes: usize,
}

#[derive(Serialize)]
struct ClaimedLeg {
    chain: String,
    mode: String,
    messages: &'static str,
}

pub(super) fn run(command: &BundleCommand, global: &GlobalArgs, output: &Output) -> Outcome {
    match command {
        BundleCommand::Get { id, out } => {
            let client = super::client(global)?;
            let id: ProposalId = text::parse("proposal id", id)?;
            let relay = client.relay()?;
            let trusted = checkpoint::fetch(&client, &relay.name, out.checkpoint_height)?;
            if trusted.chain.to_string() != relay.id {
                return Err(Failure::internal(format_args!("the node sent a checkpoint of {}", trusted.chain)));
            }
            let url = path(routes::BUNDLE, &[&id.to_string()]);
            let url = query(url, &[("checkpoint_height", Some(trusted.height.to_string()))]);
            let content = client.get_bytes(&relay.name, &url)?;
            let proven = proof::check_bundle(&content, &trusted, &out.out)?;
            text::write_file(&out.out, &content)?;
            if let Some(file) = &out.checkpoint_out {
                checkpoint::write(&trusted, file)?;
            }
            let fetched = Fetched {
                file: out.out.display().to_string(),
                bytes: content.len(),
                checkpoint_file: out.checkpoint_out.as_ref().map(|file| file.display().to_string()),
                checkpoint_height: trusted.height.0,
                proven,
            };
            output.data(&fetched, |fetched| {
                format!(
                    "{}\nwrote {} ({} bytes); it verifies from the relay's checkpoint at height {}.",
                    fetched.proven.words(),
                    fetched.file,
                    fetched.bytes,
                    fetched.checkpoint_height
                )
            });
            Ok(())
        }
        BundleCommand::Show { file } => show(file, output),
        BundleCommand::Verify { file, checkpoint } => {
            let trusted = checkpoint::read(checkpoint).map_err(|failure| proof::unproven(checkpoint, failure))?;
            let content =
                text::read_bounded(file, proof::MAX_PROOF_BYTES).map_err(|failure| proof::unproven(file, failure))?;
            let verified = verify_file(&content, &trusted).map_err(|error| proof::refused(file, &trusted, &error))?;
            require_bundle(&verified, file)?;
            output.data(&proven::of(&verified, Some(&trusted)), Proven::words);
            Ok(())
        }
    }
}

/// Refuses a proof file where a bundle is meant.
pub(super) fn require_bundle(verified: &VerifiedFile, file: &Path) -> Outcome {
    if matches!(verified, VerifiedFile::Bundle(_)) {
        return Ok(());
    }
    Err(Failure::refused("the file holds a proof, not a bundle")
        .at(file.display())
        .next("verify it with `crosstie proof verify`"))
}

fn show(file: &Path, output: &Output) -> Outcome {
    let content = text::read_bounded(file, proof::MAX_PROOF_BYTES)?;
    let bundle = Bundle::from_file(&content).map_err(|error| {
        Failure::refused(format_args!("this is no bundle: {error}")).at(file.display()).next("ask for the file again")
    })?;
    let submit = match &bundle.submission.inclusion.input {
        ShownInput::Whole(input) => match &**input {
            Input::Transaction(transaction) => {
                transaction.body.operations.get(usize::from(bundle.submission.operation)).and_then(|operation| {
                    match &operation.operation {
                        Operation::SubmitProposal(submit) => Some(submit.clone()),
                        _ => None,
                    }
                })
            }
            _ => None,
        },
        ShownInput::Leaf(_) => None,
    };
    let shown_messages = match &bundle.course {
        Course::Rejected => Vec::new(),
        Course::Legs(legs) => legs
            .iter()
            .map(|leg| {
                use ledger_protocol::proof::bundle::LegMessages;
                match leg.messages {
                    LegMessages::Silent => "none",
                    LegMessages::Voted { .. } => "vote",
                    LegMessages::Ended { .. } => "outcome",
                    LegMessages::VotedAndEnded { .. } => "vote, outcome",
                }
            })
            .collect(),
    };
    let legs = submit.iter().flat_map(|submit| submit.body.legs.iter()).enumerate().map(|(index, leg)| ClaimedLeg {
        chain: leg.chain.to_string(),
        mode: format!("{:?}", leg.mode).to_lowercase(),
        messages: shown_messages.get(index).copied().unwrap_or("none"),
    });
    let claims = Claims {
        verified: false,
        proposal: submit.as_ref().map(|submit| submit.body.id().to_string()),
        relay: submit.as_ref().map(|submit| submit.body.relay.to_string()),
        submitted_at: bundle.submission.height_on_relay.0,
        recorded_at: bundle.record.height_on_relay.0,
        legs: legs.collect(),
        relay_blocks: bundle.blocks.iter().map(|block| block.header.height.0).collect(),
        bytes: content.len(),
    };
    output.data(&claims, |claims| {
        let mut text = format!(
            "NOT VERIFIED: what the file claims; check it with `crosstie bundle verify`\nproposal   {}\nsubmitted  relay block {}\nrecorded   relay block {}\n",
            claims.proposal.as_deref().unwrap_or("(none)"),
            claims.submitted_at,
            claims.recorded_at
        );
        for leg in &claims.legs {
            text.push_str(&format!("leg        {} {} ({})\n", leg.chain, leg.mode, leg.messages));
        }
        text
    });
    Ok(())
}
