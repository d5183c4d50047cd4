//! How did a client come: by which way, and with which credentials?

use hyper::Request;
use hyper::header::{AUTHORIZATION, HOST};

/// Requests that are remembered, the newest ones.
pub(super) const MAX_SIGHTINGS: usize = 100;

/// What one request shows of its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Path of the request, without query.
    pub path: String,
    /// Value of the header `Host`.
    pub host: String,
    /// Value of the header `Authorization`.
    pub authorization: Option<String>,
    /// Headers that say whom the client acts as, as `name: value`, sorted.
    pub impersonation: Vec<String>,
    /// Whether the request came by TLS.
    pub tls: bool,
    /// Whether the client has shown a certificate.
    pub certificate: bool,
}

impl Sighting {
    pub(super) fn of<B>(request: &Request<B>, tls: bool, certificate: bool) -> Self {
        let text =
            |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = request.headers();
        let acts_as = headers.iter().filter(|(name, _)| name.as_str().starts_with("impersonate-"));
        let mut impersonation: Vec<_> =
            acts_as.map(|(name, value)| format!("{name}: {}", text(value))).collect();
        impersonation.sort_unstable();
        Self {
            path: request.uri().path().to_owned(),
            host: headers.get(HOST).map(text).unwrap_or_default(),
            authorization: headers.get(AUTHORIZATION).map(text),
            impersonation,
            tls,
            certificate,
        }
    }
}
