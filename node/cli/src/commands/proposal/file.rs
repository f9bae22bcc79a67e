//! Proposal files: made from a description, shown, and signed by one party after the other.

use super::super::motion::chain_id;
use crate::args::ScopeArg;
use crate::build::ChainWriter;
use crate::client::Client;
use crate::description::{self, Maker};
use crate::exit::{Failure, Outcome};
use crate::keys::Keys;
use crate::output::{Output, table};
use crate::parties::{self, NeededView};
use crate::text;
use ledger_protocol::codec::{decode, encode};
use ledger_protocol::proposal::{AccessKind, Call, ProposalBody, Submit};
use ledger_protocol::transaction::{Operation, Operations};
use node_api::Bytes;
use serde::Serialize;
use std::path::Path;

/// Longest proposal file.
const MAX_PROPOSAL_BYTES: usize = 2 << 20;

/// What a proposal file says.
#[derive(Serialize)]
struct Made {
    proposal: String,
    file: String,
    proposer: String,
    valid_until: u64,
    t_prep_blocks: u32,
    legs: Vec<MadeLeg>,
    signatures: Vec<NeededView>,
    /// How many of them are missing.
    missing: usize,
}

#[derive(Serialize)]
struct MadeLeg {
    chain: String,
    mode: String,
    authorisers: Vec<String>,
    /// What it does, in words.
    operations: Vec<String>,
    scope: Vec<MadeScope>,
}

#[derive(Serialize)]
struct MadeScope {
    ledger: u32,
    account: String,
    key: Bytes,
    access: String,
}

/// `proposal new`.
pub(super) fn new(
    client: &Client,
    file: &Path,
    out: &Path,
    scope: ScopeArg,
    passphrase_file: Option<&Path>,
    output: &Output,
) -> Outcome {
    let description = description::read(file)?;
    let relay = ChainWriter::open(client, &client.relay()?.name)?;
    let keys = Keys::open(&client.directory, passphrase_file)?;
    let maker = Maker {
        relay: relay.id,
        height_on_relay: relay.tip()?,
        chain: &|name| chain_id(client, name),
        keys: &keys,
        automatic_scope: scope == ScopeArg::Auto,
    };
    let submit = maker.make(file, &description)?;
    text::write_file(out, &encode(&submit))?;
    output.data(&made(client, &submit, out), |made| format!("{}\nwrote {}", words(made), made.file));
    Ok(())
}

/// `proposal show`.
pub(super) fn show(client: &Client, file: &Path, output: &Output) -> Outcome {
    output.data(&made(client, &read(file)?, file), words);
    Ok(())
}

/// `proposal sign`: with these keys, and with no others.
pub(super) fn sign(
    client: &Client,
    (file, out): (&Path, Option<&Path>),
    names: &[String],
    passphrase_file: Option<&Path>,
    output: &Output,
) -> Outcome {
    let mut submit = read(file)?;
    let relay = ChainWriter::open(client, &client.relay()?.name)?;
    require_relay(&submit.body, &relay, file)?;
    let keys = Keys::open(&client.directory, passphrase_file)?;
    for name in names {
        let key = keys.account(name)?;
        let is_party = parties::needed(&submit).iter().any(|it| it.address == key.address());
        if !is_party {
            return Err(Failure::usage(format_args!("the proposal does not ask for the signature of {name}"))
                .at(file.display())
                .next(format_args!("crosstie proposal show {} lists who must sign", file.display())));
        }
        parties::sign(&mut submit, &key)?;
    }
    let out = out.unwrap_or(file);
    text::write_file(out, &encode(&submit))?;
    output.data(&made(client, &submit, out), |made| format!("{}\nwrote {}", words(made), made.file));
    Ok(())
}

/// A proposal of another network can be signed by nobody here.
pub(super) fn require_relay(body: &ProposalBody, relay: &ChainWriter<'_>, file: &Path) -> Outcome {
    if body.relay == relay.id {
        return Ok(());
    }
    Err(Failure::usage(format_args!("the proposal is for the relay {}", body.relay))
        .at(file.display())
        .next("make a new one for this network: crosstie proposal new"))
}

fn made(client: &Client, submit: &Submit, file: &Path) -> Made {
    let body = &submit.body;
    let signatures = parties::views(submit, |id| name_of(client, id));
    Made {
        proposal: body.id().to_string(),
        file: file.display().to_string(),
        proposer: body.proposer.to_string(),
        valid_until: body.valid_until.0,
        t_prep_blocks: body.t_prep,
        legs: made_legs(client, body),
        missing: signatures.iter().filter(|it| !it.given).count(),
        signatures,
    }
}

fn name_of(client: &Client, id: String) -> String {
    client.network.chains.iter().find(|chain| chain.id == id).map(|chain| chain.name.clone()).unwrap_or(id)
}

fn words(made: &Made) -> String {
    let mut text = format!("proposal {}\n", made.proposal);
    for leg in &made.legs {
        text.push_str(&format!("  {} on {}\n", leg.mode, leg.chain));
        for operation in &leg.operations {
            text.push_str(&format!("    does {operation}\n"));
        }
        for entry in &leg.scope {
            let key = entry.key.text.clone().unwrap_or_else(|| format!("hex:{}", entry.key.hex));
            text.push_str(&format!("    {} {}/{} {key}\n", entry.access, entry.ledger, entry.account));
        }
    }
    let rows: Vec<Vec<String>> = made
        .signatures
        .iter()
        .map(|it| vec![it.signs.clone(), it.address.clone(), if it.given { "yes" } else { "missing" }.to_owned()])
        .collect();
    text.push_str(&table(&["SIGNS", "ADDRESS", "SIGNED"], &rows));
    text.push_str(&format!("\nvalid until relay block {}\n", made.valid_until));
    text.push_str(&match made.missing {
        0 => format!("next: crosstie proposal submit {} --watch", made.file),
        missing => format!(
            "signatures missing: {missing}. next, where those keys are kept: crosstie proposal sign {} --as KEY",
            made.file
        ),
    });
    text
}

fn made_legs(client: &Client, body: &ProposalBody) -> Vec<MadeLeg> {
    body.legs
        .iter()
        .map(|leg| MadeLeg {
            chain: name_of(client, leg.chain.to_string()),
            mode: format!("{:?}", leg.mode).to_lowercase(),
            operations: operations(&leg.call),
            authorisers: leg.authorisers.iter().map(ToString::to_string).collect(),
            scope: leg
                .scope
                .iter()
                .map(|entry| MadeScope {
                    ledger: entry.key.ledger.0,
                    account: entry.key.account.to_string(),
                    key: Bytes::of(&entry.key.key),
                    access: match entry.access {
                        AccessKind::Shared => "reads".into(),
                        AccessKind::Exclusive => "writes".into(),
                        AccessKind::PrefixShared => "scans".into(),
                        AccessKind::Delta(amount) => format!("adds {amount} to"),
                    },
                })
                .collect(),
        })
        .collect()
}

/// What a call does, for somebody who is to sign it.
fn operations(call: &Call) -> Vec<String> {
    let Call::Plain(bytes) = call else { return vec!["what is sealed".to_owned()] };
    match decode::<Operations>(bytes, bytes.len()) {
        Ok(operations) => {
            operations.iter().map(|it| format!("{} in ledger {}", operation(&it.operation), it.ledger.0)).collect()
        }
        Err(error) => vec![format!("what cannot be read: {error}")],
    }
}

fn operation(operation: &Operation) -> String {
    let text = |bytes: &[u8]| {
        let bytes = Bytes::of(bytes);
        bytes.text.unwrap_or_else(|| format!("hex:{}", bytes.hex))
    };
    match operation {
        Operation::SetKey(it) => format!("set {} {} = {}", it.account, text(&it.key), text(&it.value)),
        Operation::DeleteKey(it) => format!("delete {} {}", it.account, text(&it.key)),
        Operation::AddToCounter(it) => format!("add {} to {} {}", it.amount, it.account, text(&it.key)),
        Operation::DeclareCounter(it) => {
            format!("declare counter {} {} = {} in {}…{}", it.account, text(&it.key), it.initial, it.min, it.max)
        }
        Operation::PublishEvent(it) => format!("publish on {} {}", it.account, it.topic),
        other => format!("{other:?}"),
    }
}

/// Reads a proposal file.
pub(super) fn read(file: &Path) -> Outcome<Submit> {
    if file.extension().is_some_and(|extension| extension == "toml" || extension == "json") {
        return Err(Failure::usage("this is a description, not a signed proposal")
            .at(file.display())
            .next(format_args!("make one: crosstie proposal new {} --out FILE", file.display())));
    }
    text::read_object(file, "proposal", MAX_PROPOSAL_BYTES)
}
