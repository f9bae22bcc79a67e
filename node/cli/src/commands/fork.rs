//! `crosstie chain report-fork`: evidence that a subchain left the branch that the relay trusts (R8, §7).
//!
//! The chain convicts itself: its newest certified header, with another hash in its history than the trusted one has.
//! Nothing of the branch that was left is needed, and nobody is believed.

use crate::bring_up::registry;
use crate::client::{Client, path, query};
use crate::exit::{Failure, Kind, Outcome};
use crate::output::Output;
use crate::{reanchor, text};
use ledger_protocol::codec::encode;
use ledger_protocol::interchain::{AccusedHeader, Evidence, Reanchor};
use ledger_protocol::proof::client::TrustedHeader;
use ledger_protocol::{ChainId, Code};
use node_api::{CheckpointView, ReanchorView, SubmitReply, SubmitRequest, routes};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Longest answer of the chain's node.
const MAX_OBJECT_BYTES: usize = 2 << 20;

#[derive(Serialize)]
struct Reported {
    chain: String,
    /// Height of the header that the relay trusts, and of which the chain has another one.
    trusted_height: u64,
    /// The certified header that shows it.
    shown_height: u64,
    /// The evidence, by its hash.
    evidence: String,
    /// What became of the chain: `frozen`, or `suspect` when only old keys are convicted.
    status: String,
}

pub(super) fn run(client: &Client, chain: &str, wait_s: u64, output: &Output) -> Outcome {
    let (entry, relay) = (client.chain(chain)?, client.relay()?);
    if entry.is_relay {
        return Err(Failure::usage("the relay is judged by its members").next("name a subchain"));
    }
    let name = entry.name.as_str();
    let id: ChainId = text::parse("chain id", &entry.id)?;
    let trusted = reanchor::trusted(client, &id)?;
    let (evidence, shown_height) = evidence(client, name, &trusted, &text::parse("chain id", &relay.id)?)?;
    let request = SubmitRequest { hex: hex::encode(encode(&evidence)) };
    let offered: Outcome<SubmitReply> = client.post(&relay.name, &path(routes::EVIDENCE, &[&relay.name]), &request);
    let reply = offered.map_err(|failure| {
        if failure.code == Some(Code::KNOWN.0) {
            return failure.next(format_args!("nothing is left to do: crosstie chain status {name}"));
        }
        failure
    })?;
    let deadline = Instant::now() + Duration::from_secs(wait_s);
    loop {
        let entries = registry(client)?;
        let standing = entries.iter().find(|known| known.chain == entry.id).map(|known| &known.standing);
        let verdict = standing.and_then(|standing| match standing.status.as_str() {
            "frozen" => Some("frozen"),
            _ if standing.suspect => Some("suspect"),
            _ => None,
        });
        if let Some(status) = verdict {
            let reported = Reported {
                chain: name.to_owned(),
                trusted_height: trusted.height.0,
                shown_height,
                evidence: reply.id,
                status: status.to_owned(),
            };
            output.data(&reported, |it| {
                format!(
                    "{} has another block {} than the one that the relay trusts, certified by its own validators: it is \
                     {}\nnext: crosstie motion propose re-anchor {} HEIGHT",
                    it.chain, it.trusted_height, it.status, it.chain
                )
            });
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Failure::timed_out("the relay has the evidence, and has not decided yet")
                .next(format_args!("ask again: crosstie chain status {name}")));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The chain's newest header with what its history holds where the trusted one stands.
fn evidence(client: &Client, name: &str, trusted: &TrustedHeader, relay: &ChainId) -> Outcome<(Evidence, u64)> {
    let own = reanchor::own_hash(client, name, trusted.height)?;
    if own == Some(trusted.header_hash) {
        return Err(Failure::refused(format_args!("{name} has the block {} that the relay trusts", trusted.height))
            .next("there is nothing to report"));
    }
    let tip: CheckpointView = client.get(name, &path(routes::CHECKPOINT, &[name]))?;
    if own.is_none() || tip.height <= trusted.height.0 {
        return Err(Failure {
            kind: Kind::NotFound,
            ..Failure::refused(format_args!(
                "{name} is at block {}, and the relay trusts its block {}: above that it shows its branch",
                tip.height, trusted.height
            ))
        }
        .next("wait until the chain has outgrown it, then try again"));
    }
    let url = query(
        path(routes::REANCHOR, &[name, &tip.height.to_string()]),
        &[
            ("anchor_height", Some("0".to_owned())),
            ("common_height", Some(trusted.height.to_string())),
            ("receiver", Some(relay.to_string())),
        ],
    );
    let shown: ReanchorView = client.get(name, &url)?;
    let shown: Reanchor = text::from_node("header with its history", &shown.motion, MAX_OBJECT_BYTES)?;
    let header = AccusedHeader { header: shown.header, certificate: shown.certificate, validators: shown.validators };
    let evidence =
        Evidence::Fork { chain: trusted.chain, header, other_hash: shown.common.hash(), path: shown.common_in_new };
    Ok((evidence, tip.height))
}
