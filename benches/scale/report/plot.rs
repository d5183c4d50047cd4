//! How is a report drawn? As bars over the number of Services, readable on light and on dark pages.

use super::results::Report;
use crate::{
    work::Work,
    works::{change, cold_start, memory},
};
use std::fmt::Write;

const WIDTH: f64 = 1000.0;
const MARGIN: f64 = 10.0;
/// The title of the panels, and the names below their bars.
const LINE: f64 = 34.0;
/// The height of the highest bar.
const BARS: f64 = 150.0;
/// The part of a panel or group that holds no bars.
const GAP: f64 = 0.15;

/// What is drawn: a title, and the figures that share its scale.
const PANELS: [(&str, Work, &[&str]); 4] = [
    ("Change until seen, p50 and p99, ms", Work::Change, &[change::P50, change::P99]),
    ("Change, weir's part and CPU, ms", Work::Change, &[change::PART, change::CPU]),
    ("Start until the last answer, ms", Work::ColdStart, &[cold_start::ANSWERED]),
    ("Memory, Services and all, MB", Work::Memory, &[memory::SERVICES, memory::ALL]),
];

const STYLE: &str = "text { font: 11px sans-serif; fill: #24292f } .value { font-size: 9px } .title { font-weight: bold } \
    line { stroke: #8c959f } .bar0 { fill: #218bff } .bar1 { fill: #8c959f } \
    @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar1 { fill: #6e7681 } }";

/// One panel beside the other; bars of a panel as high as their share of its highest one.
pub(crate) fn svg(report: &Report) -> String {
    let height = 2.0 * LINE + BARS;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>weir with very many Services</title>\n<style>{STYLE}</style>\n"
    );
    let width = (WIDTH - 2.0 * MARGIN) / PANELS.len() as f64;
    for (number, (title, work, names)) in PANELS.into_iter().enumerate() {
        let left = MARGIN + number as f64 * width;
        text(&mut svg, (left, 18.0), "title", "start", title);
        panel(&mut svg, report, (left, width * (1.0 - GAP)), work, names);
    }
    svg + "</svg>\n"
}

/// A group of bars for each number of Services.
fn panel(svg: &mut String, report: &Report, (left, width): (f64, f64), work: Work, names: &[&str]) {
    let bottom = LINE + BARS;
    let group = width / report.amounts.len().max(1) as f64;
    let bar = group * (1.0 - GAP) / names.len() as f64;
    let value = |name: &str, services| report.figure(work, name, services).map(|figure| figure.value);
    let sizes = || report.amounts.iter().map(|amounts| amounts.services);
    let values = sizes().flat_map(|services| names.iter().filter_map(move |name| value(name, services)));
    let highest = values.filter(|value| value.is_finite()).fold(f64::MIN_POSITIVE, f64::max);
    for (number, services) in sizes().enumerate() {
        let left = left + number as f64 * group;
        for (place, name) in names.iter().enumerate() {
            let Some(value) = value(name, services).filter(|value| value.is_finite()) else { continue };
            let (left, height) = (left + place as f64 * bar, value.max(0.0) / highest * (BARS - 12.0));
            let top = bottom - height;
            // Writing to a String cannot fail.
            let _ = writeln!(
                svg,
                "<rect class=\"bar{place}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
                bar * 0.9
            );
            text(svg, (left + bar * 0.45, top - 3.0), "value", "middle", &short(value));
        }
        let middle = left + group * (1.0 - GAP) / 2.0;
        text(svg, (middle, bottom + 14.0), "name", "middle", &services.to_string());
    }
    let _ =
        writeln!(svg, "<line x1=\"{left:.1}\" y1=\"{bottom}\" x2=\"{:.1}\" y2=\"{bottom}\"/>", left + width);
}

fn text(svg: &mut String, (left, base): (f64, f64), class: &str, anchor: &str, text: &str) {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{left:.1}\" y=\"{base:.1}\" text-anchor=\"{anchor}\">{escaped}</text>"
    );
}

/// Three digits, so that it fits on its bar.
fn short(value: f64) -> String {
    match value {
        ..9.95 => format!("{value:.1}"),
        ..9950.0 => format!("{value:.0}"),
        _ => format!("{:.0}k", value / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Figure, table::tests::example};

    #[test]
    fn a_plot_has_a_bar_for_each_figure_that_was_measured() {
        let mut report = example();
        let figures = [change::P50, change::P99].map(|name| Figure::count(name, 1.5, "ms"));
        report.add(Work::Change, 100, Ok(figures.to_vec()));
        report.add(Work::Change, 44_000, Ok(vec![Figure::count(change::P50, f64::NAN, "ms")]));
        let svg = svg(&report);
        assert_eq!(svg.matches("<rect").count(), 2, "{svg}");
        assert_eq!(svg.matches(">44000</text>").count(), PANELS.len());
        assert!(svg.ends_with("</svg>\n") && svg.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn values_fit_on_their_bars() {
        assert_eq!([0.44, 12.3, 4426.0, 12_345.0].map(short), ["0.4", "12", "4426", "12k"]);
    }
}
