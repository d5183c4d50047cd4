//! What does a filter ask the server for?

use super::kind::Kind;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Parameters of a filter that a user wrote. `name=value` is a parameter of the admin API; what other words mean hangs on the
/// list. Of two values for a parameter the later one counts.
pub(super) fn parameters(kind: Kind, text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: &str| {
        found.retain(|(known, _)| known != name);
        found.push((name.to_owned(), value.to_owned()));
    };
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        match word.split_once('=') {
            Some((name, value))
                if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic()) =>
            {
                set(name, value);
            }
            _ => words.push(word),
        }
    }
    match kind {
        Kind::Services | Kind::Endpoints if !words.is_empty() => set("filter", &words.join(" ")),
        Kind::Live | Kind::Closed | Kind::Flows => words.iter().for_each(|word| connection(word, &mut set)),
        // The few that there are, are looked through here.
        Kind::Services | Kind::Endpoints | Kind::Events => {}
    }
    found
}

/// A client's address or network, an endpoint with its port, or a Service.
fn connection(word: &str, set: &mut impl FnMut(&str, &str)) {
    if word.parse::<IpAddr>().is_ok() || word.parse::<IpNet>().is_ok() {
        return set("client", word);
    }
    if word.parse::<SocketAddr>().is_ok() {
        return set("endpoint", word);
    }
    let word = word.trim_start_matches("svc/");
    let (namespace, service) =
        word.split_once('/').map_or((None, word), |(namespace, rest)| (Some(namespace), rest));
    let (service, port) =
        service.split_once(':').map_or((service, None), |(service, port)| (service, Some(port)));
    let port = port.map(|port| port.split('/').next().unwrap_or(port));
    for (name, value) in [("namespace", namespace), ("service", Some(service)), ("port", port)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            set(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: Kind, text: &str) -> String {
        let pairs = parameters(kind, text);
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    #[test]
    fn words_are_a_part_of_the_name_and_parameters_are_passed_on() {
        assert_eq!(said(Kind::Services, "  web state=ejected http "), "state=ejected&filter=web http");
        assert_eq!(said(Kind::Endpoints, "state=ready state=down"), "state=down");
        assert_eq!(said(Kind::Services, "a=b=c =x"), "a=b=c&filter==x");
        assert_eq!(said(Kind::Services, ""), "");
    }

    #[test]
    fn connections_are_found_by_client_endpoint_or_service() {
        assert_eq!(said(Kind::Live, "10.0.0.0/24 older=10m"), "older=10m&client=10.0.0.0/24");
        assert_eq!(said(Kind::Closed, "fd00::1"), "client=fd00::1");
        assert_eq!(
            said(Kind::Live, "10.0.0.1:80 shop/web:http"),
            "endpoint=10.0.0.1:80&namespace=shop&service=web&port=http"
        );
        assert_eq!(said(Kind::Flows, "svc/dns"), "service=dns");
        assert_eq!(said(Kind::Live, "default/web:http/TCP"), "namespace=default&service=web&port=http");
    }
}
