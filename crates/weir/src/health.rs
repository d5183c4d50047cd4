//! Is the proxy healthy, may load balancers use this node, and is everything served? Pure: semantics Z1-Z3.
//!
//! | path | 200 when |
//! |---|---|
//! | `/livez` | no change has waited too long to be applied |
//! | `/healthz` | the same, and load balancers may send to this node: the node is not leaving and weir is not draining |
//! | `/readyz` | the first complete state is applied, and weir is neither draining nor in the middle of a takeover |

use serde::Serialize;
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;
pub(crate) use weir_control::ClockReading;
use weir_core::{Family, Node, PerFamily};

/// Time that a change may wait until it is applied: kube-proxy's 2 x syncPeriod.
const LATE_AFTER: Duration = Duration::from_secs(60);

/// Go's text of the zero time.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// State that the probes depend on.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    families: PerFamily<Progress>,
    node_eligible: bool,
    node_required: bool,
    ready: bool,
    draining: bool,
    /// Whether frontends fail because an earlier weir has them.
    waits_for_older: bool,
    /// Whether a newcomer is about to take over.
    newcomer_waits: bool,
}

/// Progress of one family.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Arrival of the oldest change that is not applied yet.
    queued: Option<Instant>,
    /// Time when changes were last applied; `None` before the first time.
    updated: Option<SystemTime>,
}

/// Answer to a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Whether the HTTP status is 200; else 503.
    pub(crate) ok: bool,
    /// Body of the answer, a JSON object.
    pub(crate) body: String,
}

impl Health {
    /// Health before anything happened: healthy, not ready. With `node_required` a node that was never seen is not
    /// eligible, as for kube-proxy; in bind mode weir may run on a host that is no node at all.
    pub(crate) fn new(node_required: bool) -> Self {
        Self {
            families: PerFamily::default(),
            node_eligible: !node_required,
            node_required,
            ready: false,
            draining: false,
            waits_for_older: false,
            newcomer_waits: false,
        }
    }

    /// Notes that a change of one family waits to be applied. The age of an older change counts on.
    pub(crate) fn queued(&mut self, family: Family, now: ClockReading) {
        self.families.get_mut(family).queued.get_or_insert(now.monotonic);
    }

    /// Notes that all changes of one family are applied.
    pub(crate) fn updated(&mut self, family: Family, now: ClockReading) {
        *self.families.get_mut(family) = Progress { queued: None, updated: Some(now.wall) };
    }

    /// Sets whether this node is known and stays, by its Node object.
    pub(crate) fn set_node(&mut self, node: &Node) {
        self.node_eligible = !node.leaving && (node.known || !self.node_required);
    }

    /// Notes that the first complete state is applied.
    pub(crate) fn set_ready(&mut self) {
        self.ready = true;
    }

    /// Notes that weir is ending: traffic should go elsewhere while open connections finish.
    pub(crate) fn set_draining(&mut self) {
        self.draining = true;
    }

    /// Notes whether frontends fail because an earlier weir still has them.
    pub(crate) fn set_waits_for_older(&mut self, waits: bool) {
        self.waits_for_older = waits;
    }

    /// Notes whether a newcomer has started that is about to take over. Its probes reach this weir, which has the port.
    pub(crate) fn set_newcomer_waits(&mut self, waits: bool) {
        self.newcomer_waits = waits;
    }

    /// Whether no change has waited too long (Z1).
    pub(crate) fn healthy(&self, now: ClockReading) -> bool {
        Family::ALL.iter().all(|&family| self.families.get(family).healthy(now))
    }

    /// Answer of `/livez`.
    pub(crate) fn livez(&self, now: ClockReading) -> Answer {
        self.answer(now, self.healthy(now), None)
    }

    /// Answer of `/healthz`.
    pub(crate) fn healthz(&self, now: ClockReading) -> Answer {
        let eligible = self.node_eligible && !self.draining;
        self.answer(now, self.healthy(now) && eligible, Some(eligible))
    }

    /// Whether `/readyz` says yes, and whether weir is ending.
    pub(crate) fn standing(&self) -> (bool, bool) {
        (self.readyz().ok, self.draining)
    }

    /// Answer of `/readyz`.
    pub(crate) fn readyz(&self) -> Answer {
        let reasons = [
            (self.draining, "draining"),
            (!self.ready, "Services and EndpointSlices are not complete yet"),
            (self.waits_for_older, "an earlier weir still has addresses of Services"),
            (self.newcomer_waits, "a newer weir has started and is about to take over"),
        ];
        match reasons.into_iter().find(|(holds, _)| *holds) {
            Some((_, reason)) => {
                Answer { ok: false, body: format!(r#"{{"ready":false,"reason":"{reason}"}}"#) }
            }
            None => Answer { ok: true, body: r#"{"ready":true}"#.to_owned() },
        }
    }

    fn answer(&self, now: ClockReading, ok: bool, node_eligible: Option<bool>) -> Answer {
        let last_updated = Family::ALL.iter().filter_map(|&family| self.families.get(family).updated).max();
        let report = Report {
            // A healthy proxy with nothing to do is up to date now.
            last_updated: time_text(if ok { Some(now.wall) } else { last_updated }),
            current_time: time_text(Some(now.wall)),
            node_eligible,
            healthy: self.healthy(now),
            status: Family::ALL.into_iter().filter_map(|family| self.status(family, now)).collect(),
        };
        let body = serde_json::to_string(&report).unwrap_or_default();
        Answer { ok, body }
    }

    fn status(&self, family: Family, now: ClockReading) -> Option<(&'static str, Status)> {
        let progress = self.families.get(family);
        let last_updated = time_text(Some(progress.updated?));
        Some((family.as_str(), Status { last_updated, healthy: progress.healthy(now) }))
    }
}

impl Progress {
    fn healthy(&self, now: ClockReading) -> bool {
        let late = |queued| now.monotonic.saturating_duration_since(queued) > LATE_AFTER;
        self.updated.is_none() || !self.queued.is_some_and(late)
    }
}

/// Body of `/healthz` and `/livez`, with kube-proxy's fields in kube-proxy's order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    last_updated: String,
    current_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_eligible: Option<bool>,
    healthy: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    status: BTreeMap<&'static str, Status>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    last_updated: String,
    healthy: bool,
}

/// Text of a time as Go writes it into JSON: RFC 3339 in UTC, the fraction without zeros at its end.
fn time_text(time: Option<SystemTime>) -> String {
    // Before 1970 or after 9999 the clock is wrong and humantime would fail.
    const YEAR_10000: u64 = 253_402_300_800;
    let known = time.filter(|time| {
        time.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|age| age.as_secs() < YEAR_10000)
    });
    let Some(time) = known else { return NEVER.to_owned() };
    let text = humantime::format_rfc3339_nanos(time).to_string();
    let digits = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    format!("{digits}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn synced() -> (Health, ClockReading) {
        let (mut health, start) = (Health::new(false), ClockReading::now());
        Family::ALL.into_iter().for_each(|family| health.updated(family, start));
        (health, start)
    }

    #[test]
    fn a_change_may_wait_sixty_seconds_whatever_comes_after_it() {
        let (mut health, start) = synced();
        health.queued(Family::V4, start);
        health.queued(Family::V4, start + Duration::from_secs(59));
        assert!(health.healthy(start + LATE_AFTER));
        assert!(!health.healthy(start + LATE_AFTER + Duration::from_millis(1)));
        health.updated(Family::V6, start + LATE_AFTER);
        assert!(!health.healthy(start + LATE_AFTER * 2));
        health.updated(Family::V4, start + LATE_AFTER * 2);
        assert!(health.healthy(start + LATE_AFTER * 9));
    }

    #[test]
    fn a_family_that_never_reported_is_healthy_however_long_its_change_waits() {
        let (mut health, start) = (Health::new(false), ClockReading::now());
        health.queued(Family::V4, start);
        assert!(health.healthy(start + LATE_AFTER * 9));
    }

    #[test]
    fn draining_turns_healthz_and_readyz_but_not_livez() {
        let (mut health, start) = synced();
        assert!(!health.readyz().ok);
        health.set_ready();
        assert!(health.readyz().ok && health.healthz(start).ok);
        health.set_draining();
        assert!(!health.readyz().ok && !health.healthz(start).ok);
        assert!(health.livez(start).ok);
        assert!(health.healthz(start).body.contains(r#""nodeEligible":false,"healthy":true"#));
    }

    #[test]
    fn in_the_middle_of_a_takeover_readyz_alone_turns() {
        let (mut health, start) = synced();
        health.set_ready();
        for (set, word) in [
            (Health::set_waits_for_older as fn(&mut Health, bool), "earlier weir"),
            (Health::set_newcomer_waits, "newer weir"),
        ] {
            set(&mut health, true);
            assert!(!health.readyz().ok && health.readyz().body.contains(word), "{}", health.readyz().body);
            assert!(health.healthz(start).ok && health.livez(start).ok);
            set(&mut health, false);
            assert!(health.readyz().ok);
        }
    }

    #[test]
    fn an_unknown_node_matters_only_where_a_node_is_required() {
        let unknown = Node::named("a");
        for required in [false, true] {
            let mut health = Health::new(required);
            assert_eq!(health.healthz(ClockReading::now()).ok, !required);
            health.set_node(&unknown);
            assert_eq!(health.healthz(ClockReading::now()).ok, !required);
            health.set_node(&Node { known: true, ..unknown.clone() });
            assert!(health.healthz(ClockReading::now()).ok);
            health.set_node(&Node { known: true, leaving: true, ..unknown.clone() });
            assert!(!health.healthz(ClockReading::now()).ok);
        }
    }

    #[test]
    fn times_are_written_as_go_writes_them() {
        let at = |nanos| time_text(Some(SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos)));
        assert_eq!(at(1_795_467_000_123_456_789), "2026-11-23T20:50:00.123456789Z");
        assert_eq!(at(1_795_467_000_120_000_000), "2026-11-23T20:50:00.12Z");
        assert_eq!(at(1_795_467_000_000_000_000), "2026-11-23T20:50:00Z");
        assert_eq!(time_text(None), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn when_unhealthy_the_last_real_update_is_told() {
        let (mut health, start) = synced();
        health.queued(Family::V4, start);
        let later = start + LATE_AFTER * 2;
        let stale = format!(r#"{{"lastUpdated":"{}""#, time_text(Some(start.wall)));
        assert!(health.livez(later).body.starts_with(&stale));
        health.updated(Family::V4, start);
        let fresh = format!(r#"{{"lastUpdated":"{}""#, time_text(Some(later.wall)));
        assert!(health.livez(later).body.starts_with(&fresh));
    }
}
