//! How is a report printed?

use super::results::{Failed, Figure, Measured, Report};
use crate::{arguments::Amounts, work::Work};
use std::{collections::BTreeSet, fmt::Write};
use weir_bench::report::table::{self, aligned};

/// The lines that are known before the first measurement: the machine, and how much is measured.
pub(crate) fn header(report: &Report) -> String {
    let mut text = table::machine(&report.machine, "weir, API server, clients and endpoints");
    // Writing to a String cannot fail.
    if let [amounts, ..] = &report.amounts[..] {
        let _ = writeln!(text, "{} endpoints for each Service", amounts.endpoints);
    }
    text += &table::warning(&report.machine);
    if !report.optimised {
        let _ = writeln!(text, "WITHOUT OPTIMISATIONS: the figures say nothing");
    }
    text
}

/// The table of the figures: a row for each figure, a column for each number of Services.
pub(crate) fn body(report: &Report) -> String {
    let sizes: Vec<u32> = report.amounts.iter().map(|amounts| amounts.services).collect();
    let title = |&services: &u32| format!("{services} Services");
    let mut rows = vec![["", "goal"].map(String::from).into_iter().chain(sizes.iter().map(title)).collect()];
    let mut known = BTreeSet::new();
    for Measured { work, figure, .. } in &report.figures {
        if !known.insert((work.name(), figure.name)) {
            continue;
        }
        let start =
            [format!("{}: {}, {}", work.name(), figure.name, figure.unit), goal(report, *work, figure.name)];
        let cell = |&services: &u32| report.figure(*work, figure.name, services).map_or("-".into(), value);
        rows.push(start.into_iter().chain(sizes.iter().map(cell)).collect());
    }
    let mut text = format!("\n{}", aligned(&rows));
    for Failed { work, services, error } in &report.failed {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} with {services} Services: FAILED: {error}", work.name());
    }
    text
}

/// The goal of a figure, or the least and the greatest where the goal depends on the number of Services.
fn goal(report: &Report, work: Work, name: &str) -> String {
    let of = |amounts: &Amounts| report.figure(work, name, amounts.services)?.goal;
    let goals = || report.amounts.iter().filter_map(of);
    match (goals().reduce(f64::min), goals().reduce(f64::max)) {
        (Some(least), Some(greatest)) if least < greatest => {
            format!("{} - {}", short(least), short(greatest))
        }
        (goal, _) => goal.map(short).unwrap_or_default(),
    }
}

fn value(figure: &Figure) -> String {
    let missed = figure.goal.is_some_and(|goal| figure.value > goal);
    format!("{}{}", if missed { "MISSED " } else { "" }, short(figure.value))
}

/// Three digits, or all before the point.
fn short(value: f64) -> String {
    match value.abs() {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::arguments::Arguments;
    use anyhow::anyhow;
    use clap::Parser;

    pub(crate) fn example() -> Report {
        let mut report = Report::begin(&Arguments::parse_from(["scale", "--services", "100,44000"]));
        let figures = [("all served", 1812.4, Some(2000.0)), ("CPU", 3.2, Some(1.0)), ("memory", 41.2, None)];
        let figures = figures.map(|(name, value, goal)| Figure { goal, ..Figure::count(name, value, "ms") });
        report.add(Work::ColdStart, 100, Ok(figures.to_vec()));
        report.add(Work::ColdStart, 44_000, Ok(figures[..1].to_vec()));
        report.add(Work::Soak, 44_000, Err(anyhow!("weir has ended")));
        report
    }

    #[test]
    fn each_figure_has_a_row_with_a_column_for_each_number_of_services() {
        let text = body(&example());
        let cells = |of: &str| -> Vec<String> {
            let line = text.lines().find(|line| line.contains(of)).unwrap();
            line.split("  ").map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect()
        };
        assert_eq!(cells("goal"), ["goal", "100 Services", "44000 Services"]);
        assert_eq!(cells("all served")[1..], ["2000", "1812", "1812"]);
        assert_eq!(cells("CPU")[1..], ["1.00", "MISSED 3.20", "-"], "a goal that is missed is said to be");
        assert_eq!(cells("memory")[1..], ["41.2", "-"]);
    }

    #[test]
    fn what_failed_is_told_with_its_reason() {
        assert!(body(&example()).contains("soak with 44000 Services: FAILED: weir has ended"));
    }

    #[test]
    fn the_header_says_when_the_figures_say_nothing() {
        let text = header(&example());
        assert!(text.contains("10 endpoints for each Service"), "{text}");
        assert_eq!(text.contains("WITHOUT OPTIMISATIONS"), cfg!(debug_assertions));
    }
}
