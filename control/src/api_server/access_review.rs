//! May this process write Events? The API server reviews the right, and nothing is written.

use crate::model::shown;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{Api, Client, api::PostParams};

/// What weir does with Events (`event_writer`).
const VERBS: [&str; 2] = ["create", "patch"];

/// Characters of an API server's words.
const MAX_WORDS: usize = 300;

/// Asks whether Events of the group events.k8s.io may be written in all namespaces.
///
/// # Errors
/// What is not allowed, or why that could not be asked.
pub(super) async fn may_write_events(client: &Client) -> Result<(), String> {
    for verb in VERBS {
        review(client, verb).await?;
    }
    Ok(())
}

async fn review(client: &Client, verb: &str) -> Result<(), String> {
    let attributes = ResourceAttributes {
        group: Some("events.k8s.io".to_owned()),
        resource: Some("events".to_owned()),
        verb: Some(verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec {
        resource_attributes: Some(attributes),
        ..SelfSubjectAccessReviewSpec::default()
    };
    let asked = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let what = format!("{verb} events of the group events.k8s.io");
    let status = match api.create(&PostParams::default(), &asked).await {
        Ok(answer) => answer.status.unwrap_or_default(),
        Err(error) => {
            let words = shown(error, MAX_WORDS);
            return Err(format!("it cannot be asked whether this process may {what}: {words}"));
        }
    };
    if status.allowed {
        return Ok(());
    }
    let why = [status.reason, status.evaluation_error].into_iter().flatten().find(|why| !why.is_empty());
    let why = why.map(|why| format!(" ({})", shown(why, MAX_WORDS))).unwrap_or_default();
    Err(format!("this process is not allowed to {what}{why}"))
}
