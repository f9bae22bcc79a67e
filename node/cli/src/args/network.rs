//! Arguments of what starts networks, nodes and chains.

use super::ledger::SigningArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SuiteArg {
    /// Ed25519 and SHA-256.
    Standard,
    /// SM2 and SM3.
    Guomi,
}

/// The suites of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SuiteChoice {
    /// Ed25519 and SHA-256 everywhere.
    Standard,
    /// SM2 and SM3 everywhere.
    Guomi,
    /// The relay standard, subchains in turn standard and guomi.
    Mixed,
}

/// `crosstie up`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  crosstie up --subchains 2 --validators 4 --dir net
  crosstie up --subchains 2 --validators 4 --processes --dir net
  crosstie up --dir net            (goes on with what the directory holds)")]
pub(crate) struct UpArgs {
    /// Subchains beside the relay, of a new network.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(0..=250))]
    pub(crate) subchains: u16,
    /// Validators of every chain of a new network; with fewer than four, no fault is tolerated.
    #[arg(long, value_name = "M", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) validators: u16,
    /// Give every validator of every chain a process of its own.
    #[arg(long)]
    pub(crate) processes: bool,
    /// Suites of a new network.
    #[arg(long, value_enum, default_value_t = SuiteChoice::Standard)]
    pub(crate) suite: SuiteChoice,
    /// Give up when the network is not ready after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    pub(crate) ready_timeout_s: u64,
}

/// `crosstie node …`.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Run the node named by --node until Ctrl-C; it logs to DIR/logs/NAME.log.
    #[command(after_help = "Example:\n  crosstie node run --dir net --node relay-0")]
    Run {
        /// Stop when this process, which started this one, is gone.
        #[arg(long, hide = true, value_name = "PID")]
        with_parent: Option<u32>,
    },
}

/// `crosstie demo …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DemoCommand {
    /// Carriers and airports settle a file of departures: each flight one atomic proposal over two books.
    #[command(
        after_help = "Example:\n  crosstie demo flights --data tests/data/flights/2013-01-01.csv --bundle-out out"
    )]
    Flights(DemoFlightsArgs),
}

/// `crosstie demo flights`. The network's directory is `--dir`, or a temporary one.
#[derive(Debug, Clone, Args)]
pub(crate) struct DemoFlightsArgs {
    /// The network's directory, from the shared option; a temporary one without it.
    #[arg(skip)]
    pub(crate) dir: Option<PathBuf>,
    /// The CSV file of departures.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// Validators of every chain.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) validators: u16,
    /// Departures that an airport takes per hour.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) capacity: u32,
    /// What a carrier pays per departure.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) fee: u32,
    /// What every carrier starts with.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) opening_balance: u64,
    /// Write the sampled bundles and the checkpoint here.
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle_out: Option<PathBuf>,
    /// How many bundles to sample.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) sample: usize,
    /// Stop after so many rows of the file.
    #[arg(long, value_name = "ROWS")]
    pub(crate) limit: Option<usize>,
    /// Proposals under way at once.
    #[arg(long, value_name = "N", default_value_t = 768, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) in_flight: u32,
    /// How often the relay makes a block while there is work, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=5000))]
    pub(crate) relay_pace_ms: u32,
    /// How often a subchain makes a block while there is work, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 400, value_parser = clap::value_parser!(u32).range(10..=5000))]
    pub(crate) subchain_pace_ms: u32,
    /// Fixes which bundles are sampled.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// `crosstie bench`. The network is temporary unless kept.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  crosstie bench --seconds 30 --json")]
pub(crate) struct BenchArgs {
    /// How long to measure.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// Validators of the chain.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) validators: u16,
    /// Keep the network in this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Measure blocks, certificates and cross-chain work too, and write what every step costs for `crosstie sim scale`.
    #[arg(long, value_name = "FILE")]
    pub(crate) profile_out: Option<PathBuf>,
}

/// `crosstie chain …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ChainCommand {
    /// Make keys, genesis and nodes of a new subchain, beside a running network, and say how to start it.
    #[command(after_help = "\
Example, beside a running network:
  crosstie chain create ferry --dir net
  crosstie node run --dir net --node ferry       (as the command says)
  crosstie chain register ferry --dir net
  crosstie chain activate ferry --dir net")]
    Create {
        /// Its name, unique in the network.
        name: String,
        /// Its validators.
        #[arg(long, value_name = "M", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
        validators: u16,
        /// Its suite.
        #[arg(long, value_enum, default_value_t = SuiteArg::Standard)]
        suite: SuiteArg,
        /// Give every validator a process of its own.
        #[arg(long)]
        processes: bool,
    },
    /// Move that the relay knows the chain, and vote for it.
    Register {
        /// Its name.
        chain: String,
    },
    /// Move that the chain takes part in proposals, and vote for it.
    Activate {
        /// Its name or id.
        chain: String,
    },
    /// A subchain's governance names a block of the relay to follow: after the relay was re-anchored, or to take part
    /// again after a contradiction.
    #[command(after_help = "\
Without --height it is the relay's newest block; for a chain that a contradiction has suspended it is the one that its
governance named last, which changes nothing else. The relay's nodes of this network are believed: compare the fingerprint
that is printed with other members before others follow.
Example:
  crosstie chain follow-relay subchain-1")]
    FollowRelay {
        /// The subchain's name.
        chain: String,
        /// The relay's block.
        #[arg(long)]
        height: Option<u64>,
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Show the relay that a subchain left the branch that the relay trusts: it is frozen in the block that says so.
    #[command(after_help = "\
Anyone may; the relay verifies the chain's own certificate. `crosstie chain status CHAIN` says when there is something
to report. Afterwards its members re-anchor it: crosstie motion propose re-anchor --help")]
    ReportFork {
        /// The subchain's name.
        chain: String,
        /// Wait at most so long until the relay has decided.
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        wait_s: u64,
    },
    /// Report a validator that contradicted itself: the chain verifies it and records it.
    #[command(after_help = "\
A node keeps what convicts a validator in DIR/NODE/evidence; `crosstie doctor` names the files.")]
    ReportEquivocation {
        /// A file with both signed messages.
        file: PathBuf,
        #[command(flatten)]
        signing: SigningArgs,
    },
    /// Show every chain of the network and its standing at the relay.
    List,
    /// Show one chain: its validators and its standing.
    Status {
        /// Its name or id.
        chain: String,
    },
}
