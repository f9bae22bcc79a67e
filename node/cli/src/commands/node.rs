//! `crosstie node run`: one node in this process, and what running nodes share: logging, memory, signals.

use crate::args::{GlobalArgs, NodeCommand};
use crate::children::{log_file, open_log};
use crate::client::Client;
use crate::exit::{Failure, Outcome};
use crate::output::Output;
use node_api::NetworkFile;
use node_runtime::{HostOptions, Node, NodeError};
use serde::Serialize;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How often a running node is asked whether it failed.
pub(super) const WATCH: Duration = Duration::from_millis(200);

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Ready { node: &'a str, pid: u32, http: String, log: String },
    Stopped { node: &'a str },
}

pub(super) async fn run(command: &NodeCommand, global: &GlobalArgs, output: &Output) -> Outcome {
    let NodeCommand::Run { with_parent } = command;
    if let Some(parent) = with_parent {
        // The parent stops its children itself; this is for the day it cannot. A kill, since a request to stop does not
        // reach a suspended process; a node is made to survive it.
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
            .map_err(|error| Failure::internal(format_args!("the kernel refuses to watch the parent: {error}")))?;
        // The kernel tells only of deaths from now on.
        let is_there = rustix::process::getppid().and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok());
        if is_there != Some(*parent) {
            return Err(Failure::internal(format_args!("process {parent}, which started this node, is gone"))
                .next("start the network again: crosstie up"));
        }
    }
    let mut stop = StopSignals::listen()?;
    let directory = global.directory();
    let Some(name) = global.node.as_deref() else {
        return Err(
            Failure::usage("which node?").next("name it with --node; network.json and `crosstie status` list them")
        );
    };
    let client = Client::open(&directory, Some(name))?;
    let network = &client.network;
    let Some(entry) = network.nodes.iter().find(|node| node.name == name) else {
        return Err(Failure::not_found(format_args!("the network has no node {name:?}")));
    };
    let log = log_file(&directory, name);
    log_to(&log)?;
    let options = share_of(network, network.nodes.len());
    let node =
        Node::start(&directory, network, entry, options).await.map_err(|error| not_started(name, &error, &log))?;
    let http = format!("http://{}", node.http());
    let ready = Event::Ready { node: name, pid: std::process::id(), http, log: log.display().to_string() };
    output.data(&ready, |event| match event {
        Event::Ready { node, http, log, .. } => format!("node {node} runs at {http}, log {log}; Ctrl-C stops it"),
        Event::Stopped { .. } => String::new(),
    });
    let failure = loop {
        tokio::select! {
            () = stop.received() => break None,
            () = tokio::time::sleep(WATCH) => if let Some(failure) = node.failure() { break Some(failure) },
        }
    };
    node.stop().await;
    output.data(&Event::Stopped { node: name }, |_| format!("node {name} stopped"));
    match failure {
        Some(reason) => Err(Failure::internal(format_args!("node {name} failed: {reason}"))
            .at(log.display())
            .next("repair what the message names (often the disk), then start the node again")),
        None => Ok(()),
    }
}

/// A node that does not start, in words.
pub(super) fn not_started(name: &str, error: &NodeError, log: &Path) -> Failure {
    let failure = match error {
        NodeError::Config(config) => Failure::new(crate::exit::Kind::InputFile, &config.reason).at(&config.file),
        other => Failure::internal(format_args!("node {name} does not start: {other}")).at(log.display()),
    };
    failure.next("is it running already? see `crosstie status` and `crosstie doctor`")
}

/// A node's part of this machine's memory when `nodes` of them run.
pub(super) fn share_of(network: &NetworkFile, nodes: usize) -> HostOptions {
    let all = HostOptions::default();
    if network.nodes.len() <= 1 {
        return all;
    }
    let share = (2 * all.store_memory_bytes / nodes.max(1)).max(24 << 20);
    HostOptions { store_memory_bytes: share.min(all.store_memory_bytes), ..all }
}

/// What is logged unless `CROSSTIE_LOG` says otherwise: consensus tells every vote at `info`.
const DEFAULT_LOG: &str = "info,arc_malachitebft_core_consensus=warn,arc_malachitebft_core_driver=warn";

/// Sends this process's log to a file. `CROSSTIE_LOG` filters it, for example `info,node_network=debug`.
pub(super) fn log_to(file: &Path) -> Outcome {
    let filter = std::env::var("CROSSTIE_LOG").unwrap_or_else(|_| DEFAULT_LOG.into());
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        Failure::usage(format_args!("CROSSTIE_LOG={filter}: {error}"))
            .next("use for example info, or info,node_network=debug")
    })?;
    let log = open_log(file)?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(Mutex::new(log));
    // A second subscriber in one process changes nothing.
    subscriber.try_init().ok();
    Ok(())
}

/// SIGINT, SIGTERM and SIGHUP, listened to from the first moment on.
pub(super) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl StopSignals {
    pub(super) fn listen() -> Outcome<Self> {
        let listen =
            |kind| signal(kind).map_err(|error| Failure::internal(format_args!("signals cannot be received: {error}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for one of them.
    pub(super) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
