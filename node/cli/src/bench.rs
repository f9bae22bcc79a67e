//! `crosstie bench`: one subchain with all its validators in this process, real sockets, fsync, signatures and proofs.
//!
//! A closed loop: a bounded number of signed key-value transactions is under way at once, so that the chain is always
//! busy and never flooded. CPU time is summed per phase by the threads that do the work; what is left of the process's
//! time after phases and client is the network with its encryption, and the runtime.

mod profile;

use crate::args::BenchArgs;
use crate::demo::latency::Latencies;
use crate::demo::report::peak_rss_mb;
use crate::demo::sign::window_transaction;
use crate::exit::{Failure, Outcome};
use crate::output::Output;
use chain_engine::SubmitResult;
use cpu_time::{ProcessTime, ThreadTime};
use ledger_protocol::chain::Input;
use ledger_protocol::codec::{BoundedBytes, Text};
use ledger_protocol::suite::SecretKey;
use ledger_protocol::transaction::{Expectation, LedgerOperation, Operation, SetKey, StateKey};
use ledger_protocol::{ChainId, Hash, Height, Suite};
use node_keys::{KeyStore, Purpose};
use node_runtime::devnet::{self, AccountPlan, BUSINESS_LEDGER, Plan, SubchainPlan};
use node_runtime::host::Measures;
use node_runtime::{HostOptions, Node};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;

const CHAIN: &str = "bench";
const ACCOUNT: &str = "book";
/// Transactions under way at once.
const WINDOW: usize = 6_000;
/// Transactions signed and submitted before blocks are looked at again.
const BURST: usize = 200;
/// Time before measuring begins.
const WARM_UP: Duration = Duration::from_secs(3);

#[derive(Debug, Serialize)]
struct Report {
    seconds: f64,
    validators: u16,
    offered_tx_per_s: f64,
    achieved_tx_per_s: f64,
    latency_ms: Quantiles,
    cpu_us_per_tx_and_node: BTreeMap<&'static str, f64>,
    cpu_us_sum: f64,
    roofline_tx_per_s: f64,
    share_of_roofline: f64,
    client_cpu_us_per_tx: f64,
    cores: usize,
    signatures: bool,
    execution: bool,
    proofs: bool,
    fsync: bool,
    peak_rss_mb: u64,
}

#[derive(Debug, Serialize)]
struct Quantiles {
    p50: f64,
    p99: f64,
}

/// CPU time by phase, in nanoseconds.
type Phases = [(&'static str, u64); 7];

/// Where measuring began.
struct Start {
    at: Instant,
    phases: Phases,
    process: ProcessTime,
    client_cpu: Duration,
    offered: u64,
}

/// CPU time of every phase so far.
fn phases(measures: &Measures) -> Phases {
    [
        ("verify", measures.verify.cpu_ns()),
        ("execute", measures.execute.cpu_ns()),
        ("state", measures.state.cpu_ns()),
        ("store", measures.store.cpu_ns()),
        ("log", measures.log.cpu_ns()),
        ("consensus", measures.consensus.cpu_ns()),
        ("serve", measures.serve.cpu_ns()),
    ]
}

struct Client {
    chain: ChainId,
    operator: SecretKey,
    nonce: u64,
    open: BTreeMap<Hash, Instant>,
    offered: u64,
    cpu: Duration,
}

impl Client {
    fn next(&mut self, tip: Height) -> Outcome<Input> {
        let start = ThreadTime::now();
        let key = format!("key/{:08}", self.nonce);
        let operation = Operation::SetKey(SetKey {
            account: Text::new(ACCOUNT).map_err(Failure::internal)?,
            key: StateKey::new(key.into_bytes()).map_err(Failure::internal)?,
            value: BoundedBytes::new(vec![b'v'; 100]).map_err(Failure::internal)?,
            expected: Expectation::Any,
        });
        let operations = vec![LedgerOperation { ledger: BUSINESS_LEDGER, operation }];
        let signed = window_transaction(self.chain, &self.operator, tip, self.nonce, operations)?;
        self.nonce += 1;
        self.open.insert(signed.id.0, Instant::now());
        self.cpu += start.elapsed();
        Ok(Input::Transaction(Box::new(signed.transaction)))
    }
}

/// Runs the measurement.
pub(crate) async fn run(args: &BenchArgs, output: &Output) -> Outcome {
    let load_before = profile::load_average();
    let temporary = tempfile::tempdir().map_err(Failure::internal)?;
    let directory = args.keep.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    let plan = Plan {
        relay_suite: Suite::Standard,
        validators: usize::from(args.validators),
        processes: false,
        relay_pace_ms: devnet::RELAY_PACE_MS,
        subchains: vec![SubchainPlan {
            name: CHAIN.into(),
            suite: Suite::Standard,
            pace_ms: devnet::SUBCHAIN_PACE_MS,
            accounts: vec![AccountPlan { name: ACCOUNT.into(), counters: Vec::new() }],
        }],
    };
    let network = devnet::create(&directory, &plan).map_err(Failure::internal)?;
    let mut entry = network.nodes.first().cloned().ok_or_else(|| Failure::internal("the network has no node"))?;
    // One subchain is measured, not its idle relay.
    entry.replicas.retain(|replica| replica.chain == CHAIN);
    let node = Node::start(&directory, &network, &entry, HostOptions::default()).await.map_err(Failure::internal)?;
    let store = KeyStore::open(directory.join("keys")).map_err(Failure::internal)?;
    let name = devnet::operator_key_name(CHAIN).parse().map_err(Failure::internal)?;
    let operator = store.secret_key(&name, Purpose::Account, None).map_err(Failure::internal)?;
    let measured = tokio::select! {
        measured = measure(args, &node, operator, output) => measured,
        _ = tokio::signal::ctrl_c() => Err(Failure::refused("stopped by Ctrl-C")),
    };
    node.stop().await;
    let report = measured?;
    if let Some(file) = &args.profile_out {
        output.say("measuring blocks, certificates and cross-chain work");
        let Report { validators, cores, .. } = report;
        profile::write(
            file,
            &profile::Bench { phases: &report.cpu_us_per_tx_and_node, validators, cores, load_before },
        )?;
    }
    output.data(&report, words);
    Ok(())
}

async fn measure(args: &BenchArgs, node: &Node, operator: SecretKey, output: &Output) -> Outcome<Report> {
    let host = node.host().clone();
    let view = host.replicas().first().cloned().ok_or_else(|| Failure::internal("no replica"))?;
    let replicas = host.replicas().len();
    let mut published = view.published.subscribe();
    let (chain, open) = (view.chain, BTreeMap::new());
    let mut client = Client { chain, operator, nonce: 0, open, offered: 0, cpu: Duration::ZERO };
    let length = Duration::from_secs(args.seconds);
    let bar = output.progress(Some(args.seconds), "{bar:40} {pos}/{len} s {msg}");
    let (mut latencies, mut finished) = (Latencies::default(), 0u64);
    let started = Instant::now();
    let mut measuring: Option<Start> = None;
    loop {
        if let Some(failure) = node.failure() {
            return Err(Failure::internal(failure));
        }
        if measuring.is_none() && started.elapsed() >= WARM_UP {
            measuring = Some(Start {
                at: Instant::now(),
                phases: phases(host.measures()),
                process: ProcessTime::now(),
                client_cpu: client.cpu,
                offered: client.offered,
            });
            (latencies, finished) = (Latencies::default(), 0);
        }
        if let Some(start) = &measuring {
            let took = start.at.elapsed();
            bar.set_position(took.as_secs());
            if took >= length {
                bar.finish_and_clear();
                let client_cpu = client.cpu.saturating_sub(start.client_cpu);
                let times = (took, start.process.elapsed(), client_cpu);
                let counts = (client.offered - start.offered, finished);
                let phases = (&start.phases, &phases(host.measures()));
                return Ok(report(args, times, phases, counts, &latencies));
            }
        }
        let tip = Height(view.progress.borrow().height);
        let room = WINDOW.saturating_sub(client.open.len()).min(BURST);
        let burst = (0..room).map(|_| client.next(tip)).collect::<Outcome<Vec<Input>>>()?;
        let hashes: Vec<Hash> = burst.iter().map(|input| input.hash(chain.suite)).collect();
        // Every replica takes its share, as if each had clients of its own.
        let shares = burst.into_iter().enumerate().map(|(turn, input)| (turn % replicas.max(1), input));
        for (hash, answer) in hashes.iter().zip(host.submit_all(shares).await.map_err(Failure::internal)?) {
            client.offered += 1;
            if let SubmitResult::Refused { retry_after_ms, reason, .. } = answer {
                client.open.remove(hash);
                if retry_after_ms.is_none() {
                    return Err(Failure::refused(reason));
                }
            }
        }
        let patience = if client.open.len() >= WINDOW { Duration::from_millis(200) } else { Duration::from_millis(1) };
        match tokio::time::timeout(patience, published.recv()).await {
            Ok(Ok(block)) => {
                for input in &block.inputs {
                    if let Some(submitted) = client.open.remove(input) {
                        finished += 1;
                        latencies.add(submitted.elapsed());
                    }
                }
            }
            Ok(Err(RecvError::Lagged(_))) | Err(_) => {}
            Ok(Err(RecvError::Closed)) => return Err(Failure::internal("the replica stopped")),
        }
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn report(
    args: &BenchArgs,
    (took, used, client_cpu): (Duration, Duration, Duration),
    (before, after): (&Phases, &Phases),
    (offered, finished): (u64, u64),
    latencies: &Latencies,
) -> Report {
    let transactions = finished.max(1) as f64;
    let per_node = transactions * f64::from(args.validators);
    let mut by_phase = BTreeMap::new();
    let mut phases_ns = 0u64;
    for ((name, before), (_, after)) in before.iter().zip(after) {
        let spent = after.saturating_sub(*before);
        phases_ns += spent;
        by_phase.insert(*name, rounded(spent as f64 / 1_000.0 / per_node));
    }
    let rest = used.saturating_sub(client_cpu).saturating_sub(Duration::from_nanos(phases_ns));
    by_phase.insert("network", rounded(rest.as_secs_f64() * 1e6 / per_node));
    let sum = used.saturating_sub(client_cpu).as_secs_f64() * 1e6 / per_node;
    let client_us = client_cpu.as_secs_f64() * 1e6 / transactions;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let roofline = cores as f64 * 1e6 / (sum * f64::from(args.validators) + client_us);
    let achieved = transactions / took.as_secs_f64();
    Report {
        seconds: rounded(took.as_secs_f64()),
        validators: args.validators,
        offered_tx_per_s: rounded(offered as f64 / took.as_secs_f64()),
        achieved_tx_per_s: rounded(achieved),
        latency_ms: Quantiles { p50: rounded(latencies.quantile_ms(0.5)), p99: rounded(latencies.quantile_ms(0.99)) },
        cpu_us_per_tx_and_node: by_phase,
        cpu_us_sum: rounded(sum),
        roofline_tx_per_s: rounded(roofline),
        share_of_roofline: (achieved / roofline * 100.0).round() / 100.0,
        client_cpu_us_per_tx: rounded(client_us),
        cores,
        signatures: true,
        execution: true,
        proofs: true,
        fsync: true,
        peak_rss_mb: peak_rss_mb(),
    }
}

fn words(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: String| {
        // Writing to a string does not fail.
        let _ignored = writeln!(text, "{label:<34} {value}");
    };
    line("final transactions per second", report.achieved_tx_per_s.to_string());
    line("offered per second", report.offered_tx_per_s.to_string());
    line("to final, p50 / p99", format!("{} / {} ms", report.latency_ms.p50, report.latency_ms.p99));
    for (phase, cpu) in &report.cpu_us_per_tx_and_node {
        line(&format!("CPU per transaction and node: {phase}"), format!("{cpu} µs"));
    }
    line("roofline of this run", format!("{} tx/s on {} cores", report.roofline_tx_per_s, report.cores));
    line("signatures, execution, proofs, fsync", "on".into());
    line("peak memory", format!("{} MiB", report.peak_rss_mb));
    text
}
