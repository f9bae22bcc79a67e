//! A network of processes on this machine, its commands, and signals to its processes by their ids.

use rustix::process::{Pid, Signal};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a network may take to become ready.
pub(crate) const READY: Duration = Duration::from_secs(150);
/// How long a network may take for anything that it does in a few seconds on a quiet machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);
const POLL: Duration = Duration::from_millis(50);

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstie"));
    command.env_remove("CROSSTIE_DIR");
    command
}

/// Waits until `found` gives something.
pub(crate) fn eventually<T>(what: &str, patience: Duration, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(it) = found() {
            return it;
        }
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        std::thread::sleep(POLL);
    }
}

/// Sends a signal to a process; one that is gone is left alone.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    rustix::process::kill_process(pid, signal).ok();
}

/// Whether a process runs, or is suspended; one that ended and was not waited for does neither.
pub(crate) fn is_alive(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state stands behind the name, which is in brackets and may hold anything.
    let state = status.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    state.is_some_and(|state| state != "Z" && state != "X")
}

/// A running `up --processes`, and nodes that were started beside it.
pub(crate) struct Network {
    pub(crate) directory: PathBuf,
    up: Child,
    events: Receiver<Value>,
    /// Process ids by node; the newest of each.
    pub(crate) pids: BTreeMap<String, u32>,
    /// Nodes that were started by `node run`.
    beside: Vec<Child>,
}

impl Network {
    /// Starts `up --processes` and waits until it is ready.
    pub(crate) fn up(directory: &Path, arguments: &[&str]) -> Self {
        let mut network = Self::start(directory, arguments);
        network.event("ready", READY);
        network
    }

    /// Starts `up --processes`.
    pub(crate) fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut command = binary();
        command.args(["up", "--processes", "--json", "--dir"]).arg(directory).args(arguments);
        let mut up = command.stdout(Stdio::piped()).spawn().expect("the binary runs");
        let stdout = up.stdout.take().expect("stdout is piped");
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).expect("every line is JSON");
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        Self { directory: directory.to_owned(), up, events, pids: BTreeMap::new(), beside: Vec::new() }
    }

    /// Waits for an event of this kind; remembers every node on the way.
    pub(crate) fn event(&mut self, kind: &str, patience: Duration) -> Value {
        let deadline = Instant::now() + patience;
        loop {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) => {
                    assert!(event.get("error").is_none(), "up failed: {event}");
                    if let ("node", Some(name), Some(pid)) =
                        (event["event"].as_str().unwrap_or_default(), event["name"].as_str(), event["pid"].as_u64())
                    {
                        self.pids.insert(name.to_owned(), u32::try_from(pid).expect("a process id"));
                    }
                    if event["event"] == kind {
                        return event;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no event {kind} within {patience:?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("up ended before the event {kind}"),
            }
        }
    }

    pub(crate) fn pid_of_up(&self) -> u32 {
        self.up.id()
    }

    /// Sends a signal to a node's process.
    pub(crate) fn signal(&self, node: &str, name: Signal) {
        signal(self.pids[node], name);
    }

    /// Kills a node and waits until it is gone.
    pub(crate) fn kill(&mut self, node: &str) {
        self.signal(node, Signal::KILL);
        let pid = self.pids[node];
        eventually("a killed process is gone", PATIENCE, || (!is_alive(pid)).then_some(()));
    }

    /// Kills every process of the network and `up`, at once.
    pub(crate) fn kill_all(mut self) {
        for pid in self.pids.values() {
            signal(*pid, Signal::KILL);
        }
        signal(self.up.id(), Signal::KILL);
        self.up.wait().expect("its end is known");
        for child in &mut self.beside {
            child.wait().expect("its end is known");
        }
        for pid in self.pids.values() {
            eventually("a killed process is gone", PATIENCE, || (!is_alive(*pid)).then_some(()));
        }
    }

    /// Deletes what a node can make again; its keys stay.
    pub(crate) fn wipe(&self, node: &str) {
        std::fs::remove_dir_all(self.directory.join("nodes").join(node).join("data")).expect("its data");
    }

    /// Waits for the end of a node, which nobody asked for.
    pub(crate) fn killed(&mut self, node: &str) {
        self.kill(node);
        self.event("node_died", PATIENCE);
    }

    /// Starts a node by itself, as the message about its end says.
    pub(crate) fn run_node(&mut self, node: &str) {
        let mut command = binary();
        command.args(["node", "run", "--node", node, "--json", "--dir"]).arg(&self.directory).stdout(Stdio::null());
        let child = command.spawn().expect("the binary runs");
        self.pids.insert(node.to_owned(), child.id());
        self.beside.push(child);
    }

    /// Runs a command on the network: exit code and every JSON line.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, Vec<Value>) {
        run(&self.directory, arguments)
    }

    /// Runs a command that must succeed: its first JSON line.
    pub(crate) fn ok(&self, arguments: &[&str]) -> Value {
        ok(&self.directory, arguments)
    }

    /// Waits for the end of `up`, as somebody asked it to.
    pub(crate) fn ended(&mut self, patience: Duration) -> ExitStatus {
        let up = &mut self.up;
        eventually("up ends", patience, || up.try_wait().expect("its state is known"))
    }

    /// Stops everything as Ctrl-C does, and expects a clean end.
    pub(crate) fn stop(mut self) {
        signal(self.up.id(), Signal::INT);
        self.event("stopped", PATIENCE);
        assert_eq!(self.ended(PATIENCE).code(), Some(0), "a clean stop");
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Also when a test failed: no process stays. Children of `up` end with it.
        for child in self.beside.iter_mut().chain([&mut self.up]) {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Copies what the nodes of a chain hold to a place beside the network.
pub(crate) fn back_up(directory: &Path, nodes: &[&str], to: &Path) {
    for node in nodes {
        copy(&data_of(directory, node), &to.join(node));
    }
}

/// Puts back what [`back_up`] copied; what came since is gone.
pub(crate) fn restore(directory: &Path, nodes: &[&str], from: &Path) {
    for node in nodes {
        std::fs::remove_dir_all(data_of(directory, node)).expect("its data");
        copy(&from.join(node), &data_of(directory, node));
    }
}

fn data_of(directory: &Path, node: &str) -> PathBuf {
    directory.join("nodes").join(node).join("data")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            std::fs::copy(&source, &target).expect("a file");
        }
    }
}

/// Runs a command: exit code and every JSON line.
pub(crate) fn run(directory: &Path, arguments: &[&str]) -> (i32, Vec<Value>) {
    let output = binary().args(arguments).args(["--json", "--dir"]).arg(directory).output().expect("the binary runs");
    let code = output.status.code().expect("it ends by itself");
    let lines = output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    if code != 0 {
        eprintln!("{arguments:?}: {code}: {}", String::from_utf8_lossy(&output.stderr));
    }
    (code, lines.collect())
}

/// Runs a command that must succeed: its first JSON line.
pub(crate) fn ok(directory: &Path, arguments: &[&str]) -> Value {
    let (code, lines) = run(directory, arguments);
    assert_eq!(code, 0, "{arguments:?}: {lines:?}");
    lines.into_iter().next().unwrap_or(Value::Null)
}

/// A signed proposal in a file.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub(crate) id: String,
    pub(crate) file: String,
    /// Chain, key and value of every leg.
    pub(crate) legs: Vec<(String, String, String)>,
}

impl Proposal {
    /// Describes and signs a proposal that sets one key of the account `book` on every chain named.
    pub(crate) fn new(directory: &Path, name: &str, t_prep_blocks: u32, legs: &[(&str, &str, &str)]) -> Self {
        Self::try_new(directory, name, t_prep_blocks, legs).expect("it is made")
    }

    /// As [`Self::new`]; `None` if no node answers.
    pub(crate) fn try_new(
        directory: &Path,
        name: &str,
        t_prep_blocks: u32,
        legs: &[(&str, &str, &str)],
    ) -> Option<Self> {
        let mut text = format!("t_prep_blocks = {t_prep_blocks}\n");
        for (chain, key, value) in legs {
            text.push_str(&format!(
                "[[legs]]\nchain = \"{chain}\"\noperations = [ {{ set = {{ account = \"book\", key = \"{key}\", value = \"{value}\" }} }} ]\n"
            ));
        }
        let described = directory.join(format!("{name}.toml"));
        std::fs::write(&described, text).expect("a file");
        let file = directory.join(format!("{name}.proposal")).to_str().expect("a path in UTF-8").to_owned();
        let described = described.to_str().expect("a path in UTF-8");
        let (code, lines) = run(directory, &["proposal", "new", described, "--out", &file]);
        let made = lines.first().filter(|_| code == 0)?;
        let id = made["proposal"].as_str().expect("an id").to_owned();
        let legs = legs.iter().map(|(chain, key, value)| ((*chain).into(), (*key).into(), (*value).into())).collect();
        Some(Self { id, file, legs })
    }

    /// Submits it; gives the exit code and the answer.
    pub(crate) fn submit(&self, directory: &Path) -> (i32, Vec<Value>) {
        run(directory, &["proposal", "submit", &self.file])
    }

    /// Submits it and waits for its end, which must be that it committed.
    pub(crate) fn commit(&self, directory: &Path) -> Value {
        let (code, lines) = run(directory, &["proposal", "submit", &self.file, "--watch", "--wait-s", "100"]);
        assert_eq!(code, 0, "{self:?}: {lines:?}");
        lines.last().cloned().expect("its end")
    }
}
