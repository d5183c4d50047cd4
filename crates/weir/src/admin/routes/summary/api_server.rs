//! What is told of the API server: are its objects those that are served, and does it answer?

use crate::admin::basics::clock::{Clock, Time};
use serde::Serialize;
use weir_control::{Kind, Status, WatchState};

/// The API server, as the control plane knows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiServerForm {
    state: &'static str,
    away_since: Option<Time>,
    saved_at: Option<Time>,
    watches: Vec<WatchForm>,
}

#[derive(Clone, Debug, Serialize)]
struct WatchForm {
    kind: &'static str,
    state: &'static str,
    reason: Option<String>,
}

impl ApiServerForm {
    pub(super) fn of(status: &Status, clock: &Clock) -> Self {
        let state = match (status.ready, status.restored, status.outage_since) {
            (false, ..) => "connecting",
            (true, Some(_), _) => "restored",
            (true, None, Some(_)) => "away",
            (true, None, None) => "synced",
        };
        Self {
            state,
            away_since: status.outage_since.map(|since| clock.at(since.into_std())),
            saved_at: status.restored.map(Time),
            watches: status.watches.iter().map(|(&kind, state)| WatchForm::of(kind, state)).collect(),
        }
    }
}

impl WatchForm {
    fn of(kind: Kind, state: &WatchState) -> Self {
        let (state, reason) = match state {
            WatchState::Connecting => ("connecting", None),
            WatchState::Connected => ("connected", None),
            WatchState::Failing(why) => ("failing", Some(why)),
            WatchState::Off(why) => ("off", Some(why)),
        };
        Self { kind: kind.as_str(), state, reason: reason.cloned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::time::{Duration, SystemTime};

    fn told(status: &Status) -> Value {
        serde_json::to_value(ApiServerForm::of(status, &Clock::now())).unwrap()
    }

    #[test]
    fn objects_are_awaited_then_those_of_the_disk_then_those_of_the_server_whether_or_not_it_answers() {
        let away = Some(tokio::time::Instant::now());
        let saved = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_005_800));
        let starts = Status { outage_since: away, ..Status::default() };
        let restored = Status { ready: true, restored: saved, ..starts.clone() };
        let gone = Status { ready: true, ..starts.clone() };
        let synced = Status { ready: true, ..Status::default() };
        let states = [&Status::default(), &starts, &restored, &gone, &synced].map(told);
        let of = |key: &str| states.each_ref().map(|told| told[key].clone());
        assert_eq!(of("state"), ["connecting", "connecting", "restored", "away", "synced"]);
        assert_eq!(of("awaySince").map(|since| since.is_string()), [false, true, true, true, false]);
        let saved_at = json!("2026-11-30T02:30:00.000Z");
        assert_eq!(of("savedAt"), [Value::Null, Value::Null, saved_at, Value::Null, Value::Null]);
    }

    #[test]
    fn each_watch_says_how_it_is_and_why_as_on_the_page() {
        let watches = [
            (Kind::Service, WatchState::Connected),
            (Kind::EndpointSlice, WatchState::Failing("refused".to_owned())),
            (Kind::Node, WatchState::Connecting),
            (Kind::ServiceCidr, WatchState::Off("not offered".to_owned())),
        ];
        let status = Status { ready: true, watches: watches.into(), ..Status::default() };
        let expected = json!({"state": "synced", "awaySince": null, "savedAt": null, "watches": [
            {"kind": "Service", "state": "connected", "reason": null},
            {"kind": "EndpointSlice", "state": "failing", "reason": "refused"},
            {"kind": "Node", "state": "connecting", "reason": null},
            {"kind": "ServiceCIDR", "state": "off", "reason": "not offered"},
        ]});
        assert_eq!(told(&status), expected);
    }
}
