//! What has to be known to reach an API server?

use super::{
    credentials::{Impersonation, Plugin},
    tls::Tls,
};
use http::{HeaderValue, Uri};
use std::path::PathBuf;

/// All that a configuration says about reaching an API server. Nothing is connected yet, and no plugin has run.
pub(super) struct Access {
    /// URL of the API server.
    pub(super) server: Uri,
    pub(super) tls: Tls,
    pub(super) authentication: Authentication,
    pub(super) impersonation: Impersonation,
}

/// Source of the `Authorization` header.
pub(super) enum Authentication {
    /// No header: a client certificate, or nobody.
    None,
    /// One header for all requests.
    Header(HeaderValue),
    /// Token in a file, and the header for as long as the file cannot be read.
    TokenFile { path: PathBuf, otherwise: Option<HeaderValue> },
    /// Program that gives a token or a client certificate.
    Plugin(Plugin),
}
