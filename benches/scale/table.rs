//! How is a report printed?

use crate::report::{Figure, Report};
use std::fmt::Write;

/// From this load on somebody else takes part of the time, and the figures say less.
const BUSY: f64 = 0.5;

/// Where and with what it is measured, known before the first measurement.
pub(crate) fn header(report: &Report) -> String {
    let (machine, amounts) = (&report.machine, report.amounts);
    let mut text = format!(
        "{}, {} cores, Linux {}; weir, API server, clients and endpoints share them\n{} Services with {} endpoints each\n",
        machine.processor, machine.cores, machine.kernel, amounts.services, amounts.endpoints
    );
    // Writing to a String cannot fail.
    if machine.load >= BUSY {
        let _ = writeln!(text, "OTHERS USE THIS MACHINE (load {:.1}): expect noise", machine.load);
    }
    if !report.optimised {
        let _ = writeln!(text, "WITHOUT OPTIMISATIONS: the figures say nothing");
    }
    text
}

/// What was measured.
pub(crate) fn body(report: &Report) -> String {
    let mut rows = vec![["", "", "goal", ""].map(String::from).to_vec()];
    for (work, figure) in &report.figures {
        rows.push(vec![
            format!("{}: {}", work.name(), figure.name),
            format!("{} {}", short(figure.value), figure.unit),
            figure.goal.map(short).unwrap_or_default(),
            verdict(figure).into(),
        ]);
    }
    for (work, error) in &report.failed {
        rows.push(vec![format!("{}: FAILED: {error}", work.name())]);
    }
    format!("\n{}", aligned(&rows))
}

fn verdict(figure: &Figure) -> &'static str {
    match figure.goal {
        Some(goal) if figure.value > goal => "MISSED",
        _ => "",
    }
}

/// Three digits, or all before the point.
fn short(value: f64) -> String {
    match value.abs() {
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Columns as wide as their widest cell, except where a row has only one; all but the first to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let full = || rows.iter().filter(|row| row.len() > 1);
    let width = |column: usize| full().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("{cell:<0$}", width(0)),
            _ => format!("  {cell:>0$}", width(column)),
        });
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{arguments::Arguments, work::Work};
    use anyhow::anyhow;
    use clap::Parser;

    fn example() -> Report {
        let mut report = Report::begin(&Arguments::parse_from(["scale"]));
        let figures = [("all served", 1812.4, Some(2000.0)), ("CPU", 3.2, Some(1.0)), ("memory", 41.2, None)];
        let figures = figures.map(|(name, value, goal)| Figure { goal, ..Figure::count(name, value, "ms") });
        report.add(Work::ColdStart, Ok(figures.to_vec()));
        report.add(Work::Soak, Err(anyhow!("weir has ended")));
        report
    }

    #[test]
    fn a_goal_that_is_missed_is_said_to_be() {
        let text = body(&example());
        let line = |of: &str| text.lines().find(|line| line.contains(of)).unwrap().to_owned();
        assert!(line("all served").ends_with("1812 ms  2000"), "{text}");
        assert!(line("CPU").ends_with("MISSED"), "{text}");
        assert!(line("memory").ends_with("41.2 ms"), "{text}");
    }

    #[test]
    fn what_failed_is_told_with_its_reason() {
        assert!(body(&example()).contains("soak: FAILED: weir has ended"));
    }

    #[test]
    fn the_header_names_machine_and_amounts() {
        let text = header(&example());
        assert!(text.contains("10000 Services with 10 endpoints each"), "{text}");
        assert_eq!(text.contains("WITHOUT OPTIMISATIONS"), cfg!(debug_assertions));
    }
}
