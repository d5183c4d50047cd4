//! How long may an answer of the API server take, how large may it be, and what is one that is no success?

use super::{request::is_watch, watch_history::WatchHistory};
use futures::{StreamExt, stream};
use http::{Request, Response, header};
use http_body_util::{BodyStream, StreamBody};
use kube::{
    client::DynBody,
    core::{Status, response::StatusDetails},
};
use std::{future::Future, io, pin::Pin, sync::Arc, task, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};
use tower::{BoxError, Layer, Service};

/// The longest line of a watch, in bytes: one event. etcd refuses objects of more than 1.5 MiB.
const MAX_LINE_BYTES: usize = 8 << 20;

/// The largest page of a list, in bytes: half a MiB for each of 500 objects.
const MAX_PAGE_BYTES: usize = 256 << 20;

/// How much of a refusal is read, in bytes.
const MAX_REFUSAL_BYTES: usize = 64 << 10;

/// A page may take longer than other answers by as long as it takes at this rate, in bytes a second.
const MIN_BYTES_PER_SECOND: f64 = 16_384.0;

/// Why an answer is given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    /// An event that never ends.
    #[error("an event of more than {} MiB", MAX_LINE_BYTES >> 20)]
    Line,
    /// A page that never ends.
    #[error("a page of more than {} MiB", MAX_PAGE_BYTES >> 20)]
    Page,
    /// Bytes trickle in.
    #[error("a page so slow that only {0} bytes came in {1:?}")]
    Slow(usize, Duration),
}

/// AnswerLimits for every answer.
#[derive(Clone, Debug)]
pub(super) struct AnswerLimits {
    /// How long an answer may take to begin, and a small page to be complete.
    pub(super) answer_timeout: Duration,
    /// How long a watch may go on.
    pub(super) watch_limit: Duration,
    /// What was asked before.
    pub(super) history: Arc<WatchHistory>,
}

impl<S> Layer<S> for AnswerLimits {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited { inner, limits: self.clone() }
    }
}

/// A client with [`AnswerLimits`].
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
        if let Err(endless) = history.record_request(request.uri()) {
            return Box::pin(async { Err(endless.into()) });
        }
        let watched = is_watch(request.uri()).then(|| request.uri().clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let begun = Instant::now();
            let silent = |_| io::Error::new(io::ErrorKind::TimedOut, "no answer");
            let answer = timeout(answer_timeout, answer).await.map_err(silent)??;
            if !answer.status().is_success() {
                return Err(refusal(answer, begun + answer_timeout).await.into());
            }
            let progress = match watched {
                Some(uri) => {
                    history.record_answer(&uri);
                    BodyProgress::Watch { end: begun + watch_limit, line: 0 }
                }
                None => BodyProgress::Page { begun, answer_timeout, received: 0 },
            };
            Ok(answer.map(|body| progress.bound(body)))
        })
    }
}

/// How far an answer is.
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

    /// Until when the next bytes must come.
    fn deadline(&self) -> Instant {
        match self {
            Self::Watch { end, .. } => *end,
            Self::Page { begun, answer_timeout, received } => {
                *begun + *answer_timeout + Duration::from_secs_f64(*received as f64 / MIN_BYTES_PER_SECOND)
            }
        }
    }

    /// What it means that they did not. A watch ends as if the server had ended it, which it should have.
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

/// What an answer says that is no success: its own status object, or what can be made of it.
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
            serde_json::from_slice(&body)
                .unwrap_or_else(|_| Status::failure(String::from_utf8_lossy(&body).trim(), "Unknown"))
        }
    };
    status.code = head.status.as_u16();
    // A date, which HTTP allows too, is none of an API server's.
    if let Some(retry_after) = text_of(header::RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok()) {
        let details = status.details.get_or_insert_with(no_details);
        details.retry_after_seconds = details.retry_after_seconds.max(retry_after);
    }
    kube::Error::Api(status.boxed())
}

fn no_details() -> StatusDetails {
    let (name, group, kind, uid) = Default::default();
    StatusDetails { name, group, kind, uid, causes: Vec::new(), retry_after_seconds: 0 }
}

/// As much of a body as is worth reading and comes in time.
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
