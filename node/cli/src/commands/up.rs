//! `crosstie up`: a network on this machine, from nothing to ready, until Ctrl-C.
//!
//! A directory that holds a network goes on with it. A node that dies is reported with the end of its log; the others
//! keep running.

use super::node::{StopSignals, WATCH, log_to, not_started, share_of};
use crate::args::{GlobalArgs, SuiteChoice, UpArgs};
use crate::bring_up::{Patience, admit_subchains, wait_for_blocks};
use crate::children::{Children, log_file};
use crate::client::Client;
use crate::exit::{Failure, Outcome};
use crate::output::Output;
use ledger_protocol::Suite;
use node_api::{NETWORK_FILE, NetworkFile};
use node_runtime::devnet::{self, AccountPlan, Plan, SubchainPlan};
use node_runtime::{Node, config};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The data account that every subchain made here starts with.
pub(super) const STARTING_ACCOUNT: &str = "book";
/// With fewer validators a chain stops when one of them does.
const LEAST_FOR_ONE_FAULT: usize = 4;
/// How long nodes that are still going down are waited for.
const GOING_DOWN: Duration = Duration::from_secs(5);

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Network { dir: String, created: bool, chains: usize, nodes: usize },
    Node { name: String, pid: u32, http: String, log: String },
    Ready { dir: String, elapsed_s: f64, chains: Vec<ReadyChain>, nodes: usize, admitted: Vec<String> },
    NodeDied { name: String, pid: u32, status: String, log: String, last_lines: Vec<String> },
    Stopped { killed: Vec<String> },
}

#[derive(Serialize)]
struct ReadyChain {
    name: String,
    id: String,
    http: Vec<String>,
}

/// The nodes of the network, wherever they run.
enum Running {
    Here(Vec<(String, Node)>),
    Children(Children),
}

pub(super) async fn run(args: &UpArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let started = Instant::now();
    let mut stop = StopSignals::listen()?;
    let directory = global.directory();
    let (network, created) = open_or_create(args, &directory, output)?;
    let client = Client::of(directory.clone(), network, None);
    output.data(
        &Event::Network {
            dir: directory.display().to_string(),
            created,
            chains: client.network.chains.len(),
            nodes: client.network.nodes.len(),
        },
        words,
    );
    refuse_if_running(&client)?;
    let mut running = start(args, &client, output).await?;

    let cancelled = Arc::new(AtomicBool::new(false));
    let bringing_up = {
        let (client, cancelled) = (client.clone(), Arc::clone(&cancelled));
        let deadline = started + Duration::from_secs(args.ready_timeout_s);
        tokio::task::spawn_blocking(move || {
            let patience = Patience { deadline, cancelled: &cancelled };
            wait_for_blocks(&client, patience).and_then(|()| admit_subchains(&client, patience))
        })
    };
    tokio::pin!(bringing_up);
    let mut failed_node = None;
    let mut is_ready = false;
    let outcome = loop {
        tokio::select! {
            () = stop.received() => break Ok(()),
            brought = &mut bringing_up, if !is_ready => match brought {
                Ok(Ok(admitted)) => {
                    is_ready = true;
                    output.data(&ready(&client, started, admitted), words);
                }
                Ok(Err(failure)) => break Err(failure),
                Err(_) => break Err(Failure::internal("bringing the network up ended by a panic")),
            },
            () = tokio::time::sleep(WATCH) => {
                let died = report_dead(&mut running, &client, output);
                failed_node = died.last().cloned().or(failed_node);
                // Before the network is ready, a node that cannot start is the reason why it never will be.
                if let (false, Some(name)) = (is_ready, &failed_node) {
                    break Err(Failure::internal(format_args!("node {name} ended before the network was ready"))
                        .at(log_file(&directory, name).display())
                        .next("repair what its last lines name, and run the command again"));
                }
            }
        }
    };
    cancelled.store(true, Ordering::Relaxed);
    output.say("stopping…");
    let hurry = Arc::new(AtomicBool::new(false));
    let halting = halt(running, Arc::clone(&hurry));
    tokio::pin!(halting);
    let killed = loop {
        tokio::select! {
            killed = &mut halting => break killed,
            // Asked twice: nobody wants to wait any longer. Nodes survive being killed at any moment.
            () = stop.received() => hurry.store(true, Ordering::Relaxed),
        }
    };
    output.data(&Event::Stopped { killed }, words);
    outcome
}

/// The directory's network; a new one if there is none.
fn open_or_create(args: &UpArgs, directory: &Path, output: &Output) -> Outcome<(NetworkFile, bool)> {
    if directory.join(NETWORK_FILE).exists() {
        let network = config::read_network(directory)?;
        let subchains = network.chains.iter().filter(|chain| !chain.is_relay).count();
        if subchains != usize::from(args.subchains) {
            output.warn(format_args!("{} holds {subchains} subchains; going on with them", directory.display()));
        }
        warn_if_fragile(&network, output);
        return Ok((network, false));
    }
    let (relay_suite, suite_of): (Suite, fn(u16) -> Suite) = match args.suite {
        SuiteChoice::Standard => (Suite::Standard, |_| Suite::Standard),
        SuiteChoice::Guomi => (Suite::Guomi, |_| Suite::Guomi),
        SuiteChoice::Mixed => {
            (Suite::Standard, |index| if index.is_multiple_of(2) { Suite::Guomi } else { Suite::Standard })
        }
    };
    let mut subchains = Vec::new();
    for index in 1..=args.subchains {
        subchains.push(subchain_plan(&format!("subchain-{index}"), suite_of(index)));
    }
    let validators = usize::from(args.validators);
    let relay_pace_ms = devnet::RELAY_PACE_MS;
    let plan = Plan { relay_suite, validators, processes: args.processes, subchains, relay_pace_ms };
    let network = devnet::create(directory, &plan)?;
    warn_if_fragile(&network, output);
    Ok((network, true))
}

fn warn_if_fragile(network: &NetworkFile, output: &Output) {
    let all = || network.nodes.iter().flat_map(|node| &node.replicas);
    for chain in &network.chains {
        let validators = all().filter(|replica| replica.chain == chain.name).count();
        if validators < LEAST_FOR_ONE_FAULT {
            output.warn(format_args!(
                "{} has {validators} of the {LEAST_FOR_ONE_FAULT} validators that it takes to tolerate a fault: none is tolerated",
                chain.name
            ));
        }
    }
}

/// A subchain that starts with one data account, owned by its operator.
pub(super) fn subchain_plan(name: &str, suite: Suite) -> SubchainPlan {
    let account = AccountPlan { name: STARTING_ACCOUNT.to_owned(), counters: Vec::new() };
    SubchainPlan { name: name.to_owned(), suite, pace_ms: devnet::SUBCHAIN_PACE_MS, accounts: vec![account] }
}

/// A network cannot run twice: the second would fail on taken directories and ports with less clear words.
///
/// A node is known by the lock on its data directory: one that is suspended, or still starting, answers nobody.
fn refuse_if_running(client: &Client) -> Outcome {
    // Nodes of a network that was just stopped, or whose `up` was killed, may still be going down.
    let patience = Instant::now() + GOING_DOWN;
    loop {
        let mut held = Vec::new();
        for node in &client.network.nodes {
            let data = client.directory.join(&node.data).join(config::DATA);
            let holder = node_storage::holder(&data)
                .map_err(|error| Failure::internal(error).next("check the permissions of the network's directory"))?;
            held.extend(holder.map(|holder| (node.name.as_str(), holder.pid)));
        }
        if held.is_empty() {
            return Ok(());
        }
        if Instant::now() >= patience {
            let names: Vec<String> = held
                .iter()
                .map(|(name, pid)| match pid {
                    Some(pid) => format!("{name} (process {pid})"),
                    None => (*name).to_owned(),
                })
                .collect();
            let pids: BTreeSet<u32> = held.iter().filter_map(|(_, pid)| *pid).collect();
            let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
            return Err(Failure::usage(format_args!("these nodes run already: {}", names.join(", ")))
                .at(client.directory.display())
                .next(format_args!("use the network as it runs, or stop them first: kill {}", pids.join(" "))));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

async fn start(args: &UpArgs, client: &Client, output: &Output) -> Outcome<Running> {
    let (directory, network) = (&client.directory, &client.network);
    let shown = |name: &str, pid: u32, http: String| {
        let log = log_file(directory, name).display().to_string();
        output.data(&Event::Node { name: name.to_owned(), pid, http, log }, words);
    };
    if args.processes {
        let mut children = Children::default();
        for node in &network.nodes {
            match children.start(directory, &node.name) {
                Ok(pid) => shown(&node.name, pid, format!("http://{}", node.http)),
                Err(failure) => {
                    children.stop(&AtomicBool::new(false));
                    return Err(failure);
                }
            }
        }
        return Ok(Running::Children(children));
    }
    let log = match network.nodes.as_slice() {
        [only] => log_file(directory, &only.name),
        _ => log_file(directory, "up"),
    };
    log_to(&log)?;
    let mut nodes = Vec::new();
    for node in &network.nodes {
        match Node::start(directory, network, node, share_of(network, network.nodes.len())).await {
            Ok(started) => {
                shown(&node.name, std::process::id(), format!("http://{}", started.http()));
                nodes.push((node.name.clone(), started));
            }
            Err(error) => {
                let failure = not_started(&node.name, &error, &log);
                halt(Running::Here(nodes), Arc::default()).await;
                return Err(failure);
            }
        }
    }
    Ok(Running::Here(nodes))
}

/// Says which nodes ended since the last call, and gives their names.
fn report_dead(running: &mut Running, client: &Client, output: &Output) -> Vec<String> {
    let mut names = Vec::new();
    match running {
        Running::Children(children) => {
            for ended in children.ended() {
                names.push(ended.node.clone());
                let event = Event::NodeDied {
                    name: ended.node,
                    pid: ended.pid,
                    status: ended.status.to_string(),
                    log: ended.log.display().to_string(),
                    last_lines: ended.tail,
                };
                output.data(&event, |event| format!("{}{}", words(event), start_again(client, event)));
            }
        }
        Running::Here(nodes) => {
            // A failed node keeps its place until everything is stopped; it is reported once.
            let mut index = 0;
            while let Some((name, node)) = nodes.get(index) {
                let Some(reason) = node.failure() else {
                    index += 1;
                    continue;
                };
                names.push(name.clone());
                let log = log_file(&client.directory, name);
                output.data(
                    &Event::NodeDied {
                        name: name.clone(),
                        pid: std::process::id(),
                        status: reason,
                        log: log.display().to_string(),
                        last_lines: crate::children::tail(&log),
                    },
                    words,
                );
                let (_, failed) = nodes.remove(index);
                tokio::spawn(failed.stop());
            }
        }
    }
    names
}

fn start_again(client: &Client, event: &Event) -> String {
    match event {
        Event::NodeDied { name, .. } => {
            format!("\nstart it again: crosstie node run --dir {} --node {name}", client.directory.display())
        }
        _ => String::new(),
    }
}

async fn halt(running: Running, hurry: Arc<AtomicBool>) -> Vec<String> {
    match running {
        Running::Here(nodes) => {
            for (_, node) in nodes {
                node.stop().await;
            }
            Vec::new()
        }
        Running::Children(children) => {
            tokio::task::spawn_blocking(move || children.stop(&hurry)).await.unwrap_or_default()
        }
    }
}

fn ready(client: &Client, started: Instant, admitted: Vec<String>) -> Event {
    let chains = client.network.chains.iter().map(|chain| ReadyChain {
        name: chain.name.clone(),
        id: chain.id.clone(),
        http: client
            .network
            .nodes
            .iter()
            .filter(|node| node.replicas.iter().any(|replica| replica.chain == chain.name))
            .map(|node| format!("http://{}", node.http))
            .collect(),
    });
    Event::Ready {
        dir: client.directory.display().to_string(),
        elapsed_s: started.elapsed().as_secs_f64(),
        chains: chains.collect(),
        nodes: client.network.nodes.len(),
        admitted,
    }
}

fn words(event: &Event) -> String {
    match event {
        Event::Network { dir, created, chains, nodes } => {
            let verb = if *created { "made" } else { "going on with" };
            format!("{verb} a network of {chains} chains on {nodes} nodes in {dir}")
        }
        Event::Node { name, pid, http, .. } => format!("node {name:<20} pid {pid:<8} {http}"),
        Event::Ready { dir, elapsed_s, chains, .. } => {
            let mut text = format!("ready after {elapsed_s:.1} s\n");
            for chain in chains {
                text.push_str(&format!("  {:<20} {}\n", chain.name, chain.http.join(" ")));
            }
            if let Some(chain) = chains.iter().find(|chain| chain.name != devnet::RELAY) {
                text.push_str(&format!(
                    "try:  crosstie tx set {} {} {STARTING_ACCOUNT} greeting hello --dir {dir}\n",
                    chain.name,
                    devnet::BUSINESS_LEDGER
                ));
            }
            text.push_str("The interface serves this machine only. Ctrl-C stops everything; the same command goes on.");
            text
        }
        Event::NodeDied { name, pid, status, log, last_lines } => {
            let lines: Vec<String> = last_lines.iter().map(|line| format!("  | {line}")).collect();
            format!(
                "node {name} (pid {pid}) ended: {status}; the others keep running. Its log {log} ends:\n{}",
                lines.join("\n")
            )
        }
        Event::Stopped { killed } if killed.is_empty() => "stopped".into(),
        Event::Stopped { killed } => {
            format!("stopped; killed because they did not stop in time: {}", killed.join(", "))
        }
    }
}
