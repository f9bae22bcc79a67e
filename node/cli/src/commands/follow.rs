//! `crosstie chain follow-relay`: a subchain's governance names a block of the relay.

use super::checkpoint;
use super::tx::{DefaultSigner, perform, signers, words};
use crate::args::SigningArgs;
use crate::bring_up::registry;
use crate::build::{ChainWriter, Sent, on};
use crate::client::{Client, path, query};
use crate::exit::{Failure, Kind, Outcome};
use crate::output::Output;
use crate::text;
use ledger_protocol::chain::{Checkpoint, RelayAnchor, ValidatorSet};
use ledger_protocol::transaction::Operation;
use ledger_protocol::{Code, LedgerId};
use node_api::{AnchorView, routes};
use serde::Serialize;

/// Longest validator set.
const MAX_SET_BYTES: usize = 2 << 20;

#[derive(Serialize)]
struct Followed {
    chain: String,
    relay: checkpoint::Shown,
    transaction: Sent,
}

/// Names the relay's block of a height, or its newest.
pub(super) fn run(
    client: &Client,
    chain: &str,
    height: Option<u64>,
    signing: &SigningArgs,
    output: &Output,
) -> Outcome {
    let (entry, relay) = (client.chain(chain)?, client.relay()?);
    if entry.is_relay {
        return Err(Failure::usage("the relay follows no relay").next("name a subchain"));
    }
    let url = query(path(routes::ANCHOR, &[&relay.name]), &[("height", height.map(|height| height.to_string()))]);
    let view: AnchorView = client.get(&relay.name, &url)?;
    let shown: Checkpoint = text::from_node("checkpoint", &view.checkpoint, 1_024)?;
    let set: ValidatorSet = text::from_node("validator set", &view.next_validators, MAX_SET_BYTES)?;
    let suite = shown.chain.suite;
    if shown.chain.to_string() != relay.id || set.hash(suite) != shown.next_validators_hash {
        return Err(Failure::internal("the relay's node sent a block and a validator set that do not belong together"));
    }
    refuse_below_the_motion(client, entry.id.as_str(), &shown, output)?;
    let anchor = RelayAnchor {
        relay: shown.chain,
        kind: shown.kind,
        height_on_relay: shown.height,
        header_hash_on_relay: suite.foreign(shown.header_hash),
        next_validators_on_relay: set,
    };
    let writer = ChainWriter::open(client, &entry.name)?;
    let keys = signers(client, writer.chain, signing, DefaultSigner::Admin)?;
    let operation = on(LedgerId::SYSTEM.0, Operation::SetRelayAnchor(anchor));
    let sent = perform(&writer, &keys, vec![operation], signing, output).map_err(|failure| {
        if failure.code == Some(Code::ANCHOR_BELOW.0) {
            return failure.next(format_args!(
                "wait until the relay's new branch has outgrown every block that {chain} had accepted, then try again"
            ));
        }
        failure
    })?;
    let Some(transaction) = sent else { return Ok(()) };
    let followed = Followed { chain: entry.name.clone(), relay: checkpoint::shown(&shown, None), transaction };
    output.data(&followed, |followed| {
        format!(
            "{} follows relay block {} (fingerprint {})\n{}\nits lane goes on when the relay has heard of it: crosstie \
             chain status {}",
            followed.chain,
            shown.height,
            checkpoint::fingerprint(&shown),
            words(&followed.transaction),
            followed.chain
        )
    });
    Ok(())
}

/// A block below the motion that holds the lane would have to be followed by another one.
fn refuse_below_the_motion(client: &Client, chain: &str, shown: &Checkpoint, output: &Output) -> Outcome {
    let entries = match registry(client) {
        Ok(entries) => entries,
        Err(failure) if failure.kind == Kind::Unreachable => {
            output.warn("the relay does not answer, so nobody knows whether the block is new enough");
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    match entries.iter().find(|entry| entry.chain == chain) {
        Some(entry) if entry.held_since > shown.height.0 => Err(Failure::usage(format_args!(
            "relay block {} stands below the motion of block {} that holds the lane",
            shown.height, entry.held_since
        ))
        .next("leave out --height, or name a newer block")),
        _ => Ok(()),
    }
}
