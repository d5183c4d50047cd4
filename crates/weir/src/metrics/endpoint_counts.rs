//! How many endpoints can new flows of each Service port get? Shown at each scrape from what is served.
//!
//! A gauge for each port would take more memory than anything else of a Service that nobody uses.

use super::{families::ENDPOINTS, labels, selection::Selection, text::Text};
use weir_core::{PortKey, ServicePort, Snapshot};

/// Writes the counts of a Snapshot.
pub(super) fn write(text: &mut Text<'_>, served: &Snapshot, selection: &Selection<'_>) {
    let mut out = text.family(&ENDPOINTS);
    let chosen = served.services().filter(|service| selection.matches(&service.key));
    for port in chosen.flat_map(|service| &service.ports) {
        for (traffic, endpoints) in [("cluster", &port.cluster), ("local", &port.local)] {
            if let Some(endpoints) = endpoints {
                out.value(&labels_of(port, traffic), endpoints.len());
            }
        }
    }
}

fn labels_of(port: &ServicePort, traffic: &str) -> String {
    let PortKey { service, name, protocol } = &port.key;
    let name = if name.is_empty() { port.port.to_string() } else { labels::value(name) };
    let [namespace, service] = [&service.namespace, &service.name].map(|name| labels::value(name));
    format!(
        "namespace=\"{namespace}\",service=\"{service}\",port=\"{name}\",protocol=\"{protocol}\",\
         family=\"{}\",traffic=\"{traffic}\"",
        port.family.as_str()
    )
}

#[cfg(test)]
mod tests {
    use super::{super::selection::SeriesLimits, *};
    use std::sync::Arc;
    use weir_core::{PortSpec, Protocol, Service, ServiceKey, resolve_static};

    #[test]
    fn each_port_has_a_line_and_a_name_cannot_break_out_of_its_label() {
        let port = |name: &str, number: u16| PortSpec {
            name: name.into(),
            protocol: Protocol::Tcp,
            port: number.try_into().unwrap(),
            node_port: None,
        };
        let key = ServiceKey::new("default", "a\"b");
        let service = Service::new(key, [10, 0, 0, 1].into(), vec![port("", 80), port("https", 443)]);
        let endpoints = ["10.1.0.1:8080".parse().unwrap(), "10.1.0.2:8080".parse().unwrap()];
        let mut snapshot = Snapshot::default();
        snapshot.insert(Arc::new(resolve_static(&service, &endpoints)));
        let of = |port| {
            format!(
                "\nweir_endpoints{{namespace=\"default\",service=\"a\\\"b\",port=\"{port}\",protocol=\"TCP\",family=\"IPv4\",traffic=\"cluster\"}} 2\n"
            )
        };
        let (limits, mut text) =
            (SeriesLimits { pattern: None, max_services: 1, endpoints: false }, String::new());
        let selection = Selection::new(&limits, &[], &snapshot);
        write(&mut Text::new(&mut |chunk| text.push_str(chunk)), &snapshot, &selection);
        assert!(text.contains(&of("80")) && text.contains(&of("https")), "{text}");
        assert!(
            text.starts_with("# HELP weir_endpoints ") && text.contains("\n# TYPE weir_endpoints gauge\n")
        );
    }
}
