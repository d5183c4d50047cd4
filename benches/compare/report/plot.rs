//! How is a report drawn? Rates above, processor times of the proxies below.

use super::{results::Report, sample::Figures};
use crate::{way::Way, work::Work};
use weir_bench::report::chart::{BARS, Bar, Chart, Colours, Group, LINE, MARGIN, Picture, Scale, WIDTH};

/// Height of the names and units below the bars.
const NAMES: f64 = 40.0;

/// Width of an entry of the legend without its name: the colour, and space before and after the name.
const ENTRY: f64 = 29.0;
/// Width of a letter, of which the names of all ways leave room for no more.
const LETTER: f64 = 5.6;

/// Works whose rates say something by themselves.
const WORKS: [Work; 6] =
    [Work::Connections, Work::Pingpong, Work::PingpongOne, Work::BulkUp, Work::BulkDown, Work::Udp];

const COLOURS: Colours = Colours {
    light: ".direct { fill: #b6bdc5 } .nat { fill: #8c959f } .haproxy { fill: #d4a72c } .haproxy-tuned { fill: #9a6700 } \
            .nginx { fill: #4ac26b } .nginx-tuned { fill: #1a7f37 } .realm { fill: #c297ff } .realm-tuned { fill: #8250df } \
            .weir { fill: #218bff } .weir-node { fill: #0969da } .weir-node-forwarded { fill: #0a3069 }",
    dark: ".direct { fill: #484f58 } .nat { fill: #6e7681 }",
};

/// A row of bars: its title, the figure of each way, and the unit of a work.
type Row = (&'static str, fn(&Figures) -> Option<f64>, fn(Work) -> &'static str);

const ROWS: [Row; 2] = [
    ("Rate: more is better", |figures| figures.value, |work| work.unit().value()),
    ("Processor time of the proxy: less is better", |figures| figures.cpu, |work| work.unit().cpu()),
];

/// Draws a group of bars for each work, in which bars are as high as their share of the group's highest one.
pub(crate) fn svg(report: &Report) -> String {
    let height = LINE * 3.0 + (BARS + NAMES) * 2.0;
    let mut picture = Picture::new(height, "weir and other proxies doing the same work", COLOURS);
    let mut left = MARGIN;
    for way in report.ways() {
        picture.legend(left, &way.argument(), way.name());
        left += ENTRY + LETTER * way.name().len() as f64;
    }
    for (index, row) in ROWS.iter().enumerate() {
        let top = LINE + index as f64 * (LINE + BARS + NAMES);
        picture.title((MARGIN, top + 12.0), row.0);
        picture.chart(&Chart {
            left: MARGIN,
            bottom: top + LINE + BARS,
            width: WIDTH - 2.0 * MARGIN,
            scale: Scale::EachGroup,
            groups: groups(report, row),
        });
    }
    picture.finish()
}

fn groups(report: &Report, (_, figure, unit): &Row) -> Vec<Group> {
    let measured = report.works();
    let works = WORKS.into_iter().filter(|work| measured.contains(work));
    let bar = |work: Work, way: Way| {
        let value = figure(&report.figures(work, way))?;
        Some(Bar { class: way.argument(), value, label: short(value) })
    };
    let group = |work: Work| Group {
        name: work.argument(),
        unit: Some(unit(work)),
        bars: report.ways().into_iter().map(|way| bar(work, way)).collect(),
    };
    works.map(group).collect()
}

/// Two or three digits, so that the text fits on its bar.
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

    #[test]
    fn a_plot_has_a_bar_for_each_figure() {
        let svg = svg(&example());
        // Four ways in two works, of which a direct connection has no processor time; and the legend.
        assert_eq!(svg.matches("<rect").count(), 4 * 2 + 3 * 2 + 4);
        assert!(svg.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn values_keep_two_or_three_digits() {
        let shorts = [0.123, 1.24, 12.3, 123.4, 1234.0, 12_345.0, 123_456.0].map(short);
        assert_eq!(shorts, ["0.12", "1.2", "12", "123", "1.2k", "12k", "123k"]);
    }
}
