//! How is an answer shown to people? As lines, then a table of endpoints, whether it was judged by objects or by a running weir.

use crate::output::{part::Part, table::Table};
use std::fmt::Write;
use weir_core::Printable;

/// Formats an answer in the form of `weir explain -o json`.
pub(crate) fn explanation_page(answer: Part<'_>) -> String {
    let mut page = String::new();
    let mut line = |name: &str, value: &str| {
        // Names in manifests are anything: none may look like another line.
        let _ = writeln!(page, "{name:<10}{}", Printable(value));
    };
    let from = answer.text("from").unwrap_or("this node");
    line("from", &format!("{from} ({})", answer.text_or_dash("origin")));
    line("to", answer.text_or_dash("to"));
    if let (Some(address), Some(listen)) = (answer.text("mapped.address"), answer.text("mapped.listen")) {
        line("mapped", &format!("{address} is served at {listen}"));
    }
    if answer.has("service") {
        let service = answer.at("service");
        line("service", &named(service));
        line("kind", service.text_or_dash("kind"));
        line("policy", service.text_or_dash("policy"));
        if service.has("sourceRanges") {
            let ranges: Vec<&str> =
                service.items("sourceRanges").filter_map(|range| range.text("")).collect();
            line("ranges", &ranges.join(", "));
        }
        if let Some(balance) = service.text("balance") {
            let affinity = service.count("affinitySeconds").map(|seconds| format!(", ClientIP {seconds}s"));
            line("balance", &format!("{balance}{}", affinity.unwrap_or_default()));
        }
        if let Some(state) = service.text("state") {
            let frontend = service.text("frontend").map(|frontend| format!(", frontend {frontend}"));
            line("state", &format!("{state}{}", frontend.unwrap_or_default()));
        }
    }
    line("verdict", &format!("{}: {}", answer.text_or_dash("verdict"), answer.text_or_dash("because")));
    for note in answer.items("notes").filter_map(|note| note.text("")) {
        line("note", note);
    }
    if answer.items("endpoints").len() > 0 {
        let _ = write!(page, "\n{}", table(answer));
    }
    page
}

fn named(service: Part<'_>) -> String {
    let (namespace, name) = (service.text_or_dash("namespace"), service.text_or_dash("name"));
    match service.text("portName").filter(|port| !port.is_empty()) {
        None => format!("{namespace}/{name}"),
        Some(port) => format!("{namespace}/{name}, port {port}"),
    }
}

fn table(answer: Part<'_>) -> String {
    let header =
        ["endpoint", "node", "zone", "eligible", "source", "state", "next pick", "connections", "weight"];
    let mut table = Table::new(header);
    for endpoint in answer.items("endpoints") {
        table.push([
            endpoint.text_or_dash("address").to_owned(),
            endpoint.text_or_dash("node").to_owned(),
            endpoint.text_or_dash("zone").to_owned(),
            eligible(endpoint),
            endpoint.text_or_dash("source").to_owned(),
            endpoint.text_or_dash("state").to_owned(),
            odds(endpoint),
            connections(endpoint),
            weight(endpoint),
        ]);
    }
    // Only a running weir knows these; objects say a weight where it is not the default.
    let has = |key: &str| answer.items("endpoints").any(|endpoint| endpoint.has(key));
    match (has("state"), has("weight")) {
        (true, _) => table.coloured(),
        (false, true) => table.without(&header[5..8]).to_string(),
        (false, false) => table.without(&header[5..]).to_string(),
    }
}

fn eligible(endpoint: Part<'_>) -> String {
    if endpoint.flag("eligible") == Some(true) {
        return "yes".to_owned();
    }
    let mut why = format!("no: {}", endpoint.text_or_dash("reason"));
    if let Some(detail) = endpoint.text("detail") {
        let _ = write!(why, ": {detail}");
    }
    if let Some(until) = endpoint.text("until") {
        let _ = write!(why, " until {until}");
    }
    why
}

/// Chance of the next pick; whoever has affinity, or hashes clients, has none that is the same for all.
fn odds(endpoint: Part<'_>) -> String {
    match endpoint.number("odds") {
        Some(odds) => format!("{:.1} %", 100.0 * odds),
        None if endpoint.flag("eligible") == Some(true) => "by client".to_owned(),
        None => "-".to_owned(),
    }
}

fn connections(endpoint: Part<'_>) -> String {
    let connections = endpoint.count_or_dash("connections");
    match endpoint.count("limit") {
        Some(limit) => format!("{connections} of {limit}"),
        None => connections,
    }
}

fn weight(endpoint: Part<'_>) -> String {
    let weight = endpoint.count_or_dash("weight");
    match endpoint.at("override") {
        asked if asked.flag("drain") == Some(true) => format!("{weight}, drained by an operator"),
        asked if asked.has("weight") => format!("{weight}, set by an operator"),
        _ => weight,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_running_weirs_answer_shows_what_only_it_knows() {
        let endpoint = |address: &str, more: serde_json::Value| {
            let mut endpoint = json!({"address": address, "node": "node-b", "zone": null, "eligible": true, "reason": null,
                "detail": null, "source": "kept", "state": "ready", "until": null, "connections": 12, "limit": null,
                "weight": 100, "override": null, "odds": 1.0, "new in a later version": {}});
            for (key, value) in more.as_object().unwrap() {
                endpoint[key] = value.clone();
            }
            endpoint
        };
        let answer = json!({
            "from": null, "origin": "node", "to": "10.96.0.10:80/TCP", "mapped": null, "verdict": "ACCEPT",
            "because": "1 endpoint is eligible; 1 is ejected",
            "service": {"namespace": "default", "name": "web\n\u{1b}[2J", "portName": "http", "kind": "cluster-ip",
                "policy": "internalTrafficPolicy Cluster", "list": "cluster", "sourceRanges": null,
                "balance": "least-connections", "affinitySeconds": null, "state": "degraded", "frontend": "listening"},
            "endpoints": [
                endpoint("10.0.0.1:80", json!({})),
                endpoint("10.0.0.2:80", json!({"eligible": false, "reason": "ejected", "source": null, "state": "ejected",
                    "until": "2026-11-30T02:30:02.000Z", "connections": 3, "limit": 3, "odds": 0.0})),
                endpoint("10.0.0.3:80", json!({"eligible": false, "reason": "draining", "source": null, "state": "draining",
                    "odds": 0.0, "weight": 0, "override": {"drain": true}})),
            ],
            "notes": [],
        });
        let expected = r"from      this node (node)
to        10.96.0.10:80/TCP
service   default/web\n\u{1b}[2J, port http
kind      cluster-ip
policy    internalTrafficPolicy Cluster
balance   least-connections
state     degraded, frontend listening
verdict   ACCEPT: 1 endpoint is eligible; 1 is ejected

ENDPOINT      NODE     ZONE   ELIGIBLE                                     SOURCE   STATE      NEXT PICK   CONNECTIONS   WEIGHT
10.0.0.1:80   node-b   -      yes                                          kept     ready      100.0 %     12            100
10.0.0.2:80   node-b   -      no: ejected until 2026-11-30T02:30:02.000Z   -        ejected    0.0 %       3 of 3        100
10.0.0.3:80   node-b   -      no: draining                                 -        draining   0.0 %       12            0, drained by an operator
";
        assert_eq!(explanation_page(Part::of(&answer)), expected);
    }
}
