//! How is one item shown, apart from its lists?

use super::{
    columns::{about, odds},
    style::signed,
    text::{shown, wrapped},
};
use crate::{
    commands::top::model::{Detail, Kind, cluster_address, service_port},
    output::{
        part::Part,
        quantity::{age, latency},
    },
};
use serde_json::Value;

/// Lines about an item: a few for one with lists, else everything that the server says.
pub(super) fn lines(detail: &Detail, cells: usize) -> Vec<String> {
    let item = detail.item();
    let mut facts = match detail.kind {
        Kind::Services => service(item),
        Kind::Endpoints => endpoint(item),
        Kind::Live | Kind::Closed | Kind::Flows | Kind::Events => all(item),
    };
    if detail.is_gone() {
        facts.insert(0, "! weir does not know it any more: this is what it was".to_owned());
    }
    facts.iter().flat_map(|line| wrapped(&shown(line), cells)).collect()
}

fn service(item: Part<'_>) -> Vec<String> {
    let (text, count) = (|path: &str| item.text_or_dash(path), |path: &str| item.count_or_dash(path));
    let reason = item.text("reason").map(|reason| format!(": {reason}")).unwrap_or_default();
    let limit = item.count("connections.limit").map(|limit| format!(" of {limit}")).unwrap_or_default();
    vec![
        format!("{}{reason}", signed(text("state"))),
        format!(
            "  address {}, node port {}; {}, affinity {}",
            cluster_address(item).unwrap_or_else(|| "-".to_owned()),
            count("nodePort"),
            text("balance"),
            item.number("affinitySeconds").map_or_else(|| "none".to_owned(), |seconds| age(Some(seconds))),
        ),
        format!(
            "  policy internal {}, external {}; frontends {} listening, {} failed",
            text("internalTrafficPolicy"),
            text("externalTrafficPolicy"),
            count("frontends.listening"),
            count("frontends.failed"),
        ),
        format!(
            "  connections {}{limit}, opened {}, failed {}, rejected {}, waiting {}",
            count("connections.active"),
            count("connections.openedTotal"),
            count("connections.failedTotal"),
            count("connections.rejectedTotal"),
            count("connections.waiting"),
        ),
        format!(
            "  connect half within {}, 99 % within {}; retried {}, hedged {}; ejections {}",
            latency(item.number("connectTime.p50Seconds")),
            latency(item.number("connectTime.p99Seconds")),
            count("connections.retriedTotal"),
            count("connections.hedgedTotal"),
            count("endpoints.ejectionsTotal"),
        ),
    ]
}

fn endpoint(item: Part<'_>) -> Vec<String> {
    let (text, count) = (|path: &str| item.text_or_dash(path), |path: &str| item.count_or_dash(path));
    let time = |path: &str| latency(item.number(path));
    let pick = |pick: Part<'_>| match pick.flag("eligible") {
        Some(true) => format!("{} traffic: eligible", pick.text_or_dash("traffic")),
        _ => format!("{} traffic: not, {}", pick.text_or_dash("traffic"), pick.text_or_dash("reason")),
    };
    let picks: Vec<String> = item.items("picks").map(pick).collect();
    vec![
        match about(Kind::Endpoints, item).as_str() {
            "-" => signed(text("state")),
            why => format!("{}: {why}", signed(text("state"))),
        },
        format!(
            "  of {}, node {}, zone {}, weight {}",
            service_port(item),
            text("node"),
            text("zone"),
            count("weight")
        ),
        format!("  odds {}; {}", odds(item), picks.join("; ")),
        format!(
            "  connections {}, most {}, picked {}; failures {}, last {}; ejections {}",
            count("connections.active"),
            count("connections.max"),
            count("connections.pickedTotal"),
            count("failures.total"),
            text("failures.last"),
            count("ejections.total"),
        ),
        format!(
            "  connect {}, peak {}; round trip {}, most {}, retransmits {}",
            time("connectTime.meanSeconds"),
            time("connectTime.peakSeconds"),
            time("detail.rttSeconds"),
            time("detail.rttMaxSeconds"),
            count("detail.retransmits"),
        ),
    ]
}

/// Everything that a document says, a line each.
fn all(item: Part<'_>) -> Vec<String> {
    let mut found = Vec::new();
    collect("", &item.document(), &mut found);
    let widest = found.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    found.iter().map(|(name, value)| format!("  {name:widest$}  {value}")).collect()
}

fn collect(name: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                collect(&name, value, found);
            }
        }
        Value::Null => found.push((name.to_owned(), "-".to_owned())),
        Value::String(text) => found.push((name.to_owned(), text.clone())),
        other => found.push((name.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_that_is_said_has_a_line_whatever_its_name() {
        let item = json!({"id": "0-1", "via": null, "detail": {"client": {"rttSeconds": 0.5}}, "list": [1]});
        assert_eq!(
            all(Part::of(&item)),
            [
                "  detail.client.rttSeconds  0.5",
                "  id                        0-1",
                "  list                      [1]",
                "  via                       -"
            ]
        );
    }
}
