//! `crosstie sim`: whole networks in virtual time.
//!
//! A failure prints the broken property and the two facts that contradict each other, then the line that replays it,
//! then where the log is.

mod explore;
mod interrupt;
mod log;
mod one;
mod report;
mod scale;
mod self_test;
mod shrunk;
mod trace_file;

use crate::args::SimCommand;
use crate::exit::{Failure, Outcome};
use crate::output::Output;
use serde::Serialize;
use simulator::Failure as Broken;
use simulator::scenario::{Row, Scenario, Signatures};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// A scenario as it was read, with its name for replay lines.
pub(super) struct Loaded {
    file: PathBuf,
    name: String,
    scenario: Scenario,
    /// What the file itself says; the scenario may have been told otherwise.
    own_signatures: Signatures,
    rows: Vec<Row>,
}

/// Runs the command.
pub(super) fn run(command: &SimCommand, output: &Output) -> Outcome {
    match command {
        SimCommand::Run(args) => one::run(args, false, output),
        SimCommand::Replay(args) => one::run(args, true, output),
        SimCommand::Explore(args) => explore::run(args, output),
        SimCommand::Shrink(args) => shrunk::run(args, output),
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
    let own_signatures = scenario.signatures;
    scenario.signatures = signatures.unwrap_or(own_signatures);
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
    Ok(Loaded { file: file.to_path_buf(), name, scenario, own_signatures, rows })
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

/// What a command needs after its name to run this scenario under this seed: file, seed, and signatures where the file
/// alone does not say them.
fn scenario_arguments(loaded: &Loaded, seed: u64) -> String {
    let Loaded { file, scenario, own_signatures, .. } = loaded;
    // Stand-ins are named always: a seed of the one is another run with the other.
    let is_said = scenario.signatures != *own_signatures || scenario.signatures == Signatures::StandIn;
    let signatures = if is_said { format!(" --signatures {}", scenario.signatures.name()) } else { String::new() };
    format!("{} --seed {seed}{signatures}", quoted(&file.to_string_lossy()))
}

fn replay_line(loaded: &Loaded, seed: u64, faults: Option<&[usize]>) -> String {
    let faults = faults.map_or_else(String::new, |numbers| {
        let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
        format!(" --faults {}", if numbers.is_empty() { "none".to_owned() } else { numbers.join(",") })
    });
    format!("crosstie sim replay {}{faults}", scenario_arguments(loaded, seed))
}

/// A word as a shell reads it.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "_-./:@%+=,".contains(letter);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

/// Writes a log; one that cannot be written is no reason to keep quiet about what it would hold.
fn written(file: PathBuf, trial: &simulator::trial::Trial, replay: &str, output: &Output) -> Option<PathBuf> {
    match log::write(&file, trial, replay) {
        Ok(()) => Some(file),
        Err(failure) => {
            output.warn(format_args!("the log could not be written: {failure}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(file: &str, own: Signatures, chosen: Signatures) -> Loaded {
        let mut scenario = Scenario::parse("length_ms = 1000").expect("a scenario");
        scenario.signatures = chosen;
        Loaded { file: file.into(), name: "name".into(), scenario, own_signatures: own, rows: Vec::new() }
    }

    #[test]
    fn a_replay_line_names_the_signatures_that_the_file_does_not() {
        use Signatures::{Real, StandIn};
        let line = |own, chosen| replay_line(&loaded("a.toml", own, chosen), 7, None);
        assert_eq!(line(Real, Real), "crosstie sim replay a.toml --seed 7");
        assert_eq!(line(StandIn, Real), "crosstie sim replay a.toml --seed 7 --signatures real");
        assert_eq!(line(Real, StandIn), "crosstie sim replay a.toml --seed 7 --signatures stand-in");
        assert_eq!(line(StandIn, StandIn), "crosstie sim replay a.toml --seed 7 --signatures stand-in");
    }

    #[test]
    fn a_replay_line_can_be_pasted_into_a_shell() {
        let line = |file: &str| replay_line(&loaded(file, Signatures::Real, Signatures::Real), 7, Some(&[3, 8]));
        assert_eq!(line("a.toml"), "crosstie sim replay a.toml --seed 7 --faults 3,8");
        assert_eq!(line("my tests/it's.toml"), r"crosstie sim replay 'my tests/it'\''s.toml' --seed 7 --faults 3,8");
        assert!(replay_line(&loaded("a", Signatures::Real, Signatures::Real), 7, Some(&[])).ends_with("--faults none"));
    }
}
