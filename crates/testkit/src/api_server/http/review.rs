//! What may a client do? It asks for a review of its own rights.

use serde_json::{Value, json};

use crate::api_server::resource::Resource;
use crate::api_server::state::State;

/// Path of `SelfSubjectAccessReview`.
pub(super) const PATH: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// Answers a review: what no test has forbidden is allowed.
pub(super) fn review(state: &State, asked: &Value) -> Value {
    let spec = &asked["spec"];
    let attributes = &spec["resourceAttributes"];
    let text = |key: &str| attributes[key].as_str().unwrap_or_default();
    let is_asked =
        |resource: &Resource| resource.group() == text("group") && resource.plural() == text("resource");
    let forbidden = state.faults().forbidden.clone();
    let allowed =
        !Resource::ALL.iter().filter(|resource| is_asked(resource)).any(|it| forbidden.contains(it));
    let reason = if allowed { "" } else { "no role allows it" };
    json!({
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": spec,
        "status": { "allowed": allowed, "reason": reason },
    })
}
