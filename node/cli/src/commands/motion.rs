//! `crosstie motion`: what the consortium's members decide.

use super::tx::{DefaultSigner, perform, signers};
use crate::args::{AccessArg, GlobalArgs, MotionCommand, MotionKind};
use crate::bring_up::registry;
use crate::build::{ChainWriter, Sent, on};
use crate::client::Client;
use crate::exit::{Failure, Outcome};
use crate::motions::MotionPlan;
use crate::output::{Output, table};
use crate::reanchor::{self, Prepared};
use crate::text;
use ledger_protocol::codec::{Ordered, SortedVec};
use ledger_protocol::interchain::{ChainLimits, Motion, ServiceAccess, ServicePolicy};
use ledger_protocol::transaction::{MotionVote, Operation, PolicyMember, SigningPolicy, SigningRule};
use ledger_protocol::{Address, ChainId, Hash, Height, LedgerId};
use node_api::routes;
use node_runtime::devnet;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Longest policy file.
const MAX_POLICY_BYTES: usize = 64 << 10;

/// A transaction about a motion.
#[derive(Serialize)]
struct Moved {
    /// The motion's id.
    motion: String,
    /// `open`, `passed`, `failed(…)`, `rejected` or `expired`; absent when nobody waited for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    transaction: Sent,
}

#[derive(Serialize)]
struct MotionList {
    motions: serde_json::Value,
}

pub(super) fn run(command: &MotionCommand, global: &GlobalArgs, output: &Output) -> Outcome {
    let client = super::client(global)?;
    match command {
        MotionCommand::Propose { reason, valid_for_blocks, no_vote, signing, motion } => {
            let relay = ChainWriter::open(&client, &client.relay()?.name)?;
            let height = relay.tip()?;
            let motion = motion_of(&client, &relay, motion, height, output)?;
            let plan =
                MotionPlan { motion, reason: reason.clone(), valid_for_blocks: *valid_for_blocks, vote: !no_vote };
            let (id, operations) = plan.operations(relay.id.suite, height)?;
            let keys = signers(&client, relay.chain, signing, DefaultSigner::Admin)?;
            match perform(&relay, &keys, operations, signing, output)? {
                Some(sent) => finish(&client, &id, sent, output),
                None => Ok(()),
            }
        }
        MotionCommand::Vote { id, no, signing } => {
            let relay = ChainWriter::open(&client, &client.relay()?.name)?;
            let id: Hash = text::parse("motion id", id)?;
            let keys = signers(&client, relay.chain, signing, DefaultSigner::Admin)?;
            let vote = Operation::VoteMotion(MotionVote { motion: id, approve: !no });
            match perform(&relay, &keys, vec![on(LedgerId::SYSTEM.0, vote)], signing, output)? {
                Some(sent) => finish(&client, &id, sent, output),
                None => Ok(()),
            }
        }
        MotionCommand::List => {
            let motions: serde_json::Value = client.get(&client.relay()?.name, routes::MOTIONS)?;
            output.data(&MotionList { motions }, |list| {
                let text_of = |motion: &serde_json::Value, field: &str| match motion.get(field) {
                    Some(serde_json::Value::String(text)) => text.clone(),
                    Some(serde_json::Value::Array(items)) => items.len().to_string(),
                    Some(other) => other.to_string(),
                    None => String::new(),
                };
                let rows: Vec<Vec<String>> = list
                    .motions
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|motion| {
                        ["id", "state", "votes", "opened_at", "valid_until", "reason"]
                            .map(|it| text_of(motion, it))
                            .to_vec()
                    })
                    .collect();
                table(&["ID", "STATE", "VOTES", "OPENED", "VALID UNTIL", "REASON"], &rows)
            });
            Ok(())
        }
    }
}

/// Proposes and votes in one transaction, waits, and refuses a motion that passed and failed.
pub(super) fn decide(client: &Client, motion: Motion, output: &Output) -> Outcome {
    let relay = ChainWriter::open(client, &client.relay()?.name)?;
    let (id, operations) = MotionPlan::of(motion, "by the command line").operations(relay.id.suite, relay.tip()?)?;
    let member = crate::keys::Keys::open(&client.directory, None)?.account(&devnet::member_key_name())?;
    let sent = relay.execute(&[member], operations, std::time::Duration::from_secs(60))?;
    finish(client, &id, sent, output)
}

/// Prints what became of a motion.
fn finish(client: &Client, id: &Hash, transaction: Sent, output: &Output) -> Outcome {
    let state = if transaction.receipt.is_some() { state_of(client, id)? } else { None };
    if let Some(reason) = state.as_deref().and_then(|state| state.strip_prefix("failed")) {
        return Err(Failure::refused(format_args!("the motion passed, but what it decided cannot be done: {reason}"))
            .at(format_args!("motion {id}"))
            .next("docs/cli.md explains the codes; `crosstie chain list` shows how the chains stand"));
    }
    output.data(&Moved { motion: id.to_string(), state, transaction }, |moved| {
        let state = moved.state.as_deref().unwrap_or("not known yet");
        format!("motion {}: {state}", moved.motion)
    });
    Ok(())
}

fn state_of(client: &Client, id: &Hash) -> Outcome<Option<String>> {
    let motions: serde_json::Value = client.get(&client.relay()?.name, routes::MOTIONS)?;
    let id = id.to_string();
    let found = motions.as_array().into_iter().flatten().find(|motion| {
        // The record's key is the id, whatever its form in text.
        motion.get("id").and_then(serde_json::Value::as_str).is_some_and(|text| text == id)
    });
    Ok(found.and_then(|motion| motion.get("state")).and_then(serde_json::Value::as_str).map(str::to_owned))
}

/// A chain by name or id: of the network's directory, or of the relay's registry.
pub(super) fn chain_id(client: &Client, name: &str) -> Outcome<ChainId> {
    if name.to_ascii_lowercase().starts_with("ctchain1") {
        return text::parse("chain id", name);
    }
    match client.chain(name) {
        Ok(entry) => text::parse("chain id", &entry.id),
        Err(unknown) => {
            let registered = registry(client)?.into_iter().find(|entry| entry.name == name);
            text::parse("chain id", &registered.ok_or(unknown)?.chain)
        }
    }
}

fn motion_of(
    client: &Client,
    relay: &ChainWriter<'_>,
    kind: &MotionKind,
    height: u64,
    output: &Output,
) -> Outcome<Motion> {
    Ok(match kind {
        MotionKind::Register { chain } => registration(client, &relay.id, chain)?,
        MotionKind::Activate { chain } => Motion::Activate(chain_id(client, chain)?),
        MotionKind::Pause { chain, blocks } => {
            Motion::Pause { chain: chain_id(client, chain)?, until: Height(height.saturating_add(*blocks)) }
        }
        MotionKind::Freeze { chain } => Motion::Freeze(chain_id(client, chain)?),
        MotionKind::Retire { chain } => Motion::Retire(chain_id(client, chain)?),
        MotionKind::Abandon { chain } => Motion::Abandon(chain_id(client, chain)?),
        MotionKind::ClearSuspect { chain } => Motion::ClearSuspect(chain_id(client, chain)?),
        MotionKind::SetService { chain, ledger, access, proposers, demands_shared_control } => {
            Motion::SetService(ServicePolicy {
                chain: chain_id(client, chain)?,
                ledger: LedgerId(*ledger),
                access: service_access(*access, proposers)?,
                demands_shared_control: *demands_shared_control,
            })
        }
        MotionKind::SetLimits { chain, limits } => {
            let chain = chain_id(client, chain)?;
            let id = chain.to_string();
            let entry = registry(client)?
                .into_iter()
                .find(|entry| entry.chain == id)
                .ok_or_else(|| Failure::not_found(format_args!("the relay does not know {id}")))?;
            let limits = limits.over(entry.limits.into());
            if !limits.are_sound() {
                return Err(Failure::usage("window_blocks is out of its range, or max_vain is 0")
                    .next(format_args!("give 1…{} blocks, and at least 1", ChainLimits::MAX_WINDOW_BLOCKS)));
            }
            Motion::SetLimits { chain, limits }
        }
        MotionKind::ReAnchor { chain, height, because } => {
            re_anchor(client, &relay.id, chain, Height(*height), because, output)?
        }
        MotionKind::ReanchorRelay { first_lost, last_lost, because } => Motion::ReanchorRelay {
            first_lost: Height(*first_lost),
            last_lost: Height(*last_lost),
            reason: text::words("the reason", because)?,
        },
        MotionKind::SetMembers { file } => Motion::SetMembers(policy(file)?),
        MotionKind::SetApprovals { file } => Motion::SetApprovals(policy(file)?),
    })
}

/// The motion that gives a frozen chain a header of its own branch as its new anchor.
fn re_anchor(
    client: &Client,
    relay: &ChainId,
    chain: &str,
    to: Height,
    because: &str,
    output: &Output,
) -> Outcome<Motion> {
    let entry = client.chain(chain)?;
    let known = registry(client)?.into_iter().find(|known| known.chain == entry.id).ok_or_else(|| {
        Failure::not_found(format_args!("the relay does not know {chain}"))
            .next(format_args!("register it first: crosstie chain register {chain}"))
    })?;
    if known.standing.status != "frozen" {
        // What the relay trusts would go on moving, and the proofs with it.
        return Err(Failure::refused(format_args!(
            "{chain} is {}: only a frozen chain is re-anchored",
            known.standing.status
        ))
        .next(format_args!("freeze it first: crosstie motion propose freeze {chain}")));
    }
    let Prepared { reanchor, forked, trusted_height } = reanchor::prepare(client, chain, to, relay, because)?;
    if forked {
        output.say(format_args!(
            "the branches part above block {}: the relay trusts another block {trusted_height} than {chain} has now",
            reanchor.common.height
        ));
        if to <= trusted_height {
            output.warn(format_args!(
                "block {to} does not stand above block {trusted_height} of the dropped branch: whoever keeps its \
                 certificates can freeze the chain again with them"
            ));
        }
        if !reanchor.header.is_handoff() {
            output.warn(format_args!(
                "block {to} hands over to no other validators: keys that signed the dropped branch sign this one too, \
                 and whoever holds certificates of the dropped branch from above block {to} can freeze the chain again"
            ));
        }
    }
    Ok(Motion::Reanchor(Box::new(reanchor)))
}

/// The motion that registers a chain of this network's directory.
pub(super) fn registration(client: &Client, relay: &ChainId, chain: &str) -> Outcome<Motion> {
    let chain = client.chain(chain)?;
    if chain.is_relay {
        return Err(Failure::usage("the relay is not registered with itself").next("name a subchain"));
    }
    Ok(Motion::Register(Box::new(devnet::registration(&client.directory, &client.network, chain, relay)?)))
}

fn service_access(access: AccessArg, proposers: &[String]) -> Outcome<ServiceAccess> {
    if access != AccessArg::Proposers && !proposers.is_empty() {
        return Err(Failure::usage("--proposer goes with --access proposers").next("drop one of the two"));
    }
    Ok(match access {
        AccessArg::Nobody => ServiceAccess::Nobody,
        AccessArg::Members => ServiceAccess::Members,
        AccessArg::Proposers => {
            let addresses =
                proposers.iter().map(|text| text::parse::<Address>("proposer", text)).collect::<Outcome<Vec<_>>>()?;
            let list = SortedVec::from_unsorted(addresses);
            ServiceAccess::Proposers(list.map_err(|error| Failure::usage(format_args!("the proposers: {error}")))?)
        }
    })
}

/// A policy file: `rule = "any" | "all" | "majority" | "at-least" | "weighted" | "organisations"`, `least`, `members`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    rule: String,
    least: Option<u32>,
    members: Vec<PolicyFileMember>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFileMember {
    address: String,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default)]
    organisation: String,
}

const fn one() -> u32 {
    1
}

fn policy(file: &Path) -> Outcome<SigningPolicy> {
    let content = text::read_text(file, MAX_POLICY_BYTES)?;
    let policy: PolicyFile =
        toml::from_str(&content).map_err(|error| crate::description::toml_failure(file, &content, &error))?;
    let bad = |what: String| Failure::input(file, what).next("docs/cli.md describes policy files");
    let least = |name: &str| policy.least.ok_or_else(|| bad(format!("the rule {name} needs `least`")));
    let small = |value: u32| u16::try_from(value).map_err(|_| bad(format!("`least` = {value} is above 65535")));
    let rule = match policy.rule.as_str() {
        "any" => SigningRule::Any,
        "all" => SigningRule::All,
        "majority" => SigningRule::Majority,
        "at-least" => SigningRule::AtLeast(small(least("at-least")?)?),
        "weighted" => SigningRule::Weighted(least("weighted")?),
        "organisations" => SigningRule::Organisations(small(least("organisations")?)?),
        other => {
            return Err(bad(format!(
                "unknown rule {other:?}; use any, all, majority, at-least, weighted or organisations"
            )));
        }
    };
    let mut members = Vec::new();
    for member in &policy.members {
        members.push(PolicyMember {
            address: member.address.parse().map_err(|error| bad(format!("address {:?}: {error}", member.address)))?,
            weight: member.weight,
            organisation: text::words("organisation", &member.organisation)?,
        });
    }
    let members = SortedVec::from_unsorted(members).map_err(|error| bad(format!("the members: {error}")))?;
    let policy = SigningPolicy { rule, members };
    let everybody: Vec<Address> = policy.members.iter().map(Ordered::key).collect();
    if !policy.is_satisfied_by(&everybody) {
        return Err(bad("not even all members together satisfy this rule: nobody could ever decide again".into()));
    }
    Ok(policy)
}
