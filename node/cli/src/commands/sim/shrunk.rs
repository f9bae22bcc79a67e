//! The fewest faults of a failing seed: `crosstie sim shrink`.

use super::{BrokenTold, load, replay_line, written};
use crate::args::SimShrinkArgs;
use crate::exit::{Failure, Outcome};
use crate::output::{Output, table};
use serde::Serialize;
use simulator::Seed;
use simulator::scenario::Schedule;
use simulator::shrink::shrink;
use simulator::trial;
use std::path::PathBuf;

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

/// Searches, and tells what is left.
pub(super) fn run(args: &SimShrinkArgs, output: &Output) -> Outcome {
    let loaded = load(&args.scenario, args.signatures)?;
    let seed = Seed(args.seed);
    let attempt =
        |only: Option<&[usize]>| trial::run_caught(&loaded.name, &loaded.scenario, &loaded.rows, seed, only, None);
    let first = attempt(None);
    let Some(broken) = first.failure else {
        return Err(Failure::refused(format!("seed {seed} of {} breaks no property", loaded.name))
            .next("name a seed that fails; `crosstie sim explore` finds one"));
    };
    let schedule = Schedule::new(&loaded.scenario.faults, loaded.scenario.length_ms, seed);
    let all: Vec<usize> = if first.events == 0 {
        // An assertion that failed outside of all events left nothing that tells who was struck until then.
        schedule.strikes().iter().map(|strike| strike.number).collect()
    } else {
        first.strikes.iter().map(|span| span.strike.number).collect()
    };
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
    let log = written(log, &last, &replay, output);
    let told = ShrunkTold {
        scenario: loaded.name.clone(),
        seed: args.seed,
        faults_before: all.len(),
        faults_left: schedule.only(&shrunk.strikes).strikes().iter().map(ToString::to_string).collect(),
        trials: shrunk.trials,
        is_minimal: shrunk.is_minimal,
        broken: BrokenTold::new(still_broken, replay, log),
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
