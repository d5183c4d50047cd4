//! How does an Event reach the API server? Created once, and a series of it after that; what fails is counted and dropped.

use super::{
    backoff::{Retries, UNAVAILABLE},
    client::{ApiClient, SharedClient},
};
use crate::{
    events::{EventCounters, EventPost, EventResult},
    model::shown,
};
use k8s_openapi::{
    api::{
        core::v1::ObjectReference,
        events::v1::{Event, EventSeries},
    },
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;
use std::{sync::Arc, time::SystemTime};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};
use tracing::{debug, info};
use weir_core::EventDraft;

/// Name by which weir signs its Events (`reportingController`).
const CONTROLLER: &str = "weir.dev/weir";

/// Longest `reportingInstance` in bytes (the API's limit).
const MAX_INSTANCE_BYTES: usize = 128;

/// Characters of a refusal in the log.
const MAX_REFUSAL_CHARS: usize = 300;

/// Writes Events one after another, signed with the name of this node.
pub(super) async fn write_events(
    client: Arc<SharedClient>,
    node_name: String,
    mut posts: mpsc::Receiver<EventPost>,
) {
    let counters = EventCounters::register();
    let instance = instance(&node_name);
    let mut retries = Retries::default();
    // Client that may not write Events.
    let mut refused: Option<ApiClient> = None;
    while let Some(post) = posts.recv().await {
        let current = client.current().await;
        if refused.as_ref().is_some_and(|refused| refused.is_same(&current)) {
            counters.count(EventResult::Forbidden, 1);
            continue;
        }
        let error = match write(&current, &post, &instance).await {
            Ok(result) => {
                counters.count(result, 1);
                continue;
            }
            Err(error) => error,
        };
        let words = words(&error);
        if is_missing_right(&error) {
            counters.count(EventResult::Forbidden, 1);
            info!(
                "Events about Services are not written: {words}; allow to create and patch events of the group \
                 events.k8s.io (weir's ClusterRole, examples/deploy/base/rbac.yaml) and send SIGHUP, or set --events=off"
            );
            refused = Some(current);
            continue;
        }
        counters.count(EventResult::Failed, 1);
        debug!(service = %post.draft.service, reason = %post.draft.reason, "an Event was not written: {words}");
        let code = code(&error);
        if code == Some(401) {
            // What the configuration names may be newer.
            _ = client.renew(&current).await;
        }
        // What is wrong with one Event, such as that its namespace is about to go, does not hold up others.
        if code.is_none_or(|code| code == 401 || code == 429 || code >= 500) {
            sleep(retries.next_wait(UNAVAILABLE, None, Instant::now(), rand::random())).await;
        }
    }
}

/// Writes an Event: a new one, or one more of the series of one that there is.
async fn write(client: &ApiClient, post: &EventPost, instance: &str) -> kube::Result<EventResult> {
    let EventPost { draft, uid } = post;
    let api: Api<Event> = Api::namespaced(client.client.clone(), &draft.service.namespace);
    let event = event(draft, *uid, instance);
    if let (Some(series), Some(name)) = (&event.series, &event.metadata.name) {
        let patch = Patch::Merge(json!({ "series": series }));
        match api.patch(name, &PatchParams::default(), &patch).await {
            // It has expired.
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            patched => return patched.map(|_| EventResult::Repeated),
        }
    }
    match api.create(&PostParams::default(), &event).await {
        Ok(_) => Ok(EventResult::Created),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(EventResult::Known),
        Err(error) => Err(error),
    }
}

fn event(draft: &EventDraft, uid: Option<u128>, instance: &str) -> Event {
    let now = SystemTime::now();
    let began = now.checked_sub(draft.age).unwrap_or(now);
    let micro_time = |time: SystemTime| MicroTime(Timestamp::try_from(time).unwrap_or_default());
    let count = i32::try_from(draft.count).unwrap_or(i32::MAX);
    let namespace = draft.service.namespace.to_string();
    let series = EventSeries { count, last_observed_time: micro_time(now) };
    Event {
        metadata: ObjectMeta {
            name: Some(draft.name(uid.unwrap_or_default())),
            namespace: Some(namespace.clone()),
            ..ObjectMeta::default()
        },
        event_time: Some(micro_time(began)),
        type_: Some(if draft.reason.is_warning() { "Warning" } else { "Normal" }.to_owned()),
        reason: Some(draft.reason.as_str().to_owned()),
        action: Some(draft.reason.action().to_owned()),
        note: Some(draft.note.clone()),
        regarding: Some(ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Service".to_owned()),
            name: Some(draft.service.name.to_string()),
            namespace: Some(namespace),
            uid: uid.map(uid_text),
            ..ObjectReference::default()
        }),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        series: (count > 1).then_some(series),
        ..Event::default()
    }
}

/// Name of the weir that writes: that of its node.
fn instance(node_name: &str) -> String {
    let name = if node_name.is_empty() { "weir" } else { node_name };
    // Names of nodes are ASCII; what is longer than a node's name may be is cut.
    name.chars().filter(char::is_ascii_graphic).take(MAX_INSTANCE_BYTES).collect()
}

/// A uid as API servers write it (RFC 9562).
fn uid_text(uid: u128) -> String {
    let digits = format!("{uid:032x}");
    let mut text = String::with_capacity(36);
    for (index, digit) in digits.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

/// What an API server, or the way to it, says about a failure.
fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => shown(&status.message, MAX_REFUSAL_CHARS),
        error => shown(error, MAX_REFUSAL_CHARS),
    }
}

fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// Whether the API server does not allow this client to write Events at all. Quotas, webhooks and namespaces that are about to
/// go answer 403 as well, and a tenant that has such must not silence what is said of others.
fn is_missing_right(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let names_verb = ["\" cannot create resource \"", "\" cannot patch resource \""];
    status.code == 403
        && names_verb.iter().any(|verb| status.message.contains(verb))
        && !status.message.contains("denied the request")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    fn refusal(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Status { code, ..Status::failure(message, "Forbidden") }.boxed())
    }

    #[test]
    fn only_a_right_that_is_missing_turns_events_off() {
        let missing = "events.events.k8s.io is forbidden: User \"weir\" cannot create resource \"events\" in API group \
                       \"events.k8s.io\" in the namespace \"shop\"";
        assert!(is_missing_right(&refusal(403, missing)));
        assert_eq!(words(&refusal(403, missing)), missing);
        for (code, message) in [
            (
                403,
                "events.events.k8s.io \"web.1\" is forbidden: exceeded quota: none, requested: count/events=1",
            ),
            (
                403,
                "events.events.k8s.io \"web.1\" is forbidden: unable to create new content in namespace shop",
            ),
            (403, "admission webhook \"x\" denied the request: User \"a\" cannot create resource \"b\""),
            (500, missing),
        ] {
            assert!(!is_missing_right(&refusal(code, message)), "{message}");
        }
    }

    #[test]
    fn a_uid_is_written_as_api_servers_write_it() {
        assert_eq!(
            uid_text(0x0000_0000_0000_4000_8000_0000_0000_0001),
            "00000000-0000-4000-8000-000000000001"
        );
    }

    #[test]
    fn an_instance_is_never_empty_and_never_too_long() {
        assert_eq!(instance(""), "weir");
        assert_eq!(instance("worker-1"), "worker-1");
        assert_eq!(instance(&"n".repeat(253)).len(), 128);
    }
}
