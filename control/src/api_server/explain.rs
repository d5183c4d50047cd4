//! Why did a list or watch fail, in words for an operator, and what may help?

mod tls;

use super::{
    backoff::{REFUSED, UNAVAILABLE},
    client::{AnswerBeginning, FOREIGN, PluginError},
    target::{Requirement, Target},
};
use kube::{core::Status, runtime::watcher};
use std::{error::Error, io, time::Duration};
use weir_core::Backoff;

/// Explanation of a failed list or watch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Kind of failure, which is the label of the metric.
    pub(super) reason: Reason,
    /// Message for the operator, equal for equal causes.
    pub(super) message: String,
    /// HTTP status; `None` when the API server did not answer.
    pub(super) code: Option<u16>,
    /// Time that the API server asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Failure {
    fn new(reason: Reason, message: String) -> Self {
        Self { reason, message, code: None, retry_after: None }
    }

    /// Back-off before the next attempt.
    pub(super) fn backoff(&self) -> Backoff {
        match (self.reason, self.code) {
            (Reason::Unauthorized | Reason::Forbidden | Reason::NotFound, _) => REFUSED,
            (Reason::Refused, Some(code)) if code < 500 => REFUSED,
            _ => UNAVAILABLE,
        }
    }

    /// Whether to repeat the request is of no use, as far as the HTTP status tells.
    ///
    /// 500 counts: a streaming list gets it when the server's storage is too old for it, and so does 501. An
    /// API server that is starting or overloaded says 429, 503 or 504.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.reason, Reason::Refused | Reason::NotFound | Reason::Expired)
            && self.code.is_some_and(|code| (400..=501).contains(&code) && code != 429)
    }
}

/// Kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// 401: the credentials are not accepted.
    Unauthorized,
    /// 403: the request is not allowed.
    Forbidden,
    /// 404: the API server does not offer the kind.
    NotFound,
    /// 410: the resource version is too old. Ordinary; a new list follows.
    Expired,
    /// Any other unsuccessful answer.
    Refused,
    /// No connection to the API server.
    Unreachable,
    /// The certificates do not match.
    Tls,
    /// An established watch broke off, or sent something unintelligible.
    Broken,
    /// The client itself has ended: a new one is needed.
    ClientGone,
}

impl Reason {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Broken | Self::ClientGone => "broken",
        }
    }
}

/// Explains a watcher's error.
pub(super) fn explain(
    error: &watcher::Error,
    target: &Target,
    server: &str,
    answer: &AnswerBeginning,
) -> Failure {
    let (verb, cause): (_, &(dyn Error + 'static)) = match error {
        watcher::Error::InitialListFailed(cause) => ("list", cause),
        watcher::Error::WatchStartFailed(cause) | watcher::Error::WatchFailed(cause) => ("watch", cause),
        watcher::Error::WatchError(status) => ("watch", status),
        watcher::Error::NoResourceVersion => ("watch", error),
    };
    let request = Request { verb, resource: target.kind.resource(), server, requirement: target.requirement };
    match error {
        watcher::Error::InitialListFailed(kube::Error::SerdeError(_)) => request.unintelligible(answer),
        watcher::Error::WatchFailed(kube::Error::SerdeError(_)) if !answer.is_event() => {
            request.unintelligible(answer)
        }
        watcher::Error::WatchError(status) => request.answered(status, answer),
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => request.answered(status, answer),
        watcher::Error::WatchFailed(_) => request.broken_off(cause),
        _ => request.not_answered(cause),
    }
}

/// Request that failed.
struct Request<'a> {
    verb: &'a str,
    resource: &'a str,
    server: &'a str,
    requirement: Requirement,
}

impl Request<'_> {
    fn answered(&self, status: &Status, answer: &AnswerBeginning) -> Failure {
        let Self { verb, resource, server, .. } = self;
        let code = status.code;
        let detail = one_line(&status.message);
        // What is no event may pass for a Status of which nothing is known.
        if code == 0 && detail.is_empty() && !answer.is_event() {
            return self.unintelligible(answer);
        }
        // An API server answers with a Status; what else answers is shown.
        let foreign = |separator: &str| match status.reason == FOREIGN && !detail.is_empty() {
            true => format!("{separator}{detail}"),
            false => String::new(),
        };
        let (reason, message) = match code {
            401 => (
                Reason::Unauthorized,
                format!(
                    "the API server at {server} does not accept our credentials (401 Unauthorized on {verb} \
                     {resource}{}): the token or certificate is wrong or has expired; log in again or renew it",
                    foreign("; ")
                ),
            ),
            403 => (
                Reason::Forbidden,
                format!(
                    "not allowed to {verb} {resource} at the API server {server} (403 Forbidden: {detail}); apply \
                     weir's ClusterRole, examples/deploy/base/rbac.yaml{}",
                    self.effect()
                ),
            ),
            404 => (
                Reason::NotFound,
                format!(
                    "the API server at {server} does not offer {resource} (404{}){}",
                    foreign(": "),
                    self.effect()
                ),
            ),
            410 => (Reason::Expired, format!("the watch of {resource} was away for too long; listing again")),
            _ => (
                Reason::Refused,
                format!("the API server at {server} refuses to {verb} {resource} ({code}: {detail})"),
            ),
        };
        let retry_after = status.details.as_ref().map(|details| u64::from(details.retry_after_seconds));
        let retry_after = retry_after.filter(|&seconds| seconds > 0).map(Duration::from_secs);
        Failure { reason, message, code: Some(code), retry_after }
    }

    fn effect(&self) -> String {
        match self.requirement {
            Requirement::Required => String::new(),
            Requirement::Recommended(effect) | Requirement::Optional(effect) => format!("; {effect}"),
        }
    }

    fn unintelligible(&self, answer: &AnswerBeginning) -> Failure {
        let Self { verb, resource, server, .. } = self;
        let failed = match *verb {
            "watch" => format!("the watch of {resource} at {server} broke off"),
            _ => format!("cannot {verb} {resource} at {server}"),
        };
        let message = format!(
            "{failed}: no usable answer ({answer}); is that the API server, or a proxy or login page in front of it?"
        );
        Failure::new(Reason::Broken, message)
    }

    fn not_answered(&self, cause: &(dyn Error + 'static)) -> Failure {
        let Self { verb, resource, server, .. } = self;
        let chain = chain(cause);
        if let Some(error) = find::<rustls::Error>(&chain) {
            let message =
                format!("no trusted connection to the API server at {server}: {}", tls::words(error));
            return Failure::new(Reason::Tls, message);
        }
        if let Some(error) = find::<PluginError>(&chain) {
            return Failure::new(
                Reason::Unauthorized,
                format!("no credentials for the API server at {server}: {error}"),
            );
        }
        if find::<tower::buffer::error::Closed>(&chain).is_some() {
            let message =
                format!("the client of the API server at {server} has ended unexpectedly; making a new one");
            return Failure::new(Reason::ClientGone, message);
        }
        let io = find::<io::Error>(&chain).map(io::Error::kind);
        let words = chain.iter().map(ToString::to_string).collect::<Vec<_>>();
        let why = match io {
            Some(io::ErrorKind::ConnectionRefused) => "connection refused; is the API server running there?",
            Some(io::ErrorKind::TimedOut) => "no answer; is the address right, and the way there open?",
            _ if words.iter().any(|text| text.contains("dns error")) => {
                "its name cannot be resolved; name an address with --api-server, or check DNS"
            }
            _ => {
                let last = one_line(words.last().map_or("", String::as_str));
                let message = format!("cannot {verb} {resource} at the API server {server}: {last}");
                return Failure::new(Reason::Unreachable, message);
            }
        };
        let message = format!("cannot reach the API server at {server}: {why}");
        Failure::new(Reason::Unreachable, message)
    }

    fn broken_off(&self, cause: &(dyn Error + 'static)) -> Failure {
        let last = one_line(&chain(cause).last().map(ToString::to_string).unwrap_or_default());
        let message = format!("the watch of {} at {} broke off: {last}", self.resource, self.server);
        Failure::new(Reason::Broken, message)
    }
}

/// Text of a server, fit for one line of a log: short, without control characters.
fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(300).collect()
}

/// An error and its causes. The standard library does not count what an I/O error wraps as a cause.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut chain = vec![error];
    let mut next = Some(error);
    while let Some(error) = next {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
        chain.extend(next);
    }
    chain
}

fn find<'a, T: Error + 'static>(chain: &[&'a (dyn Error + 'static)]) -> Option<&'a T> {
    chain.iter().rev().find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests;
