//! How is the node as a whole, and is what is shown still so?

use super::rates::Rates;
use crate::output::{
    part::Part,
    quantity::{age, between},
};
use serde_json::Value;
use std::time::Duration;

/// Age of the last answer from which on it is called stale.
const STALE: Duration = Duration::from_secs(3);

/// Counters of the summary from which rates follow.
const TOTALS: [&str; 4] =
    ["connections.openedTotal", "connections.failedTotal", "bytes.toEndpointTotal", "bytes.toClientTotal"];

/// Counts of Service ports that are not as they should be, the worst first.
const SERVICES: [(&str, &str); 5] = [
    ("services.notBound", "not bound"),
    ("services.failing", "failing"),
    ("services.noEndpoints", "without endpoints"),
    ("services.degraded", "degraded"),
    ("services.unsupported", "unsupported"),
];

/// Counts of endpoints that get nothing although they are there.
const ENDPOINTS: [(&str, &str); 5] = [
    ("endpoints.ejected", "ejected"),
    ("endpoints.down", "down"),
    ("endpoints.full", "full"),
    ("endpoints.loop", "loop"),
    ("endpoints.draining", "draining"),
];

/// Node that is looked at.
#[derive(Clone, Debug, Default)]
pub(in crate::commands::top) struct Node {
    summary: Value,
    rates: Rates,
    /// Time of the last answer, since the start of this program.
    answered: Duration,
    trouble: Option<String>,
}

impl Node {
    /// Takes a summary; returns whether it is of another process than the last.
    pub(super) fn answer(&mut self, summary: Value, now: Duration) -> bool {
        let part = Part::of(&summary);
        let process = |part: Part<'_>| (part.text("startedAt").map(str::to_owned), part.count("pid"));
        let is_another = self.is_known() && process(part) != process(Part::of(&self.summary));
        if is_another {
            self.rates = Rates::default();
        }
        let at = between(Some("2020-01-01T00:00:00Z"), part.text("time")).unwrap_or(0.0);
        let totals = TOTALS.map(|path| part.count(path).unwrap_or(0));
        self.rates.update(at, std::iter::once((String::new(), totals)));
        self.is_there(now);
        self.summary = summary;
        is_another
    }

    /// Takes note of an answer, whatever it is about.
    pub(super) fn is_there(&mut self, now: Duration) {
        (self.answered, self.trouble) = (now, None);
    }

    /// Takes the reason why there is no answer.
    pub(super) fn is_gone(&mut self, why: String) {
        self.trouble = Some(why);
    }

    fn is_known(&self) -> bool {
        !self.summary.is_null()
    }

    /// Summary of the node.
    pub(in crate::commands::top) fn summary(&self) -> Part<'_> {
        Part::of(&self.summary)
    }

    /// Growth of a counter a second: connections opened, failed, bytes to endpoints, to clients.
    pub(in crate::commands::top) fn rate(&self, counter: usize) -> Option<f64> {
        self.rates.of("", counter)
    }

    /// Since when nothing new is known, and why.
    pub(in crate::commands::top) fn stale(&self, now: Duration) -> Option<String> {
        let passed = now.saturating_sub(self.answered);
        if self.trouble.is_none() && passed < STALE {
            return None;
        }
        let since = self.summary().text("time").and_then(clock).unwrap_or_else(|| "the start".to_owned());
        let why = self.trouble.as_deref().unwrap_or("no answer yet");
        Some(format!("STALE since {since} ({}): {why}", age(Some(passed.as_secs_f64()))))
    }

    /// What is wrong with the node as a whole, and what counts of Services and endpoints say; the worst first.
    pub(in crate::commands::top) fn wrong(&self) -> Vec<String> {
        let summary = self.summary();
        let mut found = Vec::new();
        if summary.flag("draining") == Some(true) {
            found.push("weir is ending".to_owned());
        }
        if summary.flag("ready") == Some(false) {
            found.push("weir is not ready".to_owned());
        }
        if summary.has("apiServer.awaySince") {
            found.push("the API server does not answer".to_owned());
        }
        for what in ["connections", "flows", "descriptors"] {
            let used = summary.number(&format!("{what}.active")).or(summary.number(&format!("{what}.used")));
            let limit = summary.number(&format!("{what}.limit"));
            if let (Some(used), Some(limit)) = (used, limit)
                && used >= 0.9 * limit
            {
                found.push(format!("{what} {used} of {limit}"));
            }
        }
        let group = |what: &str, counts: &[(&str, &str)]| {
            let count = |(path, word): &(&str, &str)| {
                let count = summary.count(path).filter(|count| *count > 0)?;
                Some(format!("{count} {word}"))
            };
            let counts: Vec<String> = counts.iter().filter_map(count).collect();
            (!counts.is_empty()).then(|| format!("{what}: {}", counts.join(", ")))
        };
        found.extend(group("Service ports", &SERVICES));
        found.extend(group("endpoints", &ENDPOINTS));
        found.extend(group("overrides", &[("overrides", "set")]));
        found
    }
}

/// Time of the day of a time as in RFC 3339; `None` for what is none.
pub(in crate::commands::top) fn clock(time: &str) -> Option<String> {
    time.get(11..19).filter(|_| time.is_ascii()).map(|clock| format!("{clock}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn summary(second: u64, opened: u64) -> Value {
        json!({"time": format!("2026-11-30T02:30:0{second}.000Z"), "startedAt": "x", "pid": 1, "connections": {"openedTotal": opened}})
    }

    #[test]
    fn what_is_shown_becomes_stale_and_fresh_again() {
        let seconds = Duration::from_secs;
        let mut node = Node::default();
        assert!(!node.answer(summary(0, 1), seconds(10)));
        assert_eq!(node.stale(seconds(12)), None);
        assert_eq!(node.stale(seconds(13)).as_deref(), Some("STALE since 02:30:00Z (3s): no answer yet"));
        node.is_gone("nobody listens".into());
        assert_eq!(node.stale(seconds(11)).as_deref(), Some("STALE since 02:30:00Z (1s): nobody listens"));
        node.answer(summary(5, 11), seconds(20));
        assert_eq!((node.stale(seconds(20)), node.rate(0)), (None, Some(2.0)));
    }

    #[test]
    fn another_process_is_noticed_and_has_no_rates_yet() {
        let mut node = Node::default();
        node.answer(summary(0, 100), Duration::ZERO);
        node.answer(summary(1, 110), Duration::ZERO);
        let mut other = summary(2, 120);
        other["pid"] = json!(2);
        assert!(node.answer(other, Duration::ZERO));
        assert_eq!(node.rate(0), None);
    }

    #[test]
    fn the_worst_comes_first_and_nothing_is_wrong_with_what_is_not_said() {
        let mut node = Node::default();
        let summary = json!({
            "draining": true, "ready": true, "services": {"degraded": 2, "failing": 1, "ok": 7},
            "descriptors": {"used": 95, "limit": 100}, "endpoints": {"ejected": 3}, "overrides": 1,
        });
        node.answer(summary, Duration::ZERO);
        let expected = [
            "weir is ending",
            "descriptors 95 of 100",
            "Service ports: 1 failing, 2 degraded",
            "endpoints: 3 ejected",
            "overrides: 1 set",
        ];
        assert_eq!(node.wrong(), expected);
        let mut unknown = Node::default();
        unknown.answer(json!({"connections": {"limit": null}}), Duration::ZERO);
        assert_eq!(
            (unknown.wrong(), clock("é2026-11-30T02:30:00Z"), clock("soon")),
            (Vec::new(), None, None)
        );
    }
}
