//! `crosstie sim self-test`: does the simulator find mistakes that are there? Each is planted alone and hunted from
//! fresh seeds; with none planted, the same scenarios must break nothing.
//!
//! It needs a binary with the feature `planted-bugs`, which is never one that ships; any other says how to build it.

use crate::args::SimSelfTestArgs;
use crate::exit::Outcome;
use crate::output::Output;

#[cfg(not(feature = "planted-bugs"))]
pub(super) fn run(_args: &SimSelfTestArgs, _output: &Output) -> Outcome {
    Err(crate::exit::Failure::usage("this binary has no mistakes in it that could be planted").next(
        "build one that has, for this purpose alone: `cargo run --profile ci -p node-cli --features planted-bugs -- \
         sim self-test`",
    ))
}

#[cfg(feature = "planted-bugs")]
pub(super) fn run(args: &SimSelfTestArgs, output: &Output) -> Outcome {
    planted::run(args, output)
}

#[cfg(feature = "planted-bugs")]
mod planted {
    use super::{Outcome, Output, SimSelfTestArgs};
    use crate::exit::Failure;
    use crate::output::table;
    use serde::Serialize;
    use simulator::Seed;
    use simulator::self_test::{Broken, GROUNDS, Plant, hunt, try_one};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    /// What broke.
    #[derive(Debug, Serialize)]
    struct BrokenTold {
        property: String,
        one_fact: String,
        other_fact: String,
        scenario: &'static str,
        seed: u64,
        events: Option<u64>,
    }

    impl From<Broken> for BrokenTold {
        fn from(broken: Broken) -> Self {
            let Broken { property, facts: (one_fact, other_fact), scenario, seed, events } = broken;
            Self { property, one_fact, other_fact, scenario, seed: seed.0, events }
        }
    }

    /// What became of one mistake.
    #[derive(Debug, Serialize)]
    struct MistakeTold {
        mistake: &'static str,
        what: &'static str,
        trials: u64,
        cpu_s: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        found: Option<BrokenTold>,
    }

    #[derive(Debug, Serialize)]
    struct Told {
        first_seed: u64,
        signatures: &'static str,
        max_cpu_s: u64,
        mistakes: Vec<MistakeTold>,
        clean_trials: usize,
        found_where_nothing_is_planted: Vec<BrokenTold>,
    }

    #[derive(Debug, Clone, Copy)]
    enum Task {
        Hunt(Plant),
        Clean(&'static str, Seed),
    }

    enum Done {
        Hunt(MistakeTold),
        Clean(Option<BrokenTold>),
    }

    pub(super) fn run(args: &SimSelfTestArgs, output: &Output) -> Outcome {
        let tasks = tasks(args)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = args.jobs.map_or(cores, usize::from);
        let bar = output.progress(Some(tasks.len() as u64), "{bar:40} {pos}/{len} {msg}");
        let mut told = Told {
            first_seed: args.first_seed,
            signatures: args.signatures.unwrap_or_default().name(),
            max_cpu_s: args.max_cpu_s,
            mistakes: Vec::new(),
            clean_trials: 0,
            found_where_nothing_is_planted: Vec::new(),
        };
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let (sender, done) = mpsc::channel::<Done>();
            for _ in 0..jobs {
                let (sender, next, tasks) = (sender.clone(), &next, &tasks);
                scope.spawn(move || {
                    while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if sender.send(carry_out(*task, args)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for done in done {
                match done {
                    Done::Hunt(mistake) => told.mistakes.push(mistake),
                    Done::Clean(broken) => {
                        told.clean_trials += 1;
                        told.found_where_nothing_is_planted.extend(broken);
                    }
                }
                bar.inc(1);
            }
        });
        bar.finish_and_clear();
        told.mistakes.sort_by_key(|told| Plant::ALL.iter().position(|plant| plant.name() == told.mistake));
        output.data(&told, words);
        let missed: Vec<&str> =
            told.mistakes.iter().filter(|told| told.found.is_none()).map(|told| told.mistake).collect();
        if !missed.is_empty() {
            return Err(Failure::refused(format!("not found: {}", missed.join(", ")))
                .next("a property is missing or a scenario does not reach the mistake: see docs/simulation.md"));
        }
        match told.found_where_nothing_is_planted.first() {
            None => Ok(()),
            Some(broken) => {
                Err(Failure::refused(format!("{} breaks with nothing planted", broken.property)).next(format!(
                    "`crosstie sim replay tests/scenarios/self-test/{}.toml --seed {} --signatures {}` in a binary of \
                     this build",
                    broken.scenario,
                    broken.seed,
                    args.signatures.unwrap_or_default().name()
                )))
            }
        }
    }

    /// Long hunts first.
    fn tasks(args: &SimSelfTestArgs) -> Outcome<Vec<Task>> {
        let mut tasks = Vec::new();
        for name in &args.only {
            let known = || Plant::ALL.iter().map(|plant| plant.name()).collect::<Vec<_>>().join(", ");
            let plant = Plant::named(name);
            tasks.push(Task::Hunt(plant.ok_or_else(|| {
                Failure::usage(format!("there is no mistake {name}")).next(format!("one of {}", known()))
            })?));
        }
        if args.only.is_empty() {
            tasks.extend(Plant::ALL.iter().copied().map(Task::Hunt));
        }
        let seeds = args.first_seed..args.first_seed.saturating_add(args.clean_seeds);
        let clean = GROUNDS.iter().flat_map(|(name, _)| seeds.clone().map(|seed| Task::Clean(name, Seed(seed))));
        tasks.extend(clean);
        Ok(tasks)
    }

    fn carry_out(task: Task, args: &SimSelfTestArgs) -> Done {
        match task {
            Task::Clean(name, seed) => {
                Done::Clean(try_one(name, args.signatures.unwrap_or_default(), seed).map(BrokenTold::from))
            }
            Task::Hunt(plant) => {
                let max_cpu = Duration::from_secs(args.max_cpu_s);
                let hunt = hunt(plant, args.signatures.unwrap_or_default(), args.first_seed, max_cpu);
                Done::Hunt(MistakeTold {
                    mistake: plant.name(),
                    what: plant.what(),
                    trials: hunt.trials,
                    cpu_s: (hunt.cpu.as_secs_f64() * 10.0).round() / 10.0,
                    found: hunt.found.map(BrokenTold::from),
                })
            }
        }
    }

    fn words(told: &Told) -> String {
        let rows: Vec<Vec<String>> = told
            .mistakes
            .iter()
            .map(|told| {
                let found = told.found.as_ref();
                let say = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
                vec![
                    told.mistake.to_owned(),
                    found.map_or_else(|| "NOT FOUND".to_owned(), |found| found.property.clone()),
                    say(found.map(|found| found.scenario.to_owned())),
                    say(found.map(|found| found.seed.to_string())),
                    say(found.and_then(|found| found.events).map(|events| events.to_string())),
                    told.trials.to_string(),
                    told.cpu_s.to_string(),
                ]
            })
            .collect();
        let columns = ["planted", "found by the property", "scenario", "seed", "events", "trials", "CPU s"];
        let found = told.mistakes.iter().filter(|told| told.found.is_some()).count();
        let mut text = format!(
            "{found} of {} planted mistakes found, {} signatures; {} trials with nothing planted: {} broken\n\n{}",
            told.mistakes.len(),
            told.signatures,
            told.clean_trials,
            told.found_where_nothing_is_planted.len(),
            table(&columns, &rows),
        );
        for broken in &told.found_where_nothing_is_planted {
            text.push_str(&format!(
                "\nnothing planted, {} of {}, seed {}\n  one fact:   {}\n  the other:  {}\n",
                broken.property, broken.scenario, broken.seed, broken.one_fact, broken.other_fact
            ));
        }
        text
    }
}
