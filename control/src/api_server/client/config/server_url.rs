//! Which URL does an operator mean by the text for an API server? The rules of client-go's `DefaultServerURL`: text
//! without a scheme is a host with a port, by `https` if TLS is configured.

use crate::api_server::client::config_error::UrlError;
use http::{Uri, uri::Authority};

/// Longest URL, in bytes: the paths of requests are put behind it, and all of that must be a URL.
const MAX_BYTES: usize = 4096;

/// URL for the text of a kubeconfig or of `--api-server`, without query. `tls` tells whether an authority, a client
/// certificate or `insecure-skip-tls-verify` is configured, which makes text without a scheme mean `https`.
pub(in crate::api_server::client) fn parse(text: &str, tls: bool) -> Result<Uri, UrlError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(UrlError::Empty);
    }
    if text.len() > MAX_BYTES {
        return Err(UrlError::Malformed);
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => (if tls { "https" } else { "http" }.to_owned(), text),
    };
    if !matches!(&*scheme, "http" | "https") {
        return Err(UrlError::Scheme(scheme));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if !text.contains("://") && !matches!(path, "" | "/") {
        return Err(UrlError::Malformed);
    }
    if authority.contains('@') {
        return Err(UrlError::UserInfo);
    }
    let authority = with_valid_port(authority)?;
    let path = if path.is_empty() { "/" } else { path };
    let url = Uri::builder().scheme(&*scheme).authority(authority).path_and_query(path);
    url.build().map_err(|_| UrlError::Malformed)
}

/// Host, with a port if there is one. A port that is none would be ignored by the HTTP client.
fn with_valid_port(text: &str) -> Result<Authority, UrlError> {
    // A colon within the brackets of an IPv6 address separates no port.
    let after_address = text.rfind(']').map_or(0, |end| end + 1);
    let colon = text.get(after_address..).and_then(|rest| rest.find(':')).map(|at| at + after_address);
    let (host, port) = match colon {
        Some(colon) => (text.get(..colon).unwrap_or_default(), text.get(colon + 1..)),
        None => (text, None),
    };
    match port {
        None | Some("") => host.parse().ok().filter(has_host).ok_or(UrlError::Malformed),
        Some(_) if host.is_empty() || host.starts_with('[') != host.ends_with(']') => {
            Err(UrlError::Malformed)
        }
        Some(port) => match port.parse::<u16>() {
            Ok(1..) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok().filter(has_host).ok_or(UrlError::Malformed)
            }
            _ => Err(UrlError::Port),
        },
    }
}

fn has_host(authority: &Authority) -> bool {
    let host = authority.host();
    !host.is_empty() && host != "[]"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str, tls: bool) -> String {
        match parse(text, tls) {
            Ok(url) => url.to_string(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn text_without_a_scheme_is_a_host_with_a_port_as_for_client_go() {
        for (text, without_tls, with_tls) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080/", "https://127.0.0.1:8080/"),
            ("localhost", "http://localhost/", "https://localhost/"),
            ("localhost:8080", "http://localhost:8080/", "https://localhost:8080/"),
            ("[::1]:6443", "http://[::1]:6443/", "https://[::1]:6443/"),
            (" api.example:6443/\n", "http://api.example:6443/", "https://api.example:6443/"),
            ("api.example:", "http://api.example/", "https://api.example/"),
        ] {
            assert_eq!(
                (parsed(text, false), parsed(text, true)),
                (without_tls.into(), with_tls.into()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_url_keeps_its_path_and_loses_what_no_request_can_have() {
        for (text, url) in [
            ("https://api:6443", "https://api:6443/"),
            ("HTTPS://Api", "https://Api/"),
            ("https://api/k8s/clusters/c-1/", "https://api/k8s/clusters/c-1/"),
            ("https://api/path?query=1#part", "https://api/path"),
            ("https://api?query", "https://api/"),
            ("http://[2001:db8::1]:80", "http://[2001:db8::1]:80/"),
            ("https://api:6443\n", "https://api:6443/"),
        ] {
            assert_eq!(parsed(text, false), url, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_with_its_reason() {
        for (text, error) in [
            ("", "Empty"),
            (" \n", "Empty"),
            ("ftp://api", "Scheme(\"ftp\")"),
            ("unix:///run/api.sock", "Scheme(\"unix\")"),
            ("not a url", "Malformed"),
            ("https://", "Malformed"),
            ("https:///path", "Malformed"),
            ("https://:6443", "Malformed"),
            ("https://a b", "Malformed"),
            ("https://ap\u{1}i", "Malformed"),
            ("https://api\n:6443", "Malformed"),
            ("https://[::1", "Malformed"),
            ("https://[]", "Malformed"),
            ("https://api:65536", "Port"),
            ("https://api:0", "Port"),
            ("https://api:http", "Port"),
            ("api:6443/path", "Malformed"),
            ("https://user:secret@api", "UserInfo"),
        ] {
            assert_eq!(parsed(text, false), error, "{text:?}");
        }
        assert_eq!(parsed(&format!("https://api/{}", "a".repeat(MAX_BYTES)), false), "Malformed");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_accepted_takes_every_path_of_a_request(text in ".{0,40}", tls: bool) {
            let with_scheme = format!("https://{text}");
            for text in [&text, &with_scheme] {
                if let Ok(url) = parse(text, tls) {
                    let authority = url.authority().unwrap().clone();
                    let joined = Uri::builder().scheme(url.scheme_str().unwrap()).authority(authority);
                    joined.path_and_query(format!("{}/api", url.path().trim_end_matches('/'))).build().unwrap();
                }
            }
        }
    }
}
