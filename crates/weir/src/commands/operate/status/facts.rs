//! What is known of a weir whose state is told?

use crate::output::{
    part::Part,
    quantity::{age, between},
};
use serde_json::Value;

/// Service ports that are looked at: the worst ones.
pub(super) const MAX_PORTS: usize = 50;

/// What `weir status` knows of a weir.
pub(super) struct Status {
    pub(super) summary: Value,
    /// Service ports, the worst ones first.
    pub(super) ports: Value,
}

/// How the API server of a weir is, in words.
pub(super) fn api_server(summary: Part<'_>) -> String {
    if !summary.says("apiServer") {
        return "not known".to_owned();
    }
    match summary.text("apiServer.state") {
        None => "none: the objects are those of --manifests".to_owned(),
        Some("synced") => "answers".to_owned(),
        Some("connecting") => "has not listed the objects yet".to_owned(),
        Some("restored") => {
            let ago = age(between(summary.text("apiServer.savedAt"), summary.text("time")));
            format!("has not listed the objects yet: those saved {ago} ago are served")
        }
        Some(other) => other.to_owned(),
    }
}

/// For how long it has not answered and what follows, with why it does not if that is known; `None` if it answers.
pub(super) fn why_away(summary: Part<'_>) -> Option<String> {
    let since = summary.text("apiServer.awaySince")?;
    let served = match summary.text("apiServer.state") {
        Some("connecting") => "nothing is known to serve",
        Some("restored") => "what is served is what was saved",
        _ => "what is served is what was known then",
    };
    let failing = summary.items("apiServer.watches").find(|watch| watch.text("state") == Some("failing"));
    let why = failing.and_then(|watch| watch.text("reason")).map(|why| format!(" ({why})"));
    let ago = age(between(Some(since), summary.text("time")));
    Some(format!("it has not answered for {ago}: {served}{}", why.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_api_server_is_told_as_the_summary_has_it_and_of_an_older_weir_not_at_all() {
        let told = |api_server: Value| {
            let summary = json!({"time": "2026-11-30T02:30:00.000Z", "apiServer": api_server});
            (api_server_of(&summary), why_away(Part::of(&summary)))
        };
        assert_eq!(api_server_of(&json!({})), "not known");
        assert_eq!(told(Value::Null), ("none: the objects are those of --manifests".to_owned(), None));
        assert_eq!(told(json!({"state": "synced", "awaySince": null})), ("answers".to_owned(), None));
        let away = json!({
            "state": "away", "awaySince": "2026-11-30T02:29:00.000Z",
            "watches": [{"state": "connected", "reason": null}, {"state": "failing", "reason": "refused"}],
        });
        let why = "it has not answered for 1m: what is served is what was known then (refused)".to_owned();
        assert_eq!(told(away), ("away".to_owned(), Some(why)));
        let restored = json!({"state": "restored", "savedAt": "2026-11-30T02:25:00.000Z", "awaySince": null});
        let served = "has not listed the objects yet: those saved 5m ago are served".to_owned();
        assert_eq!(told(restored), (served, None));
    }

    fn api_server_of(summary: &Value) -> String {
        api_server(Part::of(summary))
    }
}
