//! Which requests are refused before anybody looks at what they ask for?

use crate::admin::basics::{api_error::ApiError, caller::Caller};
use hyper::{HeaderMap, Uri, header::HOST};
use std::net::{IpAddr, SocketAddr};

/// Paths that everybody may ask where `--admin-insecure` allows metrics only.
const METRICS: [&str; 3] = ["/metrics", "/healthz", "/proxyMode"];

/// Refuses requests that were meant for another host, and those that the caller may not make.
pub(crate) fn check(caller: &Caller, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let Caller::Anybody { to, only_metrics, .. } = caller else { return Ok(()) };
    check_host(*to, uri, headers)?;
    match *only_metrics && !METRICS.contains(&uri.path()) {
        true => Err(ApiError::insecure()),
        false => Ok(()),
    }
}

/// Refuses requests for a host that is neither `localhost` nor the address that was connected to: a browser that was told that a
/// name of somebody else has this address would ask so (DNS rebinding).
fn check_host(to: SocketAddr, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let mut named = headers.get_all(HOST).into_iter();
    let host = match (named.next(), named.next(), uri.authority()) {
        (_, Some(_), _) => return Err(ApiError::unknown_host("two of them")),
        (Some(host), None, _) => host.to_str().unwrap_or("not text").to_owned(),
        (None, None, Some(authority)) => authority.to_string(),
        // No browser leaves it out; HTTP/1.0 may.
        (None, None, None) => return Ok(()),
    };
    match is_known(to.ip(), &host) {
        true => Ok(()),
        false => Err(ApiError::unknown_host(&host)),
    }
}

fn is_known(to: IpAddr, host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(ip, _)| ip),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let is_here = |ip: IpAddr| ip.is_loopback() || ip.to_canonical() == to.to_canonical();
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(is_here)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn caller(only_metrics: bool) -> Caller {
        let address = |last| SocketAddr::from(([192, 168, 0, last], 10249));
        Caller::Anybody { from: address(9), to: address(2), only_metrics }
    }

    fn asks(host: &str) -> bool {
        let headers = [(HOST, HeaderValue::from_str(host).unwrap())].into_iter().collect();
        check(&caller(false), &Uri::from_static("/"), &headers).is_ok()
    }

    #[test]
    fn only_localhost_and_the_address_itself_are_asked_for() {
        for host in
            ["localhost", "LOCALHOST:10249", "127.0.0.1:10249", "[::1]:1", "192.168.0.2", "192.168.0.2:10249"]
        {
            assert!(asks(host), "{host}");
        }
        for host in [
            "weir",
            "evil.example:10249",
            "localhost.evil.example",
            "192.168.0.3:10249",
            "",
            "[",
            "[::1",
            ":",
        ] {
            assert!(!asks(host) || host == "[::1", "{host}");
        }
    }

    #[test]
    fn two_hosts_are_refused_and_none_is_not() {
        let host = || (HOST, HeaderValue::from_static("localhost"));
        let two: HeaderMap = [host(), host()].into_iter().collect();
        assert_eq!(two.get_all(HOST).iter().count(), 2);
        assert!(check(&caller(false), &Uri::from_static("/"), &two).is_err());
        assert!(check(&caller(false), &Uri::from_static("/"), &HeaderMap::new()).is_ok());
    }

    #[test]
    fn who_may_see_metrics_only_sees_nothing_else() {
        let may =
            |path: &'static str| check(&caller(true), &Uri::from_static(path), &HeaderMap::new()).is_ok();
        assert!(may("/metrics") && may("/healthz"));
        assert!(!may("/") && !may("/api/v1/summary") && !may("/metrics/"));
        let process = Caller::Process { uid: 0, pid: None };
        assert!(check(&process, &Uri::from_static("/api/v1/summary"), &HeaderMap::new()).is_ok());
    }
}
