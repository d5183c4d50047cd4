//! Does what was named exist? An empty list of a misspelt name would say that all is quiet.

use super::list::list;
use crate::{
    cli::ServiceName,
    client::{Client, Query},
    commands::names::UnknownName,
    output::part::Part,
};
use serde_json::Value;
use std::{collections::BTreeSet, num::NonZeroUsize};
use weir_core::Printable;

/// Names that are looked at to find the nearest, at most.
const MAX_NAMES: NonZeroUsize = NonZeroUsize::new(20_000).expect("is not 0");

/// Refuses a namespace or a Service that the weir does not know.
pub(super) async fn check_service(
    client: &Client,
    namespace: Option<&str>,
    service: Option<&ServiceName>,
) -> anyhow::Result<()> {
    if namespace.is_none() && service.is_none() {
        return Ok(());
    }
    let services = list(client, &Query::of("services"), Some(MAX_NAMES)).await?;
    check_names(&services, namespace, service)?;
    Ok(())
}

fn check_names(
    services: &Value,
    namespace: Option<&str>,
    service: Option<&ServiceName>,
) -> Result<(), UnknownName> {
    let mut ports: Vec<Part<'_>> = Part::of(services).items("items").collect();
    let names = |key: &str, ports: &[Part<'_>]| -> Vec<String> {
        let names: BTreeSet<&str> = ports.iter().filter_map(|port| port.text(key)).collect();
        names.into_iter().map(str::to_owned).collect()
    };
    for (key, wanted, what) in [
        ("namespace", namespace, "no Service is in the namespace"),
        ("service", service.map(|service| &*service.name), "there is no Service"),
        ("port", service.and_then(|service| service.port.as_deref()), "the Service has no port"),
    ] {
        let Some(wanted) = wanted else { continue };
        let is_wanted = |port: &Part<'_>| {
            port.text(key) == Some(wanted)
                || (key == "port"
                    && port.count("portNumber").is_some_and(|number| number.to_string() == wanted))
        };
        let found: Vec<Part<'_>> = ports.iter().copied().filter(is_wanted).collect();
        if found.is_empty() {
            let known = names(key, &ports);
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let place =
                namespace.filter(|_| key == "service").map(|place| format!(" in the namespace {place:?}"));
            return Err(UnknownName::new(
                format_args!("{what} {wanted:?}{}", place.unwrap_or_default()),
                wanted,
                &known,
            ));
        }
        ports = found;
    }
    Ok(())
}

/// Notes that no Service has the labels that are asked for. That is no error: the Services may come.
pub(super) async fn note_selector(client: &Client, selector: Option<&str>) -> anyhow::Result<()> {
    let Some(selector) = selector else { return Ok(()) };
    let query = Query::of("services").with("labelSelector", selector);
    let chosen = list(client, &query, Some(NonZeroUsize::MIN)).await?;
    if Part::of(&chosen).items("items").len() == 0 {
        eprintln!("note: weir serves no Service with the labels {}", Printable(selector));
    }
    Ok(())
}

/// Refuses an endpoint or a node that no endpoint of the weir has.
pub(super) async fn check_endpoint(
    client: &Client,
    endpoint: Option<&str>,
    node: Option<&str>,
) -> anyhow::Result<()> {
    if endpoint.is_none() && node.is_none() {
        return Ok(());
    }
    let endpoints = list(client, &Query::of("endpoints"), Some(MAX_NAMES)).await?;
    let known = |key: &str| -> Vec<String> {
        let names: BTreeSet<&str> =
            Part::of(&endpoints).items("items").filter_map(|item| item.text(key)).collect();
        names.into_iter().map(str::to_owned).collect()
    };
    let is_at = |address: &str, wanted: &str| {
        address == wanted
            || address.rsplit_once(':').is_some_and(|(ip, _)| ip.trim_matches(['[', ']']) == wanted)
    };
    if let Some(wanted) = endpoint {
        let known = known("endpoint");
        if !known.iter().any(|address| is_at(address, wanted)) {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            return Err(UnknownName::new(
                format_args!("no Service has the endpoint {wanted}"),
                wanted,
                &known,
            )
            .into());
        }
    }
    if let Some(wanted) = node {
        let known = known("node");
        if !known.iter().any(|node| node == wanted) {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            return Err(UnknownName::new(
                format_args!("no endpoint is on a node {wanted:?}"),
                wanted,
                &known,
            )
            .into());
        }
    }
    Ok(())
}

/// Namespace of a Service that was named without one.
pub(super) async fn namespace_of(client: &Client, service: &ServiceName) -> anyhow::Result<String> {
    if let Some(namespace) = &service.namespace {
        return Ok(namespace.clone());
    }
    let found = list(client, &Query::of("services").with("service", &service.name), Some(MAX_NAMES)).await?;
    let namespaces: BTreeSet<&str> =
        Part::of(&found).items("items").filter_map(|port| port.text("namespace")).collect();
    let mut namespaces = namespaces.into_iter();
    match (namespaces.next(), namespaces.next()) {
        (Some(only), None) => Ok(only.to_owned()),
        (None, _) => {
            check_service(client, None, Some(service)).await?;
            anyhow::bail!("the Service {:?} has no ports", service.name)
        }
        (Some(first), Some(second)) => {
            let others: Vec<&str> = [first, second].into_iter().chain(namespaces).collect();
            let what =
                format_args!("several namespaces have a Service {:?}: say which, with -n", service.name);
            Err(UnknownName::new(what, "", &others).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(namespace: Option<&str>, service: Option<(&str, Option<&str>)>) -> String {
        let port = |namespace: &str, service: &str, port: &str, number: u16| json!({"namespace": namespace, "service": service, "port": port, "portNumber": number});
        let services =
            json!({"items": [port("default", "web", "http", 80), port("shop", "checkout", "grpc", 9000), 7]});
        let service = service.map(|(name, port)| ServiceName {
            namespace: None,
            name: name.to_owned(),
            port: port.map(str::to_owned),
        });
        let checked = check_names(&services, namespace, service.as_ref());
        checked.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_not_there_is_said_with_the_nearest_in_its_place() {
        assert_eq!(said(Some("shop"), Some(("checkout", Some("9000")))), "");
        assert!(said(Some("shpo"), None).contains("did you mean \"shop\"?"));
        assert!(said(None, Some(("chekout", None))).contains("did you mean \"checkout\"?"));
        let elsewhere = said(Some("default"), Some(("checkout", None)));
        assert!(elsewhere.contains("in the namespace \"default\" (there are web)"), "{elsewhere}");
        assert!(said(None, Some(("web", Some("htpp")))).contains("did you mean \"http\"?"));
    }
}
