//! Arguments of the chain simulator.

use clap::Subcommand;
use simulator::scenario::Signatures;
use std::path::PathBuf;

/// Whole networks in virtual time. A scenario file says what runs and what goes wrong, a seed makes it definite.
#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    /// Run a scenario under one seed.
    #[command(after_help = "Example:\n  crosstie sim run tests/scenarios/quiet.toml --seed 1 --report quiet.html")]
    Run(SimRunArgs),
    /// Run a scenario under many seeds, on several processor cores.
    #[command(after_help = "Example:\n  crosstie sim explore tests/scenarios/chaos.toml --seeds 100 --jobs 2")]
    Explore(SimExploreArgs),
    /// Run one seed again, with all of its faults or some, and write a log; with --trace every event and effect, too.
    #[command(
        after_help = "Example:\n  crosstie sim replay tests/scenarios/chaos.toml --seed 17 --faults 3,8 --trace \
                      chaos.trace"
    )]
    Replay(SimRunArgs),
    /// Find the fewest faults with which a failing seed still fails.
    #[command(after_help = "Example:\n  crosstie sim shrink tests/scenarios/chaos.toml --seed 17")]
    Shrink(SimShrinkArgs),
    /// Plant mistakes into the code under test, one at a time, and see that the simulator finds each of them.
    #[command(after_help = "Needs a binary built for it alone:\n  cargo run --profile ci -p node-cli --features \
                      planted-bugs -- sim self-test")]
    SelfTest(SimSelfTestArgs),
    /// Show how throughput grows with subchains, where the relay is full, and what moves that point.
    #[command(after_help = "Example:\n  crosstie bench --seconds 20 --profile-out profile.json\n  crosstie sim scale \
                      --profile profile.json --report scale.html")]
    Scale(SimScaleArgs),
}

/// A table of sizes and shares.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SimScaleArgs {
    /// What steps cost, as `crosstie bench --profile-out FILE` measured it.
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: PathBuf,
    /// Most subchains: 1, 2, 4 … up to here.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) max_subchains: u16,
    /// Legs of a proposal.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub(crate) legs: u16,
    /// Points of up to so many subchains are run by the real code in the simulator, too, and compared; 0 for none.
    /// Two take about 4 minutes of CPU time and 2 GB of memory.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(0..=8))]
    pub(crate) measured: u16,
    /// Write a page for the browser here.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// One trial.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SimRunArgs {
    /// The scenario file.
    #[arg(value_name = "FILE")]
    pub(crate) scenario: PathBuf,
    /// What fixes the run.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Only these faults of the seed's schedule, by number; `none` for none.
    #[arg(long, value_name = "LIST", value_parser = fault_numbers)]
    pub(crate) faults: Option<FaultNumbers>,
    /// Make and verify these signatures, whatever the scenario says: `real`, or `stand-in`, which is faster and only in
    /// builds with the feature stand-in-signatures.
    #[arg(long, value_name = "KIND", value_parser = signatures)]
    pub(crate) signatures: Option<Signatures>,
    /// Write a page for the browser here.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write what happened here; a failing run writes it next to you in any case.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Write every event and effect here while it runs, one line each.
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
}

/// Many trials.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SimExploreArgs {
    /// The scenario files.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) scenarios: Vec<PathBuf>,
    /// How many seeds of each.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) first_seed: u64,
    /// Trials at once [default: one per processor core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
    /// Go on after a failure, up to so many of them.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) failures: usize,
    /// Make and verify these signatures, whatever the scenario says: `real`, or `stand-in`, which is faster and only in
    /// builds with the feature stand-in-signatures.
    #[arg(long, value_name = "KIND", value_parser = signatures)]
    pub(crate) signatures: Option<Signatures>,
}

/// A search.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SimShrinkArgs {
    /// The scenario file.
    #[arg(value_name = "FILE")]
    pub(crate) scenario: PathBuf,
    /// The seed that fails.
    #[arg(long, value_name = "N")]
    pub(crate) seed: u64,
    /// At most so many trials.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) budget: usize,
    /// Make and verify these signatures, whatever the scenario says: `real`, or `stand-in`, which is faster and only in
    /// builds with the feature stand-in-signatures.
    #[arg(long, value_name = "KIND", value_parser = signatures)]
    pub(crate) signatures: Option<Signatures>,
}

/// A self-test.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SimSelfTestArgs {
    /// The seed from which every hunt starts.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) first_seed: u64,
    /// Only this mistake; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Hunts at once [default: one per processor core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
    /// Seeds of every scenario with nothing planted.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) clean_seeds: u64,
    /// CPU time after which a mistake counts as missed.
    #[arg(long, value_name = "N", default_value_t = 600)]
    pub(crate) max_cpu_s: u64,
    /// Make and verify these signatures, whatever the scenario says: `real`, or `stand-in`, which is faster and only in
    /// builds with the feature stand-in-signatures.
    #[arg(long, value_name = "KIND", value_parser = signatures)]
    pub(crate) signatures: Option<Signatures>,
}

/// Numbers of faults.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultNumbers(pub(crate) Vec<usize>);

fn signatures(text: &str) -> Result<Signatures, String> {
    let signatures = Signatures::named(text).ok_or("there are `real` and `stand-in`")?;
    signatures.check().map_err(|error| error.to_string())?;
    Ok(signatures)
}

fn fault_numbers(text: &str) -> Result<FaultNumbers, String> {
    if text == "none" {
        return Ok(FaultNumbers::default());
    }
    let number = |part: &str| part.trim().parse::<usize>().map_err(|_| format!("{part:?} is no number of a fault"));
    text.split(',').map(number).collect::<Result<Vec<_>, _>>().map(FaultNumbers)
}
