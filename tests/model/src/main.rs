//! Runs the model's scenarios: `proposal-model [PREFIX]` searches all whose name begins with it.
//!
//! Exits with 1 if a scenario of the protocol as it is specified breaks a promise, or one of a careless reading breaks
//! none.
#![allow(clippy::print_stdout)]

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let filter = std::env::args().nth(1).unwrap_or_default();
    let mut is_good = true;
    for scenario in proposal_model::all().into_iter().filter(|scenario| scenario.name.starts_with(&filter)) {
        let started = Instant::now();
        let report = proposal_model::run(scenario);
        let is_expected = report.violations.is_empty() == report.keeps_promises() && !report.is_capped;
        is_good &= is_expected;
        println!(
            "{} {}: {} states, {} transitions, depth {}, {} settled, {:.1} s{}{}",
            if is_expected { "as expected" } else { "UNEXPECTED" },
            report.name,
            report.states,
            report.transitions,
            report.depth,
            report.settled,
            started.elapsed().as_secs_f32(),
            if report.is_capped { ", NOT COMPLETE" } else { "" },
            if report.violations.is_empty() { ", no promise broken" } else { "" },
        );
        for violation in &report.violations {
            println!(
                "  breaks {} in {} states, first at depth {}",
                violation.promise, violation.states, violation.depth
            );
            if !is_expected {
                violation.trace.iter().for_each(|(action, state)| println!("    {action:<22} {state}"));
            }
        }
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
