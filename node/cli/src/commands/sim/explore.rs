//! Many seeds, on several processor cores: each trial is one thread's, and no two share anything.
//!
//! Ctrl-C lets the trials under way end and tells what all have shown.

use super::interrupt::Interrupt;
use super::{BrokenTold, Loaded, load, replay_line, written};
use crate::args::SimExploreArgs;
use crate::exit::{Failure, Outcome};
use crate::output::{Output, table};
use serde::Serialize;
use simulator::Seed;
use simulator::trial::{self, Coverage, Step, Trial, count_by_kind};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How often it is told how far the trials are, where nobody watches a bar.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether Ctrl-C was pressed, between trials that end.
const LOOK_EVERY: Duration = Duration::from_millis(200);

const STOPPING: &str = "no further trial begins; those under way end first, or all at once by Ctrl-C again";

/// What is said of all trials.
#[derive(Debug, Serialize)]
struct Told {
    scenarios: Vec<String>,
    trials: u64,
    first_seed: u64,
    seeds: u64,
    jobs: usize,
    elapsed_s: f64,
    virtual_s: u64,
    events: u64,
    proposals: usize,
    ends: BTreeMap<&'static str, usize>,
    faults: BTreeMap<&'static str, usize>,
    misdeeds: BTreeMap<String, u64>,
    steps_covered: Vec<String>,
    /// Steps of the state tables that no trial took.
    steps_missed: Vec<String>,
    signatures: &'static str,
    /// Properties that at least one of the scenarios does not ask for.
    left_out: BTreeSet<&'static str>,
    broken: Vec<BrokenTold>,
}

/// Runs the seeds.
pub(super) fn run(args: &SimExploreArgs, output: &Output) -> Outcome {
    let loaded = args.scenarios.iter().map(|file| load(file, args.signatures)).collect::<Outcome<Vec<Loaded>>>()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(cores, usize::from);
    let total = args.seeds.saturating_mul(loaded.len() as u64);
    if args.first_seed.checked_add(args.seeds - 1).is_none() {
        let what = format!("there are not {} seeds from {} on", args.seeds, args.first_seed);
        return Err(Failure::usage(what).next(format!("the last seed is {}", u64::MAX)));
    }
    let bar = output.progress(Some(total), "{bar:40} {pos}/{len} trials, {per_sec}, {eta} left {msg}");
    let mut told = Told {
        scenarios: loaded.iter().map(|loaded| loaded.name.clone()).collect(),
        trials: 0,
        first_seed: args.first_seed,
        seeds: args.seeds,
        jobs,
        elapsed_s: 0.0,
        virtual_s: 0,
        events: 0,
        proposals: 0,
        ends: BTreeMap::new(),
        faults: BTreeMap::new(),
        misdeeds: BTreeMap::new(),
        steps_covered: Vec::new(),
        steps_missed: Vec::new(),
        signatures: kinds(&loaded),
        left_out: loaded.iter().flat_map(|one| one.scenario.left_out()).collect(),
        broken: Vec::new(),
    };
    let mut coverage = Coverage::new();
    let interrupt = Interrupt::listen()?;
    let mut is_stopping = false;
    let (next, broken) = (AtomicU64::new(0), AtomicUsize::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        let (sender, trials) = mpsc::sync_channel::<(usize, Trial)>(jobs);
        for _ in 0..jobs {
            let (sender, loaded, next, broken, interrupt) = (sender.clone(), &loaded, &next, &broken, &interrupt);
            scope.spawn(move || {
                while broken.load(Ordering::Relaxed) < args.failures.max(1) && !interrupt.is_asked() {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    // Scenarios in turn, so that a run that is ended early has seen all of them.
                    let place = usize::try_from(number.checked_rem(loaded.len() as u64).unwrap_or(0)).unwrap_or(0);
                    let Some(one) = loaded.get(place).filter(|_| number < total) else { return };
                    let seed = Seed(args.first_seed.saturating_add(number / loaded.len() as u64));
                    let trial = trial::run_caught(&one.name, &one.scenario, &one.rows, seed, None, None);
                    if trial.failure.is_some() {
                        broken.fetch_add(1, Ordering::Relaxed);
                    }
                    if sender.send((place, trial)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut told_at = Instant::now();
        loop {
            if told_at.elapsed() >= TELL_EVERY {
                told_at = Instant::now();
                if !output.is_interactive() {
                    output.say(progress(&told, total));
                }
            }
            if interrupt.is_asked() && !is_stopping {
                is_stopping = true;
                bar.suspend(|| output.say(STOPPING));
            }
            let (place, trial) = match trials.recv_timeout(LOOK_EVERY) {
                Ok(trial) => trial,
                Err(mpsc::RecvTimeoutError::Timeout) => continue,
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            };
            add(&mut told, &mut coverage, &trial);
            bar.inc(1);
            if let (Some(failure), Some(one)) = (&trial.failure, loaded.get(place)) {
                let replay = replay_line(one, trial.seed.0, None);
                let file = PathBuf::from(format!("crosstie-sim-{}-{}.log", one.name, trial.seed));
                let log = written(file, &trial, &replay, output);
                let one = BrokenTold::new(failure, replay, log);
                bar.suspend(|| output.say(one.words()));
                told.broken.push(one);
            }
            bar.set_message(format!("{} broken", told.broken.len()));
        }
        // The last trial may have ended before it was looked.
        if interrupt.is_asked() && !is_stopping {
            output.say(STOPPING);
        }
    });
    bar.finish_and_clear();
    told.elapsed_s = (started.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    let line = |(place, from, to): &Step| format!("{place}: {from} -> {to}");
    told.steps_covered = coverage.iter().map(line).collect();
    told.steps_missed = trial::missed(&coverage).iter().map(line).collect();
    output.data(&told, words);
    match told.broken.len() {
        0 if told.trials < total => Err(interrupted(args, &told, total)),
        0 => Ok(()),
        count => Err(Failure::refused(format!("{count} of {} trials break a property", told.trials))
            .next("replay one by its line, or find the fewest faults with `crosstie sim shrink`")),
    }
}

/// Ctrl-C came before all trials had begun: where to go on. Seeds are taken in turn, and every one that began has ended.
fn interrupted(args: &SimExploreArgs, told: &Told, total: u64) -> Failure {
    let seeds = told.trials / args.scenarios.len() as u64;
    let (first, left) = (args.first_seed.saturating_add(seeds), args.seeds.saturating_sub(seeds));
    Failure::refused(format!("stopped by Ctrl-C after {} of {total} trials, none of them broken", told.trials))
        .next(format!("`--first-seed {first} --seeds {left}` goes on from there"))
}

/// The one kind of signatures of all scenarios, or that there are two.
fn kinds(loaded: &[Loaded]) -> &'static str {
    let mut kinds: Vec<&str> = loaded.iter().map(|loaded| loaded.scenario.signatures.name()).collect();
    kinds.dedup();
    if let [one] = kinds.as_slice() { one } else { "real and stand-in" }
}

fn add(told: &mut Told, coverage: &mut Coverage, trial: &Trial) {
    told.trials += 1;
    told.virtual_s += trial.virtual_ms / 1_000;
    told.events += trial.events;
    told.proposals += trial.submitted;
    for (end, count) in &trial.ends {
        *told.ends.entry(end).or_default() += count;
    }
    for (kind, count) in count_by_kind(&trial.strikes) {
        *told.faults.entry(kind).or_default() += count;
    }
    for (deed, count) in &trial.misdeeds {
        *told.misdeeds.entry(deed.clone()).or_default() += count;
    }
    coverage.extend(trial.chronicle.coverage.iter().copied());
}

/// How far the trials are.
fn progress(told: &Told, total: u64) -> String {
    let faults: Vec<String> = told.faults.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let faults = if faults.is_empty() { "none".to_owned() } else { faults.join(", ") };
    format!("{} of {total} trials, {} broken; faults so far: {faults}", told.trials, told.broken.len())
}

fn words(told: &Told) -> String {
    let misdeeds: Vec<Vec<String>> =
        told.misdeeds.iter().map(|(name, count)| vec![name.clone(), count.to_string()]).collect();
    let rows = |counts: &BTreeMap<&str, usize>| -> Vec<Vec<String>> {
        counts.iter().map(|(name, count)| vec![(*name).to_owned(), count.to_string()]).collect()
    };
    let steps = |steps: &[String]| -> Vec<Vec<String>> { steps.iter().map(|step| vec![step.clone()]).collect() };
    let left_out: Vec<&str> = told.left_out.iter().copied().collect();
    let left_out = if left_out.is_empty() {
        String::new()
    } else {
        format!("\nproperties not checked: {}\n", left_out.join("; "))
    };
    format!(
        "{} trials of {} in {} s on {} cores: {} broken; {} s of virtual time, {} events; {} signatures\n{left_out}\n{}\n{}\n{}\n{}\n{}",
        told.trials,
        told.scenarios.join(", "),
        told.elapsed_s,
        told.jobs,
        told.broken.len(),
        told.virtual_s,
        told.events,
        told.signatures,
        table(&["proposals", "count"], &rows(&told.ends)),
        table(&["faults", "count"], &rows(&told.faults)),
        table(&["misdeeds of actors", "count"], &misdeeds),
        table(&["steps of the state tables"], &steps(&told.steps_covered)),
        table(
            &[&format!("not reached: {} of {} steps", told.steps_missed.len(), trial::STEPS.len())],
            &steps(&told.steps_missed)
        ),
    )
}
