//! `crosstie demo flights`: carriers and airports settle a file of departures over real sockets and disks.
//!
//! Every carrier and every airport keeps its own books on a subchain of its own; each departure is one atomic
//! proposal over two of them. Afterwards the books are read back from every validator, and a random sample of bundles
//! is verified, and tampered with, against one checkpoint.

mod bundles;
mod check;
mod drive;
pub(crate) mod latency;
mod network;
mod proposal;
pub(crate) mod report;
mod rows;
pub(crate) mod sign;

use crate::args::DemoFlightsArgs;
use crate::exit::{Failure, Outcome};
use crate::output::Output;
use drive::End;
use network::{DemoNetwork, Settings};
use report::Report;
use rows::Survey;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Runs the scenario.
pub(crate) async fn run(args: &DemoFlightsArgs, output: &Output) -> Outcome {
    let started = Instant::now();
    let survey = Survey::of(&args.data, args.limit)?;
    let temporary;
    let directory = match &args.dir {
        Some(directory) => directory.clone(),
        None => {
            temporary = tempfile::tempdir().map_err(Failure::internal)?;
            temporary.path().to_path_buf()
        }
    };
    if args.validators < 4 {
        output.warn("fewer than 4 validators: no fault is tolerated");
    }
    let settings = Settings {
        validators: usize::from(args.validators),
        capacity: i64::from(args.capacity),
        opening_balance: i64::try_from(args.opening_balance)
            .map_err(|_| Failure::usage("--opening-balance is above 2^63 - 1"))?,
        suite: ledger_protocol::Suite::Standard,
        relay_pace_ms: args.relay_pace_ms,
        subchain_pace_ms: args.subchain_pace_ms,
    };
    output.say(format_args!(
        "{} departures of {} carriers from {} airports; starting {} chains with {} validators each",
        survey.departures,
        survey.carriers.len(),
        survey.airports().len(),
        survey.carriers.len() + survey.airports().len() + 1,
        args.validators,
    ));
    let network = DemoNetwork::start(&directory, &survey, &settings).await?;
    let set_up = started.elapsed();
    output.say(format_args!("ready after {:.1} s; submitting", set_up.as_secs_f64()));

    let bar = output.progress(Some(survey.departures), "{bar:40} {pos}/{len} proposals ended, {per_sec}, {eta} left");
    let in_flight = usize::try_from(args.in_flight).unwrap_or(256);
    let fee = i64::from(args.fee);
    let driven = tokio::select! {
        driven = drive::drive(&network, &args.data, args.limit, fee, in_flight, &bar) => driven,
        _ = tokio::signal::ctrl_c() => Err(Failure::refused("stopped by Ctrl-C; nothing was left half done")),
    };
    let driven = match driven {
        Ok(driven) => driven,
        Err(failure) => {
            network.node.stop().await;
            return Err(failure);
        }
    };
    bar.finish_and_clear();

    let books = check::books(&network, &driven.ends, settings.opening_balance).await?;
    let seed = args.seed.unwrap_or_else(|| {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_nanos() & u128::from(u64::MAX)).unwrap_or(0)
    });
    let sampled = bundles::sample(&network, &driven.ends, args.sample, seed, args.bundle_out.as_deref())?;
    network.node.stop().await;

    let committed = driven.ends.iter().filter(|(_, _, end)| *end == End::Committed).count() as u64;
    let report = Report::new(&survey, &driven, &books, &sampled, committed, fee, seed, started.elapsed(), set_up);
    output.data(&report, Report::words);
    report.verdict()
}
