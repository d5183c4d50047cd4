//! How is a request refused? A status, a word, a sentence, and what would have been right.

use crate::http::{JSON, Reply, reply};
use hyper::{
    StatusCode,
    header::{ALLOW, HeaderValue, RETRY_AFTER},
};
use serde::Serialize;
use std::time::Duration;
use weir_control::translate::did_you_mean;

/// Length of what is repeated of a request, in characters.
const MAX_REPEATED: usize = 200;

/// Reason why a request is refused.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    allow: Option<&'static str>,
    body: Box<ErrorBody>,
}

#[derive(Debug, Serialize)]
struct ErrorBody {
    kind: &'static str,
    status: u16,
    reason: &'static str,
    message: String,
    details: Details,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    parameter: Option<String>,
    value: Option<String>,
    expected: Vec<String>,
    nearest: Option<String>,
    routes: Vec<String>,
    retry_after_seconds: Option<f64>,
}

impl ApiError {
    fn new(status: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        let body = ErrorBody {
            kind: "Error",
            status: status.as_u16(),
            reason,
            message: message.into(),
            details: Details::default(),
        };
        Self { status, allow: None, body: Box::new(body) }
    }

    /// The value of a parameter is no such thing.
    pub(crate) fn invalid(parameter: &str, value: &str, why: impl AsRef<str>) -> Self {
        let (shown, why) = (shorten(value), why.as_ref());
        let mut error =
            Self::new(StatusCode::BAD_REQUEST, "InvalidParameter", format!("{parameter}={shown}: {why}"));
        error.body.details.parameter = Some(shorten(parameter));
        error.body.details.value = Some(shown);
        error
    }

    /// The value of a parameter is none of these words.
    pub(crate) fn unknown_word(parameter: &str, value: &str, expected: &[&str]) -> Self {
        let mut error = Self::invalid(parameter, value, format!("must be one of {}", expected.join(", ")));
        error.body.details.expected = expected.iter().copied().map(str::to_owned).collect();
        error.body.details.nearest = nearest(value, expected);
        error
    }

    /// A route has no such parameter.
    pub(crate) fn unknown_parameter(parameter: &str, value: &str, known: &[&str]) -> Self {
        let why = match known {
            [] => "this route has no parameters".to_owned(),
            _ => format!("is no parameter here; there are {}", known.join(", ")),
        };
        let mut error = Self::invalid(parameter, value, why);
        error.body.details.expected = known.iter().copied().map(str::to_owned).collect();
        error.body.details.nearest = nearest(parameter, known);
        error
    }

    /// The body is not what is expected.
    pub(crate) fn invalid_body(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidBody", why)
    }

    /// What is asked for is not there; `known` are names that are.
    pub(crate) fn not_found(what: &str, name: &str, known: &[&str]) -> Self {
        let mut error = Self::new(
            StatusCode::NOT_FOUND,
            "NotFound",
            format!("there is no {what} {}{}", shorten(name), did_you_mean(name, known)),
        );
        error.body.details.nearest = nearest(name, known);
        error
    }

    /// There is no such route.
    pub(crate) fn no_route(path: &str, routes: &[&str]) -> Self {
        let mut error = Self::not_found("route", path, routes);
        error.body.details.routes = routes.iter().copied().map(str::to_owned).collect();
        error
    }

    /// The route does not do that.
    pub(crate) fn method(allow: &'static str) -> Self {
        let mut error =
            Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", format!("this route has {allow}"));
        error.allow = Some(allow);
        error
    }

    /// Only the Unix socket does this.
    pub(crate) fn only_by_socket() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "what changes something is done only through the Unix socket admin.sock in the runtime directory",
        )
    }

    /// The connection is not trusted with this.
    pub(crate) fn insecure() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "connections without TLS from beyond loopback get metrics only (--admin-insecure=all shows everything)",
        )
    }

    /// The request was meant for somebody else.
    pub(crate) fn unknown_host(host: &str) -> Self {
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "UnknownHost",
            format!(
                "the request is for the host {:?}; only localhost and the address that is listened at are answered, so that \
                 no page of somebody else can ask in a browser's name",
                shorten(host)
            ),
        )
    }

    /// The body has too many bytes.
    pub(crate) fn too_large(most: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "TooLarge", format!("a body may have {most} bytes"))
    }

    /// Too many others look at details.
    pub(crate) fn too_many_leases(most: usize, wait: Duration) -> Self {
        let message = format!("{most} others look at details; without detail=true this is answered");
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyLeases", message);
        error.body.details.retry_after_seconds = Some(wait.as_secs_f64());
        error
    }

    /// The data plane does not run yet, or no more.
    pub(crate) fn not_running() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Ending", "the data plane does not run yet, or has ended")
    }

    /// Something of weir's own went wrong.
    pub(crate) fn internal(why: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal", why)
    }

    /// The answer.
    pub(crate) fn reply(self) -> Reply {
        let text = serde_json::to_string_pretty(&self.body).unwrap_or_default() + "\n";
        let mut answer = reply(self.status, JSON, text);
        if let Some(allow) = self.allow {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(seconds) = self.body.details.retry_after_seconds {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.ceil() as u64));
        }
        answer
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(MAX_REPEATED).collect()
}

/// The known name that is nearest to one; `None` if none is near.
fn nearest(name: &str, known: &[&str]) -> Option<String> {
    weir_control::translate::nearest(name, known).map(str::to_owned)
}
