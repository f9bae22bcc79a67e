//! From started nodes to a network that works: every chain makes blocks, every subchain is active at the relay.
//!
//! Idempotent: what is done already is not done again. Blocking; every wait ends at a deadline or when cancelled.

use crate::build::{ChainWriter, check_receipt};
use crate::client::Client;
use crate::exit::{Failure, Outcome};
use crate::keys::Keys;
use crate::motions::MotionPlan;
use ledger_protocol::ChainId;
use ledger_protocol::interchain::Motion;
use node_api::{ChainEntry, NodeStatus, RegistryEntryView, routes};
use node_runtime::devnet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often nodes are asked while waiting.
const POLL: Duration = Duration::from_millis(100);

/// Waits end at this time, or when somebody cancels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience<'a> {
    /// The end.
    pub(crate) deadline: Instant,
    /// Set to give up at once.
    pub(crate) cancelled: &'a AtomicBool,
}

impl Patience<'_> {
    fn is_over(&self) -> bool {
        Instant::now() >= self.deadline || self.cancelled.load(Ordering::Relaxed)
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Waits until every chain of the network has committed a block somewhere.
pub(crate) fn wait_for_blocks(client: &Client, patience: Patience<'_>) -> Outcome {
    loop {
        let answers: Vec<(&str, Outcome<NodeStatus>)> = client
            .network
            .nodes
            .iter()
            .map(|node| (node.name.as_str(), client.get_from(node, routes::STATUS)))
            .collect();
        let committed = |chain: &&ChainEntry| {
            let seen =
                answers.iter().filter_map(|(_, answer)| answer.as_ref().ok()).flat_map(|status| &status.replicas);
            seen.into_iter().any(|replica| replica.chain == chain.name && replica.height > 0)
        };
        let waiting: Vec<&ChainEntry> = client.network.chains.iter().filter(|chain| !committed(chain)).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        if patience.is_over() {
            let names: Vec<&str> = waiting.iter().map(|chain| chain.name.as_str()).collect();
            let mut seen: Vec<String> = Vec::new();
            for (name, answer) in &answers {
                match answer {
                    Ok(status) => {
                        seen.extend(status.replicas.iter().filter(|it| names.contains(&&*it.chain)).map(|it| {
                            let state = it.halted.clone().unwrap_or_else(|| format!("{} peers connected", it.peers));
                            format!("{}/{}: {state}", it.chain, it.validator)
                        }))
                    }
                    Err(_) => seen.push(format!("{name}: no answer")),
                }
            }
            return Err(Failure::timed_out(format_args!("no block yet on: {}", names.join(", ")))
                .at(seen.join("; "))
                .next(format_args!(
                    "look at the logs in {}, and run `crosstie doctor --dir {}`",
                    client.directory.join("logs").display(),
                    client.directory.display()
                )));
        }
        std::thread::sleep(POLL);
    }
}

/// The relay's registry.
pub(crate) fn registry(client: &Client) -> Outcome<Vec<RegistryEntryView>> {
    client.get(&client.relay()?.name, routes::REGISTRY)
}

/// Registers and activates every subchain that is not active yet; gives the names of those it admitted.
pub(crate) fn admit_subchains(client: &Client, patience: Patience<'_>) -> Outcome<Vec<String>> {
    let known = registry(client)?;
    let missing: Vec<(&ChainEntry, bool)> = client
        .network
        .chains
        .iter()
        .filter(|chain| !chain.is_relay)
        .filter_map(|chain| match known.iter().find(|entry| entry.chain == chain.id) {
            None => Some((chain, true)),
            Some(entry) if entry.standing.status == "registered" => Some((chain, false)),
            // Paused, frozen or retired by the members: not ours to change.
            Some(_) => None,
        })
        .collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let relay = ChainWriter::open(client, &client.relay()?.name)?;
    let member = [Keys::open(&client.directory, None)?.account(&devnet::member_key_name())?];
    let mut sent = Vec::new();
    for (chain, unknown) in &missing {
        let height = relay.tip()?;
        let mut operations = Vec::new();
        if *unknown {
            let registration = devnet::registration(&client.directory, &client.network, chain, &relay.id)?;
            let motion = Motion::Register(Box::new(registration));
            operations.extend(MotionPlan::of(motion, "made with the network").operations(relay.id.suite, height)?.1);
        }
        let id: ChainId = crate::text::parse("chain id", &chain.id)?;
        let motion = Motion::Activate(id);
        operations.extend(MotionPlan::of(motion, "made with the network").operations(relay.id.suite, height)?.1);
        let transaction = relay.sign(&member, operations)?;
        relay.send(&transaction, None)?;
        sent.push(transaction);
    }
    for transaction in &sent {
        check_receipt(&relay.send(transaction, Some(patience.left()))?)?;
        if patience.is_over() {
            return Err(Failure::timed_out("not every subchain is registered yet").next("run the command again"));
        }
    }
    let known = registry(client)?;
    for (chain, _) in &missing {
        let active = known.iter().any(|entry| entry.chain == chain.id && entry.standing.status == "active");
        if !active {
            return Err(Failure::refused(format_args!("the relay did not make {} active", chain.name))
                .next("see how the members voted: crosstie motion list"));
        }
    }
    Ok(missing.iter().map(|(chain, _)| chain.name.clone()).collect())
}
