//! How is an endpoint shown?

use super::column::{Column, Line, SERVICE, numbers, words};
use crate::{
    commands::top::{
        model::{DETAIL_WIDTH, service_port},
        view::{style::signed, text::shown},
    },
    output::{
        part::Part,
        quantity::{age, between, latency},
    },
};

pub(super) const COLUMNS: [Column; 14] = [
    words("STATE", 10, 0, |line| signed(&line.text("state"))),
    words("ENDPOINT", 15, 0, |line| line.text("endpoint")),
    words(SERVICE, 12, 80, |line| shown(&service_port(line.item))),
    words("NODE", 6, 80, |line| line.text("node")),
    numbers("ODDS", 4, 40, |line| odds(line.item)),
    numbers("CONNS", 5, 60, |line| line.count("connections.active")),
    numbers("NEW/S", 5, 100, |line| line.rate(0)),
    numbers("FAILED", 6, 90, |line| line.count("failures.total")),
    numbers("SINCE", 5, 80, since),
    numbers("WEIGHT", 6, 140, |line| line.count("weight")),
    numbers("CONNECT", 7, 130, |line| latency(line.item.number("connectTime.meanSeconds"))),
    numbers("RTT", 6, DETAIL_WIDTH, |line| latency(line.item.number("detail.rttSeconds"))),
    numbers("RETR", 4, DETAIL_WIDTH, |line| line.count("detail.retransmits")),
    words("WHY", 8, 80, |line| shown(&about(line.item))),
];

fn since(line: &Line<'_>) -> String {
    age(between(line.item.text("since"), line.list.time()))
}

/// Chance of the next new connection: for clients in the cluster, after a stroke for those from outside where theirs differs.
pub(in crate::commands::top::view) fn odds(item: Part<'_>) -> String {
    let percent = |pick: Part<'_>| match (pick.number("odds"), pick.flag("eligible")) {
        (Some(odds), _) => format!("{:.0}%", odds * 100.0),
        (None, Some(true)) => "any".to_owned(),
        (None, _) => "-".to_owned(),
    };
    let mut picks: Vec<String> = item.items("picks").take(2).map(percent).collect();
    picks.dedup();
    if picks.is_empty() { "-".to_owned() } else { picks.join("/") }
}

/// Reason for the state in words, and what an operator has asked for.
pub(super) fn about(item: Part<'_>) -> String {
    let said = item.text("message").or(item.text("reason"));
    let spared = item.flag("lastResort") == Some(true);
    let parts = [
        said.map(str::to_owned),
        spared.then(|| "used all the same: too few others are left".to_owned()),
        item.has("override").then(|| format!("override by {}", item.text_or_dash("override.by"))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "-".to_owned() } else { shown(&parts.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn odds_are_shown_for_each_kind_of_traffic_where_they_differ() {
        let odds = |picks| odds(Part::of(&json!({"picks": picks})));
        assert_eq!(odds(json!([{"odds": 0.5}, {"odds": 0.5}])), "50%");
        assert_eq!(odds(json!([{"odds": 0.333}, {"odds": 0.0}])), "33%/0%");
        assert_eq!(odds(json!([{"odds": null, "eligible": true}])), "any");
        assert_eq!(odds(json!(null)), "-");
    }
}
