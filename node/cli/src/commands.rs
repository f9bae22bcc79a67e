//! One file per noun; this one picks the command.

mod bundle;
mod chain;
mod checkpoint;
mod doctor;
mod follow;
mod fork;
mod key;
mod load;
mod locked;
mod motion;
mod node;
mod proof;
mod proposal;
mod read;
mod sim;
mod status;
mod tx;
mod up;

pub(crate) use tx::expectation;

use crate::args::{Cli, Command, DemoCommand, GlobalArgs};
use crate::client::Client;
use crate::exit::{Failure, Outcome};
use crate::output::Output;
use std::future::Future;

/// Runs the command.
pub(crate) fn run(cli: &Cli, output: &Output) -> Outcome {
    let global = &cli.global;
    match &cli.command {
        Command::Up(args) => block_on(up::run(args, global, output)),
        Command::Node(command) => block_on(node::run(command, global, output)),
        Command::Status => status::run(global, output),
        Command::Doctor => doctor::run(global, output),
        Command::Demo(DemoCommand::Flights(args)) => {
            let args = crate::args::DemoFlightsArgs { dir: global.dir.clone(), ..args.clone() };
            block_on(crate::demo::run(&args, output))
        }
        Command::Bench(args) => block_on(crate::bench::run(args, output)),
        Command::Sim(command) => sim::run(command, output),
        Command::Key(command) => key::run(command, global, output),
        Command::Tx(command) => tx::run(command, global, output),
        Command::Get(args) => read::get(args, global, output),
        Command::List(args) => read::list(args, global, output),
        Command::History(args) => read::history(args, global, output),
        Command::Load(args) => load::run(args, global, output),
        Command::Proposal(command) => proposal::run(command, global, output),
        Command::Proof(command) => proof::run(command, global, output),
        Command::Bundle(command) => bundle::run(command, global, output),
        Command::Checkpoint(command) => checkpoint::run(command, global, output),
        Command::Chain(command) => chain::run(command, global, output),
        Command::Motion(command) => motion::run(command, global, output),
    }
}

/// A client of the network that the options name.
fn client(global: &GlobalArgs) -> Outcome<Client> {
    Client::open(&global.directory(), global.node.as_deref())
}

/// Runs what needs sockets and timers.
fn block_on(future: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format_args!("the runtime does not start: {error}")))?;
    let outcome = runtime.block_on(future);
    // A thread that hangs must not keep the process alive after everything was stopped.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    outcome
}
