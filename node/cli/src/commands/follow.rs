//! `crosstie chain follow-relay`: a subchain's governance names a block of the relay, so that the chain follows what the
//! relay is after it lost blocks, or takes part again after it was suspended.

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
use node_api::{AnchorView, FollowsView, routes};
use serde::Serialize;

/// Longest validator set.
const MAX_SET_BYTES: usize = 2 << 20;

#[derive(Serialize)]
struct Followed {
    chain: String,
    relay: checkpoint::Shown,
    transaction: Sent,
}

/// The relay's block that ends a chain's suspension and changes nothing else: the one that its governance named last.
/// Nobody knows of any where the chain is not suspended, or where the relay has lost blocks: then the chain must follow
/// another one.
fn resumed_by(follows: &FollowsView, held_since: u64) -> Option<(u64, &str)> {
    let is_held_or_lost = held_since > 0 || follows.named_header_hash.is_empty();
    (follows.suspended && !is_held_or_lost).then_some((follows.named_height, follows.named_header_hash.as_str()))
}

/// The relay's block of a height, or its newest.
fn block_of_relay(client: &Client, relay: &str, height: Option<u64>) -> Outcome<(Checkpoint, ValidatorSet)> {
    let url = query(path(routes::ANCHOR, &[relay]), &[("height", height.map(|height| height.to_string()))]);
    let view: AnchorView = client.get(relay, &url)?;
    let shown: Checkpoint = text::from_node("checkpoint", &view.checkpoint, 1_024)?;
    let set: ValidatorSet = text::from_node("validator set", &view.next_validators, MAX_SET_BYTES)?;
    Ok((shown, set))
}

/// The block that is meant where none is named.
fn block_without_height(
    client: &Client,
    chain: &str,
    relay: &str,
    held_since: u64,
) -> Outcome<(Checkpoint, ValidatorSet)> {
    let follows: FollowsView = client.get(chain, &path(routes::FOLLOWS, &[chain]))?;
    let Some((height, hash)) = resumed_by(&follows, held_since) else {
        return block_of_relay(client, relay, None);
    };
    let (shown, set) = block_of_relay(client, relay, Some(height))?;
    if shown.header_hash.to_string() != hash {
        return Err(Failure::refused(format_args!(
            "the relay has another block {height} than {chain}'s governance named last: it has lost blocks"
        ))
        .next(
            "see crosstie motion propose reanchor-relay --help; any other block, named with --height, drops what the \
               chain has been told since",
        ));
    }
    Ok((shown, set))
}

/// Names the relay's block of a height. Without one: for a suspended chain the block that its governance named last, else
/// the newest.
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
    let held_since = held_since(client, &entry.id, output)?;
    let (shown, set) = match height {
        Some(_) => block_of_relay(client, &relay.name, height)?,
        None => block_without_height(client, &entry.name, &relay.name, held_since)?,
    };
    let suite = shown.chain.suite;
    if shown.chain.to_string() != relay.id || set.hash(suite) != shown.next_validators_hash {
        return Err(Failure::internal("the relay's node sent a block and a validator set that do not belong together"));
    }
    if held_since > shown.height.0 {
        return Err(Failure::usage(format_args!(
            "relay block {} stands below the motion of block {held_since} that holds the lane",
            shown.height
        ))
        .next("leave out --height, or name a newer block"));
    }
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

/// The relay's height since which the chain's lane is held, 0 if it is not: a block below that motion would have to be
/// followed by another one.
fn held_since(client: &Client, chain: &str, output: &Output) -> Outcome<u64> {
    match registry(client) {
        Ok(entries) => Ok(entries.iter().find(|entry| entry.chain == chain).map_or(0, |entry| entry.held_since)),
        Err(failure) if failure.kind == Kind::Unreachable => {
            output.warn("the relay does not answer, so nobody knows whether the block is new enough");
            Ok(0)
        }
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::{FollowsView, resumed_by};

    fn follows(suspended: bool, named_header_hash: &str) -> FollowsView {
        FollowsView {
            relay: "relay".into(),
            height: 90,
            header_hash: "ee".into(),
            highest_height: 90,
            next_expected: 4,
            reanchored: 0,
            suspended,
            named_height: 12,
            named_header_hash: named_header_hash.into(),
            locked: Vec::new(),
        }
    }

    #[test]
    fn a_suspended_chain_names_again_what_it_named_last() {
        assert_eq!(resumed_by(&follows(true, "aa"), 0), Some((12, "aa")));
        // It takes part; the relay has lost blocks; a node that does not tell.
        assert_eq!(resumed_by(&follows(false, "aa"), 0), None);
        assert_eq!(resumed_by(&follows(true, "aa"), 80), None);
        assert_eq!(resumed_by(&follows(true, ""), 0), None);
    }
}
