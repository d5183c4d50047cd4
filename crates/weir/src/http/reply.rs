//! What does an answer consist of?

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS},
};

/// HTTP answer of weir's own servers.
pub(crate) type Reply = Response<Full<Bytes>>;

/// Builds an answer with a body.
pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
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
