//! Runs scenario files under seeds and prints one line per trial, the same line in every build of the same code.
//!
//! `trials [--first-seed N] [--seeds N] [--cpu] [--signatures real|stand-in] FILE…`: scenario, seed, trace hash, events, broken property and its two facts if any. With
//! `--cpu` also the CPU time of this thread, and the virtual seconds that passed per CPU second. Nothing but floors 0 to 3
//! and the simulator is in it: no storage, no network. `scripts/trace-hashes` compares its lines from several builds.
//! Exit 1: a property is broken. Exit 2: wrong arguments, or a scenario that cannot be read.
#![allow(clippy::print_stdout)]

use cpu_time::ThreadTime;
use simulator::Seed;
use simulator::scenario::{Scenario, Signatures};
use simulator::trial;
use std::path::Path;
use std::process::ExitCode;

/// What is asked.
struct Asked {
    first_seed: u64,
    seeds: u64,
    tells_cpu: bool,
    signatures: Option<Signatures>,
    files: Vec<String>,
}

fn asked() -> Result<Asked, String> {
    let mut asked = Asked { first_seed: 1, seeds: 1, tells_cpu: false, signatures: None, files: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().and_then(|value| value.parse().ok());
            value.ok_or_else(|| format!("{argument} takes a number"))
        };
        match argument.as_str() {
            "--first-seed" => asked.first_seed = number()?,
            "--seeds" => asked.seeds = number()?,
            "--signatures" => {
                let named = arguments.next().and_then(|name| Signatures::named(&name));
                asked.signatures = Some(named.ok_or("--signatures takes real or stand-in")?);
            }
            "--cpu" => asked.tells_cpu = true,
            other if other.starts_with("--") => return Err(format!("there is no option {other}")),
            file => asked.files.push(file.to_owned()),
        }
    }
    if asked.files.is_empty() { Err("name at least one scenario file".to_owned()) } else { Ok(asked) }
}

/// Runs what is asked; whether no property broke.
fn run(asked: &Asked) -> Result<bool, String> {
    let mut all_hold = true;
    for file in &asked.files {
        let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
        let path = Path::new(file);
        let wrong = |error| format!("{file}: {error}");
        let mut scenario = Scenario::parse(&read(path)?).map_err(wrong)?;
        scenario.signatures = asked.signatures.unwrap_or(scenario.signatures);
        scenario.signatures.check().map_err(wrong)?;
        let rows = match &scenario.workload.file {
            None => Vec::new(),
            Some(data) => scenario.rows(&read(&path.with_file_name(data))?).map_err(wrong)?,
        };
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        for seed in (0..asked.seeds).map(|number| Seed(asked.first_seed.saturating_add(number))) {
            let started = ThreadTime::now();
            let trial = trial::run(&name, &scenario, &rows, seed, None);
            let cpu_s = started.elapsed().as_secs_f64();
            let broken = trial.failure.as_ref().map_or_else(String::new, |failure| format!(" {}", failure.property));
            print!("{name} {seed} {} {}{broken}", trial.trace_hash, trial.events);
            if asked.tells_cpu {
                let virtual_s = trial.virtual_ms as f64 / 1_000.0;
                print!(
                    " {} signatures, {cpu_s:.2} s of CPU, {virtual_s:.0} s virtual, {:.0} times as fast",
                    trial.signatures.name(),
                    virtual_s / cpu_s
                );
            }
            println!();
            if let Some(failure) = &trial.failure {
                println!("  {}\n  {}", failure.contradiction.first, failure.contradiction.second);
            }
            all_hold &= trial.failure.is_none();
        }
    }
    Ok(all_hold)
}

fn main() -> ExitCode {
    match asked().and_then(|asked| run(&asked)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(words) => {
            eprintln!("trials: {words}");
            ExitCode::from(2)
        }
    }
}
