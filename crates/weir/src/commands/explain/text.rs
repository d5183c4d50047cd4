//! How is an answer shown to people?

use super::answer::{Answer, EndpointAnswer, ServiceAnswer};
use crate::output::table::Table;
use std::fmt::Write;
use weir_core::Printable;

/// Formats an answer as lines, then a table of endpoints.
pub(super) fn page(answer: &Answer<'_>) -> String {
    let mut page = String::new();
    let mut line = |name: &str, value: &str| {
        // Names in manifests are anything: none may look like another line.
        let _ = writeln!(page, "{name:<10}{}", Printable(value));
    };
    line("from", &format!("{} ({})", answer.from, answer.origin));
    line("to", &answer.to);
    if let Some(mapped) = &answer.mapped {
        line("mapped", &format!("{} is served at {}", mapped.address, mapped.listen));
    }
    if let Some(service) = &answer.service {
        line("service", &named(service));
        line("kind", service.kind);
        line("policy", &service.policy);
        if let Some(ranges) = &service.source_ranges {
            line("ranges", &ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        }
    }
    line("verdict", &format!("{}: {}", answer.verdict, answer.because));
    for note in &answer.notes {
        line("note", note);
    }
    if !answer.endpoints.is_empty() {
        let _ = write!(page, "\n{}", table(&answer.endpoints));
    }
    page
}

fn named(service: &ServiceAnswer) -> String {
    let ServiceAnswer { namespace, name, port_name, .. } = service;
    match port_name.is_empty() {
        true => format!("{namespace}/{name}"),
        false => format!("{namespace}/{name}, port {port_name}"),
    }
}

fn table(endpoints: &[EndpointAnswer<'_>]) -> Table<5> {
    let mut table = Table::new(["endpoint", "node", "zone", "eligible", "source"]);
    for endpoint in endpoints {
        table.push([
            endpoint.address.clone(),
            endpoint.node.unwrap_or("-").to_owned(),
            endpoint.zone.unwrap_or("-").to_owned(),
            match (endpoint.reason, &endpoint.detail) {
                (None, _) => "yes".to_owned(),
                (Some(reason), None) => format!("no: {reason}"),
                (Some(reason), Some(detail)) => format!("no: {reason}: {detail}"),
            },
            endpoint.source.unwrap_or("-").to_owned(),
        ]);
    }
    table
}
