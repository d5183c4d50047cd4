//! How is a report drawn? As bars over the number of Services.

use super::results::Report;
use crate::work::Work;
use weir_bench::report::chart::{BARS, Bar, Chart, Colours, GAP, Group, LINE, MARGIN, Picture, Scale, WIDTH};

/// Figures of one work that are drawn with one scale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    /// Title above the bars.
    pub(crate) title: &'static str,
    /// The work that the figures are of.
    pub(crate) work: Work,
    /// Names of the figures.
    pub(crate) figures: &'static [&'static str],
}

const COLOURS: Colours =
    Colours { light: ".bar0 { fill: #218bff } .bar1 { fill: #8c959f }", dark: ".bar1 { fill: #6e7681 }" };

/// Draws one panel beside the other, in which bars are as high as their share of the panel's highest one.
pub(crate) fn svg(report: &Report, panels: &[Panel]) -> String {
    let mut picture = Picture::new(2.0 * LINE + BARS, "weir with very many Services", COLOURS);
    let width = (WIDTH - 2.0 * MARGIN) / panels.len().max(1) as f64;
    for (index, panel) in panels.iter().enumerate() {
        let left = MARGIN + index as f64 * width;
        picture.title((left, 18.0), panel.title);
        picture.chart(&Chart {
            left,
            bottom: LINE + BARS,
            width: width * (1.0 - GAP),
            scale: Scale::AllGroups,
            groups: report.amounts.iter().map(|amounts| group(report, panel, amounts.services)).collect(),
        });
    }
    picture.finish()
}

/// The bars for one number of Services.
fn group(report: &Report, panel: &Panel, services: u32) -> Group {
    let bar = |(index, name): (usize, &&str)| {
        let value = report.figure(panel.work, name, services)?.value;
        value.is_finite().then(|| Bar { class: format!("bar{index}"), value, label: short(value) })
    };
    let bars = panel.figures.iter().enumerate().map(bar).collect();
    Group { name: services.to_string(), unit: None, bars }
}

/// Three digits, so that the text fits on its bar.
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
    use crate::{
        report::{Figure, table::tests::example},
        works::{PANELS, change},
    };

    #[test]
    fn a_plot_has_a_bar_for_each_figure_that_was_measured() {
        let mut report = example();
        let figures = [change::P50, change::P99].map(|name| Figure::count(name, 1.5, "ms"));
        report.add(Work::Change, 100, Ok(figures.to_vec()));
        report.add(Work::Change, 44_000, Ok(vec![Figure::count(change::P50, f64::NAN, "ms")]));
        let svg = svg(&report, &PANELS);
        assert_eq!(svg.matches("<rect").count(), 2, "{svg}");
        assert_eq!(svg.matches(">44000</text>").count(), PANELS.len());
        assert!(svg.ends_with("</svg>\n") && svg.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn values_fit_on_their_bars() {
        assert_eq!([0.44, 12.3, 4426.0, 12_345.0].map(short), ["0.4", "12", "4426", "12k"]);
    }
}
