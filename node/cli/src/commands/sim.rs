//! `crosstie sim`: whole networks in virtual time.
//!
//! A failure prints the broken property and the two facts that contradict each other, then the line that replays it,
//! then where the log is.

mod explore;
mod log;
mod report;
mod scale;
mod self_test;

use crate::args::{SimCommand, SimRunArgs, SimShrinkArgs};
use crate::exit::{Failure, Outcome};
use crate::output::{Output, table};
use serde::Serialize;
use simulator::scenario::{Row, Scenario, Signatures};
use simulator::shrink::shrink;
use simulator::trial::{self, Trial, count_by_kind};
use simulator::{Failure as Broken, Seed};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A scenario as it was read, with its name for replay lines.
pub(super) struct Loaded {
    file: PathBuf,
    name: String,
    scenario: Scenario,
    rows: Vec<Row>,
}

/// Runs the command.
pub(super) fn run(command: &SimCommand, output: &Output) -> Outcome {
    match command {
        SimCommand::Run(args) => one(args, false, output),
        SimCommand::Replay(args) => one(args, true, output),
        SimCommand::Explore(args) => explore::run(args, output),
        SimCommand::Shrink(args) => shrink_seed(args, output),
        SimCommand::SelfTest(args) => self_test::run(args, output),
        SimCommand::Scale(args) => scale::run(args, output),
    }
}

/// Reads a scenario, and lets `--signatures` decide against it.
fn load(file: &Path, signatures: Option<Signatures>) -> Outcome<Loaded> {
    let read = |file: &Path| {
        std::fs::read_to_string(file)
            .map_err(|error| Failure::input(file, error).next("name a file that this user can read"))
    };
    let mut scenario = Scenario::parse(&read(file)?)
        .map_err(|error| Failure::input(file, error).next("docs/simulation.md lists every key of a scenario"))?;
    scenario.signatures = signatures.unwrap_or(scenario.signatures);
    let rows = match &scenario.workload.file {
        None => Vec::new(),
        Some(data) => {
            let data = file.parent().unwrap_or_else(|| Path::new(".")).join(data);
            let rows = scenario.rows(&read(&data)?);
            rows.map_err(|error| {
                Failure::input(&data, error).next("mend the row, skip it by a column, or mend the name")
            })?
        }
    };
    let name = file.file_stem().map_or_else(|| "scenario".into(), |stem| stem.to_string_lossy().into_owned());
    Ok(Loaded { file: file.to_path_buf(), name, scenario, rows })
}

/// What is said of one trial.
#[derive(Debug, Serialize)]
struct Told {
    scenario: String,
    seed: u64,
    trace_hash: String,
    events: u64,
    virtual_ms: u64,
    submitted: usize,
    ends: BTreeMap<&'static str, usize>,
    faults: BTreeMap<&'static str, usize>,
    /// What actors did, by kind.
    misdeeds: BTreeMap<String, u64>,
    /// Subchains that the relay froze.
    frozen: Vec<String>,
    states_and_steps_covered: usize,
    signatures: &'static str,
    properties: Vec<String>,
    /// Properties that the scenario does not ask for.
    left_out: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<BrokenTold>,
}

/// A broken property.
#[derive(Debug, Clone, Serialize)]
struct BrokenTold {
    property: &'static str,
    one_fact: String,
    other_fact: String,
    at_ms: u64,
    replay: String,
    log: Option<PathBuf>,
}

impl BrokenTold {
    fn new(broken: &Broken, replay: String, log: Option<PathBuf>) -> Self {
        let (one_fact, other_fact) = (broken.contradiction.first.clone(), broken.contradiction.second.clone());
        Self { property: broken.property, one_fact, other_fact, at_ms: broken.at_ms, replay, log }
    }

    fn words(&self) -> String {
        let Self { property, one_fact, other_fact, at_ms, replay, log } = self;
        let log = log.as_ref().map_or_else(String::new, |log| format!("\n  log:        {}", log.display()));
        format!(
            "{property} does not hold at {at_ms} ms\n  one fact:   {one_fact}\n  the other:  {other_fact}\n  replay:     \
             {replay}{log}"
        )
    }
}

fn replay_line(loaded: &Loaded, seed: u64, faults: Option<&[usize]>) -> String {
    let faults = faults.map_or_else(String::new, |numbers| {
        let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
        format!(" --faults {}", if numbers.is_empty() { "none".to_owned() } else { numbers.join(",") })
    });
    // Said whenever it is not the default: a seed of the one is another run with the other.
    let signatures = match loaded.scenario.signatures {
        Signatures::Real => "",
        Signatures::StandIn => " --signatures stand-in",
    };
    format!("crosstie sim replay {} --seed {seed}{faults}{signatures}", loaded.file.display())
}

fn one(args: &SimRunArgs, keeps_log: bool, output: &Output) -> Outcome {
    let loaded = load(&args.scenario, args.signatures)?;
    let only = args.faults.as_ref().map(|faults| faults.0.as_slice());
    let spinner = output.progress(None, "{spinner} {msg}");
    spinner.set_message(format!("{}, seed {}", loaded.name, args.seed));
    spinner.enable_steady_tick(std::time::Duration::from_millis(120));
    let trial = trial::run(&loaded.name, &loaded.scenario, &loaded.rows, Seed(args.seed), only);
    spinner.finish_and_clear();
    let default_log = || PathBuf::from(format!("crosstie-sim-{}-{}.log", loaded.name, args.seed));
    let log = args.log.clone().or_else(|| (keeps_log || trial.failure.is_some()).then(default_log));
    let replay = replay_line(&loaded, args.seed, only);
    if let Some(log) = &log {
        log::write(log, &trial, &replay)?;
    }
    if let Some(page) = &args.report {
        report::write(page, &loaded, &trial, &replay)?;
    }
    let told = tell(&loaded, &trial, &replay, log.clone());
    output.data(&told, words);
    if let (Some(log), true) = (&log, trial.failure.is_none()) {
        output.say(format_args!("the log is in {}", log.display()));
    }
    match &trial.failure {
        None => Ok(()),
        Some(broken) => Err(Failure::refused(format!("a property is broken: {}", broken.property)).next(format!(
            "`crosstie sim shrink {} --seed {}` finds the fewest faults that break it",
            loaded.file.display(),
            args.seed
        ))),
    }
}

fn tell(loaded: &Loaded, trial: &Trial, replay: &str, log: Option<PathBuf>) -> Told {
    Told {
        scenario: loaded.name.clone(),
        seed: trial.seed.0,
        trace_hash: trial.trace_hash.to_string(),
        events: trial.events,
        virtual_ms: trial.virtual_ms,
        submitted: trial.submitted,
        ends: trial.ends.clone(),
        faults: count_by_kind(&trial.strikes),
        misdeeds: trial.misdeeds.clone(),
        frozen: trial.frozen.clone(),
        states_and_steps_covered: trial.chronicle.coverage.len(),
        signatures: trial.signatures.name(),
        properties: trial.properties.clone(),
        left_out: trial.left_out.clone(),
        broken: trial.failure.as_ref().map(|broken| BrokenTold::new(broken, replay.to_owned(), log)),
    }
}

fn words(told: &Told) -> String {
    let mut text = String::new();
    if let Some(broken) = &told.broken {
        // Writing to a string does not fail.
        let _ignored = writeln!(text, "{}\n", broken.words());
    }
    let counts = |counts: &BTreeMap<&str, usize>| {
        let each: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        if each.is_empty() { "none".to_owned() } else { each.join(", ") }
    };
    let misdeeds: Vec<String> = told.misdeeds.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let or_none = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let rows = [
        ("scenario", format!("{}, seed {}", told.scenario, told.seed)),
        ("proposals", format!("{} submitted: {}", told.submitted, counts(&told.ends))),
        ("faults", counts(&told.faults)),
        ("misdeeds of actors", or_none(&misdeeds)),
        ("frozen subchains", or_none(&told.frozen)),
        ("steps of the state tables", told.states_and_steps_covered.to_string()),
        ("virtual time", format!("{} s, {} events", told.virtual_ms / 1_000, told.events)),
        ("signatures", told.signatures.to_owned()),
        ("trace hash", told.trace_hash.clone()),
    ];
    for (label, value) in rows {
        let _ignored = writeln!(text, "{label:<26} {value}");
    }
    for property in &told.properties {
        let _ignored = writeln!(text, "{:<26} {property}", "property holds, saw");
    }
    for name in &told.left_out {
        let _ignored = writeln!(text, "{:<26} {name}", "property not checked");
    }
    text
}

/// The fewest faults of a failing seed.
#[derive(Debug, Serialize)]
struct ShrunkTold {
    scenario: String,
    seed: u64,
    faults_before: usize,
    faults_left: Vec<String>,
    trials: usize,
    is_minimal: bool,
    broken: BrokenTold,
}

fn shrink_seed(args: &SimShrinkArgs, output: &Output) -> Outcome {
    let loaded = load(&args.scenario, args.signatures)?;
    let seed = Seed(args.seed);
    let attempt = |only: Option<&[usize]>| trial::run(&loaded.name, &loaded.scenario, &loaded.rows, seed, only);
    let first = attempt(None);
    let Some(broken) = first.failure else {
        return Err(Failure::refused(format!("seed {seed} of {} breaks no property", loaded.name))
            .next("name a seed that fails; `crosstie sim explore` finds one"));
    };
    let all: Vec<usize> = first.strikes.iter().map(|span| span.strike.number).collect();
    let bar = output.progress(Some(args.budget as u64), "{bar:40} {pos}/{len} trials {msg}");
    let shrunk = shrink(&all, args.budget, |some| {
        bar.inc(1);
        bar.set_message(format!("{} faults", some.len()));
        attempt(Some(some)).failure.is_some_and(|other| other.property == broken.property)
    });
    bar.finish_and_clear();
    let last = attempt(Some(&shrunk.strikes));
    let Some(still_broken) = &last.failure else {
        return Err(Failure::internal("the shrunk schedule does not fail; trials are not deterministic"));
    };
    let replay = replay_line(&loaded, args.seed, Some(&shrunk.strikes));
    let log = PathBuf::from(format!("crosstie-sim-{}-{}-shrunk.log", loaded.name, args.seed));
    log::write(&log, &last, &replay)?;
    let told = ShrunkTold {
        scenario: loaded.name.clone(),
        seed: args.seed,
        faults_before: all.len(),
        faults_left: last.strikes.iter().map(|span| span.strike.to_string()).collect(),
        trials: shrunk.trials,
        is_minimal: shrunk.is_minimal,
        broken: BrokenTold::new(still_broken, replay, Some(log)),
    };
    output.data(&told, |told| {
        let rows: Vec<Vec<String>> = told.faults_left.iter().map(|fault| vec![fault.clone()]).collect();
        let minimal = if told.is_minimal { "none can be left out" } else { "the budget ended the search" };
        format!(
            "{}\n\n{} of {} faults are left after {} trials; {minimal}\n{}",
            told.broken.words(),
            told.faults_left.len(),
            told.faults_before,
            told.trials,
            table(&["fault"], &rows)
        )
    });
    Ok(())
}
