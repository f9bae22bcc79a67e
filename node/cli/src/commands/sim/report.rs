//! The page that shows a trial: one file without any outside request.

use super::Loaded;
use crate::exit::{Failure, Outcome};
use serde::Serialize;
use simulator::trial::{Step, Trial, count_by_kind, missed};
use std::collections::BTreeMap;
use std::path::Path;

/// The page around all of it.
const PAGE: &str = include_str!("report/page.html");
/// What belongs where in it; the data comes last, so that nothing of it is taken for a place.
const PARTS: [(&str, &str); 2] = [
    ("/*STYLE*/\n", include_str!("report/page.css")),
    (
        "/*SCRIPT*/\n",
        concat!(include_str!("report/axis.js"), include_str!("report/timeline.js"), include_str!("report/lanes.js")),
    ),
];
/// Where the data goes.
const PLACE: &str = "/*DATA*/null";
/// Most proposals that get a lane of their own; all of them are in the plots.
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
    /// Strikes that hit somebody, by kind.
    fault_counts: BTreeMap<&'static str, usize>,
    /// What actors did, by kind and way.
    misdeeds: &'t BTreeMap<String, u64>,
    signatures: &'static str,
    /// Names of the chains by place; the relay first.
    chains: Vec<&'t str>,
    /// Per chain: virtual ms, height, inputs of each block.
    blocks: Vec<&'t [(u64, u64, usize)]>,
    faults: Vec<Fault<'t>>,
    proposals: Vec<Proposal<'t>>,
    /// So many of them, the first ones, have a lane; the others come without their legs.
    lanes: usize,
    properties: &'t [String],
    /// Properties that the scenario does not ask for.
    left_out: &'t [&'static str],
    steps: Vec<String>,
    steps_missed: Vec<String>,
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
    let page = PARTS.iter().fold(PAGE.to_owned(), |page, (place, part)| page.replacen(place, part, 1));
    let page = page.replacen(PLACE, &json.replace('<', "\\u003c"), 1);
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
        fault_counts: count_by_kind(&trial.strikes),
        misdeeds: &trial.misdeeds,
        signatures: trial.signatures.name(),
        chains: trial.chains.iter().map(String::as_str).collect(),
        blocks: blocks.collect(),
        faults: faults(trial),
        proposals: chronicle
            .proposals
            .iter()
            .enumerate()
            .map(|(place, (id, proposal))| Proposal {
                id: id.to_string(),
                states: &proposal.states,
                legs: if place < MAX_LANES { &proposal.legs } else { &[] },
                reason: proposal.reason.as_deref(),
            })
            .collect(),
        lanes: chronicle.proposals.len().min(MAX_LANES),
        properties: &trial.properties,
        left_out: &trial.left_out,
        steps: chronicle.coverage.iter().map(step).collect(),
        steps_missed: missed(&chronicle.coverage).iter().map(step).collect(),
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

/// A step as the page splits it again.
fn step((place, from, to): &Step) -> String {
    format!("{place}: {from} → {to}")
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use ledger_protocol::{Hash, ProposalId, Suite};
    use simulator::Seed;
    use simulator::scenario::{Scenario, Signatures};
    use simulator::trial::{ProposalTimeline, run_caught};

    #[test]
    fn proposals_without_a_lane_are_in_the_plots() {
        let scenario = Scenario::parse("length_ms = 1000").expect("a scenario");
        let mut trial = run_caught("many", &scenario, &[], Seed(1), None, None);
        trial.chronicle.proposals.clear();
        for number in 0..2_100_u32 {
            let id =
                ProposalId(Suite::Standard.foreign(Hash([number.to_be_bytes(); 8].concat().try_into().expect("32"))));
            let (states, legs) = (vec![(20_000, "preparing"), (20_500, "committed")], vec![(20_100, 1, "locked")]);
            trial.chronicle.proposals.insert(id, ProposalTimeline { states, legs, reason: None });
        }
        let loaded = Loaded {
            file: "many.toml".into(),
            name: "many".into(),
            scenario,
            own_signatures: Signatures::Real,
            rows: Vec::new(),
        };
        let data = data(&loaded, &trial, "");
        assert_eq!((data.proposals.len(), data.lanes), (2_100, MAX_LANES));
        assert!(data.proposals.iter().all(|proposal| proposal.states.len() == 2));
        let has_legs = |proposal: &Proposal<'_>| !proposal.legs.is_empty();
        assert!(data.proposals[..MAX_LANES].iter().all(has_legs) && !data.proposals[MAX_LANES..].iter().any(has_legs));
    }
}
