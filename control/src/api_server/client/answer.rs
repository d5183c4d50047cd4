//! How long may an answer of the API server take, how large may it be, and what does a failure say?

use super::{request::is_watch, watch_history::WatchHistory};
use futures::{StreamExt, stream};
use http::{Request, Response, header};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use kube::{
    client::DynBody,
    core::{Status, response::StatusDetails},
};
use std::{future::Future, io, pin::Pin, sync::Arc, task, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};
use tower::{BoxError, Layer, Service};

/// Largest line of a watch, in bytes: one event. etcd refuses objects of more than 1.5 MiB.
const MAX_LINE_BYTES: usize = 8 << 20;

/// Largest page of a list, in bytes: half a MiB for each of 500 objects.
const MAX_PAGE_BYTES: usize = 256 << 20;

/// Bytes that are read of the body of a failure.
const MAX_REFUSAL_BYTES: usize = 64 << 10;

/// Characters of an answer that no API server gives which are shown.
const MAX_SHOWN_CHARACTERS: usize = 120;

/// Reason in the status of an answer that no API server gives.
pub(in crate::api_server) const FOREIGN: &str = "Foreign";

/// Rate at which a page may arrive however large it is, in bytes a second.
const MIN_BYTES_PER_SECOND: f64 = 16_384.0;

/// Reason why reading an answer is given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    /// An event is too large.
    #[error("an event of more than {} MiB", MAX_LINE_BYTES >> 20)]
    Line,
    /// A page is too large.
    #[error("a page of more than {} MiB", MAX_PAGE_BYTES >> 20)]
    Page,
    /// A page arrives too slowly: bytes received, and in what time.
    #[error("a page so slow that only {0} bytes came in {1:?}")]
    Slow(usize, Duration),
}

/// Limits on every answer of the API server.
#[derive(Clone, Debug)]
pub(super) struct AnswerLimits {
    /// Longest time until an answer begins, and until a small page is complete.
    pub(super) answer_timeout: Duration,
    /// Longest time that a watch may last.
    pub(super) watch_limit: Duration,
    /// Requests and watches so far, which tell whether a list ends.
    pub(super) history: Arc<WatchHistory>,
}

impl<S> Layer<S> for AnswerLimits {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited { inner, limits: self.clone() }
    }
}

/// Client whose answers are subject to [`AnswerLimits`].
pub(super) struct Limited<S> {
    inner: S,
    limits: AnswerLimits,
}

impl<S, B> Service<Request<B>> for Limited<S>
where
    S: Service<Request<B>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> task::Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let AnswerLimits { answer_timeout, watch_limit, history } = self.limits.clone();
        // What is written has a path of its own each time, which is not to be remembered.
        let is_read = request.method() == http::Method::GET;
        if let Some(Err(endless)) = is_read.then(|| history.record_request(request.uri())) {
            return Box::pin(async { Err(endless.into()) });
        }
        let uri = request.uri().clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let begun = Instant::now();
            let silent = |_| io::Error::new(io::ErrorKind::TimedOut, "no answer");
            let answer = timeout(answer_timeout, answer).await.map_err(silent)??;
            if !answer.status().is_success() {
                return Err(refusal(answer, begun + answer_timeout).await.into());
            }
            if is_read {
                history.record_head(uri.path(), head(&answer));
            }
            let progress = match is_watch(&uri) {
                true => {
                    history.record_answer(&uri);
                    BodyProgress::Watch { end: begun + watch_limit, line: 0 }
                }
                false => BodyProgress::Page { begun, answer_timeout, received: 0 },
            };
            Ok(answer.map(|body| progress.bound(if is_read { shown(body, history, uri) } else { body })))
        })
    }
}

/// Status and content type of an answer.
fn head<B>(answer: &Response<B>) -> String {
    let content_type = answer.headers().get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    let content_type = String::from_utf8_lossy(content_type.unwrap_or(b"no content type"));
    format!("{}, {}", answer.status(), content_type.chars().take(80).collect::<String>())
}

/// Body whose beginning is recorded.
fn shown(body: Box<DynBody>, history: Arc<WatchHistory>, uri: http::Uri) -> Box<DynBody> {
    let mut room = true;
    Box::new(body.map_frame(move |frame| {
        if let Some(bytes) = frame.data_ref().filter(|_| room) {
            room = history.record_body(uri.path(), bytes);
        }
        frame
    }))
}

/// Progress of an answer's body, and its limits.
enum BodyProgress {
    Watch { end: Instant, line: usize },
    Page { begun: Instant, answer_timeout: Duration, received: usize },
}

impl BodyProgress {
    fn bound(self, body: Box<DynBody>) -> Box<DynBody> {
        let frames = stream::try_unfold((BodyStream::new(body), self), |(mut frames, mut progress)| async {
            let frame = match timeout_at(progress.deadline(), frames.next()).await {
                Ok(Some(frame)) => frame?,
                Ok(None) => return Ok(None),
                Err(_) => return progress.late().map_err(BoxError::from).map(|()| None),
            };
            if let Some(bytes) = frame.data_ref() {
                progress.count(bytes)?;
            }
            Ok(Some((frame, (frames, progress))))
        });
        Box::new(StreamBody::new(frames.boxed()))
    }

    /// Time until which the next bytes must come.
    fn deadline(&self) -> Instant {
        match self {
            Self::Watch { end, .. } => *end,
            Self::Page { begun, answer_timeout, received } => {
                *begun + *answer_timeout + Duration::from_secs_f64(*received as f64 / MIN_BYTES_PER_SECOND)
            }
        }
    }

    /// Outcome of missing the [deadline](Self::deadline). A watch ends in order, as if the server had ended it,
    /// which it should have.
    fn late(&self) -> Result<(), AnswerError> {
        match self {
            Self::Watch { .. } => Ok(()),
            Self::Page { begun, received, .. } => Err(AnswerError::Slow(*received, begun.elapsed())),
        }
    }

    fn count(&mut self, bytes: &[u8]) -> Result<(), AnswerError> {
        match self {
            Self::Watch { line, .. } => {
                let mut pieces = bytes.split(|&byte| byte == b'\n');
                let first = *line + pieces.next().map_or(0, <[u8]>::len);
                let (longest, last) = pieces
                    .fold((first, first), |(longest, _), piece| (longest.max(piece.len()), piece.len()));
                *line = last;
                if longest > MAX_LINE_BYTES { Err(AnswerError::Line) } else { Ok(()) }
            }
            Self::Page { received, .. } => {
                *received = received.saturating_add(bytes.len());
                if *received > MAX_PAGE_BYTES { Err(AnswerError::Page) } else { Ok(()) }
            }
        }
    }
}

/// Error that an unsuccessful answer stands for: its own Status object, or one made of its head and body.
async fn refusal(answer: Response<Box<DynBody>>, deadline: Instant) -> kube::Error {
    let (head, body) = answer.into_parts();
    let text_of = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let mut status = match text_of(header::LOCATION).filter(|_| head.status.is_redirection()) {
        Some(location) => Status::failure(
            &format!("it sends us on to {location}, where weir does not go with its credentials"),
            "Redirect",
        ),
        None => {
            let body = beginning(body, deadline).await;
            let status = serde_json::from_slice(&body).ok();
            // Any object passes for a Status of which nothing is known.
            let status = status.filter(|status: &Status| status.code != 0 || !status.message.is_empty());
            status.unwrap_or_else(|| foreign(text_of(header::CONTENT_TYPE), &body))
        }
    };
    status.code = head.status.as_u16();
    // HTTP allows a date, too; API servers send seconds.
    if let Some(retry_after) = text_of(header::RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok()) {
        let details = status.details.get_or_insert_with(no_details);
        details.retry_after_seconds = details.retry_after_seconds.max(retry_after);
    }
    kube::Error::Api(status.boxed())
}

/// Status of an answer that no API server gives, which shows what it is.
fn foreign(content_type: Option<&str>, body: &[u8]) -> Status {
    let text = String::from_utf8_lossy(body);
    let message = match content_type {
        Some(content_type) if !content_type.starts_with("text/plain") && !text.trim().is_empty() => {
            let beginning: String = text.trim().chars().take(MAX_SHOWN_CHARACTERS).collect();
            let content_type: String = content_type.chars().take(MAX_SHOWN_CHARACTERS).collect();
            format!("{content_type}: {beginning:?}")
        }
        _ => text.trim().to_owned(),
    };
    Status::failure(&message, FOREIGN)
}

fn no_details() -> StatusDetails {
    let (name, group, kind, uid) = Default::default();
    StatusDetails { name, group, kind, uid, causes: Vec::new(), retry_after_seconds: 0 }
}

/// First bytes of a body that come before the deadline, at most [`MAX_REFUSAL_BYTES`].
async fn beginning(body: Box<DynBody>, deadline: Instant) -> Vec<u8> {
    let (mut frames, mut read) = (BodyStream::new(body), Vec::new());
    while let Ok(Some(Ok(frame))) = timeout_at(deadline, frames.next()).await {
        let bytes = frame.data_ref().map_or(&[][..], |bytes| bytes);
        read.extend_from_slice(&bytes[..bytes.len().min(MAX_REFUSAL_BYTES - read.len())]);
        if read.len() == MAX_REFUSAL_BYTES {
            break;
        }
    }
    read
}

#[cfg(test)]
mod tests;
