//! `crosstie sim scale`: throughput against subchains at four shares of cross-chain work, the relay's load beside it,
//! where the relay is full, and what moves that point.

mod page;

use crate::args::SimScaleArgs;
use crate::exit::{Failure, Outcome};
use crate::output::{Output, table};
use serde::Serialize;
use simulator::scale::{self, FULL, LATE, Plan, Point, Profile, SHARES, SUBCHAINS};

/// The size at which what moves the point is compared, if the table has it.
const COMPARED: usize = 16;

/// Everything that is said.
#[derive(Debug, Serialize)]
struct Told {
    profile: Profile,
    assumptions: Vec<String>,
    points: Vec<Point>,
    /// Where the relay is full, per share; none when it never is.
    full: Vec<Full>,
    sensitivity: Vec<Sensitivity>,
}

/// Where the relay is full.
#[derive(Debug, Serialize)]
struct Full {
    cross_percent: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_subchains: Option<usize>,
    most_items_per_s: f64,
}

/// What one change does to a full relay.
#[derive(Debug, Serialize)]
struct Sensitivity {
    change: &'static str,
    subchains: usize,
    proposals_per_s: f64,
    /// Against the first row.
    ratio: f64,
    relay_cpu: f64,
    relay_pace: f64,
    p50_ms: f64,
    /// The same with the most subchains of the table.
    proposals_per_s_at_most: f64,
}

/// Runs the command.
pub(super) fn run(args: &SimScaleArgs, output: &Output) -> Outcome {
    let refused = |error: &dyn std::fmt::Display| {
        Failure::input(&args.profile, error)
            .next("`crosstie bench --profile-out FILE` writes a profile of this machine")
    };
    let text = std::fs::read_to_string(&args.profile).map_err(|error| refused(&error))?;
    let profile = Profile::parse(&text).map_err(|error| refused(&error))?;
    let plan = |subchains, share| Plan { legs: usize::from(args.legs), ..Plan::new(subchains, share) };
    let sizes: Vec<usize> = SUBCHAINS.into_iter().filter(|size| *size <= usize::from(args.max_subchains)).collect();
    let bar = output.progress(Some((sizes.len() * SHARES.len()) as u64), "{bar:40} {pos}/{len} points {msg}");
    let mut points = Vec::new();
    for share in SHARES {
        for size in &sizes {
            bar.set_message(format!("{size} subchains, {share} % cross-chain"));
            points.push(scale::run(&profile, &plan(*size, share)));
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let most = sizes.last().copied().unwrap_or(1);
    let told = Told {
        assumptions: assumptions(&profile, &plan(1, 100)),
        full: SHARES.into_iter().map(|share| full(&points, share)).collect(),
        sensitivity: sensitivity(&profile, &plan(COMPARED.min(most), 100), most),
        points,
        profile,
    };
    if let Some(file) = &args.report {
        page::write(file, &told)?;
    }
    output.data(&told, words);
    Ok(())
}

fn full(points: &[Point], share: u32) -> Full {
    let of_share = || points.iter().filter(|point| point.cross_percent == share);
    Full {
        cross_percent: share,
        from_subchains: of_share().find(|point| point.is_full()).map(|point| point.subchains),
        most_items_per_s: of_share().map(|point| point.items_per_s).fold(0.0, f64::max),
    }
}

fn sensitivity(profile: &Profile, plan: &Plan, most: usize) -> Vec<Sensitivity> {
    let mut first = None;
    let rows = scale::changes(profile, plan).into_iter().map(|change| {
        let point = scale::run(&change.profile, &change.plan);
        let wide = scale::run(&change.profile, &Plan { subchains: most, ..change.plan });
        let base = *first.get_or_insert(point.proposals_per_s);
        Sensitivity {
            change: change.what,
            subchains: point.subchains,
            proposals_per_s: point.proposals_per_s,
            ratio: if base > 0.0 { point.proposals_per_s / base } else { 0.0 },
            relay_cpu: point.relay_cpu,
            relay_pace: point.relay_pace,
            p50_ms: point.p50_ms,
            proposals_per_s_at_most: wide.proposals_per_s,
        }
    });
    rows.collect()
}

fn assumptions(profile: &Profile, plan: &Plan) -> Vec<String> {
    vec![
        format!(
            "Every point is the model's: blocks, lists and proposals in virtual time, with costs measured on a machine \
             of {} cores, {} validators per chain, suite {}. The network's real code was run to measure the costs, not \
             for the points",
            profile.machine.cores, profile.machine.validators, profile.machine.suite
        ),
        format!(
            "A validator of a subchain has {} core of its own, one of the relay {}; processes of one machine would \
             share them",
            plan.subchain_cores, plan.relay_cores
        ),
        format!(
            "Blocks not before {} ms (relay) and {} ms (subchain), execution at the proposer and then at the others, \
             {} ms for votes and disks, {} ms for a courier: a local network",
            plan.relay_interval_ms, plan.subchain_interval_ms, plan.votes_ms, plan.courier_ms
        ),
        "At most 256 messages per list, one Advance per subchain and block of the relay, 5,000 transactions per block, \
         4,096 legs in flight per chain, 8,192 proposals at the relay"
            .to_owned(),
        format!(
            "{} items under way per subchain; the share that is cross-chain is fixed, so a full relay holds back local \
             work too, as it does for a business whose work comes in that mix",
            plan.window
        ),
        format!(
            "Proposals of {} legs over subchains picked evenly, all committed, no two on one key; a proposal is 2N + 1 \
             small records on the relay",
            plan.legs
        ),
        "To store, log and send a proposal, an Advance or a message costs what it costs for one transaction: bench does \
         not measure it apart"
            .to_owned(),
        format!(
            "The relay counts as full from {:.0} % of its cores, or when its blocks come {LATE} times later than its \
             interval (pace): the proposer executes a block, then the others do, so cores may have rest and the chain \
             none",
            FULL * 100.0
        ),
    ]
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

const POINT_HEAD: [&str; 9] = [
    "cross-chain",
    "subchains",
    "items/s",
    "proposals/s",
    "relay CPU",
    "of it Advances",
    "relay pace",
    "subchain CPU",
    "p50 ms",
];

fn point_rows(told: &Told) -> Vec<Vec<String>> {
    let row = |point: &Point| {
        vec![
            format!("{} %", point.cross_percent),
            point.subchains.to_string(),
            whole(point.items_per_s),
            whole(point.proposals_per_s),
            percent(point.relay_cpu),
            percent(point.relay_on_advances),
            format!("{:.2}", point.relay_pace),
            percent(point.subchain_cpu),
            if point.p50_ms > 0.0 { whole(point.p50_ms) } else { "–".to_owned() },
        ]
    };
    told.points.iter().map(row).collect()
}

const CHANGE_HEAD: [&str; 7] = [
    "at 100 % cross-chain",
    "subchains",
    "proposals/s",
    "against first",
    "relay CPU",
    "relay pace",
    "with most subchains",
];

fn change_rows(told: &Told) -> Vec<Vec<String>> {
    let row = |one: &Sensitivity| {
        vec![
            one.change.to_owned(),
            one.subchains.to_string(),
            whole(one.proposals_per_s),
            format!("{:.2} ×", one.ratio),
            percent(one.relay_cpu),
            format!("{:.2}", one.relay_pace),
            whole(one.proposals_per_s_at_most),
        ]
    };
    told.sensitivity.iter().map(row).collect()
}

fn full_words(full: &Full) -> String {
    match full.from_subchains {
        Some(subchains) => format!(
            "{} % cross-chain: the relay is full from {subchains} subchains on; at most {:.0} items/s",
            full.cross_percent, full.most_items_per_s
        ),
        None => format!(
            "{} % cross-chain: the relay is not full in this table; at most {:.0} items/s",
            full.cross_percent, full.most_items_per_s
        ),
    }
}

fn words(told: &Told) -> String {
    let full: Vec<String> = told.full.iter().map(full_words).collect();
    let assumed: Vec<String> = told.assumptions.iter().map(|line| format!("- {line}.")).collect();
    format!(
        "{}\n{}\n\n{}\nAssumptions\n{}\n",
        table(&POINT_HEAD, &point_rows(told)),
        full.join("\n"),
        table(&CHANGE_HEAD, &change_rows(told)),
        assumed.join("\n")
    )
}
