//! The page that shows a trial: one file without any outside request.

use super::Loaded;
use crate::exit::{Failure, Outcome};
use serde::Serialize;
use simulator::trial::{Trial, count_by_kind};
use std::collections::BTreeMap;
use std::path::Path;

/// The page around the data.
const PAGE: &str = include_str!("report.html");
/// Where the data goes.
const PLACE: &str = "/*DATA*/null";
/// Most proposals that get a lane of their own.
const MAX_LANES: usize = 2_000;

#[derive(Debug, Serialize)]
struct Data<'t> {
    scenario: &'t str,
    about: &'t str,
    /// The line that runs it again.
    replay: &'t str,
    seed: u64,
    trace_hash: String,
    events: u64,
    virtual_ms: u64,
    work_began_ms: u64,
    submitted: usize,
    ends: &'t BTreeMap<&'static str, usize>,
    fault_counts: BTreeMap<&'static str, u64>,
    /// What actors did, by kind and way.
    misdeeds: &'t BTreeMap<String, u64>,
    signatures: &'static str,
    /// Names of the chains by place; the relay first.
    chains: Vec<&'t str>,
    /// Per chain: virtual ms, height, inputs of each block.
    blocks: Vec<&'t [(u64, u64, usize)]>,
    faults: Vec<Fault<'t>>,
    proposals: Vec<Proposal<'t>>,
    proposals_left_out: usize,
    properties: &'t [String],
    /// Properties that the scenario does not ask for.
    left_out: &'t [&'static str],
    steps: Vec<String>,
    broken: Option<Broken<'t>>,
}

#[derive(Debug, Serialize)]
struct Fault<'t> {
    kind: &'t str,
    at_ms: u64,
    for_ms: u64,
    processes: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct Proposal<'t> {
    id: String,
    states: &'t [(u64, &'static str)],
    legs: &'t [(u64, usize, &'static str)],
    reason: Option<&'t str>,
}

#[derive(Debug, Serialize)]
struct Broken<'t> {
    property: &'t str,
    one_fact: &'t str,
    other_fact: &'t str,
    at_ms: u64,
}

/// Writes the page.
pub(super) fn write(file: &Path, loaded: &Loaded, trial: &Trial, replay: &str) -> Outcome {
    let json = serde_json::to_string(&data(loaded, trial, replay)).map_err(Failure::internal)?;
    // Nothing in the data may end the element that holds it: neither `</script>` nor `<!--` before `<script`, after which
    // a browser reads on past the end. A `<` stands only inside strings of the JSON.
    let page = PAGE.replacen(PLACE, &json.replace('<', "\\u003c"), 1);
    std::fs::write(file, page)
        .map_err(|error| Failure::input(file, error).next("name a file that this user can write, with --report"))
}

fn data<'t>(loaded: &'t Loaded, trial: &'t Trial, replay: &'t str) -> Data<'t> {
    let chronicle = &trial.chronicle;
    let blocks = (0..trial.chains.len())
        .map(|place| chronicle.chains.get(&place).map_or(&[][..], |timeline| timeline.blocks.as_slice()));
    Data {
        scenario: &loaded.name,
        about: &loaded.scenario.about,
        replay,
        seed: trial.seed.0,
        trace_hash: trial.trace_hash.to_string(),
        events: trial.events,
        virtual_ms: trial.virtual_ms,
        work_began_ms: trial.work_began_ms,
        submitted: trial.submitted,
        ends: &trial.ends,
        fault_counts: counts(trial),
        misdeeds: &trial.misdeeds,
        signatures: trial.signatures.name(),
        chains: trial.chains.iter().map(String::as_str).collect(),
        blocks: blocks.collect(),
        faults: faults(trial),
        proposals: chronicle
            .proposals
            .iter()
            .take(MAX_LANES)
            .map(|(id, proposal)| Proposal {
                id: id.to_string(),
                states: &proposal.states,
                legs: &proposal.legs,
                reason: proposal.reason.as_deref(),
            })
            .collect(),
        proposals_left_out: chronicle.proposals.len().saturating_sub(MAX_LANES),
        properties: &trial.properties,
        left_out: &trial.left_out,
        steps: chronicle.coverage.iter().map(|(place, from, to)| format!("{place}: {from} → {to}")).collect(),
        broken: trial.failure.as_ref().map(|broken| Broken {
            property: broken.property,
            one_fact: &broken.contradiction.first,
            other_fact: &broken.contradiction.second,
            at_ms: broken.at_ms,
        }),
    }
}

/// Strikes and actors, each with whom and when.
fn faults(trial: &Trial) -> Vec<Fault<'_>> {
    let struck = trial.strikes.iter().map(|span| Fault {
        kind: span.strike.kind.name(),
        at_ms: trial.work_began_ms + span.strike.at_ms,
        for_ms: span.strike.for_ms,
        processes: span.processes.iter().map(|process| process.0).collect(),
    });
    let acted = trial.actors.iter().map(|span| {
        let at_ms = trial.work_began_ms + span.from_ms;
        let until_ms = span.until_ms.map_or(trial.virtual_ms, |until_ms| trial.work_began_ms + until_ms);
        Fault {
            kind: span.kind.name(),
            at_ms,
            for_ms: until_ms.min(trial.virtual_ms).saturating_sub(at_ms),
            processes: span.processes.iter().map(|process| process.0).collect(),
        }
    });
    struck.chain(acted).collect()
}

/// How often each kind of fault struck, and how often each kind of actor misbehaved.
fn counts(trial: &Trial) -> BTreeMap<&'static str, u64> {
    let struck = count_by_kind(&trial.strikes).into_iter();
    let mut counts: BTreeMap<&'static str, u64> = struck.map(|(kind, count)| (kind, count as u64)).collect();
    for kind in simulator::scenario::ActorKind::ALL.map(simulator::scenario::ActorKind::name) {
        let own = trial.misdeeds.iter().filter(|(deed, _)| deed.split(':').next() == Some(kind));
        let count: u64 = own.map(|(_, count)| *count).sum();
        if count > 0 {
            counts.insert(kind, count);
        }
    }
    counts
}
