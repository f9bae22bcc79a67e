//! `crosstie status`: every node and chain.

use crate::args::GlobalArgs;
use crate::exit::{Failure, Kind, Outcome};
use crate::output::{Output, table};
use node_api::{NodeStatus, routes};
use serde::Serialize;
use std::time::Duration;

/// A node that takes longer counts as one that does not answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Serialize)]
struct Status {
    nodes: Vec<NodeLine>,
    chains: Vec<ChainLine>,
}

#[derive(Serialize)]
struct NodeLine {
    name: String,
    http: String,
    reachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<NodeStatus>,
}

#[derive(Serialize)]
struct ChainLine {
    name: String,
    id: String,
    is_relay: bool,
    suite: String,
    replicas: usize,
    answering: usize,
    halted: usize,
    min_height: u64,
    max_height: u64,
    /// Blocks between the slowest and the fastest replica that answers.
    lag_blocks: u64,
}

pub(super) fn run(global: &GlobalArgs, output: &Output) -> Outcome {
    let client = super::client(global)?;
    let mut nodes = Vec::new();
    let wanted = |name: &str| global.node.as_deref().is_none_or(|only| only == name);
    for node in client.network.nodes.iter().filter(|node| wanted(&node.name)) {
        let status: Option<NodeStatus> = client.get_from_within(node, routes::STATUS, ANSWER_TIMEOUT).ok();
        nodes.push(NodeLine {
            name: node.name.clone(),
            http: format!("http://{}", node.http),
            reachable: status.is_some(),
            status,
        });
    }
    let chains = client
        .network
        .chains
        .iter()
        .map(|chain| {
            let all = client.network.nodes.iter().flat_map(|node| &node.replicas);
            let seen: Vec<_> = nodes
                .iter()
                .filter_map(|node| node.status.as_ref())
                .flat_map(|status| &status.replicas)
                .filter(|replica| replica.chain == chain.name)
                .collect();
            let min_height = seen.iter().map(|replica| replica.height).min().unwrap_or_default();
            let max_height = seen.iter().map(|replica| replica.height).max().unwrap_or_default();
            ChainLine {
                name: chain.name.clone(),
                id: chain.id.clone(),
                is_relay: chain.is_relay,
                suite: chain.suite.clone(),
                replicas: all.filter(|replica| replica.chain == chain.name).count(),
                answering: seen.len(),
                halted: seen.iter().filter(|replica| replica.halted.is_some()).count(),
                min_height,
                max_height,
                lag_blocks: max_height.saturating_sub(min_height),
            }
        })
        .collect();
    let status = Status { nodes, chains };
    if status.nodes.iter().all(|node| !node.reachable) {
        return Err(Failure::new(Kind::Unreachable, "no node of the network answers")
            .at(client.directory.display())
            .next(format_args!("start it: crosstie up --dir {}", client.directory.display())));
    }
    output.data(&status, words);
    for node in status.nodes.iter().filter(|node| !node.reachable) {
        output.warn(format_args!(
            "node {} does not answer at {}; start it: crosstie node run --dir {} --node {}",
            node.name,
            node.http,
            client.directory.display(),
            node.name
        ));
    }
    Ok(())
}

fn words(status: &Status) -> String {
    let rows: Vec<Vec<String>> = status
        .chains
        .iter()
        .map(|chain| {
            vec![
                chain.name.clone(),
                chain.suite.clone(),
                format!("{}/{}", chain.answering, chain.replicas),
                chain.max_height.to_string(),
                chain.lag_blocks.to_string(),
                chain.id.clone(),
            ]
        })
        .collect();
    let mut text = table(&["CHAIN", "SUITE", "VALIDATORS", "HEIGHT", "LAG", "ID"], &rows);
    let mut rows = Vec::new();
    for node in &status.nodes {
        let Some(status) = &node.status else {
            rows.push(vec![
                node.name.clone(),
                "-".into(),
                "-".into(),
                "-".into(),
                "-".into(),
                "-".into(),
                "no answer".into(),
            ]);
            continue;
        };
        for replica in &status.replicas {
            rows.push(vec![
                node.name.clone(),
                status.pid.to_string(),
                format!("{}/{}", replica.chain, replica.validator),
                replica.height.to_string(),
                replica.pool.to_string(),
                replica.peers.to_string(),
                replica.halted.clone().unwrap_or_else(|| "running".into()),
            ]);
        }
    }
    text.push('\n');
    text.push_str(&table(&["NODE", "PID", "REPLICA", "HEIGHT", "POOL", "PEERS", "STATE"], &rows));
    text
}
