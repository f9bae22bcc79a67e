//! `crosstie sim` as a user meets it: exit codes, what a failing run says and in which order, and lines that replay it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use rustix::process::{Pid, Signal};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// It fails honestly: a chain is down until the work ends, and proposals that name it cannot commit, as the scenario expects
/// of all. The slow disks have no part in it.
const FAILS: &str = r#"
about = "A chain that is down until the work ends, and too little time for its votes"
length_ms = 12000

[network]
subchains = 2

[workload]
proposals_per_s = 1
t_prep = 10

[expect]
committed = "all"

[[fault]]
kind = "slow-disk"
target = { subchain = "chain-0" }
at_ms = 1000
every_ms = 3000
for_ms = 1000

[[fault]]
kind = "crash"
target = { whole-subchain = "chain-1" }
at_ms = 4000
for_ms = 60000
"#;
/// Nothing is asked of it that it could not keep.
const HOLDS: &str = "length_ms = 2000";
const EXPECTED: &str = "expectations of the scenario";
/// A shell must be told of the blank and of the quotation mark.
const FILE: &str = "it's a scenario.toml";

/// A directory with the scenario in it, where commands run.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::write(place.file(FILE), FAILS).unwrap();
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: impl AsRef<Path>) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn sim(&self, arguments: &[&str]) -> Told {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosstie"));
        Told::of(command.arg("sim").args(arguments).current_dir(self.0.path()).output().unwrap())
    }

    /// Runs a line that was printed as somebody does who pastes it into a shell.
    fn paste(&self, line: &str, more: &str) -> Told {
        let binary = Path::new(env!("CARGO_BIN_EXE_crosstie"));
        let path = std::env::join_paths([binary.parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        let mut shell = Command::new("sh");
        let line = format!("{line} {more}");
        Told::of(shell.args(["-c", &line]).env("PATH", path).current_dir(self.0.path()).output().unwrap())
    }
}

/// What a command said, and how it ended.
struct Told {
    code: i32,
    out: String,
    err: String,
}

impl Told {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The first line of stdout, with `--json`.
    fn json(&self) -> Value {
        serde_json::from_str(self.out.lines().next().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.out, self.err))
    }
}

/// They stand in this order.
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { panic!("{part:?} is not where it belongs in\n{text}") };
        rest = after;
    }
}

#[test]
fn a_run_in_which_everything_holds_exits_with_0_and_leaves_no_log() {
    let place = Place::new();
    let told = place.sim(&["run", FILE, "--faults", "none"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("property holds, saw        agreement: "), "{}", told.out);
    assert!(!told.out.contains("BROKEN") && !told.out.contains("chronicle"), "{}", told.out);
    assert_eq!(std::fs::read_dir(place.0.path()).unwrap().count(), 1, "nothing but the scenario");
}

#[test]
fn a_failing_run_tells_property_facts_replay_and_log_and_exits_with_1() {
    let place = Place::new();
    let told = place.sim(&["run", FILE]);
    assert_eq!(told.code, 1);
    let replay = r"crosstie sim replay 'it'\''s a scenario.toml' --seed 1";
    in_order(
        &told.out,
        &[EXPECTED, "\n  one fact: ", "\n  the other: ", "\n  replay:     ", replay, "\n  log:        "],
    );
    in_order(
        &told.out,
        &["\nscenario ", &format!("\nproperty BROKEN            {EXPECTED}\n"), "\nproperty holds, saw"],
    );
    // A broken property does not hold, and what only watches is none.
    let holds: Vec<&str> = told.out.lines().filter(|line| line.starts_with("property holds")).collect();
    assert!(holds.len() > 5 && !holds.iter().any(|line| line.contains(EXPECTED) || line.contains("chronicle")));
    in_order(&told.err, &[EXPECTED, r"`crosstie sim shrink 'it'\''s a scenario.toml' --seed 1`"]);
    let log = place.read("crosstie-sim-it's a scenario-1.log");
    in_order(
        &log,
        &[&format!("replay: {replay}\n"), &format!("\nBROKEN: {EXPECTED} at "), "\nFaults", "\nThe last events"],
    );
}

#[test]
fn the_printed_line_replays_the_same_failure() {
    let place = Place::new();
    let first = place.sim(&["run", FILE, "--seed", "2", "--json"]);
    assert_eq!(first.code, 1, "{}", first.err);
    let first = first.json();
    let again = place.paste(first["broken"]["replay"].as_str().unwrap(), "--json");
    assert_eq!(again.code, 1, "{}", again.err);
    assert_eq!(again.json(), first, "every event of it is the same");
}

#[test]
fn shrinking_leaves_the_one_fault_that_matters_and_a_line_that_replays_it() {
    let place = Place::new();
    let told = place.sim(&["shrink", FILE, "--seed", "1", "--json"]);
    assert_eq!(told.code, 0, "{}", told.err);
    let told = told.json();
    assert_eq!((told["is_minimal"].as_bool(), told["faults_before"].as_u64()), (Some(true), Some(5)), "{told}");
    let left = told["faults_left"].as_array().unwrap();
    assert!(left.len() == 1 && left[0].as_str().unwrap().contains("crash"), "{told}");
    assert_eq!(told["broken"]["property"], EXPECTED);
    let again = place.paste(told["broken"]["replay"].as_str().unwrap(), "--json");
    assert_eq!(again.code, 1, "{}", again.err);
    for field in ["property", "one_fact", "other_fact", "at_ms", "replay"] {
        assert_eq!(again.json()["broken"][field], told["broken"][field], "{field}");
    }
    std::fs::write(place.file("holds.toml"), HOLDS).unwrap();
    let holds = place.sim(&["shrink", "holds.toml", "--seed", "5"]);
    assert_eq!(holds.code, 1, "nothing to shrink: {}", holds.out);
    assert!(holds.err.contains("breaks no property"), "{}", holds.err);
}

#[test]
fn exploring_tells_every_failure_and_the_steps_that_nobody_took() {
    let place = Place::new();
    let told = place.sim(&["explore", FILE, "--seeds", "2", "--failures", "9", "--jobs", "1", "--json"]);
    assert_eq!(told.code, 1, "{}", told.err);
    let json = told.json();
    let broken = json["broken"].as_array().unwrap();
    assert_eq!((json["trials"].as_u64(), broken.len()), (Some(2), 2), "{json}");
    for one in broken {
        assert_eq!(one["property"], EXPECTED);
        in_order(&told.err, &[EXPECTED, one["replay"].as_str().unwrap(), one["log"].as_str().unwrap()]);
        assert!(place.file(one["log"].as_str().unwrap()).exists());
    }
    let steps = |field: &str| -> Vec<String> {
        json[field].as_array().unwrap().iter().map(|step| step.as_str().unwrap().to_owned()).collect()
    };
    let (covered, missed) = (steps("steps_covered"), steps("steps_missed"));
    assert!(covered.iter().any(|step| step == "proposal: committing -> committed"), "{covered:?}");
    assert!(missed.iter().any(|step| step == "leg on its subchain: none -> disputed"), "{missed:?}");
    assert!(!missed.iter().any(|step| covered.contains(step)), "{missed:?}");
    std::fs::write(place.file("holds.toml"), HOLDS).unwrap();
    let held = place.sim(&["explore", "holds.toml", "--seeds", "1", "--first-seed", "5"]);
    assert_eq!(held.code, 0, "{}", held.err);
    in_order(&held.out, &["1 trials", "0 broken", "steps of the state tables", "not reached: "]);
}

#[test]
fn ctrl_c_ends_an_exploration_with_what_it_has_seen_and_where_to_go_on() {
    let place = Place::new();
    std::fs::write(place.file("holds.toml"), HOLDS).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstie"));
    command.args(["sim", "explore", "holds.toml", "--seeds", "1000000", "--first-seed", "5", "--jobs", "1", "--json"]);
    command.current_dir(place.0.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !catches_interrupts(child.id()) {
        assert!(child.try_wait().unwrap().is_none() && Instant::now() < deadline, "it never listened");
        std::thread::yield_now();
    }
    rustix::process::kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let told = Told::of(child.wait_with_output().unwrap());
    assert_eq!(told.code, 1, "{}", told.err);
    let json = told.json();
    let trials = json["trials"].as_u64().unwrap();
    assert!(trials < 1_000_000 && json["broken"].as_array().unwrap().is_empty(), "{json}");
    let goes_on = format!("--first-seed {} --seeds {}", 5 + trials, 1_000_000 - trials);
    in_order(&told.err, &["no further trial begins", "stopped by Ctrl-C", "none of them broken", &goes_on]);
}

/// Whether a process would survive Ctrl-C: the second bit of the signals that it catches.
fn catches_interrupts(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 0b10 != 0)
}

#[test]
fn wrong_use_exits_with_2_and_says_what_there_is() {
    let place = Place::new();
    for (arguments, says) in [
        (
            &["replay", FILE, "--faults", "0,9999"][..],
            "no fault 9999; seed 1 of it's a scenario has 5 faults, numbers 0 to 4",
        ),
        (&["explore", FILE, "--seeds", "0"], "--seeds"),
        (&["explore", FILE, "--seeds", "2", "--first-seed", "18446744073709551615"], "there are not 2 seeds"),
        (&["run", FILE, "--signatures", "none"], "there are `real` and `stand-in`"),
        (&["run"], "FILE"),
    ] {
        let told = place.sim(arguments);
        assert_eq!(told.code, 2, "{arguments:?}: {}", told.err);
        assert!(told.err.contains(says), "{arguments:?}: {}", told.err);
    }
}

#[test]
fn a_file_that_cannot_be_used_exits_with_5_and_hides_no_verdict() {
    let place = Place::new();
    std::fs::write(place.file("wrong.toml"), FAILS.replace("length_ms", "lenght_ms")).unwrap();
    let told = place.sim(&["run", "wrong.toml"]);
    assert_eq!(told.code, 5);
    assert!(told.err.contains("lenght_ms") && told.err.contains("wrong.toml"), "{}", told.err);
    for option in ["--log", "--report"] {
        let held = place.sim(&["run", FILE, "--faults", "none", option, "no such folder/file"]);
        assert_eq!(held.code, 5, "{}", held.err);
        assert!(held.out.contains("property holds, saw"), "{}", held.out);
        let broken = place.sim(&["run", FILE, option, "no such folder/file"]);
        assert_eq!(broken.code, 1, "{}", broken.err);
        assert!(broken.out.contains(EXPECTED), "{}", broken.out);
        in_order(&broken.err, &["warning: ", "no such folder/file", "error: a property is broken"]);
    }
}

#[test]
fn a_trace_has_every_line_and_is_the_same_each_time() {
    let place = Place::new();
    let one = place.sim(&["replay", FILE, "--trace", "one", "--json"]);
    let two = place.sim(&["run", FILE, "--trace", "two"]);
    assert_eq!((one.code, two.code), (1, 1), "{}{}", one.err, two.err);
    let trace = place.read("one");
    assert!(trace == place.read("two"), "one seed, one trace");
    let lines: Vec<&str> = trace.lines().collect();
    assert!(lines.len() as u64 > one.json()["events"].as_u64().unwrap(), "events, and the effects of them");
    assert!(lines.iter().any(|line| line.contains("  crashed ")), "the faults are in it");
    let log = place.read("crosstie-sim-it's a scenario-1.log");
    let (_, last) = log.split_once("\nThe last events\n").unwrap();
    let last: Vec<&str> = last.lines().map(|line| &line[2..]).collect();
    assert_eq!(last, lines[lines.len() - 40..]);
}

#[test]
fn the_page_is_one_file_that_asks_nobody() {
    let place = Place::new();
    assert_eq!(place.sim(&["run", FILE, "--report", "page.html"]).code, 1);
    let page = place.read("page.html");
    // The name of a language, which is never fetched.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for request in ["http:", "https:", "src=", "@import", "url(", "fetch(", "XMLHttpRequest"] {
        assert!(!page.contains(request), "{request}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains("/*STYLE*/") && !page.contains("/*SCRIPT*/") && !page.contains("/*DATA*/"));
    let (_, data) = page.split_once("id=\"trial-data\">").unwrap();
    let data: Value = serde_json::from_str(data.split("</script>").next().unwrap()).unwrap();
    assert_eq!(data["broken"]["property"], EXPECTED);
    assert_eq!(data["lanes"].as_u64(), Some(data["proposals"].as_array().unwrap().len() as u64));
    // Strikes alone are faults.
    assert_eq!(data["fault_counts"], serde_json::json!({ "crash": 1, "slow-disk": 4 }));
}
