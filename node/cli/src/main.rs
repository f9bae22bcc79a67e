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
mod parties;
mod proven;
mod reanchor;
mod text;

use clap::Parser as _;
use std::process::ExitCode;

/// Executing blocks allocates many short-lived keys and values on several threads; the system's allocator spends a
/// sixth of the processor on that, this one a third of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
