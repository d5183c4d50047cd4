//! How is `/metrics` answered?

use crate::{
    http::{
        Reply, TEXT,
        compress::{Gzip, accepts_gzip},
        reply,
    },
    metrics::Sources,
};
use hyper::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, HeaderValue, VARY},
};

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Renders, and compresses for a client that takes it, on a thread of the blocking pool: with many Services this takes long.
pub(in crate::admin) async fn render(sources: Sources, headers: &HeaderMap) -> Reply {
    let takes_gzip = accepts_gzip(headers);
    let rendering = tokio::task::spawn_blocking(move || {
        if takes_gzip {
            let mut gzip = Gzip::new();
            sources.render(&mut |chunk| gzip.write(chunk));
            return gzip.finish();
        }
        let mut text = String::new();
        sources.render(&mut |chunk| text.push_str(chunk));
        Ok(text.into_bytes())
    });
    let mut reply = match rendering.await {
        Ok(Ok(body)) => reply(StatusCode::OK, PROMETHEUS, body),
        Ok(Err(error)) => return failed(&error),
        Err(error) => return failed(&error),
    };
    if takes_gzip {
        reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        reply.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    reply
}

fn failed(error: &dyn std::error::Error) -> Reply {
    reply(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("cannot render metrics: {error}\n"))
}
