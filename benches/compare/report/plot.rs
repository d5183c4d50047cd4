//! How is a report drawn? As grouped bars that can be read on light and on dark pages.

use super::{results::Report, sample::Figures};
use crate::{way::Way, work::Work};
use std::fmt::Write;

const WIDTH: f64 = 1000.0;
const MARGIN: f64 = 10.0;
/// The legend, and the title of each of the two rows.
const LINE: f64 = 34.0;
/// The height of the highest bar.
const BARS: f64 = 150.0;
/// Names of the works below the bars.
const NAMES: f64 = 40.0;
/// The part of a group that holds no bars.
const GAP: f64 = 0.12;

/// Works whose rates say something by themselves.
const WORKS: [Work; 6] =
    [Work::Connections, Work::Pingpong, Work::PingpongOne, Work::BulkUp, Work::BulkDown, Work::Udp];

const STYLE: &str = "text { font: 11px sans-serif; fill: #24292f } .value { font-size: 9px } .title { font-weight: bold } \
    line { stroke: #8c959f } .direct { fill: #b6bdc5 } .nat { fill: #8c959f } .haproxy { fill: #d4a72c } \
    .nginx { fill: #4ac26b } .realm { fill: #c297ff } .weir { fill: #218bff } \
    @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .direct { fill: #484f58 } .nat { fill: #6e7681 } }";

/// Rates above, processor times below; bars of a work as high as their share of its highest one.
pub(crate) fn svg(report: &Report) -> String {
    let height = LINE * 3.0 + (BARS + NAMES) * 2.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>weir and other proxies doing the same work</title>\n<style>{STYLE}</style>\n"
    );
    legend(&mut svg, report);
    let rows: [(&str, Figure); 2] = [
        ("Rate: more is better", |figures| figures.value),
        ("Processor time of the proxy: less is better", |figures| figures.cpu),
    ];
    for (number, (title, figure)) in rows.into_iter().enumerate() {
        let top = LINE + number as f64 * (LINE + BARS + NAMES);
        text(&mut svg, (MARGIN, top + 12.0), "title", "start", title);
        row(&mut svg, report, top + LINE, figure, number == 0);
    }
    svg + "</svg>\n"
}

type Figure = fn(&Figures) -> Option<f64>;

fn legend(svg: &mut String, report: &Report) {
    let step = (WIDTH - 2.0 * MARGIN) / Way::ALL.len() as f64;
    for (number, way) in report.ways().into_iter().enumerate() {
        let left = MARGIN + number as f64 * step;
        rectangle(svg, way, [left, 8.0, 12.0, 12.0]);
        text(svg, (left + 18.0, 18.0), "name", "start", way.name());
    }
}

/// The bars of one figure, a group for each work.
fn row(svg: &mut String, report: &Report, top: f64, figure: Figure, rates: bool) {
    let measured = report.works();
    let works: Vec<Work> = WORKS.into_iter().filter(|work| measured.contains(work)).collect();
    let (bottom, group) = (top + BARS, (WIDTH - 2.0 * MARGIN) / works.len().max(1) as f64);
    let ways = report.ways();
    let bar = group * (1.0 - GAP) / ways.len().max(1) as f64;
    for (number, work) in works.into_iter().enumerate() {
        let left = MARGIN + number as f64 * group;
        let values: Vec<Option<f64>> = ways.iter().map(|way| figure(&report.figures(work, *way))).collect();
        let highest = values.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
        for (place, (way, value)) in ways.iter().zip(values).enumerate() {
            let Some(value) = value else { continue };
            let (left, height) = (left + place as f64 * bar, value / highest * (BARS - 12.0));
            rectangle(svg, *way, [left, bottom - height, bar * 0.9, height]);
            text(svg, (left + bar * 0.45, bottom - height - 3.0), "value", "middle", &short(value));
        }
        let unit = if rates { work.unit().value() } else { work.unit().cpu() };
        let middle = left + group * (1.0 - GAP) / 2.0;
        text(svg, (middle, bottom + 14.0), "name", "middle", &work.argument());
        text(svg, (middle, bottom + 27.0), "value", "middle", unit);
    }
    // Writing to a String cannot fail.
    let _ =
        writeln!(svg, "<line x1=\"{MARGIN}\" y1=\"{bottom}\" x2=\"{}\" y2=\"{bottom}\"/>", WIDTH - MARGIN);
}

fn rectangle(svg: &mut String, way: Way, [left, top, width, height]: [f64; 4]) {
    let _ = writeln!(
        svg,
        "<rect class=\"{}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>",
        way.argument()
    );
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
        ..0.995 => format!("{value:.2}"),
        ..9.95 => format!("{value:.1}"),
        ..1000.0 => format!("{value:.0}"),
        ..9950.0 => format!("{:.1}k", value / 1e3),
        _ => format!("{:.0}k", value / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::results::tests::example;

    /// Checks that tags are closed in the order in which they were opened, and that attributes are quoted.
    fn assert_well_formed(xml: &str) {
        let mut open = Vec::new();
        for part in xml.split('<').skip(1) {
            let (tag, after) = part.split_once('>').unwrap();
            assert!(!after.contains('>'), "{part}");
            assert!(tag.matches('"').count() == 2 * tag.matches('=').count(), "{tag}");
            let name = tag.split_whitespace().next().unwrap();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn a_plot_is_well_formed_and_has_a_bar_for_each_figure() {
        let svg = svg(&example());
        assert_well_formed(&svg);
        // Four ways in two works, of which a direct connection has no processor time; and the legend.
        assert_eq!(svg.matches("<rect").count(), 4 * 2 + 3 * 2 + 4);
        assert!(svg.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn what_is_written_is_escaped() {
        let mut svg = String::new();
        text(&mut svg, (0.0, 0.0), "name", "start", "<a> & b");
        assert!(svg.contains("&lt;a&gt; &amp; b"), "{svg}");
        assert_well_formed(&svg);
    }

    #[test]
    fn values_keep_two_or_three_digits() {
        let shorts = [0.123, 1.24, 12.3, 123.4, 1234.0, 12_345.0, 123_456.0].map(short);
        assert_eq!(shorts, ["0.12", "1.2", "12", "123", "1.2k", "12k", "123k"]);
    }
}
