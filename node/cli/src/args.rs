//! The command line: noun, verb, options. `crosstie help NOUN VERB` shows examples.

mod ledger;
mod limits;
mod network;
mod proofs;
mod proposals;
mod simulation;

pub(crate) use ledger::{
    AccountKindArg, DeclareAccountArgs, GetArgs, HistoryArgs, KeyCommand, ListArgs, LoadArgs, ReadArg, SigningArgs,
    TxCommand,
};
pub(crate) use network::{
    BenchArgs, ChainCommand, DemoCommand, DemoFlightsArgs, NodeCommand, SuiteArg, SuiteChoice, UpArgs,
};
pub(crate) use proofs::{BundleCommand, CheckpointCommand, ProofCommand, ProofKind, ProofOut};
pub(crate) use proposals::{AccessArg, MotionCommand, MotionKind, ProposalCommand, ScopeArg};
pub(crate) use simulation::{SimCommand, SimExploreArgs, SimRunArgs, SimScaleArgs, SimSelfTestArgs, SimShrinkArgs};

use clap::{Parser, Subcommand};
use std::path::PathBuf;

const AFTER: &str = "\
Exit codes: 0 done, 1 refused or not verified, 2 usage, 3 not found, 4 node unreachable, 5 input file,
6 node or program failed, 7 not within the deadline. docs/cli.md has the schema of every --json output.

Examples:
  crosstie up --subchains 2 --validators 4 --dir net
  crosstie tx set subchain-1 1 book greeting hello --dir net
  crosstie get subchain-1 1 book greeting --dir net
  crosstie proof verify greeting.proof --checkpoint subchain-1.checkpoint";

/// Many ledgers, one decision, proofs that anyone can check.
#[derive(Debug, Parser)]
#[command(name = "crosstie", version, after_help = AFTER, propagate_version = true)]
pub(crate) struct Cli {
    /// What all commands share.
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct GlobalArgs {
    /// Print JSON on stdout, one object per line (docs/cli.md).
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The network's directory [default: $CROSSTIE_DIR, or ./crosstie-network].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Ask this node only (a name of `crosstie status`).
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) node: Option<String>,
}

impl GlobalArgs {
    /// The network's directory: option, environment, default.
    pub(crate) fn directory(&self) -> PathBuf {
        let from_environment = || std::env::var_os("CROSSTIE_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        self.dir.clone().or_else(from_environment).unwrap_or_else(|| PathBuf::from("crosstie-network"))
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a network if there is none, start it, and keep it running until Ctrl-C.
    Up(UpArgs),
    /// Run one node of a network.
    #[command(subcommand)]
    Node(NodeCommand),
    /// Show every node and chain.
    Status,
    /// Check this machine and the network's directory.
    Doctor,
    /// Ready-made scenarios.
    #[command(subcommand)]
    Demo(DemoCommand),
    /// Simulate whole networks in virtual time.
    #[command(subcommand)]
    Sim(SimCommand),
    /// Measure one subchain.
    Bench(BenchArgs),
    /// Make, import and list keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Sign and submit a transaction.
    #[command(subcommand)]
    Tx(TxCommand),
    /// Read the value of a key.
    Get(GetArgs),
    /// List the keys of an account.
    List(ListArgs),
    /// Show every version of a key.
    History(HistoryArgs),
    /// Load a CSV file: each row a versioned record.
    Load(LoadArgs),
    /// Atomic proposals over several chains.
    #[command(subcommand)]
    Proposal(ProposalCommand),
    /// Get and verify proofs.
    #[command(subcommand)]
    Proof(ProofCommand),
    /// Everything that proves one proposal, in one file.
    #[command(subcommand)]
    Bundle(BundleCommand),
    /// What an auditor trusts.
    #[command(subcommand)]
    Checkpoint(CheckpointCommand),
    /// Create, register and list chains.
    #[command(subcommand)]
    Chain(ChainCommand),
    /// Decisions of the consortium's members.
    #[command(subcommand)]
    Motion(MotionCommand),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
