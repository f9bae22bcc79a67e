//! A network from nothing with the real binary: up, write, read, prove, load, stop, go on.
//!
//! Every wait has a deadline. Ports are chosen by the system, so several of these tests run side by side.
#![allow(missing_docs)]

use ledger_protocol::chain::{Contradiction, Equivocation, Signed, VoteChoice, VoteKind, vote_sign_bytes};
use ledger_protocol::{Hash, Height, Round};
use node_runtime::config;
use node_runtime::evidence::Kept;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const READY: Duration = Duration::from_secs(150);
const STOPPED: Duration = Duration::from_secs(60);

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstie"));
    command.env_remove("CROSSTIE_DIR");
    command
}

/// A running `up`, stopped at the end of the test whatever happens.
struct Up {
    process: Child,
    events: Receiver<Value>,
}

impl Up {
    fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut process = binary()
            .arg("up")
            .args(arguments)
            .args(["--json", "--dir"])
            .arg(directory)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stdout = process.stdout.take().expect("stdout is piped");
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).expect("every line is JSON");
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        Self { process, events }
    }

    /// Waits for an event of this kind.
    fn event(&self, kind: &str, patience: Duration) -> Value {
        let deadline = Instant::now() + patience;
        loop {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) if event["event"] == kind => return event,
                Ok(event) => assert!(event.get("error").is_none(), "up failed: {event}"),
                Err(RecvTimeoutError::Timeout) => panic!("no event {kind} within {patience:?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("up ended before the event {kind}"),
            }
        }
    }

    fn signal(&self, name: &str) {
        signal(u64::from(self.process.id()), name);
    }

    /// Stops it as Ctrl-C does, and expects a clean end.
    fn stop(mut self) {
        self.signal("INT");
        self.event("stopped", STOPPED);
        let deadline = Instant::now() + STOPPED;
        loop {
            match self.process.try_wait().expect("its state is known") {
                Some(status) => {
                    assert_eq!(status.code(), Some(0), "a clean stop");
                    return;
                }
                None => assert!(Instant::now() < deadline, "it does not end"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            self.signal("TERM");
            let deadline = Instant::now() + STOPPED;
            while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(50));
            }
            self.process.kill().ok();
            self.process.wait().ok();
        }
    }
}

fn signal(pid: u64, name: &str) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
    let signal = match name {
        "INT" => rustix::process::Signal::INT,
        "TERM" => rustix::process::Signal::TERM,
        _ => rustix::process::Signal::KILL,
    };
    rustix::process::kill_process(pid, signal).ok();
}

/// Runs a command; gives exit code and the first JSON line.
fn crosstie(directory: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = binary().args(arguments).args(["--json", "--dir"]).arg(directory).output().expect("the binary runs");
    let code = output.status.code().expect("it ends by itself");
    let line = output.stdout.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let shown = serde_json::from_slice(line).unwrap_or(Value::Null);
    if code != 0 {
        eprintln!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    (code, shown)
}

fn ok(directory: &Path, arguments: &[&str]) -> Value {
    let (code, shown) = crosstie(directory, arguments);
    assert_eq!(code, 0, "{arguments:?}: {shown}");
    shown
}

#[test]
fn process_up_writes_reads_stops_and_goes_on() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("net");
    let up = Up::start(&directory, &["--subchains", "1", "--validators", "1"]);
    let ready = up.event("ready", READY);
    assert_eq!(ready["admitted"][0], "subchain-1");

    let set = ok(&directory, &["tx", "set", "subchain-1", "1", "book", "greeting", "hello"]);
    assert_eq!((&set["state"], &set["receipt"]["code"]), (&Value::from("final"), &Value::from(0)));
    let found = ok(&directory, &["get", "subchain-1", "1", "book", "greeting"]);
    assert_eq!((&found["value"]["text"], &found["version"]), (&Value::from("hello"), &Value::from(0)));
    // A write that expects nothing there is refused, by a receipt.
    let (code, shown) =
        crosstie(&directory, &["tx", "set", "subchain-1", "1", "book", "greeting", "x", "--expect", "absent"]);
    assert_eq!((code, &shown["error"]["code"]), (1, &Value::from(30)));
    assert_eq!(crosstie(&directory, &["get", "subchain-1", "1", "book", "nothing"]).0, 3);
    reports_a_validator_that_signs_twice(&directory);
    up.stop();
    assert_eq!(crosstie(&directory, &["get", "subchain-1", "1", "book", "greeting"]).0, 4);

    let again = Up::start(&directory, &["--subchains", "1", "--validators", "1"]);
    let ready = again.event("ready", READY);
    assert_eq!(ready["admitted"].as_array().map(Vec::len), Some(0), "registered once");
    let found = ok(&directory, &["get", "subchain-1", "1", "book", "greeting"]);
    assert_eq!(found["value"]["text"], "hello");
    again.stop();
}

/// Signs two votes of one round with the subchain's own validator key, has its node keep them, and reports them.
fn reports_a_validator_that_signs_twice(directory: &Path) {
    let network = config::read_network(directory).expect("a network");
    let hosts = |node: &&node_api::NodeEntry| node.replicas.iter().any(|replica| replica.chain == "subchain-1");
    let node = network.nodes.iter().find(hosts).expect("a node of the subchain");
    let node = config::node_config(directory, &network, node).expect("its configuration");
    let replica = node.replicas.iter().find(|replica| replica.chain_name == "subchain-1").expect("its replica");
    let (kind, chain, height, round) = (replica.genesis.kind, replica.genesis.chain_id(), Height(1), Round(0));
    let vote = |choice: VoteChoice| {
        let bytes = vote_sign_bytes(VoteKind::Prevote, kind, &chain, height, round, choice.header_hash());
        Signed { choice, signature: replica.vote_key.sign(&bytes) }
    };
    let [one, other] = [VoteChoice::Nil, VoteChoice::Block(Hash([5; 32]))].map(vote);
    let contradiction = Contradiction::of_votes(VoteKind::Prevote, one, other);
    let equivocation =
        Equivocation { kind, chain, height, round, validator: replica.vote_key.public_key(), contradiction };

    let doubts = |shown: &Value| -> Vec<Value> {
        let checks = shown["checks"].as_array().expect("a list").iter();
        checks.filter(|check| check["check"] == "equivocations").cloned().collect()
    };
    assert_eq!(doubts(&ok(directory, &["doctor"]))[0]["verdict"], "ok");
    let Kept::New(file) = node.evidence.keep(&equivocation).expect("a disk") else { panic!("it is new") };
    let name = file.to_str().expect("a path in UTF-8");
    let doubts = doubts(&ok(directory, &["doctor"]));
    assert_eq!((doubts.len(), &doubts[0]["verdict"]), (1, &Value::from("warn")));
    assert!(doubts[0]["next"].as_str().is_some_and(|next| next.contains(name)), "{doubts:?}");

    let reported = ok(directory, &["chain", "report-equivocation", name]);
    assert_eq!((&reported["height"], &reported["step"]), (&Value::from(1), &Value::from("prevote")));
    assert_eq!(reported["validator"], equivocation.address().to_string());
    assert_eq!(reported["transaction"]["receipt"]["code"], 0);
    let (code, shown) = crosstie(directory, &["chain", "report-equivocation", name, "--as", "operator-subchain-1"]);
    assert_eq!((code, &shown["error"]["code"]), (1, &Value::from(121)), "{shown}");
    let forged = file.with_file_name("forged.equivocation");
    std::fs::write(&forged, Equivocation { round: Round(1), ..equivocation }.to_file()).expect("a file");
    let (code, _) = crosstie(directory, &["chain", "report-equivocation", forged.to_str().expect("a path in UTF-8")]);
    assert_eq!(code, 5);
}

#[test]
fn process_up_proves_what_it_wrote() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("net");
    let up = Up::start(&directory, &["--subchains", "1", "--validators", "1", "--suite", "guomi"]);
    up.event("ready", READY);
    let set = ok(&directory, &["tx", "set", "subchain-1", "1", "book", "greeting", "hello"]);
    let id = set["id"].as_str().expect("an id").to_owned();
    let file = |name: &str| home.path().join(name).to_str().expect("a path in UTF-8").to_owned();
    let (proof, trusted) = (file("tx.proof"), file("tx.checkpoint"));
    ok(&directory, &["proof", "get", "transaction", "subchain-1", &id, "--out", &proof, "--checkpoint-out", &trusted]);
    let (value, value_trusted) = (file("value.proof"), file("value.checkpoint"));
    let arguments = [
        "proof",
        "get",
        "value",
        "subchain-1",
        "1",
        "book",
        "greeting",
        "--out",
        &value,
        "--checkpoint-out",
        &value_trusted,
    ];
    ok(&directory, &arguments);
    up.stop();
    // Offline from here on.
    let nowhere = home.path().join("nowhere");
    let shown = ok(&nowhere, &["proof", "verify", &proof, "--checkpoint", &trusted]);
    assert_eq!((&shown["verified"], &shown["kind"]), (&Value::Bool(true), &Value::from("transaction")));
    let shown = ok(&nowhere, &["proof", "verify", &value, "--checkpoint", &value_trusted]);
    assert_eq!(shown["facts"]["value"]["held"]["content"]["plain"]["text"], "hello");
    let mut bytes = std::fs::read(&proof).expect("the proof");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let tampered = file("tampered.proof");
    std::fs::write(&tampered, bytes).expect("a file");
    assert_eq!(crosstie(&nowhere, &["proof", "verify", &tampered, "--checkpoint", &trusted]).0, 1);
}

#[test]
fn process_load_goes_on_and_doubles_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("net");
    let csv = home.path().join("rows.csv");
    let mut content = String::from("id,amount\n");
    for row in 0..500 {
        content.push_str(&format!("r{row},{}\n", row * 3));
    }
    std::fs::write(&csv, format!("{content}r500\n")).expect("a file");
    let up = Up::start(&directory, &["--subchains", "1", "--validators", "1"]);
    up.event("ready", READY);
    let name = csv.to_str().expect("a path in UTF-8");
    let arguments = ["load", name, "--chain", "subchain-1", "--account", "book"];
    let (code, shown) = crosstie(&directory, &arguments);
    assert_eq!(code, 5);
    assert!(shown["error"]["where"].as_str().is_some_and(|place| place.ends_with("rows.csv:502")), "{shown}");
    // What was loaded stays; the corrected file goes on; a changed row is a new version; a second load writes nothing.
    std::fs::write(&csv, format!("{}r500,1500\n", content.replace("r7,21\n", "r7,22\n"))).expect("a file");
    let loaded = ok(&directory, &arguments);
    let counts = |loaded: &Value| {
        [&loaded["created"], &loaded["updated"], &loaded["unchanged"]].map(|it| it.as_u64().unwrap_or(99_999))
    };
    assert_eq!(counts(&loaded), [1, 1, 499]);
    let loaded = ok(&directory, &arguments);
    assert_eq!(counts(&loaded), [0, 0, 501]);
    let history = ok(&directory, &["history", "subchain-1", "1", "book", "r7"]);
    assert_eq!(history["versions"].as_array().map(Vec::len), Some(2));
    up.stop();
}

#[test]
fn process_per_validator_reports_a_dead_one_and_decides_a_proposal() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("net");
    let up = Up::start(&directory, &["--subchains", "2", "--validators", "1", "--processes"]);
    let mut pid_of_second = None;
    for _ in 0..3 {
        let node = up.event("node", READY);
        if node["name"] == "subchain-2-0" {
            pid_of_second = node["pid"].as_u64();
        }
    }
    up.event("ready", READY);
    let description = home.path().join("pay.toml");
    std::fs::write(
        &description,
        "[[legs]]\nchain = \"subchain-1\"\noperations = [ { set = { account = \"book\", key = \"flight\", value = \"left\" } } ]\n\
         [[legs]]\nchain = \"subchain-2\"\noperations = [ { set = { account = \"book\", key = \"slot\", value = \"taken\" } } ]\n",
    )
    .expect("a file");
    let file = |name: &str| home.path().join(name).to_str().expect("a path in UTF-8").to_owned();
    let (described, proposal) = (file("pay.toml"), file("pay.proposal"));
    let made = ok(&directory, &["proposal", "new", &described, "--out", &proposal]);
    let id = made["proposal"].as_str().expect("an id").to_owned();
    assert_eq!(ok(&directory, &["proposal", "dry-run", &proposal])["would_commit"], true);
    ok(&directory, &["proposal", "submit", &proposal, "--watch"]);
    for (chain, key, value) in [("subchain-1", "flight", "left"), ("subchain-2", "slot", "taken")] {
        assert_eq!(ok(&directory, &["get", chain, "1", "book", key])["value"]["text"], value);
    }
    one_party_signs_elsewhere(&directory, home.path());
    let (bundle, trusted) = (file("pay.bundle"), file("relay.checkpoint"));
    ok(&directory, &["bundle", "get", &id, "--out", &bundle, "--checkpoint-out", &trusted]);

    signal(pid_of_second.expect("its process id"), "KILL");
    let died = up.event("node_died", STOPPED);
    assert_eq!(died["name"], "subchain-2-0");
    // The others keep running.
    ok(&directory, &["tx", "set", "subchain-1", "1", "book", "later", "1"]);
    up.stop();
    let shown = ok(&home.path().join("nowhere"), &["bundle", "verify", &bundle, "--checkpoint", &trusted]);
    assert_eq!(shown["facts"]["decision"]["verdict"], "commit");
    assert_eq!(shown["facts"]["complete"], true);
}

/// The key of one leg's authoriser is not where the proposal is made: its address stands in the description.
fn one_party_signs_elsewhere(directory: &Path, home: &Path) {
    let keys = ok(directory, &["key", "list"]);
    let entry = keys["keys"].as_array().and_then(|keys| keys.iter().find(|key| key["name"] == "operator-subchain-2"));
    let entry = entry.expect("the key that `up` made");
    let (address, kept) = (entry["address"].as_str().expect("an address"), entry["file"].as_str().expect("a file"));
    let away = home.join("away");
    std::fs::rename(kept, &away).expect("the key moves");
    let file = |name: &str| home.join(name).to_str().expect("a path in UTF-8").to_owned();
    let (described, proposal, signed) = (file("round.toml"), file("round.proposal"), file("signed.proposal"));
    let legs = format!(
        "[[legs]]\nchain = \"subchain-1\"\noperations = [ {{ set = {{ account = \"book\", key = \"round\", value = \"1\" }} }} ]\n\
         [[legs]]\nchain = \"subchain-2\"\nauthorisers = [\"{address}\"]\n\
         operations = [ {{ set = {{ account = \"book\", key = \"round\", value = \"1\" }} }} ]\n"
    );
    std::fs::write(&described, legs).expect("a file");
    assert_eq!(ok(directory, &["proposal", "new", &described, "--out", &proposal])["missing"], 1);
    let (code, _) = crosstie(directory, &["proposal", "submit", &proposal]);
    assert_eq!(code, 2, "somebody has not signed");
    assert_eq!(crosstie(directory, &["proposal", "sign", &proposal, "--as", "operator-subchain-2"]).0, 3, "not here");
    std::fs::rename(&away, kept).expect("the key is back");
    let (code, _) = crosstie(directory, &["proposal", "sign", &proposal, "--as", "admin-subchain-2"]);
    assert_eq!(code, 2, "nobody asked for this one");
    let shown = ok(directory, &["proposal", "sign", &proposal, "--as", "operator-subchain-2", "--out", &signed]);
    assert_eq!(
        (&shown["missing"], &shown["legs"][0]["operations"][0]),
        (&0.into(), &"set book round = 1 in ledger 1".into())
    );
    assert_eq!(ok(directory, &["proposal", "show", &proposal])["missing"], 1, "the file given is as it was");
    ok(directory, &["proposal", "submit", &signed, "--watch"]);
}

#[test]
fn process_a_new_chain_joins_a_running_network() {
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join("net");
    let up = Up::start(&directory, &["--subchains", "1", "--validators", "1"]);
    up.event("ready", READY);
    let created = ok(&directory, &["chain", "create", "ferry", "--validators", "1"]);
    assert_eq!(created["start"].as_array().map(Vec::len), Some(1));
    let mut node = binary();
    node.args(["node", "run", "--node", "ferry", "--json", "--dir"]).arg(&directory).stdout(Stdio::null());
    let mut node = node.spawn().expect("the node runs");
    let deadline = Instant::now() + READY;
    let active = loop {
        let registered = crosstie(&directory, &["chain", "register", "ferry"]).0 == 0;
        if registered && crosstie(&directory, &["chain", "activate", "ferry"]).0 == 0 {
            break true;
        }
        if Instant::now() >= deadline {
            break false;
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    let standing = ok(&directory, &["chain", "status", "ferry"]);
    let wrote = loop {
        let (code, _) = crosstie(&directory, &["tx", "set", "ferry", "1", "book", "greeting", "ahoy"]);
        if code == 0 || Instant::now() >= deadline {
            break code;
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    signal(u64::from(node.id()), "TERM");
    let ended = node.wait().expect("it ends");
    assert!(active, "registered and activated");
    assert_eq!(standing["registry"]["standing"]["status"], "active");
    assert_eq!((wrote, ended.code()), (0, Some(0)));
    up.stop();
}
