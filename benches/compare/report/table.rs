//! How is a report printed?

use super::{
    ratios::{Ratio, Ratios},
    results::Report,
    sample::{Figures, Sample},
};
use crate::{
    way::Way,
    work::{Unit, Work},
};
use std::fmt::Write;
use weir_bench::report::table::{self, aligned};

/// The lines that are known before the first measurement: machine, rounds, versions, and what is missing.
pub(crate) fn header(report: &Report) -> String {
    let mut text = table::machine(&report.machine, "client, proxy and endpoints");
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} rounds of {} s", report.rounds, report.seconds);
    text += &table::warning(&report.machine);
    for participant in &report.versions {
        let _ = writeln!(text, "  {:<10}  {}", participant.way.name(), participant.version);
    }
    text + &missing(report)
}

/// A line for each way that was asked for and is not installed.
pub(crate) fn missing(report: &Report) -> String {
    let line = |(way, advice): &(Way, &str)| format!("  {:<10}  MISSING: {advice}\n", way.name());
    report.missing.iter().map(line).collect()
}

/// The tables of medians and of ratios.
pub(crate) fn body(report: &Report) -> String {
    let mut rows =
        vec![["".to_owned()].into_iter().chain(report.ways().iter().map(|way| way.name().into())).collect()];
    for work in report.works() {
        rows.extend(rows_of(report, work));
    }
    let mut text = format!("\n{}\n", aligned(&rows));
    let _ = writeln!(text, "weir as a multiple of the best form of HAProxy, NGINX and realm:");
    text += &ratios(report, Ratios::of);
    text += "\nweir as a multiple of the best form of each, rate and CPU:\n";
    text += &peers(report);
    if report.ways().contains(&Way::WeirNodeForwarded) {
        text += "\nthe forwarded way of node mode as a multiple of node mode without:\n";
        text += &ratios(report, Ratios::of_forwarding);
    }
    text
}

fn ratios(report: &Report, of: fn(&Report, Work) -> Ratios) -> String {
    let mut rows = vec![["", "rate", "CPU", "p99"].map(String::from).to_vec()];
    for work in report.works() {
        let Ratios { value, cpu, p99 } = of(report, work);
        rows.push([work.name().into()].into_iter().chain([value, cpu, p99].map(ratio)).collect());
    }
    aligned(&rows)
}

fn peers(report: &Report) -> String {
    let names = Way::PEERS.map(|peer| peer.name().to_owned());
    let mut rows = vec![["".to_owned()].into_iter().chain(names).collect::<Vec<String>>()];
    for work in report.works() {
        let times =
            |ratio: Option<Ratio>| ratio.map_or_else(|| "-".into(), |ratio| format!("{:.2}", ratio.times));
        let cell = |peer| {
            let Ratios { value, cpu, .. } = Ratios::of_peer(report, work, peer);
            format!("{} {}", times(value), times(cpu))
        };
        rows.push([work.name().into()].into_iter().chain(Way::PEERS.map(cell)).collect());
    }
    aligned(&rows)
}

/// The line about one measurement, as soon as it is made.
pub(crate) fn progress(sample: &Sample) -> String {
    let mut text = format!(
        "round {}, {}, {}: {}",
        sample.round,
        sample.work.name(),
        sample.way.name(),
        main(sample.work, &sample.figures)
    );
    if let Some(latency) = latency(&sample.figures) {
        let _ = write!(text, ", p50/p99 {latency} µs");
    }
    if sample.errors > 0 {
        let first = sample.first_error.as_deref().unwrap_or_default();
        let _ = write!(text, ", {} errors, the first one: {first}", sample.errors);
    }
    text
}

fn rows_of(report: &Report, work: Work) -> Vec<Vec<String>> {
    let ways = report.ways();
    let row = |title: String, cell: &dyn Fn(Way) -> Option<String>| -> Option<Vec<String>> {
        let cells: Vec<Option<String>> = ways.iter().map(|way| cell(*way)).collect();
        let any = cells.iter().any(Option::is_some);
        let filled = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".into()));
        any.then(|| [title].into_iter().chain(filled).collect())
    };
    let figures = |way| report.figures(work, way);
    let errors =
        |way| Some(report.errors(work, way)).filter(|errors| *errors > 0).map(|errors| errors.to_string());
    let rows = [
        row(format!("{}, {}", work.name(), work.units()), &|way| {
            figures(way).value.map(|_| main(work, &figures(way)))
        }),
        row("  p50/p99 µs".into(), &|way| latency(&figures(way))),
        row("  bulk beside it, Gb/s".into(), &|way| figures(way).beside.map(|rate| format!("{rate:.2}"))),
        row("  connections".into(), &|way| figures(way).connections.map(|count| format!("{count:.0}"))),
        row("  ERRORS".into(), &errors),
    ];
    rows.into_iter().flatten().collect()
}

/// The main figure, and processor time in brackets.
fn main(work: Work, figures: &Figures) -> String {
    let value = figures.value.map_or_else(
        || "-".into(),
        |value| match work.unit() {
            Unit::Bytes => format!("{value:.2}"),
            _ => format!("{value:.0}"),
        },
    );
    match (figures.cpu, work.unit()) {
        (Some(cpu), Unit::Bytes) => format!("{value} ({cpu:.2})"),
        (Some(cpu), _) => format!("{value} ({cpu:.1})"),
        (None, _) => value,
    }
}

fn latency(figures: &Figures) -> Option<String> {
    Some(format!("{:.0}/{:.0}", figures.p50?, figures.p99?))
}

fn ratio(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(|| "-".into(), |ratio| format!("{:.2} x {}", ratio.times, ratio.proxy.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::results::tests::example;

    #[test]
    fn the_header_names_machine_versions_and_what_is_missing() {
        let text = header(&example());
        for part in ["Fast 9000, 2 cores, Linux 6.18", "HAProxy <1.0>", "realm       MISSING: build it"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_busy_machine_is_said_to_be_busy() {
        let mut report = example();
        assert!(header(&report).contains("(load 0.5): expect noise"));
        report.machine.load = 0.1;
        assert!(!header(&report).contains("noise"));
    }

    #[test]
    fn each_work_has_a_row_with_a_column_for_each_way() {
        let text = body(&example());
        let row = text.lines().find(|line| line.starts_with("TCP connections, 1/s (CPU µs each)")).unwrap();
        let cells: Vec<&str> = row.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect();
        assert_eq!(cells[1..], ["8000", "2000 (10.0)", "4000 (5.0)", "6000 (3.3)"]);
        assert!(text.contains("25/50"), "{text}");
        assert!(text.contains("  ERRORS"), "{text}");
    }

    #[test]
    fn ratios_name_the_proxy() {
        let text = body(&example());
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("TCP connections")).collect();
        assert!(rows[1].contains("1.50 x NGINX"), "{rows:?}");
        let cells: Vec<&str> = rows[2].split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect();
        assert_eq!(cells[1..], ["3.00 0.33", "1.50 0.67", "- -"]);
    }

    #[test]
    fn progress_says_what_went_wrong() {
        let mut sample = example().samples.remove(0);
        sample.errors = 2;
        sample.first_error = Some("refused".into());
        assert!(progress(&sample).ends_with(", 2 errors, the first one: refused"));
    }
}
