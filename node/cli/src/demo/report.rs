//! What the demo says at its end.

use super::bundles::Sampled;
use super::check::Books;
use super::drive::{Driven, End};
use super::rows::Survey;
use crate::exit::{Failure, Outcome};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// The one JSON object of `demo flights --json`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    proposals: u64,
    not_departed: u64,
    committed: u64,
    aborted: BTreeMap<String, u64>,
    debits: i64,
    credits: i64,
    conserved: bool,
    applied_everywhere: bool,
    decided_per_s: f64,
    latency_ms: Quantiles,
    bundle_verified: bool,
    bundles_verified: u64,
    tampered_refused: bool,
    tampered_tried: u64,
    peak_rss_mb: u64,
    elapsed_s: f64,
    set_up_s: f64,
    chains: usize,
    sockets: &'static str,
    fsync: bool,
    signatures: &'static str,
    seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<String>,
}

#[derive(Debug, Serialize)]
struct Quantiles {
    p50: f64,
    p99: f64,
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The most memory that this process ever held, in MiB; 0 where the system does not say.
pub(crate) fn peak_rss_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

impl Report {
    #[allow(clippy::too_many_arguments, reason = "the report is where everything meets")]
    pub(super) fn new(
        survey: &Survey,
        driven: &Driven,
        books: &Books,
        sampled: &Sampled,
        committed: u64,
        fee: i64,
        seed: u64,
        elapsed: Duration,
        set_up: Duration,
    ) -> Self {
        let mut aborted: BTreeMap<String, u64> = BTreeMap::new();
        for (_, _, end) in &driven.ends {
            if let End::Aborted(reason) = end {
                *aborted.entry(reason.clone()).or_default() += 1;
            }
        }
        let deciding_s = match (driven.first_submission, driven.last_decision) {
            (Some(first), Some(last)) => last.saturating_duration_since(first).as_secs_f64(),
            _ => 0.0,
        };
        let paid = i64::try_from(committed).unwrap_or(i64::MAX).saturating_mul(fee);
        Self {
            proposals: survey.departures,
            not_departed: survey.cancelled,
            committed,
            aborted,
            debits: books.debits,
            credits: books.credits,
            conserved: books.debits == books.credits && books.debits == paid,
            applied_everywhere: books.applied_everywhere,
            decided_per_s: if deciding_s > 0.0 { rounded(driven.decided as f64 / deciding_s) } else { 0.0 },
            latency_ms: Quantiles {
                p50: rounded(driven.latencies.quantile_ms(0.5)),
                p99: rounded(driven.latencies.quantile_ms(0.99)),
            },
            bundle_verified: sampled.verified > 0 && sampled.problem.is_none(),
            bundles_verified: sampled.verified,
            tampered_refused: sampled.tampered > 0 && sampled.tampered == sampled.refused,
            tampered_tried: sampled.tampered,
            peak_rss_mb: peak_rss_mb(),
            elapsed_s: rounded(elapsed.as_secs_f64()),
            set_up_s: rounded(set_up.as_secs_f64()),
            chains: survey.carriers.len() + survey.airports().len() + 1,
            sockets: "tcp on loopback (libp2p: noise, yamux)",
            fsync: true,
            signatures: "ed25519, every one verified by every validator",
            seed,
            difference: books.difference.clone().or_else(|| sampled.problem.clone()),
        }
    }

    /// A table that a person understands.
    pub(super) fn words(&self) -> String {
        let mut text = String::new();
        let mut line = |label: &str, value: String| {
            // Writing to a string does not fail.
            let _ignored = writeln!(text, "{label:<34} {value}");
        };
        line("departures proposed", self.proposals.to_string());
        line("in both books", self.committed.to_string());
        for (reason, count) in &self.aborted {
            line(&format!("in neither book: {reason}"), count.to_string());
        }
        line("carriers paid", self.debits.to_string());
        line("airports took", self.credits.to_string());
        let yes = |holds: bool| if holds { "yes".to_owned() } else { "NO".to_owned() };
        line("nothing lost, nothing made", yes(self.conserved));
        line("the same at every validator", yes(self.applied_everywhere));
        line("decided per second", self.decided_per_s.to_string());
        line("to applied everywhere, p50 / p99", format!("{} / {} ms", self.latency_ms.p50, self.latency_ms.p99));
        line("bundles verified offline", self.bundles_verified.to_string());
        line("tampered bundles refused", format!("{} ({} tried)", yes(self.tampered_refused), self.tampered_tried));
        line("chains, sockets, fsync", format!("{}, {}, on", self.chains, self.sockets));
        line("peak memory", format!("{} MiB", self.peak_rss_mb));
        line("elapsed (of that set-up)", format!("{} s ({} s)", self.elapsed_s, self.set_up_s));
        if let Some(difference) = &self.difference {
            line("DIFFERENCE", difference.clone());
        }
        text
    }

    /// Success only if every promise held.
    pub(super) fn verdict(&self) -> Outcome {
        let ends = self.committed + self.aborted.values().sum::<u64>();
        let broken = [
            (ends == self.proposals, "some proposals have no end"),
            (self.conserved, "the sums do not match"),
            (self.applied_everywhere, "validators differ"),
            (self.bundle_verified, "a bundle does not verify"),
            (self.tampered_refused, "a tampered bundle was accepted, or none was tried"),
        ];
        match broken.iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, what)) => Err(Failure::refused(what).next("see the report above; this is a fault of the program")),
        }
    }
}
