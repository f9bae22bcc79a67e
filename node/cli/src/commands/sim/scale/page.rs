//! The page of `crosstie sim scale`: one file without script and without any outside request.

use super::{CHANGE_HEAD, FULL, POINT_HEAD, Told, change_rows, full_words, point_rows};
use crate::exit::{Failure, Outcome};
use simulator::scale::{Point, SHARES};
use std::fmt::Write as _;
use std::path::Path;

const PAGE: &str = include_str!("page.html");
const WIDTH: f64 = 720.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const UPPER: (f64, f64) = (16.0, 280.0);
const LOWER: (f64, f64) = (320.0, 440.0);

/// Writes the page.
pub(super) fn write(file: &Path, told: &Told) -> Outcome {
    let full: String = told.full.iter().map(|full| format!("<li>{}</li>", escaped(&full_words(full)))).collect();
    let assumed: String = told.assumptions.iter().map(|line| format!("<li>{}.</li>", escaped(line))).collect();
    let costs: Vec<Vec<String>> =
        told.profile.numbers().iter().map(|(name, us)| vec![(*name).to_owned(), format!("{us}")]).collect();
    let page = PAGE
        .replacen("<!--PLOT-->", &plot(&told.points), 1)
        .replacen("<!--FULL-->", &full, 1)
        .replacen("<!--POINTS-->", &html_table(&POINT_HEAD, &point_rows(told)), 1)
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
    let row = |row: &Vec<String>| {
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
        format!("<tr>{cells}</tr>")
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// Throughput above, the relay's load below, over the same subchains; both axes of throughput by powers.
fn plot(points: &[Point]) -> String {
    let most = points.iter().map(|point| point.subchains).max().unwrap_or(1).max(2) as f64;
    let rates = || points.iter().map(|point| point.items_per_s).filter(|rate| *rate > 0.0);
    let low = rates().fold(f64::INFINITY, f64::min).log10().floor();
    let high = rates().fold(1.0, f64::max).log10().ceil();
    let (low, high) = if low < high { (low, high) } else { (0.0, 1.0) };
    let x = |subchains: f64| LEFT + (WIDTH - LEFT - RIGHT) * subchains.log2() / most.log2();
    let rate_y = |rate: f64| {
        let share = ((rate.max(1e-9).log10() - low) / (high - low)).clamp(0.0, 1.0);
        UPPER.1 - (UPPER.1 - UPPER.0) * share
    };
    let load_y = |load: f64| LOWER.1 - (LOWER.1 - LOWER.0) * load.clamp(0.0, 1.0);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} 480\" role=\"img\" aria-label=\"Items per second, and the relay's CPU share, against \
         subchains\">"
    );
    let mut line = |y: f64, label: &str, class: &str| {
        // Writing to a string does not fail.
        let _ignored = write!(
            svg,
            "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{}\" y=\"{:.1}\" \
             text-anchor=\"end\">{label}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0
        );
    };
    let mut power = low;
    while power <= high {
        let rate = 10f64.powf(power);
        let label = if rate >= 1e6 {
            format!("{:.0} M/s", rate / 1e6)
        } else if rate >= 1e3 {
            format!("{:.0} k/s", rate / 1e3)
        } else {
            format!("{rate:.0}/s")
        };
        line(rate_y(rate), &label, "grid");
        power += 1.0;
    }
    line(load_y(0.0), "0 %", "grid");
    line(load_y(1.0), "100 %", "grid");
    line(load_y(FULL), "full", "full");
    let mut size = 1.0;
    while size <= most {
        let _ignored = write!(svg, "<text x=\"{:.1}\" y=\"460\" text-anchor=\"middle\">{size}</text>", x(size));
        size *= 2.0;
    }
    let _ignored = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"12\" class=\"name\">items per second, all subchains</text><text x=\"{LEFT}\" y=\"312\" \
         class=\"name\">the relay's CPU</text><text x=\"{}\" y=\"476\" text-anchor=\"end\">subchains</text>",
        WIDTH - RIGHT
    );
    for (number, share) in SHARES.into_iter().enumerate() {
        for is_load in [false, true] {
            let (mut path, mut marks) = (String::new(), String::new());
            for point in points.iter().filter(|point| point.cross_percent == share) {
                let (x, y) = (
                    x(point.subchains as f64),
                    if is_load { load_y(point.relay_cpu) } else { rate_y(point.items_per_s) },
                );
                let _ignored = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { "M" } else { "L" });
                let _ignored = write!(
                    marks,
                    "<circle class=\"s{number}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"><title>{} subchains, {share} % \
                     cross-chain: {:.0} items/s, relay {:.0} %</title></circle>",
                    point.subchains,
                    point.items_per_s,
                    point.relay_cpu * 100.0
                );
            }
            let _ignored = write!(svg, "<path class=\"line s{number}\" d=\"{path}\"/>{marks}");
        }
    }
    svg + "</svg>"
}
