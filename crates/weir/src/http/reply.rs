//! What does an answer consist of?

use super::lifetime::Lifetime;
use hyper::{
    Response, StatusCode,
    body::{Body, Bytes, Frame, SizeHint},
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS},
};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::sync::mpsc;

/// HTTP answer of weir's own servers.
pub(crate) type Reply = Response<ReplyBody>;

/// Body of an answer.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    /// All of it; `None` once it is sent.
    Complete(Option<Bytes>),
    /// Parts that come as long as the client reads; each extends the connection's lifetime.
    Parts(mpsc::Receiver<Bytes>, Option<Lifetime>),
}

impl ReplyBody {
    /// Whether the body is known as a whole.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self, Self::Complete(..))
    }

    /// The whole body; `None` if it comes in parts.
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Complete(bytes) => bytes.as_ref(),
            Self::Parts(..) => None,
        }
    }
}

impl<B: Into<Bytes>> From<B> for ReplyBody {
    fn from(body: B) -> Self {
        Self::Complete(Some(body.into()))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Complete(bytes) => {
                let bytes = bytes.take().filter(|bytes| !bytes.is_empty());
                Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Parts(parts, lifetime) => {
                let part = ready!(parts.poll_recv(cx));
                if let Some(lifetime) = lifetime {
                    lifetime.extend();
                }
                Poll::Ready(part.map(|part| Ok(Frame::data(part))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Complete(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Parts(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Complete(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Parts(..) => SizeHint::default(),
        }
    }
}

/// Builds an answer with a body.
pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    with_body(status, content_type, body.into().into())
}

/// Builds an answer of server-sent events, which `parts` gives for as long as the client reads.
pub(crate) fn stream(parts: mpsc::Receiver<Bytes>, lifetime: Option<Lifetime>) -> Reply {
    let mut reply = with_body(StatusCode::OK, "text/event-stream", ReplyBody::Parts(parts, lifetime));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

fn with_body(status: StatusCode, content_type: &'static str, body: ReplyBody) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let headers: [(HeaderName, &'static str); 2] =
        [(CONTENT_TYPE, content_type), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    reply.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    reply
}

/// Content type of JSON.
pub(crate) const JSON: &str = "application/json";

/// Content type of text.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// Builds Go's answer for a path that does not exist.
pub(crate) fn not_found() -> Reply {
    reply(StatusCode::NOT_FOUND, TEXT, "404 page not found\n")
}
