//! `crosstie sim scale`: throughput against subchains at four shares of cross-chain work, the relay's load beside it,
//! what binds at each point, where the relay is saturated, and what moves that point.
//!
//! The model gives every point. Small ones are run by the real code, too, and stand beside the model's.

mod assumptions;
mod page;
mod words;

use crate::args::SimScaleArgs;
use crate::exit::{Failure, Outcome};
use crate::output::Output;
use indicatif::ProgressBar;
use serde::Serialize;
use simulator::scale::{self, Bound, Plan, Point, Profile, SHARES, SUBCHAINS, Timing};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Everything that is said.
#[derive(Debug, Serialize)]
struct Told {
    profile: Profile,
    /// What the simulated world measured for the model.
    timing: Timing,
    assumptions: Vec<String>,
    /// When the relay counts as saturated.
    saturation: &'static str,
    points: Vec<Row>,
    /// Where the relay is saturated, per share.
    saturated: Vec<Saturated>,
    sensitivity: Vec<Sensitivity>,
    /// Points of a relay so slow that few proposals saturate it.
    checks: Vec<Check>,
    agreement: Agreement,
}

/// A point of the table.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    point: Point,
    bound: Option<Bound>,
    /// How many times the throughput when this bound is twice as wide.
    gain: f64,
    saturated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<Measured>,
}

/// The same point of the simulated world.
#[derive(Debug, Serialize)]
struct Measured {
    #[serde(flatten)]
    point: Point,
    /// The model's throughput and relay CPU, divided by these.
    throughput_ratio: f64,
    relay_cpu_ratio: f64,
    agrees: bool,
}

impl Measured {
    fn new(model: &Point, point: Point) -> Self {
        let ratio = |model: f64, measured: f64| if measured > 0.0 { model / measured } else { f64::from(model <= 0.0) };
        let throughput_ratio = ratio(model.items_per_s, point.items_per_s);
        let relay_cpu_ratio = ratio(model.relay_cpu, point.relay_cpu);
        let is_near = |ratio: f64| (ratio - 1.0).abs() <= scale::TOLERANCE;
        // Of a relay at rest a ratio says nothing.
        let both_rest = model.relay_cpu.max(point.relay_cpu) < 0.02;
        let agrees = is_near(throughput_ratio) && (is_near(relay_cpu_ratio) || both_rest);
        Self { point, throughput_ratio, relay_cpu_ratio, agrees }
    }
}

/// Where the relay is saturated.
#[derive(Debug, Serialize)]
struct Saturated {
    cross_percent: u32,
    /// None: not in this table.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_subchains: Option<usize>,
    most_items_per_s: f64,
    most_proposals_per_s: f64,
}

/// What one change does to the point from which the relay is saturated.
#[derive(Debug, Serialize)]
struct Sensitivity {
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    saturated_from: Option<usize>,
    /// The most at any size of the table.
    most_proposals_per_s: f64,
    /// Against the first row.
    ratio: f64,
}

/// A point of the model and of the simulated world with a slow relay.
#[derive(Debug, Serialize)]
struct Check {
    relay_slowness: f64,
    model: Point,
    measured: Measured,
}

/// How far the model and the simulated world are from each other.
#[derive(Debug, Serialize)]
struct Agreement {
    tolerance: f64,
    compared: usize,
    within: usize,
}

/// Runs the command.
pub(super) fn run(args: &SimScaleArgs, output: &Output) -> Outcome {
    let refused = |error: &dyn std::fmt::Display| {
        Failure::input(&args.profile, error)
            .next("`crosstie bench --profile-out FILE` writes a profile of this machine")
    };
    let text = std::fs::read_to_string(&args.profile).map_err(|error| refused(&error))?;
    let profile = Profile::parse(&text).map_err(|error| refused(&error))?;
    let legs = usize::from(args.legs);
    let broken = |failure: Box<simulator::Failure>| Failure::internal(failure.to_string());
    output.say("measuring latencies and sizes in the simulator");
    let timing = scale::calibrate(&profile, legs).map_err(broken)?;
    let plan = |subchains, share| Plan { legs, ..Plan::new(subchains, share, timing.clone()) }.fitted(&profile);
    let most = usize::from(args.max_subchains);
    let sizes: Vec<usize> = SUBCHAINS.into_iter().filter(|size| *size <= most).collect();
    let plans: Vec<Plan> = SHARES.iter().flat_map(|share| sizes.iter().map(|size| plan(*size, *share))).collect();
    let checks = if args.measured > 0 { scale::slow_plans(&profile, &plan(1, 100)) } else { Vec::new() };
    let is_measured = |plan: &&Plan| {
        // Without cross-chain work every subchain is alone, and more of them tell nothing new.
        plan.subchains <= usize::from(args.measured) && (plan.cross_percent > 0 || plan.subchains == 1)
    };
    let wanted: Vec<Plan> = plans.iter().filter(is_measured).chain(&checks).cloned().collect();
    let bar =
        output.progress(Some((plans.len() + wanted.len()) as u64), "{bar:40} {pos}/{len} points, {eta} left {msg}");
    let mut measured = measure_all(&profile, &wanted, &bar)?.into_iter();
    let mut points = Vec::new();
    for plan in &plans {
        bar.set_message(format!("model: {} subchains, {} % cross-chain", plan.subchains, plan.cross_percent));
        let mut row = row(&profile, plan);
        if is_measured(&plan) {
            row.measured = measured.next().map(|point| Measured::new(&row.point, point));
        }
        points.push(row);
        bar.inc(1);
    }
    let checks: Vec<Check> = checks.iter().zip(measured).map(|(plan, point)| check(&profile, plan, point)).collect();
    bar.set_message("what moves the point");
    let told = Told {
        assumptions: assumptions::list(&profile, &plan(1, 100)),
        saturation: scale::SATURATION,
        saturated: SHARES.into_iter().map(|share| saturated(&profile, &plan(1, share), &points, most)).collect(),
        sensitivity: sensitivity(&profile, &plan(1, 100), &sizes, most),
        agreement: agreement(&points, &checks),
        points,
        checks,
        timing,
        profile,
    };
    bar.finish_and_clear();
    if let Some(file) = &args.report {
        page::write(file, &told)?;
    }
    output.data(&told, words::all);
    Ok(())
}

/// Runs these plans in simulated worlds, on all cores.
fn measure_all(profile: &Profile, plans: &[Plan], bar: &ProgressBar) -> Outcome<Vec<Point>> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).min(plans.len());
    let next = AtomicUsize::new(0);
    let mut points: Vec<Option<Point>> = vec![None; plans.len()];
    bar.set_message("the real code in the simulator");
    std::thread::scope(|scope| -> Outcome {
        let (sender, results) = mpsc::sync_channel(1);
        for _ in 0..jobs {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((number, plan)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    plans.get(number).map(|plan| (number, plan))
                } {
                    if sender.send((number, scale::measure(profile, plan))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (number, result) in results {
            let point = result.map_err(|failure| Failure::internal(failure.to_string()))?;
            if let Some(place) = points.get_mut(number) {
                *place = Some(point);
            }
            bar.inc(1);
        }
        Ok(())
    })?;
    Ok(points.into_iter().flatten().collect())
}

fn row(profile: &Profile, plan: &Plan) -> Row {
    let point = scale::run(profile, plan);
    let bound = scale::bound(profile, plan, &point);
    let saturated = bound.is_some_and(|(bound, _)| bound.is_the_relays());
    Row {
        point,
        bound: bound.map(|(bound, _)| bound),
        gain: bound.map_or(1.0, |(_, gain)| gain),
        saturated,
        measured: None,
    }
}

fn check(profile: &Profile, plan: &Plan, point: Point) -> Check {
    let model = scale::run(profile, plan);
    Check { relay_slowness: plan.relay_slowness, measured: Measured::new(&model, point), model }
}

fn agreement(points: &[Row], checks: &[Check]) -> Agreement {
    let measured = || points.iter().filter_map(|row| row.measured.as_ref()).chain(checks.iter().map(|it| &it.measured));
    Agreement {
        tolerance: scale::TOLERANCE,
        compared: measured().count(),
        within: measured().filter(|measured| measured.agrees).count(),
    }
}

fn saturated(profile: &Profile, plan: &Plan, points: &[Row], most: usize) -> Saturated {
    let of_share = || points.iter().filter(|row| row.point.cross_percent == plan.cross_percent);
    Saturated {
        cross_percent: plan.cross_percent,
        from_subchains: of_share()
            .any(|row| row.saturated)
            .then(|| scale::saturated_from(profile, plan, most))
            .flatten(),
        most_items_per_s: of_share().map(|row| row.point.items_per_s).fold(0.0, f64::max),
        most_proposals_per_s: of_share().map(|row| row.point.proposals_per_s).fold(0.0, f64::max),
    }
}

fn sensitivity(profile: &Profile, plan: &Plan, sizes: &[usize], most: usize) -> Vec<Sensitivity> {
    let mut first = None;
    let rows = scale::changes(profile, plan).into_iter().map(|change| {
        let at = |subchains: &usize| {
            let plan = change.plan.sized(*subchains, &change.profile);
            scale::run(&change.profile, &plan).proposals_per_s
        };
        let most_proposals_per_s = sizes.iter().map(at).fold(0.0, f64::max);
        let base: f64 = *first.get_or_insert(most_proposals_per_s);
        Sensitivity {
            change: change.what,
            saturated_from: scale::saturated_from(&change.profile, &change.plan, most),
            most_proposals_per_s,
            ratio: if base > 0.0 { most_proposals_per_s / base } else { 0.0 },
        }
    });
    rows.collect()
}
