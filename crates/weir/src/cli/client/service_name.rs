//! How is a Service named on the command line? As kubectl does, or as weir's log does.

use crate::cli::values::usage;
use clap::Error;

/// Words in front of a name that say that it is a Service's.
const KINDS: [&str; 3] = ["svc", "service", "services"];

/// Name of a Service as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceName {
    /// Namespace; `None` for that of `--namespace`, or any.
    pub(crate) namespace: Option<String>,
    /// Name of the Service.
    pub(crate) name: String,
    /// Name or number of a port; `None` for all ports.
    pub(crate) port: Option<String>,
}

/// A Service, if one was given, and the namespace that is asked for: the Service's own, else that of `--namespace`.
pub(in crate::cli) fn selected(
    service: Option<ServiceName>,
    namespace: Option<String>,
) -> Result<(Option<ServiceName>, Option<String>), Error> {
    let service = service.map(|name| name.within(namespace.as_deref())).transpose()?;
    let own = service.as_ref().and_then(|service| service.namespace.clone());
    Ok((service, own.or(namespace)))
}

impl ServiceName {
    /// The Service in the namespace of `--namespace`, if that was given.
    pub(in crate::cli) fn within(self, namespace: Option<&str>) -> Result<Self, Error> {
        match (&self.namespace, namespace) {
            (Some(own), Some(given)) if own != given => Err(usage(format_args!(
                "{own}/{} is in the namespace {own:?}, and --namespace says {given:?}",
                self.name
            ))),
            (Some(_), _) | (None, None) => Ok(self),
            (None, Some(given)) => Ok(Self { namespace: Some(given.to_owned()), ..self }),
        }
    }
}

/// Parses `svc/NAME`, `NAMESPACE/NAME` or `svc/NAMESPACE/NAME`, each perhaps with `:PORT`.
pub(in crate::cli) fn service_name(text: &str) -> Result<ServiceName, String> {
    const FORM: &str =
        "must be svc/NAME or NAMESPACE/NAME, perhaps with :PORT, as in svc/web or shop/web:http";
    let (service, port) = match text.trim().split_once(':') {
        Some((service, port)) => (service, Some(port)),
        None => (text.trim(), None),
    };
    let parts: Vec<&str> = service.split('/').collect();
    let (namespace, name) = match *parts {
        [kind, name] if KINDS.contains(&kind) => (None, name),
        [namespace, name] => (Some(namespace), name),
        [kind, namespace, name] if KINDS.contains(&kind) => (Some(namespace), name),
        [name] if is_name(name) => return Err(format!("{FORM}; did you mean svc/{name}?")),
        _ => return Err(FORM.to_owned()),
    };
    if ![namespace.unwrap_or("a"), name, port.unwrap_or("a")].into_iter().all(is_name) {
        return Err(FORM.to_owned());
    }
    Ok(ServiceName {
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        port: port.map(str::to_owned),
    })
}

/// Whether a text may be a name in Kubernetes; which ones there are, weir knows.
fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    (1..=253).contains(&text.len()) && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_as_by_kubectl_or_as_in_the_log() {
        for (text, namespace, name, port) in [
            ("svc/web", None, "web", None),
            ("service/web:http", None, "web", Some("http")),
            (" shop/web:80 ", Some("shop"), "web", Some("80")),
            ("services/shop/web", Some("shop"), "web", None),
        ] {
            let expected = ServiceName {
                namespace: namespace.map(str::to_owned),
                name: name.to_owned(),
                port: port.map(str::to_owned),
            };
            assert_eq!(service_name(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_names_no_service_is_refused_with_how_to_write_one() {
        for text in ["", "svc/", "/web", "svc/web:", "a/b/c", "svc/a b", "svc/web:http:80", "svc/\u{1b}[2J"] {
            assert!(service_name(text).unwrap_err().contains("svc/NAME"), "{text:?}");
        }
        assert!(service_name("web").unwrap_err().contains("did you mean svc/web?"));
    }

    #[test]
    fn the_namespace_of_the_flag_is_that_of_a_name_without_one() {
        let of = |text: &str, flag| service_name(text).unwrap().within(flag).map(|name| name.namespace);
        assert_eq!(of("svc/web", Some("shop")).unwrap().as_deref(), Some("shop"));
        assert_eq!(of("shop/web", Some("shop")).unwrap().as_deref(), Some("shop"));
        assert_eq!(of("svc/web", None).unwrap(), None);
        assert!(of("shop/web", Some("default")).unwrap_err().to_string().contains("--namespace"));
    }
}
