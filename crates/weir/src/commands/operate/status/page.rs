//! How is the state of a weir shown to people?

use super::{
    facts::{MAX_PORTS, Status, api_server},
    wrong::Wrong,
};
use crate::output::{
    part::Part,
    quantity::{age, between, size},
    table::Table,
};
use std::fmt::Write;
use weir_core::Printable;

/// Kinds of counts of Service ports, with their words.
const PORTS: [(&str, &str); 6] = [
    ("ok", "ok"),
    ("degraded", "degraded"),
    ("failing", "failing"),
    ("noEndpoints", "without endpoints"),
    ("notBound", "not bound"),
    ("unsupported", "unsupported"),
];

/// Kinds of counts of endpoints, with their words.
const ENDPOINTS: [(&str, &str); 8] = [
    ("ready", "ready"),
    ("ejected", "ejected"),
    ("down", "down"),
    ("draining", "draining"),
    ("full", "full"),
    ("notReady", "not ready"),
    ("elsewhere", "for elsewhere"),
    ("loop", "in a loop"),
];

/// Kinds of counts of frontends, with their words.
const FRONTENDS: [(&str, &str); 3] =
    [("listening", "listening"), ("failed", "failed"), ("noEndpoints", "without endpoints")];

/// What is wrong, then everything at a glance.
pub(super) fn page(status: &Status, wrong: &[Wrong]) -> String {
    let mut page = match wrong.is_empty() {
        true => "nothing is wrong\n\n".to_owned(),
        false => {
            let mut table = Table::new(["state", "what", "why"]);
            for Wrong { state, what, why } in wrong {
                table.push([state.clone(), what.clone(), why.clone()]);
            }
            let more = match Part::of(&status.ports).items("items").len() {
                MAX_PORTS if Part::of(&status.ports).has("metadata.continue") => {
                    format!("... these are the worst {MAX_PORTS} Service ports\n")
                }
                _ => String::new(),
            };
            format!("{}{more}\n", table.coloured())
        }
    };
    let summary = Part::of(&status.summary);
    for (name, value) in lines(summary) {
        let _ = writeln!(page, "{name:<13}{}", Printable(value));
    }
    page
}

/// Name and value of each line.
type Line = (&'static str, String);

fn lines(summary: Part<'_>) -> Vec<Line> {
    let mut lines = process(summary);
    lines.extend(served(summary));
    lines.extend(traffic(summary));
    if let Some(overrides) = summary.count("overrides").filter(|count| *count > 0) {
        lines.push(("overrides", format!("{overrides} by operators")));
    }
    lines
}

fn process(summary: Part<'_>) -> Vec<Line> {
    let text = |path: &str| summary.text_or_dash(path);
    let zone = summary.text("zone").map(|zone| format!(", zone {zone}")).unwrap_or_default();
    let (pid, up) = (summary.count_or_dash("pid"), age(summary.number("uptimeSeconds")));
    let applied = age(between(summary.text("lastAppliedAt"), summary.text("time")));
    vec![
        ("node", format!("{}{zone}, {} mode", text("node"), text("mode"))),
        ("weir", format!("{}, pid {pid}, up {up} since {}", text("version"), text("startedAt"))),
        ("serving", format!("state {}, the last change {applied} ago", summary.count_or_dash("generation"))),
        ("API server", api_server(summary)),
    ]
}

fn served(summary: Part<'_>) -> [Line; 3] {
    let ports = counts(summary.at("services"), &PORTS);
    let endpoints = counts(summary.at("endpoints"), &ENDPOINTS);
    [
        ("Services", format!("{}, ports {ports}", summary.count_or_dash("services.services"))),
        ("frontends", counts(summary.at("frontends"), &FRONTENDS)),
        ("endpoints", format!("{}: {endpoints}", summary.count_or_dash("endpoints.total"))),
    ]
}

fn traffic(summary: Part<'_>) -> [Line; 4] {
    let count = |path: &str| summary.count_or_dash(path);
    let of_limit = |part: &str, used: &str| {
        format!("{} of {}", count(&format!("{part}.{used}")), count(&format!("{part}.limit")))
    };
    let connections = format!(
        "{}, {} waiting; opened {}, failed {}, rejected {}",
        of_limit("connections", "active"),
        count("connections.waiting"),
        count("connections.openedTotal"),
        count("connections.failedTotal"),
        count("connections.rejectedTotal")
    );
    let relayed = format!(
        "{} to endpoints, {} to clients",
        size(summary.count("bytes.toEndpointTotal")),
        size(summary.count("bytes.toClientTotal"))
    );
    [
        ("connections", connections),
        ("flows", format!("{}; opened {}", of_limit("flows", "active"), count("flows.openedTotal"))),
        ("relayed", relayed),
        ("descriptors", of_limit("descriptors", "used")),
    ]
}

/// Counts that are not 0, with their words.
fn counts(part: Part<'_>, kinds: &[(&str, &str)]) -> String {
    let some = kinds.iter().filter_map(|(key, word)| {
        let count = part.count(key).filter(|count| *count > 0)?;
        Some(format!("{count} {word}"))
    });
    let some: Vec<String> = some.collect();
    if some.is_empty() { "none".to_owned() } else { some.join(", ") }
}
