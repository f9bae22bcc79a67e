//! The `crosstie` binary: many ledgers, one decision, proofs that anyone can check.
//!
//! Everything it does is a subcommand (`args`, `commands`); how it ends is in `exit`, what it prints in `output`.

mod args;
mod bench;
mod bring_up;
mod build;
mod children;
mod client;
mod commands;
mod demo;
mod description;
mod exit;
mod keys;
mod motions;
mod output;
mod proven;
mod text;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Usage errors end here with exit code 2, help with 0.
    let cli = args::Cli::parse();
    let output = output::Output::new(cli.global.json);
    match commands::run(&cli, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.kind.code())
        }
    }
}
