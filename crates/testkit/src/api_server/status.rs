//! How does an API server say that a request failed?

use serde_json::{Value, json};

use super::resource::Resource;

/// A refused request, answered as a `Status` object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: u16,
    reason: &'static str,
    message: String,
    /// Seconds for the `Retry-After` header.
    pub(super) retry_after: Option<u32>,
    /// The `Location` header.
    pub(super) location: Option<String>,
}

impl Failure {
    fn new(code: u16, message: impl Into<String>) -> Self {
        let retry_after = matches!(code, 429 | 504).then_some(1);
        Self { code, reason: reason(code), message: message.into(), retry_after, location: None }
    }

    /// A failure that a test asked for, of which only the code matters.
    pub(super) fn injected(code: u16) -> Self {
        Self::new(code, format!("the test asked for a failure with code {code}"))
    }

    /// A redirection, which no API server sends, but a proxy before one may.
    pub(super) fn elsewhere(location: &str) -> Self {
        Self { location: Some(location.to_owned()), ..Self::new(307, "") }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized")
    }

    /// A refusal in the words of RBAC.
    pub(super) fn forbidden(resource: Resource, verb: &str, namespace: Option<&str>) -> Self {
        let (plural, group) = (resource.plural(), resource.group());
        let scope = match namespace {
            Some(namespace) => format!("in the namespace \"{namespace}\""),
            None => "at the cluster scope".to_owned(),
        };
        let message = format!(
            "{plural} is forbidden: User \"weir-test\" cannot {verb} resource \"{plural}\" \
             in API group \"{group}\" {scope}"
        );
        Self::new(403, message)
    }

    pub(super) fn not_served() -> Self {
        Self::new(404, "the server could not find the requested resource")
    }

    pub(super) fn not_found(resource: Resource, name: &str) -> Self {
        Self::new(404, format!("{} \"{name}\" not found", qualified(resource)))
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(405, "the server does not allow this method on the requested resource")
    }

    pub(super) fn already_exists(resource: Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", qualified(resource));
        Self { reason: "AlreadyExists", ..Self::new(409, message) }
    }

    /// A watch that starts before what the server still remembers.
    pub(super) fn too_old(requested: u64, oldest: u64) -> Self {
        Self::new(410, format!("too old resource version: {requested} ({oldest})"))
    }

    /// A continue token from before a compaction.
    pub(super) fn continue_expired() -> Self {
        Self::new(
            410,
            "The provided continue parameter is too old to display a consistent list result. \
             You can start a new list without the continue parameter.",
        )
    }

    pub(super) fn invalid_list_options(field: &str, detail: &str) -> Self {
        Self::new(422, format!("ListOptions.meta.k8s.io \"\" is invalid: {field}: Forbidden: {detail}"))
    }

    /// The failure of kube-apiserver when its etcd cannot report the progress of a watch.
    pub(super) fn no_watch_progress() -> Self {
        let message = "a watch stream was requested by the client but the required storage feature \
                       RequestWatchProgress is disabled";
        Self::new(500, message)
    }

    /// A resource version that this server has not reached.
    pub(super) fn too_new(requested: u64, current: u64) -> Self {
        Self::new(504, format!("Too large resource version: {requested}, current: {current}"))
    }

    /// The `Status` object.
    pub(super) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        });
        if let Some(seconds) = self.retry_after {
            status["details"] = json!({ "retryAfterSeconds": seconds });
        }
        status
    }
}

fn qualified(resource: Resource) -> String {
    match resource.group() {
        "" => resource.plural().to_owned(),
        group => format!("{}.{group}", resource.plural()),
    }
}

fn reason(code: u16) -> &'static str {
    match code {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    }
}
