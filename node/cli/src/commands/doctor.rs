//! `crosstie doctor`: whether this machine and the network's directory are fit to run nodes.

use crate::args::GlobalArgs;
use crate::client::{Client, path};
use crate::exit::{Failure, Outcome};
use crate::output::{Output, table};
use ledger_protocol::{Address, ChainId, Height};
use node_api::{BlockView, NETWORK_FILE, NodeStatus, routes};
use node_keys::KeyStore;
use node_runtime::evidence::{EvidenceFolder, KeptFile};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Less free disk is a warning, …
const WARN_DISK_BYTES: u64 = 5 << 30;
/// … and less than this a failure.
const FAIL_DISK_BYTES: u64 = 512 << 20;
/// Fewer files that may be open are a warning.
const WARN_OPEN_FILES: u64 = 4_096;
/// A slower fsync slows every block down.
const WARN_FSYNC: Duration = Duration::from_millis(20);
/// Trials of fsync.
const FSYNC_TRIALS: usize = 20;
/// 2025-01-01: no clock that is right shows less.
const EARLIEST_MS: u128 = 1_735_689_600_000;
/// Blocks may be this far ahead of a clock that is right.
const DRIFT_MS: u64 = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Check {
    check: String,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Report {
    dir: String,
    healthy: bool,
    checks: Vec<Check>,
}

impl Check {
    fn ok(check: &str, found: impl std::fmt::Display) -> Self {
        Self { check: check.into(), verdict: Verdict::Ok, found: found.to_string(), next: None }
    }

    fn bad(check: &str, verdict: Verdict, found: impl std::fmt::Display, next: impl std::fmt::Display) -> Self {
        Self { check: check.into(), verdict, found: found.to_string(), next: Some(next.to_string()) }
    }
}

pub(super) fn run(global: &GlobalArgs, output: &Output) -> Outcome {
    let directory = global.directory();
    let place = existing(&directory);
    let mut checks = vec![disk(&place), fsync(&place), open_files(), loopback(), clock()];
    if directory.join(NETWORK_FILE).exists() {
        match Client::open(&directory, global.node.as_deref()) {
            Ok(client) => network(&client, &mut checks),
            Err(failure) => {
                checks.push(Check::bad("network file", Verdict::Fail, &failure.what, "restore the file from a backup"))
            }
        }
    }
    let healthy = checks.iter().all(|check| check.verdict != Verdict::Fail);
    output.data(&Report { dir: directory.display().to_string(), healthy, checks }, words);
    if healthy {
        return Ok(());
    }
    Err(Failure::refused("a check failed").next("do what the failed checks say, and run `crosstie doctor` again"))
}

fn words(report: &Report) -> String {
    let rows: Vec<Vec<String>> = report
        .checks
        .iter()
        .map(|check| {
            let verdict = match check.verdict {
                Verdict::Ok => "ok",
                Verdict::Warn => "WARN",
                Verdict::Fail => "FAIL",
            };
            let next = check.next.as_ref().map(|next| format!(" — {next}")).unwrap_or_default();
            vec![verdict.into(), check.check.clone(), format!("{}{next}", check.found)]
        })
        .collect();
    table(&["", "CHECK", "FOUND"], &rows)
}

/// The directory, or the nearest one above that exists.
fn existing(directory: &Path) -> PathBuf {
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    absolute.ancestors().find(|place| place.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn disk(place: &Path) -> Check {
    let name = "disk space";
    match rustix::fs::statvfs(place) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let shown = format!("{:.1} GiB free at {}", free as f64 / f64::from(1 << 30), place.display());
            let next = "free some space, or choose a --dir on another disk";
            match free {
                free if free < FAIL_DISK_BYTES => Check::bad(name, Verdict::Fail, shown, next),
                free if free < WARN_DISK_BYTES => Check::bad(name, Verdict::Warn, shown, next),
                _ => Check::ok(name, shown),
            }
        }
        Err(error) => Check::bad(name, Verdict::Warn, error, "check that the directory's disk is mounted"),
    }
}

fn fsync(place: &Path) -> Check {
    let name = "fsync";
    let file = place.join(format!(".crosstie-doctor-{}", std::process::id()));
    let measure = || -> std::io::Result<Vec<Duration>> {
        let mut probe = OpenOptions::new().create_new(true).write(true).open(&file)?;
        let mut times = Vec::with_capacity(FSYNC_TRIALS);
        for _ in 0..FSYNC_TRIALS {
            probe.write_all(&[0x5a; 4_096])?;
            let before = Instant::now();
            probe.sync_data()?;
            times.push(before.elapsed());
        }
        times.sort();
        Ok(times)
    };
    let measured = measure();
    // A probe that could not be made need not be removed.
    std::fs::remove_file(&file).ok();
    match measured {
        Ok(times) => {
            let median = times.get(times.len() / 2).copied().unwrap_or_default();
            let worst = times.last().copied().unwrap_or_default();
            let shown = format!("median {:.2} ms, worst {:.2} ms", ms(median), ms(worst));
            if median > WARN_FSYNC {
                return Check::bad(name, Verdict::Warn, shown, "blocks wait for it: use a local SSD");
            }
            Check::ok(name, shown)
        }
        Err(error) => Check::bad(
            name,
            Verdict::Fail,
            format_args!("{} cannot be written: {error}", place.display()),
            "choose a --dir that you may write",
        ),
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn open_files() -> Check {
    let name = "open files";
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < WARN_OPEN_FILES => Check::bad(
            name,
            Verdict::Warn,
            format_args!("at most {limit}"),
            format_args!("raise it: ulimit -n {WARN_OPEN_FILES}"),
        ),
        Some(limit) => Check::ok(name, format_args!("at most {limit}")),
        None => Check::ok(name, "unlimited"),
    }
}

fn loopback() -> Check {
    let name = "loopback";
    match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) {
        Ok(_) => Check::ok(name, "ports of 127.0.0.1 can be taken"),
        Err(error) => Check::bad(name, Verdict::Fail, error, "bring the loopback interface up: ip link set lo up"),
    }
}

fn clock() -> Check {
    let name = "clock";
    let now_ms = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let next = "set the clock, and keep it right with NTP";
    let (wall, steady) = (now_ms(), Instant::now());
    std::thread::sleep(Duration::from_millis(100));
    let jumped = now_ms().abs_diff(wall).abs_diff(steady.elapsed().as_millis());
    if wall < EARLIEST_MS {
        return Check::bad(name, Verdict::Fail, "it shows a time before 2025", next);
    }
    if jumped > 50 {
        return Check::bad(name, Verdict::Warn, format_args!("it jumped by {jumped} ms within 100 ms"), next);
    }
    Check::ok(name, format_args!("{wall} ms since 1970, steady"))
}

/// Checks of a network that exists.
fn network(client: &Client, checks: &mut Vec<Check>) {
    for chain in &client.network.chains {
        if let Err(error) = node_runtime::config::read_genesis(&client.directory, chain) {
            checks.push(Check::bad("genesis", Verdict::Fail, error, "restore the file from a backup"));
        }
    }
    key_stores(client, checks);
    contradictions(client, checks);
    let mut running = 0usize;
    let mut taken = Vec::new();
    for node in &client.network.nodes {
        let answer: Outcome<NodeStatus> = client.get_from(node, routes::STATUS);
        if let Ok(status) = answer {
            running += 1;
            for replica in status.replicas.iter().filter(|replica| replica.halted.is_some()) {
                checks.push(Check::bad(
                    "replica",
                    Verdict::Fail,
                    format_args!(
                        "{}/{} halted: {}",
                        replica.chain,
                        replica.validator,
                        replica.halted.as_deref().unwrap_or_default()
                    ),
                    format_args!("see {}", crate::children::log_file(&client.directory, &node.name).display()),
                ));
            }
            continue;
        }
        let listens = node.replicas.iter().map(|replica| replica.listen);
        let mut addresses: Vec<SocketAddr> = listens.chain(std::iter::once(node.http)).collect();
        addresses.sort();
        addresses.dedup();
        taken.extend(addresses.into_iter().filter(|address| TcpListener::bind(address).is_err()));
    }
    let all = client.network.nodes.len();
    if taken.is_empty() {
        checks.push(Check::ok("ports", format_args!("{running} of {all} nodes run; the ports of the others are free")));
    } else {
        let shown: Vec<String> = taken.iter().map(ToString::to_string).collect();
        checks.push(Check::bad(
            "ports",
            Verdict::Fail,
            format_args!("taken by another program: {}", shown.join(", ")),
            format_args!("stop that program, or choose other ports in {NETWORK_FILE}"),
        ));
    }
    if running > 0 {
        block_times(client, checks);
    }
}

fn key_stores(client: &Client, checks: &mut Vec<Check>) {
    let mut stores = vec![client.directory.join("keys")];
    stores.extend(client.network.nodes.iter().map(|node| client.directory.join(&node.data).join("keys")));
    let mut keys = 0usize;
    for place in stores {
        match KeyStore::open(&place).and_then(|store| store.list()) {
            Ok(entries) => {
                for entry in entries {
                    match entry {
                        Ok(_) => keys += 1,
                        Err(error) => {
                            checks.push(Check::bad("keys", Verdict::Fail, error, "repair or restore the key file"))
                        }
                    }
                }
            }
            Err(error) => checks.push(Check::bad("keys", Verdict::Fail, error, "restore the key store from a backup")),
        }
    }
    checks.push(Check::ok("keys", format_args!("{keys} keys can be read")));
}

/// Validators of which some node holds two messages that cannot both be honest.
fn contradictions(client: &Client, checks: &mut Vec<Check>) {
    let name = "equivocations";
    let mut seen: BTreeSet<(ChainId, Address, Height)> = BTreeSet::new();
    for node in &client.network.nodes {
        let folder = EvidenceFolder::of_node(&client.directory.join(&node.data));
        let files = match folder.list() {
            Ok(files) => files,
            Err(error) => {
                checks.push(Check::bad(
                    name,
                    Verdict::Warn,
                    format_args!("the evidence of {} cannot be listed: {error}", node.name),
                    "repair the directory",
                ));
                continue;
            }
        };
        for KeptFile { file, content } in files {
            let shown = file.display();
            match content {
                // Several nodes keep the same.
                Ok(it) if !seen.insert((it.chain, it.address(), it.height)) => {}
                Ok(it) => {
                    let chain = it.chain.to_string();
                    let known = client.network.chains.iter().find(|entry| entry.id == chain);
                    checks.push(Check::bad(
                        name,
                        Verdict::Warn,
                        format_args!(
                            "validator {} of {} signed two {}s at height {}, round {}",
                            it.address(),
                            known.map_or(chain.as_str(), |entry| &entry.name),
                            it.contradiction.step(),
                            it.height,
                            it.round
                        ),
                        format_args!("report it, if that is not done yet: crosstie chain report-equivocation {shown}"),
                    ));
                }
                Err(error) => {
                    checks.push(Check::bad(name, Verdict::Warn, format_args!("{shown}: {error}"), "remove the file"));
                }
            }
        }
    }
    if seen.is_empty() {
        checks.push(Check::ok(name, "no node holds evidence against a validator"));
    }
}

/// Compares this machine's clock with the newest blocks.
fn block_times(client: &Client, checks: &mut Vec<Check>) {
    for chain in &client.network.chains {
        let newest: Outcome<BlockView> = client.get(&chain.name, &path(routes::BLOCK, &[&chain.name, "latest"]));
        let Ok(block) = newest else { continue };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let ahead = u128::from(block.timestamp_ms).saturating_sub(now);
        if ahead > u128::from(DRIFT_MS) {
            checks.push(Check::bad(
                "block time",
                Verdict::Fail,
                format_args!("the newest block of {} is {ahead} ms ahead of this clock", chain.name),
                "set the clock, and keep it right with NTP",
            ));
        }
    }
}
