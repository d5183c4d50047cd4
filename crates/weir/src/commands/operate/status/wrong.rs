//! What is wrong right now?

use super::facts::{Status, why_away};
use crate::{commands::operate::conns::service, output::part::Part};
use serde_json::{Value, json};

/// Share of a limit from which on it is told.
const NEAR: f64 = 0.9;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wrong {
    /// Word of the state, as the admin API has it.
    pub(super) state: String,
    /// Thing that is in the state.
    pub(super) what: String,
    /// Reason, and what follows.
    pub(super) why: String,
}

impl Wrong {
    fn new(state: &str, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { state: state.to_owned(), what: what.into(), why: why.into() }
    }

    /// Form for programs.
    pub(super) fn document(&self) -> Value {
        json!({"state": self.state, "what": self.what, "why": self.why})
    }
}

/// What is wrong, the worst first: the whole weir, then Services.
pub(super) fn wrong(status: &Status) -> Vec<Wrong> {
    let summary = Part::of(&status.summary);
    let mut found = Vec::new();
    if summary.flag("draining") == Some(true) {
        found.push(Wrong::new("draining", "weir", "it is ending: new connections are for another weir"));
    }
    if summary.flag("ready") == Some(false) {
        let why = match summary.count("generation") {
            Some(0) => "it has not read the objects yet, and serves nothing",
            _ => "it is not ready: /readyz of its --health-address says why",
        };
        found.push(Wrong::new("not-ready", "weir", why));
    }
    if let Some(why) = why_away(summary) {
        found.push(Wrong::new("down", "API server", why));
    }
    for (what, used, limit, why) in [
        (
            "connections",
            "connections.active",
            "connections.limit",
            "new ones are refused at the limit (--max-connections)",
        ),
        (
            "flows",
            "flows.active",
            "flows.limit",
            "new ones end those that are idle for longest (--max-udp-flows)",
        ),
        (
            "descriptors",
            "descriptors.used",
            "descriptors.limit",
            "new connections are refused at the limit (ulimit -n)",
        ),
    ] {
        if let (Some(used), Some(limit)) = (summary.number(used), summary.number(limit))
            && used >= NEAR * limit
        {
            found.push(Wrong::new("full", what, format!("{used} of {limit}: {why}")));
        }
    }
    let ports = Part::of(&status.ports).items("items");
    found.extend(ports.filter(|port| !matches!(port.text("state"), None | Some("ok"))).map(|port| {
        let what = format!("{}/{}", service(port), port.text_or_dash("protocol"));
        Wrong::new(port.text_or_dash("state"), what, port.text_or_dash("reason"))
    }));
    found
}
