//! Child processes that run one node each, stopped by their process ids.
//!
//! A child is asked to stop by SIGTERM; one that does not within [`STOP_DEADLINE`] is killed. Should this process
//! vanish, the kernel kills its children.

use crate::exit::{Failure, Outcome};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a child may take to stop.
const STOP_DEADLINE: Duration = Duration::from_secs(15);
/// Log lines shown of a child that died.
const TAIL_LINES: usize = 20;
/// Bytes of the log that are looked at for them.
const TAIL_BYTES: u64 = 64 << 10;

/// The nodes that run as children.
#[derive(Debug, Default)]
pub(crate) struct Children(Vec<Running>);

#[derive(Debug)]
struct Running {
    name: String,
    log: PathBuf,
    process: Child,
    ended: bool,
}

/// A child that ended by itself.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The node.
    pub(crate) node: String,
    /// Its process id.
    pub(crate) pid: u32,
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Its log.
    pub(crate) log: PathBuf,
    /// The last lines of its log.
    pub(crate) tail: Vec<String>,
}

/// Where a node logs.
pub(crate) fn log_file(directory: &Path, node: &str) -> PathBuf {
    directory.join("logs").join(format!("{node}.log"))
}

/// Opens a log for appending.
pub(crate) fn open_log(file: &Path) -> Outcome<File> {
    let failed = |error: std::io::Error| {
        Failure::input(file, format_args!("the log cannot be written: {error}"))
            .next("check disk space and permissions")
    };
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    OpenOptions::new().create(true).append(true).open(file).map_err(failed)
}

impl Children {
    /// Starts a node; gives its process id. Call it on a thread that lives as long as this process.
    pub(crate) fn start(&mut self, directory: &Path, node: &str) -> Outcome<u32> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::internal(format_args!("this program's own file is not found: {error}")))?;
        let log = log_file(directory, node);
        let words = open_log(&log)?;
        let mut command = Command::new(&program);
        command.args(["node", "run", "--with-parent", &std::process::id().to_string()]);
        command.args(["--node", node, "--dir"]).arg(directory);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::from(words));
        // Ctrl-C on the terminal is for this process alone, which then stops its children in order.
        command.process_group(0);
        let process = command.spawn().map_err(|error| {
            Failure::internal(format_args!("node {node} cannot be started: {error}")).at(program.display())
        })?;
        let pid = process.id();
        self.0.push(Running { name: node.to_owned(), log, process, ended: false });
        Ok(pid)
    }

    /// The children that ended since the last call.
    pub(crate) fn ended(&mut self) -> Vec<Ended> {
        let mut found = Vec::new();
        for running in self.0.iter_mut().filter(|running| !running.ended) {
            if let Ok(Some(status)) = running.process.try_wait() {
                running.ended = true;
                found.push(Ended {
                    node: running.name.clone(),
                    pid: running.process.id(),
                    status,
                    tail: tail(&running.log),
                    log: running.log.clone(),
                });
            }
        }
        found
    }

    /// Asks every child to stop and waits for them, no longer once `hurry` is set; gives the names of those that had to
    /// be killed.
    pub(crate) fn stop(mut self, hurry: &AtomicBool) -> Vec<String> {
        for running in self.0.iter().filter(|running| !running.ended) {
            if let Some(pid) = i32::try_from(running.process.id()).ok().and_then(Pid::from_raw) {
                // One that is gone already has stopped.
                kill_process(pid, Signal::TERM).ok();
            }
        }
        let deadline = Instant::now() + STOP_DEADLINE;
        let mut killed = Vec::new();
        for running in self.0.iter_mut().filter(|running| !running.ended) {
            loop {
                match running.process.try_wait() {
                    Ok(None) if Instant::now() < deadline && !hurry.load(Ordering::Relaxed) => {
                        std::thread::sleep(Duration::from_millis(20))
                    }
                    Ok(None) => {
                        // Both fail only for one that has just ended.
                        running.process.kill().ok();
                        running.process.wait().ok();
                        killed.push(running.name.clone());
                        break;
                    }
                    _ => break,
                }
            }
        }
        killed
    }
}

/// The last lines of a log.
pub(crate) fn tail(file: &Path) -> Vec<String> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut log = File::open(file)?;
        let length = log.metadata()?.len();
        log.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        log.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(TAIL_LINES)).map(|line| (*line).to_owned()).collect()
}
