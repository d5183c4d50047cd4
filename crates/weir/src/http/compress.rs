//! Is an answer sent compressed? Where the client understands gzip and the answer is long.

use super::reply::Reply;
use flate2::{Compression, write::GzEncoder};
use hyper::{
    HeaderMap, Response,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, VARY},
};
use std::io::Write;

/// Bytes from which on compressing is worth the time.
const MIN_BYTES: usize = 1024;

/// Level of compression: the quickest. Numbers and names that repeat shrink to a tenth all the same.
const LEVEL: Compression = Compression::fast();

/// Compresses an answer that is complete, if the client's headers allow it.
pub(crate) fn gzip(headers: &HeaderMap, reply: Reply) -> Reply {
    let (mut parts, body) = reply.into_parts();
    if !body.is_complete() {
        return Response::from_parts(parts, body);
    }
    parts.headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    let bytes = body.bytes().filter(|bytes| bytes.len() >= MIN_BYTES && accepts_gzip(headers));
    let Some(compressed) = bytes.and_then(|bytes| compress(bytes)) else {
        return Response::from_parts(parts, body);
    };
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, compressed.into())
}

/// Text in gzip's format; `None` only if memory cannot be written to.
fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 8), LEVEL);
    encoder.write_all(bytes).and_then(|()| encoder.finish()).ok()
}

/// Whether the client accepts gzip (RFC 9110, 12.5.3): named, or by `*`, and not with the quality 0.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    let mut accepted = None;
    for coding in values.flat_map(|value| value.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let is_refused = parts.any(|part| {
            part.strip_prefix("q=")
                .is_some_and(|quality| quality.parse::<f32>().is_ok_and(|quality| quality == 0.0))
        });
        match name {
            _ if name.eq_ignore_ascii_case("gzip") => return !is_refused,
            "*" => accepted = Some(!is_refused),
            _ => {}
        }
    }
    accepted.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::reply::{JSON, reply};
    use flate2::read::GzDecoder;
    use hyper::StatusCode;
    use std::io::Read;

    fn headers(accepted: &str) -> HeaderMap {
        [(ACCEPT_ENCODING, HeaderValue::from_str(accepted).unwrap())].into_iter().collect()
    }

    #[test]
    fn a_long_answer_is_compressed_for_those_who_understand_it_and_reads_back() {
        let text = "weir_connections_active{service=\"web\"} 1\n".repeat(1000);
        let compressed = gzip(&headers("br, gzip;q=0.5"), reply(StatusCode::OK, JSON, text.clone()));
        assert_eq!(compressed.headers()[CONTENT_ENCODING], "gzip");
        let bytes = compressed.body().bytes().unwrap().to_vec();
        assert!(bytes.len() < text.len() / 10, "{}", bytes.len());
        let mut read = String::new();
        GzDecoder::new(&*bytes).read_to_string(&mut read).unwrap();
        assert_eq!(read, text);
    }

    #[test]
    fn a_short_answer_and_a_client_that_does_not_ask_get_it_as_it_is() {
        let plain = |accepted: &str, bytes: usize| {
            let reply = gzip(&headers(accepted), reply(StatusCode::OK, JSON, "x".repeat(bytes)));
            assert_eq!(reply.headers()[VARY], "accept-encoding");
            !reply.headers().contains_key(CONTENT_ENCODING)
        };
        assert!(plain("gzip", MIN_BYTES - 1));
        for accepted in ["", "identity", "gzip;q=0", "*;q=0", "gzipped", "br;q=1, gzip;q=0.000"] {
            assert!(plain(accepted, MIN_BYTES), "{accepted}");
        }
        for accepted in ["gzip", "GZIP", "*", "*;q=0, gzip"] {
            assert!(!plain(accepted, MIN_BYTES), "{accepted}");
        }
    }
}
