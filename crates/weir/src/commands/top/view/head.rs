//! What stands above everything? The node, its totals and rates, and what is wrong.

use super::{
    columns::{bytes_rate, rate},
    style::Looks,
    text::{cut, joined, shown, width},
};
use crate::{
    commands::top::model::{Model, clock},
    output::{
        part::Part,
        quantity::{age, size},
        terminal::Colour,
    },
};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// Lines of the head.
pub(super) const LINES: u16 = 4;

/// Draws the head.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, model: &Model, looks: Looks) {
    let cells = usize::from(area.width);
    let summary = model.node().summary();
    let (alarm, style) = wrong(model, looks);
    let lines = [
        (title(summary, cells), looks.bar()),
        (joined(totals(summary), cells), Style::new()),
        (joined(rates(model), cells), Style::new()),
        (alarm, style),
    ];
    for (y, (line, style)) in (area.y..area.bottom()).zip(lines) {
        buffer.set_stringn(area.x, y, cut(&line, cells), cells, style);
    }
    buffer.set_style(Rect { height: 1, ..area }, looks.bar());
}

/// Name of the node on the left, its time on the right.
fn title(summary: Part<'_>, cells: usize) -> String {
    let text = |path: &str| summary.text(path).map(shown);
    let left = [
        Some(" weir top".to_owned()),
        text("node"),
        text("zone").map(|zone| format!("zone {zone}")),
        text("mode").map(|mode| format!("{mode} mode")),
    ];
    let right = [
        text("version").map(|version| format!("weir {version}")),
        summary.number("uptimeSeconds").map(|up| format!("up {}", age(Some(up)))),
        summary.text("time").and_then(clock),
    ];
    let right = right.into_iter().flatten().collect::<Vec<_>>().join("  ") + " ";
    let room = cells.saturating_sub(width(&right) + 2);
    let left = joined(left.into_iter().flatten(), room);
    let blanks = " ".repeat(cells.saturating_sub(width(&left) + width(&right)));
    format!("{left}{blanks}{right}")
}

fn totals(summary: Part<'_>) -> Vec<String> {
    let count = |path: &str| summary.count_or_dash(path);
    let of = |what: &str, used: &str| {
        format!("{what} {}/{}", count(&format!("{what}.{used}")), count(&format!("{what}.limit")))
    };
    vec![
        format!("Services {} ({} ports)", count("services.services"), count("services.ports")),
        format!("endpoints {}/{} ready", count("endpoints.ready"), count("endpoints.total")),
        of("connections", "active"),
        of("flows", "active"),
        of("descriptors", "used"),
        format!("waiting {}", count("connections.waiting")),
        format!("overrides {}", count("overrides")),
    ]
}

fn rates(model: &Model) -> Vec<String> {
    let (node, summary) = (model.node(), model.node().summary());
    let count = |path: &str| summary.count_or_dash(path);
    vec![
        format!("opened {} ({}/s)", count("connections.openedTotal"), rate(node.rate(0))),
        format!("failed {} ({}/s)", count("connections.failedTotal"), rate(node.rate(1))),
        format!("in {}/s", bytes_rate(node.rate(2))),
        format!("out {}/s", bytes_rate(node.rate(3))),
        format!("rejected {}", count("connections.rejectedTotal")),
        format!("in {} in all", size(summary.count("bytes.toEndpointTotal"))),
        format!("out {} in all", size(summary.count("bytes.toClientTotal"))),
    ]
}

/// What is wrong, and how that looks. That nothing new is known is worse than whatever was known.
fn wrong(model: &Model, looks: Looks) -> (String, Style) {
    if let Some(stale) = model.stale() {
        return (shown(&format!("! {stale}")), looks.alarm());
    }
    let wrong = model.node().wrong();
    match wrong.is_empty() {
        true => ("  nothing is wrong".to_owned(), looks.coloured(Colour::Green)),
        false => (format!("! {}", wrong.join("; ")), looks.alarm()),
    }
}
