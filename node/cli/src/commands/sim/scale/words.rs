//! The tables of `crosstie sim scale`, for the terminal and for the page.

use super::{Check, Measured, Row, Saturated, Sensitivity, Told};
use crate::output::table;

pub(super) const POINT_HEAD: [&str; 13] = [
    "cross-chain",
    "subchains",
    "items/s",
    "proposals/s",
    "bound by",
    "relay at work",
    "relay CPU",
    "relay block ms",
    "subchain CPU",
    "p50 ms",
    "real code items/s",
    "model ÷ real",
    "relay CPU ÷ real",
];
pub(super) const CHECK_HEAD: [&str; 8] = [
    "relay slower",
    "subchains",
    "cross-chain",
    "model items/s",
    "real code items/s",
    "model ÷ real",
    "relay CPU, model and real",
    "relay CPU ÷ real",
];
pub(super) const CHANGE_HEAD: [&str; 4] =
    ["at 100 % cross-chain", "relay saturated from", "most proposals/s", "against first"];

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

fn times(number: f64) -> String {
    format!("{number:.2}")
}

fn ratio(measured: &Measured, ratio: f64) -> String {
    format!("{ratio:.2}{}", if measured.agrees { "" } else { " !" })
}

pub(super) fn point_rows(told: &Told) -> Vec<Vec<String>> {
    let row = |row: &Row| {
        let (point, none) = (&row.point, || "–".to_owned());
        let measured = |tell: &dyn Fn(&Measured) -> String| row.measured.as_ref().map_or_else(none, tell);
        vec![
            format!("{} %", point.cross_percent),
            point.subchains.to_string(),
            whole(point.items_per_s),
            whole(point.proposals_per_s),
            row.bound.map_or_else(none, |bound| bound.name().to_owned()),
            percent(point.relay_at_work),
            percent(point.relay_cpu),
            whole(point.relay_block_ms),
            percent(point.subchain_cpu),
            if point.p50_ms > 0.0 { whole(point.p50_ms) } else { none() },
            measured(&|it| whole(it.point.items_per_s)),
            measured(&|it| ratio(it, it.throughput_ratio)),
            measured(&|it| ratio(it, it.relay_cpu_ratio)),
        ]
    };
    told.points.iter().map(row).collect()
}

pub(super) fn check_rows(told: &Told) -> Vec<Vec<String>> {
    let row = |check: &Check| {
        let measured = &check.measured;
        vec![
            format!("{} times", check.relay_slowness),
            check.model.subchains.to_string(),
            format!("{} %", check.model.cross_percent),
            whole(check.model.items_per_s),
            whole(measured.point.items_per_s),
            ratio(measured, measured.throughput_ratio),
            format!("{}, {}", percent(check.model.relay_cpu), percent(measured.point.relay_cpu)),
            ratio(measured, measured.relay_cpu_ratio),
        ]
    };
    told.checks.iter().map(row).collect()
}

pub(super) fn change_rows(told: &Told) -> Vec<Vec<String>> {
    let row = |one: &Sensitivity| {
        let from = one.saturated_from.map_or_else(|| "never here".to_owned(), |from| format!("{from} subchains"));
        vec![one.change.to_owned(), from, whole(one.most_proposals_per_s), format!("{} ×", times(one.ratio))]
    };
    told.sensitivity.iter().map(row).collect()
}

pub(super) fn saturated_words(one: &Saturated) -> String {
    let share = one.cross_percent;
    let most = match share {
        0 | 100 => format!("at most {:.0} items/s", one.most_items_per_s),
        _ => format!("at most {:.0} items/s, {:.0} of them proposals", one.most_items_per_s, one.most_proposals_per_s),
    };
    match one.from_subchains {
        Some(subchains) => {
            format!("{share} % cross-chain: the relay is saturated from {subchains} subchains on; {most}")
        }
        None => format!("{share} % cross-chain: the relay is not saturated in this table; {most}"),
    }
}

pub(super) fn agreement_words(told: &Told) -> String {
    let agreement = &told.agreement;
    if agreement.compared == 0 {
        return "No point was run by the real code: the model stands alone (--measured 0).".to_owned();
    }
    format!(
        "{} of {} points that the real code ran in the simulator agree with the model within {:.0} %, in throughput and in \
         the relay's CPU time; the others are marked with !.",
        agreement.within,
        agreement.compared,
        agreement.tolerance * 100.0
    )
}

/// All of it.
pub(super) fn all(told: &Told) -> String {
    let saturated: Vec<String> = told.saturated.iter().map(saturated_words).collect();
    let assumed: Vec<String> = told.assumptions.iter().map(|line| format!("- {line}.")).collect();
    let checks = if told.checks.is_empty() {
        String::new()
    } else {
        format!("A relay so slow that few proposals saturate it\n{}\n", table(&CHECK_HEAD, &check_rows(told)))
    };
    format!(
        "{}\n{}\n\n{}\n{}\n\n{checks}What moves the point\n{}\nAssumptions\n{}\n",
        table(&POINT_HEAD, &point_rows(told)),
        agreement_words(told),
        told.saturation,
        saturated.join("\n"),
        table(&CHANGE_HEAD, &change_rows(told)),
        assumed.join("\n")
    )
}
