//! One trial: `crosstie sim run` and `crosstie sim replay`.

use super::trace_file::TraceFile;
use super::{BrokenTold, Loaded, load, log, replay_line, report, scenario_arguments, written};
use crate::args::SimRunArgs;
use crate::exit::{Failure, Outcome};
use crate::output::Output;
use serde::Serialize;
use simulator::Seed;
use simulator::scenario::Schedule;
use simulator::trial::{self, Trial, count_by_kind};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

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

/// Runs the scenario; a replay keeps the log of a trial that breaks nothing, too.
pub(super) fn run(args: &SimRunArgs, keeps_log: bool, output: &Output) -> Outcome {
    let loaded = load(&args.scenario, args.signatures)?;
    let only = args.faults.as_ref().map(|faults| faults.0.as_slice());
    check_faults(&loaded, args.seed, only.unwrap_or_default())?;
    let replay = replay_line(&loaded, args.seed, only);
    let trace = args.trace.as_ref().map(|file| TraceFile::create(file)).transpose()?;
    let spinner = output.progress(None, "{spinner} {msg}");
    spinner.set_message(format!("{}, seed {}", loaded.name, args.seed));
    spinner.enable_steady_tick(std::time::Duration::from_millis(120));
    let sink = trace.as_ref().map(TraceFile::sink);
    let trial = trial::run_caught(&loaded.name, &loaded.scenario, &loaded.rows, Seed(args.seed), only, sink);
    spinner.finish_and_clear();
    // The verdict is told before any failure to write a file ends the command.
    let trace = trace.map_or(Ok(()), TraceFile::end);
    let page = args.report.as_ref().map_or(Ok(()), |page| report::write(page, &loaded, &trial, &replay));
    let default_log = || PathBuf::from(format!("crosstie-sim-{}-{}.log", loaded.name, args.seed));
    let (log, logged) = match &args.log {
        Some(file) => {
            let logged = log::write(file, &trial, &replay);
            (logged.is_ok().then(|| file.clone()), logged)
        }
        None if keeps_log || trial.failure.is_some() => (written(default_log(), &trial, &replay, output), Ok(())),
        None => (None, Ok(())),
    };
    let told = tell(&loaded, &trial, &replay, log.clone());
    output.data(&told, words);
    if let (Some(log), true) = (&log, trial.failure.is_none()) {
        output.say(format_args!("the log is in {}", log.display()));
    }
    let files = [trace, page, logged];
    let Some(broken) = &trial.failure else { return files.into_iter().collect() };
    for failure in files.into_iter().filter_map(Result::err) {
        output.warn(failure);
    }
    Err(Failure::refused(format!("a property is broken: {}", broken.property)).next(format!(
        "`crosstie sim shrink {}` finds the fewest faults that break it",
        scenario_arguments(&loaded, args.seed)
    )))
}

/// Every number must be one of the seed's schedule.
fn check_faults(loaded: &Loaded, seed: u64, numbers: &[usize]) -> Outcome {
    let schedule = Schedule::new(&loaded.scenario.faults, loaded.scenario.length_ms, Seed(seed));
    let count = schedule.strikes().len();
    let Some(number) = numbers.iter().find(|number| **number >= count) else { return Ok(()) };
    let has = match count {
        0 => "no fault".to_owned(),
        1 => "one fault, number 0".to_owned(),
        count => format!("{count} faults, numbers 0 to {}", count - 1),
    };
    Err(Failure::usage(format!("--faults: there is no fault {number}; seed {seed} of {} has {has}", loaded.name))
        .next(format!("`crosstie sim replay {}` writes them all to its log", scenario_arguments(loaded, seed))))
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
    let broken = told.broken.as_ref().map(|broken| broken.property);
    let is_broken = |line: &&String| broken.is_some_and(|name| line.split(": ").next() == Some(name));
    // Some are asked of the whole run and see nothing of their own: they are listed when they break.
    if let Some(name) = broken.filter(|_| !told.properties.iter().any(|line| is_broken(&line))) {
        let _ignored = writeln!(text, "{:<26} {name}", "property BROKEN");
    }
    for property in &told.properties {
        let verdict = if is_broken(&property) { "property BROKEN, saw" } else { "property holds, saw" };
        let _ignored = writeln!(text, "{verdict:<26} {property}");
    }
    for name in &told.left_out {
        let _ignored = writeln!(text, "{:<26} {name}", "property not checked");
    }
    text
}
