//! How is the state of a weir shown to people?

use super::{ApiServer, MAX_PORTS, Status, wrong::Wrong};
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
    for (name, value) in lines(summary, status.api_server) {
        let _ = writeln!(page, "{name:<13}{}", Printable(value));
    }
    page
}

fn lines(summary: Part<'_>, api_server: ApiServer) -> Vec<(&'static str, String)> {
    let text = |path: &str| summary.text_or_dash(path);
    let count = |path: &str| summary.count_or_dash(path);
    let zone = summary.text("zone").map(|zone| format!(", zone {zone}")).unwrap_or_default();
    let applied = age(between(summary.text("lastAppliedAt"), summary.text("time")));
    let mut lines = vec![
        ("node", format!("{}{zone}, {} mode", text("node"), text("mode"))),
        (
            "weir",
            format!(
                "{}, pid {}, up {} since {}",
                text("version"),
                count("pid"),
                age(summary.number("uptimeSeconds")),
                text("startedAt")
            ),
        ),
        ("serving", format!("state {}, the last change {applied} ago", count("generation"))),
        (
            "API server",
            match api_server {
                ApiServer::Unknown => "none, or not known".to_owned(),
                ApiServer::Answers => "answers".to_owned(),
                ApiServer::AwaySince(_) => "away".to_owned(),
            },
        ),
        (
            "Services",
            format!("{}, ports {}", count("services.services"), counts(summary.at("services"), &PORTS)),
        ),
        ("frontends", counts(summary.at("frontends"), &FRONTENDS)),
        (
            "endpoints",
            format!("{}: {}", count("endpoints.total"), counts(summary.at("endpoints"), &ENDPOINTS)),
        ),
        (
            "connections",
            format!(
                "{} of {}, {} waiting; opened {}, failed {}, rejected {}",
                count("connections.active"),
                count("connections.limit"),
                count("connections.waiting"),
                count("connections.openedTotal"),
                count("connections.failedTotal"),
                count("connections.rejectedTotal")
            ),
        ),
        (
            "flows",
            format!(
                "{} of {}; opened {}",
                count("flows.active"),
                count("flows.limit"),
                count("flows.openedTotal")
            ),
        ),
        (
            "relayed",
            format!(
                "{} to endpoints, {} to clients",
                size(summary.count("bytes.toEndpointTotal")),
                size(summary.count("bytes.toClientTotal"))
            ),
        ),
        ("descriptors", format!("{} of {}", count("descriptors.used"), count("descriptors.limit"))),
    ];
    if let Some(overrides) = summary.count("overrides").filter(|count| *count > 0) {
        lines.push(("overrides", format!("{overrides} by operators")));
    }
    lines
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
