//! The log of a trial: what broke, what struck, what became of every proposal, and the last events.

use crate::exit::{Failure, Outcome};
use simulator::trial::Trial;
use std::path::Path;

/// Writes the log.
pub(super) fn write(file: &Path, trial: &Trial, replay: &str) -> Outcome {
    std::fs::write(file, text(trial, replay))
        .map_err(|error| Failure::input(file, error).next("name a file that this user can write, with --log"))
}

fn text(trial: &Trial, replay: &str) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line(format!("replay: {replay}"));
    line(format!("trace hash {}, {} events, {} virtual ms", trial.trace_hash, trial.events, trial.virtual_ms));
    line(format!("{} signatures", trial.signatures.name()));
    if let Some(broken) = &trial.failure {
        line(format!("\nBROKEN: {} at {} ms, effect {}", broken.property, broken.at_ms, broken.effects));
        line(format!("  one fact:   {}", broken.contradiction.first));
        line(format!("  the other:  {}", broken.contradiction.second));
    }
    line("\nProperties".into());
    trial.properties.iter().for_each(|property| line(format!("  {property}")));
    trial.left_out.iter().for_each(|name| line(format!("  not checked, the scenario leaves it out: {name}")));
    line(format!("\nFaults (times from the start of the work, which is at {} ms)", trial.work_began_ms));
    for span in &trial.strikes {
        let hit: Vec<String> = span.processes.iter().map(ToString::to_string).collect();
        line(format!("  {} hits {}", span.strike, if hit.is_empty() { "nobody".into() } else { hit.join(", ") }));
    }
    if !trial.actors.is_empty() {
        line("\nActors".into());
    }
    for span in &trial.actors {
        let who: Vec<String> = span.processes.iter().map(ToString::to_string).collect();
        let until = span.until_ms.map_or_else(|| "the end".into(), |until_ms| format!("{until_ms} ms"));
        let who = if who.is_empty() { "a member of the consortium".into() } else { who.join(", ") };
        line(format!("  {}: {who}, from {} ms to {until}", span.kind.name(), span.from_ms));
    }
    for (deed, count) in &trial.misdeeds {
        line(format!("  {deed}: {count} times"));
    }
    line("\nProposals".into());
    for (id, proposal) in &trial.chronicle.proposals {
        let states: Vec<String> = proposal.states.iter().map(|(at_ms, state)| format!("{at_ms} {state}")).collect();
        let legs: Vec<String> =
            proposal.legs.iter().map(|(at_ms, chain, state)| format!("{at_ms} chain {chain} {state}")).collect();
        let reason = proposal.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
        line(format!("  {id}{reason}: {}; legs: {}", states.join(", "), legs.join(", ")));
    }
    line("\nSteps of the state tables".into());
    for (place, from, to) in &trial.chronicle.coverage {
        line(format!("  {place}: {from} -> {to}"));
    }
    if let Some(broken) = &trial.failure {
        line("\nThe last events".into());
        broken.recent.iter().for_each(|event| line(format!("  {event}")));
    }
    text
}
