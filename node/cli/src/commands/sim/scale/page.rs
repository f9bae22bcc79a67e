//! The page of `crosstie sim scale`: one file without script and without any outside request.

use super::words::{
    CHANGE_HEAD, CHECK_HEAD, POINT_HEAD, agreement_words, change_rows, check_rows, point_rows, saturated_words,
};
use super::{Row, Told};
use crate::exit::{Failure, Outcome};
use simulator::scale::{Point, SHARES};
use std::fmt::Write as _;
use std::path::Path;

const PAGE: &str = include_str!("page.html");
const WIDTH: f64 = 720.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const UPPER: (f64, f64) = (24.0, 290.0);
const LOWER: (f64, f64) = (336.0, 456.0);

/// Writes the page.
pub(super) fn write(file: &Path, told: &Told) -> Outcome {
    let saturated: String =
        told.saturated.iter().map(|one| format!("<li>{}.</li>", escaped(&saturated_words(one)))).collect();
    let assumed: String = told.assumptions.iter().map(|line| format!("<li>{}.</li>", escaped(line))).collect();
    let costs: Vec<Vec<String>> =
        told.profile.numbers().iter().map(|(name, us)| vec![(*name).to_owned(), format!("{us}")]).collect();
    let checks = if told.checks.is_empty() { String::new() } else { html_table(&CHECK_HEAD, &check_rows(told)) };
    let machine = &told.profile.machine;
    let warning = if machine.was_loaded() {
        "<p class=\"warning\">The profile was taken while other work kept the machine busy, or nobody knows whether it \
         was: take it again on a machine at rest with <code>crosstie bench --profile-out FILE</code>.</p>"
    } else {
        ""
    };
    let page = PAGE
        .replacen("<!--WARNING-->", warning, 1)
        .replacen("<!--PLOT-->", &plot(&told.points), 1)
        .replacen("<!--SATURATION-->", &escaped(told.saturation), 1)
        .replacen("<!--SATURATED-->", &saturated, 1)
        .replacen("<!--POINTS-->", &html_table(&POINT_HEAD, &point_rows(told)), 1)
        .replacen("<!--AGREEMENT-->", &escaped(&agreement_words(told)), 1)
        .replacen("<!--CHECKS-->", &checks, 1)
        .replacen("<!--CHANGES-->", &html_table(&CHANGE_HEAD, &change_rows(told)), 1)
        .replacen("<!--ASSUMED-->", &assumed, 1)
        .replacen("<!--COSTS-->", &html_table(&["step", "CPU µs"], &costs), 1);
    std::fs::write(file, page)
        .map_err(|error| Failure::input(file, error).next("name a file that this user can write, with --report"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn html_table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: String = head.iter().map(|cell| format!("<th scope=\"col\">{}</th>", escaped(cell))).collect();
    let row = |(number, row): (usize, &Vec<String>)| {
        // A line above every new group, so that shares stand apart.
        let is_new = number > 0 && rows.get(number - 1).and_then(|before| before.first()) != row.first();
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
        format!("<tr{}>{cells}</tr>", if is_new { " class=\"new\"" } else { "" })
    };
    let rows: String = rows.iter().enumerate().map(row).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// What a panel of the plot shows.
#[derive(Clone, Copy, PartialEq)]
enum Panel {
    Throughput,
    Load,
}

/// Where things are.
struct Scales {
    most: f64,
    low: f64,
    high: f64,
}

impl Scales {
    fn new(points: &[Row]) -> Self {
        let rates = || points.iter().map(|row| row.point.items_per_s).filter(|rate| *rate > 0.0);
        let low = rates().fold(f64::INFINITY, f64::min).log10().floor();
        let high = rates().fold(1.0, f64::max).log10().ceil();
        let (low, high) = if low < high { (low, high) } else { (0.0, 1.0) };
        let most = points.iter().map(|row| row.point.subchains).max().unwrap_or(1).max(2) as f64;
        Self { most, low, high }
    }

    fn x(&self, subchains: f64) -> f64 {
        LEFT + 8.0 + (WIDTH - LEFT - RIGHT - 16.0) * subchains.log2() / self.most.log2()
    }

    fn y(&self, panel: Panel, value: f64) -> f64 {
        let (share, (top, bottom)) = match panel {
            Panel::Throughput => ((value.max(1e-9).log10() - self.low) / (self.high - self.low), UPPER),
            Panel::Load => (value, LOWER),
        };
        bottom - (bottom - top) * share.clamp(0.0, 1.0)
    }
}

/// Throughput above, the relay's time at work below, over the same subchains; throughput and subchains by powers. A
/// filled mark: the relay is saturated. A ring around it: the real code in the simulator.
fn plot(points: &[Row]) -> String {
    let scales = Scales::new(points);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} 496\" role=\"img\" aria-label=\"Items per second, and how much of the time the relay \
         is at work, against subchains\">"
    );
    grid(&mut svg, &scales);
    for panel in [Panel::Throughput, Panel::Load] {
        for (number, share) in SHARES.into_iter().enumerate() {
            series(&mut svg, &scales, panel, number, &of_share(points, share));
        }
    }
    svg + "</svg>"
}

fn of_share(points: &[Row], share: u32) -> Vec<&Row> {
    points.iter().filter(|row| row.point.cross_percent == share).collect()
}

fn grid(svg: &mut String, scales: &Scales) {
    let mut line = |y: f64, label: &str| {
        // Writing to a string does not fail.
        let _ignored = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{}\" y=\"{:.1}\" \
             text-anchor=\"end\">{label}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0
        );
    };
    let mut power = scales.low;
    while power <= scales.high {
        let rate = 10f64.powf(power);
        let label = match rate {
            rate if rate >= 1e6 => format!("{:.0} M", rate / 1e6),
            rate if rate >= 1e3 => format!("{:.0} k", rate / 1e3),
            _ => format!("{rate:.0}"),
        };
        line(scales.y(Panel::Throughput, rate), &label);
        power += 1.0;
    }
    for (share, label) in [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")] {
        line(scales.y(Panel::Load, share), label);
    }
    let mut size = 1.0;
    while size <= scales.most {
        let _ignored = write!(svg, "<text x=\"{:.1}\" y=\"474\" text-anchor=\"middle\">{size}</text>", scales.x(size));
        size *= 2.0;
    }
    let _ignored = write!(
        svg,
        "<text x=\"0\" y=\"12\" class=\"name\">items per second, all subchains together</text><text x=\"0\" y=\"324\" \
         class=\"name\">the relay at work, of the time</text><text x=\"{:.1}\" y=\"490\" text-anchor=\"middle\" \
         class=\"name\">subchains</text>",
        (LEFT + WIDTH - RIGHT) / 2.0
    );
}

fn series(svg: &mut String, scales: &Scales, panel: Panel, number: usize, rows: &[&Row]) {
    let value = |point: &Point| if panel == Panel::Load { point.relay_at_work } else { point.items_per_s };
    let place = |point: &Point| (scales.x(point.subchains as f64), scales.y(panel, value(point)));
    let (mut path, mut marks) = (String::new(), String::new());
    for row in rows {
        let (x, y) = place(&row.point);
        let _ignored = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { "M" } else { "L" });
        let class = if row.saturated { "full" } else { "open" };
        let bound = row.bound.map_or("nothing alone", simulator::scale::Bound::name);
        let _ignored = write!(
            marks,
            "<circle class=\"s{number} {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{} subchains, {} % \
             cross-chain: {:.0} items/s, bound by {bound}; relay at work {:.0} %</title></circle>",
            row.point.subchains,
            row.point.cross_percent,
            row.point.items_per_s,
            row.point.relay_at_work * 100.0
        );
        if let Some(measured) = &row.measured {
            let (x, y) = place(&measured.point);
            let _ignored = write!(
                marks,
                "<circle class=\"s{number} ring\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"7.5\"><title>the real code in the \
                 simulator: {:.0} items/s, relay at work {:.0} %</title></circle>",
                measured.point.items_per_s,
                measured.point.relay_at_work * 100.0
            );
        }
    }
    let _ignored = write!(svg, "<path class=\"line s{number}\" d=\"{path}\"/>{marks}");
}
